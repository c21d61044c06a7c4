use std::path::Path;

use super::*;
use crate::failure::Fault;
use crate::media::encoder::Processor;
use crate::media::transcode::Summary;
use crate::storage::LocalDirectory;

/// A store with a record in it, and what the tests look at.
struct Scene {
    folder: tempfile::TempDir,
    stores: Stores,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stores = Stores::default().with("media", LocalDirectory::open(folder.path()).unwrap());
        Self { folder, stores }
    }

    async fn journal(&self) -> Journal {
        Journal::open(self.stores.get("media").unwrap(), "u", "job-1").await.unwrap()
    }

    fn write(&self, key: &str, text: &str) {
        let path = self.folder.path().join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Everything but the record.
    fn objects(&self) -> Vec<String> {
        fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() {
                    walk(root, &entry, found);
                } else {
                    found.push(entry.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        let mut found = Vec::new();
        walk(self.folder.path(), self.folder.path(), &mut found);
        found.retain(|key| !key.starts_with("u/.codex/"));
        found.sort();
        found
    }
}

fn to(key: &str) -> Destination {
    Destination { store: "media".into(), key: Key::parse(key).unwrap() }
}

fn source() -> SourceVersion {
    SourceVersion { from: to("u/originals/m/in.mp4"), size: 9, tag: Some("v1".into()) }
}

/// Two rungs, a still and a master.
fn begun(publication: &str) -> Begun {
    let rung =
        |name: &str| Rung { playlist: to(&format!("u/{name}/index.m3u8")), prefix: format!("{name}-{publication}-") };
    let objects = ["u/master.m3u8", "u/720p/index.m3u8", "u/480p/index.m3u8", "u/thumb.jpg"].map(to).into();
    Begun { publication: publication.into(), rungs: vec![rung("720p"), rung("480p")], objects, ..Begun::default() }
}

fn published(publication: &str, pieces: &[(&str, u64)]) -> Published {
    Published {
        publication: publication.into(),
        source: source(),
        plan: "plan".into(),
        summary: Summary {
            duration: Duration::from_secs(6),
            processor: Processor::Cpu,
            fell_back: None,
            rungs: Vec::new(),
            loudness: None,
        },
        objects: Vec::new(),
        pieces: pieces.iter().map(|(key, length)| (to(key), *length)).collect(),
    }
}

const LABELS: fn() -> Labels = Labels::default;

#[tokio::test]
async fn segments_that_no_playlist_names_are_removed_and_others_stay() {
    let scene = Scene::new();
    scene.journal().await.begin(begun("aaa")).await.unwrap();
    scene.write("u/720p/720p-aaa-00000.ts", "left by a killed worker");
    scene.write("u/480p/.unfinished-1234-index.m3u8", "left by a killed worker");
    scene.write("u/720p/720p-bbb-00000.ts", "of an earlier publication");
    scene.write("u/720p/index.m3u8", "720p-bbb-00000.ts");
    scene.journal().await.recover(&scene.stores, &LABELS()).await.unwrap();
    assert_eq!(scene.objects(), ["u/720p/720p-bbb-00000.ts", "u/720p/index.m3u8"]);
    assert!(scene.journal().await.record.lock().await.begun.is_empty());
}

#[tokio::test]
async fn a_publication_that_can_be_read_in_part_keeps_what_its_playlists_name_until_they_are_replaced() {
    let scene = Scene::new();
    scene.journal().await.begin(begun("aaa")).await.unwrap();
    scene.write("u/720p/720p-aaa-00000.ts", "s");
    scene.write("u/480p/480p-aaa-00000.ts", "s");
    scene.write("u/720p/index.m3u8", "720p-aaa-00000.ts");
    let journal = scene.journal().await;
    journal.recover(&scene.stores, &LABELS()).await.unwrap();
    assert_eq!(scene.objects(), ["u/720p/720p-aaa-00000.ts", "u/720p/index.m3u8"]);
    // The next attempt replaces the playlist.
    journal.begin(begun("bbb")).await.unwrap();
    scene.write("u/720p/index.m3u8", "720p-bbb-00000.ts");
    scene.write("u/720p/720p-bbb-00000.ts", "s");
    journal.finish(&scene.stores, &LABELS(), "bbb").await.unwrap();
    assert_eq!(scene.objects(), ["u/720p/720p-bbb-00000.ts", "u/720p/index.m3u8"]);
}

#[tokio::test]
async fn a_publication_that_lacks_only_its_master_is_finished() {
    let scene = Scene::new();
    let pieces = [
        ("u/720p/720p-aaa-00000.ts", 1),
        ("u/480p/480p-aaa-00000.ts", 1),
        ("u/720p/index.m3u8", 17),
        ("u/480p/index.m3u8", 17),
        ("u/master.m3u8", 10),
    ];
    let journal = scene.journal().await;
    journal.begin(begun("aaa")).await.unwrap();
    journal.staged(published("aaa", &pieces), vec![(to("u/master.m3u8"), "the master".into())]).await.unwrap();
    // As if the worker had been killed a while ago.
    let mut record = journal.record.lock().await;
    record.begun[0].staged_at -= 60;
    journal.save(&record).await.unwrap();
    drop(record);
    for rung in ["720p", "480p"] {
        scene.write(&format!("u/{rung}/{rung}-aaa-00000.ts"), "s");
        scene.write(&format!("u/{rung}/index.m3u8"), &format!("{rung}-aaa-00000.ts"));
    }
    let journal = scene.journal().await;
    journal.recover(&scene.stores, &LABELS()).await.unwrap();
    assert_eq!(std::fs::read_to_string(scene.folder.path().join("u/master.m3u8")).unwrap(), "the master");
    let known = journal.published(&scene.stores, &source(), "plan").await.unwrap();
    assert_eq!(known.map(|known| known.publication), Some("aaa".into()));
}

#[tokio::test]
async fn only_the_same_plan_of_the_same_original_that_is_all_there_counts_as_published() {
    let scene = Scene::new();
    let journal = scene.journal().await;
    journal.begin(begun("aaa")).await.unwrap();
    journal.staged(published("aaa", &[("u/thumb.jpg", 3)]), Vec::new()).await.unwrap();
    scene.write("u/thumb.jpg", "jpg");
    journal.finish(&scene.stores, &LABELS(), "aaa").await.unwrap();
    let journal = scene.journal().await;
    let known =
        async |source: &SourceVersion, plan| journal.published(&scene.stores, source, plan).await.unwrap().is_some();
    assert!(known(&source(), "plan").await);
    assert!(!known(&source(), "another plan").await);
    assert!(!known(&SourceVersion { tag: Some("v2".into()), ..source() }, "plan").await);
    assert!(!known(&SourceVersion { tag: None, ..source() }, "plan").await);
    scene.write("u/thumb.jpg", "another length");
    assert!(!known(&source(), "plan").await);
}

#[tokio::test]
async fn a_worker_whose_job_was_taken_over_shows_nothing() {
    let scene = Scene::new();
    let slow = scene.journal().await;
    slow.begin(begun("aaa")).await.unwrap();
    scene.journal().await.recover(&scene.stores, &LABELS()).await.unwrap();
    let error = slow.staged(published("aaa", &[]), Vec::new()).await.unwrap_err();
    assert_eq!((error.code(), error.retryable()), ("job.taken-over", false));
}

#[tokio::test]
async fn a_record_that_can_not_be_read_is_as_good_as_none() {
    let scene = Scene::new();
    scene.write("u/.codex/jobs/job-1.json", "{\"version\":");
    scene.journal().await.recover(&scene.stores, &LABELS()).await.unwrap();
    scene
        .write("u/.codex/jobs/job-1.json", r#"{"version":99,"job":"job-1","probed":null,"published":null,"begun":[]}"#);
    scene.journal().await.begin(begun("aaa")).await.unwrap();
}
