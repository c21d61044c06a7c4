//! Compiles components and caches the machine code on disk, so that the next start need not compile again.
//!
//! A cache file is named by the component's digest and by the engine's compatibility hash, and is checked against its
//! own digest before use. A file that fails a check is compiled again. Anyone who can write to the folder can run code
//! as this program, so only this user may have write access, and cache files are never copied between machines.

use std::error::Error;
use std::hash::{Hash as _, Hasher as _};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::detached::DetachedCompiles;
use super::error::{PolicyError, describe_engine_error};
use super::limits::{Limit, Limits};

/// Most cached policies. One is well below a megabyte, and an environment has two or three.
const MAX_CACHED: usize = 32;

/// Most bytes of all cached policies. One with another language's runtime has tens of megabytes.
const MAX_CACHED_BYTES: u64 = 512 << 20;

/// A temporary file older than this belongs to a writer that was killed. Writing one takes a second at most.
const STALE: Duration = Duration::from_secs(3600);

/// Prefix of a file that is being written.
const UNFINISHED: &str = ".unfinished-";

/// Length of a SHA-256 in bytes.
const DIGEST_LENGTH: usize = 32;

const EXTENSION: &str = "cwasm";

#[derive(Clone)]
pub struct Compiler {
    engine: Engine,
    cache: Option<PathBuf>,
    detached: DetachedCompiles,
}

impl Compiler {
    /// A compiler without a cache.
    pub fn new(engine: Engine) -> Self {
        Self { engine, cache: None, detached: DetachedCompiles::default() }
    }

    /// Caches compiled policies in this folder. A folder that isn't private is not used, and the log says why.
    #[must_use]
    pub fn with_cache(mut self, folder: &Path) -> Self {
        match ensure_private_folder(folder) {
            Ok(()) => self.cache = Some(folder.to_owned()),
            Err(reason) => {
                tracing::warn!(folder = %folder.display(), %reason, "compiled policies are not cached");
            }
        }
        self
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The cache's folder; `None` without a cache.
    pub fn cache(&self) -> Option<&Path> {
        self.cache.as_deref()
    }

    /// Loads the component from the cache, or compiles it within the limit on time. `digest` is the sha256 of `bytes` in hex.
    pub async fn component(
        &self,
        name: &str,
        digest: &str,
        bytes: Vec<u8>,
        limits: Limits,
    ) -> Result<Component, PolicyError> {
        let failed = |reason: String| PolicyError::Compile { policy: name.to_owned(), reason };
        let (engine, file) = (self.engine.clone(), self.file(digest));
        if let Some(file) = file.clone() {
            let engine = engine.clone();
            let cached = tokio::task::spawn_blocking(move || load_cached(&engine, &file)).await;
            if let Some(component) = cached.map_err(|lost| failed(lost.to_string()))? {
                return Ok(component);
            }
        }
        let compiling = self.detached.run(move |wanted| {
            let component = Component::new(&engine, bytes)?;
            if let Some(file) = file.filter(|_| wanted())
                && let Err(error) = component.serialize().and_then(|code| Ok(write_cached(&file, &code)?))
            {
                tracing::info!(%error, "could not cache a compiled policy; it is compiled again at the next start");
            }
            Ok(component)
        });
        let compiling = compiling
            .map_err(|refused| PolicyError::NotCompiled { policy: name.to_owned(), reason: refused.to_string() })?;
        match tokio::time::timeout(limits.time(Limit::Compile), compiling).await {
            Ok(Some(Ok(component))) => Ok(component),
            Ok(Some(Err::<_, wasmtime::Error>(error))) => Err(failed(describe_engine_error(&error))),
            Ok(None) => Err(failed("the compiler panicked".to_owned())),
            Err(_) => {
                let limit = limits.hit(Limit::Compile);
                Err(PolicyError::CompileTime { policy: name.to_owned(), limit })
            }
        }
    }

    /// The cache file. Another compiler, engine setting or processor gives another name.
    fn file(&self, digest: &str) -> Option<PathBuf> {
        let mut compatibility = std::hash::DefaultHasher::new();
        self.engine.precompile_compatibility_hash().hash(&mut compatibility);
        Some(self.cache.as_ref()?.join(format!("{digest}-{:016x}.{EXTENSION}", compatibility.finish())))
    }
}

/// Creates the folder if it is missing. It must belong to this user, and no other user may write to it.
fn ensure_private_folder(folder: &Path) -> Result<(), Box<dyn Error>> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let found = std::fs::symlink_metadata(folder)?;
    if !found.is_dir() {
        return Err("it is not a folder".into());
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err("it belongs to another user".into());
    }
    if found.mode() & 0o022 != 0 {
        return Err("others may write to it".into());
    }
    Ok(())
}

