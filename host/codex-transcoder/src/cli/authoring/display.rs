//! Formats values of the contract for the terminal.

use authoring::comparison::Cause;
pub(super) use authoring::rehearsal::compare::short;
use contract::asked;
use contract::v0_2::convert;
use contract::v0_2::encoding::Rendition;
use fault::text::printable;
use media::encoding::describe_audio;
use media::outputs::{Description, Output};
use policy::PolicyError;
use serde_json::Value;
use storage::Destination;

/// The exit code of a comparison that found differences, which were already shown.
pub(super) const CHANGED: u8 = 1;

/// Longest error that is printed in place of a plan, in characters.
const MAX_ERROR: usize = 160;

/// Most lines that are printed about one thing.
const MAX_LINES: usize = 20;

/// The first lines, indented, and how many more there are.
pub(super) fn first_lines(lines: &[String], indent: usize) -> String {
    let mut text = String::new();
    for line in lines.iter().take(MAX_LINES) {
        text.push_str(&format!("{:indent$}{line}\n", ""));
    }
    if lines.len() > MAX_LINES {
        text.push_str(&format!("{:indent$}and {} more\n", "", lines.len() - MAX_LINES));
    }
    text
}

/// Each cause on a line, with what follows from it below, at most so many lines of that.
pub(super) fn cause(cause: &Cause, follows: usize) -> Vec<String> {
    let mut lines = vec![format!("{} {}", cause.part, cause.difference.was_and_now())];
    let below = cause.follows.iter().take(follows);
    lines.extend(below.map(|one| format!("  so {} {}", one.part, one.difference.was_and_now())));
    if cause.follows.len() > follows {
        lines.push(format!("  and {} more that follow", cause.follows.len() - follows));
    }
    lines
}

/// Video and audio encoding of a rendition.
pub(super) fn rendition(rendition: &Rendition) -> (String, String) {
    let video = rendition.video.as_ref();
    let video = video.map_or("-".to_owned(), |video| {
        convert::encoding(&video.encoding).map_or_else(|error| error.to_string(), |encoding| encoding.to_string())
    });
    (video, describe_audio(rendition.audio_kbps))
}

/// The outputs of a plan: what each is, how it is made, where it goes.
pub(super) fn outputs(plan: &asked::Plan) -> Vec<[String; 3]> {
    let describe = |output: &Output| {
        let Description { what, how, destinations } = output.kind().describe();
        let to: Vec<String> = destinations.iter().map(Destination::to_string).collect();
        [what.to_owned(), how, to.join(" ")]
    };
    match plan.convert() {
        Ok(plan) => plan.outputs.iter().map(describe).collect(),
        Err(error) => vec![["refused".to_owned(), printable(&error.to_string(), MAX_ERROR), String::new()]],
    }
}

/// Prints a result as JSON or as text.
pub(super) fn print(json: bool, as_json: impl FnOnce() -> Value, as_text: impl FnOnce() -> String) {
    if json { println!("{:#}", as_json()) } else { print!("{}", as_text()) }
}

/// Why a policy can't be loaded.
pub(super) fn refusal(error: PolicyError) -> String {
    fault::Failure::from(error).to_string()
}
