//! A local directory as a store.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata, OpenOptions};
use rustix::fs::{FlockOperation, Mode, OFlags};

use super::{
    Arrival, Body, Key, ListedObject, ListedPage, ObjectInfo, ObjectMeta, Operation, Prepared, Store, StoreError,
    UploadsTo, blocking, open_regular,
};

/// Access goes through a capability (`Dir`): no key and no symlink reaches anything outside the directory.
#[derive(Debug)]
pub struct LocalDirectory {
    dir: Arc<Dir>,
}

/// Begins the names of temporary files. [`Key`] accepts such names, but no policy may use them.
pub const UNFINISHED: &str = ".unfinished-";

impl LocalDirectory {
    /// Opens a directory, creating it if necessary.
    pub fn open(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        Ok(Self { dir: Arc::new(Dir::open_ambient_dir(path, ambient_authority())?) })
    }

    async fn with_dir<T: Send + 'static>(
        &self,
        operation: Operation,
        key: &Key,
        work: impl FnOnce(&Dir, &Key) -> io::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (dir, owned) = (Arc::clone(&self.dir), key.clone());
        blocking(move || work(&dir, &owned)).await.map_err(StoreError::io(operation, key))
    }
}

#[async_trait::async_trait]
impl Store for LocalDirectory {
    async fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StoreError> {
        self.with_dir(Operation::Head, key, |dir, key| {
            let found = if_exists(dir.metadata(key.as_str()))?;
            Ok(found.filter(Metadata::is_file).as_ref().map(describe))
        })
        .await
    }

    async fn fetch_reporting(&self, key: &Key, to: &Path, _: &Arrival) -> Result<ObjectInfo, StoreError> {
        let to = to.to_owned();
        self.with_dir(Operation::Read, key, move |dir, key| {
            let mut from = dir.open(key.as_str())?;
            let found = describe(&from.metadata()?);
            let mut file = std::fs::File::create_new(to)?;
            io::copy(&mut from, &mut file)?;
            Ok(found)
        })
        .await
    }

