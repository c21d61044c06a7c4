//! Canaries that the workers judge, policies that were judged bad, and what workers note about themselves.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use policy::canary::{CanaryTrial, JobOutcome, Tallies};
use policy::fleet::{FleetNotes, RunningPolicy, TrialNote, WorkerNote};
use policy::{Deployment, Role, share};
use serde_json::{Value, json};
use storage::{LocalDirectory, Records};
use testkit::job::until;
use testkit::platform::PATIENCE;
use testkit::receiver::SECRET;
use testkit::s3::Fault;
use testkit::workspace;

use super::operator::{Operator, PLACE, done};
use super::*;

const NOTES: &str = ".codex/workers/staging/";

/// The creator whose jobs the policy of faults completes, without doing anything.
const SPARED: &str = "idle";

impl Operator {
    /// Activates the built-in policy, and as a canary one that fails in every job but those of the spared creator.
    fn try_a_failing_one(&self) -> (Value, Vec<u8>) {
        done(&self.activate(1, &[]));
        let module = std::fs::read(workspace::hostile_policy()).unwrap();
        let mut bad = manifest("2", &module);
        bad["settings"] = json!({ "behaviour": "panic-in-jobs" });
        done(&self.ship(&bad, &module, &["--canary", "10"]));
        (bad, module)
    }

    fn history(&self) -> Vec<Value> {
        let history: Value = serde_json::from_str(&self.policy(&["history", "--json"]).stdout).unwrap();
        history["entries"].as_array().unwrap().clone()
    }

