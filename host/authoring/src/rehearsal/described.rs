//! Reads descriptions of sources and jobs in scenarios. Omitted fields get usual values.

use contract::json::{JsonError, from_value};
use contract::v0_1::types::{Job, MediaInfo};
use media::info::Ratio;
use serde::de::Error as _;
use serde_json::{Value, json};

/// Reads the description of a source. An empty one means a minute of 1080p with stereo sound.
///
/// Besides the contract's form, a frame rate may be a number or a string (`29.97`, `"30000/1001"`), and `audio: true`
/// means stereo AAC.
pub fn described_media(mut media: Value) -> Result<MediaInfo, JsonError> {
    if media.is_null() {
        media = json!({ "video": { "width": 1920, "height": 1080 }, "audio": true });
    }
    if let Some(audio) = media.get_mut("audio").filter(|audio| audio.is_boolean()) {
        *audio = if *audio == true { json!({}) } else { Value::Null };
    }
    let file = json!({ "container": "mov,mp4,m4a,3gp,3g2,mj2", "duration-ms": 60_000, "size-bytes": 50_000_000 });
    let video =
        json!({ "codec": "h264", "frame-rate": 30, "bit-depth": 8, "dynamic-range": "sdr", "interlaced": false });
    let audio = json!({ "codec": "aac", "channels": 2, "sample-rate": 48_000 });
    for (part, defaults) in [("", file), ("/video", video), ("/audio", audio)] {
        if let Some(part) = media.pointer_mut(part) {
            add_defaults(part, defaults);
        }
    }
    if let Some(rate) = media.pointer_mut("/video/frame-rate") {
        *rate = frame_rate(rate).map_err(|error| error.below("media.video.frame-rate"))?;
    }
    from_value("media", media)
}

/// Reads the description of a job on `media`.
pub fn described_job(mut job: Value, media: Option<&MediaInfo>) -> Result<Job, JsonError> {
    if job.is_null() {
        job = json!({});
    }
    let kind = if media.is_some_and(|media| media.video.is_none()) { "audio" } else { "video" };
    add_defaults(&mut job, json!({ "id": "job-1", "media-id": "media-1", "creator-id": "creator-1", "kind": kind }));
    let text = |name: &str| job.get(name).and_then(Value::as_str).unwrap_or_default();
    let key = format!("{}/originals/{}/input", text("creator-id"), text("media-id"));
    add_defaults(&mut job, json!({ "source": { "store": storage::ORIGINALS, "key": key } }));
    from_value("job", job)
}

/// Adds the fields that an object lacks.
fn add_defaults(value: &mut Value, defaults: Value) {
    if let (Value::Object(fields), Value::Object(defaults)) = (value, defaults) {
        for (name, value) in defaults {
            fields.entry(name).or_insert(value);
        }
    }
}

fn frame_rate(written: &Value) -> Result<Value, JsonError> {
    let ratio = match written {
        Value::Object(_) => return Ok(written.clone()),
        Value::String(text) => Ratio::parse(text).or_else(|| by_number(text.parse().ok()?)),
        Value::Number(number) => number.as_f64().and_then(by_number),
        _ => None,
    };
    let expected = "write 30, 29.97, \"30000/1001\", or numerator and denominator";
    let ratio = ratio.ok_or_else(|| JsonError::custom(format!("{written} is not a frame rate; {expected}")))?;
    Ok(json!({ "numerator": ratio.numerator, "denominator": ratio.denominator }))
}

fn by_number(rate: f64) -> Option<Ratio> {
    if !(rate > 0.0 && rate <= 1000.0) {
        return None;
    }
    // 23.976, 29.97 and 59.94 are NTSC rates: an integer divided by 1.001.
    let whole = (rate * 1.001).round();
    if rate.fract() != 0.0 && (rate * 1.001 - whole).abs() < 0.005 {
        return Ratio::new(whole as u64 * 1000, 1001);
    }
    Ratio::new((rate * 1000.0).round() as u64, 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn omitted_fields_have_usual_values() {
        let media = described_media(Value::Null).unwrap();
        assert_eq!(media.video.map(|video| (video.width, video.height)), Some((1920, 1080)));
        let media = described_media(json!({ "audio": true })).unwrap();
        assert!(media.video.is_none() && media.audio.is_some_and(|audio| audio.channels == 2));
        let silent = described_media(json!({ "video": { "width": 320, "height": 180 }, "audio": false })).unwrap();
        assert!(silent.audio.is_none());
        let job = described_job(json!({ "creator-id": "c" }), Some(&silent)).unwrap();
        assert_eq!(job.source.key, "c/originals/media-1/input");
        let error = described_media(json!({ "video": { "width": 320, "hight": 180 } })).unwrap_err();
        assert_eq!(error.path(), "media.video.hight");
    }

    #[test]
    fn frame_rates_can_be_numbers_decimals_and_fractions() {
        for (written, expected) in [
            (json!(25), (25, 1)),
            (json!(29.97), (30_000, 1001)),
            (json!(23.976), (24_000, 1001)),
            (json!(12.5), (25, 2)),
            (json!("60000/1001"), (60_000, 1001)),
            (json!("30"), (30, 1)),
        ] {
            let rate = frame_rate(&written).unwrap();
            assert_eq!(
                (rate["numerator"].as_u64(), rate["denominator"].as_u64()),
                (Some(expected.0), Some(expected.1))
            );
        }
        assert!(frame_rate(&json!("fast")).is_err() && frame_rate(&json!(0)).is_err());
    }
}
