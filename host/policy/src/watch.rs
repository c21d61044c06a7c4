//! Watching an environment's place: what is new there is judged, and taken between two jobs.
//!
//! Nothing here ever takes a policy away from a job: a change is put into the [`ActivePolicies`], and the next job finds it there.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fault::{Blame, Fault as _};
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecursiveMode, Watcher as _};
use storage::folder_of;
use tokio::sync::mpsc;

use super::active::{ActivePolicies, ActiveSet, PolicyRefusal, Role};
use super::admit::{AdmitError, PolicyGate};
use super::fetch::{PolicySource, PollResult, Tag};
use super::last_good::LastGood;
use super::limits::Limits;
use super::load::Policy;
use super::manifest::{Deployment, Manifest};

/// How long a folder must be quiet before what was written to it is read. Far below the second that a change may take,
/// and far above what a program needs between two writes to one file.
const QUIET: Duration = Duration::from_millis(50);

/// How long is waited for quiet in a folder that others write to without end.
const NOISE: Duration = Duration::from_millis(500);

/// How often a policy is tried that took too long on the clock. What takes minutes to compile must not be compiled at every
/// poll, and a machine is not busy for ever.
const MOST_TRIES: u32 = 5;

/// Something that changed.
#[derive(Clone, Debug)]
pub struct Change {
    /// What is in force now.
    pub standing: ActiveSet,
    /// Whether that is something else than before.
    pub swapped: bool,
    /// What was refused, and not already the last time.
    pub refused: Vec<PolicyRefusal>,
}

/// A policy in force, and the manifest that it came with.
struct Held {
    manifest: Manifest,
    policy: Policy,
}

/// Watches a place.
pub struct Watcher {
    source: Arc<dyn PolicySource>,
    gate: PolicyGate,
    last_good: Option<LastGood>,
    roster: ActivePolicies,
    current: Held,
    canary: Option<Held>,
    /// How many of a hundred jobs run under the canary.
    percent: u8,
    /// What the place called its content when it was judged for good.
    known: Option<Tag>,
    /// What was judged, whatever the place calls it.
    judged: Option<Deployment>,
    /// What is to be judged again, and how often it was.
    tried: Option<(Deployment, u32)>,
    /// What of it was refused.
    refused: Vec<PolicyRefusal>,
    /// Why the place could not be looked at the last time.
    place: Option<PolicyRefusal>,
}

impl Watcher {
    /// Takes what the place has. Where that can't be taken, the place's previous policy is, else the last good one of
    /// this disk; without either there is nothing to work with.
    pub async fn open(
        source: Arc<dyn PolicySource>,
        gate: PolicyGate,
        last_good: Option<LastGood>,
    ) -> Result<Self, AdmitError> {
        let (deployment, tag) = match source.fetch().await {
            Ok(found) => found,
            Err(error) => {
                let known = Self::known_good(&*source, &gate, last_good.as_ref(), None).await;
                let Some(current) = known else { return Err(error.into()) };
                let refusal = PolicyRefusal::of_location(error.into());
                shout(&refusal, &current);
                let mut opened = Self::with(source, gate, last_good, current);
                opened.place = Some(refusal);
                opened.publish();
                return Ok(opened);
            }
        };
        let (current, refused) = match gate.admit(&*source, &deployment.current).await {
            Ok(admitted) => {
                if let Some(last_good) = &last_good {
                    last_good.keep(&deployment.current, &admitted).await;
                }
                (Held { manifest: deployment.current.clone(), policy: admitted.policy }, None)
            }
            Err(error) => {
                let previous = deployment.previous.as_ref();
                let known = Self::known_good(&*source, &gate, last_good.as_ref(), previous).await;
                let Some(current) = known else { return Err(error) };
                (current, Some(error))
            }
        };
        let mut opened = Self::with(source, gate, last_good, current);
        opened.judge(deployment, tag, refused).await;
        opened.refused.iter().for_each(|refusal| shout(refusal, &opened.current));
        Ok(opened)
    }

