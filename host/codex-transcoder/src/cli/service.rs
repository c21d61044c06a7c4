//! What the commands of a deployed worker share: its settings, its log, and how it says that it can't work.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use authoring::recording::RecordingFolder;
use clap::Args;
use job::JobRecorder;
use policy::ActiveSet;
use runpod::{self, Endpoint};
use tokio_util::sync::CancellationToken;

use super::exit::Ended;
use crate::observe::{self, Health, Metrics, ObserveServer, Redactor};
use crate::settings::{Settings, of_this_process};
use crate::worker::{self, Assembled, Parts, Service, Unfit};

/// Where the settings are.
#[derive(Clone, Debug, Args)]
pub struct SettingsArgs {
    /// The worker's settings: a TOML file. Every key can come from a variable as well; docs/settings.md has them all.
    #[arg(long, env = "CODEX_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl SettingsArgs {
    /// Reads them.
    pub fn load(&self) -> Result<Settings, Ended> {
        Settings::load(self.config.as_deref()).map_err(Ended::failed)
    }
}

/// What knows every secret of this process.
pub fn redactor(settings: &Settings) -> Redactor {
    let redactor = Redactor::default();
    for secret in settings.secrets() {
        redactor.register(secret.expose());
    }
    for variable in ["RUNPOD_AI_API_KEY", "RUNPOD_API_KEY"] {
        redactor.register(&std::env::var(variable).unwrap_or_default());
    }
    redactor
}

/// Where jobs are recorded, without any secret; none where nobody asked for it.
pub fn recordings(settings: &Settings, folder: Option<&Path>) -> Result<Option<Arc<dyn JobRecorder>>, Ended> {
    let Some(folder) = folder else { return Ok(None) };
    let folder = RecordingFolder::open(folder, redactor(settings)).map_err(Ended::failed)?;
    Ok(Some(Arc::new(folder)))
}

/// Sends the log to stderr as lines of JSON, without any secret.
pub fn start_log(settings: &Settings) {
    observe::install(redactor(settings));
    for note in &settings.notes {
        tracing::warn!("{note}");
    }
}

/// What this process was told of the platform that it works for.
pub fn endpoint() -> Result<Option<Endpoint>, Ended> {
    let variables = of_this_process();
    let process = |name: &str| std::env::var(name).ok().or_else(|| variables.get(name).cloned());
    Endpoint::from_variables(process).map_err(Ended::failed)
}

/// The settings; where they can't be used, that is told like everything else that makes a worker unfit.
pub async fn fit_settings(arguments: &SettingsArgs, endpoint: Option<&Endpoint>) -> Result<Settings, Ended> {
    match Settings::load(arguments.config.as_deref()) {
        Ok(settings) => Ok(settings),
        Err(error) => match endpoint {
            None => Err(Ended::failed(error)),
            Some(endpoint) => Err(tell(endpoint, &Unfit { check: "settings", failure: error.into() }).await),
        },
    }
}

async fn tell(endpoint: &Endpoint, unfit: &Unfit) -> Ended {
    runpod::unhealthy(endpoint.clone(), unfit.check, &unfit.failure.to_string()).await;
    Ended::unfit(unfit.check, &unfit.failure)
}

/// A service that is fit for work; else the platform is told once, and the program ends with code 1, which makes the
/// platform replace the worker.
pub async fn fit(settings: &Settings, metrics: Metrics, endpoint: Option<&Endpoint>) -> Result<Assembled, Ended> {
    let assembled = worker::assemble(settings, Parts { metrics }).await;
    match assembled {
        Ok(assembled) => {
            let service = &assembled.service;
            let active = service.policies.snapshot();
            service.metrics.policies(&active);
            active.refused.iter().for_each(|refusal| service.metrics.policy_refusal(refusal));
            service.metrics.host(env!("CARGO_PKG_VERSION"), &service.host.tools.version);
            tracing::info!(
                policy = active.current.name(),
                policy_version = active.current.version(),
                policy_sha256 = active.current.digest(),
                policy_place = %settings.policy.place,
                ffmpeg = service.host.tools.version,
                gpu = service.host.tools.proof.gpu_missing.is_none(),
                stores = service.host.stores.names().join(", "),
                environment = %settings.environment,
                "fit for work"
            );
            Ok(assembled)
        }
        Err(unfit) => {
            let (check, failure) = (unfit.check, &unfit.failure);
            tracing::error!(check, code = failure.code, "not fit for work: {}", failure.message);
            match endpoint {
                Some(endpoint) => Err(tell(endpoint, &unfit).await),
                None => Err(Ended::unfit(check, failure)),
            }
        }
    }
}

/// Keeps the policies up to date until the program ends.
pub fn watch(settings: &Settings, assembled: Assembled) -> Service {
    let Assembled { service, watcher } = assembled;
    let metrics = service.metrics.clone();
    let watching = tokio::spawn(watcher.run(settings.policy.poll, move |change| metrics.policy_change(change)));
    drop(tokio::spawn(async move {
        if let Err(lost) = watching.await {
            tracing::error!(%lost, "policies are no longer watched; what is in force stays until the worker is replaced");
        }
    }));
    service
}

/// Serves metrics and health where the settings say so, until the program ends.
pub async fn observed(settings: &Settings, service: &Service) -> Result<(), Ended> {
    let Some(address) = settings.metrics_address else { return Ok(()) };
    let policies = service.policies.clone();
    let health = move || Health { well: true, detail: health(&policies.snapshot()) };
    let server = ObserveServer::bind(address, service.metrics.clone(), health).await.map_err(Ended::failed)?;
    tracing::info!(address = %server.address(), "metrics are served");
    drop(tokio::spawn(async move {
        if let Err(error) = server.run(CancellationToken::new()).await {
            tracing::warn!(%error, "metrics are no longer served");
        }
    }));
    Ok(())
}

/// What is told of a worker that works. One that has refused a policy works all the same, under the last good one.
fn health(active: &ActiveSet) -> serde_json::Value {
    let current = &active.current;
    let mut detail = serde_json::json!({
        "status": "ready",
        "policy": current.name(),
        "policy_version": current.version(),
        "policy_sha256": current.digest(),
        "policy_refused": *active.refused,
        "version": env!("CARGO_PKG_VERSION"),
    });
    if let (Some((percent, canary)), Some(members)) = (&active.canary, detail.as_object_mut()) {
        let canary = serde_json::json!({
            "percent": percent,
            "policy": canary.name(),
            "policy_version": canary.version(),
            "policy_sha256": canary.digest(),
        });
        members.insert("canary".to_owned(), canary);
    }
    detail
}
