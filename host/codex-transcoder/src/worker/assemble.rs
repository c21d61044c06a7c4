//! Makes a [`Service`] of the settings and checks every part of it before the first job.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fault::text::printable;
use fault::{Failure, codes};
use job::{EndedJobs, JobEnvironment, JobRecorder};
use media::context::MediaTools;
use media::keys::KeyService;
use media::tier::Tier;
use policy::fleet::FleetNotes;
use policy::signature::PublicKey;
use policy::{Compiler, LastGood, PolicyError, PolicyGate, PolicyLocation, PolicyPublisher, Rules, Watcher, fetch};
use rehearsal::Trial;
use sandbox::Level;
use storage::s3::S3Store;
use storage::{LocalDirectory, ORIGINALS, Records, Stores, prove_writable};
use webhook::{AllowedAddresses, Deliverer, Outbox, Secret, http_client};

use super::Service;
use super::fleet::{FleetMember, Identity};
use crate::choice::{Choice as _, Environment};
use crate::keys::Keys;
use crate::observe::{Metrics, Telemetry};
use crate::settings::{KeySettings, OUTPUT_STORES, PolicySettings, Settings, StoreBackend, WebhookSettings};

/// Before the second attempt of a job: a store that throttles, or a full disk, needs some seconds.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// Characters of a worker's name in its note.
const MAX_WORKER_NAME: usize = 64;

/// For a store's proof of some requests.
const STORE_CHECK_TIMEOUT: Duration = Duration::from_secs(20);

/// Why a worker can't start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedStartupCheck {
    /// As reported to the platform: `settings`, `ffmpeg`, `sandbox`, `gpu`, `policy`, `webhook`, `stores`, `work-directory`.
    pub check: &'static str,
    pub failure: Failure,
}

/// A service that passed every check.
pub struct Assembled {
    pub service: Service,
    /// Keeps the service's policies up to date while it runs.
    pub watcher: Watcher,
}

impl FailedStartupCheck {
    fn of(check: &'static str) -> impl Fn(Failure) -> Self {
        move |failure| Self { check, failure }
    }
}

/// Runs the checks, concurrently where possible.
pub async fn assemble(
    settings: &Settings,
    recordings: Option<Arc<dyn JobRecorder>>,
) -> Result<Assembled, FailedStartupCheck> {
    // First, since the test encodes take as long as everything else together.
    let tools = settings.job.tools.clone();
    let tools = tokio::spawn(async move { tools.prove().await });
    let deliverer = deliverer(&settings.webhook).map_err(FailedStartupCheck::of("webhook"))?;
    let stores = stores(settings).map_err(FailedStartupCheck::of("stores"))?;
    let outbox = outbox(settings, &stores).map_err(FailedStartupCheck::of("stores"))?;
    let records = records(settings, &stores).map_err(FailedStartupCheck::of("stores"))?;
    let work_root = settings.job.work_root();
    let (tools, watcher, checked, cleaned) =
        tokio::join!(tools, policies(settings, &stores), check_stores(settings, &stores), clean(work_root.clone()));
    let tools = tools.unwrap_or_else(|lost| {
        Err(Failure::new(&codes::host::BUG, format!("the check of ffmpeg did not finish: {lost}")))
    });
    let mut tools = tools.map_err(FailedStartupCheck::of("ffmpeg"))?;
    tools.keys = key_place(settings).map_err(FailedStartupCheck::of("keys"))?;
    check_sandbox(settings, &tools).map_err(FailedStartupCheck::of("sandbox"))?;
    check_gpu(settings, &tools).map_err(FailedStartupCheck::of("gpu"))?;
    let watcher = watcher.map_err(FailedStartupCheck::of("policy"))?;
    checked.map_err(FailedStartupCheck::of("stores"))?;
    cleaned.map_err(FailedStartupCheck::of("work-directory"))?;
    let metrics = Metrics::new();
    let fleet = FleetMember::new(
        fleet_notes(settings, &stores).map_err(FailedStartupCheck::of("stores"))?,
        identity_of_worker(&tools),
        watcher.active_policies(),
        PolicyPublisher::at(&settings.policy.place, &stores).ok(),
        Arc::clone(&metrics),
    );
    let fleet = fleet.map_err(FailedStartupCheck::of("stores"))?;
    let environment = JobEnvironment {
        tools: Arc::new(tools),
        stores,
        work_root,
        memory: Some(records.clone()),
        cache: settings.cache.clone(),
        attempts: settings.job.attempts,
        pause: RETRY_PAUSE,
        limits: settings.job.limits,
        prices: settings.prices,
        write_report: settings.job.report,
        write_page: settings.job.page,
        recordings,
    };
    let telemetry = telemetry(settings, &metrics).map_err(FailedStartupCheck::of("settings"))?;
    let service = Service {
        environment,
        policies: watcher.active_policies(),
        deliverer,
        outbox,
        ended: EndedJobs::new(records),
        webhook_required: settings.environment != Environment::Dev,
        max_input: settings.job.max_input_bytes,
        metrics,
        telemetry,
        fleet: Arc::new(fleet),
    };
    Ok(Assembled { service, watcher })
}

