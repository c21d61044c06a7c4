//! An environment's policies: shipped, watched, swapped between jobs, refused, tried on some jobs, rolled back.

mod canary;
mod gate;
mod judge;
mod operator;
mod places;
mod refused;
mod ship;
mod start;
mod swap;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use policy::signature::{self, NewKey, SecretKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use testkit::platform::{Platform, Worker};
use testkit::{fixtures, workspace};

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_codex-transcoder"))
}

/// The built-in policy with a number in a section of its own: another digest, and the same behaviour.
fn variant(number: u8) -> Vec<u8> {
    let name = b"variant";
    let body = [&[name.len() as u8], name.as_slice(), &[number]].concat();
    [policy::DEFAULT, &[0, body.len() as u8], &body].concat()
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A manifest for these bytes, whose module is called by its digest.
fn manifest(version: &str, module: &[u8]) -> Value {
    let sha256 = sha256(module);
    json!({ "name": "codex", "version": version, "module": format!("{sha256}.wasm"), "sha256": sha256 })
}

/// A folder with a `policy.json`.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(workspace::scratch())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Puts a module under the name that [`manifest`] gives it.
    fn module(&self, module: &[u8]) {
        self.put(&format!("{}.wasm", sha256(module)), module);
    }

    /// Puts a module and the manifest that names it.
    fn ship(&self, manifest: &Value, module: &[u8]) {
        self.module(module);
        self.manifest(manifest);
    }

    fn manifest(&self, manifest: &Value) {
        self.put("policy.json", manifest.to_string().as_bytes());
    }

    fn read(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.path().join("policy.json")).unwrap()).unwrap()
    }

    /// Writes a file whole.
    fn put(&self, name: &str, bytes: &[u8]) {
        let unfinished = self.path().join("unfinished");
        std::fs::write(&unfinished, bytes).unwrap();
        std::fs::rename(unfinished, self.path().join(name)).unwrap();
    }
}

/// A worker that takes its policies from this place and is asked for metrics and health.
struct Watching {
    worker: Worker,
    address: String,
}

impl Watching {
    fn start(platform: &Platform, place: &str, further: &[(&str, &str)]) -> Self {
        let mut command = command(platform, &["worker"], place);
        command.env("CODEX_METRICS_ADDRESS", "127.0.0.1:0").envs(further.iter().copied());
        let worker = Worker::start(command);
        let address = worker.logged(&["metrics are served"])["address"].as_str().unwrap().to_owned();
        Self { worker, address }
    }

    /// The body of an answer.
    fn ask(&self, path: &str) -> String {
        let mut connection = TcpStream::connect(&self.address).unwrap();
        write!(connection, "GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    fn health(&self) -> Value {
        serde_json::from_str(&self.ask("/health")).unwrap()
    }

    /// Waits until this version is in force.
    fn swapped_to(&self, version: &str) -> Value {
        self.worker.logged(&["policy swapped", &format!(r#""policy_version":"{version}""#)])
    }
}

/// A command in an environment whose policies are at this place.
fn command(platform: &Platform, arguments: &[&str], place: &str) -> Command {
    let mut command = platform.command(program(), arguments);
    command.env("CODEX_POLICY_PLACE", place);
    command
}

/// Puts a second of sound where a sender puts it, for a media item of its own; gives back the job's input.
fn sound(platform: &Platform, media: &str) -> Value {
    let upload = fixtures::sound("second.wav", "sine=frequency=440:sample_rate=48000:duration=1", &[]);
    let mut input = platform.upload(&upload, "audio");
    let key = input["inputKey"].as_str().unwrap().replace(testkit::job::MEDIA, media);
    platform.media.put_object(&key, std::fs::read(upload).unwrap());
    input["mediaId"] = media.into();
    input["inputKey"] = key.into();
    input
}

/// The report of a job that ended either way.
fn report(result: &Value) -> Value {
    match result["error"].as_str() {
        Some(error) => serde_json::from_str::<Value>(error).unwrap()["report"].clone(),
        None => result["output"]["report"].clone(),
    }
}

/// A key pair as an operator has it.
struct Keys {
    public: String,
    secret: SecretKey,
}

impl Keys {
    fn new() -> Self {
        let NewKey { public, secret_file, .. } = signature::generate(None).unwrap();
        Self { public: public.to_string(), secret: SecretKey::parse(&secret_file, None).unwrap() }
    }

    fn sign(&self, module: &[u8]) -> String {
        self.secret.sign(module, "a test").unwrap()
    }
}

/// The objects of a media item, but for its original and the host's own notes.
fn published(platform: &Platform, media: &str) -> Vec<String> {
    let mine = |key: &String| key.contains(&format!("/{media}/")) && !key.contains("/originals/");
    platform.media.keys().into_iter().filter(mine).collect()
}

/// A file beside another one.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
