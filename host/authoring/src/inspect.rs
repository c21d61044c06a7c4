//! What a module is, found out without trusting it: digest, interfaces, makers, and whether it would be taken here.

use std::collections::BTreeSet;

use fault::Failure;
use policy::limits::Limit;
use policy::signature::{self, PublicKey, Signature};
use policy::{Candidate, Compiler, Policy, PolicyError, smoke};
use sha2::{Digest as _, Sha256};
use wasmtime::component::types::ComponentItem;

/// What the interfaces of the contract begin with.
const CONTRACT: &str = "codex:transcode/";

/// What was found.
#[derive(Clone, Debug, Default, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Inspection {
    /// Bytes.
    pub size: usize,
    /// The sha256 of the bytes, in hex.
    pub sha256: String,
    /// What it calls itself.
    pub name: Option<String>,
    /// What made it, in its own words.
    pub producers: BTreeSet<String>,
    /// The versions of the contract that its interfaces are of; one, if all is well.
    pub contract: BTreeSet<String>,
    /// What it imports.
    pub imports: Vec<Interface>,
    /// What it exports.
    pub exports: Vec<Interface>,
    /// Its signature, where there is one.
    pub signature: Option<Signed>,
    /// Why it would not be taken; none where it would.
    pub refused: Option<Failure>,
}

/// An interface with its functions.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Interface {
    /// `package:name/interface@version`.
    pub name: String,
    /// What it has of it.
    pub functions: Vec<String>,
}

/// What a signature says, and whether it is true.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Signed {
    /// The id of the key that it names.
    pub key: String,
    /// What its maker wrote beside it.
    pub comment: String,
    /// Whether it was checked with a key that is trusted; false where none was given.
    pub verified: bool,
}

/// Looks at a policy, and loads it as a job would.
pub async fn inspect(
    compiler: &Compiler,
    candidate: Candidate,
    signature: Option<&str>,
    keys: &[PublicKey],
) -> Inspection {
    let bytes = &candidate.bytes;
    let digest = hex::encode(Sha256::digest(bytes));
    let mut found = Inspection { size: bytes.len(), sha256: digest, ..Inspection::default() };
    let signed = signature.map(|text| signed(bytes, text, keys)).transpose();
    if let Err(refused) = structure(compiler, &candidate, &mut found).await {
        found.refused = Some(refused.into());
        return found;
    }
    match signed {
        Ok(signed) => found.signature = signed,
        Err(refused) => {
            found.refused = Some(refused);
            return found;
        }
    }
    match Policy::load(compiler, candidate).await {
        Ok(policy) => found.refused = smoke::run(&policy).await.err().map(Failure::from),
        // Settings are the environment's; one that needs some is a policy all the same.
        Err(PolicyError::Settings { .. }) => {}
        Err(refused) => found.refused = Some(refused.into()),
    }
    found
}

fn signed(bytes: &[u8], text: &str, keys: &[PublicKey]) -> Result<Signed, Failure> {
    let parsed = Signature::parse(text)?;
    if !keys.is_empty() {
        signature::verify(keys, bytes, text)?;
    }
    Ok(Signed { key: parsed.signer().to_string(), comment: parsed.comment(), verified: !keys.is_empty() })
}

/// The interfaces and makers of a component.
async fn structure(compiler: &Compiler, candidate: &Candidate, found: &mut Inspection) -> Result<(), PolicyError> {
    let Candidate { name, bytes, .. } = candidate;
    policy::check_component(name, bytes, candidate.limits.size(Limit::Module))?;
    let time = candidate.limits.time(Limit::Compile);
    let component = compiler.component(name, &found.sha256, bytes.clone(), time).await?;
    let (engine, types) = (compiler.engine(), component.component_type());
    found.imports = types.imports(engine).map(|(name, item)| interface(engine, name, &item.ty)).collect();
    found.exports = types.exports(engine).map(|(name, item)| interface(engine, name, &item.ty)).collect();
    let all = found.imports.iter().chain(&found.exports);
    found.contract = all.filter_map(|interface| contract(&interface.name)).collect();
    // Sections that can't be read are no reason against a component that compiles.
    let about = policy_builder::about(bytes).unwrap_or_default();
    (found.name, found.producers) = (about.name, about.producers);
    Ok(())
}

fn interface(engine: &wasmtime::Engine, name: &str, item: &ComponentItem) -> Interface {
    let functions = match item {
        ComponentItem::ComponentInstance(instance) => instance
            .exports(engine)
            .filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)))
            .map(|(name, _)| name.split_once(']').map_or(name, |(_, plain)| plain).to_owned())
            .collect(),
        _ => Vec::new(),
    };
    Interface { name: name.to_owned(), functions }
}

/// The version behind an interface of the contract, as `codex:transcode@0.1.0`.
fn contract(interface: &str) -> Option<String> {
    let (_, version) = interface.strip_prefix(CONTRACT)?.split_once('@')?;
    Some(format!("{}@{version}", CONTRACT.trim_end_matches('/')))
}
