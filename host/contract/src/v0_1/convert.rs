//! Converts between the contract's types and the host's.

use fault::Failure as OurFailure;
use media::Moment;
use media::encoder::Processor;
use media::encoding::Encoding;
use media::info;
use media::loudness::Measure;
use media::outputs::{Archive, Clip, Ladder, LoudnessMeasurement, Output, Rung, Still, Storyboard, WaveformRequest};
use media::plan::{LoudnessTarget, Plan, PlanError};
use media::transcode::{RungSummary, TranscodeSummary};
use storage::{Destination, Key};

use super::media as wit;
use super::types as wit_types;
use crate::asked;

/// Converts enums with the same cases into each other.
macro_rules! same_cases {
    ($($ours:ty = $theirs:ty { $($case:ident),+ })+) => {$(
        impl From<$ours> for $theirs {
            fn from(ours: $ours) -> Self {
                match ours {
                    $(<$ours>::$case => Self::$case,)+
                }
            }
        }

        impl From<$theirs> for $ours {
            fn from(theirs: $theirs) -> Self {
                match theirs {
                    $(<$theirs>::$case => Self::$case,)+
                }
            }
        }
    )+};
}

same_cases! {
    fault::Blame = wit_types::Blame { Upload, Policy, Storage, Receiver, Host }
    info::DynamicRange = wit_types::DynamicRange { Sdr, Pq, Hlg }
    media::encoder::Processor = wit_types::Processor { Gpu, Cpu }
    media::encoding::Effort = wit_types::Effort { Fastest, Fast, Medium, Slow }
    media::outputs::Container = wit::SegmentContainer { Ts, Fmp4 }
    media::outputs::StillFormat = wit::StillFormat { Jpeg, Webp }
    media::plan::Preference = wit::Preference { Auto, Gpu, Cpu }
    media::probe::DeclaredKind = wit_types::MediaKind { Video, Audio }
}

impl From<OurFailure> for wit_types::Failure {
    fn from(OurFailure { code, blame, message, retryable }: OurFailure) -> Self {
        Self { code, blame: blame.into(), message, retryable }
    }
}

impl From<wit_types::Failure> for OurFailure {
    fn from(failure: wit_types::Failure) -> Self {
        Self {
            code: fault::text::printable(&failure.code, 64),
            blame: failure.blame.into(),
            message: fault::text::printable(&failure.message, 2000),
            retryable: failure.retryable,
        }
    }
}

/// Converts an error of the host to the contract's `failure`.
pub fn refused(error: impl fault::Fault) -> wit_types::Failure {
    OurFailure::from(error).into()
}

/// A destination whose key has been validated.
pub fn destination(store: &str, key: &str) -> Result<Destination, wit_types::Failure> {
    checked(store, key).map_err(refused)
}

fn checked(store: &str, key: &str) -> Result<Destination, PlanError> {
    Ok(Destination { store: store.to_owned(), key: Key::parse(key)? })
}

fn checked_record(to: &wit_types::Destination) -> Result<Destination, PlanError> {
    checked(&to.store, &to.key)
}

fn ratio(ratio: info::Ratio) -> wit_types::Ratio {
    wit_types::Ratio { numerator: ratio.numerator, denominator: ratio.denominator }
}

/// Milliseconds, at least one: probing has already refused sources without a length.
fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// The contract's `media-info` of a probed source.
pub fn media_info(info: &info::MediaInfo) -> wit_types::MediaInfo {
    wit_types::MediaInfo {
        container: info.container.clone(),
        duration_ms: millis(info.duration),
        size_bytes: info.size,
        video: info.video.as_ref().map(|video| wit_types::VideoInfo {
            codec: video.codec.clone(),
            width: video.width,
            height: video.height,
            frame_rate: ratio(video.frame_rate),
            bit_depth: video.bit_depth,
            dynamic_range: video.range.into(),
            interlaced: video.interlaced,
            attributes: Vec::new(),
        }),
        audio: info.audio.as_ref().map(|audio| wit_types::AudioInfo {
            codec: audio.codec.clone(),
            channels: audio.channels,
            sample_rate: audio.sample_rate,
            attributes: Vec::new(),
        }),
        attributes: note_attributes(&info.notes),
    }
}

/// The name of an attribute that tells a note.
const NOTE: &str = "note";

fn note_attributes(notes: &[String]) -> wit_types::Attributes {
    notes.iter().map(|note| (NOTE.to_owned(), note.clone())).collect()
}

/// The notes among attributes.
pub fn notes(attributes: &wit_types::Attributes) -> Vec<String> {
    attributes.iter().filter(|(name, _)| name == NOTE).map(|(_, note)| note.clone()).collect()
}

/// Refuses all attributes in a request: this version knows none, and ignoring one would execute only part of the
/// request.
fn no_unknown(attributes: &wit_types::Attributes) -> Result<(), PlanError> {
    match attributes.first() {
        None => Ok(()),
        Some((name, _)) => Err(PlanError::UnknownAttribute { name: fault::text::printable(name, 64) }),
    }
}