fn telemetry(settings: &Settings, metrics: &Arc<Metrics>) -> Result<Option<Telemetry>, Failure> {
    let Some(telemetry) = &settings.telemetry else { return Ok(None) };
    let client = http_client(AllowedAddresses::All)?;
    Ok(Some(Telemetry::start(telemetry, settings.environment.word(), client, metrics)))
}

pub fn deliverer(settings: &WebhookSettings) -> Result<Deliverer, Failure> {
    let secret = settings.secret.expose();
    let secret = if settings.allow_short_secret { Secret::allowing_short(secret) } else { Secret::new(secret) };
    Deliverer::new(settings.rules.clone(), secret?)
}

/// The host's own records. Only a host with the same webhook secret can write them.
fn records(settings: &Settings, stores: &Stores) -> Result<Records, Failure> {
    Ok(Records::new(stores.get(&settings.state_store)?, settings.webhook.secret.expose().as_bytes()))
}

/// What is kept of jobs after their end.
pub fn ended_jobs(settings: &Settings, stores: &Stores) -> Result<EndedJobs, Failure> {
    Ok(EndedJobs::new(records(settings, stores)?))
}

/// What the workers of this environment note about themselves.
pub fn fleet_notes(settings: &Settings, stores: &Stores) -> Result<FleetNotes, Failure> {
    Ok(FleetNotes::new(records(settings, stores)?, settings.environment.word()))
}

/// The worker's name on RunPod, else the machine's.
fn identity_of_worker(tools: &MediaTools) -> Identity {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let machine = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned();
    Identity {
        worker: printable(&variable("RUNPOD_POD_ID").unwrap_or_else(machine), MAX_WORKER_NAME),
        program: env!("CARGO_PKG_VERSION"),
        tier: tools.proof.tiers().next().map_or("none", Tier::name),
    }
}

/// Where the keys of encrypted ladders are, if the settings name a place.
pub fn key_place(settings: &Settings) -> Result<Option<Arc<dyn KeyService>>, Failure> {
    let Some(KeySettings { place, uri, token }) = settings.keys.clone() else { return Ok(None) };
    Ok(Some(Keys::new(place, uri, token)?))
}

/// Undelivered webhooks.
pub fn outbox(settings: &Settings, stores: &Stores) -> Result<Outbox, Failure> {
    Ok(Outbox::new(records(settings, stores)?, &settings.outbox_prefix))
}

/// Opens the stores without contacting them. The one of the originals is also there as [`ORIGINALS`].
pub fn stores(settings: &Settings) -> Result<Stores, Failure> {
    let mut stores = Stores::default();
    for (name, backend) in &settings.stores {
        stores = match backend {
            StoreBackend::Bucket(bucket) => stores.with(name, S3Store::new(bucket.clone())?),
            StoreBackend::Directory(folder) => stores.with(name, open_directory(folder)?),
        };
    }
    let originals = stores.get(&settings.originals)?;
    Ok(stores.with_shared(ORIGINALS, originals))
}

fn open_directory(folder: &Path) -> Result<LocalDirectory, Failure> {
    let unusable = |error| format!("the folder {} of a store can't be used: {error}", folder.display());
    LocalDirectory::open(folder).map_err(|error| Failure::new(&codes::storage::IO, unusable(error)))
}

/// Compiles, tries and admits policies by the rules of an environment with these stores.
pub fn gate(settings: &PolicySettings, stores: &Stores) -> Result<PolicyGate, Failure> {
    let engine = policy::engine::new().map_err(PolicyError::Engine)?;
    let keys = settings.public_keys.iter().map(|text| PublicKey::parse(text)).collect::<Result<_, _>>()?;
    let rules = Rules {
        keys,
        require_signature: settings.require_signature,
        settings: settings.settings.clone(),
        optional: settings.optional.clone(),
    };
    let trial = Trial::with_stores(stores.writable_names());
    Ok(PolicyGate::new(Compiler::new(engine).with_cache(&cache_dir(settings)), rules, Arc::new(trial)))
}

/// The folder for compiled policies and for the last good one.
fn cache_dir(settings: &PolicySettings) -> PathBuf {
    settings.cache_dir.clone().unwrap_or_else(|| std::env::temp_dir().join("codex-transcoder-policies"))
}

/// Loads the policies of this environment.
pub async fn policies(settings: &Settings, stores: &Stores) -> Result<Watcher, Failure> {
    let place = &settings.policy.place;
    let gate = gate(&settings.policy, stores)?;
    let kept = gate.cache().zip(identity(settings)).map(|(cache, identity)| LastGood::of(cache, &identity));
    Ok(Watcher::open(fetch::source(place, stores, settings.policy.credentials.as_ref())?, gate, kept).await?)
}

