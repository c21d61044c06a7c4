//! Resolves the settings of stores.

use std::collections::BTreeMap;

use fault::codes;
use policy::BuiltIn;
use storage::s3::{S3Settings, host_of, is_key_text};
use webhook::is_this_machine;

use super::keys;
use super::raw::Raw;
use super::table::SETTINGS;
use super::types::StoreBackend;
use crate::choice::{Choice as _, Environment, StoreKind};

/// What a bucket has no default for.
const REQUIRED: [&str; 3] = ["endpoint", "access_key_id", "secret_access_key"];

/// The names of the stores that the contract gives to policies for what they make.
pub const OUTPUT_STORES: [&str; 3] = ["media", "archive", "assets"];

const MIB: u64 = 1 << 20;

/// Resolves the stores that were set and those that are required.
pub fn resolve(raw: &mut Raw, environment: Environment) -> BTreeMap<String, StoreBackend> {
    let names = raw.stores();
    if !names.contains("archive") && needs_archive(raw) {
        let required = REQUIRED
            .map(|name| format!("`{name}` ({})", keys::variables_at(&format!("stores.archive.{name}")).join(" or ")));
        let message = format!(
            "is not set up, and the default policy keeps a mezzanine there: set its {}; or, for a folder, its `path`; or \
`policy.settings.mezzanine` to false",
            required.join(", ")
        );
        raw.problem(&codes::settings::MISSING, "stores.archive", message);
    }
    let backend = |name: String| (name.clone(), StoreResolver { raw, name: &name, environment }.backend());
    names.into_iter().map(backend).collect()
}

/// Whether the default policy is used and will write to the archive.
fn needs_archive(raw: &Raw) -> bool {
    let mezzanine = raw.policy.get("mezzanine").is_none_or(|entry| entry.value != false);
    let other = raw.choice::<BuiltIn>("policy.builtin").is_some_and(|policy| policy != BuiltIn::Codex);
    mezzanine && !other && !raw.has("policy.path") && !raw.has("policy.place")
}

/// The store that a setting names.
pub fn existing(raw: &mut Raw, path: &str) -> String {
    let name: String = raw.value(path);
    check_exists(raw, path, &name);
    name
}

/// Records a problem if the setting at `path` names a store that is not set up.
pub fn check_exists(raw: &mut Raw, path: &str, name: &str) {
    let names = raw.stores();
    if !name.is_empty() && !names.contains(name) {
        let known = names.into_iter().collect::<Vec<_>>().join(", ");
        raw.problem(&codes::settings::CONTRADICTION, path, format!("names no store that is set up; there are {known}"));
    }
}

struct StoreResolver<'a> {
    raw: &'a mut Raw,
    name: &'a str,
    environment: Environment,
}

impl StoreResolver<'_> {
    fn path(&self, key: &str) -> String {
        format!("stores.{}.{key}", self.name)
    }

    /// The path of a setting of the account: `assets` shares that of `media` unless it has an endpoint of its own.
    fn account_path(&self, key: &str) -> String {
        let own = self.path(key);
        let shared = self.name == "assets" && !self.raw.has(&self.path("endpoint"));
        if shared && !self.raw.has(&own) { format!("stores.media.{key}") } else { own }
    }

    fn backend(mut self) -> StoreBackend {
        let path = self.path("path");
        let has_path = self.raw.has(&path);
        let kind = self.raw.choice(&self.path("kind"));
        match kind.unwrap_or(if has_path { StoreKind::Directory } else { StoreKind::S3 }) {
            StoreKind::S3 => {
                self.contradiction("path", "belongs to a store of kind `directory`, and this one is of kind `s3`");
                StoreBackend::Bucket(self.bucket())
            }
            StoreKind::Directory => {
                let keys = SETTINGS.iter().filter_map(|setting| setting.path.strip_prefix("stores.NAME."));
                for key in keys.filter(|key| !["kind", "path"].contains(key)) {
                    self.contradiction(key, "belongs to a store of kind `s3`, and this one is a directory");
                }
                StoreBackend::Directory(self.raw.required(&path).into())
            }
        }
    }

    /// Records a problem if a setting is set that belongs to the other kind of store.
    fn contradiction(&mut self, key: &str, message: &str) {
        let path = self.path(key);
        if self.raw.has(&path) {
            self.raw.problem(&codes::settings::CONTRADICTION, &path, message);
        }
    }

    fn bucket(&mut self) -> S3Settings {
        let endpoint = self.endpoint();
        let access_key_id = self.raw.required(&self.account_path("access_key_id"));
        let secret = self.secret_access_key();
        let mut settings = S3Settings::new(endpoint, self.bucket_name(), access_key_id, secret);
        if let Some(dialect) = self.raw.choice(&self.account_path("dialect")) {
            settings.dialect = dialect;
        }
        settings.region = self.region(&settings);
        settings.part_size = self.raw.value::<u64>(&self.path("part_mib")) * MIB;
        settings.multipart_above = self.raw.value::<u64>(&self.path("multipart_above_mib")) * MIB;
        settings.at_once = self.raw.value(&self.path("at_once"));
        settings
    }

    fn endpoint(&mut self) -> String {
        let path = self.account_path("endpoint");
        let endpoint = self.raw.required(&path);
        let plain_http = endpoint.starts_with("http:");
        if plain_http && self.environment != Environment::Dev && !is_this_machine(&host_of(&endpoint)) {
            let message = format!(
                "is http, so that anybody on the way can read what is sent: use https (http is for this machine, and \
for `environment` `dev`; here it is `{}`)",
                self.environment.word()
            );
            self.raw.problem(&codes::settings::UNSAFE, &path, message);
        }
        endpoint
    }

    fn region(&mut self, settings: &S3Settings) -> Option<String> {
        let path = self.account_path("region");
        let region = self.raw.text(&path).or_else(|| settings.signing_region().ok());
        // Without an endpoint there is no host to take it from, and the missing endpoint is a problem of its own.
        if region.is_none() && !settings.endpoint.is_empty() && !self.raw.has(&path) {
            let message = "is missing, and the endpoint's host is not of the form `s3.REGION.backblazeb2.com`: set it in \
the settings file";
            self.raw.problem(&codes::settings::MISSING, &path, message);
        }
        region
    }

    fn bucket_name(&mut self) -> String {
        let path = self.path("bucket");
        match (self.raw.text(&path), self.name) {
            (Some(bucket), _) => bucket,
            (None, "media") => format!("codex-media-{}", self.environment.word()),
            (None, "archive") => format!("codex-mezzanine-{}", self.environment.word()),
            (None, _) => self.raw.required(&path),
        }
    }

    fn secret_access_key(&mut self) -> String {
        let path = self.account_path("secret_access_key");
        let secret = self.raw.required(&path);
        // Seen in practice: a line break that was copied along with the key. The store's answer would be "wrong
        // signature", which doesn't point to the cause.
        if !is_key_text(&secret) {
            let message = "has a character that no key has, such as a blank or a line break; copy it again";
            self.raw.problem(&codes::settings::BAD_VALUE, &path, message);
        }
        secret
    }
}
