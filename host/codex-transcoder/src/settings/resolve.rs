//! Makes [`Settings`] of the values that were set, and checks them against each other.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use fault::secret::SecretText;
use fault::text::printable;
use media::plan::Preference;
use policy::PolicyLocation;
use serde_json::{Map, Value as Json};
use webhook::{HttpRule, Secret};

use super::choice::{Choice, Environment};
use super::problem::{ProblemKind, SettingsError};
use super::raw::Raw;
use super::stores;
use super::table::UNKNOWN_TO_DEFAULT_POLICY;
use super::types::{CacheSettings, JobSettings, PolicySettings, Settings, WebhookSettings};
use super::value::{self, SettingValue};
use crate::tools::ToolOptions;

pub fn resolve(raw: Raw) -> Result<Settings, SettingsError> {
    let mut resolver = Resolver { raw, notes: Vec::new() };
    let settings = resolver.settings();
    match resolver.raw.problems {
        problems if problems.is_empty() => Ok(settings),
        problems => Err(SettingsError::invalid(problems, &settings.secrets)),
    }
}

/// Records a problem for a missing or wrong value and goes on with any other: after a problem, no settings are returned.
pub(super) struct Resolver {
    pub(super) raw: Raw,
    notes: Vec<String>,
}

impl Resolver {
    fn settings(&mut self) -> Settings {
        let environment = self.choice("environment").unwrap_or(Environment::Production);
        let stores = stores::resolve(self, environment);
        let state_store = self.text("state.store");
        stores::check_exists(self, "state.store", &state_store);
        Settings {
            environment,
            webhook: self.webhook(environment),
            stores,
            state_store,
            job: self.job(),
            cache: CacheSettings {
                segments: self.text("cache.segments"),
                playlists: self.text("cache.playlists"),
                objects: self.text("cache.objects"),
            },
            outbox_prefix: self.text("outbox.prefix"),
            metrics_address: self.address("metrics.address"),
            serve_address: self.address("serve.address").unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            policy: self.policy(environment),
            notes: std::mem::take(&mut self.notes),
            secrets: self.raw.secrets.clone(),
        }
    }

    fn job(&self) -> JobSettings {
        JobSettings {
            attempts: u32::try_from(self.count("job.attempts")).unwrap_or(u32::MAX),
            concurrency: self.size("job.concurrency"),
            grace: Duration::from_secs(self.count("job.grace_seconds")),
            report: self.flag("job.report"),
            require_sandbox: self.flag("job.require_sandbox"),
            tools: ToolOptions {
                ffmpeg: self.path("job.ffmpeg").unwrap_or_default(),
                ffprobe: self.path("job.ffprobe"),
                encoder: self.choice("job.encoder").unwrap_or(Preference::Auto),
            },
            work_dir: self.path("job.work_dir"),
            max_input_bytes: self.size("job.max_input_bytes"),
            max_original_bytes: self.count("job.max_original_gib") << 30,
        }
    }

    fn webhook(&mut self, environment: Environment) -> WebhookSettings {
        let path = "webhook.secret";
        let allow_short_secret = self.flag("webhook.allow_short_secret");
        let secret = self.secret(path);
        let bytes = secret.expose().len();
        if bytes > 0 && bytes < Secret::MIN_BYTES && !allow_short_secret {
            let message = format!(
                "has {bytes} bytes and needs at least {}: make one with `openssl rand -base64 32` and give it to the \
receiver too; for local work, `webhook.allow_short_secret` allows it",
                Secret::MIN_BYTES
            );
            self.problem(ProblemKind::Unsafe, path, message);
        }
        let allow_http = self.choice("webhook.allow_http").unwrap_or(HttpRule::Never);
        let allow_private = self.flag("webhook.allow_private");
        if allow_private && environment == Environment::Production {
            let message = "must not be true in `production`: a job could make this worker call its own network; set \
`environment` to `dev` for local work";
            self.problem(ProblemKind::Unsafe, "webhook.allow_private", message);
        }
        if allow_http == HttpRule::Loopback && !allow_private {
            let message =
                "is `loopback`, but no webhook may go to this machine: set `webhook.allow_private` to true too";
            self.problem(ProblemKind::Contradiction, "webhook.allow_http", message);
        }
        WebhookSettings {
            secret,
            allow_short_secret,
            allowed_hosts: self.list("webhook.allowed_hosts"),
            allow_http,
            allow_private,
        }
    }

    /// From `policy.place`, or the older `policy.path`.
    fn place(&mut self, environment: Environment) -> PolicyLocation {
        let (path, place) = (self.path("policy.path"), self.optional_text("policy.place"));
        let place = match (path, place) {
            (None, None) => return PolicyLocation::BuiltIn,
            (Some(path), None) => return PolicyLocation::local(&path),
            (Some(_), Some(_)) => {
                let message = "says where the policy is, and so does `policy.path`: set one of them";
                self.problem(ProblemKind::Contradiction, "policy.place", message);
                return PolicyLocation::BuiltIn;
            }
            (None, Some(text)) => value::place(&text, &environment.to_string()).unwrap_or(PolicyLocation::BuiltIn),
        };
        if let Some(host) = place.plain_http()
            && !(environment == Environment::Dev && stores::is_this_machine(host))
        {
            let message = "is http, so that anybody on the way could send another policy: use https (http is for this \
machine where `environment` is `dev`)";
            self.problem(ProblemKind::Unsafe, "policy.place", message);
        }
        if let PolicyLocation::Object { store, .. } = &place {
            stores::check_exists(self, "policy.place", store);
        }
        place
    }

