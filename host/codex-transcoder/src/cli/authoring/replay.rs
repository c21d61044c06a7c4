//! `policy replay`: runs a recorded job under another policy.

use std::collections::BTreeSet;
use std::path::PathBuf;

use authoring::comparison::{Amounts, Comparison, Costing, PARTS, setup_of};
use authoring::recording::Recording;
use authoring::rehearsal::rehearse;
use clap::Args;
use contract::json::to_value;
use policy::PolicyIdentity;
use serde_json::{Value, json};

use super::costs::{self, CostArgs};
use super::display;
use super::loaded_policy::LoadedPolicy;
use crate::cli::exit::Ended;
use crate::cli::policy::versioned;
use crate::tools::cores;

/// Most lines that are printed below a cause.
const MAX_FOLLOWING: usize = 3;

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
    #[command(flatten)]
    costs: CostArgs,
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
        let calibration = self.costs.calibration()?;
        let costing = Costing { calibration: &calibration, cores: cores() };
        let [was, now] = [&recording.decisions.plan, &result.decisions.plan].map(|plan| costing.of(plan, &setup.scene));
        let replayed = Replayed {
            recording: &recording,
            policy: policy.identity(),
            comparison: &comparison,
            costs: &self.costs,
            amounts: was.zip(now),
            basis: costs::basis(&calibration),
        };
        display::print(self.json, || replayed.as_json(), || replayed.as_text());
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

struct Replayed<'a> {
    recording: &'a Recording,
    policy: &'a PolicyIdentity,
    comparison: &'a Comparison,
    costs: &'a CostArgs,
    /// Of both plans.
    amounts: Option<(Amounts, Amounts)>,
    basis: &'static str,
}

impl Replayed<'_> {
    fn as_json(&self) -> Value {
        let Self { recording, comparison, costs, .. } = self;
        let amounts = self
            .amounts
            .map(|(old, new)| json!({ "old": costs.as_json(old), "new": costs.as_json(new), "basis": self.basis }));
        json!({
            "job": recording.job.id,
            "recorded": to_value(&recording.policy),
            "policy": to_value(self.policy),
            "changed": comparison.changed(),
            "changes": comparison.to_json(),
            "causes": comparison.causes(),
            "costs": amounts,
            "fails": comparison.fails.as_ref().map(|(code, message)| json!({ "code": code, "message": message })),
            "recovers": comparison.recovers,
        })
    }

    fn as_text(&self) -> String {
        let Self { recording, comparison, costs, .. } = self;
        let mut text = format!("job       {}\n", recording.job.id);
        text.push_str(&format!("recorded  {}\n", identity(&recording.policy)));
        text.push_str(&format!("now       {}\n\n", identity(self.policy)));
        for part in PARTS {
            let count = comparison.lines(part).len();
            let count = if count == 0 { "unchanged".to_owned() } else { format!("{count} changed") };
            text.push_str(&format!("{part:<8}  {count}\n"));
        }
        let causes = comparison.causes();
        let lines: Vec<String> = causes.iter().flat_map(|cause| display::cause(cause, MAX_FOLLOWING)).collect();
        if !lines.is_empty() {
            text.push_str(&format!("\n{}", display::first_lines(&lines, 0)));
        }
        let calls = comparison.lines("calls");
        if !calls.is_empty() {
            text.push_str(&format!("\ncalls\n{}", display::first_lines(&calls, 2)));
        }
        if let Some((old, new)) = self.amounts.filter(|(old, new)| old != new) {
            text.push_str(&format!(
                "\n{}by {}, for a film of an average kind\n",
                costs.change_as_text(old, new),
                self.basis
            ));
        }
        if let Some((code, message)) = &comparison.fails {
            text.push_str(&format!("\nthe job would now fail: {message} [{code}]\n"));
        }
        if comparison.recovers {
            text.push_str("\nthe job failed, and would now succeed\n");
        }
        text
    }
}
