//! `serve`: takes jobs over HTTP, as RunPod's API does.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::exit::Ended;
use super::service::{self, SettingsArgs};
use crate::pages::Folder;
use crate::serve::{Console, LocalApi};
use crate::settings::{Settings, StoreBackend};
use crate::worker::Service;

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
        service::start_log(&settings, None);
        let address = self.address.unwrap_or(settings.serve_address);
        serve(&settings, address, None, self.record.as_deref(), drain).await
    }
}

/// Serves jobs until `drain` is cancelled; `concurrency` of them at a time, if it is given.
pub async fn serve(
    settings: &Settings,
    address: SocketAddr,
    concurrency: Option<usize>,
    record: Option<&Path>,
    drain: CancellationToken,
) -> Result<(), Ended> {
    let assembled = service::start(settings, record, None).await?;
    let service = service::run_in_background(settings, assembled).await?;
    let telemetry = service.telemetry.clone();
    let fleet = Arc::clone(&service.fleet);
    let concurrency = concurrency.or(settings.job.concurrency);
    let concurrency = concurrency.unwrap_or_else(|| service.environment.tools.jobs_at_once());
    let console = console(settings, &service)?;
    let api = LocalApi::bind(address, Arc::new(service), concurrency).await?.with_console(console);
    println!("http://{}", api.address);
    service::flushed(telemetry, api.run(drain)).await;
    fleet.leave().await;
    Ok(())
}

/// What the page at `/` needs of the service.
fn console(settings: &Settings, worker: &Service) -> Result<Console, Ended> {
    let mut folders = BTreeMap::new();
    for (name, backend) in &settings.stores {
        if let StoreBackend::Directory(path) = backend {
            let folder = Folder::open(path)
                .map_err(|error| Ended::environment(format!("{} can't be opened: {error}", path.display())))?;
            folders.insert(name.clone(), folder);
        }
    }
    let policies = worker.policies.clone();
    let sandbox = worker.environment.tools.ffmpeg.confinement().0.name();
    Ok(Console {
        stores: worker.environment.stores.clone(),
        folders,
        work_root: worker.environment.work_root.clone(),
        max_upload: settings.job.limits.bytes,
        host: Box::new(move || service::health(&policies.snapshot(), sandbox)),
    })
}
