//! Values of the contract, for a person.

use fault::text::printable;
use media::encoding::describe_audio;
use media::outputs::{Description, Output};
use serde_json::Value;
use storage::Destination;

use crate::capability::convert;
use crate::policy::PolicyError;
use crate::policy::bindings::codex::transcode::media as wit;
use crate::policy::bindings::codex::transcode::types::Rendition;
use crate::rehearsal::compare::Difference;

/// Longest value that is shown in a difference, in characters.
const MAX_VALUE: usize = 160;

/// A value on one line.
pub(super) fn short(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        other => printable(&other.to_string(), MAX_VALUE),
    }
}

/// A difference on one line: where, what was expected, what came.
pub(super) fn expected_and_got(difference: &Difference) -> String {
    format!("{}: expected {}, got {}", difference.path, short(&difference.expected), short(&difference.got))
}

/// A difference on one line: where, what it was, what it is now.
pub(super) fn was_and_now(difference: &Difference) -> String {
    let path = if difference.path.is_empty() { "(all)" } else { &difference.path };
    format!("{path}: {} -> {}", short(&difference.expected), short(&difference.got))
}

/// How a rendition's picture and sound are encoded.
pub(super) fn rendition(rendition: &Rendition) -> (String, String) {
    let video = rendition.video.as_ref();
    let video = video.map_or("-".to_owned(), |video| convert::encoding(&video.encoding).to_string());
    (video, describe_audio(rendition.audio_kbps))
}

/// The outputs of a plan: what each is, how it is made, where it goes.
pub(super) fn outputs(plan: &wit::Plan) -> Vec<[String; 3]> {
    let describe = |output: &Output| {
        let Description { what, how, destinations } = output.kind().describe();
        let to: Vec<String> = destinations.iter().map(Destination::to_string).collect();
        [what.to_owned(), how, to.join(" ")]
    };
    match convert::plan(plan) {
        Ok(plan) => plan.outputs.iter().map(describe).collect(),
        Err(error) => vec![["refused".to_owned(), printable(&error.to_string(), MAX_VALUE), String::new()]],
    }
}

/// Why a policy can't be tried.
pub(super) fn refusal(error: PolicyError) -> String {
    fault::Failure::from(error).to_string()
}
