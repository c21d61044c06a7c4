//! `worker`: takes jobs from RunPod Serverless, or runs one from a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use runpod::{Endpoint, JobResult, Worker as RunpodWorker, WorkerSummary};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::exit::{Ended, OrUsage as _};
use super::python_sdk::SdkArgs;
use super::serve::serve;
use super::service::{self, SettingsArgs};
use super::settings_argument;
use crate::serve::one_job;
use crate::settings::{JobSettings, Settings};

/// RunPod's convention for local tests.
const TEST_INPUT: &str = "test_input.json";

#[derive(Clone, Debug, Args)]
pub struct Worker {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Run one job from this file, `{"input": {...}}`, print its result, and exit. Without RUNPOD_WEBHOOK_GET_JOB, the
    /// default is a test_input.json in the working folder.
    #[arg(long, value_name = "FILE")]
    test_input: Option<PathBuf>,
    /// Record what every job saw and did, for `policy replay` and `policy diff`; the newest thousand are kept.
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    #[command(flatten)]
    pub sdk: SdkArgs,
}

impl Worker {
    pub async fn run(self, drain: CancellationToken) -> Result<(), Ended> {
        // Even an ffmpeg that an upload has taken over must not read the secrets in our environment.
        #[cfg(target_os = "linux")]
        if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable) {
            eprintln!("warning: other processes of the same user can read this one's memory: {error}");
        }
        if let Some(api) = self.sdk.api() {
            let settings = self.settings.load()?;
            service::start_log(&settings, self.sdk.log_level.as_deref());
            self.log_notes();
            let address = api.address(settings.serve_address);
            return serve(&settings, address, api.concurrency, self.record.as_deref(), drain).await;
        }
        let endpoint = Endpoint::from_variables(|name| std::env::var(name).ok())?;
        let settings = service::load_settings(&self.settings, endpoint.as_ref()).await?;
        service::start_log(&settings, self.sdk.log_level.as_deref());
        self.log_notes();
        if let Some(request) = self.sdk.test_input()? {
            return self.run_one(&settings, request, "--test_input", drain).await;
        }
        let test_input = self.test_input.clone().or_else(|| {
            let implied = Path::new(TEST_INPUT);
            (implied.is_file() && endpoint.is_none()).then(|| implied.to_owned())
        });
        if let Some(file) = test_input {
            let request = settings_argument::read_json(&file)?;
            return self.run_one(&settings, request, &file.display().to_string(), drain).await;
        }
        let Some(endpoint) = endpoint else {
            return Err(Ended::usage(
                "RUNPOD_WEBHOOK_GET_JOB is not set: this is not a RunPod worker. `worker --test-input FILE` runs one job, \
`serve` takes jobs over HTTP",
            ));
        };
        let assembled = service::start(&settings, self.record.as_deref(), Some(&endpoint)).await?;
        let service = service::run_in_background(&settings, assembled).await?;
        let telemetry = service.telemetry.clone();
        let concurrency = settings.job.concurrency.unwrap_or_else(|| service.environment.tools.jobs_at_once());
        let JobSettings { grace, .. } = settings.job;
        let fleet = Arc::clone(&service.fleet);
        let worker = RunpodWorker { concurrency, grace, ..RunpodWorker::new(endpoint, Arc::new(service)) };
        let WorkerSummary { done, failed, stopped, abandoned, lost } =
            service::flushed(telemetry, worker.run(drain)).await?;
        fleet.leave().await;
        tracing::info!(done, failed, stopped, abandoned, lost, "worker stopped");
        Ok(())
    }

    fn log_notes(&self) {
        for note in self.sdk.notes() {
            tracing::warn!("{note}");
        }
    }

    /// Runs one job and prints its result as the queue would show it.
    async fn run_one(
        &self,
        settings: &Settings,
        request: Value,
        from: &str,
        cancel: CancellationToken,
    ) -> Result<(), Ended> {
        let service = service::start(settings, self.record.as_deref(), None).await?.service;
        let telemetry = service.telemetry.clone();
        let ended = service::flushed(telemetry, one_job(Arc::new(service), request, cancel)).await;
        let ended = ended.map_err(|failure| failure.message);
        let ended = ended.or_usage(format_args!("{from} can't be used"))?;
        let (shown, result) = match ended {
            JobResult::Done(output) => (json!({ "output": output }), Ok(())),
            JobResult::Failed { error, .. } => {
                let ended = Ended::of_job(&error);
                (json!({ "error": error }), Err(ended))
            }
            JobResult::Stopped => (json!({ "stopped": true }), Err(Ended::cancelled())),
        };
        println!("{shown:#}");
        result
    }
}
