//! Many jobs, and one job for two workers.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::fixtures;
use testkit::job::{CREATOR, MEDIA, until};
use testkit::platform::{PATIENCE, Platform, Worker};
use testkit::runpod::RunpodServer;

use super::program;

fn with_concurrency(platform: &Platform, jobs: usize) -> Worker {
    let mut command = platform.command(program(), &["worker"]);
    command.env("CODEX_JOB_CONCURRENCY", jobs.to_string());
    Worker::start(command)
}

/// A job for another upload.
fn of_media(platform: &Platform, input: &Value, media: &str) -> Value {
    let mut input = input.clone();
    let key = format!("{CREATOR}/originals/{media}/upload");
    if let Some(original) = platform.media.object(input["inputKey"].as_str().unwrap()) {
        platform.media.put_object(&key, original);
    }
    (input["mediaId"], input["inputKey"]) = (json!(media), json!(key));
    input
}

/// A queue delivers at least once. The worker that began first gives the job up without a result when it finds that the
/// other one has taken over.
#[test]
fn two_workers_with_one_job_publish_it_whole_and_send_one_event() {
    let platform = Platform::default();
    let input = platform.upload(&fixtures::clip(640, 360, "25", 14.0), "video");
    let other_queue = RunpodServer::start();
    platform.queue.queue("job-1", input.clone());
    other_queue.queue("job-1", input);
    let mut other = platform.command(program(), &["worker"]);
    other.envs(other_queue.environment());
    let workers = [platform.worker(program()), Worker::start(other)];
    let results = || [&platform.queue, &other_queue].map(|queue| queue.results_of("job-1")).concat();
    until("one of them has a result", PATIENCE, || !results().is_empty());
    workers.into_iter().for_each(|worker| drop(worker.stop()));

    for result in results() {
        assert_eq!(result["output"]["result"]["status"], "completed", "{result:#}");
    }
    let readable = platform.readable();
    assert!(readable.contains(&format!("{CREATOR}/hls/{MEDIA}/master.m3u8")));
    assert_eq!((platform.media.uploads_in_progress(), platform.archive.uploads_in_progress()), (0, 0));
    let ends = platform.receiver.received().into_iter().filter(|message| message.body.contains(r#""completed""#));
    let ids: BTreeSet<String> = ends.map(|message| message.header("webhook-id").to_owned()).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
}

#[test]
fn sixteen_jobs_at_once_are_each_published_whole() {
    let platform = Platform::default();
    let input = platform.upload(&fixtures::clip(320, 180, "25", 2.0), "video");
    let names: Vec<String> = (0..16).map(|number| format!("media-{number:02}")).collect();
    platform.queue.queue_all(names.iter().map(|name| (name.clone(), of_media(&platform, &input, name))));
    let worker = with_concurrency(&platform, 16);
    for name in &names {
        let result = platform.result(name);
        assert_eq!(result["output"]["result"]["status"], "completed", "{name}: {result:#}");
        let master = platform.media.object(&format!("{CREATOR}/hls/{name}/master.m3u8"));
        assert!(master.is_some_and(|text| !text.is_empty()), "{name}");
    }
    worker.stop();
    assert_eq!((platform.media.uploads_in_progress(), platform.archive.uploads_in_progress()), (0, 0));
    assert!(std::fs::read_dir(platform.work()).unwrap().next().is_none(), "a work directory is left");
}

/// Jobs that end at once, because their originals are gone: each is answered once, and its receiver gets one message.
#[test]
fn a_thousand_queued_jobs_are_each_answered_once() {
    let platform = Platform::default();
    let input = platform.upload(&fixtures::clip(320, 180, "25", 2.0), "video");
    platform.media.remove_object(input["inputKey"].as_str().unwrap());
    let names: Vec<String> = (0..1000).map(|number| format!("media-{number:03}")).collect();
    platform.queue.queue_all(names.iter().map(|name| (name.clone(), of_media(&platform, &input, name))));
    let worker = with_concurrency(&platform, 4);
    for name in &names {
        assert!(platform.result(name)["error"].as_str().unwrap().contains("storage.not-found"), "{name}");
    }
    worker.stop();
    assert!(names.iter().all(|name| platform.queue.results_of(name).len() == 1));
    let ids: BTreeSet<String> =
        platform.receiver.received().iter().map(|message| message.header("webhook-id").to_owned()).collect();
    assert_eq!((ids.len(), platform.receiver.received().len()), (1000, 1000));
}
