//! From settings to a service that is fit for work: every part of it is made and tried before the first job is taken.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fault::{Code, Failure, Fault, codes};
use job::Host;
use policy::signature::{PublicKey, SignatureError};
use policy::{Compiler, LastGood, PolicyError, PolicyGate, PolicyLocation, Rules, Watcher, fetch};
use publish::CacheRules;
use storage::ORIGINALS;
use storage::s3::{Dialect, Patience, S3Settings, S3Store};
use storage::{LocalDirectory, Records, Stores};
use webhook::{Deliverer, HttpRule, Outbox, Secret, UrlRules, http_client};

use super::Service;
use crate::cli::environment::{EncoderChoice, EnvironmentArgs};
use crate::observe::Metrics;
use crate::settings::{
    AllowHttp, Bucket, DialectSetting, EncoderSetting, Environment, PolicySettings, Settings, StorePlace,
};

/// Before the second attempt of a job. A store that asks for patience, or a neighbour that has filled the disk, needs
/// some seconds.
const PAUSE: Duration = Duration::from_secs(5);

/// Longest wait for a store's first answer. A worker that waits longer is no use yet.
const STORE_CHECK: Duration = Duration::from_secs(10);

/// A worker that can't work, and which part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// The check, as it is told to the platform: `settings`, `ffmpeg`, `policy`, `webhook`, `stores`, `work-directory`.
    pub check: &'static str,
    /// Why.
    pub failure: Failure,
}

/// A service that is fit for work, and who keeps its policies up to date for as long as it works.
pub struct Assembled {
    /// The service.
    pub service: Service,
    /// Its policies' watcher.
    pub watcher: Watcher,
}

impl Unfit {
    fn of(check: &'static str) -> impl Fn(Failure) -> Self {
        move |failure| Self { check, failure }
    }
}

/// What the service is made of besides the settings.
#[derive(Debug)]
pub struct Parts {
    /// What is counted.
    pub metrics: Metrics,
}

/// Makes and tries everything, at the same time where it can.
pub async fn assemble(settings: &Settings, parts: Parts) -> Result<Assembled, Unfit> {
    let environment = environment(settings);
    // First of all: it waits for ffmpeg, which takes as long as everything else together.
    let tools = {
        let environment = environment.clone();
        tokio::spawn(
            async move { environment.toolbox().await.map_err(|ended| ended.into_failure(&codes::host::FFMPEG)) },
        )
    };
    let rules = url_rules(settings);
    let deliverer = deliverer(settings, &rules).map_err(Unfit::of("webhook"))?;
    let stores = stores(settings).map_err(Unfit::of("stores"))?;
    let outbox = outbox(settings, &stores).map_err(Unfit::of("stores"))?;
    let records = records(settings, &stores).map_err(Unfit::of("stores"))?;
    let work_root = environment.work_root();
    let (tools, watcher, tried, swept) =
        tokio::join!(tools, policies(settings, &stores), try_stores(settings, &stores), clean(work_root.clone()),);
    let tools = tools.unwrap_or_else(|lost| {
        Err(Failure::new(&codes::host::BUG, format!("looking at ffmpeg was not finished: {lost}")))
    });
    let tools = tools.map_err(Unfit::of("ffmpeg"))?;
    let watcher = watcher.map_err(Unfit::of("policy"))?;
    tried.map_err(Unfit::of("stores"))?;
    swept.map_err(Unfit::of("work-directory"))?;
    let host = Host {
        tools: Arc::new(tools),
        stores,
        work_root,
        memory: Some(records),
        cache: CacheRules {
            segments: Some(settings.cache.segments.clone()),
            playlists: Some(settings.cache.playlists.clone()),
            objects: Some(settings.cache.objects.clone()),
        },
        attempts: settings.job.attempts,
        pause: PAUSE,
        max_original: settings.job.max_original_bytes,
        report_beside: settings.job.report,
        recordings: None,
    };
    let service = Service {
        host,
        policies: watcher.active_policies(),
        deliverer,
        rules,
        outbox,
        webhook_required: settings.environment != Environment::Dev,
        max_input: settings.job.max_input_bytes,
        metrics: parts.metrics,
    };
    Ok(Assembled { service, watcher })
}

/// Where webhooks may go.
pub fn url_rules(settings: &Settings) -> UrlRules {
    let webhook = &settings.webhook;
    let rules = if webhook.allow_private { UrlRules::local() } else { UrlRules::production() };
    let rules = rules.with_http(match webhook.allow_http {
        AllowHttp::Never => HttpRule::Never,
        AllowHttp::Loopback => HttpRule::Loopback,
        AllowHttp::Everywhere => HttpRule::Everywhere,
    });
    match &webhook.allowed_hosts {
        Some(hosts) => rules.with_hosts(hosts),
        None => rules,
    }
}

/// Who signs and sends webhooks.
pub fn deliverer(settings: &Settings, rules: &UrlRules) -> Result<Deliverer, Failure> {
    let secret = settings.webhook.secret.expose();
    let secret = if settings.webhook.allow_short_secret { Secret::allowing_short(secret) } else { Secret::new(secret) };
    Ok(Deliverer::new(http_client(rules.reach())?, secret?))
}

/// The host's own records, which only a host with the same webhook secret can write.
fn records(settings: &Settings, stores: &Stores) -> Result<Records, Failure> {
    Ok(Records::new(stores.get(&settings.state_store)?, settings.webhook.secret.expose().as_bytes()))
}

/// Where undelivered webhooks lie.
pub fn outbox(settings: &Settings, stores: &Stores) -> Result<Outbox, Failure> {
    Ok(Outbox::new(records(settings, stores)?, &settings.outbox_prefix))
}

