//! A receiver of webhooks that checks signatures with code of its own.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// The secret that both ends have.
pub const SECRET: &str = "a secret of the whole-program tests";

/// A message as it came in.
#[derive(Clone, Debug)]
pub struct Received {
    headers: BTreeMap<String, String>,
    /// The exact text.
    pub body: String,
}

impl Received {
    /// A header by its lower-case name.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The body as JSON. Asserts first that both signatures are right.
    #[track_caller]
    pub fn verified(&self) -> Value {
        self.signed(&[&self.body])
    }

    /// The same where the platform's signature has to cover a time, which has to be that of now.
    #[track_caller]
    pub fn verified_with_time(&self) -> Value {
        let at = self.header("x-runpod-timestamp");
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let age = at.parse().map_or(u64::MAX, |at| now.abs_diff(at));
        // What the platform's own receiver takes.
        assert!(age <= 300, "{self:?}");
        self.signed(&[at, ".", &self.body])
    }

    /// Whether the platform's signature covers a time.
    pub fn has_time(&self) -> bool {
        self.headers.contains_key("x-runpod-timestamp")
    }

    #[track_caller]
    fn signed(&self, covered: &[&str]) -> Value {
        assert_eq!(self.header("x-runpod-signature"), hex::encode(mac(covered)), "{self:?}");
        let (id, at) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        let standard = format!("v1,{}", STANDARD.encode(mac(&[id, ".", at, ".", &self.body])));
        assert_eq!(self.header("webhook-signature"), standard, "{self:?}");
        serde_json::from_str(&self.body).unwrap()
    }
}

fn mac(parts: &[&str]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    parts.iter().for_each(|part| mac.update(part.as_bytes()));
    mac.finalize().into_bytes().to_vec()
}

/// A receiver on a port that the system chose.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    /// Answers the first messages with these statuses and all later ones with 200.
    pub fn answering(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let (kept, mut statuses) = (Arc::clone(&received), VecDeque::from(statuses.to_vec()));
        // Lives as long as the tests; it holds nothing but its port.
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let Some(message) = read(&connection) else {
                    // Nothing but messages is taken: no other method, and no half a message.
                    answer(connection, 405);
                    continue;
                };
                kept.lock().unwrap().push(message);
                answer(connection, statuses.pop_front().unwrap_or(200));
            }
        });
        Self { address, received }
    }

    /// Takes every message.
    pub fn start() -> Self {
        Self::answering(&[])
    }

    /// Where messages go.
    pub fn url(&self) -> String {
        format!("http://{}/hooks/codex", self.address)
    }

    /// What came in so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// The only message that came in.
    #[track_caller]
    pub fn only(&self) -> Received {
        let received = self.received();
        assert_eq!(received.len(), 1, "{received:?}");
        received[0].clone()
    }
}

fn read(connection: &TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let is_message = line.starts_with("POST ");
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    if !is_message {
        return None;
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some(Received { headers, body: String::from_utf8(body).ok()? })
}

fn answer(mut connection: TcpStream, status: u16) {
    let _ = write!(connection, "HTTP/1.1 {status} Because\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
}
