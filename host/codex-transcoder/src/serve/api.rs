//! The routes and their server.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use fault::{Blame, Failure, codes};
use runpod::Handler;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::console::{self, Console};
use super::guard::require_local_names;
use super::job::{ApiJob, Status};
use super::jobs::Jobs;
use super::request::JobRequest;
use super::run::{Runner, STOP_TIMEOUT};
use crate::listen::listen;

/// The cloud's limit.
const MAX_BODY: usize = 10 * 1024 * 1024;

/// How long responses may take after the last job has ended.
const LAST_RESPONSES: Duration = Duration::from_secs(1);

/// How long `/stream` waits for something new. The vendor's client gives up after ten seconds.
const STREAM_WAIT: Duration = Duration::from_secs(5);

const ROUTES: &str = "this API has POST /run, POST /runsync, GET and POST /status/{id} and /stream/{id}, \
POST /cancel/{id}, POST /purge-queue and GET /health, each also under /v2/{endpoint}";

/// The local API, bound to its port.
pub struct LocalApi {
    listener: TcpListener,
    /// Has the port that the system chose if port 0 was asked for.
    pub address: SocketAddr,
    state: ApiState,
}

pub(super) struct ApiState {
    pub(super) runner: Runner,
    /// For the browser of this machine.
    pub(super) console: Option<Console>,
    pub(super) concurrency: usize,
    /// Cancels every job.
    pub(super) stop: CancellationToken,
    tasks: Mutex<JoinSet<()>>,
}

impl LocalApi {
    /// Binds the port and prepares to run up to `concurrency` jobs at a time, at least one. On a loopback address, only
    /// requests that name this machine are answered.
    pub async fn bind(address: SocketAddr, handler: Arc<dyn Handler>, concurrency: usize) -> Result<Self, Failure> {
        let (listener, address) = listen(address, &codes::serve::LISTEN, "the local API can't listen on").await?;
        let concurrency = concurrency.clamp(1, Semaphore::MAX_PERMITS);
        let stop = CancellationToken::new();
        let runner = Runner { jobs: Jobs::new(stop.clone()), handler, slots: Arc::new(Semaphore::new(concurrency)) };
        let state = ApiState { runner, console: None, concurrency, stop, tasks: Mutex::default() };
        Ok(Self { listener, address, state })
    }

    /// Also serves the console, but only on a loopback address: it reads and writes stores.
    #[must_use]
    pub fn with_console(mut self, console: Console) -> Self {
        self.state.console = self.address.ip().is_loopback().then_some(console);
        self
    }

    /// Serves until `drain` is cancelled. Then it stops accepting requests, cancels queued and running jobs, gives them
    /// and their responses a moment to end, and returns.
    pub async fn run(self, drain: CancellationToken) {
        let Self { listener, address, state } = self;
        let state = Arc::new(state);
        // Also when this future is dropped: a job must not outlive its server.
        let _stop_jobs = state.stop.clone().drop_guard();
        let loopback = address.ip().is_loopback();
        if !loopback {
            warn!(%address, "anyone who can reach this address can run jobs: there is no authorisation");
        }
        info!(%address, concurrency = state.concurrency, "the local API is ready");
        let server = axum::serve(listener, router(Arc::clone(&state), loopback))
            .with_graceful_shutdown(drain.clone().cancelled_owned());
        // In a task of its own: requests that wait for a job are answered while the jobs stop.
        let mut serving = JoinSet::new();
        serving.spawn(server.into_future());
        tokio::select! {
            Some(Ok(Err(error))) = serving.join_next() => warn!(%error, "the local API no longer listens"),
            () = drain.cancelled() => {
                state.stop.cancel();
                state.finish_jobs().await;
                drop(timeout(LAST_RESPONSES, serving.join_next()).await);
            }
        }
        info!("the local API has stopped");
    }
}

/// What clients of the cloud ask for below the id of their endpoint, which is any id here.
const CLOUD_PREFIX: &str = "/v2/{endpoint}";

fn router(state: Arc<ApiState>, loopback: bool) -> Router {
    let console = if state.console.is_some() { console::routes() } else { Router::new() };
    let routes = Router::new()
        .route("/run", post(run))
        .route("/runsync", post(runsync))
        .route("/status/{id}", get(status).post(status))
        .route("/stream/{id}", get(stream).post(stream))
        .route("/cancel/{id}", post(cancel))
        .route("/purge-queue", post(purge_queue))
        .route("/health", get(health));
    console
        .nest(CLOUD_PREFIX, routes.clone())
        .merge(routes)
        .fallback(async || ApiError::new(StatusCode::NOT_FOUND, ROUTES))
        .method_not_allowed_fallback(async || ApiError::new(StatusCode::METHOD_NOT_ALLOWED, ROUTES))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(loopback, require_local_names))
        .with_state(state)
}

