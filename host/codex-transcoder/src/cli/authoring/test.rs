//! `policy test`: runs the scenarios of a policy.

use std::path::{Path, PathBuf};
use std::time::Instant;

use authoring::rehearsal::rehearse;
use authoring::scenario::{Golden, Scenario, Verdict, judge, junit};
use clap::Args;
use fault::{Failure, codes};
use policy::PolicyError;

use super::display;
use super::loaded_policy::LoadedPolicy;
use crate::cli::exit::Ended;

#[derive(Clone, Debug, Args)]
pub struct Test {
    /// A folder of scenarios, or one scenario. docs/scenarios.md has the format.
    #[arg(value_name = "DIR")]
    scenarios: PathBuf,
    /// The policy: a component, a manifest next to its module, or the name of a built-in one [default: codex].
    #[arg(long, env = "CODEX_POLICY", value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Run only scenarios whose names contain this text.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Write the result of every scenario to its golden file, NAME.golden.json.
    #[arg(long)]
    update: bool,
    /// Write the results as JUnit XML to this file.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

impl Test {
    pub async fn run(self) -> Result<(), Ended> {
        let files = Scenario::list(&self.scenarios).map_err(|error| Ended::usage(error.to_string()))?;
        let wanted = |file: &PathBuf| {
            let name = file.file_stem().unwrap_or_default().to_string_lossy();
            self.filter.as_ref().is_none_or(|filter| name.contains(filter.as_str()))
        };
        let files: Vec<PathBuf> = files.into_iter().filter(wanted).collect();
        if files.is_empty() {
            return Err(Ended::usage(format!("there is no scenario in {}", self.scenarios.display())));
        }
        let policy = LoadedPolicy::read(self.policy.as_deref(), &[]).await?;
        let mut verdicts = Vec::new();
        for file in &files {
            let verdict = verdict(file, &policy, self.update).await;
            print_verdict(&verdict);
            verdicts.push(verdict);
        }
        if let Some(file) = &self.junit {
            self.write_junit(file, &verdicts)?;
        }
        let unreadable = verdicts.iter().filter(|verdict| verdict.unreadable).count();
        let failed = verdicts.iter().filter(|verdict| !verdict.unreadable && !verdict.findings.is_empty()).count();
        println!("\n{} scenarios, {failed} failed, {unreadable} can't be run", verdicts.len());
        if unreadable > 0 {
            return Err(Ended::usage(format!("{unreadable} scenarios can't be run")));
        }
        if failed > 0 {
            let message = format!("{failed} of {} scenarios failed under the policy {}", verdicts.len(), policy.name());
            return Err(Failure::new(&codes::scenario::FAILED, message).into());
        }
        Ok(())
    }

    fn write_junit(&self, file: &Path, verdicts: &[Verdict]) -> Result<(), Ended> {
        let failed = |reason: String| Ended::usage(format!("--junit {}: {reason}", file.display()));
        let suite = self.scenarios.display().to_string();
        let xml = junit(&suite, verdicts).ok_or_else(|| failed("the results can't be written as XML".to_owned()))?;
        std::fs::write(file, xml).map_err(|error| failed(error.to_string()))
    }
}

/// Runs a scenario. `update` writes its golden file.
pub(super) async fn verdict(file: &Path, policy: &LoadedPolicy, update: bool) -> Verdict {
    let began = Instant::now();
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let (findings, unreadable) = match Scenario::read(file) {
        Err(error) => (vec![error.to_string()], true),
        Ok(scenario) => match findings(&scenario, policy, update).await {
            Ok(findings) => (findings, false),
            Err(unreadable) => (vec![unreadable], true),
        },
    };
    Verdict { name, took: began.elapsed(), findings, unreadable }
}

/// The failed expectations; an error if the scenario's own files can't be used.
async fn findings(scenario: &Scenario, policy: &LoadedPolicy, update: bool) -> Result<Vec<String>, String> {
    let policy = match policy.with_settings(scenario.settings.clone()).await {
        Ok(_) if !scenario.expect.problems.is_empty() => {
            return Ok(vec!["problems: the policy accepts the settings".to_owned()]);
        }
        Ok(policy) => policy,
        Err(PolicyError::Settings { problems, .. }) if !scenario.expect.problems.is_empty() => {
            let missing = scenario.expect.problems.iter().filter(|wanted| !problems.contains(wanted.as_str()));
            return Ok(missing.map(|wanted| format!("problems: {wanted:?} is not in: {problems}")).collect());
        }
        Err(error) => return Ok(vec![display::refusal(error)]),
    };
    let result = rehearse(&policy, &scenario.setup).await;
    let mut findings = judge(scenario, &policy, &result).await;
    let (golden, file) = (Golden::of(&result), scenario.golden_file());
    if update {
        golden.write(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    } else if let Some(kept) = Golden::read(&file)? {
        findings.extend(golden.differs_from(&kept));
    }
    Ok(findings)
}

pub(super) fn print_verdict(verdict: &Verdict) {
    let word = match (verdict.findings.is_empty(), verdict.unreadable) {
        (true, _) => "ok",
        (false, false) => "FAIL",
        (false, true) => "ERROR",
    };
    println!("{word:>5}  {}", verdict.name);
    print!("{}", display::first_lines(&verdict.findings, 7));
}
