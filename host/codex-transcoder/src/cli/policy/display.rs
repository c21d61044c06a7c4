//! Formats values of the contract for the terminal.

pub(super) use authoring::rehearsal::compare::short;
use contract::v0_1::types::Rendition;
use contract::v0_1::{convert, media as wit};
use fault::text::printable;
use media::encoding::describe_audio;
use media::outputs::{Description, Output};
use policy::PolicyError;
use storage::Destination;

/// Longest error that is printed in place of a plan, in characters.
const MAX_ERROR: usize = 160;

/// Video and audio encoding of a rendition.
pub(super) fn rendition(rendition: &Rendition) -> (String, String) {
    let video = rendition.video.as_ref();
    let video = video.map_or("-".to_owned(), |video| {
        convert::encoding(&video.encoding).map_or_else(|error| error.to_string(), |encoding| encoding.to_string())
    });
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
        Err(error) => vec![["refused".to_owned(), printable(&error.to_string(), MAX_ERROR), String::new()]],
    }
}

/// Why a policy can't be loaded.
pub(super) fn refusal(error: PolicyError) -> String {
    fault::Failure::from(error).to_string()
}
