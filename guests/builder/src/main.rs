//! `build-policy [PACKAGE...]`: makes components of policy crates of this workspace, `codex-policy` if none is named.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let mut packages: Vec<String> = env::args().skip(1).collect();
    if packages.is_empty() {
        packages.push("codex-policy".into());
    }
    let root = workspace_root()?;
    for package in packages {
        let built = policy_builder::build(&root, &package)?;
        println!("{} ({} bytes)", built.path.display(), built.bytes.len());
    }
    Ok(())
}

/// The nearest folder, from here upwards, whose lock file and contract make it this workspace's root.
fn workspace_root() -> Result<PathBuf> {
    let here = env::current_dir().context("cannot tell the current folder")?;
    let root = here.ancestors().find(|folder| folder.join("Cargo.lock").is_file() && folder.join("wit").is_dir());
    root.map(PathBuf::from).with_context(|| format!("{} is not inside the policies' workspace", here.display()))
}
