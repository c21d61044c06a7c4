//! What a worker starts with.

use serde_json::json;
use testkit::platform::{Platform, Worker};

use super::*;

/// The log of a worker that failed a startup check.
#[track_caller]
fn failed_start(command: Command) -> String {
    let gone = Worker::start(command).wait();
    assert_eq!(gone.status.code(), Some(1), "{}", gone.log);
    gone.log
}

#[test]
fn production_takes_only_signed_policies_unless_a_setting_allows_others() {
    let platform = Platform::default();
    let (folder, keys) = (Folder::new(), Keys::new());
    let module = variant(1);
    folder.put("lean.wasm", &module);
    let path = folder.path().join("lean.wasm");
    let production = |further: &[(&str, &str)]| {
        let mut command = platform.command(program(), &["worker"]);
        command.env("CODEX_POLICY_PATH", &path).env("ENVIRONMENT", "production");
        command.env("CODEX_WEBHOOK_ALLOW_HTTP", "never").env("CODEX_WEBHOOK_ALLOW_PRIVATE", "false");
        command.envs(further.iter().copied());
        command
    };
    let fit = |further: &[(&str, &str)]| {
        let worker = Worker::start(production(further));
        worker.logged(&["startup checks passed", &sha256(&module)]);
        assert!(worker.stop().status.success());
    };
    let trusted = [("CODEX_POLICY_PUBLIC_KEYS", keys.public.as_str())];
    assert!(failed_start(production(&[])).contains("policy.no-public-keys"));
    assert!(failed_start(production(&trusted)).contains("policy.unsigned"));
    fit(&[("CODEX_POLICY_REQUIRE_SIGNATURE", "false")]);
    // As minisign writes it, beside what it signed.
    std::fs::write(beside(&path, ".minisig"), keys.sign(&module)).unwrap();
    fit(&trusted);
    std::fs::write(beside(&path, ".minisig"), keys.sign(b"something else")).unwrap();
    // A wrong one is refused also where none is demanded; the last good policy of this disk has the right one.
    let worker = Worker::start(production(&[trusted[0], ("CODEX_POLICY_REQUIRE_SIGNATURE", "false")]));
    worker.logged(&["policy refused", "policy.signature"]);
    worker.logged(&["startup checks passed", &sha256(&module)]);
    assert!(worker.stop().status.success());
    // What is built in needs none.
    let mut built_in = production(&trusted);
    built_in.env_remove("CODEX_POLICY_PATH");
    let worker = Worker::start(built_in);
    worker.logged(&["startup checks passed", "built in"]);
    worker.stop();
}

#[test]
fn a_worker_starts_with_the_previous_policy_then_with_the_last_good_one_of_its_disk_else_not_at_all() {
    let platform = Platform::default();
    let folder = Folder::new();
    let place = folder.path().join("policy.json");
    let place = place.to_str().unwrap();
    let (old, new) = (variant(1), variant(2));
    let refused = json!({ "mezanine": true });

    // Nothing good is known.
    let mut bad = manifest("2", &new);
    bad["settings"] = refused.clone();
    folder.ship(&bad, &new);
    assert!(failed_start(command(&platform, &["worker"], place)).contains("policy.settings"));
    std::fs::remove_file(place).unwrap();
    assert!(failed_start(command(&platform, &["worker"], place)).contains("policy.missing"));

    // The place knows a good one.
    bad["previous"] = manifest("1", &old);
    folder.ship(&bad, &old);
    let watching = Watching::start(&platform, place, &[]);
    let health = watching.health();
    assert_eq!((&health["policy_version"], &health["policy_sha256"]), (&json!("1"), &json!(sha256(&old))));
    assert_eq!(health["policy_refused"][0]["code"], "policy.settings", "{health:#}");
    // Once it works, it takes what is good as ever.
    folder.ship(&manifest("3", &new), &new);
    watching.swapped_to("3");
    watching.worker.stop();

    // The disk knows a good one, and the place is gone.
    std::fs::remove_file(place).unwrap();
    let watching = Watching::start(&platform, place, &[]);
    let health = watching.health();
    assert_eq!((&health["policy_version"], &health["policy_sha256"]), (&json!("3"), &json!(sha256(&new))));
    assert_eq!(health["policy_refused"][0]["code"], "policy.missing", "{health:#}");
    platform.queue.queue("job-1", json!({ "mediaId": "m" }));
    assert_eq!(report(&platform.result("job-1"))["policy_refused"][0]["code"], "policy.missing");
    folder.manifest(&manifest("4", &new));
    watching.swapped_to("4");
    watching.worker.stop();
}
