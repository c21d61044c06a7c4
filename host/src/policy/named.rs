//! The policy that a command line names: the built-in one, a component in a file, or a manifest with its module.

use std::path::Path;

use super::admit::{self, AdmitError};
use super::fetch::{self, FetchError, Look};
use super::load::Candidate;
use super::manifest;
use super::place::Place;
use crate::storage::Stores;

/// A policy as somebody named it.
#[derive(Clone, Debug)]
pub struct Named {
    /// What is to be loaded, with the settings of its manifest.
    pub candidate: Candidate,
    /// The text of its signature: the manifest's own, or what lies beside a component under the name that minisign
    /// gives it.
    pub signature: Option<String>,
}

/// Reads it. What ends with `.json` is a manifest, and so is the `policy.json` of a
/// folder; every other file is a component by itself.
///
/// The module has to be the one that the manifest means. Its signature is not checked: whoever names a file of their own
/// trusts it.
pub async fn named(path: Option<&Path>) -> Result<Named, AdmitError> {
    let Some(path) = path else { return Ok(Named { candidate: Candidate::built_in("{}"), signature: None }) };
    let place = match path {
        folder if folder.is_dir() => Place::File(folder.join(manifest::FILE)),
        file if file.extension().is_some_and(|ending| ending == "json") => Place::File(file.to_owned()),
        file => Place::Component(file.to_owned()),
    };
    let source = fetch::source(&place, &Stores::default())?;
    let Look::Found { deployment, .. } = source.look(None).await? else {
        // Nobody says that it is the same who was told of nothing before.
        return Err(FetchError::Missing { what: format!("policy {place}") }.into());
    };
    let manifest = deployment.current;
    let candidate = manifest.candidate(admit::module(&*source, &manifest).await?)?;
    Ok(Named { candidate, signature: manifest.signature })
}
