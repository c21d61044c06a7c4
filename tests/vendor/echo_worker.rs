//! A worker whose jobs return their input: to try an endpoint, and to compare this worker with the vendor's. It reads
//! everything from the environment, as on RunPod.
//!
//! With `{"fail": "why"}` a job fails instead. With `{"progress": 50}` it reports that first. With `{"seconds": 3}` it
//! takes that long.

use std::sync::Arc;
use std::time::Duration;

use runpod::{Endpoint, Handler, Job, JobResult, Progress, Worker};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

struct Echo;

#[async_trait::async_trait]
impl Handler for Echo {
    async fn handle(&self, job: Job, progress: Progress, stop: CancellationToken) -> JobResult {
        if let Some(output) = job.input.get("progress") {
            progress(output.clone());
        }
        let seconds = job.input.get("seconds").and_then(Value::as_u64).unwrap_or_default();
        if stop.run_until_cancelled(tokio::time::sleep(Duration::from_secs(seconds))).await.is_none() {
            return JobResult::Stopped;
        }
        match job.input.get("fail") {
            Some(why) => {
                JobResult::Failed { error: json!({ "code": "echo.asked", "message": why }), fresh_worker: false }
            }
            None => JobResult::Done(job.input),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let endpoint = Endpoint::from_variables(|name| std::env::var(name).ok()).map_err(|failure| failure.message)?;
    let Some(endpoint) = endpoint else {
        return Err("RUNPOD_WEBHOOK_GET_JOB is not set: this is not a RunPod worker".into());
    };
    let concurrency = std::env::var("ECHO_CONCURRENCY").ok().map(|slots| slots.parse()).transpose()?.unwrap_or(1);
    let drain = CancellationToken::new();
    let shutdown = drain.clone();
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        terminated.recv().await;
        shutdown.cancel();
    });
    let worker = Worker { concurrency, ..Worker::new(endpoint, Arc::new(Echo)) };
    worker.run(drain).await.map_err(|failure| failure.message)?;
    Ok(())
}