pub fn encoding(encoding: &wit_types::VideoEncoding) -> Result<Encoding, PlanError> {
    no_unknown(&encoding.attributes)?;
    // The contract has one codec. A second one must fail to compile here.
    match encoding.codec {
        wit_types::VideoCodec::H264 => {}
    }
    Ok(Encoding { quality: encoding.quality, max_kbps: encoding.max_kbps, effort: encoding.effort.into() })
}

fn moment(moment: wit::Moment) -> Moment {
    match moment {
        wit::Moment::AtMs(ms) => Moment::At(ms),
        wit::Moment::AtPermille(permille) => Moment::Permille(permille),
    }
}

fn ladder(hls: &wit::HlsOutput) -> Result<Ladder, PlanError> {
    no_unknown(&hls.attributes)?;
    let rung = |rung: &wit::HlsRung| {
        no_unknown(&rung.rendition.attributes)?;
        let video = rung.rendition.video.as_ref();
        let video = video.map(|video| encoding(&video.encoding).map(|encoding| (video.short_side, encoding)));
        Ok(Rung {
            name: rung.rendition.name.clone(),
            video: video.transpose()?,
            audio_kbps: rung.rendition.audio_kbps,
            playlist: Key::parse(&rung.playlist)?,
        })
    };
    Ok(Ladder {
        store: hls.store.clone(),
        master: Key::parse(&hls.master)?,
        rungs: hls.rungs.iter().map(rung).collect::<Result<_, PlanError>>()?,
        segment_ms: hls.segment_ms,
        keyframe_ms: hls.keyframe_ms,
        container: hls.container.into(),
        single_file: matches!(hls.layout, wit::SegmentLayout::SingleFile),
    })
}

fn output(output: &asked::Output) -> Result<Output, PlanError> {
    Ok(match output {
        asked::Output::Hls(hls) => Output::Ladder(ladder(hls)?),
        asked::Output::File(file) => {
            no_unknown(&file.attributes)?;
            Output::Archive(Archive {
                to: checked_record(&file.destination)?,
                video: file.video.as_ref().map(encoding).transpose()?,
                audio_kbps: file.audio_kbps,
            })
        }
        asked::Output::Clip(clip) => {
            no_unknown(&clip.attributes)?;
            Output::Clip(Clip {
                store: clip.store.clone(),
                playlist: Key::parse(&clip.playlist)?,
                start: moment(clip.start),
                length_ms: clip.length_ms,
                short_side: clip.short_side,
            })
        }
        asked::Output::Still(still) => {
            no_unknown(&still.attributes)?;
            Output::Still(Still {
                to: checked_record(&still.destination)?,
                at: moment(still.at),
                max_width: still.max_width,
                format: still.format.into(),
                quality: still.quality,
            })
        }
        asked::Output::Storyboard(storyboard) => {
            no_unknown(&storyboard.attributes)?;
            Output::Storyboard(Storyboard {
                index: checked_record(&storyboard.index)?,
                interval_ms: storyboard.interval_ms,
                width: storyboard.width,
                columns: storyboard.columns,
                rows: storyboard.rows,
                format: storyboard.format.into(),
                quality: storyboard.quality,
            })
        }
        asked::Output::Waveform(waveform) => {
            no_unknown(&waveform.attributes)?;
            Output::Waveform(WaveformRequest {
                data: waveform.data.as_ref().map(checked_record).transpose()?,
                image: waveform.image.as_ref().map(checked_record).transpose()?,
                pixels_per_second: waveform.pixels_per_second,
                bits: waveform.bits,
                image_size: (waveform.image_width, waveform.image_height),
            })
        }
        asked::Output::Loudness => Output::Loudness(LoudnessMeasurement),
    })
}

/// The size of a plan or of a part of one, measured as JSON text, so that fields of later versions count too.
pub fn size<T: serde::Serialize>(part: &T) -> usize {
    serde_json::to_vec(part).map_or(usize::MAX, |text| text.len())
}

/// Converts a policy's plan. Keys are validated here; `Plan` validates the numbers.
pub fn plan(plan: &asked::Plan) -> Result<Plan, PlanError> {
    no_unknown(&plan.attributes)?;
    let hundredths = |value: i32| f64::from(value) / 100.0;
    Ok(Plan {
        outputs: plan.outputs.iter().map(output).collect::<Result<_, PlanError>>()?,
        loudness: plan.loudness.map(|target| LoudnessTarget {
            integrated: hundredths(target.integrated),
            true_peak: hundredths(target.true_peak),
            range: hundredths(target.range),
        }),
        prefer: plan.prefer.into(),
    })
}

fn rung_report(rung: &RungSummary) -> wit::RungReport {
    wit::RungReport {
        name: rung.name.clone(),
        size: rung.size.map(|(width, height)| wit::Dimensions { width, height }),
        frame_rate: rung.frame_rate.map(ratio),
        peak_bps: rung.peak_bps,
        average_bps: rung.average_bps,
        codecs: rung.codecs.clone(),
        playlist: rung.playlist.key.to_string(),
    }
}

