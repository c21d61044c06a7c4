//! Existing deployments, which have variables and no file.

use std::collections::BTreeMap;

use fault::secret::SecretText;
use policy::PolicyLocation;
use serde_json::json;
use storage::s3::{Dialect, S3Settings};

use crate::choice::Environment;
use crate::settings::*;

const SECRET: &str = "0123456789abcdef01234567";

fn policy_json(settings: &Settings) -> String {
    serde_json::Value::Object(settings.policy.settings.clone()).to_string()
}

/// The variables of every deployment.
pub fn deployed() -> BTreeMap<String, String> {
    variables(&[
        ("R2_ENDPOINT", "https://acc0.r2.cloudflarestorage.com/"),
        ("R2_ACCESS_KEY_ID", "r2-id"),
        ("R2_SECRET_ACCESS_KEY", "r2-geheimnis"),
        ("B2_ENDPOINT", "https://s3.us-west-004.backblazeb2.com"),
        ("B2_ACCESS_KEY_ID", "b2-id"),
        ("B2_SECRET_ACCESS_KEY", "b2-geheimnis"),
        ("WEBHOOK_SECRET", SECRET),
    ])
}

pub fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The settings of a deployment with more variables.
fn with(more: &[(&str, &str)]) -> Settings {
    let mut all = deployed();
    all.extend(variables(more));
    Settings::read(None, &all).unwrap()
}

fn bucket<'a>(settings: &'a Settings, name: &str) -> &'a S3Settings {
    match &settings.stores[name] {
        StoreBackend::Bucket(bucket) => bucket,
        StoreBackend::Directory(folder) => panic!("{name} is {}", folder.display()),
    }
}

#[test]
fn the_variables_of_existing_deployments_are_enough() {
    let settings = with(&[]);
    assert_eq!(settings.environment, Environment::Production);
    assert_eq!(settings.webhook.secret.expose(), SECRET);
    assert_eq!(settings.stores.keys().collect::<Vec<_>>(), ["archive", "media"]);
    assert_eq!(settings.originals, "media");
    let media = bucket(&settings, "media");
    assert_eq!(media.endpoint, "https://acc0.r2.cloudflarestorage.com");
    assert_eq!((media.dialect, media.region.as_deref()), (Dialect::R2, Some("auto")));
    assert_eq!((media.bucket.as_str(), media.access_key_id.as_str()), ("codex-media-production", "r2-id"));
    assert_eq!(media.secret_access_key, SecretText::new("r2-geheimnis"));
    let archive = bucket(&settings, "archive");
    assert_eq!((archive.dialect, archive.region.as_deref()), (Dialect::B2, Some("us-west-004")));
    assert_eq!((archive.bucket.as_str(), archive.access_key_id.as_str()), ("codex-mezzanine-production", "b2-id"));
    assert_eq!(archive.secret_access_key, SecretText::new("b2-geheimnis"));
    assert_eq!(policy_json(&settings), "{}");
}

#[test]
fn buckets_are_named_by_the_environment_unless_they_are_set() {
    let settings = with(&[("ENVIRONMENT", "staging"), ("B2_BUCKET_NAME", "attic")]);
    assert_eq!(settings.environment, Environment::Staging);
    assert_eq!(bucket(&settings, "media").bucket, "codex-media-staging");
    assert_eq!(bucket(&settings, "archive").bucket, "attic");
    assert_eq!(bucket(&with(&[("R2_BUCKET_NAME", "films")]), "media").bucket, "films");
}

#[test]
fn assets_are_on_the_account_of_the_media() {
    let settings = with(&[("ASSETS_BUCKET_NAME", "codex-assets")]);
    let expected = S3Settings { bucket: "codex-assets".into(), ..bucket(&settings, "media").clone() };
    assert_eq!(bucket(&settings, "assets"), &expected);
}

#[test]
fn assets_with_an_endpoint_of_their_own_need_their_own_account() {
    let mut all = deployed();
    all.extend(variables(&[
        ("ASSETS_BUCKET_NAME", "codex-assets"),
        ("CODEX_STORES_ASSETS_ENDPOINT", "https://s3.example.com"),
    ]));
    let error = Settings::read(None, &all).unwrap_err();
    let missing: Vec<&str> = error.0.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(missing, ["stores.assets.access_key_id", "stores.assets.secret_access_key"]);
}

