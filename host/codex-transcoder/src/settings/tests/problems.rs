//! Messages about wrong settings.

use std::path::Path;

use fault::{Blame, Failure, Fault as _};

use super::deployment::{deployed, variables};
use crate::settings::table::SETTINGS;
use crate::settings::*;

fn error(file: &str, more: &[(&str, &str)]) -> SettingsError {
    let mut all = deployed();
    all.extend(variables(more));
    Settings::read(Some((Path::new("codex.toml"), file)), &all).unwrap_err()
}

/// The one problem, with its code.
fn problem(file: &str, more: &[(&str, &str)]) -> (&'static str, String) {
    let error = error(file, more);
    assert_eq!(error.0.len(), 1, "{error}");
    let text = error.to_string();
    (error.code().name, text.strip_prefix("the settings can't be used: ").unwrap().to_owned())
}

#[test]
fn each_kind_of_problem_in_the_file_is_reported_with_its_line_and_a_remedy() {
    for (file, code, text) in [
        (
            "environment = 'dev'\n[webhok]\nsecret = 'x'",
            "settings.unknown",
            "codex.toml:2: `webhok` is not a setting; known here are environment, policy, job, webhook, stores, cache, keys, \
price, state, outbox, metrics, otlp, serve; did you mean `webhook`?",
        ),
        (
            "policy.pth = 'x'",
            "settings.unknown",
            "codex.toml:1: `policy.pth` is not a setting; known here are builtin, path, place, authorization, poll_seconds, \
public_keys, require_signature, cache_dir, settings; did you mean `path`?",
        ),
        (
            "[stores.Media]\npath = 'x'",
            "settings.unknown",
            "codex.toml:1: `stores.Media` is not a setting; known here are originals, a name of your own (1 to 32 \
lower-case letters, digits and `_`, a letter first, and not `originals`)",
        ),
        (
            "\n\njob.attempts = '3'",
            "settings.bad-value",
            "codex.toml:3: `job.attempts` must be a whole number from 1 to 10, not a text in quotes (as a variable: \
CODEX_JOB_ATTEMPTS)",
        ),
        (
            "job.attempts = 0",
            "settings.bad-value",
            "codex.toml:1: `job.attempts` must be a whole number from 1 to 10, not `0` (as a variable: \
CODEX_JOB_ATTEMPTS)",
        ),
        (
            "job.encoder = 1",
            "settings.bad-value",
            "codex.toml:1: `job.encoder` must be one of auto, gpu, cpu, in quotes, not a whole number (as a variable: \
CODEX_JOB_ENCODER)",
        ),
        (
            "[webhook]\nallowed_hosts = []",
            "settings.bad-value",
            "codex.toml:2: `webhook.allowed_hosts` names no host, so that no webhook could be sent; leave it out to \
allow every public host (as a variable: CODEX_WEBHOOK_ALLOWED_HOSTS)",
        ),
        (
            "job.report = yes\n",
            "settings.syntax",
            "codex.toml:1: this is not TOML: string values must be quoted, expected literal string",
        ),
        (
            "[policy.settings]\nlimit = inf",
            "settings.bad-value",
            "codex.toml:2: `policy.settings.limit` has a number that JSON can't hold, and the policy gets its settings as JSON",
        ),
        (
            "policy.settings = 1",
            "settings.bad-value",
            "codex.toml:1: `policy.settings` must be a table of settings, not a whole number (as a variable: \
CODEX_POLICY_SETTINGS)",
        ),
        (
            "state.store = 'attic'",
            "settings.contradiction",
            "codex.toml:1: `state.store` names no store that is set up; there are archive, media (as a variable: \
CODEX_STATE_STORE)",
        ),
        (
            "[stores.media]\nkind = 's3'\npath = '/srv'",
            "settings.contradiction",
            "codex.toml:3: `stores.media.path` belongs to a store of kind `directory`, and this one is of kind `s3` \
(as a variable: CODEX_STORES_MEDIA_PATH)",
        ),
        (
            "[stores.extra]\nkind = 'directory'",
            "settings.missing",
            "`stores.extra.path` is missing: set it in the settings file, or as the variable \
CODEX_STORES_EXTRA_PATH",
        ),
        (
            "stores.media.region = ''",
            "settings.bad-value",
            "codex.toml:1: `stores.media.region` must be a word without spaces, not `` (as a variable: \
CODEX_STORES_MEDIA_REGION)",
        ),
    ] {
        assert_eq!(problem(file, &[]), (code, text.to_owned()), "{file}");
    }
}

