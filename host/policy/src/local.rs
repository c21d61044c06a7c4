//! The policy given on a command line: a built-in one, a component in a file, or a manifest with its module.

use std::path::Path;

use storage::Stores;

use super::admit::{self, AdmitError};
use super::built_in::BuiltIn;
use super::fetch;
use super::load::Candidate;
use super::location::PolicyLocation;

/// A policy given on the command line.
#[derive(Clone, Debug)]
pub struct LocalPolicy {
    /// The policy to load, with the settings of its manifest.
    pub candidate: Candidate,
    /// The text of its signature: from the manifest, or from the `.minisig` file beside a component.
    pub signature: Option<String>,
}

/// Reads the policy; the default one without a path.
///
/// The module must match the manifest's digest. Its signature is not checked: the user chose the file.
pub async fn read_local(path: Option<&Path>) -> Result<LocalPolicy, AdmitError> {
    let location = path.map_or(PolicyLocation::BuiltIn(BuiltIn::default()), PolicyLocation::local);
    let source = fetch::source(&location, &Stores::default(), None)?;
    let manifest = source.fetch().await?.0.current;
    let candidate = manifest.candidate(admit::fetch_module(&*source, &manifest).await?)?;
    Ok(LocalPolicy { candidate, signature: manifest.signature })
}
