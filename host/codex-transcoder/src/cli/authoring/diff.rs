//! `policy diff`: compares two policies over recorded jobs.

use std::path::{Path, PathBuf};

use authoring::comparison::{Comparison, PARTS, setup_of};
use authoring::recording::{Recording, RecordingFolder};
use authoring::rehearsal::rehearse;
use clap::Args;
use fault::Failure;
use fault::text::printable;
use serde_json::{Map, Value, json};

use super::display;
use super::loaded_policy::{LoadedPolicy, object};
use super::replay::unusable;
use crate::cli::exit::Ended;
use crate::cli::table::{aligned, table};

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
}

/// One job under both policies.
struct Compared {
    job: String,
    comparison: Comparison,
}

#[derive(Default)]
struct Summary {
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
        let mut summary = Summary::default();
        for file in &files {
            match compare(file, &old, &new).await {
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

async fn compare(file: &Path, old: &LoadedPolicy, new: &LoadedPolicy) -> Result<Compared, String> {
    let recording = Recording::read(file).map_err(|error| Failure::from(error).to_string())?;
    let setup = setup_of(&recording).map_err(|error| format!("media-info.{error}"))?;
    let before = old.with_settings(object(&recording.settings)).await.map_err(display::refusal)?;
    let before = rehearse(&before, &setup).await;
    let comparison = match new.with_recorded(&recording.settings).await {
        Ok(policy) => {
            let after = rehearse(&policy, &setup).await;
            Comparison::of((&before.decisions, &before.calls), (&after.decisions, &after.calls))
        }
        // A policy that can't be loaded fails every job.
        Err(error) => {
            let failure = Failure::from(error);
            Comparison { fails: Some((failure.code, failure.message)), ..Comparison::default() }
        }
    };
    Ok(Compared { job: recording.job.id, comparison })
}

impl Summary {
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

    fn as_json(&self, old: &str, new: &str) -> Value {
        let count = |part: &&'static str| ((*part).to_owned(), Value::from(self.changing(part).count()));
        let fails = self.failing().map(|(job, code, message)| json!({ "job": job, "code": code, "message": message }));
        let jobs = self.compared.iter().filter(|job| !job.comparison.changed().is_empty());
        let jobs = jobs.map(|job| {
            let changed = job.comparison.changed();
            json!({ "job": job.job, "changed": changed, "changes": job.comparison.to_json() })
        });
        let skipped = self.skipped.iter().map(|(file, reason)| json!({ "file": file, "reason": reason }));
        json!({
            "old": old,
            "new": new,
            "jobs": self.compared.len(),
            "changed": PARTS.iter().map(count).collect::<Map<_, _>>(),
            "fails": fails.collect::<Vec<_>>(),
            "recovers": self.recovering().collect::<Vec<_>>(),
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
