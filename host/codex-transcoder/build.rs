//! Embeds all that `policy new` writes.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a new policy's folder is made of, relative to the workspace.
const NEW_POLICY: [&str; 5] = ["guests/template", "guests/sdk", "wit", "Cargo.lock", "rust-toolchain.toml"];

fn main() -> Result<(), Box<dyn Error>> {
    let workspace = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../..").canonicalize()?;
    for input in ["Cargo.toml"].iter().chain(&NEW_POLICY) {
        println!("cargo::rerun-if-changed={}", workspace.join(input).display());
    }
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    fs::write(out.join("new_policy.rs"), embedded(&workspace)?)?;
    let manifest = fs::read_to_string(workspace.join("Cargo.toml"))?;
    let bindgen = manifest.lines().find(|line| line.starts_with("wit-bindgen = ")).ok_or("no wit-bindgen")?;
    println!("cargo::rustc-env=WIT_BINDGEN={bindgen}");
    if has_packed_relocations() {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    Ok(())
}

/// Whether the C library can read packed relocations: glibc since 2.36, whose distributions have linkers that write them.
///
/// The program starts itself for each confined process, and its many relocations are most of what that takes.
fn has_packed_relocations() -> bool {
    let is_native = std::env::var("HOST") == std::env::var("TARGET");
    let version = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok();
    let version = version.and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    let minor = version.trim().strip_prefix("glibc 2.").and_then(|minor| minor.parse::<u32>().ok());
    is_native && minor.is_some_and(|minor| minor >= 36)
}

/// A Rust expression: every file with its name and its text.
fn embedded(workspace: &Path) -> Result<String, Box<dyn Error>> {
    let mut files = Vec::new();
    for input in NEW_POLICY {
        collect(&workspace.join(input), &mut files)?;
    }
    files.sort();
    let mut source = String::from("&[\n");
    for file in files {
        let name = file.strip_prefix(workspace)?;
        writeln!(source, "    ({:?}, include_str!({:?})),", name.display().to_string(), file.display().to_string())?;
    }
    source.push(']');
    Ok(source)
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        collect(&entry?.path(), files)?;
    }
    Ok(())
}
