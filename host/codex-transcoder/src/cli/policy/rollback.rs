//! `policy rollback`: undoes the last `policy activate`, or returns to a policy of the history.

use clap::Args;
use policy::{Action, Deployment, History, PolicyPublisher};

use super::history::{Change, ChangeArgs};
use super::place::{self, PlaceArgs};
use crate::cli::exit::Ended;

#[derive(Clone, Debug, Args)]
pub struct Rollback {
    /// Return to this policy of the history, by its version or the beginning of its digest.
    #[arg(long, value_name = "VERSION|DIGEST")]
    to: Option<String>,
    /// Remember what is left as bad: the canary that ends, or else the current policy. It isn't deployed again.
    #[arg(long)]
    judged_bad: bool,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    environment: PlaceArgs,
}

impl Rollback {
    /// Ends the canary if there is one. Otherwise the previous policy becomes current again, if a worker would accept
    /// it. A policy that was judged bad is passed over.
    pub async fn run(self) -> Result<(), Ended> {
        let environment = self.environment.environment()?;
        let place = &environment.place;
        let publisher = PolicyPublisher::at(place, &environment.stores)?;
        let before = publisher.deployment().await?;
        let Some(before) = before else { return Err(Ended::usage(format!("there is no policy in {place}"))) };
        let history = publisher.history().await?;
        let after = self.after(&before, &history)?;
        let Some(after) = after else {
            let message =
                format!("there is nothing to undo in {place}: it has no previous policy that wasn't judged bad");
            return Err(Ended::usage(message));
        };
        // If only a canary ends, the current policy stays and needs no check.
        if after.current != before.current {
            environment.admit(place, &after.current).await?;
        }
        publisher.publish(&after).await?;
        environment.print_change(&after);
        let (action, policy, left) = match before.canary {
            Some(canary) if after.current == before.current => {
                (Action::EndCanary, canary.manifest.clone(), canary.manifest)
            }
            Some(_) | None => (Action::Rollback, after.current, before.current),
        };
        let bad = self.judged_bad.then_some(left);
        self.change.note(&publisher, Change { action, policy, percent: None, bad }).await;
        Ok(())
    }

    /// The deployment that is returned to; none if there is none.
    fn after(&self, before: &Deployment, history: &History) -> Result<Option<Deployment>, Ended> {
        let before = before.clone();
        if let Some(word) = &self.to {
            let policy = history.policy(word).map_err(|error| Ended::usage(error.to_string()))?;
            if !self.change.even_if_bad {
                place::check_not_bad(history, policy)?;
            }
            return Ok(Some(before.with_current(policy.clone())));
        }
        let is_bad = |policy| !self.change.even_if_bad && history.bad_policy(policy).is_some();
        if before.canary.is_none() && before.previous.as_ref().is_some_and(is_bad) {
            let earlier = history.last_not_bad(&before.current).cloned();
            return Ok(earlier.map(|policy| before.with_current(policy)));
        }
        Ok(before.rolled_back())
    }
}
