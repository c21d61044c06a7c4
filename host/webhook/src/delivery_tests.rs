//! Deliveries over real HTTP on the loopback interface, to receivers that behave and to receivers that don't.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const BODY: &str = "{\"status\":\"completed\"}";

fn secret() -> Secret {
    Secret::new("a secret for the delivery tests").unwrap()
}

fn message(kind: EventKind, scheme: Scheme) -> Message {
    Message::new("job-1", kind, BODY.to_owned(), scheme).unwrap()
}

/// A clock that stands still, and jumps on `sleep`.
#[derive(Debug)]
struct JumpingClock {
    now: AtomicU64,
    slept: Mutex<Vec<Duration>>,
}

impl JumpingClock {
    fn new() -> Arc<Self> {
        Arc::new(Self { now: AtomicU64::new(SystemClock.unix_seconds()), slept: Mutex::default() })
    }
}

#[async_trait]
impl Clock for JumpingClock {
    fn unix_seconds(&self) -> u64 {
        self.now.load(Ordering::SeqCst)
    }

    async fn sleep(&self, duration: Duration) {
        self.now.fetch_add(duration.as_secs(), Ordering::SeqCst);
        self.slept.lock().unwrap().push(duration);
    }
}

fn status(status: u16) -> Response {
    Response::builder().status(status).body(Body::empty()).unwrap()
}

fn text(status: u16, body: &str) -> Response {
    Response::builder().status(status).body(Body::from(body.to_owned())).unwrap()
}

fn header(status: u16, name: &str, value: &str) -> Response {
    Response::builder().status(status).header(name, value).body(Body::empty()).unwrap()
}

/// A receiver that answers by a script and records the requests. After the script's end it answers 200.
#[derive(Clone, Default)]
struct Scripted {
    responses: Arc<Mutex<std::collections::VecDeque<Response>>>,
    requests: Arc<Mutex<Vec<(HeaderMap, String)>>>,
}

impl Scripted {
    async fn start(responses: impl IntoIterator<Item = Response>) -> (Self, WebhookUrl) {
        let this = Self { responses: Arc::new(Mutex::new(responses.into_iter().collect())), ..Self::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?token=geheim", listener.local_addr().unwrap());
        let router = Router::new().fallback(Self::receive).with_state(this.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        (this, UrlRules::LOCAL.check(&url).unwrap())
    }

    async fn receive(State(this): State<Self>, headers: HeaderMap, body: String) -> Response {
        this.requests.lock().unwrap().push((headers, body));
        this.responses.lock().unwrap().pop_front().unwrap_or_else(|| status(200))
    }

    fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    fn sent(&self, name: &str) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|(headers, _)| headers[name].to_str().unwrap().to_owned()).collect()
    }
}

fn deliverer(clock: Arc<JumpingClock>) -> Deliverer {
    let mut deliverer = Deliverer::new(UrlRules::LOCAL, secret()).unwrap();
    deliverer.clock = clock;
    deliverer
}

async fn delivered(responses: impl IntoIterator<Item = Response>) -> (Delivery, usize) {
    let (receiver, url) = Scripted::start(responses).await;
    let delivery = deliverer(JumpingClock::new()).deliver(&url, &message(EventKind::Completed, Scheme::Body)).await;
    (delivery, receiver.count())
}

#[tokio::test]
async fn both_schemes_are_verified_by_the_receiver() {
    for scheme in [Scheme::Body, Scheme::TimestampedBody] {
        let receiver = Receiver::start("127.0.0.1:0", secret()).await.unwrap();
        let url = UrlRules::LOCAL.check(&receiver.url()).unwrap();
        let delivery = deliverer(JumpingClock::new()).deliver(&url, &message(EventKind::Completed, scheme)).await;
        assert_eq!(delivery, Delivery { delivered: true, attempts: 1, status: Some(200), note: None });
        let events = receiver.stop().await;
        assert_eq!(
            events.iter().map(|event| (event.verified, event.body.as_str())).collect::<Vec<_>>(),
            [(true, BODY)]
        );
    }
}

