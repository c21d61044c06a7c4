//! `policy`: what an author of policies and an operator do with them. One file for each subcommand.

mod diff;
mod explain;
mod loaded;
mod replay;
mod show;
mod test;

use clap::{Args, Subcommand};
use tokio_util::sync::CancellationToken;

use super::exit::Ended;

/// The arguments of `policy`.
#[derive(Clone, Debug, Args)]
pub struct Policy {
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// Says what a policy makes of a source, down to the ffmpeg commands, without running any.
    Explain(explain::Explain),
    /// Runs the scenarios of a policy.
    Test(test::Test),
    /// Runs a recorded job against another policy and shows what would change.
    Replay(replay::Replay),
    /// Compares two policies over many recorded jobs.
    Diff(diff::Diff),
}

impl Policy {
    /// Does it.
    pub async fn run(self, cancel: CancellationToken) -> Result<(), Ended> {
        match self.action {
            Action::Explain(explain) => explain.run(cancel).await,
            Action::Test(test) => test.run().await,
            Action::Replay(replay) => replay.run().await,
            Action::Diff(diff) => diff.run().await,
        }
    }
}
