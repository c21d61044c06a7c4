//! Writes docs/errors.md from the table of codes: `cargo run -p fault --example errors-page`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md"), fault::page())
}
