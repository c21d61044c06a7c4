//! The policy given on a command line: the built-in one, a component in a file, or a manifest with its module.

use std::path::Path;

use storage::Stores;

use super::admit::{self, AdmitError};
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

/// Reads the policy; the built-in one without a path.
///
/// The module must match the manifest's digest. Its signature is not checked: the user chose the file.
pub async fn read_local(path: Option<&Path>) -> Result<LocalPolicy, AdmitError> {
    let Some(path) = path else {
        let candidate = Candidate::new(super::DEFAULT_NAME, super::DEFAULT.to_vec(), "{}");
        return Ok(LocalPolicy { candidate, signature: None });
    };
    let source = fetch::source(&PolicyLocation::local(path), &Stores::default())?;
    let manifest = source.fetch().await?.0.current;
    let candidate = manifest.candidate(admit::fetch_module(&*source, &manifest).await?)?;
    Ok(LocalPolicy { candidate, signature: manifest.signature })
}
