//! What the commands of a deployed worker share: settings, log, startup checks, metrics.

use std::path::{Path, PathBuf};

use clap::Args;
use media::tier::Tier;
use policy::ActiveSet;
use runpod::{self, Endpoint};
use serde_json::{Value, json};
use webhook::{Delivery, Redelivery};

use super::authoring::recordings;
use super::exit::Ended;
use crate::choice::Choice as _;
use crate::json::without_nulls;
use crate::observe::{self, Redactor, Telemetry};
use crate::settings::Settings;
use crate::worker::{self, Assembled, FailedStartupCheck, Service};

#[derive(Clone, Debug, Args)]
pub struct SettingsArgs {
    /// The worker's settings: a TOML file. Every key is also a variable; docs/settings.md lists them.
    #[arg(long, env = "CODEX_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl SettingsArgs {
    pub fn load(&self) -> Result<Settings, Ended> {
        Ok(Settings::load(self.config.as_deref())?)
    }
}

/// Knows every secret of this process.
fn redactor(settings: &Settings) -> Redactor {
    let redactor = Redactor::default();
    for secret in &settings.secrets {
        redactor.register(secret.expose());
    }
    for variable in ["RUNPOD_AI_API_KEY", "RUNPOD_API_KEY"] {
        redactor.register(&std::env::var(variable).unwrap_or_default());
    }
    redactor
}

/// Logs to stderr as lines of JSON, without secrets, at this level or at that of the environment.
pub fn start_log(settings: &Settings, level: Option<&str>) {
    observe::install(redactor(settings), level);
    for note in &settings.notes {
        tracing::warn!("{note}");
    }
}

/// Loads the settings. On RunPod, wrong ones are a failed startup check.
pub async fn load_settings(arguments: &SettingsArgs, endpoint: Option<&Endpoint>) -> Result<Settings, Ended> {
    match Settings::load(arguments.config.as_deref()) {
        Err(failure) if endpoint.is_some() => {
            let failed = FailedStartupCheck { check: "settings", failure };
            Err(failed_check(endpoint, &failed).await)
        }
        loaded => Ok(loaded?),
    }
}

/// Reports it to RunPod, if this is a worker there. The program ends with code 1, so that RunPod replaces the worker.
async fn failed_check(endpoint: Option<&Endpoint>, failed: &FailedStartupCheck) -> Ended {
    if let Some(endpoint) = endpoint {
        runpod::unhealthy(endpoint.clone(), failed.check, &failed.failure.to_string()).await;
    }
    Ended::failed_startup_check(failed.check, &failed.failure)
}

/// Runs the startup checks. Jobs will be recorded in the folder `record`, if there is one.
pub async fn start(
    settings: &Settings,
    record: Option<&Path>,
    endpoint: Option<&Endpoint>,
) -> Result<Assembled, Ended> {
    let recordings = recordings(record, redactor(settings))?;
    match worker::assemble(settings, recordings).await {
        Ok(assembled) => {
            let service = &assembled.service;
            let standing = service.policies.snapshot();
            service.metrics.policies(&standing);
            standing.refused.iter().for_each(|refusal| service.metrics.policy_refusal(refusal));
            let tools = &service.environment.tools;
            service.metrics.host(env!("CARGO_PKG_VERSION"), &tools.build.version, tools.ffmpeg.confinement().0.name());
            tracing::info!(
                policy = standing.current.name(),
                policy_version = standing.current.version(),
                policy_sha256 = standing.current.digest(),
                policy_place = %settings.policy.place,
                ffmpeg = service.environment.tools.build.version,
                sandbox = service.environment.tools.ffmpeg.confinement().0.name(),
                gpu = service.environment.tools.proof.gpu_missing().is_none(),
                tiers = service.environment.tools.proof.tiers().map(Tier::name).collect::<Vec<_>>().join(", "),
                stores = service.environment.stores.names().join(", "),
                environment = settings.environment.word(),
                "startup checks passed"
            );
            Ok(assembled)
        }
        Err(failed) => {
            let (check, failure) = (failed.check, &failed.failure);
            tracing::error!(check, code = failure.code, "startup check failed: {}", failure.message);
            Err(failed_check(endpoint, &failed).await)
        }
    }
}

/// Runs `work`, and sends the traces and metrics that are left when it ends.
pub async fn flushed<T>(telemetry: Option<Telemetry>, work: impl Future<Output = T>) -> T {
    let ended = work.await;
    if let Some(telemetry) = telemetry {
        telemetry.stop().await;
    }
    ended
}

/// Keeps the policies and the note of this worker up to date, delivers the outbox, and serves metrics, until the program ends.
pub async fn run_in_background(settings: &Settings, assembled: Assembled) -> Result<Service, Ended> {
    let Assembled { service, watcher } = assembled;
    let metrics = service.metrics.clone();
    let watching = tokio::spawn(watcher.run(settings.policy.poll, move |change| metrics.policy_change(change)));
    drop(tokio::spawn(async move {
        if let Err(lost) = watching.await {
            tracing::error!(%lost, "policies are no longer watched; the active ones stay until the worker is replaced");
        }
    }));
    drop(tokio::spawn(service.fleet.clone().run(settings.policy.poll)));
    let redelivery = Redelivery::new(service.outbox.clone(), service.deliverer.clone());
    let (sent, left) = (service.metrics.clone(), service.metrics.clone());
    let observe = move |kind, delivery: &Delivery| sent.redelivered(kind, delivery);
    drop(tokio::spawn(redelivery.run(observe, move |backlog| left.backlog(backlog))));
    if let Some(address) = settings.metrics_address {
        let policies = service.policies.clone();
        let sandbox = service.environment.tools.ffmpeg.confinement().0.name();
        let health = move || health(&policies.snapshot(), sandbox);
        let address = observe::serve(address, service.metrics.clone(), health).await?;
        tracing::info!(%address, "metrics are served");
    }
    Ok(service)
}

/// The body of `/health`. A worker that refused a policy is healthy: it runs under the last good one.
pub fn health(standing: &ActiveSet, sandbox: &str) -> Value {
    let current = &standing.current;
    let canary = standing.canary.as_ref().map(|canary| {
        json!({
            "percent": canary.percent,
            "policy": canary.policy.name(),
            "policy_version": canary.policy.version(),
            "policy_sha256": canary.policy.digest(),
        })
    });
    without_nulls(json!({
        "status": "ready",
        "policy": current.name(),
        "policy_version": current.version(),
        "policy_sha256": current.digest(),
        "policy_refused": *standing.refused,
        "canary": canary,
        "version": env!("CARGO_PKG_VERSION"),
        "sandbox": sandbox,
    }))
}
