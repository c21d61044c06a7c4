//! Builds the default policy as a component, to be embedded in the program.

use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for input in ["guests/codex", "guests/sdk", "wit", "Cargo.lock", "Cargo.toml", "rust-toolchain.toml"] {
        println!("cargo::rerun-if-changed={}", workspace.join(input).display());
    }
    let built = policy_builder::build(&workspace, "codex-policy")?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?).join("codex-policy.wasm");
    std::fs::copy(built.path, out)?;
    Ok(())
}
