//! The stores among the settings.

use std::collections::{BTreeMap, BTreeSet};

use fault::secret::SecretText;
use reqwest::Url;
use storage::s3::{Dialect, is_key_text};

use super::choice::{Environment, StoreKind};
use super::keys;
use super::problem::ProblemKind;
use super::resolve::Resolver;
use super::types::{Bucket, StorePlace, StoreSettings};

/// What only a bucket has.
const OF_BUCKETS: [&str; 9] = [
    "endpoint",
    "dialect",
    "region",
    "bucket",
    "access_key_id",
    "secret_access_key",
    "part_mib",
    "multipart_above_mib",
    "at_once",
];

/// What a bucket of the archive can't be without.
const NEEDED: [&str; 3] = ["endpoint", "access_key_id", "secret_access_key"];

/// The stores that were set, and those that are needed.
pub fn resolve(resolver: &mut Resolver, environment: Environment) -> StoreSettings {
    let mut places = BTreeMap::new();
    let mut names = mentioned(resolver);
    if resolver.archives() && names.insert("archive".to_owned()) {
        let needed = NEEDED.map(|name| {
            let variables = keys::key(&format!("stores.archive.{name}")).map(|(key, store)| key.variables(&store));
            format!("`{name}` ({})", variables.unwrap_or_default().join(" or "))
        });
        let message = format!(
            "is not set up, and the policy built in keeps a mezzanine there: set its {}; or, for a folder, its `path`; \
or `policy.settings.mezzanine` to false",
            needed.join(", ")
        );
        resolver.raw.problem(ProblemKind::Missing, "stores.archive", None, message);
        names.remove("archive");
    }
    names.insert("media".to_owned());
    for name in names {
        let store = Reader { resolver: &mut *resolver, name: &name, environment };
        places.insert(name.clone(), store.place());
    }
    let originals = resolver.text("stores.originals");
    must_exist(resolver, "stores.originals", &originals);
    StoreSettings { places, originals }
}

/// Notes a problem where a setting names a store that nothing else mentions.
pub fn must_exist(resolver: &mut Resolver, path: &str, name: &str) {
    let mut names = mentioned(resolver);
    names.insert("media".to_owned());
    if !name.is_empty() && !names.contains(name) {
        let known = names.into_iter().collect::<Vec<_>>().join(", ");
        resolver.problem(ProblemKind::Contradiction, path, format!("names no store that is set up; there are {known}"));
    }
}

/// The names of the stores that something was set for.
fn mentioned(resolver: &Resolver) -> BTreeSet<String> {
    let name = |path: &String| Some(path.strip_prefix("stores.")?.split_once('.')?.0.to_owned());
    resolver.raw.entries.keys().filter_map(name).collect()
}

struct Reader<'a> {
    resolver: &'a mut Resolver,
    name: &'a str,
    environment: Environment,
}

