//! What an author of policies has: a crate that works, a component of it, a signature, and a look at what there is.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use testkit::{fixtures, workspace};

use crate::transcode;

/// The program with these arguments, in this folder.
fn program(folder: &Path, arguments: &[&str]) -> Output {
    program_with_password(folder, arguments, None)
}

fn program_with_password(folder: &Path, arguments: &[&str], password: Option<&str>) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_codex-transcoder"));
    program.current_dir(folder).arg("policy").args(arguments).env_remove("CODEX_POLICY_KEY_PASSWORD");
    program.envs(password.map(|password| ("CODEX_POLICY_KEY_PASSWORD", password)));
    program.output().unwrap()
}

#[track_caller]
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
fn refused(output: &Output, code: i32, words: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    for word in words {
        assert!(stderr.contains(word), "{word:?} is not in {stderr}");
    }
}

/// The folder in which the guests of this workspace are compiled, so that what they share is compiled once.
fn target_dir() -> String {
    workspace::root().join("target/policies").display().to_string()
}

#[test]
fn a_new_policy_is_built_signed_looked_at_and_does_a_job() {
    let folder = workspace::scratch();
    let folder = folder.path();
    done(&program(folder, &["new", "my-policy"]));
    done(&program_with_password(folder, &["keygen", "release"], Some("correct horse")));

    let build = ["build", "my-policy", "--target-dir", &target_dir(), "--sign", "release.key"];
    refused(&program(folder, &build), 2, &["policy.secret-key", "password"]);
    let settings = ["--version", "1.4.0", "--settings", "effort=fastest"];
    let build = [&build[..], &settings].concat();
    let output = done(&program_with_password(folder, &build, Some("correct horse")));
    assert!(output.contains("my-policy 1.4.0, signed with the key"), "{output}");

    let dist = folder.join("my-policy/dist");
    let manifest: Value = serde_json::from_slice(&fs::read(dist.join("policy.json")).unwrap()).unwrap();
    let module = fs::read(dist.join("my-policy.wasm")).unwrap();
    let beside = fs::read_to_string(dist.join("my-policy.wasm.minisig")).unwrap();
    assert_eq!(manifest["module"], "my-policy.wasm");
    assert_eq!(manifest["version"], "1.4.0");
    assert_eq!(manifest["settings"]["effort"], "fastest");
    assert_eq!(manifest["signature"].as_str(), Some(beside.as_str()));

    let wasm = "my-policy/dist/my-policy.wasm";
    let found = done(&program(folder, &["inspect", wasm, "--key", "release.pub", "--json"]));
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found["sha256"], manifest["sha256"]);
    assert_eq!(found["size"], module.len());
    assert_eq!(found["signature"]["verified"], true);
    assert!(found["signature"]["comment"].as_str().unwrap().contains("version:1.4.0"), "{found}");
    assert_eq!(found["contract"], serde_json::json!(["codex:transcode@0.2.0"]));

    let machine = workspace::root().display().to_string();
    assert!(!String::from_utf8_lossy(&module).contains(&machine), "the module names a folder of this machine");

    let clip = fixtures::silent_clip(320, 180, "25", 1.0);
    let made = transcode(&clip).policy(&folder.join(wasm)).run().done();
    assert!(made.report().to_string().contains("source"), "{}", made.report());
}

#[test]
fn a_policys_name_is_one_that_a_crate_can_have_and_its_folder_is_new() {
    let folder = workspace::scratch();
    for name in ["", "My-policy", "1st", "a b", "../up", "naïve"] {
        refused(&program(folder.path(), &["new", "--", name]), 2, &["name"]);
    }
    fs::create_dir(folder.path().join("taken")).unwrap();
    fs::write(folder.path().join("taken/file"), "kept").unwrap();
    refused(&program(folder.path(), &["new", "taken"]), 2, &["not empty"]);
    assert_eq!(workspace::files(folder.path()), [PathBuf::from("taken/file")]);
}

#[test]
fn a_component_of_another_tool_gets_a_manifest_too() {
    let folder = workspace::scratch();
    fs::write(folder.path().join("other.wasm"), policy::DEFAULT).unwrap();
    done(&program(folder.path(), &["build", "other.wasm", "--out", "dist", "--version", "2"]));
    let manifest: Value = serde_json::from_slice(&fs::read(folder.path().join("dist/policy.json")).unwrap()).unwrap();
    assert_eq!((manifest["name"].as_str(), manifest["version"].as_str()), (Some("other"), Some("2")));
    assert_eq!(fs::read(folder.path().join("dist/other.wasm")).unwrap(), policy::DEFAULT);
    assert!(!folder.path().join("dist/other.wasm.minisig").exists());
}