#[tokio::test]
async fn a_message_has_the_headers_of_the_specification_and_its_schemes_own() {
    let (receiver, url) = Scripted::start([]).await;
    for scheme in [Scheme::Body, Scheme::TimestampedBody] {
        let message = message(EventKind::Completed, scheme);
        deliverer(JumpingClock::new()).deliver(&url, &message).await;
        let (headers, _) = receiver.requests.lock().unwrap().pop().unwrap();
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("content-type"), Some("application/json"));
        assert_eq!(header("webhook-id"), Some(message.id.as_str()));
        let time: u64 = header("webhook-timestamp").unwrap().parse().unwrap();
        let expected = standard_signature(&secret(), message.id.as_str(), time, BODY);
        assert_eq!(header("webhook-signature"), Some(expected.as_str()));
        assert_eq!(header("x-runpod-timestamp").is_some(), scheme == Scheme::TimestampedBody);
    }
}

#[tokio::test]
async fn a_receiver_with_another_secret_refuses_for_good() {
    let other = Secret::new("some other secret, long enough").unwrap();
    let receiver = Receiver::start("127.0.0.1:0", other).await.unwrap();
    let url = UrlRules::LOCAL.check(&receiver.url()).unwrap();
    let delivery = deliverer(JumpingClock::new()).deliver(&url, &message(EventKind::Failed, Scheme::Body)).await;
    assert_eq!((delivery.delivered, delivery.attempts, delivery.status), (false, 1, Some(401)));
    assert!(delivery.note.unwrap().contains("the signature does not match"));
}

#[tokio::test]
async fn an_unavailable_receiver_is_tried_again_with_the_same_id_and_a_fresh_timestamp() {
    let (receiver, url) = Scripted::start([status(503), status(500), status(200)]).await;
    let message = message(EventKind::Completed, Scheme::TimestampedBody);
    let delivery = deliverer(JumpingClock::new()).deliver(&url, &message).await;
    assert_eq!(delivery, Delivery { delivered: true, attempts: 3, status: Some(200), note: None });
    assert_eq!(receiver.sent("webhook-id"), [message.id.as_str(); 3]);
    let times = receiver.sent("x-runpod-timestamp");
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
    assert_eq!(times, receiver.sent("webhook-timestamp"));
    for (time, signed) in times.iter().zip(receiver.sent("x-runpod-signature")) {
        assert_eq!(signed, signature(&secret(), Scheme::TimestampedBody, time.parse().unwrap(), BODY));
    }
}

#[tokio::test]
async fn refusals_are_not_tried_again() {
    for refusal in [400, 401, 404, 410] {
        let (delivery, requests) = delivered([status(refusal)]).await;
        assert_eq!((delivery.delivered, delivery.attempts, delivery.status), (false, 1, Some(refusal)));
        assert_eq!(requests, 1);
        assert!(delivery.note.unwrap().starts_with(&format!("the receiver answered {refusal}")));
    }
}

#[tokio::test]
async fn temporary_refusals_are_tried_again() {
    for refusal in [408, 425, 429, 500, 502, 503] {
        let (delivery, requests) = delivered([status(refusal)]).await;
        assert_eq!((delivery.delivered, delivery.attempts, requests), (true, 2, 2), "{refusal}");
    }
}

#[tokio::test]
async fn five_attempts_are_made_and_no_more() {
    let (delivery, requests) = delivered((0..9).map(|_| status(503))).await;
    assert_eq!((delivery.delivered, delivery.attempts, delivery.status), (false, 5, Some(503)));
    assert_eq!(requests, 5);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, url) = Scripted::start([]).await;
    let (delivery, requests) = delivered([header(307, "location", url.as_url().as_str())]).await;
    assert_eq!((delivery.delivered, delivery.attempts, delivery.status), (false, 1, Some(307)));
    assert_eq!((requests, elsewhere.count()), (1, 0));
}

