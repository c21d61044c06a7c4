//! Loads a component as a policy: checks, compiles and links it, and validates its settings.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wasmtime::component::Linker;

use super::call::Call;
use super::compile::Compiler;
use super::error::{PolicyError, describe_engine_error};
use super::limits::{Limit, Limits};
use crate::version::{self, Linked};
use crate::wasi as guest_wasi;

/// The interfaces that a policy may import.
const OFFERED: &str = "codex:transcode/";

/// A loaded policy. Cheap to clone; a running job keeps the policy that it started with.
#[derive(Clone)]
pub struct Policy {
    identity: Arc<PolicyIdentity>,
    settings: Arc<str>,
    linked: Linked,
    limits: Limits,
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policy").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// The same module with other settings, limits or another version is a different policy.
impl PartialEq for Policy {
    fn eq(&self, other: &Self) -> bool {
        (&self.identity, &self.settings, self.limits) == (&other.identity, &other.settings, other.limits)
    }
}

/// What tells policies apart in logs and records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyIdentity {
    pub name: String,
    /// Empty if the policy has no version.
    #[serde(default)]
    pub version: String,
    /// SHA-256 of the policy's bytes, in hex.
    pub digest: String,
}

/// A policy that is not loaded yet.
#[derive(Clone, Debug, Default)]
pub struct Candidate {
    /// The name that operators see.
    pub name: String,
    /// The author's version; empty if not set.
    pub version: String,
    /// The component.
    pub bytes: Vec<u8>,
    /// Its settings: a JSON object.
    pub settings: String,
    /// The limits of the component and of each call.
    pub limits: Limits,
    /// Whether to link the restricted WASI, for components with another language's runtime.
    pub wasi: bool,
}

impl Candidate {
    /// These bytes with the default limits and without WASI.
    pub fn new(name: &str, bytes: Vec<u8>, settings: &str) -> Self {
        Self { name: name.to_owned(), bytes, settings: settings.to_owned(), ..Self::default() }
    }
}

impl Policy {
    /// Loads a policy and runs every check.
    pub async fn load(compiler: &Compiler, candidate: Candidate) -> Result<Self, PolicyError> {
        let Candidate { name, version, bytes, settings, limits, wasi } = candidate;
        let name = name.as_str();
        check_component(name, &bytes, limits.size(Limit::Module))?;
        let digest = hex::encode(Sha256::digest(&bytes));
        let component = compiler.component(name, &digest, bytes, limits).await?;
        let engine = compiler.engine();
        for (import, _) in component.component_type().imports(engine) {
            if let Some(remedy) = import_remedy(import, wasi) {
                return Err(PolicyError::Import { policy: name.to_owned(), import: import.to_owned(), remedy });
            }
        }
        let contract = |error: wasmtime::Error| PolicyError::Contract {
            policy: name.to_owned(),
            reason: describe_engine_error(&error),
        };
        let mut linker = Linker::new(engine);
        version::add_to_linker(&mut linker).map_err(PolicyError::Engine)?;
        if wasi {
            guest_wasi::link(&mut linker).map_err(PolicyError::Engine)?;
        }
        let linked = Linked::new(&linker, &component).map_err(contract)?;
        let identity = Arc::new(PolicyIdentity { name: name.to_owned(), version, digest });
        let policy = Self { identity, settings: settings.into(), linked, limits };
        policy.accept_settings().await?;
        tracing::info!(policy = name, digest = policy.digest(), "policy loaded");
        Ok(policy)
    }

    /// The same policy with other settings, if it accepts them.
    pub async fn with_settings(&self, settings: &str) -> Result<Self, PolicyError> {
        let policy = Self { settings: settings.into(), ..self.clone() };
        policy.accept_settings().await?;
        Ok(policy)
    }

    pub fn identity(&self) -> &PolicyIdentity {
        &self.identity
    }

    pub fn name(&self) -> &str {
        &self.identity.name
    }

    /// The author's version; empty if not set.
    pub fn version(&self) -> &str {
        &self.identity.version
    }

    /// The sha256 of its bytes, in hex.
    pub fn digest(&self) -> &str {
        &self.identity.digest
    }

    /// Its settings: a JSON object that the policy has accepted.
    pub fn settings(&self) -> &str {
        &self.settings
    }

    /// The limits of each call.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn linked(&self) -> &Linked {
        &self.linked
    }

    async fn accept_settings(&self) -> Result<(), PolicyError> {
        let problems = Call::pure(self).validate_settings().await?;
        if problems.is_empty() {
            return Ok(());
        }
        let messages = problems.iter().map(|problem| match problem.field.as_str() {
            "" => problem.message.clone(),
            field => format!("{field}: {}", problem.message),
        });
        let text = messages.collect::<Vec<_>>().join("; ");
        let fields = problems.into_iter().map(|problem| problem.field).collect();
        Err(PolicyError::Settings { policy: self.name().to_owned(), problems: text, fields })
    }
}

/// What to do about an import that is not allowed; `None` if it is allowed.
fn import_remedy(import: &str, wasi: bool) -> Option<&'static str> {
    let linked = guest_wasi::PACKAGES.iter().any(|package| import.starts_with(package));
    if import.starts_with(OFFERED) || (linked && wasi) {
        return None;
    }
    Some(if linked {
        "only codex:transcode@0.1 and @0.2 are available, unless WASI is enabled for the policy: `\"wasi\": true` in its manifest"
    } else {
        "only codex:transcode@0.1 and @0.2 are available, and of WASI at most cli, clocks, filesystem, io, random, sockets"
    })
}

/// Checks that the bytes are a component and not too large, before they are compiled.
pub fn check_component(name: &str, bytes: &[u8], limit: usize) -> Result<(), PolicyError> {
    if bytes.len() > limit {
        return Err(PolicyError::TooLarge { policy: name.to_owned(), size: bytes.len(), limit });
    }
    let found = match bytes {
        // Magic, version 13, layer 1: a component.
        [b'\0', b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => return Ok(()),
        [b'\0', b'a', b's', b'm', 1, 0, 0, 0, ..] => "it is a core module; turn it into a component with `make guests`",
        [0x7f, b'E', b'L', b'F', ..] => "it is machine code (a .cwasm cache file?); policies are shipped as .wasm",
        [] => "the file is empty",
        _ => "it does not start with the bytes of WebAssembly",
    };
    Err(PolicyError::NotAComponent { policy: name.to_owned(), found })
}