#[test]
fn each_kind_of_problem_in_a_variable_is_reported_with_its_name_and_a_remedy() {
    for (variable, value, code, text) in [
        (
            "ENVIRONMENT",
            "prod",
            "settings.bad-value",
            "ENVIRONMENT: `environment` must be one of production, staging, dev, not `prod`",
        ),
        (
            "R2_ENDPOINT",
            "acc0.r2.cloudflarestorage.com",
            "settings.bad-value",
            "R2_ENDPOINT: `stores.media.endpoint` must be a URL such as `https://ACCOUNT.r2.cloudflarestorage.com`; \
this is not a URL",
        ),
        (
            "R2_ENDPOINT",
            "http://s3.example.com",
            "settings.unsafe",
            "R2_ENDPOINT: `stores.media.endpoint` is http, so that anybody on the way can read what is sent: use https \
(http is for this machine, and for `environment` `dev`; here it is `production`)",
        ),
        (
            "CODEX_STORES_ARCHIVE_ENDPOINT",
            "https://b2.example.backblazeb2.com",
            "settings.missing",
            "`stores.archive.region` is missing, and the endpoint's host is not of the form \
`s3.REGION.backblazeb2.com`: set it in the settings file, or as the variable \
CODEX_STORES_ARCHIVE_REGION",
        ),
        (
            "ENABLE_MEZZANINE",
            "perhaps",
            "settings.bad-value",
            "ENABLE_MEZZANINE: `policy.settings` must be true or false, not `perhaps`",
        ),
        (
            "CODEX_POLICY_SETTINGS",
            "[1]",
            "settings.bad-value",
            "CODEX_POLICY_SETTINGS: `policy.settings` must be a JSON object such as `{\"mezzanine\": false}`",
        ),
        (
            "CODEX_POLICY_SETTINGS",
            "{mezzanine: false}",
            "settings.syntax",
            "CODEX_POLICY_SETTINGS: `policy.settings` must be a JSON object such as `{\"mezzanine\": false}`; this is \
not JSON: key must be a string at line 1 column 2",
        ),
        (
            "CODEX_SERVE_ADDRESS",
            "localhost:8000",
            "settings.bad-value",
            "CODEX_SERVE_ADDRESS: `serve.address` must be an IP address with a port, such as `127.0.0.1:9090`, not \
`localhost:8000`",
        ),
        (
            "CODEX_POLICY_PAHT",
            "x",
            "settings.unknown",
            "CODEX_POLICY_PAHT: there is no setting for this variable; known are CODEX_POLICY_BUILTIN, CODEX_POLICY_PATH, \
CODEX_POLICY_PLACE, CODEX_POLICY_AUTHORIZATION, CODEX_POLICY_POLL_SECONDS, CODEX_POLICY_PUBLIC_KEYS, CODEX_POLICY_REQUIRE_SIGNATURE, \
CODEX_POLICY_CACHE_DIR, CODEX_POLICY_SETTINGS; did you mean CODEX_POLICY_PATH?",
        ),
        (
            "CODEX_WEBHOOK_ALLOW_PRIVATE",
            "true",
            "settings.unsafe",
            "CODEX_WEBHOOK_ALLOW_PRIVATE: `webhook.allow_private` must not be true in `production`: a job could make \
this worker call its own network; set `environment` to `dev` for local work",
        ),
        (
            "CODEX_WEBHOOK_ALLOW_HTTP",
            "loopback",
            "settings.contradiction",
            "CODEX_WEBHOOK_ALLOW_HTTP: `webhook.allow_http` is `loopback`, but no webhook may go to this machine: set \
`webhook.allow_private` to true too",
        ),
        (
            "CODEX_STORES_ORIGINALS",
            "attic",
            "settings.contradiction",
            "CODEX_STORES_ORIGINALS: `stores.originals` names no store that is set up; there are archive, media",
        ),
    ] {
        assert_eq!(problem("", &[(variable, value)]), (code, text.to_owned()), "{variable}");
    }
}

#[test]
fn a_misspelt_variable_of_a_store_is_recognised() {
    let (_, text) = problem("", &[("CODEX_STORES_MEDIA_BUKET", "x")]);
    assert!(text.ends_with("did you mean CODEX_STORES_MEDIA_BUCKET?"), "{text}");
}

#[test]
fn an_unknown_variable_of_no_group_is_reported_with_the_groups() {
    let (_, text) = problem("", &[("CODEX_COLOUR", "blue")]);
    assert!(text.contains("known are CODEX_ENVIRONMENT, CODEX_POLICY_…, CODEX_JOB_…, CODEX_WEBHOOK_…"), "{text}");
}

#[test]
fn variables_that_are_not_settings_are_ignored() {
    let mut all = deployed();
    all.extend(variables(&[("CODEX_CONFIG", "codex.toml"), ("CODEX_SHARED", "x"), ("HOME", "/root")]));
    assert!(Settings::read(None, &all).is_ok());
}