    async fn read(&self, key: &Key, limit: usize) -> Result<Option<Vec<u8>>, StoreError> {
        self.with_dir(Operation::Read, key, move |dir, key| {
            let Some(file) = if_exists(dir.open(key.as_str()))? else { return Ok(None) };
            let mut bytes = Vec::new();
            file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
            if bytes.len() > limit {
                return Err(io::Error::other(format!("it has more than {limit} bytes")));
            }
            Ok(Some(bytes))
        })
        .await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Key>, StoreError> {
        // A prefix may end within a file name, so its folder is listed and the result filtered.
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        let Ok(key) = Key::parse(if folder.is_empty() { "all" } else { &folder }) else { return Ok(Vec::new()) };
        let prefix = prefix.to_owned();
        self.with_dir(Operation::List, &key, move |dir, _| {
            let mut found = Vec::new();
            let top = if folder.is_empty() { dir.try_clone() } else { dir.open_dir(&folder) };
            if let Some(top) = if_exists(top)? {
                collect_keys(&top, &folder, &mut found)?;
            }
            found.retain(|key| key.as_str().starts_with(&prefix));
            found.sort();
            Ok(found)
        })
        .await
    }

    /// All of it in one part: folders on a disk have fewer objects than buckets.
    async fn list_page(&self, prefix: &str, after: Option<&str>) -> Result<ListedPage, StoreError> {
        let after = after.unwrap_or_default();
        let keys: Vec<Key> = self.list(prefix).await?.into_iter().filter(|key| key.as_str() > after).collect();
        let Some(first) = keys.first().cloned() else { return Ok(ListedPage::default()) };
        let listed = self.with_dir(Operation::List, &first, move |dir, _| {
            let mut objects = Vec::new();
            for key in keys {
                // It may have been deleted meanwhile.
                let Some(found) = if_exists(dir.metadata(key.as_str()))? else { continue };
                let modified = found.modified()?.into_std().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
                objects.push(ListedObject { key, size: found.len(), modified });
            }
            Ok(objects)
        });
        Ok(ListedPage { objects: listed.await?, next: None })
    }

    async fn notes(&self, _: &Key) -> Result<Option<BTreeMap<String, String>>, StoreError> {
        Ok(None)
    }

    /// Small objects, such as records and reports, have the same name in every run of a job, so each write also removes
    /// what a killed process left of the same object.
    async fn prepare(&self, key: &Key, body: Body, _: &ObjectMeta) -> Result<Box<dyn Prepared>, StoreError> {
        let written = self.with_dir(Operation::Write, key, move |dir, key| {
            if matches!(body, Body::Bytes(_)) {
                remove_unfinished(dir, key, |name, of| name == of, is_abandoned)?;
            }
            let (folder, name) = split(key);
            let folder = open_or_create(dir, folder)?;
            let unfinished = format!("{UNFINISHED}{}-{name}", uuid::Uuid::new_v4().simple());
            let mut file = UnfinishedFile::create(key.clone(), folder, unfinished)?;
            file.write(body)?;
            Ok(file)
        });
        Ok(Box::new(written.await?))
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.with_dir(Operation::Delete, key, |dir, key| if_exists(dir.remove_file(key.as_str())).map(drop)).await
    }

    async fn sweep(&self, uploads: UploadsTo<'_>) -> Result<usize, StoreError> {
        let UploadsTo { key, is_prefix } = uploads;
        self.with_dir(Operation::Delete, key, move |dir, key| {
            let includes = |name: &str, of: &str| of == name || is_prefix && of.starts_with(name);
            remove_unfinished(dir, key, includes, |_| true)
        })
        .await
    }
}

/// Removes temporary files beside an object. `includes` gets the object's name and that of the file's object. Returns how
/// many were removed.
fn remove_unfinished(
    dir: &Dir,
    key: &Key,
    includes: impl Fn(&str, &str) -> bool,
    is_removed: impl Fn(&cap_std::fs::File) -> bool,
) -> io::Result<usize> {
    let (folder, name) = split(key);
    let Some(folder) = if_exists(dir.open_dir(folder))? else { return Ok(0) };
    let mut removed = 0;
    for entry in folder.entries()? {
        let entry = entry?;
        let found = entry.file_name().to_string_lossy().into_owned();
        let of = found.strip_prefix(UNFINISHED).and_then(|rest| rest.split_once('-'));
        if of.is_some_and(|(_, of)| includes(name, of))
            // It may just have got its final name.
            && let Some(file) = if_exists(entry.open())?
            && is_removed(&file)
        {
            if_exists(folder.remove_file(&found))?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Whether no process writes it any more. The kernel releases the lock of a process that was killed.
fn is_abandoned(file: &cap_std::fs::File) -> bool {
    rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive).is_ok()
}

fn if_exists<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The tag is made of modification time and length. A commit always installs a new file, so both are of that version.
fn describe(found: &Metadata) -> ObjectInfo {
    let changed = found.modified().ok().map(cap_std::time::SystemTime::into_std);
    let changed = changed.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    ObjectInfo { size: found.len(), tag: changed.map(|at| format!("{}-{}", at.as_nanos(), found.len())) }
}

/// The parent folder of a path; `.` for a bare file name.
pub fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Folder and file name.
fn split(key: &Key) -> (&str, &str) {
    key.as_str().rsplit_once('/').unwrap_or((".", key.as_str()))
}

/// New folders are synced into their parents, so that they survive a power failure.
fn open_or_create(dir: &Dir, folder: &str) -> io::Result<Dir> {
    if let Some(found) = if_exists(dir.open_dir(folder))? {
        return Ok(found);
    }
    dir.create_dir_all(folder)?;
    for parent in Path::new(folder).ancestors().skip(1) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        sync_folder(&dir.open_dir(parent)?)?;
    }
    dir.open_dir(folder)
}

/// Makes created and renamed files in this folder survive a power failure.
fn sync_folder(folder: &Dir) -> io::Result<()> {
    // A `Dir` may be an O_PATH descriptor, which can't be synced.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let readable = rustix::fs::openat(folder, ".", flags, Mode::empty())?;
    match rustix::fs::fsync(readable) {
        // Some network file systems can't sync folders.
        Ok(()) | Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOTSUP) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Collects the objects below a folder, without temporary files.
fn collect_keys(folder: &Dir, path: &str, found: &mut Vec<Key>) -> io::Result<()> {
    for entry in folder.entries()? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect_keys(&entry.open_dir()?, &path, found)?;
        } else if kind.is_file()
            && !name.starts_with(UNFINISHED)
            && let Ok(key) = Key::parse(&path)
        {
            found.push(key);
        }
    }
    Ok(())
}

/// A file under its temporary name, beside its final one. Dropping it removes it.
struct UnfinishedFile {
    key: Key,
    folder: Dir,
    unfinished: String,
    /// Locked for as long as this process lives.
    file: cap_std::fs::File,
    length: u64,
    /// Whether it has its final name.
    renamed: bool,
}

impl UnfinishedFile {
    fn create(key: Key, folder: Dir, unfinished: String) -> io::Result<Self> {
        let file = folder.open_with(&unfinished, OpenOptions::new().write(true).create_new(true))?;
        // Some network file systems have no locks.
        let _ = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
        Ok(Self { key, folder, unfinished, file, length: 0, renamed: false })
    }

