//! Watches an environment's policy location, and admits new policies while the worker runs.
//!
//! A change replaces the [`ActivePolicies`], so it applies to the next job. Running jobs keep their policy.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fault::{Blame, Fault as _};
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecursiveMode, Watcher as _};
use storage::folder_of;
use tokio::sync::{mpsc, watch};

use super::active::{ActiveCanary, ActivePolicies, ActiveSet, PolicyRefusal, Role};
use super::admit::{AdmitError, Admitted, PolicyGate};
use super::canary::{CanaryRule, CanaryTrial};
use super::fetch::{PolicySource, Tag};
use super::last_good::LastGood;
use super::load::Policy;
use super::manifest::{Canary, Deployment, Manifest};

/// How long a folder must be quiet before its files are read. Far below the second that a change may take, and far
/// above the time between two writes of a program to one file.
const QUIET: Duration = Duration::from_millis(50);

/// The longest wait for quiet in a folder that is written to continuously.
const MAX_QUIET_WAIT: Duration = Duration::from_millis(500);

/// How often a policy that exceeds a wall-clock limit is tried. A busy machine may need several attempts, but a policy
/// that takes minutes to compile must not be compiled at every poll.
const MAX_ATTEMPTS: u32 = 5;

/// A change of the active policies or of the refusals.
#[derive(Clone, Debug)]
pub struct Change {
    /// The policies that are active now.
    pub active: ActiveSet,
    /// Whether the active policies changed.
    pub swapped: bool,
    /// The new refusals.
    pub refused: Vec<PolicyRefusal>,
}

/// An active policy with its manifest.
struct ActivePolicy {
    manifest: Manifest,
    policy: Policy,
}

/// The active canary, and what the deployment says about it.
struct WatchedCanary {
    percent: u8,
    judge: Option<CanaryRule>,
    active: ActivePolicy,
}

/// Where policies come from, and what they must pass.
struct Origin {
    source: Arc<dyn PolicySource>,
    gate: PolicyGate,
    last_good: Option<LastGood>,
}

impl Origin {
    async fn admit(&self, manifest: &Manifest) -> Result<Admitted, AdmitError> {
        self.gate.admit(&*self.source, manifest).await
    }

    /// Saves a policy as the last good one.
    async fn save(&self, manifest: &Manifest, admitted: &Admitted) {
        if let Some(last_good) = &self.last_good {
            last_good.save(manifest, admitted).await;
        }
    }

    /// The previous policy, else the last good one on this disk.
    async fn fallback(&self, previous: Option<&Manifest>) -> Option<ActivePolicy> {
        if let Some(manifest) = previous
            && let Ok(admitted) = self.admit(manifest).await
        {
            return Some(ActivePolicy { manifest: manifest.clone(), policy: admitted.policy });
        }
        let saved = self.last_good.as_ref()?.source();
        let (deployment, _) = saved.fetch().await.ok()?;
        let admitted = self.gate.admit(&saved, &deployment.current).await.ok()?;
        Some(ActivePolicy { manifest: deployment.current, policy: admitted.policy })
    }
}

/// Watches a policy location.
pub struct Watcher {
    origin: Origin,
    active: watch::Sender<ActiveSet>,
    current: ActivePolicy,
    canary: Option<WatchedCanary>,
    /// The trial whose canary gets no more jobs here.
    stopped: Arc<Mutex<Option<String>>>,
    /// The tag of the last manifest, if it needs no further attempt.
    known_tag: Option<Tag>,
    /// The last deployment, if it needs no further attempt. Its tag may change without a change of its content.
    applied: Option<Deployment>,
    /// A deployment that is tried again, and the number of attempts so far.
    retried: Option<(Deployment, u32)>,
    /// The refused policies of the last deployment.
    refused: Vec<PolicyRefusal>,
    /// Why the last poll failed.
    poll_failure: Option<PolicyRefusal>,
}

