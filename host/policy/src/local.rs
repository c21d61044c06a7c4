//! The policy that a command line names: the built-in one, a component in a file, or a manifest with its module.

use std::path::Path;

use storage::Stores;

use super::admit::{self, AdmitError};
use super::fetch;
use super::load::Candidate;
use super::location::PolicyLocation;

/// A policy as somebody named it.
#[derive(Clone, Debug)]
pub struct LocalPolicy {
    /// What is to be loaded, with the settings of its manifest.
    pub candidate: Candidate,
    /// The text of its signature: the manifest's own, or what lies beside a component under the name that minisign
    /// gives it.
    pub signature: Option<String>,
}

/// Reads it.
///
/// The module has to be the one that the manifest means. Its signature is not checked: whoever names a file of their own
/// trusts it.
pub async fn named(path: Option<&Path>) -> Result<LocalPolicy, AdmitError> {
    let Some(path) = path else { return Ok(LocalPolicy { candidate: Candidate::built_in("{}"), signature: None }) };
    let source = fetch::source(&PolicyLocation::local(path), &Stores::default())?;
    let manifest = source.fetch().await?.0.current;
    let candidate = manifest.candidate(admit::module(&*source, &manifest).await?)?;
    Ok(LocalPolicy { candidate, signature: manifest.signature })
}
