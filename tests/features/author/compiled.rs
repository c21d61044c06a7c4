//! The cache of compiled policies that all commands of a user share.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use testkit::workspace;

use super::{policy_with, shown};

fn kept(caches: &Path) -> Vec<PathBuf> {
    let folder = fs::read_dir(caches.join("codex-transcoder/policies")).unwrap();
    folder.map(|entry| entry.unwrap().path()).collect()
}

/// The time at which a command last used it.
fn used(file: &Path) -> SystemTime {
    fs::metadata(file).unwrap().modified().unwrap()
}

#[test]
fn a_policy_is_compiled_once_for_all_commands_of_a_user() {
    let folder = workspace::scratch();
    let caches = folder.path();
    let guest = shown(workspace::showcase_policy());
    let cached = |arguments: &[&str]| policy_with(&[("XDG_CACHE_HOME", shown(caches))], arguments).ends_with(0);

    cached(&["inspect", guest]);
    let [file] = &kept(caches)[..] else { panic!("{:?}", kept(caches)) };
    assert_eq!(fs::metadata(file.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    let media = workspace::root().join("guests/codex/scenarios/media/phone.json");
    let out = caches.join("built");
    for command in
        [&["explain", "--media", shown(&media), "--policy", guest][..], &["build", guest, "--out", shown(&out)]]
    {
        let before = SystemTime::now() - Duration::from_secs(3600);
        File::options().append(true).open(file).unwrap().set_modified(before).unwrap();
        cached(command);
        assert!(used(file) > before + Duration::from_secs(60), "{command:?} did not use the cache");
    }
    assert_eq!(kept(caches), std::slice::from_ref(file));

    // A folder that others may write to holds machine code of anybody.
    fs::set_permissions(file.parent().unwrap(), Permissions::from_mode(0o777)).unwrap();
    let before = used(file);
    let unsafe_folder = cached(&["inspect", guest]);
    assert!(unsafe_folder.stderr.contains("others may write to it"), "{}", unsafe_folder.stderr);
    assert_eq!(used(file), before);
}

#[test]
fn the_cache_can_be_turned_off() {
    let folder = workspace::scratch();
    let variables = [("XDG_CACHE_HOME", shown(folder.path())), ("CODEX_POLICY_CACHE", "off")];
    policy_with(&variables, &["inspect", shown(workspace::showcase_policy())]).ends_with(0);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