#[tokio::test]
async fn retry_after_is_honoured_and_bounded() {
    let (_receiver, url) =
        Scripted::start([header(429, "retry-after", "17"), header(503, "retry-after", "86400")]).await;
    let clock = JumpingClock::new();
    let delivery = deliverer(clock.clone()).deliver(&url, &message(EventKind::Failed, Scheme::Body)).await;
    assert_eq!((delivery.delivered, delivery.attempts), (true, 3));
    assert_eq!(*clock.slept.lock().unwrap(), [17, 30].map(Duration::from_secs));
}

#[tokio::test]
async fn an_endless_response_is_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = UrlRules::LOCAL.check(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    // Writes until the other side hangs up, and returns how much that was.
    let sender = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(BODY.as_bytes()) {
            connection.read_buf(&mut request).await.unwrap();
        }
        let mut written = 0;
        let mut piece = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n".to_vec();
        while connection.write_all(&piece).await.is_ok() {
            written += piece.len();
            piece = vec![b' '; 64 * 1024];
        }
        written
    });
    let delivery = deliverer(JumpingClock::new()).deliver(&url, &message(EventKind::Completed, Scheme::Body)).await;
    assert_eq!((delivery.delivered, delivery.attempts), (true, 1));
    // The system's buffers accept more than is read.
    let written = sender.await.unwrap();
    assert!(written < 32 * 1024 * 1024, "{written} bytes");
}

#[tokio::test]
async fn an_error_in_a_2xx_response_is_noted_and_the_message_counts_as_delivered() {
    let (delivery, requests) = delivered([text(200, "{\"received\":true,\"error\":\"unknown media\"}")]).await;
    assert_eq!((delivery.delivered, requests), (true, 1));
    assert_eq!(delivery.note.as_deref(), Some("unknown media"));
}

#[tokio::test]
async fn pages_of_other_servers_are_not_passed_on() {
    let (delivery, _) = delivered([text(404, "<h1>internal secrets</h1>")]).await;
    assert_eq!(delivery.note.as_deref(), Some("the receiver answered 404 Not Found"));
}

#[tokio::test]
async fn an_absent_receiver_uses_up_all_attempts_and_its_token_is_not_printed() {
    // A port that was free a moment ago, so no process listens on it.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let absent = UrlRules::LOCAL.check(&format!("http://{free}/hook?token=geheim")).unwrap();
    let delivery = deliverer(JumpingClock::new()).deliver(&absent, &message(EventKind::Failed, Scheme::Body)).await;
    assert_eq!((delivery.delivered, delivery.attempts, delivery.status), (false, 5, None));
    let note = delivery.note.unwrap();
    assert!(note.contains("refused") && !note.contains("geheim"), "{note}");
}

#[tokio::test]
async fn progress_is_tried_once() {
    let (receiver, url) = Scripted::start([status(503)]).await;
    let delivery = deliverer(JumpingClock::new()).deliver(&url, &message(EventKind::Progress, Scheme::Body)).await;
    assert_eq!((delivery.delivered, delivery.attempts, receiver.count()), (false, 1, 1));
}

#[tokio::test]
async fn a_receiver_that_never_answers_is_given_up_after_the_timeout() {
    // The system accepts the connection; the test never does.
    let deaf = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = UrlRules::LOCAL.check(&format!("http://{}/", deaf.local_addr().unwrap())).unwrap();
    let schedule = Schedule { gaps: &[Duration::ZERO], timeout: Duration::from_millis(50), ..Schedule::OUTCOME };
    let mut deliverer = deliverer(JumpingClock::new());
    deliverer.outcome = schedule;
    let delivery = deliverer.deliver(&url, &message(EventKind::Completed, Scheme::Body)).await;
    assert_eq!((delivery.delivered, delivery.attempts, delivery.status), (false, 2, None));
    assert!(delivery.note.unwrap().starts_with("no answer in time"));
}

