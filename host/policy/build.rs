//! Builds the policies that are part of the program as components, which the crate embeds.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let workspace = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../..").canonicalize()?;
    for input in
        ["guests/codex", "guests/codex-lean", "guests/sdk", "wit", "Cargo.toml", "Cargo.lock", "rust-toolchain.toml"]
    {
        println!("cargo::rerun-if-changed={}", workspace.join(input).display());
    }
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    for policy in ["codex-policy", "codex-lean-policy"] {
        let built = policy_builder::build(&workspace, policy)?;
        fs::copy(built.path, out.join(format!("{policy}.wasm")))?;
    }
    Ok(())
}