impl Watcher {
    /// Admits the location's policies. If the current one is not accepted, the previous one is used, else the last good
    /// one on this disk. Fails without any of these.
    pub async fn open(
        source: Arc<dyn PolicySource>,
        gate: PolicyGate,
        last_good: Option<LastGood>,
    ) -> Result<Self, AdmitError> {
        let origin = Origin { source, gate, last_good };
        let (deployment, tag) = match origin.source.fetch().await {
            Ok(found) => found,
            Err(error) => {
                let Some(current) = origin.fallback(None).await else { return Err(error.into()) };
                let refusal = PolicyRefusal::of_location(error.into());
                log_refusal(&refusal, &current);
                let mut opened = Self::with(origin, current);
                opened.poll_failure = Some(refusal);
                opened.publish();
                return Ok(opened);
            }
        };
        let (current, refused) = match origin.admit(&deployment.current).await {
            Ok(admitted) => {
                origin.save(&deployment.current, &admitted).await;
                (ActivePolicy { manifest: deployment.current.clone(), policy: admitted.policy }, None)
            }
            Err(error) => match origin.fallback(deployment.previous.as_ref()).await {
                Some(current) => (current, Some(error)),
                None => return Err(error),
            },
        };
        let mut opened = Self::with(origin, current);
        opened.apply(deployment, tag, refused).await;
        opened.refused.iter().for_each(|refusal| log_refusal(refusal, &opened.current));
        Ok(opened)
    }

    fn with(origin: Origin, current: ActivePolicy) -> Self {
        Self {
            origin,
            active: watch::Sender::new(ActiveSet::of(current.policy.clone())),
            current,
            canary: None,
            stopped: Arc::default(),
            known_tag: None,
            applied: None,
            retried: None,
            refused: Vec::new(),
            poll_failure: None,
        }
    }

    /// The active policies, which this watcher keeps up to date.
    pub fn active_policies(&self) -> ActivePolicies {
        ActivePolicies { active: self.active.subscribe(), stopped: Arc::clone(&self.stopped) }
    }

    /// Watches until the future is dropped, and calls `on_change` for every change. Polls at this interval. Local files
    /// are also watched for writes, which not every file system reports.
    pub async fn run(mut self, interval: Duration, on_change: impl Fn(&Change)) {
        // `sender` is kept so that the channel stays open without a file watcher.
        let (sender, mut written) = mpsc::channel(1);
        let _file_watcher = self.origin.source.file().and_then(|file| watch_file(file, sender.clone()));
        loop {
            if let Some(change) = self.poll().await {
                on_change(&change);
            }
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                _ = written.recv() => wait_until_quiet(&mut written).await,
            }
        }
    }

    /// Polls once. Returns the change, if there is one.
    pub async fn poll(&mut self) -> Option<Change> {
        let before = self.active.borrow().clone();
        match self.origin.source.poll(self.known_tag.as_ref()).await {
            Err(error) => {
                if error.code().blame == Blame::Policy {
                    // The location no longer has the last deployment.
                    self.refused.clear();
                    (self.known_tag, self.applied) = (None, None);
                }
                self.poll_failure = Some(PolicyRefusal::of_location(error.into()));
            }
            Ok(result) => {
                self.poll_failure = None;
                if let Some((deployment, tag)) = result {
                    self.apply(deployment, tag, None).await;
                }
            }
        }
        self.publish();
        let after = self.active.borrow().clone();
        let swapped = before.current != after.current || before.canary != after.canary;
        let refused: Vec<PolicyRefusal> =
            after.refused.iter().filter(|refusal| !before.refused.contains(refusal)).cloned().collect();
        if swapped {
            log_swap(&after);
        }
        for refusal in &refused {
            log_refusal(refusal, &self.current);
        }
        let changed = swapped || after.refused != before.refused;
        changed.then_some(Change { active: after, swapped, refused })
    }

    /// Admits a deployment's policies, each independently of the other. One that is active already is not admitted
    /// again.
    async fn apply(&mut self, deployment: Deployment, tag: Option<Tag>, refused_before: Option<AdmitError>) {
        if self.applied.as_ref() == Some(&deployment) {
            self.known_tag = tag;
            return;
        }
        let earlier = self.retried.take().filter(|(retried, _)| *retried == deployment);
        let attempt = earlier.map_or(1, |(_, attempts)| attempts + 1);
        let is_retryable = |error: &AdmitError| error.is_transient() && (!error.is_timeout() || attempt < MAX_ATTEMPTS);
        let mut refused = Vec::new();
        let mut retry = false;
        let mut refuse = |role: Role, manifest: &Manifest, error: AdmitError| {
            retry |= is_retryable(&error);
            refused.push(PolicyRefusal::of(role, manifest, error.into()));
        };
        if self.current.manifest != deployment.current {
            let admitted = match refused_before {
                Some(error) => Err(error),
                None => self.origin.admit(&deployment.current).await,
            };
            match admitted {
                Ok(admitted) => {
                    self.current =
                        ActivePolicy { manifest: deployment.current.clone(), policy: admitted.policy.clone() };
                    // Published at once: the disk and the canary's admission must not delay it.
                    self.keep_canary_of(&deployment);
                    self.refused.clear();
                    self.publish();
                    self.origin.save(&deployment.current, &admitted).await;
                }
                Err(error) => refuse(Role::Current, &deployment.current, error),
            }
        }
        // A canary of an earlier deployment is removed even if the new one is not accepted.
        self.keep_canary_of(&deployment);
        if let Some(next) = deployment.canary.as_ref().filter(|_| self.canary.is_none()) {
            match self.origin.admit(&next.manifest).await {
                Ok(admitted) => {
                    let active = ActivePolicy { manifest: next.manifest.clone(), policy: admitted.policy };
                    self.canary = Some(WatchedCanary { percent: next.percent, judge: next.judge, active });
                }
                Err(error) => refuse(Role::Canary, &next.manifest, error),
            }
        }
        self.refused = refused;
        // Without a known tag the next poll fetches the deployment again, for example because a module was still
        // missing. Any other result holds until the deployment changes.
        if retry {
            (self.known_tag, self.applied, self.retried) = (None, None, Some((deployment, attempt)));
        } else {
            (self.known_tag, self.applied) = (tag, Some(deployment));
        }
        self.publish();
    }

    /// Keeps the canary only if the deployment still has it, with the deployment's percentage and rule.
    fn keep_canary_of(&mut self, deployment: &Deployment) {
        let kept = self.canary.take().zip(deployment.canary.as_ref());
        let kept = kept.filter(|(canary, wanted)| canary.active.manifest == wanted.manifest);
        self.canary = kept.map(|(canary, wanted)| WatchedCanary {
            percent: wanted.percent,
            judge: wanted.judge,
            active: canary.active,
        });
    }

    fn active_canary(&self) -> Option<ActiveCanary> {
        let WatchedCanary { percent, judge, active } = self.canary.as_ref()?;
        let canary = Canary { manifest: active.manifest.clone(), percent: *percent, judge: *judge };
        let trial = CanaryTrial::of(&self.current.manifest, &canary);
        Some(ActiveCanary { percent: *percent, policy: active.policy.clone(), trial })
    }

    fn publish(&self) {
        self.active.send_replace(ActiveSet {
            current: self.current.policy.clone(),
            canary: self.active_canary(),
            refused: self.refused.iter().chain(&self.poll_failure).cloned().collect(),
        });
    }
}