/// A receiver that answers the outcome at once, and each progress message when the test allows it.
#[derive(Clone)]
struct Gated {
    bodies: Arc<Mutex<Vec<String>>>,
    gate: Arc<tokio::sync::Semaphore>,
}

impl Gated {
    async fn start() -> (Self, JobWebhooks) {
        let this = Self { bodies: Arc::default(), gate: Arc::new(tokio::sync::Semaphore::new(0)) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = UrlRules::LOCAL.check(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let router = Router::new().fallback(Self::receive).with_state(this.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        (this, JobWebhooks::new(deliverer(JumpingClock::new()), url, None))
    }

    async fn receive(State(this): State<Self>, body: String) -> Response {
        let is_progress = body != BODY;
        this.bodies.lock().unwrap().push(body);
        if is_progress {
            this.gate.acquire().await.unwrap().forget();
        }
        status(200)
    }

    fn received(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }

    /// Returns once `count` messages have arrived.
    async fn until_received(&self, count: usize) {
        let wait = async {
            while self.received().len() < count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap();
    }
}

fn no_observer() -> DeliveryObserver {
    Arc::new(|_, _, _| ())
}

/// Sends these numbers as progress.
fn send_progress(webhooks: &JobWebhooks, numbers: std::ops::RangeInclusive<u32>) {
    for number in numbers {
        let message = Message::new("job-1", EventKind::Progress, number.to_string(), Scheme::Body).unwrap();
        webhooks.send_progress(message, &no_observer());
    }
}

async fn send_outcome(webhooks: &JobWebhooks) {
    let delivery = webhooks.send_outcome("job-1", &message(EventKind::Completed, Scheme::Body), &no_observer()).await;
    assert!(delivery.delivered);
}

#[tokio::test]
async fn progress_arrives_in_order_and_before_the_outcome() {
    let (receiver, webhooks) = Gated::start().await;
    receiver.gate.add_permits(9);
    send_progress(&webhooks, 1..=9);
    send_outcome(&webhooks).await;
    let expected: Vec<String> = (1..=9).map(|number| number.to_string()).chain([BODY.to_owned()]).collect();
    assert_eq!(receiver.received(), expected);
}

#[tokio::test]
async fn a_receiver_that_is_slower_than_the_job_gets_the_newest_progress() {
    let (receiver, webhooks) = Gated::start().await;
    send_progress(&webhooks, 1..=1);
    receiver.until_received(1).await;
    send_progress(&webhooks, 2..=100);
    receiver.gate.add_permits(100);
    receiver.until_received(17).await;
    send_outcome(&webhooks).await;
    let expected: Vec<String> = [1].into_iter().chain(85..=100).map(|number| number.to_string()).collect();
    assert_eq!(receiver.received()[..17], expected);
    assert_eq!(receiver.received()[17..], [BODY]);
}

#[tokio::test]
async fn a_receiver_that_hangs_delays_the_outcome_briefly_and_gets_no_progress_after_it() {
    let (receiver, webhooks) = Gated::start().await;
    send_progress(&webhooks, 1..=5);
    receiver.until_received(1).await;
    let began = std::time::Instant::now();
    send_outcome(&webhooks).await;
    // Well below the 5 s that one attempt may take.
    assert!(began.elapsed() < Duration::from_millis(4500), "{:?}", began.elapsed());
    receiver.gate.add_permits(100);
    send_progress(&webhooks, 6..=9);
    send_outcome(&webhooks).await;
    assert_eq!(receiver.received(), ["1", BODY, BODY]);
}

fn outbox_in(folder: &std::path::Path) -> Outbox {
    let records = storage::Records::new(Arc::new(storage::LocalDirectory::open(folder).unwrap()), b"secret");
    Outbox::new(records, ".codex/outbox")
}

/// A receiver that is down for an hour, and then takes everything.
async fn down_for_an_hour(clock: &Arc<JumpingClock>) -> (Arc<Mutex<Vec<String>>>, WebhookUrl) {
    let taken = Arc::<Mutex<Vec<String>>>::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (clock, list, up) = (Arc::clone(clock), Arc::clone(&taken), clock.unix_seconds() + 3600);
    let receive = move |headers: HeaderMap| {
        let is_up = clock.unix_seconds() >= up;
        if is_up {
            list.lock().unwrap().push(headers["webhook-id"].to_str().unwrap().to_owned());
        }
        std::future::ready(status(if is_up { 200 } else { 503 }))
    };
    tokio::spawn(axum::serve(listener, Router::new().fallback(receive)).into_future());
    (taken, UrlRules::LOCAL.check(&url).unwrap())
}

#[tokio::test]
async fn a_receiver_that_is_down_for_an_hour_holds_no_job_and_gets_every_message_once() {
    let (clock, folder) = (JumpingClock::new(), tempfile::tempdir().unwrap());
    let (taken, url) = down_for_an_hour(&clock).await;
    let outbox = outbox_in(folder.path());
    let sender = deliverer(Arc::clone(&clock));
    let mut ids = Vec::new();
    for number in 0..20 {
        let webhooks = JobWebhooks::new(sender.clone(), url.clone(), Some(outbox.clone()));
        let job = format!("job-{number}");
        let message = Message::new(&job, EventKind::Completed, BODY.to_owned(), Scheme::Body).unwrap();
        let delivery = webhooks.send_outcome(&job, &message, &no_observer()).await;
        assert_eq!((delivery.delivered, delivery.attempts, delivery.status), (false, 1, Some(503)));
        ids.push(message.id);
    }
    assert!(clock.slept.lock().unwrap().is_empty(), "a job waited");
    assert_eq!(outbox.keys().await.unwrap().len(), 20);

    let began = clock.unix_seconds();
    let (done, mut backlogs) = (tokio_util::sync::CancellationToken::new(), Vec::new());
    let backlog = |left: Backlog| {
        backlogs.push(left);
        if left.messages == 0 {
            done.cancel();
        }
    };
    done.run_until_cancelled(Redelivery::new(outbox.clone(), sender).run(|_, _| (), backlog)).await;
    assert_eq!(outbox.keys().await.unwrap().len(), 0);
    let mut taken = taken.lock().unwrap().clone();
    taken.sort();
    ids.sort();
    assert_eq!(taken, ids);
    // The gap in which it came back has an hour at most.
    assert!(clock.unix_seconds() - began < 3 * 3600, "it took {} s", clock.unix_seconds() - began);
    assert!(backlogs[0].messages == 20 && backlogs.iter().any(|left| left.oldest >= 3600), "{backlogs:?}");
}

#[tokio::test]
async fn what_a_receiver_refuses_is_left_to_an_operator() {
    let (clock, folder) = (JumpingClock::new(), tempfile::tempdir().unwrap());
    let (receiver, url) = Scripted::start([status(503), status(410)]).await;
    let outbox = outbox_in(folder.path());
    let sender = deliverer(Arc::clone(&clock));
    let webhooks = JobWebhooks::new(sender.clone(), url, Some(outbox.clone()));
    webhooks.send_outcome("job-1", &message(EventKind::Completed, Scheme::Body), &no_observer()).await;
    let key = outbox.keys().await.unwrap().remove(0);
    let kept = outbox.read(&key, false).await.unwrap().unwrap();
    assert!(kept.attempts == 1 && kept.next_at > Some(clock.unix_seconds()), "{:?}", kept.next_at);

    let done = tokio_util::sync::CancellationToken::new();
    let backlog = |left: Backlog| {
        if left.given_up == 1 {
            done.cancel();
        }
    };
    done.run_until_cancelled(Redelivery::new(outbox.clone(), sender).run(|_, _| (), backlog)).await;
    let kept = outbox.read(&key, false).await.unwrap().unwrap();
    assert_eq!((kept.attempts, kept.next_at), (2, None));
    assert!(kept.reason.unwrap().contains("410"));
    assert_eq!(receiver.requests.lock().unwrap().len(), 2);
}