    fn with(source: Arc<dyn PolicySource>, gate: PolicyGate, last_good: Option<LastGood>, current: Held) -> Self {
        let roster = ActivePolicies::new(ActiveSet::of(current.policy.clone()));
        let (canary, percent, known, judged, tried, refused, place) = Default::default();
        Self { source, gate, last_good, roster, current, canary, percent, known, judged, tried, refused, place }
    }

    /// The policy that was in force before this one, or else the last one that was good on this disk.
    async fn known_good(
        source: &dyn PolicySource,
        gate: &PolicyGate,
        last_good: Option<&LastGood>,
        previous: Option<&Manifest>,
    ) -> Option<Held> {
        if let Some(manifest) = previous
            && let Ok(admitted) = gate.admit(source, manifest).await
        {
            return Some(Held { manifest: manifest.clone(), policy: admitted.policy });
        }
        let kept = last_good?.source();
        let (deployment, _) = kept.fetch().await.ok()?;
        let admitted = gate.admit(&kept, &deployment.current).await.ok()?;
        Some(Held { manifest: deployment.current, policy: admitted.policy })
    }

    /// Who says what the next job runs under.
    pub fn roster(&self) -> ActivePolicies {
        self.roster.clone()
    }

    /// Watches for as long as it is polled, and tells every change. Files tell when they were written; everything else
    /// is asked once in this time, and so are files, since not every file system tells.
    pub async fn run(mut self, every: Duration, tell: impl Fn(&Change)) {
        // This end stays here, so that the other one never hears that nobody can tell any more.
        let (told, mut hear) = mpsc::channel(1);
        let _telling = self.source.file().and_then(|file| notifier(file, told.clone()));
        loop {
            if let Some(change) = self.poll().await {
                tell(&change);
            }
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                _ = hear.recv() => settled(&mut hear).await,
            }
        }
    }

    /// Looks once; gives back what changed by it.
    pub async fn poll(&mut self) -> Option<Change> {
        let before = self.active.snapshot();
        match self.source.poll(self.known.as_ref()).await {
            Err(error) => {
                if error.code().blame == Blame::Policy {
                    // What was judged is no longer what is there.
                    self.refused.clear();
                    (self.known, self.judged) = (None, None);
                }
                self.place = Some(PolicyRefusal::of_location(error.into()));
            }
            Ok(look) => {
                self.place = None;
                if let PollResult::Changed { deployment, tag } = look {
                    self.judge(*deployment, tag, None).await;
                }
            }
        }
        self.publish();
        let after = self.active.snapshot();
        let swapped = !alike(&before, &after);
        let refused: Vec<PolicyRefusal> =
            after.refused.iter().filter(|refusal| !before.refused.contains(refusal)).cloned().collect();
        if swapped {
            log_swap(&after);
        }
        for refusal in &refused {
            shout(refusal, &self.current);
        }
        let changed = swapped || after.refused != before.refused;
        changed.then_some(Change { standing: after, swapped, refused })
    }

    /// Takes what can be taken of a deployment. Each policy of it is judged by itself, and one that is in force already
    /// is left alone.
    async fn judge(&mut self, deployment: Deployment, tag: Option<Tag>, refused_before: Option<AdmitError>) {
        if self.judged.as_ref() == Some(&deployment) {
            self.known = tag;
            return;
        }
        let tries = self.tried.take().filter(|(tried, _)| *tried == deployment).map_or(1, |(_, tries)| tries + 1);
        let may_pass = |error: &AdmitError| error.may_pass() && (!error.is_of_time() || tries < MOST_TRIES);
        let mut refused = Vec::new();
        let mut again = false;
        if self.current.manifest != deployment.current {
            let admitted = match refused_before {
                Some(error) => Err(error),
                None => self.gate.admit(&*self.source, &deployment.current).await,
            };
            match admitted {
                Ok(admitted) => {
                    self.current = Held { manifest: deployment.current.clone(), policy: admitted.policy.clone() };
                    // At once: neither a disk nor the trial's policy holds it up.
                    self.keep_canary_of(&deployment);
                    self.refused.clear();
                    self.publish();
                    if let Some(last_good) = &self.last_good {
                        last_good.keep(&deployment.current, &admitted).await;
                    }
                }
                Err(error) => {
                    again |= may_pass(&error);
                    refused.push(PolicyRefusal::of(Role::Current, &deployment.current, error.into()));
                }
            }
        }
        // What was on trial before is not what anybody wants to be tried now.
        self.keep_canary_of(&deployment);
        match &deployment.next {
            None => {}
            Some(_) if self.canary.is_some() => {}
            Some(next) => match self.gate.admit(&*self.source, &next.manifest).await {
                Ok(admitted) => {
                    self.canary = Some(Held { manifest: next.manifest.clone(), policy: admitted.policy });
                }
                Err(error) => {
                    again |= may_pass(&error);
                    refused.push(PolicyRefusal::of(Role::Canary, &next.manifest, error.into()));
                }
            },
        }
        self.refused = refused;
        // A module that is still on its way is looked for again; any other verdict holds until something else is there.
        if again {
            (self.known, self.judged, self.tried) = (None, None, Some((deployment, tries)));
        } else {
            (self.known, self.judged) = (tag, Some(deployment));
        }
        self.publish();
    }

    /// Leaves what is on trial only where this still wants it, for as many jobs as this says.
    fn keep_canary_of(&mut self, deployment: &Deployment) {
        let next = deployment.next.as_ref();
        self.percent = next.map_or(0, |next| next.percent);
        self.canary = self.canary.take().filter(|held| next.is_some_and(|next| next.manifest == held.manifest));
    }

    fn publish(&self) {
        self.roster.replace(ActiveSet {
            current: self.current.policy.clone(),
            canary: self.canary.as_ref().map(|held| (self.percent, held.policy.clone())),
            refused: self.refused.iter().chain(&self.place).cloned().collect(),
        });
    }
}