#[test]
fn all_problems_are_reported_at_once_those_of_the_file_in_its_order() {
    let file = "job.attempts = 99\n[webhok]\n[job]\nencoder = 'tpu'\n";
    // A syntax error is reported alone; this file repeats a table.
    assert_eq!(error(file, &[]).0.len(), 1);
    let file = "serve.address = 1\n[webhok]\n[job]\nencoder = 'tpu'\nattempts = 99\n";
    let found = Settings::read(Some((Path::new("codex.toml"), file)), &variables(&[("R2_ENDPOINT", "x")]));
    let error = found.unwrap_err();
    let reported: Vec<String> = error
        .0
        .iter()
        .map(|problem| {
            let origin = problem.origin.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{origin} {} {}", problem.key, problem.code)
        })
        .collect();
    assert_eq!(
        reported,
        [
            "codex.toml:1 serve.address settings.bad-value",
            "codex.toml:2 webhok settings.unknown",
            "codex.toml:4 job.encoder settings.bad-value",
            "codex.toml:5 job.attempts settings.bad-value",
            "R2_ENDPOINT stores.media.endpoint settings.bad-value",
            " stores.archive settings.missing",
            " stores.media.access_key_id settings.missing",
            " stores.media.secret_access_key settings.missing",
            " webhook.secret settings.missing",
        ]
    );
    assert_eq!(error.code(), "settings.invalid");
    assert_eq!(error.to_string().lines().count(), 10);
    assert_eq!(Failure::from(error).blame, Blame::Host);
}

#[test]
fn a_missing_credential_is_reported_with_all_of_its_names() {
    let mut all = deployed();
    all.remove("R2_SECRET_ACCESS_KEY");
    assert_eq!(
        Settings::read(None, &all).unwrap_err().to_string(),
        "the settings can't be used: `stores.media.secret_access_key` is missing: set it in the settings file, or as \
the variable CODEX_STORES_MEDIA_SECRET_ACCESS_KEY or R2_SECRET_ACCESS_KEY"
    );
    // Missing for two stores is still one problem.
    all.insert("ASSETS_BUCKET_NAME".to_owned(), "codex-assets".to_owned());
    assert_eq!(Settings::read(None, &all).unwrap_err().0.len(), 1);
}

#[test]
fn a_short_secret_is_reported_with_its_length_alone() {
    let (code, text) = problem("", &[("WEBHOOK_SECRET", "hunter2-hunter2")]);
    assert_eq!(code, "settings.unsafe");
    assert!(text.starts_with("WEBHOOK_SECRET: `webhook.secret` has 15 bytes and needs at least 24"), "{text}");
    assert!(!text.contains("hunter2"));
}

#[test]
fn a_policy_never_gets_a_secret() {
    for (file, at) in [
        ("[policy.settings]\nkey = 'r2-geheimnis'", "policy.settings.key"),
        ("[policy.settings]\na = [1, {b = 'r2-geheimnis'}]", "policy.settings.a[1].b"),
        ("[policy.settings]\nurl = 'https://x?token=r2-geheimnis'", "policy.settings.url"),
        ("[policy.settings]\na = {r2-geheimnis = 1}", "policy.settings.a"),
    ] {
        let (code, text) = problem(file, &[]);
        assert_eq!(code, "settings.secret-exposed");
        assert!(text.starts_with(&format!("codex.toml:2: `{at}` holds one of the secrets")), "{text}");
        assert!(!text.contains("geheimnis"), "{text}");
    }
    let (code, _) = problem("", &[("CODEX_POLICY_SETTINGS", r#"{"id": "b2-geheimnis"}"#)]);
    assert_eq!(code, "settings.secret-exposed");
}

#[test]
fn no_error_shows_a_secret_wherever_it_was_set() {
    // The last is longer than what an error repeats of a wrong value.
    let long = "fedcba9876543210".repeat(6);
    for secret in ["r2-geheimnis", "b2-geheimnis", "0123456789abcdef01234567", &long] {
        let mut base = deployed();
        if secret == long {
            base.insert("WEBHOOK_SECRET".to_owned(), long.clone());
        }
        // The message may cut the secret, so look for a part of it.
        let part: String = secret.chars().take(12).collect();
        let quoted = format!("'{secret}'");
        for key in SETTINGS {
            let path = key.path.replace("NAME", "media");
            let variable = key.variables("media").remove(0);
            let mut outcomes = vec![
                Settings::read(Some((Path::new("codex.toml"), &format!("{path} = {quoted}"))), &base),
                Settings::read(Some((Path::new("codex.toml"), &format!("{path} = {secret} x"))), &base),
                Settings::read(Some((Path::new("codex.toml"), &format!("{secret}.{path} = {quoted}"))), &base),
            ];
            for value in [secret.to_owned(), format!("https://{secret}:x@h/"), format!("a {secret} b")] {
                let mut all = base.clone();
                all.insert(variable.clone(), value);
                outcomes.push(Settings::read(None, &all));
            }
            for outcome in outcomes {
                if let Err(error) = outcome {
                    let shown = format!("{error} {error:?}");
                    assert!(!shown.contains(&part), "{path}: {shown}");
                }
            }
        }
    }
}

#[test]
fn a_secret_with_a_line_break_is_refused_without_being_shown() {
    let (code, text) = problem("", &[("R2_SECRET_ACCESS_KEY", "r2-geheimnis\n")]);
    assert_eq!(code, "settings.bad-value");
    assert!(text.contains("line break") && !text.contains("geheimnis"), "{text}");
}

#[test]
fn control_characters_of_a_value_are_escaped() {
    let (_, text) = problem("", &[("CODEX_JOB_ENCODER", "\u{1b}[2J")]);
    assert!(text.ends_with(r"not `\u{1b}[2J`"), "{text}");
}
