//! `policy`: commands for authors and operators of policies. One file per subcommand.

mod activate;
mod build;
mod history;
mod keygen;
pub(super) mod load;
mod new;
mod place;
mod rollback;
mod status;
mod workers;

use clap::Subcommand;
use tokio_util::sync::CancellationToken;

use super::authoring::Authoring;
use super::exit::Ended;

#[derive(Clone, Debug, Subcommand)]
pub enum Policy {
    /// Create the crate of a new policy, with tests.
    New(new::New),
    /// Build a policy's component and manifest, and sign it.
    Build(build::Build),
    #[command(flatten)]
    Authoring(Authoring),
    /// Create a key pair for signing policies.
    Keygen(keygen::Keygen),
    /// Check a policy as a worker would, and make it the environment's current policy or its canary.
    Activate(activate::Activate),
    /// Undo the last `activate`: end the canary, or return to the previous policy, or to one of the history.
    Rollback(rollback::Rollback),
    /// List the changes of an environment's policies: when, who, what, and why.
    History(history::History),
    /// List an environment's policies, whether a worker would accept them, and what its workers run.
    Status(status::Status),
}

impl Policy {
    pub async fn run(self, cancel: CancellationToken) -> Result<(), Ended> {
        match self {
            Self::New(new) => new.run(),
            Self::Build(build) => build.run().await,
            Self::Authoring(authoring) => authoring.run(cancel).await,
            Self::Keygen(keygen) => keygen.run(),
            Self::Activate(activate) => activate.run().await,
            Self::Rollback(rollback) => rollback.run().await,
            Self::History(history) => history.run().await,
            Self::Status(status) => status.run().await,
        }
    }
}

/// A policy's name and, if there is one, version.
pub(super) fn versioned(name: &str, version: &str) -> String {
    if version.is_empty() { name.to_owned() } else { format!("{name} {version}") }
}
