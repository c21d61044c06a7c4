//! The bindings that wit-bindgen generates for the parts of WASI in `wit/`.
#![allow(
    missing_docs,
    clippy::all,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "generated code"
)]

wit_bindgen::generate!({ path: "wit", world: "reaching", generate_all });