/// Loads a component from the cache. `None` if the file is missing, damaged, or made for another engine.
fn load_cached(engine: &Engine, file: &Path) -> Option<Component> {
    let cached = std::fs::read(file).ok()?;
    let (digest, code) = cached.split_at_checked(DIGEST_LENGTH)?;
    if Sha256::digest(code).as_slice() != digest {
        tracing::warn!(file = %file.display(), "a cached policy is damaged; it is compiled again");
        return None;
    }
    // Eviction removes the least recently used first.
    let _ = std::fs::File::options().append(true).open(file).and_then(|file| file.set_modified(SystemTime::now()));
    // SAFETY: this program wrote the code: no other user can write to the folder, the name holds the component's
    // digest, and the content matches its own digest. wasmtime checks the engine's version and settings.
    #[allow(unsafe_code, reason = "machine code can't be validated")]
    let component = unsafe { Component::deserialize(engine, code) };
    component.inspect_err(|error| tracing::info!(%error, "a cached policy was made for another engine")).ok()
}

/// Writes a cache file atomically, also when two workers write the same one at once.
fn write_cached(file: &Path, code: &[u8]) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut unfinished = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    unfinished.write_all(&Sha256::digest(code))?;
    unfinished.write_all(code)?;
    unfinished.persist(file)?;
    evict_oldest(folder, file, MAX_CACHED_BYTES)
}

