//! What wit-bindgen makes of the parts of WASI in `wit/`.
#![allow(
    missing_docs,
    clippy::all,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "generated; it answers to no lint of ours"
)]

wit_bindgen::generate!({ path: "wit", world: "reaching", generate_all });
