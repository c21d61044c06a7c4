//! The checked settings: plain data without clients.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use fault::secret::SecretText;
pub use job::Prices;
use job::production::UploadLimits;
use policy::PolicyLocation;
use policy::fetch::Credentials;
use publish::CacheRules;
use serde_json::{Map, Value};
use storage::s3::S3Settings;
use webhook::UrlRules;

use crate::choice::Environment;
use crate::keys::KeyPlace;
use crate::tools::ToolOptions;

#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub environment: Environment,
    pub policy: PolicySettings,
    pub job: JobSettings,
    pub webhook: WebhookSettings,
    pub stores: BTreeMap<String, StoreBackend>,
    /// The store that originals are read from; one of the stores.
    pub originals: String,
    /// The `Cache-Control` headers of published objects; all are set.
    pub cache: CacheRules,
    /// `None`: no ladder can be encrypted.
    pub keys: Option<KeySettings>,
    pub prices: Prices,
    /// The store for records of jobs and for undelivered webhooks; one of the stores.
    pub state_store: String,
    pub outbox_prefix: String,
    /// `None`: metrics and health are not served.
    pub metrics_address: Option<SocketAddr>,
    pub serve_address: SocketAddr,
    /// `None`: no traces and metrics are sent.
    pub telemetry: Option<TelemetrySettings>,
    /// Warnings for the operator, each a sentence.
    pub notes: Vec<String>,
    /// Every secret that was set, even where another value overrides it. No log may show one.
    pub secrets: BTreeSet<SecretText>,
}

/// The key service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySettings {
    pub place: KeyPlace,
    /// For players.
    pub uri: String,
    pub token: Option<SecretText>,
}

/// The collector of traces and metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct TelemetrySettings {
    /// Without `/v1/…`.
    pub endpoint: String,
    /// `name=value` pairs with commas; may be empty.
    pub headers: SecretText,
    pub service: String,
    /// From 0 to 1.
    pub sample: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PolicySettings {
    pub place: PolicyLocation,
    /// What the server of the place asks for.
    pub credentials: Option<Credentials>,
    /// How often the place is checked for a new policy.
    pub poll: Duration,
    /// Keys whose signatures count; each one parses.
    pub public_keys: Vec<String>,
    pub require_signature: bool,
    /// `None`: a folder in the system's folder for temporary files.
    pub cache_dir: Option<PathBuf>,
    /// What the policy is given. Contains no secret.
    pub settings: Map<String, Value>,
    /// Names in `settings` that come from the variables of older deployments. Those variables know nothing of the policy,
    /// so a policy without such a setting doesn't get it.
    pub optional: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSettings {
    /// At least one.
    pub attempts: u32,
    /// At least one; `None`: as many as the machine can do well.
    pub concurrency: Option<usize>,
    /// How long running jobs may go on after a request to stop.
    pub grace: Duration,
    /// Whether a report is written beside the publication.
    pub report: bool,
    /// Whether a page about the job is written beside the publication.
    pub page: bool,
    pub require_sandbox: bool,
    pub require_gpu: bool,
    pub tools: ToolOptions,
    /// `None`: the system's folder for temporary files.
    pub work_dir: Option<PathBuf>,
    /// Largest description of a job.
    pub max_input_bytes: usize,
    pub limits: UploadLimits,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Long enough, or `allow_short_secret` is set.
    pub secret: SecretText,
    pub allow_short_secret: bool,
    /// Where webhooks may go.
    pub rules: UrlRules,
}

#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there are only a few per process")]
pub enum StoreBackend {
    Bucket(S3Settings),
    Directory(PathBuf),
}

impl JobSettings {
    /// Where work directories are made.
    pub fn work_root(&self) -> PathBuf {
        self.work_dir.clone().unwrap_or_else(std::env::temp_dir)
    }
}