impl Reader<'_> {
    fn at(&self, key: &str) -> String {
        format!("stores.{}.{key}", self.name)
    }

    /// Where a part of the account is set: `assets` is on the account of `media` unless it has an endpoint of its own.
    fn account(&self, key: &str) -> String {
        let own = self.at(key);
        let shared = self.name == "assets" && !self.resolver.raw.has(&self.at("endpoint"));
        if shared && !self.resolver.raw.has(&own) { format!("stores.media.{key}") } else { own }
    }

    fn place(mut self) -> StorePlace {
        let path = self.at("path");
        let has_path = self.resolver.raw.has(&path);
        let kind = self.resolver.choice(&self.at("kind"));
        let kind = kind.unwrap_or(if has_path { StoreKind::Directory } else { StoreKind::S3 });
        match kind {
            StoreKind::S3 => {
                if has_path {
                    self.contradicts("path", "belongs to a store of kind `directory`, and this one is of kind `s3`");
                }
                StorePlace::Bucket(self.bucket())
            }
            StoreKind::Directory => {
                for key in OF_BUCKETS {
                    if self.resolver.raw.has(&self.at(key)) {
                        self.contradicts(key, "belongs to a store of kind `s3`, and this one is a directory");
                    }
                }
                let folder = self.resolver.path(&path);
                if folder.is_none() {
                    self.resolver.missing(&path);
                }
                StorePlace::Directory(folder.unwrap_or_default())
            }
        }
    }

    fn contradicts(&mut self, key: &str, why: &str) {
        let path = self.at(key);
        self.resolver.problem(ProblemKind::Contradiction, &path, why.to_owned());
    }

    fn bucket(&mut self) -> Bucket {
        let (endpoint, host) = self.endpoint();
        let dialect = self.resolver.choice(&self.account("dialect")).unwrap_or_else(|| Dialect::of_host(&host));
        let access_key_id = self.required(&self.account("access_key_id"));
        const MIB: u64 = 1 << 20;
        Bucket {
            region: self.region(dialect, &host),
            endpoint,
            dialect,
            bucket: self.bucket_name(),
            access_key_id,
            secret_access_key: self.secret_access_key(),
            part_bytes: self.resolver.count(&self.at("part_mib")) * MIB,
            multipart_above_bytes: self.resolver.count(&self.at("multipart_above_mib")) * MIB,
            at_once: self.resolver.size(&self.at("at_once")),
        }
    }

    fn required(&mut self, path: &str) -> String {
        let text = self.resolver.optional_text(path);
        if text.is_none() {
            self.resolver.missing(path);
        }
        text.unwrap_or_default()
    }

    fn endpoint(&mut self) -> (String, String) {
        let path = self.account("endpoint");
        let endpoint = self.required(&path);
        let url = Url::parse(&endpoint).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default().to_owned();
        let plain = url.is_some_and(|url| url.scheme() == "http");
        if plain && self.environment != Environment::Dev && !is_this_machine(&host) {
            let message = format!(
                "is http, so that anybody on the way can read what is sent: use https (http is for this machine, and \
for `environment` `dev`; here it is `{}`)",
                self.environment
            );
            self.resolver.problem(ProblemKind::Unsafe, &path, message);
        }
        (endpoint, host)
    }

    fn region(&mut self, dialect: Dialect, host: &str) -> String {
        let path = self.account("region");
        if let Some(region) = self.resolver.optional_text(&path) {
            return region;
        }
        if let Some(region) = dialect.default_region(host) {
            return region.to_owned();
        }
        // Without an endpoint there is nothing to read it from, and that the endpoint is missing is a problem already.
        if !host.is_empty() && !self.resolver.raw.has(&path) {
            let message = "is missing, and the endpoint's host doesn't tell it as \
`s3.REGION.backblazeb2.com` does: set it in the settings file";
            self.resolver.raw.problem(ProblemKind::Missing, &path, None, message.to_owned());
        }
        String::new()
    }

    fn bucket_name(&mut self) -> String {
        let path = self.at("bucket");
        match (self.resolver.optional_text(&path), self.name) {
            (Some(bucket), _) => bucket,
            (None, "media") => format!("codex-media-{}", self.environment),
            (None, "archive") => format!("codex-mezzanine-{}", self.environment),
            (None, _) => self.required(&path),
        }
    }

    fn secret_access_key(&mut self) -> SecretText {
        let path = self.account("secret_access_key");
        let secret = self.resolver.secret(&path);
        // Seen in practice: a line break that came along when the key was copied. The service's answer would be a wrong
        // signature, which says nothing of the cause.
        if !is_key_text(secret.expose()) {
            let message = "has a character that no key has, such as a blank or a line break; copy it again";
            self.resolver.problem(ProblemKind::BadValue, &path, message.to_owned());
        }
        secret
    }
}

/// Whether a host is the one that this program runs on.
pub fn is_this_machine(host: &str) -> bool {
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    literal.map_or(host == "localhost" || host.ends_with(".localhost"), |address| address.is_loopback())
}
