//! Makes [`Settings`] of the values that were set, and checks them against each other.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use fault::codes;
use fault::secret::SecretText;
use fault::text::printable;
use job::production::UploadLimits;
use media::plan::Preference;
use policy::fetch::Credentials;
use policy::{BuiltIn, PolicyLocation};
use publish::CacheRules;
use serde_json::{Map, Value as Json};
use storage::s3::host_of;
use webhook::{HttpRule, Secret, UrlRules, is_this_machine};

use super::problem::SettingsError;
use super::raw::Raw;
use super::table::UNKNOWN_TO_DEFAULT_POLICY;
use super::types::{JobSettings, KeySettings, PolicySettings, Prices, Settings, TelemetrySettings, WebhookSettings};
use super::{stores, value};
use crate::choice::{Choice as _, Environment};
use crate::keys::KeyPlace;
use crate::tools::ToolOptions;

/// Records a problem for a missing or wrong value and goes on with any other, so that all problems are found.
pub fn resolve(mut raw: Raw) -> Result<Settings, SettingsError> {
    let settings = settings(&mut raw);
    if raw.problems.is_empty() { Ok(settings) } else { Err(SettingsError::of(raw.problems, &raw.secrets)) }
}

fn settings(raw: &mut Raw) -> Settings {
    let environment = raw.choice("environment").unwrap_or(Environment::Production);
    let mut notes = Vec::new();
    Settings {
        environment,
        stores: stores::resolve(raw, environment),
        originals: stores::existing(raw, "stores.originals"),
        state_store: stores::existing(raw, "state.store"),
        webhook: webhook(raw, environment),
        job: job(raw),
        cache: CacheRules {
            segments: raw.text("cache.segments"),
            playlists: raw.text("cache.playlists"),
            objects: raw.text("cache.objects"),
        },
        keys: keys(raw),
        prices: Prices { worker_hour: raw.get("price.worker_hour"), gib_month: raw.get("price.gib_month") },
        outbox_prefix: raw.value("outbox.prefix"),
        metrics_address: raw.get("metrics.address"),
        serve_address: raw.get("serve.address").unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        telemetry: telemetry(raw, environment),
        policy: policy(raw, environment, &mut notes),
        notes,
        secrets: raw.secrets.clone(),
    }
}

fn keys(raw: &mut Raw) -> Option<KeySettings> {
    if !raw.has("keys.place") && !raw.has("keys.uri") {
        return None;
    }
    let place = raw.required("keys.place");
    let uri = raw.required("keys.uri");
    let place = KeyPlace::parse(&place).ok()?;
    Some(KeySettings { place, uri, token: raw.text("keys.token").map(SecretText::new) })
}

fn telemetry(raw: &mut Raw, environment: Environment) -> Option<TelemetrySettings> {
    let path = "otlp.endpoint";
    let endpoint = raw.text(path)?;
    let headers = raw.text("otlp.headers").unwrap_or_default();
    let host = endpoint.strip_prefix("http://").map(|_| host_of(&endpoint));
    if let Some(host) = host
        && !(headers.is_empty() || environment == Environment::Dev || is_this_machine(&host))
    {
        let message = "is http, so that anybody on the way can read the `otlp.headers` that are sent: use https (http with \
headers is for this machine, and for `environment` `dev`)";
        raw.problem(&codes::settings::UNSAFE, path, message);
    }
    let headers = SecretText::new(headers);
    Some(TelemetrySettings { endpoint, headers, service: raw.value("otlp.service"), sample: raw.value("otlp.sample") })
}

fn job(raw: &Raw) -> JobSettings {
    JobSettings {
        attempts: raw.value("job.attempts"),
        concurrency: raw.get("job.concurrency"),
        grace: Duration::from_secs(raw.value("job.grace_seconds")),
        report: raw.value("job.report"),
        page: raw.value("job.page"),
        require_sandbox: raw.value("job.require_sandbox"),
        require_gpu: raw.value("job.require_gpu"),
        tools: ToolOptions {
            ffmpeg: raw.value("job.ffmpeg"),
            ffprobe: raw.get("job.ffprobe"),
            encoder: raw.choice("job.encoder").unwrap_or(Preference::Auto),
        },
        work_dir: raw.get("job.work_dir"),
        max_input_bytes: raw.value("job.max_input_bytes"),
        limits: UploadLimits {
            bytes: raw.value::<u64>("job.max_original_gib") << 30,
            length: Duration::from_secs(raw.value::<u64>("job.max_media_hours") * 3600),
        },
    }
}

fn webhook(raw: &mut Raw, environment: Environment) -> WebhookSettings {
    let path = "webhook.secret";
    let allow_short_secret: bool = raw.value("webhook.allow_short_secret");
    let secret = raw.required(path);
    let bytes = secret.len();
    if bytes > 0 && bytes < Secret::MIN_BYTES && !allow_short_secret {
        let message = format!(
            "has {bytes} bytes and needs at least {}: make one with `openssl rand -base64 32` and give it to the \
receiver too; for local work, `webhook.allow_short_secret` allows it",
            Secret::MIN_BYTES
        );
        raw.problem(&codes::settings::UNSAFE, path, message);
    }
    let allow_http = raw.choice("webhook.allow_http").unwrap_or(HttpRule::Never);
    let allow_private: bool = raw.value("webhook.allow_private");
    if allow_private && environment == Environment::Production {
        let message = "must not be true in `production`: a job could make this worker call its own network; set \
`environment` to `dev` for local work";
        raw.problem(&codes::settings::UNSAFE, "webhook.allow_private", message);
    }
    if allow_http == HttpRule::Loopback && !allow_private {
        let message = "is `loopback`, but no webhook may go to this machine: set `webhook.allow_private` to true too";
        raw.problem(&codes::settings::CONTRADICTION, "webhook.allow_http", message);
    }
    let rules = UrlRules { http: allow_http, private: allow_private, hosts: None };
    let rules = match raw.list("webhook.allowed_hosts") {
        Some(hosts) => rules.with_hosts(hosts),
        None => rules,
    };
    WebhookSettings { secret: SecretText::new(secret), allow_short_secret, rules }
}

