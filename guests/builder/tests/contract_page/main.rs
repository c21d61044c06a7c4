//! docs/contract.md is made from the comments in wit/: the test compares it, and writes it if `WRITE_PAGE` is set.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod page;
mod small;
mod spelling;

use std::path::Path;
use std::{env, fs};

#[test]
fn the_page_of_the_contract_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("docs/contract.md");
    let made = page::markdown(&root.join("wit/0.2")).unwrap();
    if env::var_os("WRITE_PAGE").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap();
    for (written, made) in written.lines().zip(made.lines()) {
        assert_eq!(written, made, "docs/contract.md is out of date: run `make docs`");
    }
    assert_eq!(written, made, "docs/contract.md is out of date: run `make docs`");
}
