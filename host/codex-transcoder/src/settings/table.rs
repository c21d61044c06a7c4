//! The table of all settings. Reading, error messages and the reference are derived from it.

use media::plan::Preference;
use storage::s3::Dialect;
use webhook::HttpRule;

use super::choice::{Choice, Environment, StoreKind};
use super::keys::DefaultValue::{Required, Value, Words};
use super::keys::{Kind, SettingSpec};

/// Variables with our prefix that are not settings: the path of the settings file, and one of the project's tests that
/// their child processes inherit.
pub const ELSEWHERE: &[&str] = &["CODEX_CONFIG", "CODEX_SHARED"];

/// Set by old `ENABLE_` variables but unknown to the default policy, which would refuse them.
pub const UNKNOWN_TO_DEFAULT_POLICY: &[&str] = &["thumbnailVariants"];

const fn count(least: u64, most: u64) -> Kind {
    Kind::Count { least, most }
}

/// In the order of the reference.
pub const SETTINGS: &[SettingSpec] = &[
    SettingSpec::new(
        "environment",
        Kind::Choice(Environment::WORDS),
        Value("production"),
        "Which of the platform's environments this worker belongs to; it names the default buckets.",
    )
    .older(&[("ENVIRONMENT", "")]),
    SettingSpec::new(
        "policy.path",
        Kind::Path,
        Words("the built-in policy"),
        "The policy in a file of this machine: a component, or a manifest or its folder. See also `policy.place`.",
    )
    .older(&[("CODEX_POLICY", "")]),
    SettingSpec::new(
        "policy.place",
        Kind::PolicyPlace,
        Words("none: `policy.path`"),
        "The place of this environment's policy, watched while the worker runs: a component (`.wasm`), a manifest \
(`.json`), a folder or a prefix of a store (`media:.codex/policies`) or an https address (ending with `/`) with a \
`policy.json` below it. `{environment}` stands for the environment's name. http is for this machine in `dev`.",
    ),
    SettingSpec::new(
        "policy.poll_seconds",
        count(1, 86_400),
        Value("30"),
        "How often the place of the policy is checked for a change. Changed files are also noticed at once.",
    ),
    SettingSpec::new(
        "policy.public_keys",
        Kind::PublicKeys,
        Words("none"),
        "The minisign keys whose signatures on policies count: the second line of each `.pub` file.",
    ),
    SettingSpec::new(
        "policy.require_signature",
        Kind::Flag,
        Words("`true` in `production`, else `false`"),
        "Whether a policy must be signed. The built-in policy needs no signature.",
    ),
    SettingSpec::new(
        "policy.cache_dir",
        Kind::Path,
        Words("a folder in the system's folder for temporary files"),
        "The folder for compiled policies and the last good one. It may be emptied at any time.",
    ),
    SettingSpec::new(
        "policy.settings",
        Kind::Object,
        Value("{}"),
        "Settings of the policy; its documentation lists the names. The variable holds a JSON object and wins name by \
name. The `ENABLE_` variables each set one name to true or false.",
    )
    .older(&[
        ("ENABLE_MEZZANINE", "mezzanine"),
        ("ENABLE_LOUDNESS_ANALYSIS", "loudness"),
        ("ENABLE_WAVEFORM_IMAGE", "waveformImage"),
        ("ENABLE_THUMBNAIL_VARIANTS", "thumbnailVariants"),
        ("ENABLE_VIDEO_PREVIEW", "preview"),
    ]),
    SettingSpec::new("job.attempts", count(1, 10), Value("3"), "How many times a job is tried before it fails."),
    SettingSpec::new(
        "job.concurrency",
        count(1, 16),
        Value("1"),
        "How many jobs run at the same time; one already uses a whole GPU.",
    ),
    SettingSpec::new(
        "job.grace_seconds",
        count(0, 3600),
        Value("25"),
        "How long running jobs may continue after a request to stop. The default is below the 30 s after which \
orchestrators usually kill a process.",
    ),
    SettingSpec::new(
        "job.report",
        Kind::Flag,
        Value("false"),
        "Whether `job-report.json`, which says what the job did and how long it took, is written beside the \
publication.",
    ),
    SettingSpec::new(
        "job.require_sandbox",
        Kind::Flag,
        Value("false"),
        "Whether the worker refuses to start where ffmpeg can't be confined wholly; `doctor` says what is missing.",
    ),
    SettingSpec::new("job.encoder", Kind::Choice(Preference::WORDS), Value("auto"), "What to encode video on."),
    SettingSpec::new(
        "job.work_dir",
        Kind::Path,
        Words("the system's folder for temporary files"),
        "The folder for work directories; needs about three times the size of an upload.",
    )
    .older(&[("CODEX_WORK_DIR", "")]),
    SettingSpec::new("job.ffmpeg", Kind::Path, Value("ffmpeg"), "The ffmpeg to use, 5.1 or later.")
        .older(&[("FFMPEG_PATH", "")]),
    SettingSpec::new(
        "job.ffprobe",
        Kind::Path,
        Words("the one beside ffmpeg, else the one on the `PATH`"),
        "The ffprobe to use.",
    )
    .older(&[("FFPROBE_PATH", "")]),
    SettingSpec::new(
        "job.max_input_bytes",
        count(1024, 20_000_000),
        Value("1048576"),
        "Largest description of a job, in bytes of JSON.",
    ),
    SettingSpec::new("job.max_original_gib", count(1, 10_240), Value("100"), "Largest original, in GiB."),
    SettingSpec::new("webhook.secret", Kind::Secret, Required, "Signs the webhooks; at least 24 bytes.")
        .older(&[("WEBHOOK_SECRET", "")]),
    SettingSpec::new(
        "webhook.allow_short_secret",
        Kind::Flag,
        Value("false"),
        "Whether a secret of less than 24 bytes is accepted, for local work.",
    ),
    SettingSpec::new(
        "webhook.allowed_hosts",
        Kind::Hosts,
        Words("every public host"),
        "The hosts that webhooks may go to; `*.example.com` stands for every name under it.",
    ),
    SettingSpec::new(
        "webhook.allow_http",
        Kind::Choice(HttpRule::WORDS),
        Value("never"),
        "Which webhooks may go out over plain http: none, those to this machine, or all.",
    ),
    SettingSpec::new(
        "webhook.allow_private",
        Kind::Flag,
        Value("false"),
        "Whether webhooks may go to this machine and to private addresses; not in `production`.",
    ),
    SettingSpec::new("stores.originals", Kind::Store, Value("media"), "The store that originals are read from."),
    SettingSpec::new(
        "stores.NAME.kind",
        Kind::Choice(StoreKind::WORDS),
        Words("`directory` where `path` is set, else `s3`"),
        "What the store is: a bucket, or a folder of this machine. A policy writes to `media`, `archive` and \
`assets`; further names are allowed.",
    ),
    SettingSpec::new("stores.NAME.path", Kind::Path, Words("none; a directory needs it"), "The folder of a directory."),
    SettingSpec::new(
        "stores.NAME.endpoint",
        Kind::Endpoint,
        Words("none, of `assets` that of `media`; a bucket needs it"),
        "The URL of the bucket's service: https, or http on this machine and in `dev`.",
    )
    .older(&[("R2_ENDPOINT", "media"), ("B2_ENDPOINT", "archive")]),
    SettingSpec::new(
        "stores.NAME.dialect",
        Kind::Choice(Dialect::WORDS),
        Words("by the endpoint's host"),
        "Which S3 service it is: Cloudflare R2, Backblaze B2, or one that follows the specification.",
    ),
    SettingSpec::new(
        "stores.NAME.region",
        Kind::Word,
        Words("of `r2` `auto`, of `b2` the one in the endpoint's host, else `us-east-1`"),
        "The region that requests are signed for.",
    ),
    SettingSpec::new(
        "stores.NAME.bucket",
        Kind::Bucket,
        Words("of `media` `codex-media-{environment}`, of `archive` `codex-mezzanine-{environment}`; others need it"),
        "The bucket.",
    )
    .older(&[("R2_BUCKET_NAME", "media"), ("B2_BUCKET_NAME", "archive"), ("ASSETS_BUCKET_NAME", "assets")]),
    SettingSpec::new(
        "stores.NAME.access_key_id",
        Kind::Word,
        Words("none, of `assets` that of `media`; a bucket needs it"),
        "The access key that requests are signed with.",
    )
    .older(&[("R2_ACCESS_KEY_ID", "media"), ("B2_ACCESS_KEY_ID", "archive")]),
    SettingSpec::new(
        "stores.NAME.secret_access_key",
        Kind::Secret,
        Words("none, of `assets` that of `media`; a bucket needs it"),
        "The secret half of the access key.",
    )
    .older(&[("R2_SECRET_ACCESS_KEY", "media"), ("B2_SECRET_ACCESS_KEY", "archive")]),
    SettingSpec::new(
        "stores.NAME.part_mib",
        count(5, 5119),
        Value("16"),
        "Size of the parts of a large object, in MiB.",
    ),
    SettingSpec::new(
        "stores.NAME.multipart_above_mib",
        count(5, 5120),
        Value("64"),
        "Larger objects are sent in parts, in MiB.",
    ),
    SettingSpec::new(
        "stores.NAME.at_once",
        count(1, 64),
        Value("4"),
        "How many parts of one object are transferred at the same time.",
    ),
    SettingSpec::new(
        "cache.segments",
        Kind::Header,
        Value("public, max-age=31536000, immutable"),
        "`Cache-Control` of segments. Their names are never reused, so caches may keep them forever.",
    ),
    SettingSpec::new(
        "cache.playlists",
        Kind::Header,
        Value("public, max-age=60"),
        "`Cache-Control` of playlists. A repeated job replaces them under the same name, and an old one stays \
playable: after a minute viewers get the new ones, and the store sees few requests.",
    ),
    SettingSpec::new(
        "cache.objects",
        Kind::Header,
        Value("public, max-age=300"),
        "`Cache-Control` of everything else, such as thumbnails and waveforms. They keep their names too, and an old \
one does no harm for a few minutes.",
    ),
    SettingSpec::new(
        "state.store",
        Kind::Store,
        Value("media"),
        "The store for records of jobs and for undelivered webhooks.",
    ),
    SettingSpec::new(
        "outbox.prefix",
        Kind::KeyPrefix,
        Value(".codex/outbox"),
        "The prefix of the keys of undelivered webhooks. It starts with `.codex/`, where no policy can write.",
    ),
    SettingSpec::new(
        "metrics.address",
        Kind::Address,
        Words("none: no metrics are served"),
        "The address of metrics and health.",
    ),
    SettingSpec::new("serve.address", Kind::Address, Value("127.0.0.1:8000"), "The address of the local API."),
];
