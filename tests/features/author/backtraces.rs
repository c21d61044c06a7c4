//! Errors of a policy name its functions.

use serde_json::json;
use testkit::{fixtures, workspace};

use super::{policy, shown};
use crate::program_on;

#[test]
fn a_panic_a_trap_a_loop_and_a_recursion_are_explained_with_the_functions_that_they_were_in() {
    let folder = workspace::scratch();
    let (media, limited) = (folder.path().join("media.json"), folder.path().join("limited.json"));
    std::fs::write(&media, r#"{ "video": { "width": 320, "height": 180 } }"#).unwrap();
    let module = workspace::hostile_policy();
    let manifest = json!({
        "name": "hostile",
        "module": "hostile-policy.wasm",
        "sha256": workspace::sha256_of(module),
        "limits": { "compute-ms": 50 },
    });
    std::fs::copy(module, folder.path().join("hostile-policy.wasm")).unwrap();
    std::fs::write(&limited, manifest.to_string()).unwrap();
    for (behaviour, code, functions) in [
        ("panic", "policy.trap", "; in hostile_policy::attack::attack"),
        ("trap", "policy.trap", "; in hostile_policy::attack::"),
        ("endless-loop", "policy.limit-compute", "; in hostile_policy::attack::"),
        ("deep-recursion", "policy.trap", "; in hostile_policy::attack::recurse (32 times)"),
    ] {
        let setting = format!("behaviour={behaviour}");
        let arguments =
            ["explain", "--media", shown(&media), "--policy", shown(&limited), "--settings", setting.as_str()];
        let output = policy(&arguments).ends_with(4);
        let said = output.stderr.lines().find(|line| line.starts_with("error:")).unwrap();
        assert!(said.contains(code) && said.contains(functions), "{behaviour}: {said}");
        assert!(!said.contains("core::") && !said.contains('#') && said.len() < 1200, "{behaviour}: {said}");
    }
}

#[test]
fn scenarios_and_jobs_name_the_functions_of_a_panic() {
    let folder = workspace::scratch();
    std::fs::write(folder.path().join("panics.yaml"), "settings: { behaviour: panic }\n").unwrap();
    let guest = shown(workspace::hostile_policy());
    let tested = policy(&["test", shown(folder.path()), "--policy", guest]).ends_with(4);
    tested.says(&["FAIL  panics", "; in hostile_policy::attack::attack"]);

    let upload = fixtures::silent_clip(320, 180, "25", 1.0);
    let ran = program_on(&upload).policy(workspace::hostile_policy()).setting("behaviour", "panic").run();
    ran.failed(4, "policy.trap");
    assert!(ran.message().contains("; in hostile_policy::attack::attack"));
}
