//! `policy rollback`: undoes the last `policy activate`.

use clap::Args;
use policy::PolicyPublisher;

use super::place::PlaceArgs;
use crate::cli::exit::Ended;

#[derive(Clone, Debug, Args)]
pub struct Rollback {
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
        let Some(after) = before.clone().rolled_back() else {
            return Err(Ended::usage(format!("there is nothing to undo in {place}: it has no previous policy")));
        };
        // If only a canary ends, the current policy stays and needs no check.
        if after.current != before.current {
            environment.admit(place, &after.current).await?;
        }
        publisher.publish(&after).await?;
        environment.print_change(&after);
        Ok(())
    }
}