#[test]
fn the_old_flags_become_settings_of_the_policy() {
    let settings = with(&[
        ("ENABLE_MEZZANINE", "False"),
        ("ENABLE_LOUDNESS_ANALYSIS", "1"),
        ("ENABLE_WAVEFORM_IMAGE", "no"),
        // The policy's own default.
        ("ENABLE_VIDEO_PREVIEW", ""),
    ]);
    let expected = json!({"mezzanine": false, "loudness": true, "waveformImage": false});
    assert_eq!(settings.policy.settings, *expected.as_object().unwrap());
    assert_eq!(settings.policy.optional.len(), 3);
}

#[test]
fn a_flag_that_the_default_policy_lacks_breaks_nothing_and_reaches_other_policies() {
    let flag = ("ENABLE_THUMBNAIL_VARIANTS", "true");
    let settings = with(&[flag]);
    assert_eq!(policy_json(&settings), "{}");
    assert_eq!(settings.notes, ["ENABLE_THUMBNAIL_VARIANTS has no effect: the default policy has no such setting"]);
    let settings = with(&[flag, ("CODEX_POLICY", "codex-lean")]);
    assert_eq!(settings.policy.place, PolicyLocation::BuiltIn(policy::BuiltIn::CodexLean));
    assert_eq!(policy_json(&settings), r#"{"thumbnailVariants":true}"#);
    let settings = with(&[flag, ("CODEX_POLICY", "/policies/lean.wasm")]);
    assert_eq!(policy_json(&settings), r#"{"thumbnailVariants":true}"#);
    assert!(settings.notes.is_empty());
}

#[test]
fn the_variables_of_the_command_line_are_settings_too() {
    let settings = with(&[
        ("CODEX_POLICY", "lean.wasm"),
        ("CODEX_WORK_DIR", "/scratch"),
        ("FFMPEG_PATH", "/opt/ffmpeg"),
        ("FFPROBE_PATH", "/opt/ffprobe"),
    ]);
    assert_eq!(settings.policy.place, PolicyLocation::Component("lean.wasm".into()));
    assert_eq!(settings.job.work_dir.unwrap().to_str(), Some("/scratch"));
    assert_eq!(settings.job.tools.ffmpeg.to_str(), Some("/opt/ffmpeg"));
    assert_eq!(settings.job.tools.ffprobe.unwrap().to_str(), Some("/opt/ffprobe"));
}

#[test]
fn without_a_mezzanine_no_archive_is_needed() {
    let mut all = deployed();
    all.retain(|name, _| !name.starts_with("B2_"));
    let error = Settings::read(None, &all).unwrap_err().to_string();
    assert!(
        error.contains("`stores.archive` is not set up, and the default policy keeps a mezzanine there"),
        "{error}"
    );
    assert!(error.contains("`access_key_id` (CODEX_STORES_ARCHIVE_ACCESS_KEY_ID or B2_ACCESS_KEY_ID)"), "{error}");
    for more in [("ENABLE_MEZZANINE", "off"), ("CODEX_POLICY", "lean.wasm")] {
        let mut all = all.clone();
        all.extend(variables(&[more]));
        let settings = Settings::read(None, &all).unwrap();
        assert_eq!(settings.stores.keys().collect::<Vec<_>>(), ["media"]);
    }
}

#[test]
fn a_variable_that_is_empty_counts_as_not_set() {
    let settings = with(&[("R2_BUCKET_NAME", ""), ("ENVIRONMENT", ""), ("CODEX_JOB_ATTEMPTS", "")]);
    assert_eq!(settings, with(&[]));
}

#[test]
fn neither_debug_nor_json_shows_a_secret() {
    let settings = with(&[("ASSETS_BUCKET_NAME", "codex-assets")]);
    let shown = format!("{settings:?} {settings:#?} {}", policy_json(&settings));
    let secrets: Vec<&str> = settings.secrets.iter().map(SecretText::expose).collect();
    assert_eq!(secrets, [SECRET, "b2-geheimnis", "r2-geheimnis"]);
    for secret in secrets {
        assert!(!shown.contains(secret), "{secret}");
    }
}
