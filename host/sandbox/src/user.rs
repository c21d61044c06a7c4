//! The user that a child of root becomes.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::process::{Gid, Uid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, set_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use crate::Confinement;

/// The first of the user ids that systemd hands to services without an account of their own, so no files belong to it.
/// <https://systemd.io/UIDS-GIDS/>
const UNPRIVILEGED: u32 = 61_184;

/// The user that children get, if this process may choose one and the programs can be run by it.
pub(crate) fn unprivileged(programs: &[&Path]) -> Option<u32> {
    let is_root = rustix::process::geteuid().is_root();
    (is_root && programs.iter().all(|program| anyone_may_run(program))).then_some(UNPRIVILEGED)
}

fn anyone_may_run(program: &Path) -> bool {
    let Ok(program) = std::fs::canonicalize(program) else { return false };
    program.ancestors().all(|part| {
        std::fs::metadata(part).is_ok_and(|found| {
            let wanted = if found.is_dir() { 0o001 } else { 0o005 };
            found.permissions().mode() & wanted == wanted
        })
    })
}

/// Gives what lies in the working directory to the child's user: the directory itself, the files that it reads, and the
/// folders that it writes to with those directly below. What is granted elsewhere stays whose it is.
pub(crate) fn hand_over(confinement: &Confinement, user: u32) -> std::io::Result<()> {
    let here = |path: &&PathBuf| path.is_relative();
    if confinement.read.iter().chain(&confinement.write).any(|path| here(&path)) {
        give(Path::new("."), user)?;
    }
    confinement.read.iter().filter(here).try_for_each(|file| give(file, user))?;
    confinement.write.iter().filter(here).try_for_each(|folder| hand_over_folders(folder, user))
}

/// No deeper than one level: this happens for every child, and a rung's folder has a file for every segment.
fn hand_over_folders(folder: &Path, user: u32) -> std::io::Result<()> {
    give(folder, user)?;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type().and_then(|kind| if kind.is_dir() { give(&entry.path(), user) } else { Ok(()) }) {
            // Another step of the job may remove a folder of its own meanwhile.
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn give(folder: &Path, user: u32) -> std::io::Result<()> {
    if std::fs::symlink_metadata(folder)?.uid() == user {
        return Ok(());
    }
    std::os::unix::fs::lchown(folder, Some(user), Some(user))
}

/// Gives up root for good: user, groups, and every capability. What a program's file could give back, `no_new_privs`
/// denies.
pub(crate) fn become_user(user: u32) -> std::io::Result<()> {
    let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(user));
    set_thread_groups(&[])?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)?;
    drop_capabilities()
}

/// Gives up every capability of a user that has some without being root.
pub(crate) fn drop_capabilities() -> std::io::Result<()> {
    let nothing = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: nothing, permitted: nothing, inheritable: nothing })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn folders_that_are_removed_meanwhile_are_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let (stop, path) = (AtomicBool::new(false), folder.path());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    for name in ["a", "b", "c"] {
                        std::fs::create_dir(path.join(name)).unwrap();
                        std::fs::remove_dir(path.join(name)).unwrap();
                    }
                }
            });
            // To the user who has them, as no other may give anything away.
            let user = rustix::process::geteuid().as_raw();
            let all = (0..2000).map(|_| hand_over_folders(path, user)).collect::<Result<Vec<()>, _>>();
            stop.store(true, Ordering::Relaxed);
            all.unwrap();
        });
    }
}
