//! `policy inspect`: prints what a module is, and whether this host would accept it.

use std::path::{Path, PathBuf};

use authoring::inspect::{self, Inspection, Interface};
use clap::Args;
use fault::text::printable;
use policy::signature::PublicKey;
use policy::{LocalPolicy, read_local};

use super::display;
use crate::cli::compiler::compiler;
use crate::cli::exit::{Ended, OrUsage as _};

/// Longest text from a module that is printed.
const MAX_TEXT: usize = 300;

#[derive(Clone, Debug, Args)]
pub struct Inspect {
    /// The policy: a component, or a manifest next to its module.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Public key to verify the signature with: a .pub file, or the key itself. Can be given more than once.
    #[arg(long, value_name = "FILE|KEY")]
    key: Vec<String>,
    /// The signature [default: the manifest's, or FILE.minisig if it exists].
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Inspect {
    /// Prints the inspection. Returns the error for which this host would refuse the module.
    pub async fn run(self) -> Result<(), Ended> {
        let LocalPolicy { candidate, signature } = read_local(Some(&self.file)).await?;
        let keys = self.key.iter().map(|key| public_key(key)).collect::<Result<Vec<_>, _>>()?;
        let given = self
            .signature
            .as_ref()
            .map(|path| std::fs::read_to_string(path).or_usage(format_args!("{} can't be read", path.display())));
        let signature = given.transpose()?.or(signature);
        let found = inspect::inspect(&compiler()?, candidate, signature.as_deref(), &keys).await;
        display::print(self.json, || serde_json::to_value(&found).unwrap_or_default(), || page(&self.file, &found));
        found.refused.map_or(Ok(()), |refused| Err(refused.into()))
    }
}

/// Reads a key from a file, or parses the argument itself.
fn public_key(text: &str) -> Result<PublicKey, Ended> {
    let read = std::fs::read_to_string(text);
    Ok(PublicKey::parse(read.as_deref().unwrap_or(text))?)
}

/// The text output. Control characters in the module's texts are escaped.
fn page(file: &Path, found: &Inspection) -> String {
    let mut rows = vec![
        ("file", file.display().to_string()),
        ("size", format!("{} bytes", found.size)),
        ("sha256", found.sha256.clone()),
        ("signature", signature(found)),
    ];
    if let Some(name) = &found.name {
        rows.push(("name", name.clone()));
    }
    if !found.producers.is_empty() {
        let makers: Vec<&str> = found.producers.iter().map(String::as_str).collect();
        rows.push(("made by", makers.join(", ")));
    }
    if !found.imports.is_empty() || !found.exports.is_empty() {
        let contract: Vec<&str> = found.contract.iter().map(String::as_str).collect();
        rows.push(("contract", if contract.is_empty() { "none".to_owned() } else { contract.join(" and ") }));
        rows.extend(found.imports.iter().map(|interface| ("imports", listed(interface))));
        rows.extend(found.exports.iter().map(|interface| ("exports", listed(interface))));
    }
    rows.push(("taken", if found.refused.is_some() { "no" } else { "yes" }.to_owned()));
    let mut text = String::new();
    let mut before = "";
    for (name, value) in rows {
        let label = if name == before { "" } else { name };
        text.push_str(&format!("{label:<10} {}\n", printable(&value, MAX_TEXT)));
        before = name;
    }
    text
}

fn listed(interface: &Interface) -> String {
    if interface.functions.is_empty() {
        return interface.name.clone();
    }
    format!("{}: {}", interface.name, interface.functions.join(", "))
}

fn signature(found: &Inspection) -> String {
    match &found.signature {
        None if found.refused.is_some() => "not verified".to_owned(),
        None => "not signed".to_owned(),
        Some(signed) if signed.verified => format!("by {}, verified; {}", signed.key, signed.comment),
        Some(signed) => format!("by {}, not checked: give the key with --key", signed.key),
    }
}
