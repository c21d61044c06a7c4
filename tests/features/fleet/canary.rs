//! A policy on trial.

use policy::share;
use serde_json::{Value, json};
use testkit::platform::Platform;

use super::*;

/// Jobs that fail at once: which policy a job gets has nothing to do with what becomes of it.
#[test]
fn a_trial_has_exactly_the_jobs_whose_ids_stand_below_its_percentage() {
    let platform = Platform::default();
    let folder = Folder::new();
    let (current, canary) = (variant(1), variant(2));
    folder.module(&canary);
    let trying = |percent: u64| {
        let mut both = manifest("1", &current);
        both["next"] = manifest("2", &canary);
        both["next"]["percent"] = percent.into();
        folder.ship(&both, &current);
    };
    trying(30);
    let watching = Watching::start(&platform, folder.path().to_str().unwrap(), &[]);
    let run = |round: &str| -> Vec<(u64, Value)> {
        let jobs: Vec<String> = (0..40).map(|number| format!("{round}-{number}")).collect();
        platform.queue.queue_all(jobs.iter().map(|job| (job.clone(), json!({ "mediaId": "m" }))));
        jobs.iter().map(|job| (share(job), report(&platform.result(job)))).collect()
    };
    let check = |ended: Vec<(u64, Value)>, percent: u64| {
        for (share, report) in ended {
            let (role, version, module) =
                if share < percent { ("canary", "2", &canary) } else { ("current", "1", &current) };
            assert_eq!(report["policy_role"], role, "{share}: {report:#}");
            assert_eq!(
                (&report["policy_version"], &report["policy_digest"]),
                (&json!(version), &json!(sha256(module)))
            );
        }
    };
    check(run("some"), 30);
    let health = watching.health();
    assert_eq!((&health["canary"]["percent"], &health["canary"]["policy_version"]), (&json!(30), &json!("2")));
    let metrics = watching.ask("/metrics");
    assert!(metrics.contains(r#"codex_policy_info{role="canary",name="codex",version="2""#), "{metrics}");
    assert!(metrics.contains(r#"codex_policy_jobs_total{role="canary",outcome="failed"}"#), "{metrics}");

    trying(70);
    watching.worker.logged(&["policy swapped", r#""canary_percent":70"#]);
    check(run("most"), 70);
    folder.manifest(&manifest("1", &current));
    watching.worker.logged(&["policy swapped", r#""canary_percent":0"#]);
    check(run("none"), 0);
    watching.worker.stop();
}
