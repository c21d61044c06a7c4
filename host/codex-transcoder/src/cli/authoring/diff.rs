//! `policy diff`: compares two policies over recorded jobs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use authoring::comparison::{Amounts, Cause, Comparison, Costing, PARTS, setup_of};
use authoring::recording::{Recording, RecordingFolder};
use authoring::rehearsal::compare::Difference;
use authoring::rehearsal::{RehearsalResult, rehearse};
use clap::Args;
use fault::Failure;
use fault::text::printable;
use serde_json::{Map, Value, json};

use super::costs::{self, CostArgs};
use super::display;
use super::loaded_policy::{LoadedPolicy, object};
use super::replay::unusable;
use crate::cli::exit::Ended;
use crate::cli::table::{aligned, table};
use crate::tools::cores;

#[derive(Clone, Debug, Args)]
pub struct Diff {
    /// The old policy: a component, a manifest, or the name of a built-in one.
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The new policy: a component, a manifest, or the name of a built-in one.
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// The folder of recordings.
    #[arg(long, value_name = "DIR")]
    recordings: PathBuf,
    /// Settings for the new policy that override those of each recording: a JSON or TOML file, or key=value. Can be
    /// given more than once.
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

/// One job under both policies.
struct Compared {
    job: String,
    comparison: Comparison,
    causes: Vec<Cause>,
    /// What both plans take; `None` unless both policies have one.
    amounts: Option<(Amounts, Amounts)>,
}

struct Summary<'a> {
    costs: &'a CostArgs,
    basis: &'static str,
    compared: Vec<Compared>,
    /// Files that could not be compared, with the reason.
    skipped: Vec<(String, String)>,
}

impl Diff {
    pub async fn run(self) -> Result<(), Ended> {
        let files = RecordingFolder::list(&self.recordings).map_err(unusable)?;
        if files.is_empty() {
            return Err(Ended::usage(format!("there is no recording in {}", self.recordings.display())));
        }
        let old = LoadedPolicy::read(Some(&self.old), &[]).await?;
        let new = LoadedPolicy::read(Some(&self.new), &self.settings).await?;
        let calibration = self.costs.calibration()?;
        let costing = Costing { calibration: &calibration, cores: cores() };
        let (basis, compared, skipped) = (costs::basis(&calibration), Vec::new(), Vec::new());
        let mut summary = Summary { costs: &self.costs, basis, compared, skipped };
        for file in &files {
            match compare(file, &old, &new, costing).await {
                Ok(compared) => summary.compared.push(compared),
                Err(reason) => summary.skipped.push((file.display().to_string(), reason)),
            }
        }
        let (old, new) = (old.name(), new.name());
        display::print(self.json, || summary.as_json(&old, &new), || summary.as_text(&old, &new));
        let skipped = summary.skipped.len();
        if skipped > 0 {
            return Err(Ended::usage(format!("{skipped} of {} recordings could not be compared", files.len())));
        }
        let changed = summary.compared.iter().any(|job| !job.comparison.changed().is_empty());
        if self.exit_code && changed { Err(Ended::already_shown(display::CHANGED)) } else { Ok(()) }
    }
}

async fn compare(
    file: &Path,
    old: &LoadedPolicy,
    new: &LoadedPolicy,
    costing: Costing<'_>,
) -> Result<Compared, String> {
    let recording = Recording::read(file).map_err(|error| Failure::from(error).to_string())?;
    let setup = setup_of(&recording).map_err(|error| format!("media-info.{error}"))?;
    let before = old.with_settings(object(&recording.settings)).await.map_err(display::refusal)?;
    let before = rehearse(&before, &setup).await;
    let job = recording.job.id;
    let policy = match new.with_recorded(&recording.settings).await {
        Ok(policy) => policy,
        // A policy that can't be loaded fails every job.
        Err(error) => {
            let failure = Failure::from(error);
            let comparison = Comparison { fails: Some((failure.code, failure.message)), ..Comparison::default() };
            return Ok(Compared { job, comparison, causes: Vec::new(), amounts: None });
        }
    };
    let after = rehearse(&policy, &setup).await;
    let comparison = Comparison::of((&before.decisions, &before.calls), (&after.decisions, &after.calls));
    let of = |result: &RehearsalResult| {
        let plan = result.accepted.as_ref().map(|_| &result.decisions.plan)?;
        costing.of(plan, &setup.scene)
    };
    let amounts = of(&before).zip(of(&after));
    Ok(Compared { job, causes: comparison.causes(), comparison, amounts })
}

