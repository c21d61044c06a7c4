//! A policy's crate wherever it is: in this workspace, or in a folder of its author's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo::{self, Order};
use crate::{component, output};

/// What policies are compiled with where their workspace has no profile `guest` of its own: this workspace's.
const PROFILE_SETTINGS: [&str; 6] =
    ["inherits='release'", "opt-level=2", "lto=true", "codegen-units=1", "panic='abort'", "strip='debuginfo'"];

/// A crate as cargo knows it.
#[derive(Clone, Debug)]
pub struct Member {
    /// The package's name.
    pub name: String,
    /// The package's version.
    pub version: String,
    library: String,
    root: PathBuf,
    target_dir: PathBuf,
}

/// The part of `cargo metadata` that matters here.
#[derive(serde::Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

#[derive(serde::Deserialize)]
struct Package {
    name: String,
    version: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(serde::Deserialize)]
struct Target {
    name: String,
    crate_types: Vec<String>,
}

impl Member {
    /// Asks cargo about the crate in this folder.
    pub fn read(folder: &Path) -> Result<Self> {
        let manifest = folder.join("Cargo.toml");
        let manifest = fs::canonicalize(&manifest).with_context(|| format!("there is no {}", manifest.display()))?;
        let program = cargo::program();
        let mut asked = Command::new(&program);
        asked.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(&manifest);
        // rustup takes the compiler that the folder asks for.
        asked.current_dir(manifest.parent().unwrap_or(folder));
        let answer = asked.output().with_context(|| format!("cannot run {}", program.display()))?;
        if !answer.status.success() {
            bail!("cargo can't read {}:\n{}", manifest.display(), String::from_utf8_lossy(&answer.stderr).trim());
        }
        let found: Metadata = serde_json::from_slice(&answer.stdout).context("cargo's answer can't be read")?;
        let package = found.packages.into_iter().find(|package| package.manifest_path == manifest);
        let package =
            package.with_context(|| format!("{} is of a workspace and not of a crate", manifest.display()))?;
        let library = package.targets.into_iter().find(|target| target.crate_types.iter().any(|kind| kind == "cdylib"));
        let library = library.with_context(|| {
            format!("the crate {} makes no module: its [lib] needs crate-type = [\"cdylib\"]", package.name)
        })?;
        Ok(Self {
            name: package.name,
            version: package.version,
            library: library.name,
            root: found.workspace_root,
            target_dir: found.target_directory.join("policies"),
        })
    }

    /// Compiles in this folder instead of the crate's own.
    #[must_use]
    pub fn compiled_in(mut self, folder: &Path) -> Self {
        self.target_dir = folder.to_owned();
        self
    }

    /// Makes the component. `heard` gets every line that cargo says meanwhile.
    pub fn build(&self, heard: &mut dyn FnMut(&str)) -> Result<Vec<u8>> {
        fs::create_dir_all(&self.target_dir).with_context(|| format!("cannot create {}", self.target_dir.display()))?;
        let lock = output::lock(&self.target_dir)?;
        let more = self.profile();
        let order = Order {
            root: &self.root,
            package: &self.name,
            library: &self.library,
            target_dir: &self.target_dir,
            more: &more,
        };
        let module = cargo::build(&order, heard)?;
        drop(lock);
        component::encode(&module).with_context(|| format!("cannot make a component of {}", self.name))
    }

    fn profile(&self) -> Vec<String> {
        let manifest = fs::read_to_string(self.root.join("Cargo.toml")).unwrap_or_default();
        if manifest.lines().any(|line| line.trim() == "[profile.guest]") {
            return Vec::new();
        }
        PROFILE_SETTINGS
            .iter()
            .flat_map(|setting| ["--config".to_owned(), format!("profile.guest.{setting}")])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> PathBuf {
        fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap()
    }

    #[test]
    fn a_crate_without_a_profile_is_compiled_with_the_workspaces() {
        let manifest = fs::read_to_string(workspace().join("Cargo.toml")).unwrap();
        let (_, from) = manifest.split_once("[profile.guest]\n").unwrap();
        let settings: Vec<String> = from
            .lines()
            .take_while(|line| line.contains('='))
            .map(|line| line.replace(" = ", "=").replace('"', "'"))
            .collect();
        assert_eq!(settings, PROFILE_SETTINGS);
    }

    #[test]
    fn a_crate_of_this_workspace_is_found_with_its_own_profile() {
        let member = Member::read(&workspace().join("guests/codex")).unwrap();
        assert_eq!((member.name.as_str(), member.library.as_str()), ("codex-policy", "codex_policy"));
        assert_eq!(member.root, workspace());
        assert!(member.profile().is_empty());
    }

    #[test]
    fn what_is_no_policys_crate_is_told_apart() {
        let told = |folder: &str| Member::read(&workspace().join(folder)).unwrap_err().to_string();
        assert!(told("docs").contains("there is no"), "{}", told("docs"));
        assert!(told(".").contains("workspace"), "{}", told("."));
        assert!(told("guests/builder").contains("cdylib"), "{}", told("guests/builder"));
    }
}
