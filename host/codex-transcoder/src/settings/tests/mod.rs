//! The file, the variables, and which of them takes precedence.

mod deployment;
mod problems;
mod reference;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use self::deployment::{deployed, variables};
use super::keys::Kind;
use super::table::SETTINGS;
use super::*;
use crate::choice::Environment;

fn from_file(text: &str) -> Settings {
    Settings::read(Some((Path::new("codex.toml"), text)), &deployed()).unwrap()
}

fn from_variables(pairs: &[(&str, &str)]) -> Settings {
    let mut all = deployed();
    all.extend(variables(pairs));
    Settings::read(None, &all).unwrap()
}

/// A value for every setting, as the file has it, other than its default. A variable has the same without quotes.
const SAMPLES: &[(&str, &str)] = &[
    ("environment", "'dev'"),
    ("policy.builtin", "'codex-lean'"),
    ("policy.path", "'lean.wasm'"),
    ("policy.place", "'media:.codex/policies'"),
    ("policy.authorization", "'Bearer secret-of-a-server'"),
    ("policy.poll_seconds", "7"),
    ("policy.public_keys", "['RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3']"),
    ("policy.require_signature", "false"),
    ("policy.cache_dir", "'/cache'"),
    ("policy.settings", "{\"effort\" = \"slow\"}"),
    ("job.attempts", "5"),
    ("job.concurrency", "2"),
    ("job.grace_seconds", "0"),
    ("job.report", "true"),
    ("job.page", "true"),
    ("job.require_sandbox", "true"),
    ("job.require_gpu", "true"),
    ("job.encoder", "'cpu'"),
    ("job.work_dir", "'/scratch'"),
    ("job.ffmpeg", "'/opt/ffmpeg'"),
    ("job.ffprobe", "'/opt/ffprobe'"),
    ("job.max_input_bytes", "4096"),
    ("job.max_original_gib", "7"),
    ("job.max_media_hours", "7"),
    ("webhook.secret", "'another-secret-of-enough-length'"),
    ("webhook.allow_short_secret", "true"),
    ("webhook.allowed_hosts", "['hooks.example.com', '*.example.org']"),
    ("webhook.allow_http", "'everywhere'"),
    ("webhook.allow_private", "true"),
    ("stores.originals", "'archive'"),
    ("stores.NAME.kind", "'s3'"),
    ("stores.NAME.endpoint", "'https://s3.example.com'"),
    ("stores.NAME.dialect", "'plain'"),
    ("stores.NAME.region", "'eu-central-1'"),
    ("stores.NAME.bucket", "'films'"),
    ("stores.NAME.access_key_id", "'id'"),
    ("stores.NAME.secret_access_key", "'key'"),
    ("stores.NAME.part_mib", "8"),
    ("stores.NAME.multipart_above_mib", "32"),
    ("stores.NAME.at_once", "2"),
    ("stores.NAME.path", "'/srv/films'"),
    ("cache.segments", "'public, max-age=1'"),
    ("cache.playlists", "'no-cache'"),
    ("cache.objects", "'no-store'"),
    ("keys.place", "'/run/keys'"),
    ("keys.uri", "'https://keys.example.com/'"),
    ("keys.token", "'a token'"),
    ("price.worker_hour", "0.69"),
    ("price.gib_month", "0.006"),
    ("state.store", "'archive'"),
    ("outbox.prefix", "'.codex/state/outbox'"),
    ("metrics.address", "'127.0.0.1:9090'"),
    ("otlp.endpoint", "'http://127.0.0.1:4318'"),
    ("otlp.headers", "'x-key=secret-of-a-collector'"),
    ("otlp.service", "'films'"),
    ("otlp.sample", "0.25"),
    ("serve.address", "'[::1]:8001'"),
];

/// The same value, as a variable has it.
fn as_variable(value: &str) -> String {
    value.trim_matches(['[', ']', '\'']).replace(['\''], "").replace(" = ", ": ")
}

