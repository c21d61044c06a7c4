//! What the commands about an environment's policies have in common: its settings, its place, and its way in.

use clap::Args;
use policy::{Admitted, Manifest, PolicyGate, PolicyLocation, fetch};
use storage::Stores;

use crate::cli::exit::Ended;
use crate::cli::service::SettingsArgs;
use crate::settings::Settings;
use crate::worker;

/// Digits of a digest that people compare.
const SHORT: usize = 12;

/// Which environment, and where its policies are.
#[derive(Clone, Debug, Args)]
pub struct PlaceArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Where the environment's policies are: a folder, `STORE:PREFIX`, or an https address [default: policy.place of the
    /// settings].
    #[arg(long, value_name = "PLACE")]
    place: Option<String>,
}

/// An environment whose policies can be looked at.
pub struct Environment {
    /// Everything that its workers are told.
    pub settings: Settings,
    /// Where its policies are.
    pub place: PolicyLocation,
    /// Its stores.
    pub stores: Stores,
    /// Its way in.
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
        let stores = worker::stores(&settings).map_err(Ended::of_failure)?;
        let gate = worker::gate(&settings.policy).map_err(Ended::of_failure)?;
        Ok(Environment { settings, place, stores, gate })
    }
}

impl Environment {
    /// Takes a policy of this place through every check, as a worker would.
    pub async fn admit(&self, place: &PolicyLocation, manifest: &Manifest) -> Result<Admitted, Ended> {
        let source = fetch::source(place, &self.stores).map_err(Ended::failed)?;
        self.gate.admit(&*source, manifest).await.map_err(Ended::failed)
    }
}

/// A place that was named on the command line.
pub fn place(text: &str, argument: &str) -> Result<PolicyLocation, Ended> {
    PolicyLocation::parse(text).map_err(|problem| Ended::usage(format!("{argument} {problem}")))
}

/// A policy as a person knows it.
pub fn described(manifest: &Manifest) -> String {
    let digest = manifest.sha256.get(..SHORT).unwrap_or_default();
    let space = if manifest.version.is_empty() { "" } else { " " };
    format!("{}{space}{} (sha256 {digest}…)", manifest.name, manifest.version)
}
