//! `policy activate`: from a manifest to what an environment's workers run.

use clap::Args;
use fault::Failure;
use policy::fetch::{self, FetchError};
use policy::{Deployment, PolicyPublisher, PublishError};

use super::place::{self, PlaceArgs};
use crate::cli::exit::Ended;

/// The arguments of `policy activate`.
#[derive(Clone, Debug, Args)]
pub struct Activate {
    /// The policy: a manifest, or the folder that its policy.json is in. Another environment's place does as well.
    #[arg(value_name = "MANIFEST")]
    manifest: String,
    /// Lets this many of a hundred jobs run under it, beside the current one, instead of all.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    canary: Option<u8>,
    #[command(flatten)]
    environment: PlaceArgs,
}

impl Activate {
    /// Tries it, puts the module, and then the manifest that names it. Whatever goes wrong on the way, workers go on
    /// with what they have.
    pub async fn run(self) -> Result<(), Ended> {
        let environment = self.environment.environment()?;
        let from = place::place(&self.manifest, "MANIFEST")?;
        let source = fetch::source(&from, &environment.stores).map_err(Ended::failed)?;
        let manifest = source.fetch().await.map_err(Ended::failed)?.0.current;
        let admitted = environment.admit(&from, &manifest).await?;

        let publisher = PolicyPublisher::at(&environment.place, &environment.stores).map_err(Ended::failed)?;
        let before = match publisher.deployment().await {
            // What can't be read is nothing that could be kept, and this is how it is mended.
            Err(PublishError::Fetch(error @ FetchError::Manifest { .. })) if self.canary.is_none() => {
                eprintln!(
                    "warning: what is there is replaced, and with it what it knew of a previous policy: {}",
                    Failure::from(error)
                );
                None
            }
            before => before.map_err(Ended::failed)?,
        };
        if self.canary.is_some() && before.is_none() {
            let place = &environment.place;
            return Err(Ended::usage(format!("there is no policy in {place} that this one could be tried beside")));
        }
        let manifest = publisher.upload_module(&manifest, &admitted.module).await.map_err(Ended::failed)?;
        let after = match (before, self.canary) {
            (Some(before), Some(percent)) => before.with_canary(manifest, percent),
            (Some(before), None) => before.with_current(manifest),
            (None, _) => Deployment::of(manifest),
        };
        publisher.publish(&after).await.map_err(Ended::failed)?;
        println!("{}", told(&after, &environment.place.to_string(), environment.settings.policy.poll.as_secs()));
        Ok(())
    }
}

/// What an operator is told after a step.
pub(super) fn told(deployment: &Deployment, place: &str, seconds: u64) -> String {
    let mut lines = vec![format!("current   {}", place::described(&deployment.current))];
    if let Some(next) = &deployment.canary {
        lines.push(format!("canary    {}, {} % of the jobs", place::described(&next.manifest), next.percent));
    }
    if let Some(previous) = &deployment.previous {
        lines.push(format!("previous  {}", place::described(previous)));
    }
    lines.push(format!("in {place}; workers take it within {seconds} s, between two jobs"));
    lines.join("\n")
}