/// Removes the least recently used files until the rest is within the limits. The file just written stays: otherwise a
/// policy larger than the whole cache would never be cached.
fn evict_oldest(folder: &Path, written: &Path, most_bytes: u64) -> std::io::Result<()> {
    let mut cached = Vec::new();
    for entry in std::fs::read_dir(folder)?.flatten() {
        let path = entry.path();
        // Another worker may have removed it in the meantime.
        let Ok(found) = entry.metadata() else { continue };
        let used = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            if used.elapsed().is_ok_and(|age| age > STALE) {
                remove(&path)?;
            }
        } else if path.extension().is_some_and(|extension| extension == EXTENSION) && path != written {
            cached.push((used, path, found.len()));
        }
    }
    cached.sort();
    let mut bytes = std::fs::metadata(written).map_or(0, |found| found.len());
    // Newest first; `written` counts as the first one.
    for (before, (_, path, length)) in cached.iter().rev().enumerate() {
        bytes = bytes.saturating_add(*length);
        if before + 1 >= MAX_CACHED || bytes > most_bytes {
            remove(path)?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest component.
    const EMPTY: [u8; 8] = *b"\0asm\x0d\0\x01\0";

    fn compiler(folder: &Path) -> Compiler {
        Compiler::new(crate::engine::new().unwrap()).with_cache(folder)
    }

    fn cached(folder: &Path) -> Vec<PathBuf> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    #[tokio::test]
    async fn a_policy_is_compiled_once() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("policies");
        compiler(&folder).component("p", "abc", EMPTY.into(), Limits::default()).await.unwrap();
        assert_eq!(cached(&folder).len(), 1);
        // These bytes can't be compiled, so the second component must come from the cache.
        compiler(&folder).component("p", "abc", b"nonsense".into(), Limits::default()).await.unwrap();
        compiler(&folder).component("p", "abd", b"nonsense".into(), Limits::default()).await.unwrap_err();
    }

    #[tokio::test]
    async fn a_damaged_cache_file_is_compiled_again() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("policies");
        compiler(&folder).component("p", "abc", EMPTY.into(), Limits::default()).await.unwrap();
        let file = cached(&folder).remove(0);
        let whole = std::fs::read(&file).unwrap();
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for damaged in [&flipped[..], &whole[..whole.len() / 2], &whole[..10], b""] {
            std::fs::write(&file, damaged).unwrap();
            compiler(&folder).component("p", "abc", EMPTY.into(), Limits::default()).await.unwrap();
            assert_eq!(std::fs::read(&file).unwrap()[..DIGEST_LENGTH], whole[..DIGEST_LENGTH]);
        }
    }

    #[test]
    fn a_folder_that_other_users_can_write_to_is_not_used() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(compiler(folder.path()).cache.is_none());
    }

    #[test]
    fn the_oldest_files_are_removed_when_there_are_too_many() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..MAX_CACHED + 2 {
            write_cached(&folder.path().join(format!("{number:03}.cwasm")), b"code").unwrap();
            let age = Duration::from_secs(1000 - number as u64);
            let file = std::fs::File::options().append(true).open(folder.path().join(format!("{number:03}.cwasm")));
            if let Ok(file) = file {
                file.set_modified(SystemTime::now() - age).unwrap();
            }
        }
        assert_eq!(cached(folder.path()).len(), MAX_CACHED);
        assert!(!folder.path().join("000.cwasm").exists() && folder.path().join("033.cwasm").exists());
    }

    #[test]
    fn the_oldest_and_stale_temporary_files_are_removed_when_the_cache_is_too_large() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, age: u64| {
            let path = folder.path().join(name);
            std::fs::write(&path, [0; 100]).unwrap();
            let file = std::fs::File::options().append(true).open(&path).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
            path
        };
        for (name, age) in [("old.cwasm", 30), ("young.cwasm", 20), (".unfinished-a", 7200), (".unfinished-b", 10)] {
            write(name, age);
        }
        let written = write("new.cwasm", 40);
        evict_oldest(folder.path(), &written, 250).unwrap();
        let mut left: Vec<_> = cached(folder.path()).iter().map(|path| path.file_name().unwrap().to_owned()).collect();
        left.sort();
        assert_eq!(left, [".unfinished-b", "new.cwasm", "young.cwasm"]);
        evict_oldest(folder.path(), &written, 0).unwrap();
        assert!(written.exists() && !folder.path().join("young.cwasm").exists());
    }

    /// Two workers on one disk: each has its own engine, both compile the same policies, and a third thread keeps
    /// damaging and removing their cache files.
    #[test]
    fn two_workers_can_share_a_folder_while_its_files_are_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let folder = &folder.path().join("policies");
        let over = &std::sync::atomic::AtomicBool::new(false);
        compiler(folder);
        std::thread::scope(|scope| {
            let workers = [0, 1].map(|_| {
                scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    let compiler = compiler(folder);
                    for round in 0..200 {
                        let digest = format!("{:064x}", round % 5);
                        runtime.block_on(compiler.component("p", &digest, EMPTY.into(), Limits::default())).unwrap();
                    }
                })
            });
            scope.spawn(|| {
                for round in 0.. {
                    if over.load(std::sync::atomic::Ordering::Relaxed) {
                        return;
                    }
                    for path in cached(folder) {
                        let _ =
                            if round % 2 == 0 { std::fs::remove_file(path) } else { std::fs::write(path, b"damaged") };
                    }
                }
            });
            for worker in workers {
                worker.join().unwrap();
            }
            over.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    }
}
