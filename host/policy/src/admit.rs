//! Admission of a policy: its module is fetched, checked against the manifest's digest and signature, loaded, and
//! tested.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fault::{Code, Fault, codes};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::compile::Compiler;
use super::error::PolicyError;
use super::fetch::{FetchError, PolicySource};
use super::limits::Limits;
use super::load::{Candidate, Policy};
use super::manifest::Manifest;
use super::signature::{self, KeyId, PublicKey, SignatureError};

/// What an environment requires of its policies, and the settings that it gives them.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The trusted keys.
    pub keys: Vec<PublicKey>,
    /// Whether a policy must be signed.
    pub require_signature: bool,
    /// The environment's settings, which override those of the manifest.
    pub settings: Map<String, Value>,
    /// Settings that apply only to policies that know them. A policy that rejects them is loaded without them.
    pub optional: BTreeSet<String>,
}

/// The state of a module's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// Built into the program, so it needs no signature.
    BuiltIn,
    /// Not signed.
    No,
    /// Signed, but no key is configured to check it.
    Unchecked,
    /// Signed by this trusted key.
    By(KeyId),
}

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built in"),
            Self::No => f.write_str("none"),
            Self::Unchecked => f.write_str("not checked: no public key is set"),
            Self::By(key) => write!(f, "valid, by {key}"),
        }
    }
}

/// An admitted policy.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The policy, ready to be called.
    pub policy: Policy,
    pub module: Arc<[u8]>,
    /// Its signature's state.
    pub signed: Signed,
}

/// Why a policy was not admitted.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the module {module} of the policy {policy} has the sha256 {found}, but its manifest says {expected}")]
    Digest { policy: String, module: String, expected: String, found: String },
    #[error(
        "the policy {policy} is not signed, and this environment accepts only signed policies: sign it with a key of \
`policy.public_keys`, or set `policy.require_signature` to false"
    )]
    Unsigned { policy: String },
    #[error(
        "this environment accepts only signed policies and has no key to check them with: set `policy.public_keys`, or \
`policy.require_signature` to false"
    )]
    NoKeys,
    #[error("the policy {policy} is not accepted")]
    Signature { policy: String, source: SignatureError },
    /// The manifest's limits are invalid.
    #[error("the limits of the policy {policy} can't be used: {problems}")]
    Limits { policy: String, problems: String },
    /// Loading it failed, or a call during its smoke test did.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Its smoke test took too long.
    #[error("the smoke test of the policy {policy} did not finish within {} s", limit.as_secs())]
    SmokeTimeout { policy: String, limit: Duration },
    /// A call of its smoke test returned an unusable result.
    #[error("the policy {policy} failed its smoke test: {problem}")]
    Smoke { policy: String, problem: String },
}

impl Fault for AdmitError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Fetch(error) => error.code(),
            Self::Digest { .. } => &codes::policy::DIGEST,
            Self::Unsigned { .. } => &codes::policy::UNSIGNED,
            Self::NoKeys => &codes::policy::NO_PUBLIC_KEYS,
            Self::Signature { source, .. } => source.code(),
            Self::Limits { .. } => &codes::policy::LIMITS,
            Self::Policy(error) => error.code(),
            Self::Smoke { .. } | Self::SmokeTimeout { .. } => &codes::policy::SMOKE,
        }
    }
}

impl AdmitError {
    /// Whether the same manifest may be admitted later: its module is missing so far, or this machine was too busy.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Policy(PolicyError::NotCompiled { .. }) => true,
            _ => self.code().retryable || self.is_timeout(),
        }
    }

    /// Whether a wall-clock limit was exceeded. On a machine whose encoders use every core that can happen to a good
    /// policy.
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::SmokeTimeout { .. } | Self::Policy(PolicyError::CompileTime { .. }) => true,
            Self::Policy(PolicyError::Limit { limit, .. }) => limit.code() == &codes::policy::LIMIT_TIME,
            _ => false,
        }
    }
}

/// What a policy has to pass before it is admitted, besides being loaded.
#[async_trait::async_trait]
pub trait Trial: Send + Sync {
    async fn run(&self, policy: &Policy) -> Result<(), AdmitError>;
}

