//! What wit-bindgen makes of the contract in `wit/`. Policies reach it through [`crate::prelude`] and
//! [`crate::export_policy`].
#![allow(
    missing_docs,
    clippy::all,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "generated; it answers to no lint of ours, and the documentation is in wit/"
)]

wit_bindgen::generate!({
    path: "../../wit",
    world: "policy",
    pub_export_macro: true,
    default_bindings_module: "policy_sdk::bindings",
    additional_derives: [PartialEq, Eq],
    generate_unused_types: true,
});