    /// Writes and syncs the content, so that it is on disk before the file gets its final name.
    fn write(&mut self, body: Body) -> io::Result<()> {
        let mut to = &self.file;
        self.length = match body {
            Body::Bytes(bytes) => {
                to.write_all(&bytes)?;
                bytes.len() as u64
            }
            Body::File(path) => io::copy(&mut open_regular(&path)?, &mut to)?,
        };
        to.sync_all()
    }

    fn rename(mut self) -> io::Result<()> {
        let (_, name) = split(&self.key);
        self.folder.rename(&self.unfinished, &self.folder, name)?;
        self.renamed = true;
        sync_folder(&self.folder)
    }
}

impl Drop for UnfinishedFile {
    /// Here and now, also for callers that were cancelled: a runtime that is about to end runs no new task. A file that
    /// can't be removed stays for `sweep`.
    fn drop(&mut self) {
        if !self.renamed {
            let _ = self.folder.remove_file(&self.unfinished);
        }
    }
}

#[async_trait::async_trait]
impl Prepared for UnfinishedFile {
    fn length(&self) -> u64 {
        self.length
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let key = self.key.clone();
        blocking(move || self.rename()).await.map_err(StoreError::io(Operation::Write, &key))
    }

    async fn discard(self: Box<Self>) {
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::parse(text).unwrap()
    }

    fn meta() -> ObjectMeta {
        ObjectMeta::of_type("text/plain")
    }

    #[tokio::test]
    async fn an_object_is_written_whole_and_replaces_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalDirectory::open(folder.path()).unwrap();
        for text in ["first", "second, longer"] {
            store.put(&key("a/b/c.txt"), Body::Bytes(text.into()), &meta()).await.unwrap();
        }
        assert_eq!(std::fs::read_to_string(folder.path().join("a/b/c.txt")).unwrap(), "second, longer");
        assert_eq!(store.head(&key("a/b/c.txt")).await.unwrap().map(|found| found.size), Some(14));
        assert_eq!(std::fs::read_dir(folder.path().join("a/b")).unwrap().count(), 1, "a temporary file was left");
    }

