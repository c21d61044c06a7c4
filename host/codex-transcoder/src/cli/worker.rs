//! `worker`: takes jobs from RunPod Serverless, or runs one from a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use job::JobRecorder;
use runpod::{self, Worker as RunpodWorker};
use tokio_util::sync::CancellationToken;

use super::exit::Ended;
use super::service::{self, SettingsArgs};
use crate::observe::Metrics;
use crate::serve::one_job;

/// The file that the platform's developers are used to have picked up.
const TEST_INPUT: &str = "test_input.json";

/// The arguments of `worker`.
#[derive(Clone, Debug, Args)]
pub struct Worker {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Runs one job from this file, `{"input": {...}}`, prints how it ends, and exits. Without RUNPOD_WEBHOOK_GET_JOB, a
    /// test_input.json in the working folder is taken.
    #[arg(long, value_name = "FILE")]
    test_input: Option<PathBuf>,
    /// Write down what every job saw and did, for `policy replay` and `policy diff`; the newest thousand are kept.
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
}

impl Worker {
    /// Works until told to go.
    pub async fn run(self, drain: CancellationToken) -> Result<(), Ended> {
        // Whatever an upload makes of ffmpeg, it must not read the secrets in our environment.
        #[cfg(target_os = "linux")]
        if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable) {
            eprintln!("warning: this process can be looked into by others of the same user: {error}");
        }
        let endpoint = service::endpoint()?;
        let settings = service::fit_settings(&self.settings, endpoint.as_ref()).await?;
        service::start_log(&settings);
        let test_input = self.test_input.clone().or_else(|| {
            let implied = Path::new(TEST_INPUT);
            (implied.is_file() && endpoint.is_none()).then(|| implied.to_owned())
        });
        let recordings = service::recordings(&settings, self.record.as_deref())?;
        if let Some(file) = test_input {
            return test(&settings, &file, recordings, drain).await;
        }
        let Some(endpoint) = endpoint else {
            return Err(Ended::usage(
                "RUNPOD_WEBHOOK_GET_JOB is not set: this is no RunPod worker. `worker --test-input FILE` runs one job, \
`serve` takes jobs over HTTP",
            ));
        };
        let mut assembled = service::fit(&settings, Metrics::new(), Some(&endpoint)).await?;
        assembled.service.environment.recordings = recordings;
        let service = service::watch(&settings, assembled);
        service::observed(&settings, &service).await?;
        let worker = RunpodWorker::new(endpoint, Arc::new(service))
            .with_concurrency(settings.job.concurrency)
            .with_grace(settings.job.grace);
        let summary = worker.run(drain).await.map_err(Ended::failed)?;
        let runpod::Summary { done, failed, stopped, abandoned, lost } = summary;
        tracing::info!(done, failed, stopped, abandoned, lost, "worker ends");
        Ok(())
    }
}

/// One job, its end printed as the queue would show it.
async fn test(
    settings: &crate::settings::Settings,
    file: &Path,
    recordings: Option<Arc<dyn JobRecorder>>,
    cancel: CancellationToken,
) -> Result<(), Ended> {
    let unreadable = |why: String| Ended::usage(format!("{} can't be used: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(error.to_string()))?;
    let request = serde_json::from_str(&text).map_err(|error| unreadable(format!("it is not JSON ({error})")))?;
    let mut service = service::fit(settings, Metrics::new(), None).await?.service;
    service.environment.recordings = recordings;
    let ended = one_job(&service, request, cancel).await.map_err(|error| unreadable(error.to_string()))?;
    let (shown, result) = match ended {
        runpod::Ended::Done(output) => (serde_json::json!({ "output": output }), Ok(())),
        runpod::Ended::Failed { error, .. } => {
            let ended = Ended::of_job(&error);
            (serde_json::json!({ "error": error }), Err(ended))
        }
        runpod::Ended::Stopped => (serde_json::json!({ "stopped": true }), Err(Ended::cancelled())),
    };
    println!("{}", serde_json::to_string_pretty(&shown).unwrap_or_default());
    result
}