/// What a manifest says holds wherever a policy is named, and what the command line says over it.
#[test]
fn a_manifest_is_taken_wherever_a_policy_is() {
    let folder = workspace::scratch();
    let folder = folder.path();
    fs::write(folder.join("codex.wasm"), policy::DEFAULT).unwrap();
    done(&program(folder, &["keygen", "mine"]));
    let build = ["build", "codex.wasm", "--out", "dist", "--version", "7", "--sign", "mine.key"];
    done(&program(folder, &[&build[..], &["--settings", "mezzanine=false", "--limits", "log-lines=5"]].concat()));

    let clip = fixtures::silent_clip(320, 180, "25", 1.0);
    for manifest in [folder.join("dist"), folder.join("dist/policy.json")] {
        let made = transcode(&clip).policy(&manifest).run().done();
        assert!(!made.report().to_string().contains("mezzanine.mp4"), "{}", made.report());
    }
    let made = transcode(&clip).policy(&folder.join("dist")).setting("mezzanine", "true").run().done();
    assert!(made.report().to_string().contains("mezzanine.mp4"), "{}", made.report());

    let clip = clip.to_str().unwrap();
    let explained = program(folder, &["explain", "--media", clip, "--policy", "dist", "--json"]);
    let explained: Value = serde_json::from_str(&done(&explained)).unwrap();
    assert_eq!(explained["settings"]["mezzanine"], false);
    assert_eq!((&explained["policy"]["name"], &explained["policy"]["version"]), (&"codex".into(), &"7".into()));

    let inspected = program(folder, &["inspect", "dist/policy.json", "--key", "mine.pub", "--json"]);
    let inspected: Value = serde_json::from_str(&done(&inspected)).unwrap();
    assert_eq!(inspected["signature"]["verified"], true, "{inspected:#}");

    let costs = done(&program(folder, &["bench", "dist", "--calls", "3", "--json"]));
    let costs: Value = serde_json::from_str(&costs).unwrap();
    let limit = |name: &str| costs["limits"].as_array().unwrap().iter().find(|limit| limit["name"] == name).cloned();
    assert_eq!(limit("log-lines").expect("a job writes to the log")["limit"], 5, "{costs:#}");
    assert_eq!(limit("transcode.start").expect("a job starts a transcode")["call"], "workflow.run", "{costs:#}");

    // A module that is another one.
    fs::write(folder.join("dist/codex.wasm"), [policy::DEFAULT, &[0, 2, 1, b'x']].concat()).unwrap();
    transcode(&fixtures::bytes("never-opened.mp4", b"no media"))
        .policy(&folder.join("dist"))
        .run()
        .refused(4, "policy.digest");
    refused(&program(folder, &["bench", "dist"]), 4, &["policy.digest"]);
    refused(&program(folder, &["inspect", "nowhere.json"]), 4, &["policy.missing", "nowhere.json"]);
}

#[test]
fn what_can_not_be_loaded_is_not_given_a_manifest() {
    let folder = workspace::scratch();
    fs::write(folder.path().join("core.wasm"), b"\0asm\x01\0\0\0").unwrap();
    refused(&program(folder.path(), &["build", "core.wasm", "--out", "dist"]), 4, &["policy.not-a-component"]);
    fs::write(folder.path().join("codex.wasm"), policy::DEFAULT).unwrap();
    let build = ["build", "codex.wasm", "--out", "dist", "--settings", "efort=fast"];
    refused(&program(folder.path(), &build), 2, &["policy.settings", "efort"]);
    refused(&program(folder.path(), &["build", "nowhere"]), 2, &["nowhere"]);
    refused(&program(folder.path(), &["build", "codex.wasm", "--limits", "patience=3"]), 4, &["policy.limits"]);
    // What an earlier command compiled takes no time.
    let mut hasty = Command::new(env!("CARGO_BIN_EXE_codex-transcoder"));
    hasty.current_dir(folder.path()).env("CODEX_POLICY_CACHE", "off");
    let hasty = hasty.args(["policy", "build", "codex.wasm", "--limits", "compile-ms=1"]).output().unwrap();
    refused(&program(folder.path(), &["build", "codex.wasm", "--version", "1\n2"]), 4, &["policy.manifest"]);
    refused(&hasty, 4, &["policy.limit-compile", "compile-ms"]);
    assert!(!folder.path().join("dist").exists() && !folder.path().join("policy.json").exists());
}

