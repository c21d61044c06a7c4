//! A worker among the others of its environment: it notes what it runs and what its jobs came to, and judges the canary
//! by what all of them noted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fault::{Failure, codes};
use job::report::JobReport;
use job::transcode_report::TranscodeReport;
use policy::canary::{CanaryTrial, Decision, Evidence, Figures, JobOutcome, Tallies, carry_out, fails_outright, judge};
use policy::fleet::{Fleet, FleetNotes, RunningPolicy, TrialNote, WorkerNote};
use policy::{ActivePolicies, PolicyPublisher, PublishError, SelectedPolicy};
use storage::{Key, StoreError};
use timeline::unix_seconds;
use tokio::sync::{Mutex as AsyncMutex, Notify};

use crate::observe::Metrics;

/// How often a worker that has nothing new writes its note.
const HEARTBEAT_SECONDS: u64 = 120;

/// How often notes of workers that are gone are looked for.
const CLEANING_SECONDS: u64 = 3600;

/// For the last note of a worker that ends.
const LEAVING: Duration = Duration::from_secs(5);

/// Workers that judge at each poll, on average. One is enough; more of them would only read all notes more often.
const JUDGES: usize = 3;

/// This worker's part in the judgement of canaries.
pub struct FleetMember {
    notes: FleetNotes,
    key: Key,
    /// What doesn't change while it runs.
    about: WorkerNote,
    policies: ActivePolicies,
    /// To carry decisions out; none where the place of the policies can only be read.
    publisher: Option<PolicyPublisher>,
    metrics: Arc<Metrics>,
    counts: Mutex<Counts>,
    /// A canary was stopped here: the others should know at once.
    hurry: Notify,
    /// Held while notes are written and read, so that a worker that ends has the last word.
    written: AsyncMutex<Written>,
}

/// This worker's counts of a trial.
#[derive(Default)]
struct Counts {
    trial: Option<CanaryTrial>,
    tallies: Tallies,
}

/// Who this worker is.
pub struct Identity {
    pub worker: String,
    pub program: &'static str,
    pub tier: &'static str,
}

/// What was written last, and when.
#[derive(Default)]
struct Written {
    note: Option<WorkerNote>,
    cleaned: u64,
    /// The trial that this worker can't end itself, after that was reported.
    reported: Option<String>,
    /// Whether the last look failed.
    failing: bool,
    /// The worker ends: nothing is written any more.
    left: bool,
}

impl FleetMember {
    pub fn new(
        notes: FleetNotes,
        identity: Identity,
        policies: ActivePolicies,
        publisher: Option<PolicyPublisher>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, Failure> {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let key = notes.key(&id).map_err(|error| Failure::new(&codes::host::BUG, error.to_string()))?;
        let now = unix_seconds();
        let Identity { worker, program, tier } = identity;
        let about = WorkerNote {
            worker,
            program: program.to_owned(),
            tier: tier.to_owned(),
            since: now,
            seen: now,
            policies: Vec::new(),
            refused: Vec::new(),
            trial: None,
        };
        let (counts, hurry, written) = (Mutex::default(), Notify::new(), AsyncMutex::default());
        Ok(Self { notes, key, about, policies, publisher, metrics, counts, hurry, written })
    }

    /// Counts a job that has ended. If the canary fails hopelessly on this worker, it gets no more jobs here from now on.
    pub fn count(&self, chosen: &SelectedPolicy, outcome: JobOutcome) {
        let Some(trial) = &chosen.trial else { return };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.trial.as_ref() != Some(trial) {
            // A job that began under an earlier trial says nothing about this one.
            if self.policies.snapshot().trial() != Some(trial) {
                return;
            }
            *counts = Counts { trial: Some(trial.clone()), tallies: Tallies::default() };
        }
        counts.tallies.add(chosen.role, outcome);
        if fails_outright(&counts.tallies) && self.policies.stop(trial) {
            self.metrics.canary_decided("stopped");
            let (failed, jobs) = (counts.tallies.canary.failed, counts.tallies.canary.jobs());
            tracing::warn!(trial = trial.id, failed, jobs, "the canary fails; this worker gives it no more jobs");
            self.hurry.notify_one();
        }
    }

    /// Keeps the note up to date and judges the canary, until it is dropped.
    pub async fn run(self: Arc<Self>, interval: Duration) {
        loop {
            let mut written = self.written.lock().await;
            if written.left {
                return;
            }
            let looked = self.look(&mut written).await;
            let failed_before = std::mem::replace(&mut written.failing, looked.is_err());
            drop(written);
            if let Some(failure) = looked.err().filter(|_| !failed_before) {
                tracing::warn!(code = failure.code, "the notes of the workers can't be kept: {}", failure.message);
            }
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                () = self.hurry.notified() => {}
            }
        }
    }

