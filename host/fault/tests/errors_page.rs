//! docs/errors.md says what the table of codes says.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::Path;

#[test]
fn the_page_of_errors_is_up_to_date() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
    let written = fs::read_to_string(file).unwrap();
    let made = fault::page();
    for (written, made) in written.lines().zip(made.lines()) {
        assert_eq!(written, made, "docs/errors.md is behind host/fault/src/codes: run `make docs`");
    }
    assert_eq!(written, made, "docs/errors.md is behind host/fault/src/codes: run `make docs`");
}

#[test]
fn only_rows_of_tables_are_wide() {
    for line in fault::page().lines().filter(|line| !line.starts_with('|')) {
        assert!(line.chars().count() <= 120, "{line}");
    }
}
