//! What a worker asks of the platform, written down; and the difference between two workers.
//!
//! `runpod_trace run FILE COMMAND...` runs a worker against the server of the tests and writes the distinct requests that
//! it makes to a file. `runpod_trace compare VENDORS OURS` shows both, and fails where they differ in something that is not
//! on the list of deliberate differences.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "it is a test")]

mod difference;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitCode};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::runpod::RunpodServer;

/// Longer than a worker takes for anything; the vendor's imports take seconds.
const SOON: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match &arguments[..] {
        ["run", file, program, rest @ ..] => {
            let trace = trace(program, rest);
            fs::write(file, serde_json::to_string_pretty(&trace).unwrap()).unwrap();
            ExitCode::SUCCESS
        }
        ["compare", vendors, ours] => {
            let read = |file: &str| serde_json::from_slice(&fs::read(Path::new(file)).unwrap()).unwrap();
            if difference::show(&read(vendors), &read(ours)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        _ => {
            eprintln!("usage: runpod_trace run FILE COMMAND... | runpod_trace compare VENDORS OURS");
            ExitCode::from(2)
        }
    }
}

/// A worker that is ended with the test.
struct Running(Child);

impl Running {
    fn start(server: &RunpodServer, program: &str, arguments: &[&str], slots: usize) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).envs(server.environment()).env("ECHO_CONCURRENCY", slots.to_string());
        // The vendor's client would refuse to work on a small machine.
        command.envs(["RUNPOD_SKIP_AUTO_SYSTEM_CHECKS", "RUNPOD_SKIP_GPU_CHECK"].map(|name| (name, "true")));
        // Its output would be mixed with ours.
        command.stdout(std::process::Stdio::null());
        Self(command.spawn().unwrap_or_else(|error| panic!("{program} does not start: {error}")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Asked first: a client that is killed outright leaves its pings running.
        let id = self.0.id().to_string();
        let kill = |signal: &str, id: &str| drop(Command::new("kill").args([signal, id]).status());
        kill("-TERM", &id);
        let (gone, waiting) = mpsc::channel::<()>();
        let watch = std::thread::spawn(move || {
            if waiting.recv_timeout(SOON) == Err(mpsc::RecvTimeoutError::Timeout) {
                kill("-KILL", &id);
            }
        });
        let _ = self.0.wait();
        drop(gone);
        let _ = watch.join();
    }
}

/// The distinct requests of one worker with one slot and with several.
fn trace(program: &str, arguments: &[&str]) -> Value {
    let server = RunpodServer::start();
    {
        let _worker = Running::start(&server, program, arguments, 1);
        // Before the first job, so that the ping of an idle worker is among the requests.
        server.wait_for_ping(SOON, |ping| ping.jobs.is_empty());
        server.queue("job-1", json!({ "say": "something" }));
        assert_eq!(server.wait_for_result("job-1", SOON)["output"], json!({ "say": "something" }));
        server.queue("job-2", json!({ "fail": "on purpose" }));
        assert!(server.wait_for_result("job-2", SOON)["error"].is_string());
        server.queue("job-3", json!({ "progress": 50, "seconds": 3 }));
        // Long enough for a ping that names it, and for progress to arrive before the result.
        server.wait_for_result("job-3", SOON);
        assert_eq!(server.progress_of("job-3"), [50]);
        // What a worker answers to: no job, too many requests, a refusal.
        [204, 400, 429, 500].into_iter().for_each(|status| server.fail_takes(1, status));
        server.queue("job-4", json!({}));
        server.wait_for_result("job-4", SOON);
        // Ends the polls that are held open.
        server.down(true);
    }
    let batches = RunpodServer::start();
    {
        batches.queue_all(["job-5", "job-6"].map(|id| (id.to_owned(), json!({ "seconds": 3 }))));
        let _worker = Running::start(&batches, program, arguments, 3);
        ["job-5", "job-6"].into_iter().for_each(|id| drop(batches.wait_for_result(id, SOON)));
        batches.down(true);
    }
    let mut distinct: Vec<Value> = Vec::new();
    for request in server.requests().iter().chain(&batches.requests()).map(testkit::runpod::Request::to_json) {
        if !distinct.contains(&request) {
            distinct.push(request);
        }
    }
    Value::Array(distinct)
}
