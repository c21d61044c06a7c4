//! From a component's bytes to machine code, which is kept on the disk so that the next start need not wait for it.
//!
//! What is kept is a throw-away copy: named by the digest of the component and by everything in the engine that shapes
//! the code, checked against its own digest before use, and made anew when anything about it is odd. It never travels:
//! whoever can write to the folder can run code as this program, so the folder must be ours alone.

use std::hash::{Hash as _, Hasher as _};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::abandon::Abandoned;
use super::error::{PolicyError, told};
use super::limits::{Limit, LimitHit};

/// How many compiled policies are kept. One is well below a megabyte, and an environment has two or three.
const MAX_KEPT: usize = 32;

/// How many bytes they may have together. One that brings another language along has tens of megabytes.
const MAX_KEPT_BYTES: u64 = 512 << 20;

/// How old a file is whose writer was killed before it was whole. Writing one takes a second at most.
const ABANDONED: Duration = Duration::from_secs(3600);

/// What begins the name of a file that is being written.
const UNFINISHED: &str = ".unfinished-";

/// Bytes of a SHA-256.
const DIGEST: usize = 32;

const ENDING: &str = "cwasm";

/// Compiles policies.
#[derive(Clone)]
pub struct Compiler {
    engine: Engine,
    cache: Option<PathBuf>,
    patience: Duration,
    abandoned: Abandoned,
}

impl std::fmt::Debug for Compiler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiler").field("cache", &self.cache).finish_non_exhaustive()
    }
}

impl Compiler {
    /// Compiles every time.
    pub fn new(engine: Engine) -> Self {
        Self { engine, cache: None, patience: Duration::MAX, abandoned: Abandoned::default() }
    }

    /// Waits no longer than this for any compilation, whatever a policy's own limits say.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Keeps compiled policies in this folder. One that can't be trusted is not used, and the log says why.
    #[must_use]
    pub fn with_cache(mut self, folder: &Path) -> Self {
        match private_folder(folder) {
            Ok(()) => self.cache = Some(folder.to_owned()),
            Err(reason) => {
                tracing::warn!(folder = %folder.display(), reason, "compiled policies are not kept");
            }
        }
        self
    }

    /// The engine that it compiles for.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Where compiled policies are kept; none where they are not.
    pub fn cache(&self) -> Option<&Path> {
        self.cache.as_deref()
    }

    /// The component, from the cache where it is there, within a limited time. `digest` is the sha256 of `bytes` in hex.
    pub async fn component(
        &self,
        name: &str,
        digest: &str,
        bytes: Vec<u8>,
        limit: Duration,
    ) -> Result<Component, PolicyError> {
        let failed = |reason: String| PolicyError::Compile { policy: name.to_owned(), reason };
        let (engine, file) = (self.engine.clone(), self.file(digest));
        if let Some(file) = file.clone() {
            let engine = engine.clone();
            let recalled = tokio::task::spawn_blocking(move || recall(&engine, &file)).await;
            if let Some(kept) = recalled.map_err(|lost| failed(lost.to_string()))? {
                return Ok(kept);
            }
        }
        let limit = limit.min(self.patience);
        let compiling = self.abandoned.run(move |wanted| {
            let component = Component::new(&engine, bytes)?;
            if let Some(file) = file.filter(|_| wanted())
                && let Err(error) = component.serialize().and_then(|code| Ok(keep(&file, &code)?))
            {
                tracing::info!(%error, "a compiled policy could not be kept; it is compiled again at the next start");
            }
            Ok(component)
        });
        let compiling = compiling
            .map_err(|refused| PolicyError::NotCompiled { policy: name.to_owned(), reason: refused.to_string() })?;
        match tokio::time::timeout(limit, compiling).await {
            Ok(Some(Ok(component))) => Ok(component),
            Ok(Some(Err::<_, wasmtime::Error>(error))) => Err(failed(told(&error))),
            Ok(None) => Err(failed("the compiler failed".to_owned())),
            Err(_) => {
                let allowed = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
                let limit = LimitHit::Of { limit: Limit::Compile, allowed };
                Err(PolicyError::CompileTime { policy: name.to_owned(), limit })
            }
        }
    }

    /// Another compiler, another setting or another processor make another name.
    fn file(&self, digest: &str) -> Option<PathBuf> {
        let mut shape = std::hash::DefaultHasher::new();
        self.engine.precompile_compatibility_hash().hash(&mut shape);
        Some(self.cache.as_ref()?.join(format!("{digest}-{:016x}.{ENDING}", shape.finish())))
    }
}

/// Makes the folder where it is missing. It must be ours and closed to everybody else.
fn private_folder(folder: &Path) -> Result<(), String> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| error.to_string())?;
    let found = std::fs::symlink_metadata(folder).map_err(|error| error.to_string())?;
    if !found.is_dir() {
        return Err("it is not a folder".to_owned());
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err("it belongs to another user".to_owned());
    }
    if found.mode() & 0o022 != 0 {
        return Err("others may write to it".to_owned());
    }
    Ok(())
}

