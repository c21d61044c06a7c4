//! A directory as a store: the embedded default, on a laptop and in tests.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};

use super::{Body, Doing, Key, ObjectInfo, ObjectMeta, Prepared, Store, StoreError};

/// A directory. Held as a capability: whatever a key says, nothing outside is reached, not even through a link.
#[derive(Debug)]
pub struct LocalDirectory {
    dir: Dir,
}

/// Marks files that are being written; a name that `Key` would take, but that no layout has.
pub const UNFINISHED: &str = ".unfinished-";

impl LocalDirectory {
    /// Opens a directory and makes it first where it is missing.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(path)?;
        Ok(Self { dir: Dir::open_ambient_dir(path, ambient_authority())? })
    }

    /// Runs file work where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        doing: Doing,
        key: &Key,
        work: impl FnOnce(&Dir, &Key) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let failed = StoreError::io(doing, key);
        let dir = self.dir.try_clone().map_err(&failed)?;
        let owned = key.clone();
        tokio::task::spawn_blocking(move || work(&dir, &owned))
            .await
            .map_err(|lost| failed(std::io::Error::other(lost)))?
            .map_err(&failed)
    }
}

#[async_trait::async_trait]
impl Store for LocalDirectory {
    async fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StoreError> {
        self.blocking(Doing::Looking, key, |dir, key| match dir.metadata(key.as_str()) {
            Ok(found) if found.is_file() => Ok(Some(describe(&found))),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    async fn fetch(&self, key: &Key, to: &Path) -> Result<ObjectInfo, StoreError> {
        let to = to.to_owned();
        self.blocking(Doing::Reading, key, move |dir, key| {
            let mut from = dir.open(key.as_str())?;
            let found = describe(&from.metadata()?);
            let mut file = std::fs::File::create_new(to)?;
            std::io::copy(&mut from, &mut file)?;
            Ok(found)
        })
        .await
    }

    async fn read(&self, key: &Key, limit: usize) -> Result<Option<Vec<u8>>, StoreError> {
        self.blocking(Doing::Reading, key, move |dir, key| {
            let file = match dir.open(key.as_str()) {
                Ok(file) => file,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            };
            let mut bytes = Vec::new();
            file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
            if bytes.len() > limit {
                return Err(std::io::Error::other(format!("it has more than {limit} bytes")));
            }
            Ok(Some(bytes))
        })
        .await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Key>, StoreError> {
        // The folder that all of them are in; what is listed in it need not begin with the rest.
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        let Ok(key) = Key::parse(if folder.is_empty() { "all" } else { &folder }) else { return Ok(Vec::new()) };
        let prefix = prefix.to_owned();
        self.blocking(Doing::Listing, &key, move |dir, _| {
            let mut found = Vec::new();
            match if folder.is_empty() { dir.try_clone() } else { dir.open_dir(&folder) } {
                Ok(top) => walk(&top, &folder, &mut found)?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            found.retain(|key| key.as_str().starts_with(&prefix));
            found.sort();
            Ok(found)
        })
        .await
    }

    async fn prepare(&self, key: &Key, body: Body, _: &ObjectMeta) -> Result<Box<dyn Prepared>, StoreError> {
        let written = self.blocking(Doing::Writing, key, move |dir, key| {
            let (folder, name) = key.as_str().rsplit_once('/').unwrap_or((".", key.as_str()));
            dir.create_dir_all(folder)?;
            let folder = dir.open_dir(folder)?;
            let unfinished = format!("{UNFINISHED}{}-{name}", uuid::Uuid::new_v4().simple());
            match write_whole(&folder, &unfinished, body) {
                Ok(length) => {
                    let name = name.to_owned();
                    Ok(Unfinished { key: key.clone(), folder, unfinished, name, length })
                }
                Err(error) => {
                    let _ = folder.remove_file(&unfinished);
                    Err(error)
                }
            }
        });
        Ok(Box::new(written.await?))
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.blocking(Doing::Removing, key, |dir, key| match dir.remove_file(key.as_str()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
        .await
    }

    async fn sweep(&self, key: &Key) -> Result<usize, StoreError> {
        self.blocking(Doing::Removing, key, |dir, key| {
            let (folder, name) = key.as_str().rsplit_once('/').unwrap_or((".", key.as_str()));
            let folder = match dir.open_dir(folder) {
                Ok(folder) => folder,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
                Err(error) => return Err(error),
            };
            let mut removed = 0;
            for entry in folder.entries()? {
                let found = entry?.file_name().to_string_lossy().into_owned();
                if found
                    .strip_prefix(UNFINISHED)
                    .and_then(|rest| rest.split_once('-'))
                    .is_some_and(|(_, of)| of == name)
                {
                    folder.remove_file(&found)?;
                    removed += 1;
                }
            }
            Ok(removed)
        })
        .await
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// What is known of a file. It changes whenever it is written: a new file takes the old one's place.
fn describe(found: &cap_std::fs::Metadata) -> ObjectInfo {
    let changed = found.modified().ok().map(cap_std::time::SystemTime::into_std);
    let changed = changed.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    ObjectInfo { size: found.len(), tag: changed.map(|at| format!("{}-{}", at.as_nanos(), found.len())) }
}

/// The folder that a file is in; a bare name is in the current one.
pub fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The objects below a folder, unfinished ones left out.
fn walk(folder: &Dir, path: &str, found: &mut Vec<Key>) -> std::io::Result<()> {
    for entry in folder.entries()? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&entry.open_dir()?, &path, found)?;
        } else if kind.is_file()
            && !name.starts_with(UNFINISHED)
            && let Ok(key) = Key::parse(&path)
        {
            found.push(key);
        }
    }
    Ok(())
}

/// A file that is whole and doesn't have its name yet.
struct Unfinished {
    key: Key,
    folder: Dir,
    unfinished: String,
    name: String,
    length: u64,
}

#[async_trait::async_trait]
impl Prepared for Unfinished {
    fn length(&self) -> u64 {
        self.length
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let renamed = self.folder.rename(&self.unfinished, &self.folder, &self.name);
        renamed.map_err(StoreError::io(Doing::Writing, &self.key))
    }

    async fn discard(self: Box<Self>) {}
}

impl Drop for Unfinished {
    /// However it ends. After a commit there is no file of this name any more.
    fn drop(&mut self) {
        let _ = self.folder.remove_file(&self.unfinished);
    }
}

/// Writes to a new file and makes sure that the disk has it: an object that is named must survive a power cut.
fn write_whole(folder: &Dir, name: &str, body: Body) -> std::io::Result<u64> {
    let mut to = folder.open_with(name, OpenOptions::new().write(true).create_new(true))?;
    let length = match body {
        Body::Bytes(bytes) => {
            to.write_all(&bytes)?;
            bytes.len() as u64
        }
        Body::File(path) => std::io::copy(&mut std::fs::File::open(path)?, &mut to)?,
    };
    to.sync_all()?;
    Ok(length)
}

/// One file on this machine, as the store that originals come from when there is no other.
#[derive(Debug)]
pub struct SingleFile {
    path: PathBuf,
}

impl SingleFile {
    /// The file, whatever the key that asks for it.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

#[async_trait::async_trait]
impl Store for SingleFile {
    async fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StoreError> {
        let found = tokio::fs::metadata(&self.path).await.map_err(StoreError::io(Doing::Looking, key))?;
        Ok(Some(ObjectInfo { size: found.len(), tag: None }))
    }

    /// A second name for the same file where the disk allows it, so that a large original is not copied.
    async fn fetch(&self, key: &Key, to: &Path) -> Result<ObjectInfo, StoreError> {
        let failed = StoreError::io(Doing::Reading, key);
        let path = tokio::fs::canonicalize(&self.path).await.map_err(&failed)?;
        if tokio::fs::hard_link(&path, to).await.is_err() {
            tokio::fs::copy(&path, to).await.map_err(&failed)?;
        }
        Ok(ObjectInfo { size: tokio::fs::metadata(to).await.map_err(&failed)?.len(), tag: None })
    }

    async fn read(&self, key: &Key, _: usize) -> Result<Option<Vec<u8>>, StoreError> {
        Err(StoreError::Unsupported { doing: Doing::Reading, key: key.clone() })
    }

    async fn list(&self, _: &str) -> Result<Vec<Key>, StoreError> {
        Ok(Vec::new())
    }

    async fn prepare(&self, key: &Key, _: Body, _: &ObjectMeta) -> Result<Box<dyn Prepared>, StoreError> {
        Err(StoreError::Unsupported { doing: Doing::Writing, key: key.clone() })
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        Err(StoreError::Unsupported { doing: Doing::Removing, key: key.clone() })
    }

    async fn sweep(&self, _: &Key) -> Result<usize, StoreError> {
        Ok(0)
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
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
}
