//! Policies that come and go while jobs run.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::platform::Platform;

use super::*;

/// How often the manifest is written, with another policy each time.
const SWAPS: usize = 100;

/// How many jobs run meanwhile, two at a time.
const JOBS: usize = 16;

/// Version `number` of the policy: three modules in turn, and settings by which each second one makes no waveform.
fn version(number: usize) -> (Value, Vec<u8>) {
    let module = variant((number % 3) as u8);
    let mut manifest = manifest(&number.to_string(), &module);
    manifest["settings"] = json!({ "waveform": if number.is_multiple_of(2) { "always" } else { "never" } });
    (manifest, module)
}

#[test]
fn a_policy_that_is_swapped_a_hundred_times_drops_no_job_and_every_jobs_outputs_are_of_one_policy() {
    let platform = Platform::default();
    let folder = Folder::new();
    let (first, module) = version(0);
    folder.ship(&first, &module);
    let place = folder.path().to_str().unwrap();
    let watching = Watching::start(&platform, place, &[("CODEX_JOB_CONCURRENCY", "2")]);
    let jobs: Vec<(String, String)> =
        (0..JOBS).map(|number| (format!("job-{number}"), format!("media-{number}"))).collect();
    platform.queue.queue_all(jobs.iter().map(|(job, media)| (job.clone(), sound(&platform, media))));
    for number in 1..=SWAPS {
        let (manifest, module) = version(number);
        folder.ship(&manifest, &module);
        watching.swapped_to(&number.to_string());
    }

    let mut seen = BTreeSet::new();
    for (job, media) in &jobs {
        let report = report(&platform.result(job));
        assert_eq!(report["webhook"]["delivered"], true, "{report:#}");
        let policy = report["policy_version"].as_str().unwrap().to_owned();
        let (expected, _) = version(policy.parse().unwrap());
        assert_eq!((&report["policy_digest"], &report["policy_role"]), (&expected["sha256"], &json!("current")));
        let objects = published(&platform, media);
        for key in &objects {
            let notes = platform.media.metadata(key);
            assert_eq!(notes["policy-version"], policy, "{key}");
            assert_eq!(notes["policy-sha256"], expected["sha256"], "{key}");
            assert_eq!((notes["policy"].as_str(), notes["policy-role"].as_str()), ("codex", "current"), "{key}");
        }
        let waveform = objects.iter().any(|key| key.ends_with("waveform.json"));
        assert_eq!(waveform, expected["settings"]["waveform"] == "always", "version {policy}: {objects:?}");
        assert!(objects.iter().any(|key| key.ends_with("master.m3u8")), "{objects:?}");
        seen.insert(policy);
    }
    assert!(seen.len() > 4, "all jobs ran under {seen:?}");

    let health = watching.health();
    assert_eq!((health["policy"].as_str(), health["policy_version"].as_str()), (Some("codex"), Some("100")));
    let metrics = watching.ask("/metrics");
    let (last, _) = version(SWAPS);
    let digest = last["sha256"].as_str().unwrap();
    for line in [
        format!("codex_policy_swaps_total {SWAPS}"),
        format!(r#"codex_policy_jobs_total{{role="current",outcome="completed"}} {JOBS}"#),
        "codex_policy_refused 0".to_owned(),
        format!(r#"codex_policy_info{{role="current",name="codex",version="{SWAPS}",sha256="{digest}"}} 1"#),
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in {metrics}");
    }
    assert!(watching.worker.stop().status.success());
}