    /// Removes the note of a worker that ends, or writes its last counts.
    pub async fn leave(&self) {
        let leaving = async {
            self.written.lock().await.left = true;
            let note = self.note();
            match &note.trial {
                Some(_) => self.notes.write(&self.key, &note).await,
                None => self.notes.remove(&self.key).await,
            }
        };
        match tokio::time::timeout(LEAVING, leaving).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let failure = Failure::from(error);
                tracing::warn!(code = failure.code, "the note of this worker stays as it was: {}", failure.message);
            }
            Err(_) => tracing::warn!("the note of this worker stays as it was: the store takes too long"),
        }
    }

    async fn look(&self, written: &mut Written) -> Result<(), Failure> {
        let note = self.note();
        let now = note.seen;
        if written.note.as_ref().is_none_or(|before| is_news(before, &note)) {
            self.notes.write(&self.key, &note).await?;
            written.note = Some(note);
        }
        let active = self.policies.snapshot();
        let trial = active.trial();
        let cleans = now.saturating_sub(written.cleaned) > CLEANING_SECONDS;
        if !cleans && !self.judges(trial).await? {
            return Ok(());
        }
        let fleet = self.notes.read().await?;
        if cleans {
            self.notes.clean(&fleet, trial, now).await?;
            written.cleaned = now;
        }
        match trial {
            Some(trial) => self.judge(trial, &fleet, written).await,
            None => Ok(()),
        }
    }

    /// Whether this worker judges now: one that can't change the place of the policies judges for itself, and of the
    /// others a few do.
    async fn judges(&self, trial: Option<&CanaryTrial>) -> Result<bool, StoreError> {
        let Some(trial) = trial else { return Ok(false) };
        if self.publisher.is_none() || self.policies.is_stopped(trial) {
            return Ok(true);
        }
        let workers = self.notes.count().await?;
        let (random, ..) = uuid::Uuid::new_v4().as_fields();
        Ok(random as usize % workers.max(1) < JUDGES)
    }

    async fn judge(&self, trial: &CanaryTrial, fleet: &Fleet, written: &mut Written) -> Result<(), Failure> {
        let (Some(decision), evidence) = judge(trial, &fleet.tallies(trial)) else { return Ok(()) };
        if decision == Decision::Drop {
            // At once, and even if the manifest can't be written.
            self.policies.stop(trial);
        }
        match self.carry_out(trial, decision, &evidence).await {
            Ok(true) => self.report(trial, decision, &evidence, "the manifest was changed"),
            Ok(false) => {}
            Err(error) => {
                if written.reported.as_ref() != Some(&trial.id) {
                    written.reported = Some(trial.id.clone());
                    let why = format!("the manifest can't be changed: {}", fault::chain(&error));
                    self.report(trial, decision, &evidence, &why);
                }
            }
        }
        Ok(())
    }

    async fn carry_out(
        &self,
        trial: &CanaryTrial,
        decision: Decision,
        evidence: &Evidence,
    ) -> Result<bool, PublishError> {
        let Some(publisher) = &self.publisher else {
            return Err(PublishError::NotWritable { location: "this place".to_owned() });
        };
        let by = format!("canary, by {}", self.about.worker);
        carry_out(publisher, trial, (decision, evidence), (&by, unix_seconds())).await
    }

    fn report(&self, trial: &CanaryTrial, decision: Decision, evidence: &Evidence, done: &str) {
        self.metrics.canary_decided(decision.name());
        let active = self.policies.snapshot();
        let canary = active.canary.as_ref().map(|canary| &canary.policy);
        tracing::warn!(
            decision = decision.name(),
            test = evidence.test.name(),
            evidence = evidence.ratio,
            trial = trial.id,
            canary = canary.map(|policy| policy.name()),
            canary_version = canary.map(|policy| policy.version()),
            canary_sha256 = canary.map(|policy| policy.digest()),
            "canary {}, {done}: {evidence}",
            decision.name()
        );
    }

    /// What there is to note now.
    fn note(&self) -> WorkerNote {
        let active = self.policies.snapshot();
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let trial = counts.trial.as_ref().map(|trial| TrialNote {
            id: trial.id.clone(),
            stopped: self.policies.is_stopped(trial),
            tallies: counts.tallies.clone(),
        });
        let refused = active.refused.iter().map(|refusal| refusal.code.clone()).collect();
        WorkerNote { seen: unix_seconds(), policies: RunningPolicy::all(&active), refused, trial, ..self.about.clone() }
    }
}

/// Whether a note says something that the last one didn't, or the last one is old.
fn is_news(before: &WorkerNote, note: &WorkerNote) -> bool {
    let same = WorkerNote { seen: before.seen, ..note.clone() };
    *before != same || note.seen.saturating_sub(before.seen) >= HEARTBEAT_SECONDS
}

/// What a job that the policy's workflow ran for came to.
pub fn outcome<T>(ended: &Result<T, Failure>, report: &JobReport) -> JobOutcome {
    match ended {
        Ok(_) => JobOutcome::Completed(report.transcode.as_ref().and_then(|made| figures(made, report))),
        Err(failure) => JobOutcome::of_failure(failure),
    }
}

fn figures(made: &TranscodeReport, report: &JobReport) -> Option<Figures> {
    let seconds = Duration::from_millis(made.duration_ms).as_secs_f64();
    // What an earlier delivery published took no time.
    if seconds <= 0.0 || report.reused {
        return None;
    }
    let bytes: u64 = made.objects.iter().map(|object| object.bytes).sum();
    Some(Figures { milliseconds: report.total_ms as f64 / seconds, bytes: bytes as f64 / seconds })
}
