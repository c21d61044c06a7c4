//! `estimate`.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use testkit::{fixtures, workspace};

fn program(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_codex-transcoder"));
    for name in ["CODEX_POLICY", "CODEX_PRICE_WORKER_HOUR", "CODEX_PRICE_GIB_MONTH", "RUST_LOG"] {
        command.env_remove(name);
    }
    command.args(arguments).output().unwrap()
}

/// With a calibration that isn't there.
fn estimate(folder: &Path, arguments: &[&str]) -> Output {
    let calibration = folder.join("calibration.json");
    program(&[&["estimate", "--calibration", shown(&calibration)], arguments].concat())
}

#[track_caller]
fn answer(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn refused(output: &Output, code: i32, words: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(stderr.contains(words), "{stderr}");
}

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_film_is_estimated_from_samples_of_itself() {
    let folder = workspace::scratch();
    let film = fixtures::clip(320, 180, "25", 6.0);
    let settings = ["--settings", "effort=fastest", "--encoder", "cpu"];
    let prices = ["--price-worker-hour", "0.72", "--price-gib-month", "0.5"];
    let all = [&[shown(&film), "--json"], &settings[..], &prices[..]].concat();
    let estimated = answer(&estimate(folder.path(), &all));
    assert_eq!((&estimated["basis"], &estimated["processor"]), (&json!("samples"), &json!("cpu")));
    let number =
        |at: &str| estimated.pointer(at).and_then(Value::as_f64).unwrap_or_else(|| panic!("{at}: {estimated}"));
    assert!(number("/seconds") > 0.0 && number("/cpu_seconds") > 0.0 && number("/gpu_seconds") == 0.0);
    let outputs = estimated["outputs"].as_array().unwrap();
    let bytes: f64 = outputs.iter().map(|output| output["bytes"].as_f64().unwrap()).sum();
    assert_eq!(bytes, number("/bytes"));
    let has = |end: &str| outputs.iter().any(|output| output["key"].as_str().unwrap().ends_with(end));
    assert!(has("master.m3u8") && has("mezzanine.mp4") && has("auto-generated.jpg"), "{estimated}");
    assert!((number("/cost/worker") - number("/seconds") / 3600.0 * 0.72).abs() < 1e-6);
    assert!((number("/cost/storage_month") - bytes / f64::from(1 << 30) * 0.5).abs() < 1e-6);

    let out = folder.path().join("out");
    let ran = program(&[&["run", shown(&film), "--out", shown(&out)], &settings[..]].concat());
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let files = workspace::files(&out);
    let made: u64 = files.iter().map(|file| std::fs::metadata(out.join(file)).unwrap().len()).sum();
    let ratio = bytes / made as f64;
    assert!((0.6..1.6).contains(&ratio), "{bytes} bytes are expected, and {made} were made");
}

#[test]
fn a_description_is_estimated_as_an_average_film() {
    let folder = workspace::scratch();
    let probe = folder.path().join("probe.json");
    let source = json!({ "duration-ms": 60000, "video": { "width": 1280, "height": 720 }, "audio": true });
    std::fs::write(&probe, source.to_string()).unwrap();
    let on_cpu = answer(&estimate(folder.path(), &[shown(&probe), "--json"]));
    assert_eq!(on_cpu["basis"], "built-in");
    assert_eq!(on_cpu["cost"], json!({ "worker": null, "storage_month": null }));
    let on_gpu = answer(&estimate(folder.path(), &[shown(&probe), "--json", "--encoder", "gpu"]));
    assert!(on_gpu["gpu_seconds"].as_f64().unwrap() > 0.0, "{on_gpu}");
    assert!(on_gpu["cpu_seconds"].as_f64().unwrap() < on_cpu["cpu_seconds"].as_f64().unwrap());

    let table = estimate(folder.path(), &[shown(&probe), "--encoder", "gpu", "--price-worker-hour", "1"]);
    let table = String::from_utf8(table.stdout).unwrap();
    for words in ["CPU time", "GPU time", "worker", "not measured on NVENC", "another machine", "average film"] {
        assert!(table.contains(words), "{words} is not in {table}");
    }
}

#[test]
fn what_cannot_be_estimated_has_an_error_that_says_why() {
    let folder = workspace::scratch();
    let (text, wrong) = (folder.path().join("film.mp4"), folder.path().join("probe.json"));
    std::fs::write(&text, "no film").unwrap();
    std::fs::write(&wrong, r#"{ "video": { "width": 320, "hight": 180 } }"#).unwrap();
    refused(&estimate(folder.path(), &[shown(&text)]), 3, "[upload.not-media]");
    refused(&estimate(folder.path(), &[shown(&wrong)]), 2, "media.video.hight: unknown field");
    refused(&estimate(folder.path(), &["not-there.mp4"]), 2, "there is no file not-there.mp4");
    refused(&estimate(folder.path(), &[shown(&text), "--price-worker-hour=-1"]), 2, "--price-worker-hour");
    std::fs::write(folder.path().join("calibration.json"), "{}").unwrap();
    refused(&estimate(folder.path(), &[shown(&wrong)]), 2, "run `codex-transcoder estimate --calibrate` again");
}
