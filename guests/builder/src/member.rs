//! A policy's crate, in this workspace or in a folder of its author's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{cargo, component, output};

/// The compiler's settings for workspaces that have no profile `guest`: those of this workspace.
const PROFILE_SETTINGS: [&str; 6] =
    ["inherits='release'", "opt-level=2", "lto=true", "codegen-units=1", "panic='abort'", "strip='debuginfo'"];

/// For builds between two edits: only what changed is compiled, and it does the same as a build with the other profile.
const DEVELOPMENT_SETTINGS: [&str; 8] = [
    "inherits='dev'",
    "opt-level=1",
    "debug=false",
    "strip='debuginfo'",
    "debug-assertions=false",
    "overflow-checks=false",
    "incremental=true",
    "panic='abort'",
];

/// How a crate is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Small and fast, as it is shipped.
    Guest,
    /// Quick to build.
    Development,
}

impl Profile {
    /// cargo's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Development => "guest-dev",
        }
    }
}

/// A crate that can be built to a component.
#[derive(Clone, Debug)]
pub struct Member {
    /// The package's name.
    pub name: String,
    /// The package's version; empty for a member of this workspace.
    pub version: String,
    pub(crate) library: String,
    pub(crate) root: PathBuf,
    pub(crate) target_dir: PathBuf,
    pub(crate) profile: Profile,
    locked: bool,
}

/// The part of `cargo metadata` that is needed here.
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
        // So that rustup uses the toolchain that the folder asks for.
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
            profile: Profile::Guest,
            locked: false,
        })
    }

    /// Builds in this folder instead of the crate's own target folder.
    #[must_use]
    pub fn compiled_in(mut self, folder: &Path) -> Self {
        self.target_dir = folder.to_owned();
        self
    }

    /// Builds quickly instead of for shipping: compiles only what changed, and optimises little.
    #[must_use]
    pub fn for_development(self) -> Self {
        Self { profile: Profile::Development, ..self }
    }

    /// A package of this workspace, built with the lock file as it is. Its target folder is not the outer build's own,
    /// which cargo keeps locked while a build script runs.
    pub(crate) fn of_workspace(root: &Path, package: &str) -> Self {
        Self {
            name: package.to_owned(),
            version: String::new(),
            library: package.to_owned(),
            root: root.to_owned(),
            target_dir: root.join("target/policies"),
            profile: Profile::Guest,
            locked: true,
        }
    }

    /// Builds the component. `on_line` gets every line of cargo's output.
    pub fn build(&self, on_line: &mut dyn FnMut(&str)) -> Result<Vec<u8>> {
        let lock = output::lock(&self.target_dir)?;
        let module = cargo::build(self, on_line)?;
        drop(lock);
        self.component_of(&module)
    }

    /// The cargo command of the build, for callers that run it themselves. [`Member::built`] has what it makes.
    pub fn command(&self) -> Command {
        cargo::command(&cargo::program(), self)
    }

    /// Makes the component of the module that [`Member::command`] built.
    pub fn built(&self) -> Result<Vec<u8>> {
        self.component_of(&cargo::module(self)?)
    }

    fn component_of(&self, module: &[u8]) -> Result<Vec<u8>> {
        component::encode(module).with_context(|| format!("cannot make a component of {}", self.name))
    }

    /// The arguments of `cargo build` besides package, profile and target.
    pub(crate) fn more_arguments(&self) -> Vec<String> {
        let config = |setting: &&str| ["--config".to_owned(), format!("profile.{}.{setting}", self.profile.name())];
        if self.profile == Profile::Development {
            return DEVELOPMENT_SETTINGS.iter().flat_map(config).collect();
        }
        if self.locked {
            return vec!["--locked".to_owned()];
        }
        let manifest = fs::read_to_string(self.root.join("Cargo.toml")).unwrap_or_default();
        if manifest.lines().any(|line| line.trim() == "[profile.guest]") {
            return Vec::new();
        }
        PROFILE_SETTINGS.iter().flat_map(config).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> PathBuf {
        fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap()
    }

    #[test]
    fn the_default_profile_is_the_one_of_this_workspace() {
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
    fn a_crate_in_a_workspace_is_built_with_its_profile() {
        let member = Member::read(&workspace().join("guests/codex")).unwrap();
        assert_eq!((member.name.as_str(), member.library.as_str()), ("codex-policy", "codex_policy"));
        assert_eq!(member.root, workspace());
        assert!(member.more_arguments().is_empty());
    }

    #[test]
    fn a_folder_that_is_no_policy_crate_is_refused() {
        for (folder, reason) in [("docs", "there is no"), (".", "workspace"), ("guests/builder", "cdylib")] {
            let error = Member::read(&workspace().join(folder)).unwrap_err().to_string();
            assert!(error.contains(reason), "{folder}: {error}");
        }
    }
}
