//! `doctor --config`: tries what a worker with these settings would use, and takes no job.

use std::path::Path;
use std::time::Duration;

use fault::{Failure, codes};
use job::work::WorkDirectory;
use media::context::MediaTools;
use reqwest::Method;
use runpod::Endpoint;
use storage::Stores;
use webhook::{HttpRule, http_client};

use super::finding::Finding;
use crate::choice::Choice as _;
use crate::settings::{Settings, WebhookSettings};
use crate::worker;

/// For a receiver's answer.
const RECEIVER_TIMEOUT: Duration = Duration::from_secs(10);

const STORE: &str =
    "wrote an object in one request and one in parts, listed, read and deleted both, under .codex/checks/";
const ORIGINALS: &str = "asked for the bucket: it holds originals only, and nothing is written there";
const RECEIVER: &str = "a HEAD request without a body, by the rules for webhooks; no message is sent";
const POLICY: &str = "loaded it by the environment's rules, and rehearsed whole jobs with these stores and settings";

/// The settings of the environment, or why there are none.
pub fn settings(config: Option<&Path>) -> Result<(Settings, Vec<Finding>), Finding> {
    let settings = Settings::load(config).map_err(|failure| Finding::of("settings", &failure))?;
    let from = config.map_or("variables".to_owned(), |file| format!("{} and variables", file.display()));
    let words = format!("complete and valid, for {}, from {from}", settings.environment.word());
    let mut findings = vec![Finding::works("settings", words)];
    findings.extend(settings.notes.iter().map(|note| Finding::note("settings", note.clone())));
    Ok((settings, findings))
}

/// Everything but the machine. `receiver` is the address that a job would name.
pub async fn checks(settings: &Settings, receiver: Option<&str>) -> Vec<Finding> {
    let mut findings = vec![platform(), work_directory(settings)];
    let stores = match worker::stores(settings) {
        Ok(stores) => stores,
        Err(failure) => {
            findings.push(Finding::of("stores", &failure));
            return findings;
        }
    };
    let (of_stores, of_webhooks, policy) =
        tokio::join!(check_stores(settings, &stores), webhooks(&settings.webhook, receiver), policy(settings, &stores));
    findings.extend(of_stores.into_iter().chain(of_webhooks).chain(policy));
    if let Err(failure) = worker::key_place(settings) {
        findings.push(Finding::of("keys", &failure));
    }
    findings
}

/// What the machine must have for these settings, besides what works without.
pub fn requirements(settings: &Settings, tools: &MediaTools) -> Vec<Finding> {
    let checks = [("sandbox", worker::check_sandbox(settings, tools)), ("gpu", worker::check_gpu(settings, tools))];
    checks.into_iter().filter_map(|(check, checked)| Some(Finding::of(check, &checked.err()?))).collect()
}

fn platform() -> Finding {
    match Endpoint::from_variables(|name| std::env::var(name).ok()) {
        Ok(Some(_)) => Finding::works("runpod", "its variables are complete; no job was asked for"),
        Ok(None) => Finding::works("runpod", "not a worker of RunPod: its variables are set there"),
        Err(failure) => Finding::of("runpod", &failure),
    }
}

fn work_directory(settings: &Settings) -> Finding {
    let root = settings.job.work_root();
    match WorkDirectory::create(&root) {
        Ok(_) => Finding::works("work", format!("a work directory can be made in {}", root.display())),
        Err(failure) => Finding::of("work", &failure),
    }
}

async fn check_stores(settings: &Settings, stores: &Stores) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in settings.stores.keys() {
        let check = format!("store {name}");
        let tried = if worker::is_written(settings, name) { STORE } else { ORIGINALS };
        let finding = match worker::check_store(settings, stores, name).await {
            Ok(()) => Finding::works(check, format!("works: {tried}")),
            Err(failure) => Finding::of(check, &failure),
        };
        findings.push(finding.tried(tried));
    }
    findings
}

/// The secret and the rules, and a request to each receiver that is known.
async fn webhooks(settings: &WebhookSettings, receiver: Option<&str>) -> Vec<Finding> {
    if let Err(failure) = worker::deliverer(settings) {
        return vec![Finding::of("webhook", &failure)];
    }
    let mut findings = vec![Finding::works("webhook", rules(settings))];
    let listed = settings.rules.hosts.iter().flatten().filter(|host| !host.starts_with('.'));
    let addresses: Vec<String> = match receiver {
        Some(address) => vec![address.to_owned()],
        None => listed.map(|host| format!("https://{host}/")).collect(),
    };
    if addresses.is_empty() {
        let note = "not tried: jobs name it, and these settings name none";
        findings.push(Finding::note("receiver", note).advice("name one with --receiver URL"));
    }
    for address in addresses {
        findings.push(match ask(settings, &address).await {
            Ok(result) => Finding::works("receiver", result),
            Err(failure) => Finding::of("receiver", &failure),
        });
    }
    findings.into_iter().map(|finding| finding.tried(RECEIVER)).collect()
}

fn rules(settings: &WebhookSettings) -> String {
    let http = match settings.rules.http {
        HttpRule::Never => "https only",
        HttpRule::Loopback => "https, and http to this machine",
        HttpRule::Everywhere => "https and http",
    };
    let addresses = if settings.rules.private { "public and private addresses" } else { "public addresses" };
    let hosts = match &settings.rules.hosts {
        None => "every host".to_owned(),
        Some(hosts) => format!("the hosts {}", hosts.join(", ")),
    };
    format!("the secret is long enough; messages go over {http}, to {addresses} of {hosts}")
}

/// Any answer will do: a receiver of messages needn't know HEAD.
async fn ask(settings: &WebhookSettings, address: &str) -> Result<String, Failure> {
    let url = settings.rules.check(address)?;
    let client = http_client(settings.rules.allowed_addresses())?;
    let asked = client.request(Method::HEAD, address).timeout(RECEIVER_TIMEOUT).send().await;
    let host = url.host();
    let answer = asked.map_err(|error| {
        let reason = fault::chain(&error.without_url());
        Failure::new(&codes::webhook::UNDELIVERED, format!("{host} can't be reached: {reason}"))
    })?;
    Ok(format!("{host} answers ({} to a HEAD request)", answer.status().as_u16()))
}

async fn policy(settings: &Settings, stores: &Stores) -> Vec<Finding> {
    let watcher = match worker::policies(settings, stores).await {
        Ok(watcher) => watcher,
        Err(failure) => return vec![Finding::of("policy", &failure).tried(POLICY)],
    };
    let active = watcher.active_policies().snapshot();
    let described = |policy: &policy::Policy| {
        let digest = policy.digest().get(..12).unwrap_or_default();
        format!("{} {}, sha256 {digest}, accepted", policy.name(), policy.version()).replace(" ,", ",")
    };
    let mut findings = vec![Finding::works("policy", described(&active.current))];
    if let Some(canary) = &active.canary {
        let (described, percent) = (described(&canary.policy), canary.percent);
        findings.push(Finding::works("policy", format!("{described}, as the canary for {percent} % of the jobs")));
    }
    for refused in active.refused.iter() {
        let message = format!("{} is refused, and an earlier one runs: {}", refused.name, refused.message);
        let failure = Failure { code: refused.code.clone(), message, blame: fault::Blame::Policy, retryable: false };
        findings.push(Finding::of("policy", &failure));
    }
    findings.into_iter().map(|finding| finding.tried(POLICY)).collect()
}
