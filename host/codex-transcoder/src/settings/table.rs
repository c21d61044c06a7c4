//! The table of all settings. Reading, error messages and the reference are derived from it.

use media::plan::Preference;
use policy::BuiltIn;
use storage::s3::Dialect;
use webhook::HttpRule;

use super::keys::DefaultValue::{Value, Words};
use super::keys::Kind::*;
use super::keys::{Kind, SettingSpec};
use crate::choice::{Choice, Environment, StoreKind};

/// Variables with our prefix that are not settings: the path of the settings file, and one of the project's tests that
/// their child processes inherit.
pub const ELSEWHERE: &[&str] =
    &["CODEX_CONFIG", "CODEX_OPERATOR", "CODEX_POLICY_CACHE", "CODEX_POLICY_KEY_PASSWORD", "CODEX_SHARED"];

/// Set by old `ENABLE_` variables but unknown to the default policy, which would refuse them.
pub const UNKNOWN_TO_DEFAULT_POLICY: &[&str] = &["thumbnailVariants"];

const fn choice<T: Choice>() -> Kind {
    Kind::Choice(T::WORDS)
}

const fn count(least: u64, most: u64) -> Kind {
    Kind::Count { least, most }
}

/// Defines `SETTINGS`. A row reads
///
/// ```text
/// /// What it means, for docs/settings.md.
/// "path.in.the.file", Kind, default, "OLDER_VARIABLE" for "store";
/// ```
macro_rules! settings {
    ($(
        $(#[doc = $doc:literal])+
        $path:literal, $kind:expr, $default:expr $(, $older:literal $(for $name:literal)?)*;
    )+) => {
        /// In the order of the reference.
        pub const SETTINGS: &[SettingSpec] = &[$(SettingSpec {
            path: $path,
            older: &[$(($older, concat!("" $(, $name)?))),*],
            kind: $kind,
            default: $default,
            #[cfg(test)]
            doc: &[$($doc),+],
        }),+];
    };
}

settings! {
    /// Which of the platform's environments this worker belongs to; it names the default buckets.
    "environment", choice::<Environment>(), Value("production"), "ENVIRONMENT";

    /// Which of the program's own policies decides. They count as signed.
    "policy.builtin", choice::<BuiltIn>(), Words("`codex`, unless `policy.path` or `policy.place` is set");

    /// The policy in a file of this machine: a component, or a manifest or its folder. Also the name of a built-in policy.
    "policy.path", Path, Words("the built-in policy"), "CODEX_POLICY";

    /// The place of this environment's policy, watched while the worker runs: a component (`.wasm`), a manifest
    /// (`.json`), a folder or a prefix of a store (`media:.codex/policies`) or an https address (ending with `/`) with
    /// a `policy.json` below it. `{environment}` stands for the environment's name. http is for this machine in `dev`.
    "policy.place", PolicyPlace, Words("none: `policy.path`");

    /// The header `Authorization` of requests to the https address in `policy.place`: `Bearer …`, or `Basic …` with name and
    /// password in base64. It is sent to that server only.
    "policy.authorization", Secret, Words("none");

    /// How often the place of the policy is checked for a change. Changed files are also noticed at once.
    "policy.poll_seconds", count(1, 86_400), Value("30");

    /// The minisign keys whose signatures on policies count: the second line of each `.pub` file.
    "policy.public_keys", PublicKeys, Words("none");

    /// Whether a policy must be signed. The built-in policy needs no signature.
    "policy.require_signature", Flag, Words("`true` in `production`, else `false`");

    /// The folder for compiled policies and the last good one. It may be emptied at any time.
    "policy.cache_dir", Path, Words("a folder in the system's folder for temporary files");

    /// Settings of the policy; its documentation lists the names. The variable holds a JSON object and wins name by
    /// name. The `ENABLE_` variables each set one name to true or false.
    "policy.settings", Object, Value("{}"),
        "ENABLE_MEZZANINE" for "mezzanine", "ENABLE_LOUDNESS_ANALYSIS" for "loudness",
        "ENABLE_WAVEFORM_IMAGE" for "waveformImage", "ENABLE_THUMBNAIL_VARIANTS" for "thumbnailVariants",
        "ENABLE_VIDEO_PREVIEW" for "preview";

    /// How many times a job is tried before it fails.
    "job.attempts", count(1, 10), Value("3");

    /// How many jobs run at the same time. One alone uses a whole CPU, and seldom a whole GPU.
    "job.concurrency", count(1, 16), Words("by the GPU's memory and sessions and the CPU's cores; 1 without a GPU");

    /// How long running jobs may continue after a request to stop. The default is below the 30 s after which
    /// orchestrators usually kill a process.
    "job.grace_seconds", count(0, 3600), Value("25");

    /// Whether `job-report.json`, which says what the job did and how long it took, is written beside the publication.
    "job.report", Flag, Value("false");
    /// Whether `result.html`, a page that plays and explains what the job made, is written beside the publication.
    "job.page", Flag, Value("false");

    /// Whether the worker refuses to start where ffmpeg can't be confined wholly; `doctor` says what is missing.
    "job.require_sandbox", Flag, Value("false");

    /// Whether the worker refuses to start where no GPU encodes; `doctor` says why one doesn't.
    "job.require_gpu", Flag, Value("false");

    /// What to encode video on.
    "job.encoder", choice::<Preference>(), Value("auto");

    /// The folder for work directories; needs about three times the size of an upload.
    "job.work_dir", Path, Words("the system's folder for temporary files"), "CODEX_WORK_DIR";

    /// The ffmpeg to use, 5.1 or later.
    "job.ffmpeg", Path, Value("ffmpeg"), "FFMPEG_PATH";

    /// The ffprobe to use.
    "job.ffprobe", Path, Words("the one beside ffmpeg, else the one on the `PATH`"), "FFPROBE_PATH";

    /// Largest description of a job, in bytes of JSON.
    "job.max_input_bytes", count(1024, 20_000_000), Value("1048576");

    /// Largest original, in GiB.
    "job.max_original_gib", count(1, 10_240), Value("100");

    /// Longest original, in hours.
    "job.max_media_hours", count(1, 240), Value("24");

    /// Signs the webhooks; at least 24 bytes.
    "webhook.secret", Secret, Words("required"), "WEBHOOK_SECRET";

    /// Whether a secret of less than 24 bytes is accepted, for local work.
    "webhook.allow_short_secret", Flag, Value("false");

    /// The hosts that webhooks may go to; `*.example.com` stands for every name under it.
    "webhook.allowed_hosts", Hosts, Words("every public host");

    /// Which webhooks may go out over plain http: none, those to this machine, or all.
    "webhook.allow_http", choice::<HttpRule>(), Value("never");

    /// Whether webhooks may go to this machine and to private addresses; not in `production`.
    "webhook.allow_private", Flag, Value("false");

    /// The store that originals are read from.
    "stores.originals", Store, Value("media");

    /// What the store is: a bucket, or a folder of this machine. A policy writes to `media`, `archive` and `assets`;
    /// further names are allowed.
    "stores.NAME.kind", choice::<StoreKind>(), Words("`directory` where `path` is set, else `s3`");

    /// The folder of a directory.
    "stores.NAME.path", Path, Words("none; a directory needs it");

    /// The URL of the bucket's service: https, or http on this machine and in `dev`.
    "stores.NAME.endpoint", Endpoint, Words("none, of `assets` that of `media`; a bucket needs it"),
        "R2_ENDPOINT" for "media", "B2_ENDPOINT" for "archive";

    /// Which S3 service it is: Cloudflare R2, Backblaze B2, or one that follows the specification.
    "stores.NAME.dialect", choice::<Dialect>(), Words("by the endpoint's host");

    /// The region that requests are signed for.
    "stores.NAME.region", Word, Words("of `r2` `auto`, of `b2` the one in the endpoint's host, else `us-east-1`");

    /// The bucket.
    "stores.NAME.bucket", Bucket,
        Words("of `media` `codex-media-{environment}`, of `archive` `codex-mezzanine-{environment}`; others need it"),
        "R2_BUCKET_NAME" for "media", "B2_BUCKET_NAME" for "archive", "ASSETS_BUCKET_NAME" for "assets";

    /// The access key that requests are signed with.
    "stores.NAME.access_key_id", Word, Words("none, of `assets` that of `media`; a bucket needs it"),
        "R2_ACCESS_KEY_ID" for "media", "B2_ACCESS_KEY_ID" for "archive";

    /// The secret half of the access key.
    "stores.NAME.secret_access_key", Secret, Words("none, of `assets` that of `media`; a bucket needs it"),
        "R2_SECRET_ACCESS_KEY" for "media", "B2_SECRET_ACCESS_KEY" for "archive";

    /// Size of the parts of a large object, in MiB.
    "stores.NAME.part_mib", count(5, 5119), Value("16");

    /// Larger objects are sent in parts, in MiB.
    "stores.NAME.multipart_above_mib", count(5, 5120), Value("64");

    /// How many parts of one object are transferred at the same time.
    "stores.NAME.at_once", count(1, 64), Value("4");

    /// `Cache-Control` of segments. Their names are never reused, so caches may keep them forever.
    "cache.segments", Header, Value("public, max-age=31536000, immutable");

    /// `Cache-Control` of playlists. A repeated job replaces them under the same name, and an old one stays playable:
    /// after a minute viewers get the new ones, and the store sees few requests.
    "cache.playlists", Header, Value("public, max-age=60");

    /// `Cache-Control` of everything else, such as thumbnails and waveforms. They keep their names too, and an old one
    /// does no harm for a few minutes.
    "cache.objects", Header, Value("public, max-age=300");

    /// Where the keys of encrypted ladders are kept: a folder with a file for each key, or an address that a key's name
    /// is added to. A key is 16 bytes, or 32 hexadecimal digits. http is for this machine.
    "keys.place", KeyPlace, Words("none: no ladder can be encrypted");

    /// What players are told: the name of a key is added to it. Who may have a key is for the server there to decide.
    "keys.uri", KeyUri, Words("none; `keys.place` needs it");

    /// The bearer token that the server at `keys.place` asks for.
    "keys.token", Secret, Words("none");

    /// What an hour of this worker costs, in any currency. With it, reports and estimates say what a job costs.
    "price.worker_hour", Amount, Words("none: no cost is reported");

    /// What it costs to store a GiB for a month, in the same currency.
    "price.gib_month", Amount, Words("none: no cost of storage is reported");

    /// The store for records of jobs and for undelivered webhooks.
    "state.store", Store, Value("media");

    /// The prefix of the keys of undelivered webhooks. It starts with `.codex/`, where no policy can write.
    "outbox.prefix", KeyPrefix, Value(".codex/outbox");

    /// The address of metrics and health.
    "metrics.address", Address, Words("none: no metrics are served");

    /// Where traces and metrics are sent by OpenTelemetry's protocol over HTTP, in JSON: `/v1/traces` and `/v1/metrics`
    /// are appended.
    "otlp.endpoint", Collector, Words("none: none are sent"), "OTEL_EXPORTER_OTLP_ENDPOINT";

    /// Headers of these requests, such as a key: `name=value` pairs with commas, and `%20` for a blank.
    "otlp.headers", SecretHeaders, Words("none"), "OTEL_EXPORTER_OTLP_HEADERS";

    /// The name of the service in traces and metrics.
    "otlp.service", Header, Value("codex-transcoder"), "OTEL_SERVICE_NAME";

    /// Which share of the traces is recorded, of jobs that come without a `traceparent`.
    "otlp.sample", Share, Value("1"), "OTEL_TRACES_SAMPLER_ARG";

    /// The address of the local API.
    "serve.address", Address, Value("127.0.0.1:8000");
}
