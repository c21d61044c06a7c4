//! docs/errors.md is made from the table of codes: the test compares it, and writes it if `WRITE_PAGE` is set.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod page;

use std::path::Path;
use std::{env, fs};

#[test]
fn the_page_of_errors_is_up_to_date() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
    let made = page::markdown();
    if env::var_os("WRITE_PAGE").is_some() {
        fs::write(&file, &made).unwrap();
    }
    let written = fs::read_to_string(&file).unwrap();
    for (written, made) in written.lines().zip(made.lines()) {
        assert_eq!(written, made, "docs/errors.md is behind host/fault/src/codes: run `make docs`");
    }
    assert_eq!(written, made, "docs/errors.md is behind host/fault/src/codes: run `make docs`");
}

#[test]
fn only_rows_of_tables_are_wide() {
    for line in page::markdown().lines().filter(|line| !line.starts_with('|')) {
        assert!(line.chars().count() <= 120, "{line}");
    }
}
