//! The routes, and the server below them.

use std::future::IntoFuture as _;
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
use runpod::Handler;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use webhook::UrlRules;

use super::ServeError;
use super::book::{Book, Refusal, Ticket};
use super::entry::Status;
use super::guard::only_this_machine;
use super::request::Request;
use super::run::{Runner, STOPPING};
use super::tell::Teller;

/// Largest body, as in the cloud.
const MAX_BODY: usize = 10 * 1024 * 1024;

/// How long answers that are under way may take when the jobs have ended.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

const ROUTES: &str = "this API has POST /run, POST /runsync, GET /status/{id}, POST /stream/{id}, POST /cancel/{id}, \
                      POST /retry/{id} and GET /health";

/// The local API, with its port taken.
pub struct LocalApi {
    listener: TcpListener,
    address: SocketAddr,
    desk: Arc<Desk>,
}

/// What the routes share.
struct Desk {
    runner: Runner,
    concurrency: usize,
    /// Calls everything off.
    stop: CancellationToken,
    tasks: Mutex<JoinSet<()>>,
}

impl LocalApi {
    /// Takes the port and gets ready to run so many jobs at a time, one at least. On a loopback address, only programs of
    /// this machine are answered, and a job's `webhook` may be an http address of this machine; else it must be https and
    /// public, because others can ask for jobs then.
    pub async fn bind(address: SocketAddr, handler: Arc<dyn Handler>, concurrency: usize) -> Result<Self, ServeError> {
        let rules = if address.ip().is_loopback() { UrlRules::local() } else { UrlRules::production() };
        Self::with_teller(address, handler, concurrency, Teller::new(rules)?).await
    }

    /// The same with another way to tell the end of a job.
    pub(super) async fn with_teller(
        address: SocketAddr,
        handler: Arc<dyn Handler>,
        concurrency: usize,
        teller: Teller,
    ) -> Result<Self, ServeError> {
        let refused = |source| ServeError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let concurrency = concurrency.clamp(1, Semaphore::MAX_PERMITS);
        let stop = CancellationToken::new();
        let (book, slots) = (Book::new(stop.clone()), Arc::new(Semaphore::new(concurrency)));
        let runner = Runner { book, handler, slots, teller };
        Ok(Self { listener, address, desk: Arc::new(Desk { runner, concurrency, stop, tasks: Mutex::default() }) })
    }

    /// Where it listens, with the port that the system chose if none was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `drain` is cancelled. Then it accepts nothing more, calls off what waits and runs, gives these jobs
    /// and their answers a moment to end, and returns.
    pub async fn run(self, drain: CancellationToken) {
        let Self { listener, address, desk } = self;
        // Also where this future is dropped: a job must not outlive its server.
        let _end = desk.stop.clone().drop_guard();
        let alone = address.ip().is_loopback();
        if !alone {
            warn!(%address, "whoever reaches this address can have jobs run: there is no authorisation");
        }
        info!(%address, concurrency = desk.concurrency, "the local API is ready");
        let told = drain.clone();
        let server = axum::serve(listener, router(Arc::clone(&desk), alone))
            .with_graceful_shutdown(async move { told.cancelled().await })
            .into_future();
        let mut server = std::pin::pin!(server);
        tokio::select! {
            ended = &mut server => {
                if let Err(error) = ended {
                    warn!(%error, "the local API no longer listens");
                }
            }
            () = drain.cancelled() => {
                desk.stop.cancel();
                // Both at once: a request that waits for a job is answered when the job has stopped.
                let jobs = desk.last_jobs();
                tokio::pin!(jobs);
                tokio::select! {
                    () = &mut jobs => {
                        let _ = timeout(LAST_ANSWERS, server).await;
                    }
                    _ = &mut server => jobs.await,
                }
            }
        }
        info!("the local API has ended");
    }
}

fn router(desk: Arc<Desk>, alone: bool) -> Router {
    Router::new()
        .route("/run", post(run))
        .route("/runsync", post(runsync))
        .route("/status/{id}", get(status).post(status))
        .route("/stream/{id}", get(stream).post(stream))
        .route("/cancel/{id}", post(cancel))
        .route("/retry/{id}", post(retry))
        .route("/health", get(health))
        .fallback(async || Denied(StatusCode::NOT_FOUND, ROUTES.to_owned()))
        .method_not_allowed_fallback(async || Denied(StatusCode::METHOD_NOT_ALLOWED, ROUTES.to_owned()))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(alone, only_this_machine))
        .with_state(desk)
}