    fn list(&self, path: &str) -> Option<Vec<String>> {
        match self.raw.value(path) {
            Some(SettingValue::List(items)) => Some(items),
            _ => None,
        }
    }

    fn policy(&mut self, environment: Environment) -> PolicySettings {
        let required = self.raw.value("policy.require_signature");
        let mut policy = PolicySettings {
            place: self.place(environment),
            poll: Duration::from_secs(self.count("policy.poll_seconds")),
            public_keys: self.list("policy.public_keys").unwrap_or_default(),
            require_signature: match required {
                Some(SettingValue::Flag(required)) => required,
                _ => environment == Environment::Production,
            },
            cache_dir: self.path("policy.cache_dir"),
            settings: Map::new(),
            optional: Default::default(),
        };
        for (name, entry) in std::mem::take(&mut self.raw.policy) {
            let at = format!("policy.settings.{name}");
            if let Some(within) = exposed(&entry.value, &self.raw.secrets, &at) {
                let message = "holds one of the secrets, and a policy must never see one: remove it; the host signs \
webhooks and requests itself";
                let (key, origin) = (printable(&within, 100), Some(entry.origin));
                self.raw.problem(ProblemKind::SecretExposed, &key, origin, message);
                continue;
            }
            if entry.from_flag {
                if policy.place == PolicyLocation::BuiltIn && UNKNOWN_TO_DEFAULT_POLICY.contains(&name.as_str()) {
                    self.notes.push(format!("{} has no effect: the default policy has no such setting", entry.origin));
                    continue;
                }
                policy.optional.insert(name.clone());
            }
            policy.settings.insert(name, entry.value);
        }
        policy
    }

    /// Records a problem at the place where the setting was set.
    pub(super) fn problem(&mut self, kind: ProblemKind, path: &str, message: impl Into<String>) {
        let origin = self.raw.origin(path);
        self.raw.problem(kind, path, origin, message);
    }

    /// Records that a setting is missing, unless it was set to a wrong value.
    pub(super) fn missing(&mut self, path: &str) {
        if !self.raw.has(path) {
            self.raw.problem(ProblemKind::Missing, path, None, "is missing: set it in the settings file");
        }
    }

    pub(super) fn optional_text(&self, path: &str) -> Option<String> {
        match self.raw.value(path) {
            Some(SettingValue::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn text(&self, path: &str) -> String {
        self.optional_text(path).unwrap_or_default()
    }

    /// Records a problem if the text is missing.
    pub(super) fn required(&mut self, path: &str) -> String {
        let text = self.optional_text(path);
        if text.is_none() {
            self.missing(path);
        }
        text.unwrap_or_default()
    }

    fn path(&self, path: &str) -> Option<PathBuf> {
        self.optional_text(path).map(PathBuf::from)
    }

    pub(super) fn choice<T: Choice>(&self, path: &str) -> Option<T> {
        self.optional_text(path).and_then(|word| T::parse(&word))
    }

    pub(super) fn count(&self, path: &str) -> u64 {
        match self.raw.value(path) {
            Some(SettingValue::Count(count)) => count,
            _ => 0,
        }
    }

    pub(super) fn size(&self, path: &str) -> usize {
        usize::try_from(self.count(path)).unwrap_or(usize::MAX)
    }

    pub(super) fn secret(&mut self, path: &str) -> SecretText {
        match self.raw.value(path) {
            Some(SettingValue::Secret(secret)) => secret,
            _ => {
                self.missing(path);
                SecretText::new("")
            }
        }
    }

    fn flag(&self, path: &str) -> bool {
        self.raw.value(path) == Some(SettingValue::Flag(true))
    }

    fn address(&self, path: &str) -> Option<SocketAddr> {
        self.optional_text(path)?.parse().ok()
    }

    /// Whether the default policy is used and will write to the archive.
    pub(super) fn needs_archive(&self) -> bool {
        let mezzanine = self.raw.policy.get("mezzanine").map(|entry| &entry.value);
        let other_policy = self.raw.has("policy.path") || self.raw.has("policy.place");
        !other_policy && mezzanine != Some(&Json::Bool(false))
    }
}

/// The path to a secret in a value. Only a long one is looked for inside of texts: a short one may be there by chance.
fn exposed<'a>(value: &Json, secrets: impl IntoIterator<Item = &'a SecretText> + Copy, at: &str) -> Option<String> {
    let leaks = |text: &str| {
        secrets
            .into_iter()
            .map(SecretText::expose)
            .any(|secret| !secret.is_empty() && (text == secret || (secret.len() >= 12 && text.contains(secret))))
    };
    match value {
        Json::String(text) => leaks(text).then(|| at.to_owned()),
        Json::Number(number) => leaks(&number.to_string()).then(|| at.to_owned()),
        Json::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| exposed(item, secrets, &format!("{at}[{index}]")))
        }
        Json::Object(members) => members.iter().find_map(|(name, member)| {
            if leaks(name) { Some(at.to_owned()) } else { exposed(member, secrets, &format!("{at}.{name}")) }
        }),
        Json::Null | Json::Bool(_) => None,
    }
}
