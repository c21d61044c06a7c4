//! `policy rollback`: the last step undone.

use clap::Args;
use policy::PolicyPublisher;

use super::activate::told;
use super::place::PlaceArgs;
use crate::cli::exit::Ended;

/// The arguments of `policy rollback`.
#[derive(Clone, Debug, Args)]
pub struct Rollback {
    #[command(flatten)]
    environment: PlaceArgs,
}

impl Rollback {
    /// Ends a trial; without one, makes the previous policy current again, if a worker would take it.
    pub async fn run(self) -> Result<(), Ended> {
        let environment = self.environment.environment()?;
        let place = &environment.place;
        let publisher = PolicyPublisher::at(place, &environment.stores).map_err(Ended::failed)?;
        let before = publisher.deployment().await.map_err(Ended::failed)?;
        let Some(before) = before else { return Err(Ended::usage(format!("there is no policy in {place}"))) };
        let Some(after) = before.clone().rolled_back() else {
            return Err(Ended::usage(format!("there is nothing to undo in {place}: it has no previous policy")));
        };
        // Where only a trial ends, what is current stays what it is, and needs no look.
        if after.current != before.current {
            environment.admit(place, &after.current).await?;
        }
        publisher.publish(&after).await.map_err(Ended::failed)?;
        println!("{}", told(&after, &place.to_string(), environment.settings.policy.poll.as_secs()));
        Ok(())
    }
}
