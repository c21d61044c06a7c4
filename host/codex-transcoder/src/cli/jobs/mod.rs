//! `jobs`: what became of jobs, and failed ones again.

mod list;
mod retry;
mod selection;
mod show;

use clap::{Args, Subcommand};
use job::EndedJobs;
use timeline::unix_seconds;
use tokio_util::sync::CancellationToken;

use super::exit::Ended;
use super::moment;
use super::service::SettingsArgs;
use crate::worker;

#[derive(Clone, Debug, Subcommand)]
pub enum Jobs {
    /// List the jobs that ended in a time span: when, which, how, why.
    List(list::List),
    /// Print everything that is on record of a job.
    Show(show::Show),
    /// Send failed jobs of a time span again, except those whose media was published since.
    Retry(Box<retry::Retry>),
}

impl Jobs {
    pub async fn run(self, cancel: CancellationToken) -> Result<(), Ended> {
        match self {
            Self::List(list) => list.run().await,
            Self::Show(show) => show.run().await,
            Self::Retry(retry) => retry.run(cancel).await,
        }
    }
}

/// The records of an environment.
#[derive(Clone, Debug, Args)]
struct RecordsArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Only jobs that ended before this.
    #[arg(long, value_name = "WHEN", value_parser = moment::moment)]
    until: Option<u64>,
}

impl RecordsArgs {
    fn open(&self) -> Result<EndedJobs, Ended> {
        let settings = self.settings.load()?;
        let stores = worker::stores(&settings)?;
        Ok(worker::ended_jobs(&settings, &stores)?)
    }

    fn until(&self) -> u64 {
        // A job that ends in this second is on record.
        self.until.unwrap_or_else(|| unix_seconds() + 1)
    }
}