/// Waits until nothing is told for a moment. In a folder that is never quiet, not for long.
async fn settled(hear: &mut mpsc::Receiver<()>) {
    let began = Instant::now();
    while tokio::time::timeout(QUIET, hear.recv()).await.is_ok() && began.elapsed() < NOISE {}
}

/// Whether the same policies are in force for the same jobs.
fn alike(one: &ActiveSet, other: &ActiveSet) -> bool {
    let canary = |standing: &ActiveSet| standing.canary.as_ref().map(|(percent, policy)| (*percent, identity(policy)));
    identity(&one.current) == identity(&other.current) && canary(one) == canary(other)
}

/// What tells one policy from another: also the same module with other settings, limits or another version is another
/// one.
fn identity(policy: &Policy) -> ([String; 4], Limits) {
    let texts = [policy.name(), policy.version(), policy.digest(), policy.settings()].map(str::to_owned);
    (texts, policy.limits())
}

fn log_swap(standing: &ActiveSet) {
    let current = &standing.current;
    let (percent, canary) = match &standing.canary {
        Some((percent, policy)) => (*percent, Some(policy)),
        None => (0, None),
    };
    tracing::info!(
        policy = current.name(),
        policy_version = current.version(),
        policy_sha256 = current.digest(),
        canary = canary.map(Policy::name),
        canary_version = canary.map(Policy::version),
        canary_sha256 = canary.map(Policy::digest),
        canary_percent = percent,
        "policy swapped; the next job runs under it"
    );
}

fn shout(refusal: &PolicyRefusal, current: &Held) {
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

/// Tells when something is written to a file's folder. The folder is watched and not the file: a new manifest takes the
/// old one's place under its name, and its module lies beside it.
fn notifier(file: &Path, told: mpsc::Sender<()>) -> Option<notify::RecommendedWatcher> {
    let folder = folder_of(file);
    let heard = move |event: notify::Result<notify::Event>| {
        // Reading is no change, and the reader is often ourselves. An error says that something may have been missed.
        let only_read = event.is_ok_and(|event| match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
            kind => kind.is_access(),
        });
        if !only_read {
            // Where one is waiting already, that one stands for this as well.
            let _ = told.try_send(());
        }
    };
    let watching = notify::recommended_watcher(heard).and_then(|mut watcher| {
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    watching
        .inspect_err(
            |error| tracing::info!(%error, folder = %folder.display(), "this folder tells of no changes; it is polled"),
        )
        .ok()
}
