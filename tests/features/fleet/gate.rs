//! A policy that no job could run under is not activated, whatever is wrong with it.

use serde_json::{Value, json};
use testkit::platform::{Gone, Platform, Worker};
use testkit::{guest, workspace};

use super::*;

/// What the policy of faults does wrong, as far as it is wrong in every job. Left out are a flood of logs, which
/// the host cuts short and a job outlives, and the policies that behave in their trial.
fn faults() -> impl Iterator<Item = &'static str> {
    let left_out = ["none", "log-flood", "forge-journal", "panic-in-jobs"];
    hostile_policy::Behaviour::ALL.iter().map(|(name, _)| *name).filter(move |name| !left_out.contains(name))
}

struct Operator {
    platform: Platform,
    author: Folder,
    place: Folder,
}

impl Operator {
    fn policy(&self, arguments: &[&str]) -> Gone {
        let place = self.place.path().to_str().unwrap();
        let mut command = command(&self.platform, &[&["policy"], arguments].concat(), place);
        command.env("CODEX_POLICY_SETTINGS", "{}");
        Worker::start(command).wait()
    }

    fn activate(&self, manifest: &Value, module: &[u8]) -> Gone {
        self.author.ship(manifest, module);
        self.policy(&["activate", self.author.path().to_str().unwrap()])
    }
}

#[test]
fn of_fifty_bad_policies_none_is_activated() {
    let operator = Operator { platform: Platform::default(), author: Folder::new(), place: Folder::new() };
    let hostile = std::fs::read(workspace::hostile_policy()).unwrap();
    let with = |behaviour: &str| {
        let mut manifest = manifest("1", &hostile);
        manifest["settings"] = json!({ "behaviour": behaviour });
        manifest
    };
    let mut bad: Vec<(String, Value, Vec<u8>)> =
        faults().map(|fault| (fault.to_owned(), with(fault), hostile.clone())).collect();
    for name in ["loop-at-start", "memory-at-start", "trap-in-realloc", "wild-realloc", "out-of-memory-answer"] {
        let module = guest::named(name);
        bad.push((name.to_owned(), manifest("1", &module), module));
    }
    let answers_nothing = guest::of_text("");
    bad.push(("answers nothing".to_owned(), manifest("1", &answers_nothing), answers_nothing));
    assert!(bad.len() >= 50, "{}", bad.len());
    for (name, manifest, module) in bad {
        let refused = operator.activate(&manifest, &module);
        assert_eq!(refused.status.code(), Some(4), "{name}: {}{}", refused.stdout, refused.log);
        assert!(refused.log.contains("[policy."), "{name}: {}", refused.log);
        assert!(!operator.place.path().join("policy.json").exists(), "{name}");
    }
    // The same module, without a fault.
    let good = operator.activate(&with("none"), &hostile);
    assert!(good.status.success(), "{}", good.log);
    assert!(operator.place.path().join("policy.json").exists());
}

/// Each of these activated once, and every job failed.
#[test]
fn the_message_says_what_is_wrong_with_which_kind_of_media() {
    let operator = Operator { platform: Platform::default(), author: Folder::new(), place: Folder::new() };
    let hostile = std::fs::read(workspace::hostile_policy()).unwrap();
    for (behaviour, words) in [
        ("panic", vec!["policy.trap", "workflow.run", "the ladder has no rungs"]),
        ("one-key-for-all-rungs", vec!["policy.smoke", "`workflow.run`, for a clip in 1080p", "index.m3u8"]),
        ("missing-store", vec!["policy.smoke", "`workflow.run`, for a clip in 1080p", "nowhere"]),
        ("refuses-all", vec!["policy.smoke", "accepts no kind of media", "hostile.refused"]),
    ] {
        let mut manifest = manifest("1", &hostile);
        manifest["settings"] = json!({ "behaviour": behaviour });
        let refused = operator.activate(&manifest, &hostile);
        for word in words {
            assert!(refused.log.contains(word), "{word} is not in {}", refused.log);
        }
        // Building it says so before it is shipped, but for what only an environment knows.
        let component = operator.author.path().join(manifest["module"].as_str().unwrap());
        let out = workspace::scratch();
        let setting = format!("behaviour={behaviour}");
        let build =
            ["build", component.to_str().unwrap(), "--out", out.path().to_str().unwrap(), "--settings", &setting];
        let built = operator.policy(&build);
        let is_known = behaviour != "missing-store";
        assert_eq!(built.status.code(), Some(if is_known { 4 } else { 0 }), "{behaviour}: {}", built.log);
    }
}

#[test]
fn a_worker_takes_no_policy_whose_jobs_would_fail() {
    let platform = Platform::default();
    let (folder, good) = (Folder::new(), variant(1));
    folder.ship(&manifest("1", &good), &good);
    let watching = Watching::start(&platform, folder.path().to_str().unwrap(), &[("CODEX_POLICY_SETTINGS", "{}")]);
    let hostile = std::fs::read(workspace::hostile_policy()).unwrap();
    let mut bad = manifest("2", &hostile);
    bad["settings"] = json!({ "behaviour": "panic" });
    folder.ship(&bad, &hostile);
    watching.worker.logged(&["policy refused", "policy.trap"]);
    assert_eq!(watching.health()["policy_version"], "1");
    watching.worker.stop();
}
