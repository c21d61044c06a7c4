//! A small receiver for `demo` and for tests: it verifies what arrives and keeps it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use fault::{Failure, codes};
use serde_json::{Value, json};
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::deliver::{Clock, SystemClock};
use super::{Message, Secret, SignatureHeaders, VerifyError, sign};

/// Messages that are kept. To further ones the receiver answers 503, and senders try again.
const MAX_EVENTS: usize = 256;

/// A message that arrived.
#[derive(Clone, Debug)]
pub struct ReceivedEvent {
    /// Whether the signature is right and the timestamp, if any, recent.
    pub verified: bool,
    /// Bytes that are not UTF-8 become replacement characters.
    pub body: String,
}

/// A running receiver. Dropping it stops it; [`Receiver::stop`] also waits for its last response.
#[derive(Debug)]
pub struct Receiver {
    /// Where it listens. If port 0 was asked for, this has the port that the system chose.
    pub addr: SocketAddr,
    state: Arc<ReceiverState>,
    stop: DropGuard,
    server: JoinHandle<std::io::Result<()>>,
}

#[derive(Debug)]
struct ReceiverState {
    secret: Secret,
    events: Mutex<Vec<ReceivedEvent>>,
}

impl Receiver {
    /// Listens on an address such as `127.0.0.1:0` for messages signed with `secret`, on any path. Answers 200 with
    /// `{"received":true}`, or 401 with a reason.
    pub async fn start(addr: impl ToSocketAddrs, secret: Secret) -> Result<Self, Failure> {
        let refused = |error: std::io::Error| {
            Failure::new(&codes::webhook::LISTEN, format!("the webhook receiver can't listen there: {error}"))
        };
        let listener = TcpListener::bind(addr).await.map_err(refused)?;
        let addr = listener.local_addr().map_err(refused)?;
        let state = Arc::new(ReceiverState { secret, events: Mutex::default() });
        let router = Router::new()
            .fallback(receive)
            .layer(DefaultBodyLimit::max(Message::MAX_BYTES))
            .with_state(Arc::clone(&state));
        let stop = CancellationToken::new();
        let server = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        Ok(Self { addr, state, stop: stop.drop_guard(), server: tokio::spawn(server.into_future()) })
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.addr)
    }

    /// Closes the port, answers the requests in flight, and returns what arrived, in order.
    pub async fn stop(self) -> Vec<ReceivedEvent> {
        drop(self.stop);
        let _ = self.server.await;
        std::mem::take(&mut *self.state.events.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn receive(
    State(state): State<Arc<ReceiverState>>,
    method: Method,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    if method != Method::POST {
        return refusal(StatusCode::METHOD_NOT_ALLOWED, "webhooks are sent by POST");
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return refusal(rejection.status(), &rejection.body_text()),
    };
    let verdict = verify(&state.secret, &headers, &body);
    let event = ReceivedEvent { verified: verdict.is_ok(), body: String::from_utf8_lossy(&body).into_owned() };
    {
        let mut events = state.events.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() == MAX_EVENTS {
            return refusal(StatusCode::SERVICE_UNAVAILABLE, "too many events are waiting to be read");
        }
        events.push(event);
    }
    match verdict {
        Ok(()) => response(StatusCode::OK, &json!({ "received": true })),
        Err(reason) => refusal(StatusCode::UNAUTHORIZED, &reason.to_string()),
    }
}

fn verify(secret: &Secret, headers: &HeaderMap, body: &[u8]) -> Result<(), VerifyError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let signed = SignatureHeaders { signature: text(sign::SIGNATURE), timestamp: text(sign::TIMESTAMP) };
    // Messages of this program are always UTF-8, so anything else can't have been signed by it.
    let body = std::str::from_utf8(body).map_err(|_| VerifyError::Mismatch)?;
    sign::verify(secret, signed, body, SystemClock.unix_seconds())
}

fn refusal(status: StatusCode, reason: &str) -> Response {
    response(status, &json!({ "received": false, "error": reason }))
}

fn response(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AllowedAddresses, Scheme, http_client, signature};

    const BODY: &str = "{\"status\":\"failed\"}";

    fn secret() -> Secret {
        Secret::new("a secret of the test receiver").unwrap()
    }

    async fn post(receiver: &Receiver, headers: &[(&str, String)], body: impl Into<reqwest::Body>) -> (u16, String) {
        let mut request = http_client(AllowedAddresses::All).unwrap().post(receiver.url() + "any/path").body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    #[tokio::test]
    async fn a_right_signature_is_answered_with_200() {
        let receiver = Receiver::start("127.0.0.1:0", secret()).await.unwrap();
        let signed = signature(&secret(), Scheme::Body, 0, BODY);
        let (status, answer) = post(&receiver, &[("X-Runpod-Signature", signed)], BODY).await;
        assert_eq!((status, answer.as_str()), (200, "{\"received\":true}"));
        let events = receiver.stop().await;
        assert_eq!(
            events.iter().map(|event| (event.verified, event.body.as_str())).collect::<Vec<_>>(),
            [(true, BODY)]
        );
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
        let got = http_client(AllowedAddresses::All).unwrap().get(receiver.url()).send().await.unwrap();
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
        assert_eq!(error.code, "webhook.listen");
    }
}
