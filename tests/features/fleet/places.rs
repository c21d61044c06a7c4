//! Places that have to be asked: a server with conditional requests, and a store by the object's tag.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use testkit::job::until;
use testkit::platform::{PATIENCE, Platform};

use super::*;

/// A server of files that answers 304 for what has not changed, and counts how often it did.
#[derive(Clone)]
struct FileServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    sent: BTreeMap<String, usize>,
    unchanged: usize,
    down: bool,
    /// The header that it asks for.
    authorization: Option<String>,
}

impl FileServer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let serving = server.clone();
        // Lives as long as the tests; it holds nothing but its port.
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let _ = serving.answer(connection);
            }
        });
        server
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        self.state.lock().unwrap().files.insert(path.to_owned(), bytes.to_vec());
    }

    fn ship(&self, manifest: &Value, module: &[u8]) {
        self.put(&format!("/lean/{}.wasm", sha256(module)), module);
        self.put("/lean/policy.json", manifest.to_string().as_bytes());
    }

    fn answer(&self, mut connection: TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(connection.try_clone()?).lines();
        let path = lines.next().unwrap_or(Ok(String::new()))?.split(' ').nth(1).unwrap_or_default().to_owned();
        let (mut known, mut authorization) = (None, None);
        for line in lines {
            let line = line?;
            let Some((name, value)) = line.split_once(": ") else { break };
            if name.eq_ignore_ascii_case("if-none-match") {
                known = Some(value.to_owned());
            }
            if name.eq_ignore_ascii_case("authorization") {
                authorization = Some(value.to_owned());
            }
        }
        let mut state = self.state.lock().unwrap();
        let (status, tag, body) = match state.files.get(&path).cloned() {
            _ if state.authorization.is_some() && state.authorization != authorization => {
                ("401 Unauthorized", String::new(), Vec::new())
            }
            _ if state.down => ("503 Service Unavailable", String::new(), Vec::new()),
            None => ("404 Not Found", String::new(), Vec::new()),
            Some(bytes) => {
                let tag = format!("\"{}\"", sha256(&bytes));
                if known.as_ref() == Some(&tag) {
                    state.unchanged += 1;
                    ("304 Not Modified", tag, Vec::new())
                } else {
                    *state.sent.entry(path).or_default() += 1;
                    ("200 OK", tag, bytes)
                }
            }
        };
        let length = body.len();
        write!(
            connection,
            "HTTP/1.1 {status}\r\netag: {tag}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        )?;
        connection.write_all(&body)
    }
}

#[test]
fn a_server_is_asked_for_what_changed_and_sends_nothing_twice() {
    let platform = Platform::default();
    let server = FileServer::start();
    let (old, new) = (variant(1), variant(2));
    server.ship(&manifest("1", &old), &old);
    let place = format!("http://{}/lean/", server.address);
    server.state.lock().unwrap().authorization = Some("Bearer key-of-the-server".to_owned());
    let mut refused = command(&platform, &["policy", "status"], &place);
    let gone = Worker::start({
        refused.env("ENVIRONMENT", "dev").env("CODEX_POLICY_AUTHORIZATION", "Basic wrong-password");
        refused
    });
    let gone = gone.wait();
    assert!(gone.log.contains("401") && gone.log.contains("policy.authorization"), "{}", gone.log);
    assert!(!gone.status.success() && !gone.log.contains("wrong-password"), "{}", gone.log);
    let key = ("CODEX_POLICY_AUTHORIZATION", "Bearer key-of-the-server");
    let dev = [("ENVIRONMENT", "dev"), ("CODEX_POLICY_POLL_SECONDS", "1"), key];
    let watching = Watching::start(&platform, &place, &dev);
    let state = || server.state.lock().unwrap();
    until("it has not changed three times", PATIENCE, || state().unchanged >= 3);
    assert_eq!(state().sent["/lean/policy.json"], 1);

    server.ship(&manifest("2", &new), &new);
    watching.swapped_to("2");
    assert_eq!(state().sent["/lean/policy.json"], 2);
    assert_eq!(state().sent[&format!("/lean/{}.wasm", sha256(&new))], 1);

    state().down = true;
    watching.worker.logged(&["policy refused", "policy.unreachable", "503"]);
    platform.queue.queue("job-1", serde_json::json!({ "mediaId": "m" }));
    assert_eq!(report(&platform.result("job-1"))["policy_version"], "2");
    state().down = false;
    until("it is asked again", PATIENCE, || watching.health()["policy_refused"] == serde_json::json!([]));
    watching.worker.stop();
}

#[test]
fn http_is_for_work_on_ones_own_machine() {
    let platform = Platform::default();
    for (environment, place) in [("staging", "http://127.0.0.1:1/"), ("dev", "http://policies.example.com/")] {
        let mut command = command(&platform, &["policy", "status"], place);
        command.env("ENVIRONMENT", environment);
        let gone = Worker::start(command).wait();
        assert!(gone.status.code() == Some(2) && gone.log.contains("use https"), "{}", gone.log);
    }
}

#[test]
fn a_store_is_asked_for_the_tag_and_sends_the_manifest_only_when_that_is_another_one() {
    let platform = Platform::default();
    let (old, new) = (variant(1), variant(2));
    let ship = |manifest: &Value, module: &[u8]| {
        platform.media.put_object(&format!(".codex/policies/{}.wasm", sha256(module)), module);
        platform.media.put_object(".codex/policies/policy.json", manifest.to_string());
    };
    ship(&manifest("1", &old), &old);
    let watching = Watching::start(&platform, "media:.codex/policies", &[("CODEX_POLICY_POLL_SECONDS", "1")]);
    platform.media.forget_requests();
    let asked = |words: &str| platform.media.requests_for(words).len();
    platform.media.wait_until(|media| media.requests_for("HEAD policy.json").len() >= 3);
    assert_eq!(asked("GET policy.json"), 0);
    ship(&manifest("2", &new), &new);
    watching.swapped_to("2");
    assert_eq!((asked("GET policy.json"), asked("GET .wasm")), (1, 1));
    watching.worker.stop();
}
