//! `policy`: what an author of policies and an operator do with them. One file for each subcommand.

mod activate;
mod bench;
mod build;
mod diff;
mod display;
mod explain;
mod inspect;
mod keygen;
mod loaded_policy;
mod new;
mod place;
mod replay;
mod rollback;
mod status;
mod test;

use clap::{Args, Subcommand};
pub(super) use loaded_policy::LoadedPolicy;
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
    /// Makes a policy's crate that works, with tests, in a folder of its own.
    New(new::New),
    /// Makes a component and its manifest of a policy's crate, and signs it.
    Build(build::Build),
    /// Says what a module is: interfaces, contract, digest, signature, and whether it would be taken here.
    Inspect(inspect::Inspect),
    /// Says what a policy makes of a source, down to the ffmpeg commands, without running any.
    Explain(explain::Explain),
    /// Runs the scenarios of a policy.
    Test(test::Test),
    /// Runs a recorded job against another policy and shows what would change.
    Replay(replay::Replay),
    /// Compares two policies over many recorded jobs.
    Diff(diff::Diff),
    /// Measures what a policy costs, and how near it comes to its limits.
    Bench(bench::Bench),
    /// Makes a key pair to sign policies with.
    Keygen(keygen::Keygen),
    /// Puts a policy where an environment's workers take it from, after trying it as a worker would.
    Activate(activate::Activate),
    /// Undoes the last `activate`: ends a trial, else brings the previous policy back.
    Rollback(rollback::Rollback),
    /// Says which policies an environment has, and whether a worker would take them.
    Status(status::Status),
}

impl Policy {
    /// Does it.
    pub async fn run(self, cancel: CancellationToken) -> Result<(), Ended> {
        match self.action {
            Action::New(new) => new.run(),
            Action::Build(build) => build.run().await,
            Action::Inspect(inspect) => inspect.run().await,
            Action::Explain(explain) => explain.run(cancel).await,
            Action::Test(test) => test.run().await,
            Action::Replay(replay) => replay.run().await,
            Action::Diff(diff) => diff.run().await,
            Action::Bench(bench) => bench.run().await,
            Action::Keygen(keygen) => keygen.run(),
            Action::Activate(activate) => activate.run().await,
            Action::Rollback(rollback) => rollback.run().await,
            Action::Status(status) => status.run().await,
        }
    }
}