/// Reads what was kept. Nothing where it is not there, cut off, changed, or of another engine.
fn recall(engine: &Engine, file: &Path) -> Option<Component> {
    let kept = std::fs::read(file).ok()?;
    let (digest, code) = kept.split_at_checked(DIGEST)?;
    if Sha256::digest(code).as_slice() != digest {
        tracing::warn!(file = %file.display(), "a kept policy is damaged; it is compiled again");
        return None;
    }
    // For the order in which old ones are removed.
    let _ = std::fs::File::options().append(true).open(file).and_then(|file| file.set_modified(SystemTime::now()));
    // SAFETY: the code was made by this program: the folder is closed to everybody else, the name holds the digest of
    // the component, and the content is what was written, whole. wasmtime checks the engine's version and settings.
    #[allow(unsafe_code, reason = "machine code can't be checked by looking at it")]
    let component = unsafe { Component::deserialize(engine, code) };
    component.inspect_err(|error| tracing::info!(%error, "a kept policy is of another engine")).ok()
}

/// Writes whole or not at all, also when two workers write the same at once.
fn keep(file: &Path, code: &[u8]) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut unfinished = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    unfinished.write_all(&Sha256::digest(code))?;
    unfinished.write_all(code)?;
    unfinished.persist(file)?;
    forget_the_oldest(folder, file, MAX_KEPT_BYTES)
}

/// Removes what was not used for the longest time until the rest is within its bounds. What was just written stays, or
/// else a policy larger than all of them would be compiled for nothing, again and again.
fn forget_the_oldest(folder: &Path, written: &Path, most_bytes: u64) -> std::io::Result<()> {
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(folder)?.flatten() {
        let path = entry.path();
        // Another worker may be cleaning up as well: what is gone is gone.
        let Ok(found) = entry.metadata() else { continue };
        let used = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            if used.elapsed().is_ok_and(|age| age > ABANDONED) {
                remove(&path)?;
            }
        } else if path.extension().is_some_and(|ending| ending == ENDING) && path != written {
            kept.push((used, path, found.len()));
        }
    }
    kept.sort();
    let mut bytes = std::fs::metadata(written).map_or(0, |found| found.len());
    // From the youngest on, with the one that was written before them.
    for (before, (_, path, length)) in kept.iter().rev().enumerate() {
        bytes = bytes.saturating_add(*length);
        if before + 1 >= MAX_KEPT || bytes > most_bytes {
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

    const LONG: Duration = Duration::from_secs(60);

    /// The smallest component.
    const EMPTY: [u8; 8] = *b"\0asm\x0d\0\x01\0";

    fn compiler(folder: &Path) -> Compiler {
        Compiler::new(crate::engine::new().unwrap()).with_cache(folder)
    }

    fn kept(folder: &Path) -> Vec<PathBuf> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    #[tokio::test]
    async fn a_policy_is_compiled_once() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("policies");
        compiler(&folder).component("p", "abc", EMPTY.into(), LONG).await.unwrap();
        assert_eq!(kept(&folder).len(), 1);
        // Bytes that can't be compiled show where the second one comes from.
        compiler(&folder).component("p", "abc", b"nonsense".into(), LONG).await.unwrap();
        compiler(&folder).component("p", "abd", b"nonsense".into(), LONG).await.unwrap_err();
    }

    #[tokio::test]
    async fn what_was_damaged_is_compiled_again() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("policies");
        compiler(&folder).component("p", "abc", EMPTY.into(), LONG).await.unwrap();
        let file = kept(&folder).remove(0);
        let whole = std::fs::read(&file).unwrap();
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for damaged in [&flipped[..], &whole[..whole.len() / 2], &whole[..10], b""] {
            std::fs::write(&file, damaged).unwrap();
            compiler(&folder).component("p", "abc", EMPTY.into(), LONG).await.unwrap();
            assert_eq!(std::fs::read(&file).unwrap()[..DIGEST], whole[..DIGEST]);
        }
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_not_used() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(compiler(folder.path()).cache.is_none());
    }

    #[test]
    fn the_oldest_are_removed_when_there_are_too_many() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..MAX_KEPT + 2 {
            keep(&folder.path().join(format!("{number:03}.cwasm")), b"code").unwrap();
            let age = Duration::from_secs(1000 - number as u64);
            let file = std::fs::File::options().append(true).open(folder.path().join(format!("{number:03}.cwasm")));
            if let Ok(file) = file {
                file.set_modified(SystemTime::now() - age).unwrap();
            }
        }
        assert_eq!(kept(folder.path()).len(), MAX_KEPT);
        assert!(!folder.path().join("000.cwasm").exists() && folder.path().join("033.cwasm").exists());
    }

    #[test]
    fn the_oldest_are_removed_when_they_are_too_large_together_and_so_is_what_a_killed_writer_left() {
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
        forget_the_oldest(folder.path(), &written, 250).unwrap();
        let mut left: Vec<_> = kept(folder.path()).iter().map(|path| path.file_name().unwrap().to_owned()).collect();
        left.sort();
        assert_eq!(left, [".unfinished-b", "new.cwasm", "young.cwasm"]);
        forget_the_oldest(folder.path(), &written, 0).unwrap();
        assert!(written.exists() && !folder.path().join("young.cwasm").exists());
    }

    /// As two workers on one disk: each has an engine of its own, both compile the same policies, and a third party
    /// keeps damaging and removing what they have kept.
    #[test]
    fn two_workers_can_share_a_folder_whatever_happens_to_what_is_in_it() {
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
                        runtime.block_on(compiler.component("p", &digest, EMPTY.into(), LONG)).unwrap();
                    }
                })
            });
            scope.spawn(|| {
                for round in 0.. {
                    if over.load(std::sync::atomic::Ordering::Relaxed) {
                        return;
                    }
                    for path in kept(folder) {
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
