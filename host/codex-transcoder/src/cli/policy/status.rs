//! `policy status`: lists an environment's policies, whether workers would accept them, and what the workers run.

use clap::Args;
use fault::{Blame, Failure};
use policy::fleet::Fleet;
use policy::{Manifest, Signed};
use serde_json::json;
use timeline::unix_seconds;

use super::place::{self, Environment, PlaceArgs};
use super::workers::Workers;
use crate::cli::exit::Ended;
use crate::json::without_nulls;
use crate::worker;

#[derive(Clone, Debug, Args)]
pub struct Status {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    environment: PlaceArgs,
}

/// A policy of the environment and the result of its checks.
struct Checked {
    role: &'static str,
    percent: Option<u8>,
    manifest: Manifest,
    verdict: Result<Signed, Failure>,
}

impl Status {
    /// Checks every policy as a worker would. Exits with code 4 if the current one would be refused.
    pub async fn run(self) -> Result<(), Ended> {
        let environment = self.environment.environment()?;
        let source = environment.source(&environment.place)?;
        let (deployment, _) = source.fetch().await?;
        let of = deployment.clone();
        let current = std::iter::once(("current", None, of.current));
        let next = of.canary.map(|next| ("canary", Some(next.percent), next.manifest));
        let previous = of.previous.map(|manifest| ("previous", None, manifest));
        let mut checked = Vec::new();
        for (role, percent, manifest) in current.chain(next).chain(previous) {
            let verdict = environment.gate.admit(&*source, &manifest).await;
            let verdict = verdict.map(|admitted| admitted.signed).map_err(Failure::from);
            checked.push(Checked { role, percent, manifest, verdict });
        }
        let fleet = fleet(&environment).await;
        let workers = Workers { fleet: &fleet, deployment: &deployment, now: unix_seconds() };
        if self.json {
            let policies: Vec<_> = checked.iter().map(Checked::json).collect();
            let place = environment.place.to_string();
            let status = json!({ "place": place, "policies": policies, "fleet": workers.json() });
            println!("{status:#}");
        } else {
            println!("place     {}", environment.place);
            checked.iter().for_each(|checked| println!("{}", checked.line()));
            workers.print();
        }
        match checked.iter().find_map(|checked| checked.verdict.as_ref().err().filter(|_| checked.role == "current")) {
            None => Ok(()),
            Some(failure) => {
                let failure = Failure { blame: Blame::Policy, ..failure.clone() };
                Err(Ended::already_shown(failure.exit_code()))
            }
        }
    }
}

/// What the workers noted. Without it, the policies are listed all the same.
async fn fleet(environment: &Environment) -> Fleet {
    let read = async {
        let notes = worker::fleet_notes(&environment.settings, &environment.stores)?;
        Ok::<_, Failure>(notes.read().await?)
    };
    read.await.unwrap_or_else(|failure| {
        eprintln!("warning: what the workers noted can't be read: {failure}");
        Fleet::default()
    })
}

impl Checked {
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
        let refused = self.verdict.as_ref().err();
        without_nulls(json!({
            "role": self.role,
            "name": name,
            "version": version,
            "sha256": sha256,
            "module": module,
            "admitted": self.verdict.is_ok(),
            "percent": self.percent,
            "signature": self.verdict.as_ref().ok().map(ToString::to_string),
            "refused": refused.map(|failure| json!({ "code": failure.code, "message": failure.message })),
        }))
    }
}
