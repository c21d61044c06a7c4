//! Builds the default policy as a component, which the crate embeds.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let workspace = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../..").canonicalize()?;
    for input in ["guests/codex", "guests/sdk", "wit", "Cargo.toml", "Cargo.lock", "rust-toolchain.toml"] {
        println!("cargo::rerun-if-changed={}", workspace.join(input).display());
    }
    let built = policy_builder::build(&workspace, "codex-policy")?;
    fs::copy(built.path, PathBuf::from(std::env::var("OUT_DIR")?).join("codex-policy.wasm"))?;
    Ok(())
}
