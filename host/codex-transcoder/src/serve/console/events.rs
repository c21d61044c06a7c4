//! The jobs as they run, as server-sent events: the whole list, whenever it differs from the last one.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, stream};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::console;
use crate::json::without_nulls;
use crate::serve::api::{ApiError, ApiState};
use crate::serve::job::{ApiJob, JobState, Status};

/// How often the list is looked at.
const PERIOD: Duration = Duration::from_millis(300);

/// Most jobs in the list.
const MOST_JOBS: usize = 100;

pub async fn stream(
    State(state): State<Arc<ApiState>>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    console(&state)?;
    let lists = stream::unfold((state, String::new()), async |(state, last)| {
        loop {
            let list = list(&state).ok()?.to_string();
            if list != last {
                return Some((Ok(Event::default().data(&list)), (state, list)));
            }
            // The stream ends with the server.
            state.stop.run_until_cancelled(tokio::time::sleep(PERIOD)).await?;
        }
    });
    Ok(Sse::new(lists).keep_alive(KeepAlive::default()))
}

fn list(state: &ApiState) -> Result<Value, ApiError> {
    let jobs: Vec<Value> = state.runner.jobs.latest(MOST_JOBS).iter().map(|job| entry(job)).collect();
    let running = state.concurrency.saturating_sub(state.runner.slots.available_permits());
    Ok(json!({
        "host": (console(state)?.host)(),
        "slots": { "running": running, "all": state.concurrency },
        "counts": state.runner.jobs.counts(),
        "jobs": jobs,
    }))
}

fn entry(job: &ApiJob) -> Value {
    let state = job.state.borrow();
    let until = state.ended.unwrap_or_else(Instant::now);
    without_nulls(json!({
        "id": job.id,
        "media": job.media,
        "status": state.status.name(),
        "seconds": state.started.map(|from| until.saturating_duration_since(from).as_secs()),
        "step": running(&state, "step"),
        "percent": running(&state, "encoded").or(running(&state, "percent")),
        "error": state.error.as_deref().map(sentence),
        "page": has_page(&state),
    }))
}

/// A field of the latest progress.
fn running<'a>(state: &'a JobState, field: &str) -> Option<&'a Value> {
    state.output.as_ref().filter(|_| state.status == Status::InProgress)?.get(field)
}

fn has_page(state: &JobState) -> bool {
    let transcode = state.output.as_ref().and_then(|output| output.pointer("/report/transcode"));
    state.status == Status::Completed && transcode.is_some()
}

/// The message and the code, where the error is a job's; the error itself where it is not.
fn sentence(error: &str) -> String {
    let fields = serde_json::from_str::<Value>(error).ok();
    let field = |name: &str| fields.as_ref()?.get(name)?.as_str().map(str::to_owned);
    match (field("error_message"), field("error_type")) {
        (Some(message), Some(code)) => format!("{message} [{code}]"),
        (None, Some(code)) => code,
        _ => error.to_owned(),
    }
}