#[test]
fn a_secret_key_is_for_its_owner_alone_and_is_never_replaced() {
    let folder = workspace::scratch();
    let output = done(&program(folder.path(), &["keygen"]));
    let public = fs::read_to_string(folder.path().join("policy.pub")).unwrap();
    assert!(output.contains(public.lines().nth(1).unwrap()), "{output}");
    let secret = folder.path().join("policy.key");
    assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    let before = fs::read(&secret).unwrap();
    refused(&program(folder.path(), &["keygen"]), 2, &["policy.key"]);
    assert_eq!(fs::read(&secret).unwrap(), before);
}

#[test]
fn a_look_at_a_policy_says_what_it_is_and_whose() {
    let folder = workspace::scratch();
    let folder = folder.path();
    fs::write(folder.join("codex.wasm"), policy::DEFAULT).unwrap();
    let page = done(&program(folder, &["inspect", "codex.wasm"]));
    for expected in [
        "codex:transcode@0.2.0",
        "codex:transcode/webhook@0.2.0: deliver",
        "codex:transcode/workflow@0.2.0: run",
        "not signed",
        "Rust",
        "taken      yes",
    ] {
        assert!(page.contains(expected), "{expected:?} is not in\n{page}");
    }
    done(&program(folder, &["keygen", "mine"]));
    done(&program(folder, &["keygen", "theirs"]));
    done(&program(folder, &["build", "codex.wasm", "--out", "dist", "--sign", "mine.key"]));
    let page = done(&program(folder, &["inspect", "dist/codex.wasm"]));
    assert!(page.contains("not checked"), "{page}");
    let page = done(&program(folder, &["inspect", "dist/codex.wasm", "--key", "theirs.pub", "--key", "mine.pub"]));
    assert!(page.contains("verified"), "{page}");
    // A signature that lies beside a component, as minisign puts it there, goes into the manifest.
    done(&program(folder, &["build", "dist/codex.wasm", "--out", "again"]));
    let page = done(&program(folder, &["inspect", "again", "--key", "mine.pub"]));
    assert!(page.contains("verified"), "{page}");
    let by_others = program(folder, &["inspect", "dist/codex.wasm", "--key", "theirs.pub"]);
    refused(&by_others, 4, &["policy.unknown-signer"]);
    fs::copy(folder.join("dist/codex.wasm.minisig"), folder.join("small.wasm.minisig")).unwrap();
    fs::write(folder.join("small.wasm"), &policy::DEFAULT[..policy::DEFAULT.len() - 1]).unwrap();
    refused(&program(folder, &["inspect", "small.wasm", "--key", "mine.pub"]), 4, &["policy."]);
}

#[test]
fn a_look_at_something_else_says_what_is_wrong_with_it() {
    let folder = workspace::scratch();
    let look = |bytes: &[u8]| {
        fs::write(folder.path().join("it.wasm"), bytes).unwrap();
        program(folder.path(), &["inspect", "it.wasm"])
    };
    refused(&look(b"\0asm\x01\0\0\0"), 4, &["policy.not-a-component", "core module"]);
    refused(&look(b"\x7fELF\x02\x01\x01\0"), 4, &["policy.not-a-component", "machine code"]);
    refused(&look(b"\0asm\x0d\0\x01\0"), 4, &["policy.contract"]);
    // A component of an empty instance type and an import of that type.
    let name = b"wasi:cli/environment@0.2.0";
    let import = [&[1, 0, name.len() as u8], name.as_slice(), &[5, 0]].concat();
    let types = [7, 3, 1, 0x42, 0];
    let greedy = [b"\0asm\x0d\0\x01\0".as_slice(), &types, &[10, import.len() as u8], &import].concat();
    let looked = look(&greedy);
    assert!(String::from_utf8_lossy(&looked.stdout).contains("wasi:cli/environment@0.2.0"));
    refused(&looked, 4, &["policy.import", "wasi:cli/environment@0.2.0"]);
}
