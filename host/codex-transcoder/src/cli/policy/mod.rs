//! `policy`: commands for authors and operators of policies. One file per subcommand.

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

use clap::Subcommand;
pub(super) use loaded_policy::LoadedPolicy;
use tokio_util::sync::CancellationToken;

use super::exit::Ended;

#[derive(Clone, Debug, Subcommand)]
pub enum Policy {
    /// Create the crate of a new policy, with tests.
    New(new::New),
    /// Build a policy's component and manifest, and sign it.
    Build(build::Build),
    /// Print what a module is: interfaces, contract, digest, signature, and whether this host would accept it.
    Inspect(inspect::Inspect),
    /// Print a policy's decisions about a source, and the ffmpeg commands, without running any.
    Explain(explain::Explain),
    /// Run the scenarios of a policy.
    Test(test::Test),
    /// Run a recorded job under another policy and print what would change.
    Replay(replay::Replay),
    /// Compare two policies over recorded jobs.
    Diff(diff::Diff),
    /// Measure what a policy costs, and how close it comes to its limits.
    Bench(bench::Bench),
    /// Create a key pair for signing policies.
    Keygen(keygen::Keygen),
    /// Check a policy as a worker would, and make it the environment's current policy or its canary.
    Activate(activate::Activate),
    /// Undo the last `activate`: end the canary, or return to the previous policy.
    Rollback(rollback::Rollback),
    /// List an environment's policies, and whether a worker would accept them.
    Status(status::Status),
}

impl Policy {
    pub async fn run(self, cancel: CancellationToken) -> Result<(), Ended> {
        match self {
            Self::New(new) => new.run(),
            Self::Build(build) => build.run().await,
            Self::Inspect(inspect) => inspect.run().await,
            Self::Explain(explain) => explain.run(cancel).await,
            Self::Test(test) => test.run().await,
            Self::Replay(replay) => replay.run().await,
            Self::Diff(diff) => diff.run().await,
            Self::Bench(bench) => bench.run().await,
            Self::Keygen(keygen) => keygen.run(),
            Self::Activate(activate) => activate.run().await,
            Self::Rollback(rollback) => rollback.run().await,
            Self::Status(status) => status.run().await,
        }
    }
}