/// Distinguishes this environment's place of policies from others with the same cache. `None` for the default policy.
fn identity(settings: &Settings) -> Option<String> {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string();
    let place = match &settings.policy.place {
        PolicyLocation::BuiltIn(_) => return None,
        PolicyLocation::Component(path) | PolicyLocation::File(path) => absolute(path),
        PolicyLocation::Url(url) => url.to_string(),
        PolicyLocation::Object { store, key } => match settings.stores.get(store) {
            Some(StoreBackend::Bucket(bucket)) => format!("{}/{}/{key}", bucket.endpoint, bucket.bucket),
            Some(StoreBackend::Directory(folder)) => absolute(&folder.join(key.as_str())),
            None => format!("{store}:{key}"),
        },
    };
    Some(format!("{} {place}", settings.environment.word()))
}

/// Refuses a machine that confines ffmpeg less than the settings require, and says so where they don't.
pub fn check_sandbox(settings: &Settings, tools: &MediaTools) -> Result<(), Failure> {
    let (level, reason) = tools.ffmpeg.confinement();
    if level == Level::Full {
        return Ok(());
    }
    let message = format!("ffmpeg's sandbox is {} here: {reason}", level.name());
    if settings.job.require_sandbox {
        return Err(Failure::new(&codes::host::NO_SANDBOX, message));
    }
    tracing::warn!("{message}");
    Ok(())
}

/// Refuses a machine whose GPU doesn't encode if the settings require one that does, and says so where they don't.
pub fn check_gpu(settings: &Settings, tools: &MediaTools) -> Result<(), Failure> {
    let Some(reason) = tools.proof.gpu_missing() else { return Ok(()) };
    let names: Vec<&str> = tools.devices.iter().map(|device| device.name.as_str()).collect();
    let card = if names.is_empty() { "no GPU".to_owned() } else { format!("not the GPU ({})", names.join(", ")) };
    let price = settings.prices.worker_hour.map_or(String::new(), |price| format!(", at {price} an hour"));
    let message = format!("{card} encodes here: {reason}; the CPU does it{price}");
    if settings.job.require_gpu {
        return Err(Failure::new(&codes::host::NO_GPU, message));
    }
    if !names.is_empty() {
        tracing::warn!("{message}");
    }
    Ok(())
}

/// Proves that every store can be written and cleaned, except a store that only holds originals: that one must answer.
/// All stores that fail are reported together.
async fn check_stores(settings: &Settings, stores: &Stores) -> Result<(), Failure> {
    let mut checks = tokio::task::JoinSet::new();
    for name in settings.stores.keys() {
        let check = check_store(settings, stores, name);
        let name = name.clone();
        checks.spawn(async move { Some((name, check.await.err()?)) });
    }
    let failures: BTreeMap<String, Failure> = checks.join_all().await.into_iter().flatten().collect();
    let problems: Vec<String> =
        failures.iter().map(|(name, failure)| format!("the store `{name}`: {}", failure.message)).collect();
    match failures.into_values().next() {
        None => Ok(()),
        Some(first) => Err(Failure { message: problems.join("; "), ..first }),
    }
}

/// The check of one store.
pub fn check_store(
    settings: &Settings,
    stores: &Stores,
    name: &str,
) -> impl Future<Output = Result<(), Failure>> + Send + use<> {
    let (store, is_written) = (stores.get(name), is_written(settings, name));
    async move {
        let store = store?;
        let check = async { if is_written { prove_writable(&*store).await } else { store.check().await } };
        match tokio::time::timeout(STORE_CHECK_TIMEOUT, check).await {
            Ok(checked) => Ok(checked?),
            Err(_) => {
                let message = format!("no answer within {} s", STORE_CHECK_TIMEOUT.as_secs());
                Err(Failure::new(&codes::storage::UNAVAILABLE, message))
            }
        }
    }
}

/// Whether policies or the host write to a store. A store of another name may be there for the originals alone, with a
/// key that only reads.
pub fn is_written(settings: &Settings, name: &str) -> bool {
    name != settings.originals || name == settings.state_store || OUTPUT_STORES.contains(&name)
}

/// Removes what a killed worker left on this disk.
async fn clean(root: PathBuf) -> Result<(), Failure> {
    job::work::WorkDirectory::create(&root)?;
    match tokio::task::spawn_blocking(move || job::work::sweep(&root)).await {
        Ok(Ok(0)) | Err(_) => {}
        Ok(Ok(removed)) => tracing::info!(removed, "removed work directories of a killed worker"),
        Ok(Err(error)) => tracing::warn!(%error, "can't remove work directories of a killed worker"),
    }
    Ok(())
}
