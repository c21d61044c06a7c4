//! Arguments and checks that the commands about an environment's policies share.

use std::sync::Arc;

use clap::Args;
use fault::{Failure, codes};
use policy::fetch::{FetchError, PolicySource};
use policy::{Admitted, Deployment, History, Manifest, PolicyGate, PolicyLocation, fetch};
use storage::Stores;

use super::versioned;
use crate::cli::exit::Ended;
use crate::cli::service::SettingsArgs;
use crate::settings::Settings;
use crate::worker;

/// Digits of a digest that are printed.
const SHORT: usize = 12;

#[derive(Clone, Debug, Args)]
pub struct PlaceArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Where the environment's policies are: a folder, `STORE:PREFIX`, or an https URL [default: the setting
    /// policy.place].
    #[arg(long, value_name = "PLACE")]
    place: Option<String>,
}

/// An environment and access to its policies.
pub struct Environment {
    /// The settings of its workers.
    pub settings: Settings,
    pub place: PolicyLocation,
    pub stores: Stores,
    /// The checks that a policy must pass.
    pub gate: PolicyGate,
}

impl PlaceArgs {
    /// Reads the settings. No store is contacted.
    pub fn environment(&self) -> Result<Environment, Ended> {
        let settings = self.settings.load()?;
        let place = match &self.place {
            Some(text) => place(text, "--place")?,
            None => settings.policy.place.clone(),
        };
        let stores = worker::stores(&settings)?;
        let gate = worker::gate(&settings.policy, &stores)?;
        Ok(Environment { settings, place, stores, gate })
    }
}

impl Environment {
    /// Runs all checks of a worker on a policy at this location.
    pub async fn admit(&self, place: &PolicyLocation, manifest: &Manifest) -> Result<Admitted, Ended> {
        let source = self.source(place)?;
        Ok(self.gate.admit(&*source, manifest).await?)
    }

    /// The source for a location.
    pub fn source(&self, place: &PolicyLocation) -> Result<Arc<dyn PolicySource>, FetchError> {
        fetch::source(place, &self.stores, self.settings.policy.credentials.as_ref())
    }

    /// Prints the policies after a change.
    pub fn print_change(&self, deployment: &Deployment) {
        println!("current   {}", described(&deployment.current));
        if let Some(canary) = &deployment.canary {
            println!("canary    {}, {} % of the jobs", described(&canary.manifest), canary.percent);
            if let Some(rule) = canary.judge {
                let after = rule.promote_after.map(|jobs| format!(", and promote it after {jobs} jobs otherwise"));
                println!(
                    "trial     workers end it if it is worse than the current policy{}",
                    after.unwrap_or_default()
                );
            }
        }
        if let Some(previous) = &deployment.previous {
            println!("previous  {}", described(previous));
        }
        let seconds = self.settings.policy.poll.as_secs();
        println!("in {}; workers switch to it within {seconds} s, between two jobs", self.place);
    }
}

/// Parses a location from the command line.
pub fn place(text: &str, argument: &str) -> Result<PolicyLocation, Ended> {
    PolicyLocation::parse(text).map_err(|problem| Ended::usage(format!("{argument} {problem}")))
}

/// Refuses a policy that was judged bad.
pub fn check_not_bad(history: &History, policy: &Manifest) -> Result<(), Ended> {
    let Some(bad) = history.bad_policy(policy) else { return Ok(()) };
    let message = format!(
        "the policy {} was judged bad, by {}: {}. `--even-if-bad` deploys it all the same",
        described(policy),
        bad.by,
        bad.reason
    );
    Err(Failure::new(&codes::policy::JUDGED_BAD, message).into())
}

/// Name, version and short digest of a policy.
pub fn described(manifest: &Manifest) -> String {
    let digest = manifest.sha256.get(..SHORT).unwrap_or_default();
    format!("{} (sha256 {digest}…)", versioned(&manifest.name, &manifest.version))
}