fn loudness(measure: Measure) -> wit::LoudnessMeasure {
    let hundredths = |value: f64| (value * 100.0).round() as i32;
    wit::LoudnessMeasure {
        integrated: hundredths(measure.integrated),
        true_peak: hundredths(measure.true_peak),
        range: hundredths(measure.range),
    }
}

/// The contract's `report` of a published transcode.
pub fn report(made: &TranscodeSummary, objects: &[(Destination, u64)]) -> wit::Report {
    wit::Report {
        duration_ms: millis(made.duration),
        processor: made.processor.into(),
        fell_back: made.fell_back.clone(),
        rungs: made.rungs.iter().map(rung_report).collect(),
        objects: objects
            .iter()
            .map(|(to, bytes)| wit::PublishedObject {
                destination: wit_types::Destination { store: to.store.clone(), key: to.key.to_string() },
                bytes: *bytes,
            })
            .collect(),
        loudness: made.loudness.map(loudness),
        attributes: note_attributes(&made.notes),
    }
}

/// The machine's GPUs.
pub fn devices(devices: &[media::encoder::Device]) -> Vec<super::gpu::Device> {
    let device = |device: &media::encoder::Device| super::gpu::Device {
        name: device.name.clone(),
        memory_mib: device.memory_mib,
    };
    devices.iter().map(device).collect()
}

/// An encoder that passed the startup check.
pub fn encoder(processor: Processor) -> wit_types::VideoEncoder {
    wit_types::VideoEncoder { codec: wit_types::VideoCodec::H264, processor: processor.into() }
}

#[cfg(test)]
mod tests {
    use fault::Fault as _;
    use serde_json::{Value, json};

    use super::*;

    /// A plan with every record that has attributes.
    fn plan_with_everything() -> Value {
        let encoding = json!({
            "codec": "h264", "quality": 23, "max-kbps": null, "effort": "fast", "attributes": [],
        });
        let to = json!({ "store": "media", "key": "u/a" });
        let rendition = json!({
            "name": "720p", "video": { "short-side": 720, "encoding": encoding }, "audio-kbps": 128, "attributes": [],
        });
        json!({
            "outputs": [
                { "hls": {
                    "store": "media", "master": "u/m.m3u8", "segment-ms": 6000, "keyframe-ms": 2000,
                    "container": "ts", "layout": "separate", "attributes": [],
                    "rungs": [{ "rendition": rendition, "playlist": "u/720p.m3u8" }],
                } },
                { "file": { "destination": to, "video": encoding, "audio-kbps": null, "attributes": [] } },
                { "clip": {
                    "store": "media", "playlist": "u/c.m3u8", "start": { "at-ms": 0 }, "length-ms": 1000,
                    "short-side": 720, "attributes": [],
                } },
                { "still": {
                    "destination": to, "at": { "at-ms": 0 }, "max-width": 640, "format": "jpeg", "quality": 80,
                    "attributes": [],
                } },
                { "waveform": {
                    "data": to, "image": null, "pixels-per-second": 10, "bits": 8, "image-width": 1800,
                    "image-height": 140, "attributes": [],
                } },
            ],
            "loudness": null, "prefer": "auto", "attributes": [],
        })
    }

    /// The paths of all lists of attributes.
    fn attribute_paths(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let path = format!("{path}/{name}");
                    if name == "attributes" { found.push(path) } else { attribute_paths(value, &path, found) }
                }
            }
            Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    attribute_paths(value, &format!("{path}/{index}"), found);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn notes_are_attributes_of_the_report() {
        let made = TranscodeSummary {
            duration: std::time::Duration::from_secs(1),
            processor: Processor::Cpu,
            fell_back: None,
            rungs: Vec::new(),
            loudness: None,
            notes: vec!["one".to_owned(), "another".to_owned()],
        };
        let attributes = report(&made, &[]).attributes;
        assert_eq!(attributes, [("note".to_owned(), "one".to_owned()), ("note".to_owned(), "another".to_owned())]);
        assert_eq!(notes(&attributes), made.notes);
    }

    #[test]
    fn unknown_attributes_are_refused_in_every_record() {
        let whole = plan_with_everything();
        let read = |value: &Value| plan(&crate::json::from_value("plan", value.clone()).unwrap());
        read(&whole).unwrap();
        let mut paths = Vec::new();
        attribute_paths(&whole, "", &mut paths);
        assert_eq!(paths.len(), 9, "{paths:?}");
        for path in paths {
            let mut changed = whole.clone();
            *changed.pointer_mut(&path).unwrap() = json!([["watermark", "on"]]);
            let error = read(&changed).unwrap_err();
            assert_eq!(error.code(), "plan.unknown-attribute", "{path}");
            assert!(error.to_string().contains("watermark"), "{error}");
        }
    }
}
