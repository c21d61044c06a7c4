//! `policy rollback`: undoes the last `policy activate`, or returns to a policy of the history.

use clap::Args;
use policy::{Action, PolicyPublisher};

use super::history::ChangeArgs;
use super::place::PlaceArgs;
use crate::cli::exit::Ended;

#[derive(Clone, Debug, Args)]
pub struct Rollback {
    /// Return to this policy of the history, by its version or the beginning of its digest.
    #[arg(long, value_name = "VERSION|DIGEST")]
    to: Option<String>,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    environment: PlaceArgs,
}

impl Rollback {
    /// Ends the canary if there is one. Otherwise the previous policy becomes current again, if a worker would accept
    /// it.
    pub async fn run(self) -> Result<(), Ended> {
        let environment = self.environment.environment()?;
        let place = &environment.place;
        let publisher = PolicyPublisher::at(place, &environment.stores)?;
        let before = publisher.deployment().await?;
        let Some(before) = before else { return Err(Ended::usage(format!("there is no policy in {place}"))) };
        let after = match &self.to {
            Some(word) => {
                let history = publisher.history().await?;
                let policy = history.policy(word).map_err(|error| Ended::usage(error.to_string()))?;
                before.clone().with_current(policy.clone())
            }
            None => before.clone().rolled_back().ok_or_else(|| {
                Ended::usage(format!("there is nothing to undo in {place}: it has no previous policy"))
            })?,
        };
        // If only a canary ends, the current policy stays and needs no check.
        if after.current != before.current {
            environment.admit(place, &after.current).await?;
        }
        publisher.publish(&after).await?;
        environment.print_change(&after);
        let (action, changed) = match before.canary {
            Some(canary) if after.current == before.current => (Action::EndCanary, canary.manifest),
            _ => (Action::Rollback, after.current),
        };
        self.change.note(&publisher, action, changed, None).await;
        Ok(())
    }
}
