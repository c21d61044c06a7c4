//! Killed at any moment, and given the same job again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use testkit::fixtures;
use testkit::job::{CREATOR, MEDIA, until};
use testkit::platform::{PATIENCE, Platform, Worker, readable};

use super::program;

/// Moments at which the worker is killed, unless `KILL_POINTS` has another number.
const MOMENTS: u32 = 8;

/// Where the worker publishes.
#[derive(Clone, Copy, Debug)]
enum Store {
    Bucket,
    Directory,
}

/// A platform, and what a viewer and an operator see in its store.
struct Scene {
    platform: Platform,
    store: Store,
}

impl Scene {
    fn new(store: Store, original: &Path) -> (Self, serde_json::Value) {
        let scene = Self { platform: Platform::default(), store };
        let input = scene.platform.upload(original, "video");
        if let Store::Directory = store {
            let to = scene.folder("media").join(input["inputKey"].as_str().unwrap());
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(original, to).unwrap();
        }
        (scene, input)
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.platform.work().with_file_name(name)
    }

    fn worker(&self) -> Worker {
        let mut command = self.platform.command(program(), &["worker"]);
        if let Store::Directory = self.store {
            let of_buckets =
                |name: &&String| ["R2_", "B2_", "CODEX_STORES_"].iter().any(|start| name.starts_with(start));
            for name in self.platform.variables().keys().filter(of_buckets) {
                command.env_remove(name);
            }
            command.env("CODEX_STORES_MEDIA_PATH", self.folder("media"));
            command.env("CODEX_STORES_ARCHIVE_PATH", self.folder("archive"));
        }
        let worker = Worker::start(command);
        // Its startup checks write objects of their own.
        worker.logged(&["startup checks passed"]);
        worker
    }

    fn object(&self, key: &str) -> Option<Vec<u8>> {
        match self.store {
            Store::Bucket => self.platform.media.object(key),
            Store::Directory => std::fs::read(self.folder("media").join(key)).ok(),
        }
    }

    /// Every object and every temporary file of the media store.
    fn keys(&self) -> Vec<String> {
        match self.store {
            Store::Bucket => self.platform.media.keys(),
            Store::Directory => files(&self.folder("media")),
        }
    }

    /// Uploads that are neither committed nor discarded, of both stores.
    fn unfinished(&self) -> Vec<String> {
        match self.store {
            Store::Bucket => {
                let count = self.platform.media.uploads_in_progress() + self.platform.archive.uploads_in_progress();
                vec!["an open upload".to_owned(); count]
            }
            Store::Directory => {
                let all = files(&self.folder("media")).into_iter().chain(files(&self.folder("archive")));
                all.filter(|name| name.contains(".unfinished-")).collect()
            }
        }
    }
}

/// The files below a folder, by their paths in it.
fn files(root: &Path) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => found.push(entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned()),
            }
        }
    }
    found
}

/// How long a worker takes for the job from its start on.
fn undisturbed(store: Store, original: &Path) -> Duration {
    let (scene, input) = Scene::new(store, original);
    scene.platform.queue.queue("job-1", input);
    let worker = scene.worker();
    let began = Instant::now();
    scene.platform.result("job-1");
    let whole = began.elapsed();
    worker.stop();
    whole
}

fn killed_anywhere(store: Store) {
    let original = fixtures::clip(640, 360, "25", 14.0);
    let whole = undisturbed(store, &original);
    let count = std::env::var("KILL_POINTS").map_or(MOMENTS, |count| count.parse().unwrap());
    for moment in (0..count).map(|number| whole * (2 * number + 1) / (2 * count)) {
        killed_after(moment, store, &original);
    }
}

fn killed_after(moment: Duration, store: Store, original: &Path) {
    let (scene, input) = Scene::new(store, original);
    scene.platform.queue.queue("job-1", input.clone());
    let worker = scene.worker();
    let began = Instant::now();
    until("the moment has come", PATIENCE, || began.elapsed() >= moment);
    worker.kill();
    // What can be read is whole, at every moment.
    readable(|key| scene.object(key));

    let Scene { platform, store } = scene;
    let scene = Scene { platform: platform.with_another_queue(), store };
    scene.platform.queue.queue("job-1", input);
    let worker = scene.worker();
    let result = scene.platform.result("job-1");
    assert_eq!(result["output"]["result"]["status"], "completed", "after {moment:?} in a {store:?}: {result:#}");
    worker.stop();

    let readable = readable(|key| scene.object(key));
    assert!(readable.contains(&format!("{CREATOR}/hls/{MEDIA}/master.m3u8")));
    // Every segment there is can be reached by a viewer: from the master, or from the preview's playlist.
    let preview = format!("{CREATOR}/hls/{MEDIA}/preview/");
    let left: BTreeSet<String> = scene.keys().into_iter().filter(|key| key.ends_with(".ts")).collect();
    let unnamed: Vec<&String> =
        left.iter().filter(|key| !readable.contains(*key) && !key.starts_with(&preview)).collect();
    assert!(unnamed.is_empty(), "after {moment:?} in a {store:?}: {unnamed:#?}");
    assert_eq!(scene.unfinished(), [""; 0], "after {moment:?} in a {store:?}");
    assert!(std::fs::read_dir(scene.platform.work()).unwrap().next().is_none(), "a work directory is left");

    let ends = scene.platform.receiver.received().into_iter().filter(|message| message.body.contains(r#""completed""#));
    let ids: BTreeSet<String> = ends.map(|message| message.header("webhook-id").to_owned()).collect();
    assert_eq!(ids.len(), 1, "after {moment:?} in a {store:?}: {ids:?}");
}

#[test]
fn killed_at_any_moment_over_buckets_a_viewer_misses_nothing_and_the_next_worker_leaves_nothing() {
    killed_anywhere(Store::Bucket);
}

#[test]
fn killed_at_any_moment_over_directories_a_viewer_misses_nothing_and_the_next_worker_leaves_nothing() {
    killed_anywhere(Store::Directory);
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
