//! The compiler of the commands, with its cache in the user's cache folder.
//!
//! Workers have a cache of their own (`policy.cache_dir`), and so do the commands about an environment's policies, which
//! check a policy as its workers would.

use std::ffi::OsString;
use std::path::PathBuf;

use policy::{Compiler, PolicyError, engine};

/// Names another folder for compiled policies, or turns the cache off.
const CACHE: &str = "CODEX_POLICY_CACHE";

/// The value that turns it off.
const OFF: &str = "off";

/// Compiles each policy once for all commands of this user.
pub fn compiler() -> Result<Compiler, PolicyError> {
    let compiler = Compiler::new(engine::new().map_err(PolicyError::Engine)?);
    Ok(match cache(|name| std::env::var_os(name).filter(|value| !value.is_empty())) {
        Some(folder) => compiler.with_cache(&folder),
        None => compiler,
    })
}

/// The folder; `None` if it is turned off, or if this user has no cache folder, as in many containers.
fn cache(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    if let Some(chosen) = variable(CACHE) {
        return (chosen != OFF).then(|| chosen.into());
    }
    // The specification of XDG has relative paths ignored.
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(caches.join("codex-transcoder").join("policies"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache_with(variables: &[(&str, &str)]) -> Option<PathBuf> {
        cache(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn the_cache_is_in_the_users_cache_folder() {
        let (xdg, home) = (("XDG_CACHE_HOME", "/caches"), ("HOME", "/home/ana"));
        assert_eq!(cache_with(&[xdg, home]).unwrap(), PathBuf::from("/caches/codex-transcoder/policies"));
        assert_eq!(cache_with(&[home]).unwrap(), PathBuf::from("/home/ana/.cache/codex-transcoder/policies"));
        assert_eq!(cache_with(&[("XDG_CACHE_HOME", "caches"), home]), cache_with(&[home]));
        assert_eq!(cache_with(&[]), None);
    }

    #[test]
    fn a_variable_moves_the_cache_or_turns_it_off() {
        let home = ("HOME", "/home/ana");
        assert_eq!(cache_with(&[("CODEX_POLICY_CACHE", "/fast/disk"), home]).unwrap(), PathBuf::from("/fast/disk"));
        assert_eq!(cache_with(&[("CODEX_POLICY_CACHE", "off"), home]), None);
    }
}
