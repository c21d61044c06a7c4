//! The bindings that wit-bindgen generates for the contract in `wit/`. Policies use them through [`crate::prelude`] and
//! [`crate::export_policy`].
#![allow(
    missing_docs,
    clippy::all,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "generated code, documented in wit/"
)]

wit_bindgen::generate!({
    path: "../../wit/0.2",
    world: "policy",
    pub_export_macro: true,
    default_bindings_module: "policy_sdk::bindings",
    additional_derives: [PartialEq, Eq],
    generate_unused_types: true,
});
