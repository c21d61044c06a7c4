use fault::Fault;
use storage::{FailingStore, FailurePlan, Key, LocalDirectory};

use super::*;
use crate::PublishError;

const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);

fn piece(key: &str, kind: PieceKind) -> Piece {
    let to = Destination { store: "media".into(), key: Key::parse(key).unwrap() };
    Piece { to, body: Body::Bytes(key.into()), kind }
}

/// Deliberately out of order; the lengths of the bodies decide the order of the uploads.
fn pieces() -> Vec<Piece> {
    vec![
        piece("u/master.m3u8", PieceKind::Master),
        piece("u/720p/index.m3u8", PieceKind::MediaPlaylist),
        piece("u/thumb.jpg", PieceKind::Object),
        piece("u/720p/a-00000.ts", PieceKind::Segment),
        piece("u/720p/a-00001.ts", PieceKind::Segment),
    ]
}

const SEGMENTS: [&str; 2] = ["u/720p/a-00000.ts", "u/720p/a-00001.ts"];

fn there(folder: &std::path::Path) -> Vec<&'static str> {
    let all = ["u/720p/a-00000.ts", "u/720p/a-00001.ts", "u/thumb.jpg", "u/720p/index.m3u8", "u/master.m3u8"];
    all.into_iter().filter(|key| folder.join(key).exists()).collect()
}

async fn publish(stores: &Stores, cancel: &CancellationToken) -> Result<(), PublishError> {
    stage(stores, pieces(), (UploadedSegments::default(), GrowingUploads::default()), &Labels::default(), cancel)
        .await?
        .commit(Instant::now() + HOUR)
        .await
}

/// Publishes over an earlier publication and fails. Returns the store's folder and the error.
async fn failing(plan: FailurePlan) -> (tempfile::TempDir, PublishError) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("u")).unwrap();
    std::fs::write(folder.path().join("u/thumb.jpg"), "of before").unwrap();
    let plan = Arc::new(plan);
    let store = FailingStore::new(LocalDirectory::open(folder.path()).unwrap(), Arc::clone(&plan));
    let stores = Stores::default().with("media", store);
    let error = publish(&stores, &CancellationToken::new()).await.unwrap_err();
    assert_eq!(plan.injected(), 1);
    (folder, error)
}

fn files(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

#[tokio::test]
async fn every_piece_is_published() {
    let folder = tempfile::tempdir().unwrap();
    let stores = Stores::default().with("media", LocalDirectory::open(folder.path()).unwrap());
    publish(&stores, &CancellationToken::new()).await.unwrap();
    assert_eq!(there(folder.path()).len(), 5);
    assert_eq!(files(folder.path()), 5, "something unfinished was left");
}

#[tokio::test]
async fn a_failed_upload_leaves_the_earlier_publication_as_it_was() {
    for call in 1..=5 {
        let (folder, error) = failing(FailurePlan::failing_prepares([call])).await;
        assert_eq!(error.code(), "storage.injected");
        assert_eq!(files(folder.path()), 1, "clutter after a failure at write {call}");
        assert_eq!(std::fs::read_to_string(folder.path().join("u/thumb.jpg")).unwrap(), "of before");
    }
}

#[tokio::test]
async fn only_segments_are_visible_before_everything_is_uploaded() {
    let folder = tempfile::tempdir().unwrap();
    let stores = Stores::default().with("media", LocalDirectory::open(folder.path()).unwrap());
    let (labels, cancel) = (Labels::default(), CancellationToken::new());
    let staged = stage(&stores, pieces(), (UploadedSegments::default(), GrowingUploads::default()), &labels, &cancel)
        .await
        .unwrap();
    assert_eq!(there(folder.path()), SEGMENTS);
    assert_eq!(staged.objects().last().unwrap().0.key.as_str(), "u/master.m3u8");
    staged.discard().await;
    assert_eq!(files(folder.path()), 0);
}

#[tokio::test]
async fn a_failed_commit_leaves_no_playlist_that_names_a_missing_object() {
    // The first two commits are those of the segments, during staging.
    let (folder, _) = failing(FailurePlan::failing_commits([3])).await;
    assert_eq!(there(folder.path()), ["u/thumb.jpg"]);
    assert_eq!(files(folder.path()), 1);
    let (folder, _) = failing(FailurePlan::failing_commits([4])).await;
    assert!(!there(folder.path()).contains(&"u/720p/index.m3u8"));
    let (folder, _) = failing(FailurePlan::failing_commits([5])).await;
    let all_but_the_master = ["u/720p/a-00000.ts", "u/720p/a-00001.ts", "u/thumb.jpg", "u/720p/index.m3u8"];
    assert_eq!(there(folder.path()), all_but_the_master);
}

#[tokio::test]
async fn a_cancelled_publication_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let stores = Stores::default().with("media", LocalDirectory::open(folder.path()).unwrap());
    let cancel = CancellationToken::new();
    cancel.cancel();
    let error = publish(&stores, &cancel).await.unwrap_err();
    assert!(matches!(error, PublishError::Cancelled));
    assert_eq!(files(folder.path()), 0);
}

#[tokio::test]
async fn playlists_are_not_committed_after_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let stores = Stores::default().with("media", LocalDirectory::open(folder.path()).unwrap());
    let (labels, cancel) = (Labels::default(), CancellationToken::new());
    let staged = stage(&stores, pieces(), (UploadedSegments::default(), GrowingUploads::default()), &labels, &cancel)
        .await
        .unwrap();
    let error = staged.commit(Instant::now() - HOUR).await.unwrap_err();
    assert_eq!(error.code(), "storage.too-slow");
    assert_eq!(there(folder.path()), ["u/thumb.jpg"]);
}
