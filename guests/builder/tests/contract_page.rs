//! docs/contract.md says what the contract's own comments say.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::Path;

#[test]
fn the_page_of_the_contract_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let written = fs::read_to_string(root.join("docs/contract.md")).unwrap();
    let made = policy_builder::contract::markdown(&root.join("wit")).unwrap();
    for (written, made) in written.lines().zip(made.lines()) {
        assert_eq!(written, made, "docs/contract.md is behind wit/: run `make docs`");
    }
    assert_eq!(written, made, "docs/contract.md is behind wit/: run `make docs`");
}
