//! What needs the package `authoring`: the commands that rehearse and measure policies, estimates, and recordings of jobs.

mod bench;
mod costs;
mod dev;
mod diff;
mod display;
mod estimate;
mod explain;
mod inspect;
mod loaded_policy;
mod replay;
mod source;
mod test;

use std::path::Path;
use std::sync::Arc;

use authoring::recording::RecordingFolder;
use clap::Subcommand;
use job::JobRecorder;
use tokio_util::sync::CancellationToken;

pub use self::estimate::Estimate;
use super::exit::Ended;
use crate::observe::Redactor;

#[derive(Clone, Debug, Subcommand)]
pub enum Authoring {
    /// Print what a module is: interfaces, contract, digest, signature, and whether this host would accept it.
    Inspect(inspect::Inspect),
    /// Print a policy's decisions about a source, and the ffmpeg commands, without running any.
    Explain(explain::Explain),
    /// Run the scenarios of a policy.
    Test(test::Test),
    /// Build and test a policy after every change of its files.
    Dev(dev::Dev),
    /// Run a recorded job under another policy and print what would change.
    Replay(replay::Replay),
    /// Compare two policies over recorded jobs.
    Diff(diff::Diff),
    /// Measure what a policy costs, and how close it comes to its limits.
    Bench(bench::Bench),
}

impl Authoring {
    pub async fn run(self, cancel: CancellationToken) -> Result<(), Ended> {
        match self {
            Self::Inspect(inspect) => inspect.run().await,
            Self::Explain(explain) => explain.run(cancel).await,
            Self::Test(test) => test.run().await,
            Self::Dev(dev) => dev.run(cancel).await,
            Self::Replay(replay) => replay.run().await,
            Self::Diff(diff) => diff.run().await,
            Self::Bench(bench) => bench.run().await,
        }
    }
}

/// Opens the folder for recordings, if there is one. They contain no secret that the redactor knows.
pub fn recordings(folder: Option<&Path>, redactor: Redactor) -> Result<Option<Arc<dyn JobRecorder>>, Ended> {
    let Some(folder) = folder else { return Ok(None) };
    Ok(Some(Arc::new(RecordingFolder::open(folder, redactor)?)))
}
