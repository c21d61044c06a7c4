//! Resolves the settings of stores.

use std::collections::{BTreeMap, BTreeSet};

use fault::secret::SecretText;
use reqwest::Url;
use storage::s3::{Dialect, S3Settings, is_key_text};

use super::choice::{Environment, StoreKind};
use super::keys;
use super::problem::ProblemKind;
use super::resolve::Resolver;
use super::table::SETTINGS;
use super::types::{StoreBackend, StoreSettings};

/// What a bucket has no default for.
const REQUIRED: [&str; 3] = ["endpoint", "access_key_id", "secret_access_key"];

const MIB: u64 = 1 << 20;

/// Resolves the stores that were set and those that are required.
pub fn resolve(resolver: &mut Resolver, environment: Environment) -> StoreSettings {
    let mut by_name = BTreeMap::new();
    let mut names = mentioned(resolver);
    if resolver.needs_archive() && !names.contains("archive") {
        let required = REQUIRED.map(|name| {
            let variables = keys::key(&format!("stores.archive.{name}")).map(|(key, store)| key.variables(&store));
            format!("`{name}` ({})", variables.unwrap_or_default().join(" or "))
        });
        let message = format!(
            "is not set up, and the default policy keeps a mezzanine there: set its {}; or, for a folder, its `path`; or \
`policy.settings.mezzanine` to false",
            required.join(", ")
        );
        resolver.raw.problem(ProblemKind::Missing, "stores.archive", None, message);
    }
    names.insert("media".to_owned());
    for name in names {
        let store = StoreResolver { resolver: &mut *resolver, name: &name, environment };
        by_name.insert(name.clone(), store.backend());
    }
    let originals = resolver.text("stores.originals");
    check_exists(resolver, "stores.originals", &originals);
    StoreSettings { by_name, originals }
}

/// Records a problem if the setting at `path` names a store that is not set up.
pub fn check_exists(resolver: &mut Resolver, path: &str, name: &str) {
    let mut names = mentioned(resolver);
    names.insert("media".to_owned());
    if !name.is_empty() && !names.contains(name) {
        let known = names.into_iter().collect::<Vec<_>>().join(", ");
        let message = format!("names no store that is set up; there are {known}");
        resolver.problem(ProblemKind::Contradiction, path, message);
    }
}

/// The names of stores with at least one setting.
fn mentioned(resolver: &Resolver) -> BTreeSet<String> {
    let name = |path: &String| Some(path.strip_prefix("stores.")?.split_once('.')?.0.to_owned());
    resolver.raw.values.keys().filter_map(name).collect()
}

struct StoreResolver<'a> {
    resolver: &'a mut Resolver,
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
        let shared = self.name == "assets" && !self.resolver.raw.has(&self.path("endpoint"));
        if shared && !self.resolver.raw.has(&own) { format!("stores.media.{key}") } else { own }
    }

    fn backend(mut self) -> StoreBackend {
        let path = self.path("path");
        let has_path = self.resolver.raw.has(&path);
        let kind = self.resolver.choice(&self.path("kind"));
        match kind.unwrap_or(if has_path { StoreKind::Directory } else { StoreKind::S3 }) {
            StoreKind::S3 => {
                if has_path {
                    self.contradiction("path", "belongs to a store of kind `directory`, and this one is of kind `s3`");
                }
                StoreBackend::Bucket(self.bucket())
            }
            StoreKind::Directory => {
                let keys = SETTINGS.iter().filter_map(|setting| setting.path.strip_prefix("stores.NAME."));
                for key in keys.filter(|key| !["kind", "path"].contains(key)) {
                    if self.resolver.raw.has(&self.path(key)) {
                        self.contradiction(key, "belongs to a store of kind `s3`, and this one is a directory");
                    }
                }
                StoreBackend::Directory(self.resolver.required(&path).into())
            }
        }
    }

    fn contradiction(&mut self, key: &str, message: &str) {
        let path = self.path(key);
        self.resolver.problem(ProblemKind::Contradiction, &path, message);
    }

    fn bucket(&mut self) -> S3Settings {
        let endpoint = self.endpoint();
        let access_key_id = self.resolver.required(&self.account_path("access_key_id"));
        let (secret, bucket) = (self.secret_access_key(), self.bucket_name());
        let mut settings = S3Settings::new(endpoint, bucket, access_key_id, secret.expose());
        if let Some(dialect) = self.resolver.choice(&self.account_path("dialect")) {
            settings.dialect = dialect;
        }
        settings.region = Some(self.region(settings.dialect, &settings.endpoint));
        settings.part_size = self.resolver.count(&self.path("part_mib")) * MIB;
        settings.multipart_above = self.resolver.count(&self.path("multipart_above_mib")) * MIB;
        settings.at_once = self.resolver.size(&self.path("at_once"));
        settings
    }

    fn endpoint(&mut self) -> String {
        let path = self.account_path("endpoint");
        let endpoint = self.resolver.required(&path);
        let plain_http = endpoint.starts_with("http:");
        if plain_http && self.environment != Environment::Dev && !is_this_machine(&host_of(&endpoint)) {
            let message = format!(
                "is http, so that anybody on the way can read what is sent: use https (http is for this machine, and \
for `environment` `dev`; here it is `{}`)",
                self.environment
            );
            self.resolver.problem(ProblemKind::Unsafe, &path, message);
        }
        endpoint
    }

    fn region(&mut self, dialect: Dialect, endpoint: &str) -> String {
        let path = self.account_path("region");
        let known = self
            .resolver
            .optional_text(&path)
            .or_else(|| dialect.default_region(&host_of(endpoint)).map(str::to_owned));
        // Without an endpoint there is no host to take it from, and the missing endpoint is a problem of its own.
        if known.is_none() && !endpoint.is_empty() && !self.resolver.raw.has(&path) {
            let message = "is missing, and the endpoint's host is not of the form `s3.REGION.backblazeb2.com`: set it in \
the settings file";
            self.resolver.raw.problem(ProblemKind::Missing, &path, None, message);
        }
        known.unwrap_or_default()
    }

    fn bucket_name(&mut self) -> String {
        let path = self.path("bucket");
        match (self.resolver.optional_text(&path), self.name) {
            (Some(bucket), _) => bucket,
            (None, "media") => format!("codex-media-{}", self.environment),
            (None, "archive") => format!("codex-mezzanine-{}", self.environment),
            (None, _) => self.resolver.required(&path),
        }
    }

    fn secret_access_key(&mut self) -> SecretText {
        let path = self.account_path("secret_access_key");
        let secret = self.resolver.secret(&path);
        // Seen in practice: a line break that was copied along with the key. The store's answer would be "wrong
        // signature", which doesn't point to the cause.
        if !is_key_text(secret.expose()) {
            let message = "has a character that no key has, such as a blank or a line break; copy it again";
            self.resolver.problem(ProblemKind::BadValue, &path, message);
        }
        secret
    }
}

pub fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    let host = host.to_ascii_lowercase();
    address.map_or(host == "localhost" || host.ends_with(".localhost"), |address| address.is_loopback())
}

fn host_of(endpoint: &str) -> String {
    let url = Url::parse(endpoint).ok();
    url.as_ref().and_then(Url::host_str).unwrap_or_default().to_owned()
}
