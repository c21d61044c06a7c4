//! Formats values of the contract for the terminal.

use authoring::rehearsal::compare::Difference;
use contract::json::to_value;
use contract::v0_1::media::{HlsOutput, Moment, Output, Plan, SegmentContainer, SegmentLayout};
use contract::v0_1::types::{Effort, Rendition, VideoEncoding};
use fault::text::printable;
use policy::PolicyError;
use serde_json::Value;

/// Longest value that is printed in a difference, in characters.
const MAX_VALUE: usize = 160;

/// A value on one line.
pub(super) fn short(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        other => printable(&other.to_string(), MAX_VALUE),
    }
}

/// `path: expected …, got …`, on one line.
pub(super) fn expected_and_got(difference: &Difference) -> String {
    format!("{}: expected {}, got {}", difference.path, short(&difference.expected), short(&difference.got))
}

/// `path: old -> new`, on one line.
pub(super) fn was_and_now(difference: &Difference) -> String {
    let path = if difference.path.is_empty() { "(all)" } else { &difference.path };
    format!("{path}: {} -> {}", short(&difference.expected), short(&difference.got))
}

/// Video and audio encoding of a rendition.
pub(super) fn rendition(rendition: &Rendition) -> (String, String) {
    let video = rendition.video.as_ref().map_or("-".to_owned(), |video| encoding(&video.encoding));
    (video, audio(rendition.audio_kbps))
}

fn encoding(encoding: &VideoEncoding) -> String {
    let most = encoding.max_kbps.map_or(String::new(), |kbps| format!(", at most {kbps} kbit/s"));
    let effort = match encoding.effort {
        Effort::Fastest => "fastest",
        Effort::Fast => "fast",
        Effort::Medium => "medium",
        Effort::Slow => "slow",
    };
    format!("quality {}{most}, {effort}", encoding.quality)
}

fn audio(kbps: Option<u32>) -> String {
    kbps.map_or("-".to_owned(), |kbps| format!("{kbps} kbit/s"))
}

/// The outputs of a plan: kind, encoding, destination.
pub(super) fn outputs(plan: &Plan) -> Vec<[String; 3]> {
    plan.outputs.iter().map(output).collect()
}

fn output(output: &Output) -> [String; 3] {
    let at = |store: &str, key: &str| format!("{store}:{key}");
    match output {
        Output::Hls(hls) => ["ladder".to_owned(), ladder(hls), at(&hls.store, &hls.master)],
        Output::File(file) => {
            let video = file.video.as_ref().map_or("no picture".to_owned(), encoding);
            let how = format!("{video}, sound {}", audio(file.audio_kbps));
            ["file".to_owned(), how, at(&file.destination.store, &file.destination.key)]
        }
        Output::Clip(clip) => {
            let how = format!("{} s from {}", seconds(clip.length_ms), moment(clip.start));
            ["preview".to_owned(), how, at(&clip.store, &clip.playlist)]
        }
        Output::Still(still) => {
            let format = to_value(&still.format);
            let format = format.as_str().unwrap_or_default();
            let how = format!("{format}, up to {} wide, at {}", still.max_width, moment(still.at));
            ["still".to_owned(), how, at(&still.destination.store, &still.destination.key)]
        }
        Output::Waveform(waveform) => {
            let how = format!("{} points a second, {} bits", waveform.pixels_per_second, waveform.bits);
            let to = waveform.data.iter().chain(&waveform.image);
            let to: Vec<String> = to.map(|to| at(&to.store, &to.key)).collect();
            ["waveform".to_owned(), how, to.join(" ")]
        }
        Output::Loudness => ["loudness".to_owned(), "measured".to_owned(), String::new()],
        #[allow(unreachable_patterns, reason = "the contract grows by cases")]
        other => ["output".to_owned(), printable(&to_value(other).to_string(), 60), String::new()],
    }
}

fn ladder(hls: &HlsOutput) -> String {
    let container = match hls.container {
        SegmentContainer::Ts => "transport stream",
        SegmentContainer::Fmp4 => "fragmented MP4",
    };
    let layout = match hls.layout {
        SegmentLayout::Separate => "an object each",
        SegmentLayout::SingleFile => "one object for each rung",
    };
    format!("{} rungs, segments of {} s, {container}, {layout}", hls.rungs.len(), seconds(hls.segment_ms))
}

fn seconds(ms: u32) -> f64 {
    f64::from(ms) / 1000.0
}

fn moment(moment: Moment) -> String {
    match moment {
        Moment::AtMs(ms) => format!("{:.1} s", ms as f64 / 1000.0),
        Moment::AtPermille(permille) => format!("{:.1} %", f64::from(permille) / 10.0),
    }
}

/// Why a policy can't be loaded.
pub(super) fn refusal(error: PolicyError) -> String {
    fault::Failure::from(error).to_string()
}
