//! A small receiver for local work and for tests: it checks what it gets and shows it.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use fault::{Code, Fault, codes};
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::deliver::{Clock, SystemClock};
use super::{Claimed, Message, Rejection, Secret, sign};

/// How many events wait for whoever reads them; more are answered with 503, and a sender tries those again.
const WAITING: usize = 256;

/// Why a receiver does not listen.
#[derive(Debug, thiserror::Error)]
#[error("the webhook receiver can't listen there")]
pub struct ListenError(#[from] std::io::Error);

impl Fault for ListenError {
    fn code(&self) -> &'static Code {
        &codes::webhook::LISTEN
    }
}

/// A message that came in, believed or not.
#[derive(Clone, Debug)]
pub struct ReceivedEvent {
    /// Whether its signature is right and, where it has a timestamp, recent.
    pub verified: bool,
    /// Why it is not verified.
    pub reason: Option<Rejection>,
    /// Its headers; those that are not text are left out.
    pub headers: Vec<(String, String)>,
    /// Its body; what is not UTF-8 is shown as replacement characters.
    pub body: String,
}

impl ReceivedEvent {
    /// A header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

/// A receiver at work. It ends when it is dropped; [`Receiver::stop`] waits for its last answer.
#[derive(Debug)]
pub struct Receiver {
    /// Where it listens, with the port that the system chose if none was asked for.
    pub addr: SocketAddr,
    /// What came in, in its order.
    pub events: mpsc::Receiver<ReceivedEvent>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<std::io::Result<()>>,
}

struct Desk {
    secret: Secret,
    events: mpsc::Sender<ReceivedEvent>,
}

impl Receiver {
    /// Listens on an address such as `127.0.0.1:0` for messages signed with `secret`, on any path. Answers 200 with
    /// `{"received":true}`, or 401 with a reason.
    pub async fn start(addr: impl ToSocketAddrs, secret: Secret) -> Result<Self, ListenError> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let (sender, events) = mpsc::channel(WAITING);
        let router = Router::new()
            .fallback(receive)
            .layer(DefaultBodyLimit::max(Message::MAX_BYTES))
            .with_state(Arc::new(Desk { secret, events: sender }));
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(async move {
            // Ends on a message and on the loss of its sender alike.
            let stopped = async { drop(stopped.await) };
            axum::serve(listener, router).with_graceful_shutdown(stopped).await
        });
        Ok(Self { addr, events, stop, server })
    }

    /// The URL of its root.
    pub fn url(&self) -> String {
        format!("http://{}/", self.addr)
    }

    /// Takes no more connections, answers what has begun, and returns what nobody has read yet.
    pub async fn stop(mut self) -> Vec<ReceivedEvent> {
        let _ = self.stop.send(());
        let _ = self.server.await;
        let mut unread = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            unread.push(event);
        }
        unread
    }
}

async fn receive(
    State(desk): State<Arc<Desk>>,
    method: Method,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    if method != Method::POST {
        return answer(StatusCode::METHOD_NOT_ALLOWED, Err("webhooks are sent by POST"));
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return answer(rejection.status(), Err(&rejection.body_text())),
    };
    let event = examined(&desk.secret, &headers, &body);
    let reason = event.reason;
    if desk.events.try_send(event).is_err() {
        return answer(StatusCode::SERVICE_UNAVAILABLE, Err("nobody reads the events that came before"));
    }
    match reason {
        None => answer(StatusCode::OK, Ok(())),
        Some(reason) => answer(StatusCode::UNAUTHORIZED, Err(&reason.to_string())),
    }
}

fn examined(secret: &Secret, headers: &HeaderMap, body: &[u8]) -> ReceivedEvent {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let claimed = Claimed { signature: text(sign::SIGNATURE), timestamp: text(sign::TIMESTAMP) };
    // The signature covers bytes; ours are always UTF-8, so others can't be signed by us.
    let checked = match std::str::from_utf8(body) {
        Ok(body) => sign::verify(secret, claimed, body, SystemClock.unix_seconds()),
        Err(_) => Err(Rejection::Mismatch),
    };
    ReceivedEvent {
        verified: checked.is_ok(),
        reason: checked.err(),
        headers: headers
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect(),
        body: String::from_utf8_lossy(body).into_owned(),
    }
}

fn answer(status: StatusCode, outcome: Result<(), &str>) -> Response {
    let body = match outcome {
        Ok(()) => serde_json::json!({ "received": true }),
        Err(reason) => serde_json::json!({ "received": false, "error": reason }),
    };
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Reach, Scheme, http_client, signature};

    const BODY: &str = "{\"status\":\"failed\"}";

    fn secret() -> Secret {
        Secret::new("a secret of the test receiver").unwrap()
    }

    async fn post(receiver: &Receiver, headers: &[(&str, String)], body: impl Into<reqwest::Body>) -> (u16, String) {
        let mut request = http_client(Reach::Anywhere).unwrap().post(receiver.url() + "any/path").body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    #[tokio::test]
    async fn a_right_signature_is_answered_with_200() {
        let mut receiver = Receiver::start("127.0.0.1:0", secret()).await.unwrap();
        let signed = signature(&secret(), Scheme::Body, 0, BODY);
        let (status, answer) = post(&receiver, &[("X-Runpod-Signature", signed)], BODY).await;
        assert_eq!((status, answer.as_str()), (200, "{\"received\":true}"));
        let event = receiver.events.recv().await.unwrap();
        assert!(event.verified && event.reason.is_none());
        assert_eq!(event.body, BODY);
    }

    #[tokio::test]
    async fn wrong_missing_and_old_signatures_are_answered_with_401_and_a_reason() {
        let receiver = Receiver::start("127.0.0.1:0", secret()).await.unwrap();
        let old = signature(&secret(), Scheme::TimestampedBody, 1000, BODY);
        for (headers, reason) in [
            (vec![], "no signature"),
            (vec![("X-Runpod-Signature", "00".to_owned())], "does not match"),
            (vec![("X-Runpod-Signature", old), ("X-Runpod-Timestamp", "1000".to_owned())], "300 s old"),
        ] {
            let (status, answer) = post(&receiver, &headers, BODY).await;
            assert_eq!(status, 401);
            assert!(answer.contains(reason), "{answer}");
        }
        let events = receiver.stop().await;
        assert_eq!(events.iter().map(|event| event.verified).collect::<Vec<_>>(), [false; 3]);
    }

    #[tokio::test]
    async fn large_bodies_other_methods_and_other_text_are_refused() {
        let receiver = Receiver::start("127.0.0.1:0", secret()).await.unwrap();
        assert_eq!(post(&receiver, &[], vec![b'x'; Message::MAX_BYTES + 1]).await.0, 413);
        assert_eq!(post(&receiver, &[], vec![0xff, 0xfe]).await.0, 401);
        let got = http_client(Reach::Anywhere).unwrap().get(receiver.url()).send().await.unwrap();
        assert_eq!(got.status(), 405);
        assert_eq!(receiver.stop().await.len(), 1);
    }

    #[tokio::test]
    async fn a_stopped_receiver_frees_its_port() {
        let receiver = Receiver::start("127.0.0.1:0", secret()).await.unwrap();
        let addr = receiver.addr;
        receiver.stop().await;
        assert_eq!(Receiver::start(addr, secret()).await.unwrap().addr, addr);
    }

    #[tokio::test]
    async fn a_taken_port_is_an_error() {
        let receiver = Receiver::start("127.0.0.1:0", secret()).await.unwrap();
        let error = Receiver::start(receiver.addr, secret()).await.unwrap_err();
        assert_eq!(error.code(), "webhook.listen");
    }
}
