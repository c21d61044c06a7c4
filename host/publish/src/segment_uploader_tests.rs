use std::sync::Arc;

use storage::{FailingStore, FailurePlan, Key, LocalDirectory};

use super::*;
use crate::GrowingUploads;

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

    fn start(&self) -> SegmentUploader {
        let rung = RungUpload {
            folder: self.folder.path().to_owned(),
            playlist: Self::playlist(),
            prefix: "720p-abc".to_owned(),
        };
        SegmentUploader::start(&self.stores, vec![rung], &Labels::default())
    }

    fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(file);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn piece(file: &str, path: PathBuf) -> Piece {
        let key = Self::playlist().key.sibling(&format!("720p-abc-{file}")).unwrap();
        Piece { to: Destination { store: "media".into(), key }, body: Body::File(path), kind: PieceKind::Segment }
    }

    fn stored(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.store.path().join("u/720p")) else { return Vec::new() };
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| !name.starts_with('.'));
        names.sort();
        names
    }

    /// Waits for this many segments.
    async fn until_stored(&self, count: usize) {
        let wait = async {
            while self.stored().len() < count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect("segments are not uploaded");
    }
}

#[tokio::test]
async fn a_segment_is_uploaded_once_the_next_one_is_begun() {
    let scene = Scene::new();
    let uploader = scene.start();
    let first = scene.write("00000.ts", "first");
    let second = scene.write("00001.ts", "second");
    scene.write("00002.ts.tmp", "not a segment");
    scene.until_stored(1).await;
    let uploaded = uploader.finish(&CancellationToken::new()).await;
    assert_eq!(scene.stored(), ["720p-abc-00000.ts"]);
    assert_eq!(uploaded.length_if_current(&Scene::piece("00000.ts", first)), Some(5));
    assert_eq!(uploaded.length_if_current(&Scene::piece("00001.ts", second)), None);
}

#[tokio::test]
async fn a_segment_that_is_written_again_is_sent_again() {
    let scene = Scene::new();
    let uploader = scene.start();
    let first = scene.write("00000.ts", "by the GPU");
    scene.write("00001.ts", "second");
    scene.until_stored(1).await;
    let uploaded = uploader.finish(&CancellationToken::new()).await;
    scene.write("00000.ts", "by the CPU");
    let later = SystemTime::now() + Duration::from_secs(5);
    std::fs::File::options().write(true).open(&first).unwrap().set_modified(later).unwrap();
    assert_eq!(uploaded.length_if_current(&Scene::piece("00000.ts", first)), None);
}

#[tokio::test]
async fn segments_of_a_failed_job_are_deleted() {
    let scene = Scene::new();
    let uploader = scene.start();
    scene.write("00000.ts", "first");
    scene.write("00001.ts", "second");
    scene.until_stored(1).await;
    uploader.finish(&CancellationToken::new()).await.discard().await;
    assert!(scene.stored().is_empty());
}

/// A store whose writes block, with one segment in flight.
async fn blocked_upload(scene: &Scene) -> (SegmentUploader, Arc<FailurePlan>, PathBuf) {
    let plan = Arc::new(FailurePlan::blocking_prepares());
    let store = FailingStore::new(LocalDirectory::open(scene.store.path()).unwrap(), Arc::clone(&plan));
    let rung = RungUpload {
        folder: scene.folder.path().to_owned(),
        playlist: Scene::playlist(),
        prefix: "720p-abc".to_owned(),
    };
    let stores = Stores::default().with("media", store);
    let uploader = SegmentUploader::start(&stores, vec![rung], &Labels::default());
    let first = scene.write("00000.ts", "first");
    scene.write("00001.ts", "second");
    let begun = async {
        while plan.prepares() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), begun).await.expect("nothing is uploaded");
    (uploader, plan, first)
}

#[tokio::test]
async fn an_upload_in_flight_at_the_end_is_finished() {
    let scene = Scene::new();
    let (uploader, plan, first) = blocked_upload(&scene).await;
    let cancel = CancellationToken::new();
    let (uploaded, ()) = tokio::join!(uploader.finish(&cancel), async { plan.unblock() });
    assert_eq!(uploaded.length_if_current(&Scene::piece("00000.ts", first)), Some(5));
    assert_eq!(scene.stored(), ["720p-abc-00000.ts"]);
}

#[tokio::test]
async fn a_segment_that_is_rewritten_during_its_upload_is_uploaded_again() {
    let scene = Scene::new();
    let (uploader, plan, first) = blocked_upload(&scene).await;
    scene.write("00000.ts", "again");
    let later = SystemTime::now() + Duration::from_secs(5);
    std::fs::File::options().write(true).open(&first).unwrap().set_modified(later).unwrap();
    let cancel = CancellationToken::new();
    let (uploaded, ()) = tokio::join!(uploader.finish(&cancel), async { plan.unblock() });
    // As if the store had read the file before it was rewritten.
    let stored = scene.store.path().join("u/720p/720p-abc-00000.ts");
    std::fs::write(&stored, "first").unwrap();
    let pieces = vec![Scene::piece("00000.ts", first)];
    crate::stage(&scene.stores, pieces, (uploaded, GrowingUploads::default()), &Labels::default(), &cancel)
        .await
        .unwrap();
    assert_eq!(std::fs::read_to_string(stored).unwrap(), "again");
}

#[tokio::test]
async fn a_cancelled_job_does_not_wait_for_uploads_in_flight() {
    let scene = Scene::new();
    let (uploader, _plan, _) = blocked_upload(&scene).await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let uploaded =
        tokio::time::timeout(Duration::from_secs(20), uploader.finish(&cancel)).await.expect("it waits for the upload");
    assert_eq!(uploaded.destinations().len(), 1);
    assert!(scene.stored().is_empty());
}

#[test]
fn segments_beyond_five_digits_stay_in_order() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["100000.ts", "99999.ts", "00002.m4s", "init.mp4", "index.m3u8", "x1.ts"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    assert_eq!(segment_files(folder.path()).unwrap(), ["00002.m4s", "99999.ts", "100000.ts"]);
}