impl ApiState {
    /// Accepts a job and starts its task. The status is the one at this moment.
    fn submit_body(&self, body: Result<Bytes, BytesRejection>) -> Result<(Arc<ApiJob>, Status), ApiError> {
        let body = body.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                let error = format!("the body has more than {MAX_BODY} bytes; put large data into a store");
                ApiError(StatusCode::PAYLOAD_TOO_LARGE, error.into())
            }
            other => ApiError(other, rejection.body_text().into()),
        })?;
        let request =
            JobRequest::parse(&body).map_err(|error| ApiError(StatusCode::BAD_REQUEST, error.message.into()))?;
        self.submit(request, body.len())
    }

    /// Accepts a job whose description has this many bytes.
    pub(super) fn submit(&self, request: JobRequest, bytes: usize) -> Result<(Arc<ApiJob>, Status), ApiError> {
        let slot = Arc::clone(&self.runner.slots).try_acquire_owned().ok();
        let job = self.runner.jobs.accept(&request, bytes, slot.is_some())?;
        let status = job.status();
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(self.runner.clone().run(Arc::clone(&job), request.input, slot));
        Ok((job, status))
    }

    /// Waits for cancelled jobs, for a limited time.
    async fn finish_jobs(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        // Longer than a single job has.
        let all = async { while tasks.join_next().await.is_some() {} };
        if timeout(STOP_TIMEOUT + LAST_RESPONSES, all).await.is_err() {
            warn!("some jobs did not stop; they are abandoned");
        }
    }
}

async fn run(State(state): State<Arc<ApiState>>, body: Result<Bytes, BytesRejection>) -> Result<Response, ApiError> {
    let (job, status) = state.submit_body(body)?;
    Ok(json_response(StatusCode::OK, &json!({ "id": job.id, "status": status.name() })))
}

async fn runsync(
    State(state): State<Arc<ApiState>>,
    RawQuery(query): RawQuery,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let wait = wait_of(query.as_deref())?;
    let (job, _) = state.submit_body(body)?;
    let mut state = job.state.subscribe();
    let end = state.wait_for(|state| state.status.is_final());
    // A job that takes longer is answered like `/status`.
    match wait {
        Some(wait) => drop(timeout(wait, end).await),
        None => drop(end.await),
    }
    Ok(json_response(StatusCode::OK, &job.view()))
}

/// The `wait` of the query. `None` waits until the job ends.
fn wait_of(query: Option<&str>) -> Result<Option<Duration>, ApiError> {
    let mut pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let Some((_, ms)) = pairs.find(|(name, _)| *name == "wait") else { return Ok(None) };
    let problem = |_| ApiError::new(StatusCode::BAD_REQUEST, "`wait` is not a whole number of milliseconds");
    let ms = ms.parse::<u32>().map_err(problem)?;
    Ok(Some(Duration::from_millis(u64::from(ms))))
}

/// The parts of a path by name: the id of a job, and maybe that of an endpoint, which is not looked at.
type PathParts = Path<BTreeMap<String, String>>;

fn id_of(Path(parts): &PathParts) -> &str {
    parts.get("id").map_or("", String::as_str)
}

async fn status(State(state): State<Arc<ApiState>>, parts: PathParts) -> Result<Response, ApiError> {
    Ok(json_response(StatusCode::OK, &state.runner.jobs.get(id_of(&parts))?.view()))
}

/// Waits a while for something new, because clients ask again at once.
async fn stream(State(state): State<Arc<ApiState>>, parts: PathParts) -> Result<Response, ApiError> {
    let job = state.runner.jobs.get(id_of(&parts))?;
    let mut state = job.state.subscribe();
    drop(timeout(STREAM_WAIT, state.wait_for(|state| state.is_news || state.status.is_final())).await);
    Ok(json_response(StatusCode::OK, &job.stream()))
}

async fn cancel(State(state): State<Arc<ApiState>>, parts: PathParts) -> Result<Response, ApiError> {
    let job = state.runner.jobs.get(id_of(&parts))?;
    job.cancel();
    Ok(json_response(StatusCode::OK, &job.view()))
}

async fn purge_queue(State(state): State<Arc<ApiState>>) -> Response {
    json_response(StatusCode::OK, &json!({ "removed": state.runner.jobs.purge(), "status": "completed" }))
}

async fn health(State(state): State<Arc<ApiState>>) -> Response {
    let idle = state.runner.slots.available_permits();
    let running = state.concurrency.saturating_sub(idle);
    let workers =
        json!({ "idle": idle, "initializing": 0, "ready": idle, "running": running, "throttled": 0, "unhealthy": 0 });
    json_response(StatusCode::OK, &json!({ "jobs": state.runner.jobs.counts(), "workers": workers }))
}

/// `{"error": …}` with this status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiError(StatusCode, Cow<'static, str>);

impl ApiError {
    pub(super) const fn new(status: StatusCode, error: &'static str) -> Self {
        Self(status, Cow::Borrowed(error))
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        let status =
            if failure.blame == Blame::Host { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::BAD_REQUEST };
        Self(status, failure.to_string().into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        json_response(self.0, &json!({ "error": self.1 }))
    }
}

pub(super) fn json_response(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
