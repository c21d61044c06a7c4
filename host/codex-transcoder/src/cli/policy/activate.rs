//! `policy activate`: makes a policy the one that an environment's workers run.

use clap::Args;
use fault::Failure;
use policy::fetch::{self, FetchError};
use policy::{Action, Deployment, PolicyPublisher, PublishError};

use super::history::ChangeArgs;
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
        let source = fetch::source(&from, &environment.stores)?;
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
        let manifest = publisher.upload_module(&manifest, &admitted.module).await?;
        let changed = manifest.clone();
        let after = match (before, self.canary) {
            (Some(before), Some(percent)) => before.with_canary(manifest, percent),
            (Some(before), None) => before.with_current(manifest),
            (None, _) => Deployment::of(manifest),
        };
        publisher.publish(&after).await?;
        environment.print_change(&after);
        let action = if self.canary.is_some() { Action::Canary } else { Action::Activate };
        self.change.note(&publisher, action, changed, self.canary).await;
        Ok(())
    }
}
