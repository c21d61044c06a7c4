//! Turns a policy crate into a component: cargo compiles a core module, and the component's types, which wit-bindgen
//! left in that module, make the rest.
//!
//! Used by build scripts, by tests, by the program `build-policy` and by `codex-transcoder policy build`. The bytes
//! depend only on the sources, the lock file and the compiler, and not on the outer build's flags or the folder, so a
//! policy has the same digest on every machine.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail"))]

mod about;
mod cargo;
mod component;
mod member;
mod names;
mod output;

use std::path::{Path, PathBuf};

pub use about::{About, about};
use anyhow::Result;
pub use component::imports;
pub use member::Member;

/// A policy as it is loaded, stored and shipped.
#[derive(Clone, Debug)]
pub struct Built {
    /// `target/policies/PACKAGE.wasm` in the workspace.
    pub path: PathBuf,
    /// The component.
    pub bytes: Vec<u8>,
}

/// Builds a package of this workspace. Concurrent calls wait for each other, also across processes.
pub fn build(workspace_root: &Path, package: &str) -> Result<Built> {
    let member = Member::of_workspace(workspace_root, package);
    let bytes = member.build(&mut |_| ())?;
    let path = member.target_dir.join(format!("{package}.wasm"));
    let _lock = output::lock(&member.target_dir)?;
    output::write_whole(&path, &bytes)?;
    Ok(Built { path, bytes })
}
