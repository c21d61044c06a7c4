//! The settings as they hold: plain data, without clients and without anything left to check.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use fault::secret::SecretText;
use policy::PolicyLocation;
use serde_json::{Map, Value};

use super::choice::{AllowHttp, DialectSetting, EncoderSetting, Environment};

/// Everything that a worker is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Which of the platform's environments it belongs to.
    pub environment: Environment,
    /// The policy.
    pub policy: PolicySettings,
    /// How jobs run.
    pub job: JobSettings,
    /// How webhooks are signed and where they may go.
    pub webhook: WebhookSettings,
    /// Where objects are.
    pub stores: StoreSettings,
    /// How long viewers' caches keep what is published.
    pub cache: CacheSettings,
    /// The store for records of jobs and for webhooks that could not be delivered; one of the stores.
    pub state_store: String,
    /// Under which key those webhooks are kept.
    pub outbox_prefix: String,
    /// Where metrics and health are served; none for nowhere.
    pub metrics_address: Option<SocketAddr>,
    /// Where the local API is served.
    pub serve_address: SocketAddr,
    /// What an operator should be told though nothing is wrong, each a sentence.
    pub notes: Vec<String>,
}

impl Settings {
    /// Everything that no log may show.
    pub fn secrets(&self) -> Vec<&SecretText> {
        let mut secrets = BTreeSet::from([&self.webhook.secret]);
        for place in self.stores.places.values() {
            if let StorePlace::Bucket(bucket) = place {
                secrets.insert(&bucket.secret_access_key);
            }
        }
        secrets.into_iter().collect()
    }
}

/// Which policy, and what it is told.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicySettings {
    /// Where it is.
    pub place: PolicyLocation,
    /// How often its place is asked for something new.
    pub poll: Duration,
    /// The keys whose signatures count, each of which can be read.
    pub public_keys: Vec<String>,
    /// Whether only signed ones are taken.
    pub require_signature: bool,
    /// Where compiled policies are kept; none for a folder in the system's folder for temporary files.
    pub cache_dir: Option<PathBuf>,
    /// What it is told. Holds no secret.
    pub settings: Map<String, Value>,
    /// Those of them that come from the flags of older deployments. They were set without knowing the policy, so they
    /// may be left out for one that has no such setting.
    pub optional: BTreeSet<String>,
}

impl PolicySettings {
    /// What the policy is told, as it is told.
    pub fn json(&self) -> String {
        Value::Object(self.settings.clone()).to_string()
    }
}

/// How jobs run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSettings {
    /// How often a job is tried before it counts as failed; at least once.
    pub attempts: u32,
    /// How many run at the same time; at least one.
    pub concurrency: usize,
    /// How long they may go on after a request to stop.
    pub grace: Duration,
    /// Whether a report is written beside the publication.
    pub report: bool,
    /// What to encode video on.
    pub encoder: EncoderSetting,
    /// The folder for work directories; none for the system's own.
    pub work_dir: Option<PathBuf>,
    /// The ffmpeg to use.
    pub ffmpeg: PathBuf,
    /// The ffprobe to use; none for the one beside ffmpeg, else the one on the `PATH`.
    pub ffprobe: Option<PathBuf>,
    /// Largest description of a job.
    pub max_input_bytes: usize,
    /// Largest original, in bytes.
    pub max_original_bytes: u64,
}

/// How webhooks are signed and where they may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSettings {
    /// What they are signed with; long enough, or allowed to be short.
    pub secret: SecretText,
    /// Whether the secret may be short.
    pub allow_short_secret: bool,
    /// The hosts that they may go to, in lower case; none for every one.
    pub allowed_hosts: Option<Vec<String>>,
    /// Which of them may go out over plain http.
    pub allow_http: AllowHttp,
    /// Whether they may go to this machine and to private addresses.
    pub allow_private: bool,
}

/// Where objects are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// The stores by name.
    pub places: BTreeMap<String, StorePlace>,
    /// The one that originals are read from; one of the stores.
    pub originals: String,
}

/// What stands behind the name of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorePlace {
    /// A bucket.
    Bucket(Bucket),
    /// A folder of this machine.
    Directory(PathBuf),
}

/// A bucket of a service that speaks S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Where the service answers, without a slash at the end.
    pub endpoint: String,
    /// Whose habits it has.
    pub dialect: DialectSetting,
    /// The region that requests are signed for.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// Which access key requests are signed with.
    pub access_key_id: String,
    /// Its secret half.
    pub secret_access_key: SecretText,
    /// Size of the parts of a large object.
    pub part_bytes: u64,
    /// Above which size an object is sent in parts.
    pub multipart_above_bytes: u64,
    /// How many parts of one object are under way at the same time.
    pub at_once: usize,
}

/// The `Cache-Control` of what is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheSettings {
    /// Of segments.
    pub segments: String,
    /// Of playlists.
    pub playlists: String,
    /// Of everything else.
    pub objects: String,
}
