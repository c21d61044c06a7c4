use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use fault::Fault;
use storage::LocalDirectory;

use super::*;

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
        self.journal_of("u", "job-1").await
    }

    async fn journal_of(&self, creator: &str, job: &str) -> Journal {
        let stores = ["media".to_owned()];
        Journal::open(self.records(), Scope { creator, stores: &stores }, job).await.unwrap()
    }

    fn records(&self) -> Records {
        Records::new(self.stores.get("media").unwrap(), b"the webhook's secret")
    }

    fn write(&self, key: &str, text: &str) {
        let path = self.folder.path().join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Everything but the journal.
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
        found.retain(|key| !key.contains(".codex/"));
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
fn attempt(publication: &str) -> Attempt {
    let rung = |name: &str| RungRecord {
        playlist: to(&format!("u/{name}/index.m3u8")),
        prefix: format!("{name}-{publication}"),
    };
    let objects = ["u/master.m3u8", "u/720p/index.m3u8", "u/480p/index.m3u8", "u/thumb.jpg"].map(to).into();
    Attempt { publication: publication.into(), rungs: vec![rung("720p"), rung("480p")], objects, ..Attempt::default() }
}

fn published(publication: &str, pieces: &[(&str, u64)]) -> Published {
    Published {
        publication: publication.into(),
        source: source(),
        plan: "plan".into(),
        summary: serde_json::json!({"duration": 6}),
        objects: Vec::new(),
        pieces: pieces.iter().map(|(key, length)| (to(key), *length)).collect(),
    }
}

/// Two publications.
const AAA: &str = "aaaaaaaaaaaa";
const BBB: &str = "bbbbbbbbbbbb";

const LABELS: fn() -> Labels = Labels::default;

#[tokio::test]
async fn segments_that_no_playlist_names_are_removed_and_others_stay() {
    let scene = Scene::new();
    scene.journal().await.begin(attempt(AAA)).await.unwrap();
    scene.write("u/720p/720p-aaaaaaaaaaaa-00000.ts", "left by a killed worker");
    scene.write("u/480p/.unfinished-1234-index.m3u8", "left by a killed worker");
    scene.write("u/480p/.unfinished-1234-480p-aaaaaaaaaaaa-00007.ts", "left by a killed worker");
    scene.write("u/720p/720p-bbbbbbbbbbbb-00000.ts", "of an earlier publication");
    scene.write("u/720p/index.m3u8", "720p-bbbbbbbbbbbb-00000.ts");
    scene.journal().await.recover(&scene.stores, &LABELS()).await.unwrap();
    assert_eq!(scene.objects(), ["u/720p/720p-bbbbbbbbbbbb-00000.ts", "u/720p/index.m3u8"]);
    assert!(scene.journal().await.record.lock().await.attempts.is_empty());
}

#[tokio::test]
async fn a_partly_committed_publication_keeps_what_its_playlists_name_until_they_are_replaced() {
    let scene = Scene::new();
    scene.journal().await.begin(attempt(AAA)).await.unwrap();
    scene.write("u/720p/720p-aaaaaaaaaaaa-00000.ts", "s");
    scene.write("u/480p/480p-aaaaaaaaaaaa-00000.ts", "s");
    scene.write("u/720p/index.m3u8", "720p-aaaaaaaaaaaa-00000.ts");
    let journal = scene.journal().await;
    journal.recover(&scene.stores, &LABELS()).await.unwrap();
    assert_eq!(scene.objects(), ["u/720p/720p-aaaaaaaaaaaa-00000.ts", "u/720p/index.m3u8"]);
    // The next attempt replaces the playlist.
    journal.begin(attempt(BBB)).await.unwrap();
    scene.write("u/720p/index.m3u8", "720p-bbbbbbbbbbbb-00000.ts");
    scene.write("u/720p/720p-bbbbbbbbbbbb-00000.ts", "s");
    journal.finish(&scene.stores, &LABELS(), BBB).await.unwrap();
    assert_eq!(scene.objects(), ["u/720p/720p-bbbbbbbbbbbb-00000.ts", "u/720p/index.m3u8"]);
}

/// The keyframes of a rung have a playlist of their own, which was committed before the rung's.
#[tokio::test]
async fn segments_that_only_a_playlist_of_keyframes_names_are_kept() {
    let scene = Scene::new();
    let mut attempt = attempt(AAA);
    let keyframes = RungRecord { playlist: to("u/720p/iframes.m3u8"), prefix: attempt.rungs[0].prefix.clone() };
    attempt.rungs.push(keyframes);
    scene.journal().await.begin(attempt).await.unwrap();
    scene.write("u/720p/720p-aaaaaaaaaaaa-00000.ts", "s");
    scene.write("u/480p/480p-aaaaaaaaaaaa-00000.ts", "s");
    scene.write("u/720p/iframes.m3u8", "720p-aaaaaaaaaaaa-00000.ts");
    scene.journal().await.recover(&scene.stores, &LABELS()).await.unwrap();
    assert_eq!(scene.objects(), ["u/720p/720p-aaaaaaaaaaaa-00000.ts", "u/720p/iframes.m3u8"]);
}

/// Everything but the master, with lengths.
const BEFORE_MASTER: [(&str, u64); 4] = [
    ("u/720p/720p-aaaaaaaaaaaa-00000.ts", 1),
    ("u/480p/480p-aaaaaaaaaaaa-00000.ts", 1),
    ("u/720p/index.m3u8", 26),
    ("u/480p/index.m3u8", 26),
];

/// A publication whose worker was killed before it committed the master, long enough ago.
async fn killed_before_the_master(scene: &Scene) {
    let mut journal = scene.journal().await;
    journal.clock = Arc::new(FakeClock::at(1000));
    journal.begin(attempt(AAA)).await.unwrap();
    stage_all(&journal).await;
    for rung in ["720p", "480p"] {
        scene.write(&format!("u/{rung}/{rung}-aaaaaaaaaaaa-00000.ts"), "s");
        scene.write(&format!("u/{rung}/index.m3u8"), &format!("{rung}-aaaaaaaaaaaa-00000.ts"));
    }
}

async fn stage_all(journal: &Journal) {
    let pieces: Vec<_> = BEFORE_MASTER.into_iter().chain([("u/master.m3u8", 10)]).collect();
    journal.staged(published(AAA, &pieces), vec![(to("u/master.m3u8"), "the master".into())]).await.unwrap();
}

#[tokio::test]
async fn a_publication_that_lacks_only_its_master_is_finished() {
    let scene = Scene::new();
    killed_before_the_master(&scene).await;
    let journal = scene.journal().await;
    journal.recover(&scene.stores, &LABELS()).await.unwrap();
    assert_eq!(std::fs::read_to_string(scene.folder.path().join("u/master.m3u8")).unwrap(), "the master");
    let known = journal.published(&scene.stores, &source(), "plan").await.unwrap();
    assert_eq!(known.map(|known| known.publication), Some(AAA.to_owned()));
    assert!(journal.record.lock().await.attempts.is_empty());
}

#[tokio::test]
async fn a_publication_is_not_finished_unless_every_piece_exists_in_its_length() {
    for (piece, _) in BEFORE_MASTER {
        for change in [None, Some("another length 720p-aaaaaaaaaaaa 480p-aaaaaaaaaaaa")] {
            let scene = Scene::new();
            killed_before_the_master(&scene).await;
            match change {
                None => std::fs::remove_file(scene.folder.path().join(piece)).unwrap(),
                Some(text) => scene.write(piece, text),
            }
            let journal = scene.journal().await;
            journal.recover(&scene.stores, &LABELS()).await.unwrap();
            assert!(!scene.objects().contains(&"u/master.m3u8".to_owned()), "published without {piece}");
            assert!(journal.published(&scene.stores, &source(), "plan").await.unwrap().is_none(), "{piece}");
            assert_eq!(journal.record.lock().await.attempts.len(), 1, "{piece}: what is readable was forgotten");
        }
    }
}

/// A clock that stands still. Sleeping runs a hook and moves it on.
struct FakeClock {
    now: AtomicU64,
    on_sleep: std::sync::Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl FakeClock {
    fn at(now: u64) -> Self {
        Self { now: now.into(), on_sleep: std::sync::Mutex::default() }
    }
}

impl std::fmt::Debug for FakeClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeClock")
    }
}