#[test]
fn every_setting_can_be_set_in_the_file_and_by_its_variable() {
    for key in SETTINGS {
        let (_, value) = SAMPLES.iter().find(|(path, _)| *path == key.path).unwrap_or_else(|| panic!("{}", key.path));
        // Some settings conflict with the base: a store of both kinds, private webhooks in production.
        let mut base = deployed();
        if key.path == "stores.NAME.path" {
            base.retain(|name, _| !name.starts_with("R2_"));
        }
        // A place and an address belong together.
        for (path, variable, value) in
            [("keys.uri", "CODEX_KEYS_PLACE", "/run/keys"), ("keys.place", "CODEX_KEYS_URI", "https://k.example/")]
        {
            if key.path == path {
                base.insert(variable.to_owned(), value.to_owned());
            }
        }
        if key.path == "policy.authorization" {
            base.insert("CODEX_POLICY_PLACE".to_owned(), "https://policies.example.com/".to_owned());
        }
        if key.path.starts_with("otlp.") && key.path != "otlp.endpoint" {
            base.insert("CODEX_OTLP_ENDPOINT".to_owned(), "http://127.0.0.1:4317".to_owned());
        }
        if key.path == "keys.token" {
            base.insert("CODEX_KEYS_PLACE".to_owned(), "/run/keys".to_owned());
            base.insert("CODEX_KEYS_URI".to_owned(), "https://k.example/".to_owned());
        }
        if key.path == "webhook.allow_private" {
            base.insert("ENVIRONMENT".to_owned(), "staging".to_owned());
        }
        let path = key.path.replace("NAME", "media");
        let variable = key.variables("media").remove(0);
        for (old, name) in key.older.iter().filter(|_| key.kind != Kind::Object) {
            if name.is_empty() || *name == "media" {
                base.remove(*old);
            }
        }
        let mut by_variable = base.clone();
        let text = if path == "serve.address" { "[::1]:8001".to_owned() } else { as_variable(value) };
        by_variable.insert(variable.clone(), text);
        let by_variable = Settings::read(None, &by_variable).unwrap_or_else(|error| panic!("{variable}: {error}"));
        let line = format!("{path} = {value}");
        let by_file = Settings::read(Some((Path::new("codex.toml"), &line)), &base)
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(by_file, by_variable, "{path}");
        // `s3` is the default already.
        if key.path != "stores.NAME.kind" {
            assert_ne!(Some(by_file), Settings::read(None, &base).ok(), "{path}");
        }
    }
}

#[test]
fn defaults_are_those_of_the_reference() {
    let settings = from_file("");
    assert_eq!(settings.job.attempts, 3);
    assert_eq!(settings.job.concurrency, None);
    assert_eq!(settings.job.grace, Duration::from_secs(25));
    assert_eq!(settings.job.max_input_bytes, 1 << 20);
    assert_eq!(settings.job.limits.bytes, 100 << 30);
    assert_eq!(settings.job.limits.length, Duration::from_secs(86_400));
    assert_eq!(settings.job.tools.ffmpeg, Path::new("ffmpeg"));
    assert_eq!(settings.cache.segments.as_deref(), Some("public, max-age=31536000, immutable"));
    assert_eq!(settings.webhook.rules, webhook::UrlRules::PRODUCTION);
    assert_eq!((settings.state_store.as_str(), settings.outbox_prefix.as_str()), ("media", ".codex/outbox"));
    assert_eq!(settings.serve_address.to_string(), "127.0.0.1:8000");
    assert_eq!(settings.metrics_address, None);
}

#[test]
fn our_variables_override_older_ones_and_both_override_the_file() {
    let file = "environment = 'dev'\n[stores.media]\nbucket = 'file'\n";
    let read = |more: &[(&str, &str)]| {
        let mut all = deployed();
        all.extend(variables(more));
        let settings = Settings::read(Some((Path::new("codex.toml"), file)), &all).unwrap();
        match &settings.stores["media"] {
            StoreBackend::Bucket(bucket) => (settings.environment, bucket.bucket.clone()),
            StoreBackend::Directory(_) => panic!("a directory"),
        }
    };
    assert_eq!(read(&[]), (Environment::Dev, "file".to_owned()));
    let old = [("R2_BUCKET_NAME", "old"), ("ENVIRONMENT", "staging")];
    assert_eq!(read(&old), (Environment::Staging, "old".to_owned()));
    let both = [old[0], old[1], ("CODEX_STORES_MEDIA_BUCKET", "new"), ("CODEX_ENVIRONMENT", "production")];
    assert_eq!(read(&both), (Environment::Production, "new".to_owned()));
}

