//! In the place of a worker in Python, with what the page about it says and nothing else.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use testkit::platform::{Platform, Worker};
use testkit::{fixtures, workspace};

use super::program;
use super::served::Served;

const PAGE: &str = "docs/replacing-the-python-worker.md";

/// The variables of the page's block with this title.
fn variables(title: &str) -> BTreeMap<String, String> {
    let page = std::fs::read_to_string(workspace::root().join(PAGE)).unwrap();
    let (_, rest) = page.split_once(&format!("```sh\n# {title}\n")).unwrap_or_else(|| panic!("no block {title}"));
    let lines = rest.split("```").next().unwrap().lines();
    lines.map(|line| line.split_once('=').unwrap()).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A command with exactly the page's variables. Addresses, keys and buckets are those of the test's servers.
fn command(platform: &Platform, title: &str, arguments: &[&str]) -> Command {
    let ours = platform.variables();
    let replaced = ["_ENDPOINT", "_KEY_ID", "_ACCESS_KEY", "_BUCKET_NAME"];
    let mut command = platform.command(program(), arguments);
    for name in ours.keys() {
        command.env_remove(name);
    }
    for (name, value) in variables(title) {
        let is_replaced = replaced.iter().any(|end| name.ends_with(end)) || name == "WEBHOOK_SECRET";
        command.env(&name, if is_replaced { ours[&name].clone() } else { value });
    }
    command
}

/// `local.env` starts the program in `dev`, with the arguments of the SDK, and serves clients of the cloud.
#[test]
fn local_env_serves_jobs_with_the_arguments_of_the_sdk() {
    let platform = Platform::default();
    let input = platform.upload(&fixtures::clip(320, 180, "25", 1.0), "video");
    let arguments = ["--rp_serve_api", "--rp_api_host", "localhost", "--rp_api_port", "0", "--rp_log_level", "ERROR"];
    let served = Served::of(command(&platform, "local.env", &arguments));
    let (status, answer) = served.ask("POST", "/v2/any/runsync", &json!({ "input": input }));
    assert_eq!((status, answer["status"].as_str()), (200, Some("COMPLETED")), "{answer:#}");
    assert_eq!(platform.receiver.only().verified(), answer["output"]["result"]);
    let bad = json!({ "input": { "mediaId": "m1" } });
    let (_, failed) = served.ask("POST", "/v2/any/runsync", &bad);
    assert_like_the_sdks(&failed["error"], "job.bad-input");
    let purged = served.ask("POST", "/v2/any/purge-queue", &Value::Null);
    assert_eq!(purged, (200, json!({ "removed": 0, "status": "completed" })));
}

/// Without a command, as where a template's start command is the program's name alone.
#[test]
fn the_variables_of_the_python_worker_take_jobs_from_the_queue() {
    let platform = Platform::default();
    let mut command = command(&platform, "worker.env", &[]);
    command.envs(platform.queue.environment());
    // Of the platform on loopback.
    command.env("CODEX_WEBHOOK_ALLOW_HTTP", "loopback").env("ENVIRONMENT", "staging");
    command.env("CODEX_WEBHOOK_ALLOW_PRIVATE", "true").env("CODEX_STORES_ARCHIVE_REGION", "us-test-1");
    let worker = Worker::start(command);
    let mut input = platform.upload(Path::new(&fixtures::clip(320, 180, "25", 1.0)), "video");
    platform.queue.queue("job-1", input.clone());
    assert_eq!(platform.result("job-1")["output"]["result"]["status"], "completed");
    input["inputKey"] = json!(input["inputKey"].as_str().unwrap().replace("upload", "elsewhere"));
    platform.queue.queue("job-2", input);
    assert_like_the_sdks(&platform.result("job-2")["error"], "storage.not-found");
    worker.stop();
    let statuses: Vec<Value> =
        platform.receiver.received().iter().map(|message| message.verified()["status"].clone()).collect();
    assert_eq!(statuses, ["completed", "failed"]);
}

#[test]
fn one_job_of_an_argument_is_run_and_its_end_printed() {
    let platform = Platform::default();
    let input = json!({ "input": platform.upload(&fixtures::clip(320, 180, "25", 1.0), "video") }).to_string();
    let gone = Worker::start(command(&platform, "local.env", &["--test_input", &input, "--rp_debugger"])).wait();
    assert!(gone.status.success(), "{}", gone.log);
    let output: Value = serde_json::from_str(&gone.stdout).unwrap();
    assert_eq!(output["output"]["result"]["status"], "completed");
    assert!(gone.log.contains("--rp_debugger has no effect"), "{}", gone.log);
    let gone = Worker::start(command(&platform, "local.env", &["--rp_serve_app"])).wait();
    assert!(gone.status.code() == Some(2) && gone.log.contains("--rp_serve_api"), "{}", gone.log);
}

/// Every field that the vendor's client writes is there, as text.
#[track_caller]
fn assert_like_the_sdks(error: &Value, code: &str) {
    let error: Value = serde_json::from_str(error.as_str().expect("a string, as in the cloud")).unwrap();
    assert_eq!(error["error_type"], code);
    for name in ["error_message", "error_traceback", "hostname", "worker_id", "runpod_version"] {
        assert!(error[name].as_str().is_some_and(|text| !text.is_empty()), "{name}: {error}");
    }
}