/// Waits until the folder is quiet, or for [`MAX_QUIET_WAIT`].
async fn wait_until_quiet(written: &mut mpsc::Receiver<()>) {
    let began = Instant::now();
    while tokio::time::timeout(QUIET, written.recv()).await.is_ok() && began.elapsed() < MAX_QUIET_WAIT {}
}

fn log_swap(active: &ActiveSet) {
    let current = &active.current;
    let (percent, canary) = active.canary.as_ref().map(|canary| (canary.percent, &canary.policy)).unzip();
    tracing::info!(
        policy = current.name(),
        policy_version = current.version(),
        policy_sha256 = current.digest(),
        canary = canary.map(Policy::name),
        canary_version = canary.map(Policy::version),
        canary_sha256 = canary.map(Policy::digest),
        canary_percent = percent.unwrap_or(0),
        "policy swapped; the next job runs under it"
    );
}

fn log_refusal(refusal: &PolicyRefusal, current: &ActivePolicy) {
    tracing::error!(
        code = refusal.code,
        policy = refusal.name,
        policy_version = refusal.version,
        policy_sha256 = refusal.sha256,
        role = refusal.role.map(Role::name),
        in_force = current.policy.name(),
        in_force_version = current.policy.version(),
        in_force_sha256 = current.policy.digest(),
        "policy refused, the last good one stays: {}",
        refusal.message
    );
}

/// Watches a file's folder and sends a message when something in it is written. The file alone is not enough: a new
/// manifest replaces the old file by a rename, and its module is beside it.
fn watch_file(file: &Path, sender: mpsc::Sender<()>) -> Option<notify::RecommendedWatcher> {
    let folder = folder_of(file);
    let on_event = move |event: notify::Result<notify::Event>| {
        // Reads are ignored: they change nothing, and most of them are this program's own. After an error, events may
        // have been missed, so it counts as a write.
        let only_read = event.is_ok_and(|event| match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
            kind => kind.is_access(),
        });
        if !only_read {
            // If the channel is full, the waiting message covers this one too.
            let _ = sender.try_send(());
        }
    };
    let watching = notify::recommended_watcher(on_event).and_then(|mut watcher| {
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    watching
        .inspect_err(
            |error| tracing::info!(%error, folder = %folder.display(), "can't watch this folder for changes; it is only polled"),
        )
        .ok()
}
