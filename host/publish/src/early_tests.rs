use storage::{Faults, Faulty, Key, LocalDirectory};

use super::*;

struct Scene {
    store: tempfile::TempDir,
    folder: tempfile::TempDir,
    stores: Stores,
}

impl Scene {
    fn new() -> Self {
        let store = tempfile::tempdir().unwrap();
        let stores = Stores::default().with("media", LocalDirectory::open(store.path()).unwrap());
        Self { store, folder: tempfile::tempdir().unwrap(), stores }
    }

    fn playlist() -> Destination {
        Destination { store: "media".into(), key: Key::parse("u/720p/index.m3u8").unwrap() }
    }

    fn start(&self) -> Early {
        let family =
            Family { folder: self.folder.path().to_owned(), playlist: Self::playlist(), prefix: "720p-abc".to_owned() };
        Early::start(&self.stores, vec![family], &Labels::default())
    }

    fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(file);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn piece(file: &str, path: PathBuf) -> Piece {
        let key = Self::playlist().key.sibling(&format!("720p-abc-{file}")).unwrap();
        Piece { to: Destination { store: "media".into(), key }, body: Body::File(path), stage: Stage::Segment }
    }

    fn stored(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.store.path().join("u/720p")) else { return Vec::new() };
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| !name.starts_with('.'));
        names.sort();
        names
    }

    /// Returns when so many segments are there.
    async fn until_stored(&self, count: usize) {
        let wait = async {
            while self.stored().len() < count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect("segments do not go ahead");
    }
}

#[tokio::test]
async fn a_segment_goes_ahead_once_the_next_one_is_begun() {
    let scene = Scene::new();
    let early = scene.start();
    let first = scene.write("00000.ts", "first");
    let second = scene.write("00001.ts", "second");
    scene.write("00002.ts.tmp", "not a segment");
    scene.until_stored(1).await;
    let uploaded = early.finish(&CancellationToken::new()).await;
    assert_eq!(scene.stored(), ["720p-abc-00000.ts"]);
    assert_eq!(uploaded.still_good(&Scene::piece("00000.ts", first)), Some(5));
    assert_eq!(uploaded.still_good(&Scene::piece("00001.ts", second)), None);
}

#[tokio::test]
async fn a_segment_that_is_written_again_is_sent_again() {
    let scene = Scene::new();
    let early = scene.start();
    let first = scene.write("00000.ts", "by the GPU");
    scene.write("00001.ts", "second");
    scene.until_stored(1).await;
    let uploaded = early.finish(&CancellationToken::new()).await;
    scene.write("00000.ts", "by the CPU");
    let later = SystemTime::now() + Duration::from_secs(5);
    std::fs::File::options().write(true).open(&first).unwrap().set_modified(later).unwrap();
    assert_eq!(uploaded.still_good(&Scene::piece("00000.ts", first)), None);
}

#[tokio::test]
async fn what_went_ahead_of_a_job_that_came_to_nothing_is_removed() {
    let scene = Scene::new();
    let early = scene.start();
    scene.write("00000.ts", "first");
    scene.write("00001.ts", "second");
    scene.until_stored(1).await;
    early.finish(&CancellationToken::new()).await.discard().await;
    assert!(scene.stored().is_empty());
}

/// A store whose writes take until they are let on; one segment is on its way there.
async fn half_way(scene: &Scene) -> (Early, Arc<Faults>, PathBuf) {
    let faults = Arc::new(Faults::holding());
    let store = Faulty::new(LocalDirectory::open(scene.store.path()).unwrap(), Arc::clone(&faults));
    let family =
        Family { folder: scene.folder.path().to_owned(), playlist: Scene::playlist(), prefix: "720p-abc".to_owned() };
    let stores = Stores::default().with("media", store);
    let early = Early::start(&stores, vec![family], &Labels::default());
    let first = scene.write("00000.ts", "first");
    scene.write("00001.ts", "second");
    let begun = async {
        while faults.prepared() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), begun).await.expect("nothing is sent");
    (early, faults, first)
}

#[tokio::test]
async fn what_is_on_its_way_at_the_end_arrives() {
    let scene = Scene::new();
    let (early, faults, first) = half_way(&scene).await;
    let cancel = CancellationToken::new();
    let (uploaded, ()) = tokio::join!(early.finish(&cancel), async { faults.let_on() });
    assert_eq!(uploaded.still_good(&Scene::piece("00000.ts", first)), Some(5));
    assert_eq!(scene.stored(), ["720p-abc-00000.ts"]);
}

#[tokio::test]
async fn a_job_that_is_called_off_waits_for_nothing_that_is_on_its_way() {
    let scene = Scene::new();
    let (early, _faults, _) = half_way(&scene).await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let uploaded = tokio::time::timeout(Duration::from_secs(20), early.finish(&cancel)).await.expect("it waits");
    assert_eq!(uploaded.begun().len(), 1);
    assert!(scene.stored().is_empty());
}

#[test]
fn segments_beyond_five_digits_stay_in_order() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["100000.ts", "99999.ts", "00002.m4s", "init.mp4", "index.m3u8", "x1.ts"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    assert_eq!(numbered(folder.path()), ["00002.m4s", "99999.ts", "100000.ts"]);
}
