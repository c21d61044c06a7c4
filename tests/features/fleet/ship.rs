//! `policy activate`, `rollback` and `status`.

use serde_json::{Value, json};
use testkit::s3::Fault;

use super::operator::{Operator, PLACE, done};
use super::*;

impl Operator {
    /// The versions that are current, on trial, and previous; asserts that every module that is named is there.
    #[track_caller]
    fn versions(&self) -> [Value; 3] {
        let deployed = self.deployed();
        [&deployed, &deployed["next"], &deployed["previous"]].map(|manifest| {
            if let Some(module) = manifest["module"].as_str() {
                let bytes = self.platform.media.object(&format!(".codex/policies/{module}")).expect(module);
                assert_eq!(manifest["sha256"], sha256(&bytes));
                assert!(module.contains(&sha256(&bytes)), "{module}");
            }
            manifest["version"].clone()
        })
    }
}

#[test]
fn a_policy_is_shipped_tried_on_some_jobs_promoted_and_rolled_back_under_a_running_worker() {
    let operator = Operator::new();
    done(&operator.activate(1, &[]));
    assert_eq!(operator.versions(), [json!("1"), Value::Null, Value::Null]);
    let watching = Watching::start(&operator.platform, PLACE, &[("CODEX_POLICY_POLL_SECONDS", "1")]);
    assert_eq!(watching.health()["policy_version"], "1");

    done(&operator.activate(2, &[]));
    assert_eq!(operator.versions(), [json!("2"), Value::Null, json!("1")]);
    watching.swapped_to("2");

    let trial = operator.activate(3, &["--canary", "25"]);
    done(&trial);
    assert!(trial.stdout.contains("codex 3") && trial.stdout.contains("25 % of the jobs"), "{}", trial.stdout);
    assert_eq!(operator.versions(), [json!("2"), json!("3"), json!("1")]);
    watching.worker.logged(&["policy swapped", r#""canary_version":"3""#]);

    let status = operator.policy(&["status"]);
    done(&status);
    for words in ["current   codex 2", "canary    codex 3", "previous  codex 1", "25 %", "taken; signature: none"] {
        assert!(status.stdout.contains(words), "{words} is not in {}", status.stdout);
    }
    let status: Value = serde_json::from_str(&operator.policy(&["status", "--json"]).stdout).unwrap();
    assert_eq!(status["policies"][1]["percent"], 25, "{status:#}");
    assert!(status["policies"].as_array().unwrap().iter().all(|policy| policy["admitted"] == true), "{status:#}");

    // The trial ends, and then the step before it is undone, and done again.
    done(&operator.policy(&["rollback"]));
    assert_eq!(operator.versions(), [json!("2"), Value::Null, json!("1")]);
    done(&operator.policy(&["rollback"]));
    assert_eq!(operator.versions(), [json!("1"), Value::Null, json!("2")]);
    watching.swapped_to("1");
    done(&operator.policy(&["rollback"]));
    assert_eq!(operator.versions(), [json!("2"), Value::Null, json!("1")]);
    watching.worker.stop();

    // What one environment has can be shipped to another one: here a folder.
    let other = Folder::new();
    let place = other.path().to_str().unwrap();
    done(&operator.policy(&["activate", PLACE, "--place", place]));
    assert_eq!((&other.read()["version"], &other.read()["previous"]), (&json!("2"), &Value::Null));
}

#[test]
fn what_a_worker_would_not_take_is_not_shipped_and_a_step_that_fails_half_way_changes_nothing() {
    let operator = Operator::new();
    let nothing = operator.policy(&["status"]);
    assert!(nothing.log.contains("policy.missing"), "{}", nothing.log);
    done(&operator.activate(1, &[]));
    let before = operator.deployed();

    for (words, times) in [("PUT .wasm", 1), ("PUT policy.json", 1)] {
        operator.platform.media.fail(Fault::Deny, words, times);
        let failed = operator.activate(2, &[]);
        assert!(failed.status.code() == Some(5) && failed.log.contains("storage.denied"), "{}", failed.log);
        assert_eq!(operator.deployed(), before);
        operator.versions();
    }
    assert!(operator.platform.media.injected() == 2);

    let module = variant(2);
    let mut bad = manifest("2", &module);
    bad["settings"] = json!({ "mezanine": true });
    operator.author.ship(&bad, &module);
    let path = operator.author.path().to_str().unwrap();
    let refused = operator.policy(&["activate", path]);
    assert!(refused.status.code() == Some(2) && refused.log.contains("mezanine"), "{}", refused.log);
    let unsigned = {
        let mut command = command(&operator.platform, &["policy", "activate", path], PLACE);
        let keys = Keys::new();
        command.env("CODEX_POLICY_REQUIRE_SIGNATURE", "true").env("CODEX_POLICY_PUBLIC_KEYS", keys.public);
        Worker::start(command).wait()
    };
    assert!(unsigned.status.code() == Some(4) && unsigned.log.contains("policy.unsigned"), "{}", unsigned.log);
    let rollback = operator.policy(&["rollback"]);
    assert!(rollback.status.code() == Some(2) && rollback.log.contains("nothing to undo"), "{}", rollback.log);
    assert_eq!(operator.deployed(), before);

    // `status` reports a module that was damaged in its store, and ends with a code of its own.
    let module = format!(".codex/policies/{}", before["module"].as_str().unwrap());
    operator.platform.media.put_object(&module, "damaged");
    let status = operator.policy(&["status"]);
    assert!(status.status.code() == Some(4) && status.stdout.contains("policy.digest"), "{}", status.stdout);

    // A manifest that was broken by hand is repaired by the next `activate`, and only by that.
    operator.platform.media.put_object(".codex/policies/policy.json", "{");
    assert!(operator.policy(&["rollback"]).log.contains("policy.manifest"));
    assert!(operator.activate(2, &["--canary", "5"]).log.contains("policy.manifest"));
    let mended = operator.activate(2, &[]);
    done(&mended);
    assert!(mended.log.contains("the existing manifest is unreadable and is replaced"), "{}", mended.log);
    assert_eq!(operator.versions(), [json!("2"), Value::Null, Value::Null]);
}

#[test]
fn every_change_is_noted_and_any_earlier_policy_can_come_back() {
    let operator = Operator::new();
    for (version, why) in [(1, "the first"), (2, "smaller previews"), (3, "HEVC on trial")] {
        let canary: &[&str] = if version == 3 { &["--canary", "5"] } else { &[] };
        done(&operator.activate(version, &[&["--message", why], canary].concat()));
    }
    done(&operator.policy(&["rollback", "-m", "too slow"]));
    done(&operator.policy(&["rollback", "--to", "1"]));
    assert_eq!(operator.versions(), [json!("1"), Value::Null, json!("2")]);
    // By its digest, too.
    done(&operator.policy(&["rollback", "--to", &sha256(&variant(3))[..12]]));
    assert_eq!(operator.versions(), [json!("3"), Value::Null, json!("1")]);

    let history = operator.policy(&["history", "--json"]);
    done(&history);
    let history: Value = serde_json::from_str(&history.stdout).unwrap();
    let noted: Vec<(&str, &str, &str)> = history["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let text = |at: &str| entry.pointer(at).and_then(Value::as_str).unwrap_or_default();
            (text("/action"), text("/policy/version"), text("/message"))
        })
        .collect();
    let expected = [
        ("activate", "1", "the first"),
        ("activate", "2", "smaller previews"),
        ("canary", "3", "HEVC on trial"),
        ("end-canary", "3", "too slow"),
        ("rollback", "1", ""),
        ("rollback", "3", ""),
    ];
    assert_eq!(noted, expected);
    let list = operator.policy(&["history"]).stdout;
    let newest = list.lines().next().unwrap();
    assert!(newest.contains("rollback") && newest.contains("codex 3"), "{list}");
    assert!(list.contains("canary     codex 3") && list.contains("5 % of the jobs: HEVC on trial"), "{list}");

    let unknown = operator.policy(&["rollback", "--to", "7"]);
    assert!(unknown.status.code() == Some(2) && unknown.log.contains("policy history"), "{}", unknown.log);
    // A module that is gone can't come back.
    let gone = sha256(&variant(2));
    let keys = operator.platform.media.keys();
    operator.platform.media.remove_object(keys.iter().find(|key| key.contains(&gone)).unwrap());
    let missing = operator.policy(&["rollback", "--to", "2"]);
    assert!(missing.status.code() == Some(4) && missing.log.contains("policy.missing"), "{}", missing.log);
    assert_eq!(operator.versions()[0], json!("3"));
}
