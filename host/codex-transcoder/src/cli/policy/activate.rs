//! `policy activate`: makes a policy the one that an environment's workers run.

use clap::Args;
use fault::Failure;
use policy::canary::CanaryRule;
use policy::fetch::FetchError;
use policy::{Action, Deployment, PolicyPublisher, PublishError};
use timeline::unix_seconds;

use super::history::{Change, ChangeArgs};
use super::place::{self, PlaceArgs};
use crate::cli::exit::Ended;

#[derive(Clone, Debug, Args)]
pub struct Activate {
    /// The policy: a manifest, or the folder of its policy.json. Can be the location of another environment's policies.
    #[arg(value_name = "MANIFEST")]
    manifest: String,
    /// Run only this percentage of the jobs under it, and the others under the current policy.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    canary: Option<u8>,
    /// Make the canary the current policy after this many jobs of its own, 50 or more, unless it is worse than the current
    /// one.
    #[arg(long, value_name = "JOBS", requires = "canary", conflicts_with = "no_judge")]
    #[arg(value_parser = clap::value_parser!(u32).range(50..))]
    promote_after: Option<u32>,
    /// Leave the canary to operators. Otherwise workers end it if it is worse than the current policy.
    #[arg(long, requires = "canary")]
    no_judge: bool,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    environment: PlaceArgs,
}

impl Activate {
    /// Checks the policy, then writes the module, then the manifest that names it. In this order, workers keep their
    /// current policy if any step fails.
    pub async fn run(self) -> Result<(), Ended> {
        let environment = self.environment.environment()?;
        let from = place::place(&self.manifest, "MANIFEST")?;
        let source = environment.source(&from)?;
        let manifest = source.fetch().await?.0.current;
        let admitted = environment.admit(&from, &manifest).await?;

        let publisher = PolicyPublisher::at(&environment.place, &environment.stores)?;
        let before = match publisher.deployment().await {
            // An unreadable manifest has nothing to preserve, and activating a policy is the way to repair it.
            Err(PublishError::Fetch(error @ FetchError::Manifest { .. })) if self.canary.is_none() => {
                eprintln!(
                    "warning: the existing manifest is unreadable and is replaced; the previous policy is lost: {}",
                    Failure::from(error)
                );
                None
            }
            before => before?,
        };
        if self.canary.is_some() && before.is_none() {
            let place = &environment.place;
            return Err(Ended::usage(format!("there is no current policy in {place}, so there can be no canary")));
        }
        if !self.change.even_if_bad {
            place::check_not_bad(&publisher.history().await?, &manifest)?;
        }
        let manifest = publisher.upload_module(&manifest, &admitted.module).await?;
        let changed = manifest.clone();
        let after = match (before, self.canary) {
            (Some(before), Some(percent)) => before.with_canary(manifest, percent, self.rule()),
            (Some(before), None) => before.with_current(manifest),
            (None, _) => Deployment::of(manifest),
        };
        publisher.publish(&after).await?;
        environment.print_change(&after);
        let action = if self.canary.is_some() { Action::Canary } else { Action::Activate };
        self.change.note(&publisher, Change { action, policy: changed, percent: self.canary, bad: None }).await;
        Ok(())
    }

    /// How workers judge the canary.
    fn rule(&self) -> Option<CanaryRule> {
        let rule = CanaryRule { started: unix_seconds(), promote_after: self.promote_after };
        (!self.no_judge).then_some(rule)
    }
}
