//! `policy replay`: runs a recorded job under another policy.

use std::collections::BTreeSet;
use std::path::PathBuf;

use authoring::comparison::{Comparison, PARTS, setup_of};
use authoring::recording::Recording;
use authoring::rehearsal::rehearse;
use clap::Args;
use contract::json::to_value;
use policy::PolicyIdentity;
use serde_json::{Value, json};

use super::display;
use super::loaded_policy::LoadedPolicy;
use crate::cli::exit::Ended;
use crate::cli::policy::versioned;

#[derive(Clone, Debug, Args)]
pub struct Replay {
    /// A file that `run --record` or `worker --record` wrote.
    #[arg(value_name = "RECORDING")]
    recording: PathBuf,
    /// The other policy: a component, a manifest, or the name of a built-in one.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Settings that override those of the recording: a JSON or TOML file, or key=value. Can be given more than once.
    #[arg(long, value_name = "FILE|KEY=VALUE")]
    settings: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Exit with code 1 if anything would change.
    #[arg(long)]
    exit_code: bool,
}

impl Replay {
    pub async fn run(self) -> Result<(), Ended> {
        let recording = Recording::read(&self.recording).map_err(unusable)?;
        let setup = setup_of(&recording)
            .map_err(|error| Ended::usage(format!("{}: media-info.{error}", self.recording.display())))?;
        let policy = LoadedPolicy::read(Some(&self.policy), &self.settings).await?;
        let policy = policy.with_recorded(&recording.settings).await?;
        let mut result = rehearse(&policy, &setup).await;
        // An earlier host didn't ask for kinds of asset that came later.
        let kind = |asset: &str| asset.split('(').next().unwrap_or_default().to_owned();
        let known: BTreeSet<String> = recording.decisions.keys.keys().map(|asset| kind(asset)).collect();
        result.decisions.keys.retain(|asset, _| known.contains(&kind(asset)));
        let comparison = Comparison::of((&recording.decisions, &recording.calls), (&result.decisions, &result.calls));
        let now = policy.identity();
        display::print(self.json, || as_json(&recording, now, &comparison), || as_text(&recording, now, &comparison));
        if self.exit_code && !comparison.changed().is_empty() {
            Err(Ended::already_shown(display::CHANGED))
        } else {
            Ok(())
        }
    }
}

pub(super) fn unusable(error: authoring::recording::RecordingError) -> Ended {
    Ended::usage(fault::Failure::from(error).to_string())
}

/// A policy on one line.
fn identity(policy: &PolicyIdentity) -> String {
    let digest = policy.digest.get(..12).unwrap_or(&policy.digest);
    format!("{}, sha256 {digest}", versioned(&policy.name, &policy.version))
}

fn as_json(recording: &Recording, now: &PolicyIdentity, comparison: &Comparison) -> Value {
    json!({
        "job": recording.job.id,
        "recorded": to_value(&recording.policy),
        "policy": to_value(now),
        "changed": comparison.changed(),
        "changes": comparison.to_json(),
        "fails": comparison.fails.as_ref().map(|(code, message)| json!({ "code": code, "message": message })),
        "recovers": comparison.recovers,
    })
}

fn as_text(recording: &Recording, now: &PolicyIdentity, comparison: &Comparison) -> String {
    let mut text = format!("job       {}\n", recording.job.id);
    text.push_str(&format!("recorded  {}\n", identity(&recording.policy)));
    text.push_str(&format!("now       {}\n\n", identity(now)));
    for part in PARTS {
        let lines = comparison.lines(part);
        let count = if lines.is_empty() { "unchanged".to_owned() } else { format!("{} changed", lines.len()) };
        text.push_str(&format!("{part:<8}  {count}\n"));
        text.push_str(&display::first_lines(&lines, 10));
    }
    if let Some((code, message)) = &comparison.fails {
        text.push_str(&format!("\nthe job would now fail: {message} [{code}]\n"));
    }
    if comparison.recovers {
        text.push_str("\nthe job failed, and would now succeed\n");
    }
    text
}
