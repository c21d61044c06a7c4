//! What a request passes before it is a request to a store: the log, the faults, the personality.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use s3s::Body;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};

use super::cut::{Cut, End};
use super::fault::{Fault, Faults};
use super::personality::Personality;
use super::shelf::{Object, Shelf};
use super::store::Store;
use super::wire::{Link, Reset};
use super::{ACCESS_KEY_ID, SECRET_ACCESS_KEY};

/// How long a key of R2 can't be written again here; a second in truth.
const REWRITE_WINDOW: Duration = Duration::from_millis(50);

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct Asked {
    /// GET, PUT..
    pub method: String,
    /// `/bucket/key`, as it was written.
    pub path: String,
    /// What follows the question mark.
    pub query: String,
    /// By lower-case names; without the signature.
    pub headers: BTreeMap<String, String>,
}

impl Asked {
    fn read(request: &Request<Incoming>) -> Self {
        let headers = request.headers().iter().filter(|(name, _)| *name != "authorization");
        Self {
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            headers: headers
                .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
                .collect(),
        }
    }

    /// A header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Whether `METHOD /path?query` has all these words.
    pub fn matches(&self, words: &str) -> bool {
        let line = format!("{} {}?{}", self.method, self.path, self.query);
        words.split_whitespace().all(|word| line.contains(word))
    }
}

/// An answer in a store's own words.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: &'static str,
    retry_after: Option<u64>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message, retry_after: None }
    }

    fn answer(&self, method: &Method) -> Response<Body> {
        let mut answer = Response::builder().status(self.status).header("content-type", "application/xml");
        if let Some(seconds) = self.retry_after {
            answer = answer.header("retry-after", seconds);
        }
        let (code, message) = (self.code, self.message);
        let text = match *method {
            Method::HEAD => String::new(),
            _ => format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"),
        };
        answer.body(Body::from(text)).unwrap()
    }
}

/// The front of a server, and what is behind it.
#[derive(Debug)]
pub(super) struct Front {
    pub personality: Personality,
    pub shelf: Shelf,
    pub faults: Faults,
    pub link: Link,
    requests: Mutex<Vec<Asked>>,
    window: Mutex<Duration>,
    /// A request came in or was answered.
    changed: Condvar,
}

/// The connection ends without an answer.
#[derive(Debug)]
pub(super) struct Gone;

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection was to end")
    }
}

impl std::error::Error for Gone {}

impl Front {
    pub(super) fn new(personality: Personality, buckets: &[&str]) -> Self {
        let shelf = Shelf::default();
        buckets.iter().for_each(|bucket| shelf.create_bucket(bucket));
        Self {
            personality,
            shelf,
            faults: Faults::default(),
            link: Link::default(),
            requests: Mutex::default(),
            window: Mutex::new(REWRITE_WINDOW),
            changed: Condvar::new(),
        }
    }

    pub(super) fn requests(&self) -> Vec<Asked> {
        self.requests.lock().unwrap().clone()
    }

    pub(super) fn forget_requests(&self) {
        self.requests.lock().unwrap().clear();
    }

    pub(super) fn rewrite_window(&self, window: Duration) {
        *self.window.lock().unwrap() = window;
    }

    pub(super) fn window(&self) -> Duration {
        *self.window.lock().unwrap()
    }

    /// Waits until something holds, which may become true with any request or answer.
    pub(super) fn wait_until(&self, longest: Duration, mut holds: impl FnMut() -> bool) -> bool {
        let end = Instant::now() + longest;
        let mut requests = self.requests.lock().unwrap();
        loop {
            drop(requests);
            if holds() {
                return true;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            // What holds may have changed just before the lock was taken, so nothing is waited for in full.
            requests = self.requests.lock().unwrap();
            requests = self.changed.wait_timeout(requests, left.min(Duration::from_millis(20))).unwrap().0;
        }
    }

    /// What is behind the front.
    pub(super) fn service(self: &Arc<Self>) -> S3Service {
        let mut builder = S3ServiceBuilder::new(Store { front: Arc::clone(self) });
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY_ID, SECRET_ACCESS_KEY));
        builder.build()
    }

    /// Answers one request, or makes its connection end.
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        service: S3Service,
        reset: Reset,
    ) -> Result<Response<Body>, Gone> {
        let asked = Asked::read(&request);
        self.requests.lock().unwrap().push(asked.clone());
        self.changed.notify_all();
        let answer = self.respond(asked, request, service, reset).await;
        self.changed.notify_all();
        answer
    }

    async fn respond(
        &self,
        asked: Asked,
        request: Request<Incoming>,
        service: S3Service,
        reset: Reset,
    ) -> Result<Response<Body>, Gone> {
        if self.faults.is_down() {
            return Err(reset.now());
        }
        // The body first: who answers without having read it makes the other end see a broken connection.
        let (head, body) = request.into_parts();
        let body: Bytes = Body::from(body).store_all_limited(usize::MAX).await.map_err(|_| Gone)?;
        let fault = self.faults.for_request(&asked);
        let refusal = match &fault {
            Some(Fault::SlowDown { retry_after }) => {
                let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "SlowDown", "Please reduce your rate.");
                Some(Refusal { retry_after: Some(*retry_after), ..refusal })
            }
            Some(Fault::Status(status)) => {
                let status = StatusCode::from_u16(*status).unwrap();
                Some(Refusal::new(status, "Injected", "A test asked for this."))
            }
            Some(Fault::Deny) => Some(Refusal::new(StatusCode::FORBIDDEN, "AccessDenied", "Access Denied.")),
            Some(Fault::Silence) => {
                std::future::pending::<()>().await;
                None
            }
            Some(Fault::Rewritten(bytes)) => {
                if let Some((bucket, key)) = asked.path.trim_start_matches('/').split_once('/') {
                    self.shelf.place(bucket, key, Object::new(bytes.clone().into()));
                }
                None
            }
            Some(Fault::ResetMidBody(_) | Fault::SilenceMidBody(_) | Fault::CommitThenDrop) | None => None,
        };
        let refusal = refusal.or_else(|| self.personality.refuses(&head.method, &head.headers));
        if let Some(refusal) = refusal {
            return Ok(refusal.answer(&head.method));
        }
        let request = Request::from_parts(head, Body::from(body));
        let answer = service.call(request).await.map_err(|_| Gone)?;
        match fault {
            Some(Fault::CommitThenDrop) => Err(reset.now()),
            Some(Fault::ResetMidBody(after)) => Ok(cut(answer, after, End::Reset, reset)),
            Some(Fault::SilenceMidBody(after)) => Ok(cut(answer, after, End::Silence, reset)),
            _ => Ok(answer),
        }
    }
}

fn cut(answer: Response<Body>, after: u64, end: End, reset: Reset) -> Response<Body> {
    answer.map(|body| Body::http_body_unsync(Cut::new(body, after, end, reset)))
}