impl Desk {
    /// A runner, if one is free at this moment.
    fn slot(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.runner.slots).try_acquire_owned().ok()
    }

    /// Takes a job and begins it. Gives its id, and where it is at this moment.
    fn submit(&self, body: Result<Bytes, BytesRejection>) -> Result<(String, Status), Denied> {
        let body = body.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                let error = format!("the body has more than {MAX_BODY} bytes; put what is large into a store");
                Denied(StatusCode::PAYLOAD_TOO_LARGE, error)
            }
            other => Denied(other, rejection.body_text()),
        })?;
        let bad = |error: String| Denied(StatusCode::BAD_REQUEST, error);
        let request = Request::parse(&body).map_err(|error| bad(error.to_string()))?;
        if let Some(url) = &request.webhook {
            self.runner.teller.check(url).map_err(|error| bad(format!("`webhook`: {error}")))?;
        }
        let slot = self.slot();
        let ticket = self.runner.book.enter(request, body.len(), slot.is_some())?;
        Ok(self.begin(ticket, slot))
    }

    fn begin(&self, ticket: Ticket, slot: Option<OwnedSemaphorePermit>) -> (String, Status) {
        let begun = (ticket.id.clone(), if slot.is_some() { Status::InProgress } else { Status::InQueue });
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(self.runner.clone().run(ticket, slot));
        begun
    }

    /// Waits for what was called off; what does not end is left behind.
    async fn last_jobs(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        // A moment longer than a job has to stop, for telling its end.
        let all = async { while tasks.join_next().await.is_some() {} };
        if timeout(STOPPING + LAST_ANSWERS, all).await.is_err() {
            warn!("some jobs have not ended; leaving them behind");
        }
    }
}

async fn run(State(desk): State<Arc<Desk>>, body: Result<Bytes, BytesRejection>) -> Response {
    desk.submit(body).map_or_else(Denied::into_response, brief)
}

async fn runsync(
    State(desk): State<Arc<Desk>>,
    RawQuery(query): RawQuery,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let wait = match wait(query.as_deref()) {
        Ok(wait) => wait,
        Err(denied) => return denied.into_response(),
    };
    let id = match desk.submit(body) {
        Ok((id, _)) => id,
        Err(denied) => return denied.into_response(),
    };
    if let Ok(mut watched) = desk.runner.book.watch(&id) {
        let end = watched.wait_for(|status: &Status| status.is_final());
        match wait {
            // Neither a job that takes longer nor one that was forgotten needs an answer of its own.
            Some(wait) => drop(timeout(wait, end).await),
            None => drop(end.await),
        }
    }
    shown(desk.runner.book.view(&id))
}

/// How long to wait for a job's end: as long as it takes, or as the query says.
fn wait(query: Option<&str>) -> Result<Option<Duration>, Denied> {
    let mut pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let Some((_, ms)) = pairs.find(|(name, _)| *name == "wait") else { return Ok(None) };
    let problem = |_| Denied(StatusCode::BAD_REQUEST, "`wait` is not a whole number of milliseconds".to_owned());
    let ms = ms.parse::<u32>().map_err(problem)?;
    Ok(Some(Duration::from_millis(u64::from(ms))))
}

async fn status(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    shown(desk.runner.book.view(&id))
}

async fn stream(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    shown(desk.runner.book.stream(&id))
}

async fn cancel(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    shown(desk.runner.book.cancel(&id))
}

async fn retry(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    let slot = desk.slot();
    match desk.runner.book.retry(&id, slot.is_some()) {
        Ok(ticket) => brief(desk.begin(ticket, slot)),
        Err(refusal) => Denied::from(refusal).into_response(),
    }
}

async fn health(State(desk): State<Arc<Desk>>) -> Response {
    let idle = desk.runner.slots.available_permits();
    let running = desk.concurrency.saturating_sub(idle);
    let workers =
        json!({ "idle": idle, "initializing": 0, "ready": idle, "running": running, "throttled": 0, "unhealthy": 0 });
    answer(StatusCode::OK, &json!({ "jobs": desk.runner.book.counts(), "workers": workers }))
}

/// What a job is called, and where it was when it was taken.
fn brief((id, status): (String, Status)) -> Response {
    answer(StatusCode::OK, &json!({ "id": id, "status": status.name() }))
}

fn shown(view: Result<Value, Refusal>) -> Response {
    view.map_or_else(|refusal| Denied::from(refusal).into_response(), |view| answer(StatusCode::OK, &view))
}

/// A request that is refused, with the sentence that says why.
struct Denied(StatusCode, String);

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal {
            Refusal::Full => StatusCode::TOO_MANY_REQUESTS,
            Refusal::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Known => StatusCode::CONFLICT,
            Refusal::Unknown => StatusCode::NOT_FOUND,
            Refusal::NotRetryable(_) => StatusCode::BAD_REQUEST,
        };
        Self(status, refusal.to_string())
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        answer(self.0, &json!({ "error": self.1 }))
    }
}

/// JSON.
pub(super) fn answer(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