/// From `policy.place`, `policy.path`, or `policy.builtin`.
fn place(raw: &mut Raw, environment: Environment) -> PolicyLocation {
    let default = PolicyLocation::BuiltIn(BuiltIn::default());
    let built_in = raw.choice::<BuiltIn>("policy.builtin");
    let place = match (built_in, raw.get::<PathBuf>("policy.path"), raw.text("policy.place")) {
        (None, None, None) => return default,
        (Some(policy), None, None) => return PolicyLocation::BuiltIn(policy),
        (None, Some(path), None) => return PolicyLocation::local(&path),
        (None, None, Some(text)) => value::place(&text, environment.word()).unwrap_or(default),
        (first, _, place) => {
            let later = if place.is_some() { "policy.place" } else { "policy.path" };
            let other = if first.is_some() { "policy.builtin" } else { "policy.path" };
            let message = format!("says where the policy is, and so does `{other}`: set one of them");
            raw.problem(&codes::settings::CONTRADICTION, later, &message);
            return default;
        }
    };
    if let Some(host) = place.plain_http()
        && !(environment == Environment::Dev && is_this_machine(host))
    {
        let message = "is http, so that anybody on the way could send another policy: use https (http is for this \
machine where `environment` is `dev`)";
        raw.problem(&codes::settings::UNSAFE, "policy.place", message);
    }
    if let PolicyLocation::Object { store, .. } = &place {
        stores::check_exists(raw, "policy.place", store);
    }
    place
}

/// For the server of the place.
fn credentials(raw: &mut Raw, place: &PolicyLocation) -> Option<Credentials> {
    let path = "policy.authorization";
    let authorization = raw.text(path)?;
    let PolicyLocation::Url(server) = place else {
        let message = "is for a `policy.place` that is an https address";
        raw.problem(&codes::settings::CONTRADICTION, path, message);
        return None;
    };
    if !authorization.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
        let message = "has a character that no header has, such as a line break";
        raw.problem(&codes::settings::BAD_VALUE, path, message);
    }
    Some(Credentials { server: server.clone(), authorization: SecretText::new(authorization) })
}

fn policy(raw: &mut Raw, environment: Environment, notes: &mut Vec<String>) -> PolicySettings {
    let place = place(raw, environment);
    let mut policy = PolicySettings {
        credentials: credentials(raw, &place),
        place,
        poll: Duration::from_secs(raw.value("policy.poll_seconds")),
        public_keys: raw.list("policy.public_keys").unwrap_or_default(),
        require_signature: raw.get("policy.require_signature").unwrap_or(environment == Environment::Production),
        cache_dir: raw.get("policy.cache_dir"),
        settings: Map::new(),
        optional: BTreeSet::new(),
    };
    for (name, entry) in std::mem::take(&mut raw.policy) {
        let at = format!("policy.settings.{name}");
        if let Some(within) = exposed(&entry.value, &raw.secrets, &at) {
            let message = "holds one of the secrets, and a policy must never see one: remove it; the host signs \
webhooks and requests itself";
            let (key, origin) = (printable(&within, 100), Some(entry.origin));
            raw.problem_at(&codes::settings::SECRET_EXPOSED, &key, origin, message);
            continue;
        }
        if entry.from_flag {
            if policy.place == PolicyLocation::BuiltIn(BuiltIn::Codex)
                && UNKNOWN_TO_DEFAULT_POLICY.contains(&name.as_str())
            {
                notes.push(format!("{} has no effect: the default policy has no such setting", entry.origin));
                continue;
            }
            policy.optional.insert(name.clone());
        }
        policy.settings.insert(name, entry.value);
    }
    policy
}

/// The path to a secret in a value. Only a long one is looked for inside of texts: a short one may be there by chance.
fn exposed(value: &Json, secrets: &BTreeSet<SecretText>, at: &str) -> Option<String> {
    let leaks = |text: &str, secret: &str| text == secret || (secret.len() >= 12 && text.contains(secret));
    let leaked = |text: &str| {
        let mut secrets = secrets.iter().map(SecretText::expose);
        secrets.any(|secret| leaks(text, secret)).then(|| at.to_owned())
    };
    match value {
        Json::String(text) => leaked(text),
        Json::Number(number) => leaked(&number.to_string()),
        Json::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| exposed(item, secrets, &format!("{at}[{index}]")))
        }
        Json::Object(members) => members
            .iter()
            .find_map(|(name, member)| leaked(name).or_else(|| exposed(member, secrets, &format!("{at}.{name}")))),
        Json::Null | Json::Bool(_) => None,
    }
}
