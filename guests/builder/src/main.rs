//! `build-policy [PACKAGE...]` builds policies of this workspace, by default `codex-policy`.

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

/// The nearest folder, from here upwards, with a lock file and a folder `wit`.
fn workspace_root() -> Result<PathBuf> {
    let here = env::current_dir().context("the current folder is unknown")?;
    let root = here.ancestors().find(|folder| folder.join("Cargo.lock").is_file() && folder.join("wit").is_dir());
    root.map(PathBuf::from).with_context(|| format!("{} is not inside the policies' workspace", here.display()))
}
