//! `policy new`: creates the crate of a new policy.
//!
//! This program contains the SDK and the contract and copies them into the crate. So the program alone is enough to
//! write a policy for exactly this version.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::exit::{Ended, OrUsage as _};

/// The template, the SDK, the contract and the lock file, by their paths in the workspace. 170 KB.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/new_policy.rs"));

/// Longest name. It becomes the crate's name.
const MAX_NAME: usize = 64;

#[derive(Clone, Debug, Args)]
pub struct New {
    /// Name of the policy: lower-case letters, digits and hyphens.
    name: String,
    /// Folder to create [default: ./NAME].
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl New {
    pub fn run(self) -> Result<(), Ended> {
        let name = self.name.as_str();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(plain) || name.len() > MAX_NAME {
            return Err(Ended::usage(format!(
                "{name:?} is not a valid name: use a lower-case letter, then lower-case letters, digits and hyphens, \
at most {MAX_NAME}"
            )));
        }
        let folder = self.dir.unwrap_or_else(|| PathBuf::from(name));
        if std::fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(Ended::usage(format!("{} exists and is not empty; choose another --dir", folder.display())));
        }
        for (from, text) in FILES {
            if let Some(to) = place(from).map(|to| folder.join(to)) {
                write(&to, &filled(from, text, name)).or_usage(format_args!("{} can't be written", to.display()))?;
            }
        }
        let shown = folder.display();
        println!("{shown} is a working policy: a ladder of three rungs, a thumbnail, a message");
        println!("  cargo test --manifest-path {shown}/Cargo.toml");
        println!("  codex-transcoder policy build {shown}");
        println!("  codex-transcoder run FILE --out out --policy {shown}/dist/{name}.wasm");
        Ok(())
    }
}

/// Where a file goes in the new folder; none for those that the workspace alone needs.
fn place(from: &str) -> Option<PathBuf> {
    if let Some(rest) = from.strip_prefix("guests/template/") {
        return match rest {
            "Cargo.toml" => None,
            "new.toml" => Some("Cargo.toml".into()),
            "gitignore" => Some(".gitignore".into()),
            rest => Some(rest.into()),
        };
    }
    let sdk = from.strip_prefix("guests/sdk/").map(|rest| Path::new("vendor/policy-sdk").join(rest));
    Some(sdk.unwrap_or_else(|| from.into()))
}

/// The text with what is particular to this policy and this program.
fn filled(from: &str, text: &str, name: &str) -> String {
    if !from.starts_with("guests/template/") {
        return text.to_owned();
    }
    let text = text.replace("NAME", name).replace("SDK_VERSION", env!("CARGO_PKG_VERSION"));
    text.replace("WIT_BINDGEN", env!("WIT_BINDGEN"))
}

/// Writes a new file; an existing file is an error.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::File::create_new(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_are_written_and_no_placeholder_is_left() {
        let placed: Vec<(PathBuf, String)> =
            FILES.iter().filter_map(|(from, text)| Some((place(from)?, filled(from, text, "mine")))).collect();
        let has = |path: &str| placed.iter().any(|(to, _)| to == Path::new(path));
        for path in [
            "Cargo.toml",
            "Cargo.lock",
            "README.md",
            "rust-toolchain.toml",
            ".gitignore",
            "src/lib.rs",
            "wit/0.2/world.wit",
            "vendor/policy-sdk/Cargo.toml",
            "vendor/policy-sdk/src/lib.rs",
        ] {
            assert!(has(path), "{path} is not among the files");
        }
        let manifest = &placed.iter().find(|(to, _)| to == Path::new("Cargo.toml")).unwrap().1;
        assert!(manifest.contains("name = \"mine\"") && manifest.contains("wit-bindgen = "), "{manifest}");
        for (to, text) in placed.iter().filter(|(to, _)| !to.starts_with("vendor") && !to.starts_with("wit")) {
            for placeholder in ["NAME", "SDK_VERSION", "WIT_BINDGEN"] {
                assert!(!text.contains(placeholder), "{placeholder} is left in {}", to.display());
            }
        }
    }
}
