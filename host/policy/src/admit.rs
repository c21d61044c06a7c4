//! Who may come in: a module is brought, proven to be the one that its manifest means, loaded, and tried.

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
use super::fetch::{FetchError, Source};
use super::limits::{Limit, LimitHit, Limits};
use super::load::{Candidate, Policy};
use super::manifest::Manifest;
use super::signature::{self, KeyId, PublicKey, SignatureError};
use super::smoke;

/// What an environment asks of a policy before it lets it in.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Whose signatures count.
    pub keys: Vec<PublicKey>,
    /// Whether there must be one.
    pub require_signature: bool,
    /// What this environment tells its policies, over what their manifests say.
    pub settings: Map<String, Value>,
    /// Those of them that were set without knowing the policy: one that has no such setting does without.
    pub optional: BTreeSet<String>,
}

/// What a signature says of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// It is one of this program's own parts.
    BuiltIn,
    /// There is none.
    No,
    /// There is one, and no key to check it with.
    Unchecked,
    /// By this key.
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

/// A policy that came in.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The policy, ready to be called.
    pub policy: Policy,
    /// Its module.
    pub module: Arc<[u8]>,
    /// What vouches for it.
    pub signed: Signed,
}

/// Why a policy did not come in.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// Its module could not be brought.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The module is another one.
    #[error("the module {module} of the policy {policy} has the sha256 {found}, and its manifest says {expected}")]
    Digest {
        /// Which.
        policy: String,
        /// The module's name.
        module: String,
        /// What the manifest says.
        expected: String,
        /// What came.
        found: String,
    },
    /// Nobody vouches for it.
    #[error(
        "the policy {policy} is not signed, and this environment takes only signed ones: sign it with a key of \
`policy.public_keys`, or set `policy.require_signature` to false"
    )]
    Unsigned {
        /// Which.
        policy: String,
    },
    /// Nobody could vouch for anything.
    #[error(
        "this environment takes only signed policies and has no key to check them with: set `policy.public_keys`, or \
`policy.require_signature` to false"
    )]
    NoKeys,
    /// The signature is worth nothing here.
    #[error("the policy {policy} is not taken")]
    Signature {
        /// Which.
        policy: String,
        /// Why.
        source: SignatureError,
    },
    /// Limits that the host doesn't give.
    #[error("the limits of the policy {policy} can't be used: {problems}")]
    Limits {
        /// Which.
        policy: String,
        /// What is wrong, joined.
        problems: String,
    },
    /// Loading it failed, or one of its functions did when it was tried.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// It was not through with the trial in time.
    #[error("the policy {policy} was tried, and was not through after {} s", limit.as_secs())]
    TrialTime {
        /// Which.
        policy: String,
        /// How long it had.
        limit: Duration,
    },
    /// It answers, and what it answers can't be used.
    #[error("the policy {policy} was tried and failed: {problem}")]
    Smoke {
        /// Which.
        policy: String,
        /// Function and problem.
        problem: String,
    },
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
            Self::Smoke { .. } | Self::TrialTime { .. } => &codes::policy::SMOKE,
        }
    }
}

impl AdmitError {
    /// Whether the same manifest may be admitted later: its module is not there yet, or this machine had no time for it.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Policy(PolicyError::NotCompiled { .. }) => true,
            _ => self.code().retryable || self.is_of_time(),
        }
    }

    /// Whether it took too long on the clock. A machine whose encoders have every core may do that to a good policy.
    pub fn is_of_time(&self) -> bool {
        let by_the_clock = |limit: &LimitHit| matches!(limit, LimitHit::Of { limit: Limit::PureCall, .. });
        match self {
            Self::TrialTime { .. } | Self::Policy(PolicyError::CompileTime { .. }) => true,
            Self::Policy(PolicyError::Limit { limit, .. }) => by_the_clock(limit),
            _ => false,
        }
    }
}

/// The one way in for a policy: a worker takes it, and so does whoever wants to know what a worker would do.
#[derive(Clone, Debug)]
pub struct Gate {
    compiler: Compiler,
    rules: Rules,
}

impl Gate {
    /// With the rules of an environment.
    pub fn new(compiler: Compiler, rules: Rules) -> Self {
        Self { compiler, rules }
    }

    /// Where compiled policies are kept; none where they are not.
    pub fn cache(&self) -> Option<&Path> {
        self.compiler.cache()
    }

    /// What is built in: it came with the program, so it is loaded and asked about its settings and nothing else.
    pub async fn built_in(&self, manifest: &Manifest) -> Result<Admitted, AdmitError> {
        let candidate = Candidate { version: manifest.version.clone(), ..Candidate::built_in("") };
        let policy = self.load(manifest, candidate).await?;
        Ok(Admitted { policy, module: super::DEFAULT.into(), signed: Signed::BuiltIn })
    }

    /// Brings the module of a manifest and takes it through every check, the cheap ones first.
    pub async fn admit(&self, source: &dyn Source, manifest: &Manifest) -> Result<Admitted, AdmitError> {
        if source.built_in() {
            return self.built_in(manifest).await;
        }
        let bytes = module(source, manifest).await?;
        let signed = self.signed(manifest, &bytes)?;
        let module: Arc<[u8]> = bytes.as_slice().into();
        let policy = self.load(manifest, manifest.candidate(bytes)?).await?;
        smoke::run(&policy).await?;
        Ok(Admitted { policy, module, signed })
    }

    /// A signature that is there has to be right, also where none is demanded: it was put there to mean something.
    fn signed(&self, manifest: &Manifest, module: &[u8]) -> Result<Signed, AdmitError> {
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

    /// Loads it with the manifest's own settings and the environment's over them, name by name. Where it objects to
    /// nothing but what was set without knowing it, it is loaded without that.
    async fn load(&self, manifest: &Manifest, candidate: Candidate) -> Result<Policy, PolicyError> {
        let Rules { settings: ours, optional, .. } = &self.rules;
        let mut settings = manifest.settings.clone();
        settings.extend(ours.clone());
        let with = |settings: &Map<String, Value>| {
            let settings = Value::Object(settings.clone()).to_string();
            Policy::load(&self.compiler, Candidate { settings, ..candidate.clone() })
        };
        match with(&settings).await {
            Err(PolicyError::Settings { fields, .. }) if fields.iter().all(|field| optional.contains(field)) => {
                tracing::warn!(policy = candidate.name, without = fields.join(", "), "settings that it does not know");
                let mut settings = manifest.settings.clone();
                settings.extend(ours.clone().into_iter().filter(|(name, _)| !fields.contains(name)));
                with(&settings).await
            }
            loaded => loaded,
        }
    }
}

/// Brings the module of a manifest, and has it proven that it is the one that is meant.
pub(super) async fn module(source: &dyn Source, manifest: &Manifest) -> Result<Vec<u8>, AdmitError> {
    let module = source.module(manifest).await?;
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
    /// What is to be loaded: this module, as the manifest says.
    pub fn candidate(&self, module: Vec<u8>) -> Result<Candidate, AdmitError> {
        let limits = Limits::from_json(&self.limits).map_err(|problems| AdmitError::Limits {
            policy: self.name.clone(),
            problems: problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        })?;
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
