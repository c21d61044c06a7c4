//! Killed at any moment, and given the same job again.

use std::collections::BTreeSet;
use std::time::Duration;

use testkit::fixtures;
use testkit::job::{CREATOR, MEDIA, until};
use testkit::platform::{PATIENCE, Platform};

use super::program;

/// What the worker is killed after: so many requests to the media store. The moments are spread over the whole job.
const MOMENTS: [usize; 10] = [2, 4, 6, 8, 11, 14, 18, 23, 29, 36];

#[test]
fn whatever_the_moment_a_viewer_misses_nothing_and_the_next_worker_completes_the_job() {
    let original = fixtures::clip(640, 360, "25", 14.0);
    for moment in MOMENTS {
        let platform = Platform::default();
        let input = platform.upload(&original, "video");
        platform.queue.queue("job-1", input.clone());
        let worker = platform.worker(program());
        let mut ended_before = false;
        until("the moment has come", PATIENCE, || {
            ended_before = !platform.queue.results_of("job-1").is_empty();
            platform.media.requests().len() >= moment || ended_before
        });
        worker.kill();
        // What can be read is whole, at every moment.
        platform.readable();

        let again = platform.with_another_queue();
        again.queue.queue("job-1", input);
        let worker = again.worker(program());
        let result = again.result("job-1");
        assert_eq!(result["output"]["result"]["status"], "completed", "after request {moment}: {result:#}");
        worker.stop();

        let readable = again.readable();
        assert!(readable.contains(&format!("{CREATOR}/hls/{MEDIA}/master.m3u8")));
        // Every segment there is can be reached by a viewer: from the master, or from the preview's playlist.
        let preview = format!("{CREATOR}/hls/{MEDIA}/preview/");
        let left: BTreeSet<String> = again.published().into_iter().filter(|key| key.ends_with(".ts")).collect();
        let unnamed: Vec<&String> =
            left.iter().filter(|key| !readable.contains(*key) && !key.starts_with(&preview)).collect();
        assert!(unnamed.is_empty(), "after request {moment}: {unnamed:#?}");
        assert_eq!((again.media.uploads_in_progress(), again.archive.uploads_in_progress()), (0, 0), "{moment}");
        assert!(std::fs::read_dir(again.work()).unwrap().next().is_none(), "a work directory is left");
    }
}

/// ffmpeg goes with the worker, however that ends.
#[test]
fn a_killed_worker_leaves_no_process() {
    let platform = Platform::default();
    let input = platform.upload(&fixtures::clip(1280, 720, "30", 120.0), "video");
    platform.queue.queue("job-1", input);
    let worker = platform.worker(program());
    until("a segment was sent", PATIENCE, || platform.media.keys().iter().any(|key| key.ends_with(".ts")));
    worker.kill();
    let work = platform.work().to_str().unwrap().to_owned();
    until("no process works there", Duration::from_secs(20), || {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        !processes
            .into_iter()
            .any(|process| std::fs::read_link(process.path().join("cwd")).is_ok_and(|folder| folder.starts_with(&work)))
    });
}
