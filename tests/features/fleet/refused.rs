//! Refused policies: the last good one stays, jobs go on, and the log, the metrics and `/health` report the refusal.

use serde_json::{Value, json};
use testkit::platform::Platform;
use testkit::workspace;

use super::*;

/// A component that imports an empty instance from WASI.
fn greedy() -> Vec<u8> {
    let name = b"wasi:cli/environment@0.2.0";
    let import = [&[1, 0, name.len() as u8], name.as_slice(), &[5, 0]].concat();
    [b"\0asm\x0d\0\x01\0".as_slice(), &[7, 3, 1, 0x42, 0], &[10, import.len() as u8], &import].concat()
}

#[test]
fn a_refused_policy_is_reported_everywhere_and_the_last_good_one_stays() {
    let platform = Platform::default();
    let (folder, keys, strangers) = (Folder::new(), Keys::new(), Keys::new());
    let signed = |mut manifest: Value, module: &[u8]| {
        manifest["signature"] = keys.sign(module).into();
        manifest
    };
    let good = variant(1);
    folder.ship(&signed(manifest("1", &good), &good), &good);
    let watching = Watching::start(
        &platform,
        folder.path().to_str().unwrap(),
        &[("CODEX_POLICY_PUBLIC_KEYS", &keys.public), ("CODEX_POLICY_REQUIRE_SIGNATURE", "true")],
    );

    let module = variant(2);
    folder.module(&module);
    let with = |field: &str, value: Value| {
        let mut manifest = signed(manifest("2", &module), &module);
        manifest[field] = value;
        manifest
    };
    let hostile = std::fs::read(workspace::hostile_policy()).unwrap();
    let hostile = |behaviour: &str| {
        folder.module(&hostile);
        let mut manifest = signed(manifest("2", &hostile), &hostile);
        manifest["settings"] = json!({ "behaviour": behaviour });
        manifest
    };
    let (greedy, core) = (greedy(), b"\0asm\x01\0\0\0".to_vec());
    for module in [&greedy, &core] {
        folder.module(module);
    }
    let refused = [
        ("policy.digest", with("sha256", json!("ab".repeat(32)))),
        ("policy.missing", with("module", json!("elsewhere.wasm"))),
        ("policy.unsigned", manifest("2", &module)),
        ("policy.signature", with("signature", keys.sign(&good).into())),
        ("policy.unknown-signer", with("signature", strangers.sign(&module).into())),
        ("policy.import", signed(manifest("2", &greedy), &greedy)),
        ("policy.not-a-component", signed(manifest("2", &core), &core)),
        ("policy.settings", with("settings", json!({ "mezanine": true }))),
        ("policy.limits", with("limits", json!({ "patience": 3 }))),
        ("policy.smoke", hostile("payload-not-json")),
        ("policy.trap", hostile("panic-in-failed")),
        ("policy.limit-compute", hostile("loop-in-validate")),
        ("policy.manifest", with("sha265", json!("x"))),
    ];
    for (code, manifest) in &refused {
        folder.manifest(manifest);
        let line = watching.worker.logged(&["policy refused", &format!(r#""code":"{code}""#)]);
        assert_eq!((&line["level"], &line["in_force_version"]), (&json!("ERROR"), &json!("1")), "{line:#}");
        // The log comes first.
        let mut health = watching.health();
        testkit::job::until("health reports it", testkit::platform::PATIENCE, || {
            health = watching.health();
            health["policy_refused"][0]["code"] == *code
        });
        assert_eq!((&health["status"], &health["policy_version"]), (&json!("ready"), &json!("1")), "{health:#}");
    }
    let metrics = watching.ask("/metrics");
    for (code, _) in &refused {
        assert!(metrics.contains(&format!(r#"codex_policy_refusals_total{{code="{code}"}} 1"#)), "{code}: {metrics}");
    }
    assert!(
        metrics.contains("codex_policy_refused 1\n") && metrics.contains("codex_policy_swaps_total 0\n"),
        "{metrics}"
    );

    platform.queue.queue("job-1", sound(&platform, "media-1"));
    let report = report(&platform.result("job-1"));
    assert_eq!(report["policy_digest"], sha256(&good));
    assert_eq!(report["policy_refused"][0]["code"], "policy.manifest", "{report:#}");
    assert!(!published(&platform, "media-1").is_empty());

    // And then one that is good.
    folder.manifest(&signed(manifest("3", &module), &module));
    watching.swapped_to("3");
    assert_eq!(watching.health()["policy_refused"], json!([]));
    assert!(watching.ask("/metrics").contains("codex_policy_refused 0\n"));
    watching.worker.stop();
}

/// Each policy of an environment is judged by itself.
#[test]
fn a_refused_canary_has_no_jobs_and_leaves_the_current_policy_alone() {
    let platform = Platform::default();
    let folder = Folder::new();
    let module = variant(1);
    let mut both = manifest("1", &module);
    both["next"] = manifest("2", &module);
    both["next"]["percent"] = 100.into();
    both["next"]["settings"] = json!({ "effort": 7 });
    folder.ship(&both, &module);
    let watching = Watching::start(&platform, folder.path().to_str().unwrap(), &[("CODEX_POLICY_SETTINGS", "{}")]);
    let health = watching.health();
    assert_eq!((&health["canary"], &health["policy_version"]), (&Value::Null, &json!("1")));
    let refused = &health["policy_refused"][0];
    assert_eq!((&refused["role"], &refused["version"]), (&json!("canary"), &json!("2")), "{health:#}");
    assert_eq!(refused["code"], "policy.settings");
    watching.worker.logged(&["policy refused", r#""role":"canary""#, "policy.settings"]);
    platform.queue.queue("job-1", json!({ "mediaId": "m" }));
    assert_eq!(report(&platform.result("job-1"))["policy_role"], "current");
    watching.worker.stop();
}
