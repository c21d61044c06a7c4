//! Turns a policy crate into a component: cargo makes a core module of it, and the component's types, which wit-bindgen
//! left in that module, make the rest.
//!
//! For build scripts, tests, the `build-policy` program and `codex-transcoder policy build`. The bytes depend on the sources, the lock file and the
//! compiler alone: neither the outer build's flags nor the folder that it happens in change them, so that a digest
//! means the same on every machine.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail"))]

mod about;
mod cargo;
mod component;
pub mod contract;
mod member;
mod names;
mod output;

use std::fs;
use std::path::{Path, PathBuf};

pub use about::{About, about};
use anyhow::{Context, Result};
use cargo::Order;
pub use component::imports;
pub use member::Member;

/// What a policy is made from, relative to the workspace: what a build script watches.
pub const INPUTS: [&str; 4] = ["Cargo.toml", "Cargo.lock", "guests", "wit"];

/// A policy as it is loaded, stored and shipped.
#[derive(Clone, Debug)]
pub struct Built {
    /// `target/policies/PACKAGE.wasm` in the workspace.
    pub path: PathBuf,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Builds one package of the workspace. Two calls at once, also from two processes, wait for each other.
pub fn build(workspace_root: &Path, package: &str) -> Result<Built> {
    // Not the outer build's own folder: cargo holds that one locked while a build script runs.
    let folder = workspace_root.join("target/policies");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let lock = output::lock(&folder)?;
    let more = ["--locked".to_owned()];
    let order = Order { root: workspace_root, package, library: package, target_dir: &folder, more: &more };
    let module = cargo::build(&order, &mut |_| ())?;
    let bytes = component::encode(&module).with_context(|| format!("cannot make a component of {package}"))?;
    let path = folder.join(format!("{package}.wasm"));
    output::write_whole(&path, &bytes)?;
    drop(lock);
    Ok(Built { path, bytes })
}