    #[tokio::test]
    async fn a_failed_write_leaves_the_object_before_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalDirectory::open(folder.path()).unwrap();
        store.put(&key("a/c.txt"), Body::Bytes("first".into()), &meta()).await.unwrap();
        let missing = Body::File(folder.path().join("not there"));
        store.put(&key("a/c.txt"), missing, &meta()).await.unwrap_err();
        assert_eq!(std::fs::read_to_string(folder.path().join("a/c.txt")).unwrap(), "first");
        assert_eq!(std::fs::read_dir(folder.path().join("a")).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_link_that_leads_outside_is_not_followed() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("link")).unwrap();
        let store = LocalDirectory::open(folder.path()).unwrap();
        assert!(store.fetch(&key("link/secret"), &folder.path().join("copy")).await.is_err());
        assert!(store.put(&key("link/new"), Body::Bytes("x".into()), &meta()).await.is_err());
        assert!(!outside.path().join("new").exists());
    }

    #[tokio::test]
    async fn a_missing_object_is_not_found_and_removing_it_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalDirectory::open(folder.path()).unwrap();
        assert_eq!(store.head(&key("a/b")).await.unwrap(), None);
        let error = store.fetch(&key("a/b"), &folder.path().join("copy")).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound { .. }), "{error}");
        store.delete(&key("a/b")).await.unwrap();
    }

    #[tokio::test]
    async fn an_upload_that_is_dropped_or_discarded_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalDirectory::open(folder.path()).unwrap();
        let files = || std::fs::read_dir(folder.path().join("a")).unwrap().count();
        for discard in [true, false] {
            let prepared = store.prepare(&key("a/c.txt"), Body::Bytes("x".into()), &meta()).await.unwrap();
            assert_eq!(files(), 1);
            if discard {
                prepared.discard().await;
            } else {
                drop(prepared);
            }
            let gone = async {
                while files() > 0 {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(std::time::Duration::from_secs(20), gone).await.expect("a temporary file was left");
        }
    }

    #[tokio::test]
    async fn a_sweep_removes_only_the_uploads_that_are_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalDirectory::open(folder.path()).unwrap();
        for name in ["a/1080p-0.ts", "a/1080p-1.ts", "a/720p-0.ts", "b/1080p-0.ts"] {
            // Like a killed process: no destructor runs.
            std::mem::forget(store.prepare(&key(name), Body::Bytes("x".into()), &meta()).await.unwrap());
        }
        let object = async |name| store.sweep(UploadsTo { key: &key(name), is_prefix: false }).await.unwrap();
        let prefix = async |name| store.sweep(UploadsTo { key: &key(name), is_prefix: true }).await.unwrap();
        assert_eq!((object("a/1080p").await, object("a/720p-0.ts").await), (0, 1));
        assert_eq!((prefix("missing/1080p-").await, prefix("a/1080p-").await), (0, 2));
        assert_eq!(std::fs::read_dir(folder.path().join("b")).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_write_removes_what_a_killed_process_left_of_the_object_and_nothing_that_is_being_written() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalDirectory::open(folder.path()).unwrap();
        let live = store.prepare(&key("a/r.json"), Body::Bytes("live".into()), &meta()).await.unwrap();
        let left = format!("a/{UNFINISHED}1-r.json");
        std::fs::write(folder.path().join(&left), "half").unwrap();
        store.put(&key("a/r.json"), Body::Bytes("new".into()), &meta()).await.unwrap();
        assert!(!folder.path().join(&left).exists());
        live.commit().await.unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("a/r.json")).unwrap(), "live");
    }

    #[tokio::test]
    async fn a_commit_that_fails_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalDirectory::open(folder.path()).unwrap();
        let prepared = store.prepare(&key("a/taken"), Body::Bytes("x".into()), &meta()).await.unwrap();
        std::fs::create_dir(folder.path().join("a/taken")).unwrap();
        assert!(prepared.commit().await.is_err());
        assert_eq!(std::fs::read_dir(folder.path().join("a")).unwrap().count(), 1);
    }
}