#[async_trait::async_trait]
impl WallClock for FakeClock {
    fn unix_seconds(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    async fn sleep(&self, duration: Duration) {
        if let Some(hook) = self.on_sleep.lock().unwrap().take() {
            hook();
        }
        self.now.fetch_add(duration.as_secs(), Ordering::Relaxed);
    }
}

#[tokio::test]
async fn recovery_waits_for_the_commit_lease_of_a_live_worker() {
    let scene = Scene::new();
    let mut live = scene.journal().await;
    live.clock = Arc::new(FakeClock::at(1000));
    live.begin(attempt(AAA)).await.unwrap();
    stage_all(&live).await;
    let root = scene.folder.path().to_owned();
    for rung in ["720p", "480p"] {
        scene.write(&format!("u/{rung}/{rung}-aaaaaaaaaaaa-00000.ts"), "s");
    }
    // The live worker commits its playlists while the other one waits.
    let commit = move || {
        for rung in ["720p", "480p"] {
            assert!(root.join(format!("u/{rung}/{rung}-aaaaaaaaaaaa-00000.ts")).exists(), "deleted before the wait");
            std::fs::write(root.join(format!("u/{rung}/index.m3u8")), format!("{rung}-aaaaaaaaaaaa-00000.ts")).unwrap();
        }
    };
    let clock = Arc::new(FakeClock::at(1003));
    *clock.on_sleep.lock().unwrap() = Some(Box::new(commit));
    let mut next = scene.journal().await;
    next.clock = clock.clone();
    next.recover(&scene.stores, &LABELS()).await.unwrap();
    assert_eq!(clock.unix_seconds(), 1000 + COMMIT_LEASE.as_secs());
    let pieces = BEFORE_MASTER.map(|(key, _)| key);
    assert!(pieces.iter().all(|key| scene.objects().iter().any(|found| found == key)), "{:?}", scene.objects());
    assert!(next.published(&scene.stores, &source(), "plan").await.unwrap().is_some());
}

#[tokio::test]
async fn recovery_does_not_wait_for_a_lease_that_is_over() {
    let scene = Scene::new();
    killed_before_the_master(&scene).await;
    let clock = Arc::new(FakeClock::at(1000 + COMMIT_LEASE.as_secs()));
    *clock.on_sleep.lock().unwrap() = Some(Box::new(|| panic!("it waits")));
    let mut next = scene.journal().await;
    next.clock = clock;
    next.recover(&scene.stores, &LABELS()).await.unwrap();
}

#[tokio::test]
async fn the_journal_can_be_used_while_recovery_waits() {
    let scene = Scene::new();
    let mut live = scene.journal().await;
    live.clock = Arc::new(FakeClock::at(1000));
    live.begin(attempt(AAA)).await.unwrap();
    stage_all(&live).await;
    let clock = Arc::new(FakeClock::at(1000));
    let mut next = scene.journal().await;
    next.clock = clock.clone();
    let next = Arc::new(next);
    let during = Arc::clone(&next);
    *clock.on_sleep.lock().unwrap() = Some(Box::new(move || drop(during.record.try_lock().expect("it is locked"))));
    next.recover(&scene.stores, &LABELS()).await.unwrap();
    assert!(clock.on_sleep.lock().unwrap().is_none(), "it did not wait");
}

#[tokio::test]
async fn recovery_deletes_all_segments_of_a_film() {
    let scene = Scene::new();
    scene.journal().await.begin(attempt(AAA)).await.unwrap();
    for number in 0..100 {
        scene.write(&format!("u/720p/720p-aaaaaaaaaaaa-{number:05}.ts"), "s");
    }
    scene.journal().await.recover(&scene.stores, &LABELS()).await.unwrap();
    assert!(scene.objects().is_empty(), "{:?}", scene.objects());
}

#[tokio::test]
async fn the_probe_of_an_original_without_a_tag_is_never_reused() {
    let scene = Scene::new();
    let journal = scene.journal().await;
    for (tag, reused) in [(Some("v1".to_owned()), true), (None, false)] {
        let version = SourceVersion { tag, ..source() };
        journal.keep_probed(version.clone(), &serde_json::json!({"width": 1})).await;
        let info: Option<serde_json::Value> = journal.probed(&version).await;
        assert_eq!(info.is_some(), reused, "{version:?}");
    }
}

#[tokio::test]
async fn the_publication_of_an_original_without_a_tag_is_never_reused() {
    let scene = Scene::new();
    scene.write("u/thumb.jpg", "jpg");
    for (tag, reused) in [(Some("v1".to_owned()), true), (None, false)] {
        let journal = scene.journal().await;
        let version = SourceVersion { tag, ..source() };
        journal.begin(attempt(AAA)).await.unwrap();
        let published = Published { source: version.clone(), ..published(AAA, &[("u/thumb.jpg", 3)]) };
        journal.staged(published, Vec::new()).await.unwrap();
        journal.finish(&scene.stores, &LABELS(), AAA).await.unwrap();
        let known = journal.published(&scene.stores, &version, "plan").await.unwrap();
        assert_eq!(known.is_some(), reused, "{version:?}");
    }
}

#[tokio::test]
async fn only_the_same_plan_of_the_same_original_that_is_all_there_counts_as_published() {
    let scene = Scene::new();
    let journal = scene.journal().await;
    journal.begin(attempt(AAA)).await.unwrap();
    journal.staged(published(AAA, &[("u/thumb.jpg", 3)]), Vec::new()).await.unwrap();
    scene.write("u/thumb.jpg", "jpg");
    journal.finish(&scene.stores, &LABELS(), AAA).await.unwrap();
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
async fn a_worker_whose_job_was_taken_over_publishes_nothing() {
    let scene = Scene::new();
    let slow = scene.journal().await;
    slow.begin(attempt(AAA)).await.unwrap();
    scene.journal().await.recover(&scene.stores, &LABELS()).await.unwrap();
    let error = slow.staged(published(AAA, &[]), Vec::new()).await.unwrap_err();
    assert_eq!((error.code().name, error.code().retryable), ("job.taken-over", false));
}

#[tokio::test]
async fn a_record_that_can_not_be_read_counts_as_none() {
    let scene = Scene::new();
    let journal = scene.journal().await;
    for text in [
        &b"{\"version\":"[..],
        br#"{"version":99,"creator":"u","job":"job-1","probed":null,"published":null,"begun":[]}"#,
    ] {
        journal.records.write(&journal.key, text).await.unwrap();
        assert!(scene.journal().await.record.lock().await.attempts.is_empty());
    }
    scene.journal().await.begin(attempt(AAA)).await.unwrap();
}

/// Objects that no record may touch: another creator's, and one of this creator's own that is no segment.
const VICTIMS: [&str; 4] =
    ["v/hls/m/master.m3u8", "v/hls/m/720p-aaaaaaaaaaaa-00000.ts", "u/thumb.jpg", "u/other/720p-aaaaaaaaaaaa.txt"];

/// What a hostile record may say: each would remove or overwrite a victim if it was believed.
fn forgeries() -> Vec<(&'static str, Attempt)> {
    let rung = |playlist: &str, prefix: &str| RungRecord { playlist: to(playlist), prefix: prefix.into() };
    let with = |rungs: Vec<RungRecord>, objects: Vec<Destination>, masters: Vec<(Destination, String)>| {
        let staged = Some(published(AAA, &[]));
        Attempt { publication: AAA.into(), rungs, objects, staged, staged_at: 1, masters }
    };
    let whole = || rung("u/720p/index.m3u8", "720p-aaaaaaaaaaaa");
    let other_store = Destination { store: "originals".into(), key: Key::parse("u/originals/m/in.mp4").unwrap() };
    vec![
        ("segments of another creator", with(vec![rung("v/hls/m/x.m3u8", "720p-aaaaaaaaaaaa")], vec![], vec![])),
        ("an empty prefix", with(vec![rung("u/x.m3u8", "")], vec![], vec![])),
        ("a short prefix", with(vec![rung("u/x.m3u8", "t")], vec![], vec![])),
        ("a prefix into another folder", with(vec![rung("u/x.m3u8", "other/720p-aaaaaaaaaaaa")], vec![], vec![])),
        ("a prefix that is a publication's name alone", with(vec![rung("u/x.m3u8", "aaaaaaaaaaaa")], vec![], vec![])),
        ("uploads of another creator", with(vec![whole()], vec![to("v/hls/m/master.m3u8")], vec![])),
        ("an object of another store", with(vec![whole()], vec![other_store], vec![])),
        ("a master of another creator", with(vec![], vec![], vec![(to("v/hls/m/master.m3u8"), "owned".into())])),
        ("a host's own record", with(vec![whole()], vec![to("u/.codex/jobs/job-1.json")], vec![])),
        (
            "a short publication",
            Attempt { publication: "a".into(), ..with(vec![rung("u/x.m3u8", "u-a")], vec![], vec![]) },
        ),
    ]
}

async fn assert_untouched(scene: &Scene, what: &str) {
    // The playlist names this publication, so that a believed record would write its masters as well.
    scene.write("u/720p/index.m3u8", "720p-aaaaaaaaaaaa-00000.ts");
    for victim in VICTIMS {
        scene.write(victim, "precious");
    }
    let before = scene.objects();
    let journal = scene.journal().await;
    assert!(journal.record.lock().await.attempts.is_empty(), "{what}: believed");
    journal.recover(&scene.stores, &LABELS()).await.unwrap();
    assert_eq!(scene.objects(), before, "{what}");
    for victim in VICTIMS {
        assert_eq!(std::fs::read_to_string(scene.folder.path().join(victim)).unwrap(), "precious", "{what}: {victim}");
    }
}

#[tokio::test]
async fn an_authentic_record_that_names_what_is_not_the_jobs_is_not_followed() {
    for (what, forged) in forgeries() {
        let scene = Scene::new();
        let journal = scene.journal().await;
        journal.record.lock().await.attempts.push(forged);
        journal.save(&*journal.record.lock().await).await.unwrap();
        assert_untouched(&scene, what).await;
    }
}

#[tokio::test]
async fn a_record_without_the_hosts_seal_is_not_followed_wherever_it_lies() {
    for at in [".codex/jobs/u/job-1.json", "u/.codex/jobs/job-1.json"] {
        for (what, forged) in forgeries().into_iter().chain([("a plain one", attempt(AAA))]) {
            for version in [1, 2] {
                let scene = Scene::new();
                let record = serde_json::json!({
                    "version": version, "creator": "u", "job": "job-1", "probed": null, "published": null, "begun": [forged],
                });
                scene.write(at, &record.to_string());
                assert_untouched(&scene, &format!("{what} at {at}")).await;
            }
        }
    }
}

#[tokio::test]
async fn a_sealed_record_of_another_job_or_creator_is_not_followed() {
    for (creator, job) in [("u", "job-2"), ("v", "job-1")] {
        let scene = Scene::new();
        let journal = scene.journal_of(creator, job).await;
        journal.begin(attempt(AAA)).await.unwrap();
        let sealed = scene.records().store().read(&journal.key, MAX_RECORD).await.unwrap().unwrap();
        scene.write(".codex/jobs/u/job-1.json", &String::from_utf8(sealed).unwrap());
        assert_untouched(&scene, job).await;
    }
}

#[tokio::test]
async fn a_record_of_an_earlier_version_counts_for_what_is_published_alone() {
    let scene = Scene::new();
    scene.write("u/thumb.jpg", "jpg");
    let record = |published: &Published| {
        serde_json::json!({
            "version": 1, "job": "job-1", "probed": null, "published": published, "begun": [attempt(BBB)],
        })
    };
    let at = "u/.codex/jobs/job-1.json";
    scene.write(at, &record(&published(AAA, &[("u/thumb.jpg", 3)])).to_string());
    let journal = scene.journal().await;
    assert!(journal.record.lock().await.attempts.is_empty());
    assert!(journal.published(&scene.stores, &source(), "plan").await.unwrap().is_some());
    scene.write("v/thumb.jpg", "jpg");
    scene.write(at, &record(&published(AAA, &[("v/thumb.jpg", 3)])).to_string());
    assert!(scene.journal().await.published(&scene.stores, &source(), "plan").await.unwrap().is_none());
}