impl Summary<'_> {
    /// The jobs in which a part changes.
    fn changing<'a>(&'a self, part: &'a str) -> impl Iterator<Item = &'a Compared> {
        self.compared.iter().filter(move |job| job.comparison.changed().contains(&part))
    }

    fn failing(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.compared.iter().filter_map(|job| {
            let (code, message) = job.comparison.fails.as_ref()?;
            Some((job.job.as_str(), code.as_str(), message.as_str()))
        })
    }

    fn recovering(&self) -> impl Iterator<Item = &str> {
        self.compared.iter().filter(|job| job.comparison.recovers).map(|job| job.job.as_str())
    }

    /// Each cause with the jobs that it is in, the most frequent first.
    fn causes(&self) -> Vec<(&Cause, Vec<&str>)> {
        let mut all: Vec<(&Cause, Vec<&str>)> = Vec::new();
        let mut known = HashMap::new();
        for (job, cause) in self.compared.iter().flat_map(|job| job.causes.iter().map(move |cause| (job, cause))) {
            let Difference { path, expected, got } = &cause.difference;
            let at = *known.entry((cause.part, path, expected.to_string(), got.to_string())).or_insert(all.len());
            match all.get_mut(at) {
                Some((_, jobs)) => jobs.push(&job.job),
                None => all.push((cause, vec![&job.job])),
            }
        }
        all.sort_by_key(|(_, jobs)| std::cmp::Reverse(jobs.len()));
        all
    }

    /// What all jobs take that both policies have a plan for, and how many these are.
    fn amounts(&self) -> (usize, Amounts, Amounts) {
        let mut sum = (0, Amounts::default(), Amounts::default());
        for (old, new) in self.compared.iter().filter_map(|job| job.amounts) {
            sum.0 += 1;
            sum.1 += old;
            sum.2 += new;
        }
        sum
    }

    fn as_json(&self, old: &str, new: &str) -> Value {
        let count = |part: &&'static str| ((*part).to_owned(), Value::from(self.changing(part).count()));
        let fails = self.failing().map(|(job, code, message)| json!({ "job": job, "code": code, "message": message }));
        let jobs = self.compared.iter().filter(|job| !job.comparison.changed().is_empty());
        let jobs = jobs.map(|job| {
            let changed = job.comparison.changed();
            json!({ "job": job.job, "changed": changed, "changes": job.comparison.to_json(), "causes": job.causes })
        });
        let causes = self.causes().into_iter().map(|(cause, jobs)| {
            let Difference { path, expected, got } = &cause.difference;
            json!({ "part": cause.part, "path": path, "was": expected, "now": got, "jobs": jobs })
        });
        let (costed, before, after) = self.amounts();
        let skipped = self.skipped.iter().map(|(file, reason)| json!({ "file": file, "reason": reason }));
        json!({
            "old": old,
            "new": new,
            "jobs": self.compared.len(),
            "changed": PARTS.iter().map(count).collect::<Map<_, _>>(),
            "fails": fails.collect::<Vec<_>>(),
            "recovers": self.recovering().collect::<Vec<_>>(),
            "causes": causes.collect::<Vec<_>>(),
            "costs": {
                "jobs": costed,
                "old": self.costs.as_json(before),
                "new": self.costs.as_json(after),
                "basis": self.basis,
            },
            "changes": jobs.collect::<Vec<_>>(),
            "passed-over": skipped.collect::<Vec<_>>(),
        })
    }

    fn as_text(&self, old: &str, new: &str) -> String {
        let parts = PARTS.map(|part| {
            let example = self.changing(part).next().and_then(|job| {
                let example = job.comparison.lines(part).into_iter().next()?;
                Some(format!("{}: {}", job.job, printable(&example, 100)))
            });
            [part.to_owned(), self.changing(part).count().to_string(), example.unwrap_or_default()]
        });
        let mut text = format!("{} recorded jobs, from {old} to {new}\n\n", self.compared.len());
        text.push_str(&table(["", "jobs", "for example"], parts));
        let causes = self.causes();
        let lines = causes.iter().flat_map(|(cause, jobs)| {
            let [count, example] = [jobs.len().to_string(), jobs.first().map(ToString::to_string).unwrap_or_default()];
            let mut lines = display::cause(cause, 1);
            if let Some(first) = lines.first_mut() {
                *first = format!("{} ({count} of {}, {example})", first, self.compared.len());
            }
            lines
        });
        let lines: Vec<String> = lines.collect();
        if !lines.is_empty() {
            text.push_str(&format!("\nwhat changes, and what follows from it\n{}", display::first_lines(&lines, 2)));
        }
        let (jobs, before, after) = self.amounts();
        if before != after {
            let change = self.costs.change_as_text(before, after);
            text.push_str(&format!("\n{change}{jobs} jobs, by {}, for films of an average kind\n", self.basis));
        }
        let failing: Vec<[String; 3]> = self.failing().map(|row| [row.0, row.1, row.2].map(str::to_owned)).collect();
        if !failing.is_empty() {
            text.push_str(&format!("\n{} would now fail\n{}", failing.len(), aligned(&failing)));
        }
        let recovering: Vec<&str> = self.recovering().collect();
        if !recovering.is_empty() {
            let jobs = recovering.join(", ");
            text.push_str(&format!("\n{} failed, and would now succeed: {jobs}\n", recovering.len()));
        }
        for (file, reason) in &self.skipped {
            text.push_str(&format!("\nnot compared: {file}: {reason}\n"));
        }
        text
    }
}