#[test]
fn settings_of_the_policy_are_merged_name_by_name() {
    let file = "[policy.settings]\nmezzanine = true\neffort = 'slow'\nrungs = ['720p']\nlimit = {a = 1, b = 0.5}\n";
    let mut all = deployed();
    all.extend(variables(&[
        ("ENABLE_MEZZANINE", "no"),
        ("ENABLE_VIDEO_PREVIEW", "no"),
        ("CODEX_POLICY_SETTINGS", r#"{"preview": true, "effort": "fast"}"#),
    ]));
    let settings = Settings::read(Some((Path::new("codex.toml"), file)), &all).unwrap();
    let expected = json!({
        "mezzanine": false, "preview": true, "effort": "fast", "rungs": ["720p"], "limit": {"a": 1, "b": 0.5},
    });
    assert_eq!(settings.policy.settings, *expected.as_object().unwrap());
    assert_eq!(settings.policy.optional.into_iter().collect::<Vec<_>>(), ["mezzanine"]);
}

#[test]
fn stores_of_other_names_may_be_directories_or_buckets() {
    let settings = from_file(
        "[stores]\noriginals = 'up_loads'\n[stores.up_loads]\npath = '/srv/uploads'\n\
[stores.assets]\nbucket = 'pictures'\n",
    );
    assert_eq!(settings.originals, "up_loads");
    assert_eq!(settings.stores["up_loads"], StoreBackend::Directory("/srv/uploads".into()));
    let settings = from_variables(&[("CODEX_STORES_UP_LOADS_PATH", "/srv"), ("CODEX_STATE_STORE", "up_loads")]);
    assert_eq!(settings.stores["up_loads"], StoreBackend::Directory("/srv".into()));
    assert_eq!(settings.state_store, "up_loads");
}

#[test]
fn a_file_of_directories_alone_is_enough() {
    let mut file = "environment = 'dev'\nwebhook = {secret = 'short', allow_short_secret = true}\n".to_owned();
    for name in ["media", "archive", "assets"] {
        writeln!(file, "[stores.{name}]\nkind = 'directory'\npath = 'out/{name}'").unwrap();
    }
    let settings = Settings::read(Some((Path::new("codex.toml"), &file)), &BTreeMap::new()).unwrap();
    assert_eq!(settings.stores.len(), 3);
    assert_eq!(settings.secrets.len(), 1);
}

#[test]
fn http_is_allowed_for_this_machine_and_in_dev() {
    for (environment, endpoint) in [
        ("production", "http://127.0.0.1:9000"),
        ("production", "http://localhost:9000"),
        ("production", "http://[::1]:9000"),
        ("dev", "http://minio:9000"),
    ] {
        let settings = from_variables(&[("ENVIRONMENT", environment), ("R2_ENDPOINT", endpoint)]);
        let StoreBackend::Bucket(media) = &settings.stores["media"] else { panic!("a directory") };
        assert_eq!((media.endpoint.as_str(), media.dialect), (endpoint, storage::s3::Dialect::Plain));
        assert_eq!(media.region.as_deref(), Some("us-east-1"));
    }
}

#[test]
fn load_reads_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("codex.toml");
    let error = Settings::load(Some(&path)).unwrap_err();
    assert!(error.is(&codes::settings::UNREADABLE) && error.message.contains("codex.toml"));
    std::fs::write(&path, "job = 1").unwrap();
    let error = Settings::load(Some(&path)).unwrap_err().to_string();
    assert!(error.contains("codex.toml:1: `job` is a table"), "{error}");
}

#[test]
fn a_relative_path_of_the_file_follows_the_file_and_one_of_a_variable_does_not() {
    let text = "environment = 'dev'\n[policy]\nplace = 'policies'\ncache_dir = '/cache'\n[job]\nwork_dir = 'work'\n\
ffmpeg = 'ffmpeg-7'\nffprobe = 'bin/ffprobe'\n[stores.extra]\npath = 'films'\n[keys]\nplace = 'keys'\nuri = 'https://k.example/'";
    let all = deployed().into_iter().chain(variables(&[("CODEX_STORES_OTHER_PATH", "films")])).collect();
    let settings = Settings::read(Some((Path::new("/etc/codex/codex.toml"), text)), &all).unwrap();
    let store = |name: &str| match &settings.stores[name] {
        StoreBackend::Directory(path) => path.display().to_string(),
        StoreBackend::Bucket(_) => panic!("a bucket"),
    };
    assert_eq!((store("extra").as_str(), store("other").as_str()), ("/etc/codex/films", "films"));
    assert_eq!(settings.policy.place.to_string(), "/etc/codex/policies/policy.json");
    assert_eq!(settings.policy.cache_dir.as_deref(), Some(Path::new("/cache")));
    assert_eq!(settings.job.work_dir.as_deref(), Some(Path::new("/etc/codex/work")));
    let tools = &settings.job.tools;
    assert_eq!(
        (tools.ffmpeg.display().to_string().as_str(), tools.ffprobe.as_deref()),
        ("ffmpeg-7", Some(Path::new("/etc/codex/bin/ffprobe")))
    );
    assert_eq!(settings.keys.unwrap().place, crate::keys::KeyPlace::Folder("/etc/codex/keys".into()));
    let built_in =
        Settings::read(Some((Path::new("/etc/codex.toml"), "policy.path = 'codex-lean'")), &deployed()).unwrap();
    assert_eq!(built_in.policy.place.to_string(), "this program");
}
