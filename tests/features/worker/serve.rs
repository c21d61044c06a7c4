//! The two ways to run a job without the queue.

use serde_json::{Value, json};
use testkit::fixtures;
use testkit::platform::{Platform, Worker};

use super::program;
use super::served::Served;

#[test]
fn a_job_over_http_is_published_and_its_output_is_the_answer() {
    let platform = Platform::default();
    let input = platform.upload(&fixtures::clip(320, 180, "25", 2.0), "video");
    let served = Served::start(&platform);
    let (status, answer) = served.ask("POST", "/runsync", &json!({ "input": input }));
    assert_eq!((status, answer["status"].as_str()), (200, Some("COMPLETED")), "{answer:#}");
    assert_eq!(answer["output"]["result"]["status"], "completed");
    assert!(platform.readable().len() >= 3);
    let (_, same) = served.ask("GET", &format!("/status/{}", answer["id"].as_str().unwrap()), &Value::Null);
    assert_eq!(same["status"], "COMPLETED");
    let (status, health) = served.ask("GET", "/health", &Value::Null);
    assert_eq!((status, health["jobs"]["completed"].as_u64()), (200, Some(1)), "{health:#}");
    let (status, refused) = served.ask("POST", "/run", &json!({ "nothing": 1 }));
    assert!(status == 400 && refused["error"].as_str().is_some_and(|text| text.contains("input")), "{refused}");
}

#[test]
fn a_job_from_a_file_is_run_and_its_end_printed() {
    let platform = Platform::default();
    let input = platform.upload(&fixtures::clip(320, 180, "25", 2.0), "video");
    let run = |arguments: &[&str]| {
        let mut command = platform.command(program(), arguments);
        command.env_remove("RUNPOD_WEBHOOK_GET_JOB");
        Worker::start(command).wait()
    };
    // The working folder is the work directory's parent.
    let file = platform.work().parent().unwrap().join("test_input.json");
    std::fs::write(&file, json!({ "id": "test-1", "input": input }).to_string()).unwrap();
    let recordings = file.with_file_name("recordings");
    let gone = run(&["worker", "--record", recordings.to_str().unwrap()]);
    assert!(gone.status.success(), "{}", gone.log);
    let recorded = std::fs::read_to_string(recordings.join("test-1.recording.json")).unwrap();
    assert!(recorded.contains("transcode.start") && !recorded.contains("127.0.0.1"), "{recorded}");
    for secret in [testkit::receiver::SECRET, testkit::s3::SECRET_ACCESS_KEY] {
        assert!(!recorded.contains(secret), "{recorded}");
    }
    let output: Value = serde_json::from_str(&gone.stdout).unwrap();
    assert_eq!(output["output"]["result"]["status"], "completed");

    let mut bad = input;
    bad["type"] = json!("film");
    std::fs::write(&file, json!({ "input": bad }).to_string()).unwrap();
    let gone = run(&["worker", "--test-input", file.to_str().unwrap()]);
    assert_eq!(gone.status.code(), Some(2), "{}", gone.log);
    assert!(gone.stdout.contains("job.bad-input"), "{}", gone.stdout);
}
