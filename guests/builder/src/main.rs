//! `build-policy [PACKAGE...]` builds policies of this workspace, by default `codex-policy`.

use std::env;
use std::path::Path;

use anyhow::Result;

fn main() -> Result<()> {
    let mut packages: Vec<String> = env::args().skip(1).collect();
    if packages.is_empty() {
        packages.push("codex-policy".into());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    for package in packages {
        let built = policy_builder::build(&root, &package)?;
        println!("{} ({} bytes)", built.path.display(), built.bytes.len());
    }
    Ok(())
}
