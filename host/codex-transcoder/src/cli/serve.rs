//! `serve`: takes jobs over HTTP, as RunPod's API does.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::exit::Ended;
use super::service::{self, SettingsArgs};
use crate::serve::LocalApi;

#[derive(Clone, Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Where to listen [default: serve.address of the settings].
    #[arg(long, value_name = "ADDRESS")]
    address: Option<SocketAddr>,
    /// Record what each job saw and did, for `policy replay` and `policy diff`.
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
}

impl Serve {
    pub async fn run(self, drain: CancellationToken) -> Result<(), Ended> {
        let settings = self.settings.load()?;
        service::start_log(&settings);
        let assembled = service::start(&settings, self.record.as_deref(), None).await?;
        let service = service::run_in_background(&settings, assembled).await?;
        let address = self.address.unwrap_or(settings.serve_address);
        let concurrency = settings.job.concurrency.unwrap_or_else(|| service.environment.tools.jobs_at_once());
        let api = LocalApi::bind(address, Arc::new(service), concurrency).await?;
        println!("http://{}", api.address);
        api.run(drain).await;
        Ok(())
    }
}