    /// Queues jobs with an upload that every policy refuses.
    fn queue(&self, jobs: impl IntoIterator<Item = (String, &'static str)>) -> Vec<String> {
        let jobs: Vec<(String, Value)> = jobs
            .into_iter()
            .map(|(job, creator)| {
                let key = format!("{creator}/originals/{job}/upload");
                self.platform.media.put_object(&key, "not media");
                let url = self.platform.receiver.url();
                let input = json!({
                    "mediaId": job, "creatorId": creator, "type": "video", "inputKey": key, "webhookUrl": url,
                });
                (job, input)
            })
            .collect();
        let ids = jobs.iter().map(|(job, _)| job.clone()).collect();
        self.platform.queue.queue_all(jobs);
        ids
    }

    /// Writes a note as another worker would.
    fn note(&self, note: &WorkerNote) {
        let folder = workspace::scratch();
        let store = Arc::new(LocalDirectory::open(folder.path()).unwrap());
        let notes = FleetNotes::new(Records::new(store, SECRET.as_bytes()), "staging");
        let key = notes.key(&note.worker).unwrap();
        tokio::runtime::Runtime::new().unwrap().block_on(notes.write(&key, note)).unwrap();
        self.platform.media.put_object(key.as_str(), std::fs::read(folder.path().join(key.as_str())).unwrap());
    }

    fn notes(&self) -> usize {
        self.platform.media.keys().iter().filter(|key| key.starts_with(NOTES)).count()
    }
}

/// Ids of jobs that a canary with ten percent gets, or doesn't.
fn ids(under_canary: bool) -> impl Iterator<Item = String> {
    (0..).map(|number| format!("job-{number}")).filter(move |job| (share(job) < 10) == under_canary)
}

#[test]
fn a_canary_that_fails_every_fifth_job_is_dropped_within_three_polls_and_is_not_deployed_again() {
    const POLL: u64 = 4;
    let operator = Operator::new();
    let (bad, module) = operator.try_a_failing_one();
    let poll = POLL.to_string();
    let workers = [(); 2].map(|()| Watching::start(&operator.platform, PLACE, &[("CODEX_POLICY_POLL_SECONDS", &poll)]));
    // Enough of them together, and not for either of the two workers alone.
    let canary = ids(true).take(25).enumerate();
    let canary = canary.map(|(number, job)| (job, if number % 5 == 4 { "creator-1" } else { SPARED }));
    let jobs = operator.queue(canary.chain(ids(false).take(5).map(|job| (job, SPARED))));
    let reports: Vec<Value> = jobs.iter().map(|job| report(&operator.platform.result(job))).collect();
    assert_eq!(reports.iter().filter(|report| report["policy_role"] == "canary").count(), 25);
    let evidence = Instant::now();
    for watching in &workers {
        watching.worker.logged(&["policy swapped", r#""canary_percent":0"#]);
    }
    assert!(evidence.elapsed() <= Duration::from_secs(3 * POLL), "{:?}", evidence.elapsed());
    assert_eq!((&operator.deployed()["version"], &operator.deployed()["next"]), (&json!("1"), &Value::Null));
    // The history is written after the manifest, and then the decision is counted.
    let has_decided =
        |one: &Watching| one.ask("/metrics").contains(r#"codex_canary_decisions_total{decision="dropped"} 1"#);
    until("one of the workers has decided", PATIENCE, || workers.iter().filter(|one| has_decided(one)).count() == 1);
    let history = operator.history();
    let dropped = history.last().unwrap();
    assert_eq!((&dropped["action"], &dropped["policy"]["version"]), (&json!("drop"), &json!("2")));
    let reason = dropped["message"].as_str().unwrap();
    assert!(reason.contains("5 of 25 jobs failed, and 0 of 5 under the current policy"), "{reason}");
    assert!(dropped["by"].as_str().unwrap().starts_with("canary, by "), "{dropped}");
    workers.into_iter().for_each(|watching| assert!(watching.worker.stop().status.success()));

    for refused in [
        operator.ship(&bad, &module, &["--canary", "1"]),
        operator.ship(&bad, &module, &[]),
        operator.policy(&["rollback", "--to", "2"]),
    ] {
        assert_eq!(refused.status.code(), Some(4), "{}", refused.log);
        assert!(refused.log.contains("policy.judged-bad") && refused.log.contains("5 of 25"), "{}", refused.log);
    }
    assert!(operator.policy(&["history"]).stdout.contains("[judged bad]"));
    assert_eq!(operator.deployed()["version"], "1");
    done(&operator.ship(&bad, &module, &["--canary", "1", "--even-if-bad"]));
    assert_eq!(operator.deployed()["next"]["version"], "2");
}

#[test]
fn a_worker_gives_a_canary_that_only_fails_no_fourth_job_even_if_the_manifest_can_not_be_written() {
    let operator = Operator::new();
    operator.try_a_failing_one();
    operator.platform.media.fail(Fault::Deny, "PUT policy.json", 1000);
    let further = [("CODEX_POLICY_POLL_SECONDS", "1"), ("CODEX_JOB_CONCURRENCY", "1")];
    let watching = Watching::start(&operator.platform, PLACE, &further);
    let jobs = operator.queue(ids(true).take(12).map(|job| (job, "creator-1")));
    let results: Vec<Value> = jobs.iter().map(|job| operator.platform.result(job)).collect();
    let of = |role: &str| results.iter().map(report).filter(|report| report["policy_role"] == role).count();
    assert_eq!((of("canary"), of("current")), (3, 9));
    watching.worker.logged(&["the manifest can't be changed", r#""decision":"dropped""#]);
    assert!(watching.ask("/metrics").contains(r#"codex_canary_decisions_total{decision="stopped"} 1"#));
    assert_eq!(operator.deployed()["next"]["version"], "2");
    watching.worker.stop();
}

#[test]
fn status_lists_the_workers_and_a_good_canary_is_promoted_by_the_counts_of_all() {
    let operator = Operator::new();
    for version in [1, 2] {
        done(&operator.activate(version, &[]));
    }
    let promoting = ["--canary", "20", "--promote-after", "60"];
    let activated = operator.activate(3, &promoting);
    done(&activated);
    assert!(activated.stdout.contains("promote it after 60 jobs"), "{}", activated.stdout);
    let watching = Watching::start(&operator.platform, PLACE, &[("CODEX_POLICY_POLL_SECONDS", "1")]);

    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut other = WorkerNote {
        worker: "other-1".to_owned(),
        program: "0.0.9".to_owned(),
        tier: "gpu".to_owned(),
        since: now - 7200,
        seen: now,
        policies: vec![RunningPolicy {
            role: Role::Current,
            name: "codex".to_owned(),
            version: "1".to_owned(),
            sha256: sha256(&variant(1)),
        }],
        refused: vec!["policy.digest".to_owned()],
        trial: None,
    };
    operator.note(&other);
    operator.note(&WorkerNote { worker: "other-2".to_owned(), seen: now - 900, ..other.clone() });
    operator.note(&WorkerNote { worker: "other-3".to_owned(), seen: now - 100_000, ..other.clone() });
    operator.platform.media.put_object(&format!("{NOTES}forged.json"), "codex-record-1 {}");
    let status = operator.policy(&["status"]);
    done(&status);
    for words in [
        "(cpu, program 0.1.0): up to date, runs codex 2 and canary codex 3",
        "other-1 (gpu, program 0.0.9): LAGS, runs codex 1, refuses: policy.digest",
        "other-2 (gpu, program 0.0.9): silent",
        "seen 15 min ago",
        "1 notes are not of this environment's workers",
        "trial     0 of 60 jobs under the canary",
    ] {
        assert!(status.stdout.contains(words), "{words} is not in {}", status.stdout);
    }
    let status: Value = serde_json::from_str(&operator.policy(&["status", "--json"]).stdout).unwrap();
    let states: Vec<&Value> = status["fleet"]["workers"].as_array().unwrap().iter().map(|one| &one["state"]).collect();
    assert!(states.contains(&&json!("lags")) && states.contains(&&json!("up to date")), "{status:#}");

    // What another worker counted is enough.
    let deployed = Deployment::parse(operator.deployed().to_string().as_bytes()).unwrap();
    let trial = CanaryTrial::of(&deployed.current, deployed.canary.as_ref().unwrap()).unwrap();
    let mut tallies = Tallies::default();
    (0..60).for_each(|_| tallies.add(Role::Canary, JobOutcome::Completed(None)));
    (0..240).for_each(|_| tallies.add(Role::Current, JobOutcome::Completed(None)));
    other.trial = Some(TrialNote { id: trial.id, stopped: false, tallies });
    operator.note(&other);
    watching.swapped_to("3");
    watching.worker.logged(&["canary promoted, the manifest was changed"]);
    let deployed = operator.deployed();
    assert_eq!((&deployed["previous"]["version"], &deployed["next"]), (&json!("2"), &Value::Null));
    let history = operator.history();
    assert_eq!(history.last().unwrap()["action"], "promote");
    assert!(watching.ask("/metrics").contains(r#"codex_canary_decisions_total{decision="promoted"} 1"#));

    // An operator finds it bad: it is left for the one before, and not returned to.
    done(&operator.policy(&["rollback", "--judged-bad", "-m", "previews were black"]));
    assert_eq!(operator.deployed()["version"], "2");
    done(&operator.policy(&["rollback"]));
    assert_eq!(operator.deployed()["version"], "1", "3 was judged bad");
    let refused = operator.policy(&["rollback", "--to", "3"]);
    assert!(refused.status.code() == Some(4) && refused.log.contains("previews were black"), "{}", refused.log);
    done(&operator.policy(&["rollback", "--to", "3", "--even-if-bad"]));

    // A worker that ends takes its note along.
    let before = operator.notes();
    assert!(watching.worker.stop().status.success());
    assert_eq!(operator.notes(), before - 1);
}
