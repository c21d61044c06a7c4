use serde_json::json;

use super::*;
use crate::v0_1::media::{Moment, Output, Plan, SegmentContainer, SegmentLayout};
use crate::v0_1::types::{DynamicRange, Failure, MediaInfo, MediaKind, SignatureScheme, VideoCodec};

fn source() -> Value {
    json!({
        "container": "mov,mp4,m4a,3gp,3g2,mj2",
        "duration-ms": 12_000,
        "size-bytes": 1_000_000,
        "video": {
            "codec": "hevc",
            "width": 1080,
            "height": 1920,
            "frame-rate": { "numerator": 30_000, "denominator": 1001 },
            "bit-depth": 10,
            "dynamic-range": "pq",
            "interlaced": false,
            "attributes": [["note", "x"]],
        },
    })
}

fn plan() -> Value {
    let encoding = json!({ "codec": "h264", "quality": 23, "max-kbps": 800, "effort": "fast" });
    json!({
        "outputs": [
            { "hls": {
                "store": "media",
                "master": "c/m.m3u8",
                "rungs": [{
                    "rendition": { "name": "360p", "video": { "short-side": 360, "encoding": encoding } },
                    "playlist": "c/i.m3u8",
                }],
                "segment-ms": 4000,
                "keyframe-ms": 2000,
                "container": "fmp4",
                "layout": "single-file",
            } },
            { "still": {
                "destination": { "store": "assets", "key": "c/s.webp" },
                "at": { "at-permille": 100 },
                "max-width": 640,
                "format": "webp",
                "quality": 80,
            } },
            "loudness",
        ],
        "loudness": { "integrated": -1600, "true-peak": -150, "range": 1100 },
        "prefer": "auto",
    })
}

#[track_caller]
fn reason(value: Value) -> String {
    from_value::<MediaInfo>("media-info", value).unwrap_err().to_string()
}

#[test]
fn records_use_the_contracts_names_and_round_trip() {
    let info: MediaInfo = from_value("media-info", source()).unwrap();
    let video = info.video.clone().unwrap();
    assert_eq!((video.bit_depth, video.dynamic_range), (10, DynamicRange::Pq));
    assert_eq!((info.audio.is_none(), info.attributes.len(), video.attributes.len()), (true, 0, 1));
    assert_eq!(to_value(&info), source());
}

#[test]
fn variants_with_and_without_values_round_trip() {
    let read: Plan = from_value("plan", plan()).unwrap();
    let [Output::Hls(hls), Output::Still(still), Output::Loudness] = read.outputs.as_slice() else {
        panic!("{read:?}");
    };
    assert_eq!((hls.container, hls.layout), (SegmentContainer::Fmp4, SegmentLayout::SingleFile));
    assert!(matches!(still.at, Moment::AtPermille(100)));
    assert_eq!(to_value(&read), plan());
}

#[test]
fn all_kinds_of_names_are_converted() {
    assert_eq!(to_value(&SignatureScheme::TimestampedBody), "timestamped-body");
    assert_eq!(to_value(&VideoCodec::H264), "h264");
    assert_eq!(to_value(&MediaKind::Video), "video");
    assert_eq!(to_value(&Moment::AtMs(5)), json!({ "at-ms": 5 }));
    assert_eq!(to_value(&("a", Some(1), None::<u8>)), json!(["a", 1, null]));
}

#[test]
fn answers_are_ok_or_err() {
    let failure = Failure {
        code: "storage.full".into(),
        blame: crate::v0_1::types::Blame::Storage,
        message: "full".into(),
        retryable: true,
    };
    let answer: Result<(), Failure> = Err(failure);
    let written = to_value(&answer);
    assert_eq!(written["err"]["blame"], "storage");
    assert_eq!(from_value::<Result<(), Failure>>("answer", written).unwrap(), answer);
    assert_eq!(to_value(&Ok::<(), Failure>(())), json!({ "ok": null }));
    assert_eq!(from_value::<Result<(), Failure>>("answer", json!({ "ok": null })).unwrap(), Ok(()));
}

#[test]
fn errors_name_the_path() {
    let mut broken = source();
    broken["video"]["frame-rate"] = json!("30");
    assert_eq!(reason(broken), "media-info.video.frame-rate: a string is not an object of numerator, denominator");
    let mut broken = source();
    broken["video"]["frame_rate"] = json!(1);
    let said = reason(broken);
    assert!(said.starts_with("media-info.video.frame_rate: unknown field; expected one of codec, width,"), "{said}");
    let mut broken = source();
    broken["video"]["dynamic-range"] = json!("hdr");
    assert_eq!(reason(broken), "media-info.video.dynamic-range: `hdr` is unknown; expected one of sdr, pq, hlg");
    let mut broken = source();
    broken["video"]["bit-depth"] = json!(300);
    assert_eq!(reason(broken), "media-info.video.bit-depth: integer `300` is not u8");
    let mut broken = source();
    broken["duration-ms"] = Value::Null;
    assert!(reason(broken).starts_with("media-info.duration-ms: "));
    assert_eq!(reason(json!({})), "media-info: the field `container` is missing");
    let mut broken = plan();
    broken["outputs"][1]["still"]["at"] = json!("at-ms");
    let said = from_value::<Plan>("plan", broken).unwrap_err().to_string();
    assert_eq!(said, "plan.outputs[1].still.at: `at-ms` needs a value: {\"at-ms\": ...}");
}