/// Admits policies. Workers and `policy status` use the same checks, so both come to the same result.
#[derive(Clone)]
pub struct PolicyGate {
    compiler: Compiler,
    rules: Rules,
    trial: Arc<dyn Trial>,
}

impl PolicyGate {
    pub fn new(compiler: Compiler, rules: Rules, trial: Arc<dyn Trial>) -> Self {
        Self { compiler, rules, trial }
    }

    /// The folder of the compiled-policy cache; `None` without a cache.
    pub fn cache(&self) -> Option<&Path> {
        self.compiler.cache()
    }

    /// Fetches the module of a manifest and runs every check, cheap ones first.
    pub async fn admit(&self, source: &dyn PolicySource, manifest: &Manifest) -> Result<Admitted, AdmitError> {
        let bytes = fetch_module(source, manifest).await?;
        let signed = if source.built_in() { Signed::BuiltIn } else { self.check_signature(manifest, &bytes)? };
        let module: Arc<[u8]> = bytes.as_slice().into();
        let policy = self.load(manifest, manifest.candidate(bytes)?).await?;
        // The built-in policy is tested with the program.
        if signed != Signed::BuiltIn {
            self.trial.run(&policy).await?;
        }
        Ok(Admitted { policy, module, signed })
    }

    /// Checks the signature. One that is present must be valid, even where none is required.
    fn check_signature(&self, manifest: &Manifest, module: &[u8]) -> Result<Signed, AdmitError> {
        let Rules { keys, require_signature, .. } = &self.rules;
        match &manifest.signature {
            _ if *require_signature && keys.is_empty() => Err(AdmitError::NoKeys),
            None if *require_signature => Err(AdmitError::Unsigned { policy: manifest.name.clone() }),
            None => Ok(Signed::No),
            Some(_) if keys.is_empty() => Ok(Signed::Unchecked),
            Some(signature) => signature::verify(keys, module, signature)
                .map(Signed::By)
                .map_err(|source| AdmitError::Signature { policy: manifest.name.clone(), source }),
        }
    }

    /// Loads the policy with the manifest's settings, each overridden by the environment's. If it rejects only optional
    /// settings, it is loaded without them.
    async fn load(&self, manifest: &Manifest, candidate: Candidate) -> Result<Policy, PolicyError> {
        let Rules { settings: overrides, optional, .. } = &self.rules;
        let load = |without: &[String]| {
            let overrides = overrides.iter().filter(|(name, _)| !without.contains(name));
            let overrides = overrides.map(|(name, value)| (name.clone(), value.clone()));
            let settings: Map<String, Value> = manifest.settings.clone().into_iter().chain(overrides).collect();
            let settings = Value::Object(settings).to_string();
            Policy::load(&self.compiler, Candidate { settings, ..candidate.clone() })
        };
        match load(&[]).await {
            Err(PolicyError::Settings { fields, .. }) if fields.iter().all(|field| optional.contains(field)) => {
                tracing::warn!(
                    policy = candidate.name,
                    without = fields.join(", "),
                    "policy loaded without optional settings that it rejects"
                );
                load(&fields).await
            }
            loaded => loaded,
        }
    }
}

/// Fetches the module of a manifest and checks its digest.
pub(super) async fn fetch_module(source: &dyn PolicySource, manifest: &Manifest) -> Result<Vec<u8>, AdmitError> {
    let module = source.fetch_module(manifest).await?;
    let found = hex::encode(Sha256::digest(&module));
    if found != manifest.sha256 {
        return Err(AdmitError::Digest {
            policy: manifest.name.clone(),
            module: manifest.module.clone(),
            expected: manifest.sha256.clone(),
            found,
        });
    }
    Ok(module)
}

impl Manifest {
    /// The candidate for this module, with the manifest's settings and limits.
    pub fn candidate(&self, module: Vec<u8>) -> Result<Candidate, AdmitError> {
        let limits = Limits::from_json(&self.limits)
            .map_err(|problems| AdmitError::Limits { policy: self.name.clone(), problems: problems.join("; ") })?;
        Ok(Candidate {
            name: self.name.clone(),
            version: self.version.clone(),
            bytes: module,
            settings: Value::Object(self.settings.clone()).to_string(),
            limits,
            wasi: self.wasi,
        })
    }
}