/// The stores by name, the originals' among them. Nobody is contacted.
pub fn stores(settings: &Settings) -> Result<Stores, Failure> {
    let mut stores = Stores::default();
    for (name, place) in &settings.stores.places {
        stores = match place {
            StorePlace::Bucket(bucket) => stores.with(name, S3Store::new(s3_settings(bucket))?),
            StorePlace::Directory(folder) => stores.with(
                name,
                LocalDirectory::open(folder).map_err(|source| NoFolder { folder: folder.clone(), source })?,
            ),
        };
    }
    let originals = stores.get(&settings.stores.originals)?;
    Ok(stores.with_shared(ORIGINALS, originals))
}

fn s3_settings(bucket: &Bucket) -> S3Settings {
    S3Settings {
        endpoint: bucket.endpoint.clone(),
        region: Some(bucket.region.clone()),
        bucket: bucket.bucket.clone(),
        access_key_id: bucket.access_key_id.clone(),
        secret_access_key: bucket.secret_access_key.expose().into(),
        dialect: match bucket.dialect {
            DialectSetting::R2 => Dialect::R2,
            DialectSetting::B2 => Dialect::B2,
            DialectSetting::Plain => Dialect::Plain,
        },
        part_size: bucket.part_bytes,
        multipart_above: bucket.multipart_above_bytes,
        at_once: bucket.at_once,
        patience: Patience::default(),
    }
}

/// A folder that is to be a store and can't be used.
#[derive(Debug, thiserror::Error)]
#[error("the folder {} of a store can't be used", folder.display())]
struct NoFolder {
    folder: PathBuf,
    source: std::io::Error,
}

impl Fault for NoFolder {
    fn code(&self) -> &'static Code {
        &codes::storage::IO
    }
}

fn environment(settings: &Settings) -> EnvironmentArgs {
    let job = &settings.job;
    EnvironmentArgs {
        ffmpeg: job.ffmpeg.clone(),
        ffprobe: job.ffprobe.clone(),
        work_dir: job.work_dir.clone(),
        encoder: match job.encoder {
            EncoderSetting::Auto => EncoderChoice::Auto,
            EncoderSetting::Gpu => EncoderChoice::Gpu,
            EncoderSetting::Cpu => EncoderChoice::Cpu,
        },
    }
}

/// The way in for this environment's policies.
pub fn gate(settings: &PolicySettings) -> Result<PolicyGate, Failure> {
    let engine = policy::engine::new().map_err(PolicyError::Engine)?;
    let keys: Result<Vec<PublicKey>, SignatureError> =
        settings.public_keys.iter().map(|text| PublicKey::parse(text)).collect();
    let rules = Rules {
        keys: keys?,
        require_signature: settings.require_signature,
        settings: settings.settings.clone(),
        optional: settings.optional.clone(),
    };
    Ok(PolicyGate::new(Compiler::new(engine).with_cache(&cache_of(settings)), rules))
}

/// Where compiled policies are kept, and the last good one of this environment.
fn cache_of(settings: &PolicySettings) -> PathBuf {
    settings.cache_dir.clone().unwrap_or_else(|| std::env::temp_dir().join("codex-transcoder-policies"))
}

/// The policies of this environment, taken as they are now.
async fn policies(settings: &Settings, stores: &Stores) -> Result<Watcher, Failure> {
    let place = &settings.policy.place;
    let gate = gate(&settings.policy)?;
    let kept = gate.cache().zip(identity(settings)).map(|(cache, identity)| LastGood::of(cache, &identity));
    Ok(Watcher::open(fetch::source(place, stores)?, gate, kept).await?)
}

/// What tells this environment's place for policies from every other on the same disk; none for what is built in.
fn identity(settings: &Settings) -> Option<String> {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string();
    let place = match &settings.policy.place {
        PolicyLocation::BuiltIn => return None,
        PolicyLocation::Component(path) | PolicyLocation::File(path) => absolute(path),
        PolicyLocation::Url(url) => url.to_string(),
        PolicyLocation::Object { store, key } => match settings.stores.places.get(store) {
            Some(StorePlace::Bucket(bucket)) => format!("{}/{}/{key}", bucket.endpoint, bucket.bucket),
            Some(StorePlace::Directory(folder)) => absolute(&folder.join(key.as_str())),
            None => format!("{store}:{key}"),
        },
    };
    Some(format!("{} {place}", settings.environment))
}

/// Asks every store, at the same time, whether it is there and lets us in.
async fn try_stores(settings: &Settings, stores: &Stores) -> Result<(), Failure> {
    let mut asking = tokio::task::JoinSet::new();
    for name in settings.stores.places.keys() {
        let (store, name) = (stores.get(name)?, name.clone());
        asking.spawn(async move {
            let answer = tokio::time::timeout(STORE_CHECK, store.check()).await;
            let mut failure: Failure = match answer {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => error.into(),
                Err(_) => {
                    Failure::new(&codes::storage::UNAVAILABLE, format!("no answer within {} s", STORE_CHECK.as_secs()))
                }
            };
            failure.message = format!("the store `{name}`: {}", failure.message);
            Err(failure)
        });
    }
    while let Some(answer) = asking.join_next().await {
        answer.unwrap_or(Ok(()))?;
    }
    Ok(())
}

/// What a killed worker left on this disk.
async fn clean(root: PathBuf) -> Result<(), Failure> {
    job::work::WorkDirectory::make(&root)?;
    match tokio::task::spawn_blocking(move || job::work::sweep(&root)).await {
        Ok(Ok(0)) | Err(_) => {}
        Ok(Ok(removed)) => tracing::info!(removed, "work directories of a killed worker are removed"),
        Ok(Err(error)) => tracing::warn!(%error, "work directories of a killed worker could not be removed"),
    }
    Ok(())
}
