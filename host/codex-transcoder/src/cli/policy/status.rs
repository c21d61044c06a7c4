//! `policy status`: what an environment has, and what its workers would make of it.

use clap::Args;
use fault::{Blame, Failure};
use policy::fetch::{self, PolicySource};
use policy::{Manifest, Signed};
use serde_json::json;

use super::place::{self, Environment, PlaceArgs};
use crate::cli::exit::Ended;

/// The arguments of `policy status`.
#[derive(Clone, Debug, Args)]
pub struct Status {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    environment: PlaceArgs,
}

/// One policy of an environment, tried.
struct Tried {
    role: &'static str,
    percent: Option<u8>,
    manifest: Manifest,
    verdict: Result<Signed, Failure>,
}

impl Status {
    /// Tries every policy of the place as a worker would. Ends with 4 where the current one would not be taken.
    pub async fn run(self) -> Result<(), Ended> {
        let environment = self.environment.environment()?;
        let source = fetch::source(&environment.place, &environment.stores).map_err(Ended::failed)?;
        let (deployment, _) = source.fetch().await.map_err(Ended::failed)?;
        let current = std::iter::once(("current", None, deployment.current));
        let next = deployment.canary.map(|next| ("canary", Some(next.percent), next.manifest));
        let previous = deployment.previous.map(|manifest| ("previous", None, manifest));
        let mut tried = Vec::new();
        for (role, percent, manifest) in current.chain(next).chain(previous) {
            tried.push(Tried::of(&environment, &*source, role, percent, manifest).await);
        }
        if self.json {
            let policies: Vec<_> = tried.iter().map(Tried::json).collect();
            let shown = json!({ "place": environment.place.to_string(), "policies": policies });
            println!("{shown:#}");
        } else {
            println!("place     {}", environment.place);
            tried.iter().for_each(|tried| println!("{}", tried.line()));
        }
        match tried.iter().find_map(|tried| tried.verdict.as_ref().err().filter(|_| tried.role == "current")) {
            None => Ok(()),
            Some(failure) => Err(Ended::told(&Failure { blame: Blame::Policy, ..failure.clone() })),
        }
    }
}

impl Tried {
    async fn of(
        environment: &Environment,
        source: &dyn PolicySource,
        role: &'static str,
        percent: Option<u8>,
        manifest: Manifest,
    ) -> Self {
        let verdict = environment.gate.admit(source, &manifest).await;
        let verdict = verdict.map(|admitted| admitted.signed).map_err(Failure::from);
        Self { role, percent, manifest, verdict }
    }

    fn line(&self) -> String {
        let share = self.percent.map(|percent| format!(", {percent} % of the jobs")).unwrap_or_default();
        let verdict = match &self.verdict {
            Ok(signed) => format!("taken; signature: {signed}"),
            Err(failure) => format!("REFUSED: {failure}"),
        };
        format!("{:<9} {}{share}: {verdict}", self.role, place::described(&self.manifest))
    }

    fn json(&self) -> serde_json::Value {
        let Manifest { name, version, sha256, module, .. } = &self.manifest;
        let mut shown = json!({
            "role": self.role,
            "name": name,
            "version": version,
            "sha256": sha256,
            "module": module,
            "admitted": self.verdict.is_ok(),
        });
        let (key, value) = match &self.verdict {
            Ok(signed) => ("signature", json!(signed.to_string())),
            Err(failure) => ("refused", json!({ "code": failure.code, "message": failure.message })),
        };
        if let Some(members) = shown.as_object_mut() {
            members.insert(key.to_owned(), value);
            if let Some(percent) = self.percent {
                members.insert("percent".to_owned(), percent.into());
            }
        }
        shown
    }
}
