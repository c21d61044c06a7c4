//! Inspects a module without trusting it: digest, interfaces, producers, and whether this host would accept it.

use std::collections::BTreeSet;

use fault::Failure;
use policy::limits::Limit;
use policy::signature::{self, PublicKey, Signature};
use policy::{Candidate, Compiler, Policy, PolicyError, Trial as _};
use rehearsal::Trial;
use sha2::{Digest as _, Sha256};
use wasmtime::component::types::ComponentItem;

/// Prefix of the contract's interfaces.
const CONTRACT: &str = "codex:transcode/";

#[derive(Clone, Debug, Default, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Inspection {
    /// Size in bytes.
    pub size: usize,
    /// SHA-256 of the module, in hex.
    pub sha256: String,
    /// The component's own name.
    pub name: Option<String>,
    /// Tools that built it, according to its `producers` section.
    pub producers: BTreeSet<String>,
    /// Versions of the contract among its interfaces. A valid policy has one.
    pub contract: BTreeSet<String>,
    pub imports: Vec<Interface>,
    pub exports: Vec<Interface>,
    pub signature: Option<Signed>,
    /// Why this host would refuse it; none if it would accept it.
    pub refused: Option<Failure>,
}

#[derive(Clone, Debug, serde::Serialize)]
pub struct Interface {
    /// `package:name/interface@version`.
    pub name: String,
    /// The functions of it that the component uses.
    pub functions: Vec<String>,
}

#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Signed {
    /// Id of the signing key.
    pub key: String,
    /// The signature's trusted comment.
    pub comment: String,
    /// Whether it was verified with one of the given keys; false if no key was given.
    pub verified: bool,
}

/// Inspects a policy and loads it as a job would.
pub async fn inspect(
    compiler: &Compiler,
    candidate: Candidate,
    signature: Option<&str>,
    keys: &[PublicKey],
) -> Inspection {
    let (size, sha256) = (candidate.bytes.len(), hex::encode(Sha256::digest(&candidate.bytes)));
    let mut found = Inspection { size, sha256, ..Inspection::default() };
    let accepted = check(compiler, candidate, signature, keys, &mut found).await;
    Inspection { refused: accepted.err(), ..found }
}

/// Adds what is found. Fails if this host would refuse the policy.
async fn check(
    compiler: &Compiler,
    candidate: Candidate,
    signature: Option<&str>,
    keys: &[PublicKey],
    found: &mut Inspection,
) -> Result<(), Failure> {
    structure(compiler, &candidate, found).await?;
    found.signature = signature.map(|text| signed(&candidate.bytes, text, keys)).transpose()?;
    match Policy::load(compiler, candidate).await {
        Ok(policy) => Ok(Trial::anywhere().run(&policy).await?),
        // Settings belong to the environment. A policy that requires some is still valid.
        Err(PolicyError::Settings { .. }) => Ok(()),
        Err(refused) => Err(refused.into()),
    }
}

fn signed(bytes: &[u8], text: &str, keys: &[PublicKey]) -> Result<Signed, Failure> {
    let parsed = Signature::parse(text)?;
    if !keys.is_empty() {
        signature::verify(keys, bytes, text)?;
    }
    Ok(Signed { key: parsed.signer().to_string(), comment: parsed.comment(), verified: !keys.is_empty() })
}

/// Reads the interfaces and producers of a component.
async fn structure(compiler: &Compiler, candidate: &Candidate, found: &mut Inspection) -> Result<(), PolicyError> {
    let Candidate { name, bytes, .. } = candidate;
    policy::check_component(name, bytes, candidate.limits.size(Limit::Module))?;
    let component = compiler.component(name, &found.sha256, bytes.clone(), candidate.limits).await?;
    let (engine, types) = (compiler.engine(), component.component_type());
    found.imports = types.imports(engine).map(|(name, item)| interface(engine, name, &item.ty)).collect();
    found.exports = types.exports(engine).map(|(name, item)| interface(engine, name, &item.ty)).collect();
    let all = found.imports.iter().chain(&found.exports);
    found.contract = all.filter_map(|interface| contract(&interface.name)).collect();
    // A component that compiles is accepted even if these sections can't be read.
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

/// The contract's version in an interface's name, as `codex:transcode@0.1.0`.
fn contract(interface: &str) -> Option<String> {
    let (_, version) = interface.strip_prefix(CONTRACT)?.split_once('@')?;
    Some(format!("{}@{version}", CONTRACT.trim_end_matches('/')))
}
