//! Every setting there is. The readers, the errors and the reference all go by this one table.

use storage::s3::Dialect;

use super::choice::{AllowHttp, Choice, EncoderSetting, Environment, StoreKind};
use super::keys::Fallback::{Required, Value, Words};
use super::keys::{KeyDoc, Kind};

/// Variables with our prefix that are no settings: the first names the settings file, the other is read by the
/// project's own tests, whose children inherit it.
pub const ELSEWHERE: &[&str] = &["CODEX_CONFIG", "CODEX_SHARED"];

/// Old flags that the policy built in has no setting for. It would refuse them, so they are not passed on to it.
pub const NOT_BUILT_IN: &[&str] = &["thumbnailVariants"];

const fn count(least: u64, most: u64) -> Kind {
    Kind::Count { least, most }
}

/// Every setting, in the order of the reference.
pub const KEYS: &[KeyDoc] = &[
    KeyDoc::new(
        "environment",
        Kind::Choice(Environment::WORDS),
        Value("production"),
        "Which of the platform's environments this worker belongs to; it names the default buckets.",
    )
    .or(&[("ENVIRONMENT", "")]),
    KeyDoc::new(
        "policy.path",
        Kind::Path,
        Words("the one built in"),
        "The policy in a file of this machine: a component, or a manifest or its folder. `policy.place` says more.",
    )
    .or(&[("CODEX_POLICY", "")]),
    KeyDoc::new(
        "policy.place",
        Kind::PolicyPlace,
        Words("none: `policy.path`"),
        "Where this environment's policy is, watched while the worker runs: a component (`.wasm`), a manifest (`.json`), a \
folder or a prefix of a store (`media:.codex/policies`) or an https address (ending with `/`) with a `policy.json` below \
it. `{environment}` stands for the environment's name. http is for this machine in `dev`.",
    ),
    KeyDoc::new(
        "policy.poll_seconds",
        count(1, 86_400),
        Value("30"),
        "How often the place of the policy is asked for something new. Files tell at once besides.",
    ),
    KeyDoc::new(
        "policy.public_keys",
        Kind::PublicKeys,
        Words("none"),
        "The minisign keys whose signatures on policies count: the second line of each `.pub` file.",
    ),
    KeyDoc::new(
        "policy.require_signature",
        Kind::Flag,
        Words("`true` in `production`, else `false`"),
        "Whether only signed policies are taken. What is built in needs no signature.",
    ),
    KeyDoc::new(
        "policy.cache_dir",
        Kind::Path,
        Words("a folder in the system's folder for temporary files"),
        "Where compiled policies are kept, and the last one that was good; the folder may be emptied at any time.",
    ),
    KeyDoc::new(
        "policy.settings",
        Kind::Object,
        Value("{}"),
        "What the policy is told; its own documentation lists the names. The variable holds a JSON object and wins \
name by name. The `ENABLE_` variables each set one name to true or false.",
    )
    .or(&[
        ("ENABLE_MEZZANINE", "mezzanine"),
        ("ENABLE_LOUDNESS_ANALYSIS", "loudness"),
        ("ENABLE_WAVEFORM_IMAGE", "waveformImage"),
        ("ENABLE_THUMBNAIL_VARIANTS", "thumbnailVariants"),
        ("ENABLE_VIDEO_PREVIEW", "preview"),
    ]),
    KeyDoc::new("job.attempts", count(1, 10), Value("3"), "How often a job is tried before it counts as failed."),
    KeyDoc::new(
        "job.concurrency",
        count(1, 16),
        Value("1"),
        "How many jobs run at the same time; one already uses a whole GPU.",
    ),
    KeyDoc::new(
        "job.grace_seconds",
        count(0, 3600),
        Value("25"),
        "How long running jobs may go on after a request to stop. The default ends before the 30 s after which \
orchestrators usually kill.",
    ),
    KeyDoc::new(
        "job.report",
        Kind::Flag,
        Value("false"),
        "Whether `job-report.json`, what the job did and how long it took, is written beside the publication.",
    ),
    KeyDoc::new("job.encoder", Kind::Choice(EncoderSetting::WORDS), Value("auto"), "What to encode video on."),
    KeyDoc::new(
        "job.work_dir",
        Kind::Path,
        Words("the system's folder for temporary files"),
        "The folder for work directories; needs about three times the size of an upload.",
    )
    .or(&[("CODEX_WORK_DIR", "")]),
    KeyDoc::new("job.ffmpeg", Kind::Path, Value("ffmpeg"), "The ffmpeg to use, 5.1 or later.")
        .or(&[("FFMPEG_PATH", "")]),
    KeyDoc::new(
        "job.ffprobe",
        Kind::Path,
        Words("the one beside ffmpeg, else the one on the `PATH`"),
        "The ffprobe to use.",
    )
    .or(&[("FFPROBE_PATH", "")]),
    KeyDoc::new(
        "job.max_input_bytes",
        count(1024, 20_000_000),
        Value("1048576"),
        "Largest description of a job, in bytes of JSON.",
    ),
    KeyDoc::new("job.max_original_gib", count(1, 10_240), Value("100"), "Largest original, in GiB."),
    KeyDoc::new("webhook.secret", Kind::Secret, Required, "Signs the webhooks; at least 24 bytes.")
        .or(&[("WEBHOOK_SECRET", "")]),
    KeyDoc::new(
        "webhook.allow_short_secret",
        Kind::Flag,
        Value("false"),
        "Whether a secret of less than 24 bytes is taken: for local work.",
    ),
    KeyDoc::new(
        "webhook.allowed_hosts",
        Kind::Hosts,
        Words("every public host"),
        "The hosts that webhooks may go to; `*.example.com` stands for every name under it.",
    ),
    KeyDoc::new(
        "webhook.allow_http",
        Kind::Choice(AllowHttp::WORDS),
        Value("never"),
        "Which webhooks may go out over plain http: none, those to this machine, or all.",
    ),
    KeyDoc::new(
        "webhook.allow_private",
        Kind::Flag,
        Value("false"),
        "Whether webhooks may go to this machine and to private addresses; not in `production`.",
    ),
    KeyDoc::new("stores.originals", Kind::Store, Value("media"), "The store that originals are read from."),
    KeyDoc::new(
        "stores.NAME.kind",
        Kind::Choice(StoreKind::WORDS),
        Words("`directory` where `path` is set, else `s3`"),
        "What stands behind the name: a bucket, or a folder of this machine. A policy writes to `media`, `archive` and \
`assets`; further names are allowed.",
    ),
    KeyDoc::new("stores.NAME.path", Kind::Path, Words("none; a directory needs it"), "The folder of a directory."),
    KeyDoc::new(
        "stores.NAME.endpoint",
        Kind::Endpoint,
        Words("none, of `assets` that of `media`; a bucket needs it"),
        "Where the bucket's service answers: https, or http on this machine and in `dev`.",
    )
    .or(&[("R2_ENDPOINT", "media"), ("B2_ENDPOINT", "archive")]),
    KeyDoc::new(
        "stores.NAME.dialect",
        Kind::Choice(Dialect::WORDS),
        Words("by the endpoint's host"),
        "Whose habits the service has: Cloudflare's, Backblaze's, or those of S3 as it is specified.",
    ),
    KeyDoc::new(
        "stores.NAME.region",
        Kind::Word,
        Words("of `r2` `auto`, of `b2` the one in the endpoint's host, else `us-east-1`"),
        "The region that requests are signed for.",
    ),
    KeyDoc::new(
        "stores.NAME.bucket",
        Kind::Bucket,
        Words("of `media` `codex-media-{environment}`, of `archive` `codex-mezzanine-{environment}`; others need it"),
        "The bucket.",
    )
    .or(&[("R2_BUCKET_NAME", "media"), ("B2_BUCKET_NAME", "archive"), ("ASSETS_BUCKET_NAME", "assets")]),
    KeyDoc::new(
        "stores.NAME.access_key_id",
        Kind::Word,
        Words("none, of `assets` that of `media`; a bucket needs it"),
        "Which access key requests are signed with.",
    )
    .or(&[("R2_ACCESS_KEY_ID", "media"), ("B2_ACCESS_KEY_ID", "archive")]),
    KeyDoc::new(
        "stores.NAME.secret_access_key",
        Kind::Secret,
        Words("none, of `assets` that of `media`; a bucket needs it"),
        "The secret half of the access key.",
    )
    .or(&[("R2_SECRET_ACCESS_KEY", "media"), ("B2_SECRET_ACCESS_KEY", "archive")]),
    KeyDoc::new("stores.NAME.part_mib", count(5, 5119), Value("16"), "Size of the parts of a large object, in MiB."),
    KeyDoc::new(
        "stores.NAME.multipart_above_mib",
        count(5, 5120),
        Value("64"),
        "Above which size an object is sent in parts, in MiB.",
    ),
    KeyDoc::new(
        "stores.NAME.at_once",
        count(1, 64),
        Value("4"),
        "How many parts of one object are under way at the same time.",
    ),
    KeyDoc::new(
        "cache.segments",
        Kind::Header,
        Value("public, max-age=31536000, immutable"),
        "`Cache-Control` of segments. Their names are never used twice, so they may be kept for good.",
    ),
    KeyDoc::new(
        "cache.playlists",
        Kind::Header,
        Value("public, max-age=60"),
        "`Cache-Control` of playlists. A repeated job writes them again under the same name, and an old one stays \
playable: a minute spares the store most requests and soon shows the new ones.",
    ),
    KeyDoc::new(
        "cache.objects",
        Kind::Header,
        Value("public, max-age=300"),
        "`Cache-Control` of everything else, such as thumbnails and waveforms, which keep their names too, and of \
which an old one does no harm for a few minutes.",
    ),
    KeyDoc::new(
        "state.store",
        Kind::Store,
        Value("media"),
        "The store for records of jobs and for webhooks that could not be delivered.",
    ),
    KeyDoc::new(
        "outbox.prefix",
        Kind::KeyPrefix,
        Value(".codex/outbox"),
        "Under which key those webhooks are kept. It begins with `.codex/`, which no policy can write.",
    ),
    KeyDoc::new(
        "metrics.address",
        Kind::Address,
        Words("none: no metrics are served"),
        "Where metrics and health are served.",
    ),
    KeyDoc::new("serve.address", Kind::Address, Value("127.0.0.1:8000"), "Where the local API is served."),
];
