//! `contract-page`: writes docs/contract.md from the comments in wit/. Run in the workspace's root.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let page = Path::new("docs/contract.md");
    let text = policy_builder::contract::markdown(Path::new("wit"))?;
    fs::write(page, text).with_context(|| format!("cannot write {}", page.display()))
}
