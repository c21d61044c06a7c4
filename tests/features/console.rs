//! The console of `serve`: a file that is sent from a browser becomes a job, its progress is seen, and so is its result.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use testkit::receiver::SECRET;
use testkit::tab::Tab;
use testkit::{fixtures, workspace};

/// A served program whose stores are folders. Ended when it is dropped.
struct Served {
    child: Child,
    address: String,
    folder: TempDir,
}

impl Served {
    fn start() -> Self {
        let folder = workspace::scratch();
        let mut command = Command::new(env!("CARGO_BIN_EXE_codex-transcoder"));
        command.args(["serve", "--address", "127.0.0.1:0"]).env("CODEX_ENVIRONMENT", "dev");
        command.env("WEBHOOK_SECRET", SECRET).env("CODEX_WORK_DIR", folder.path());
        command.env("CODEX_POLICY_SETTINGS", r#"{"effort":"fastest","mezzanine":false,"rungs":["360p"]}"#);
        for store in ["media", "archive", "assets"] {
            let variable = format!("CODEX_STORES_{}_PATH", store.to_uppercase());
            command.env(variable, folder.path().join(store));
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").unwrap_or_else(|| panic!("it says {line:?}")).to_owned();
        Self { child, address, folder }
    }

    fn send(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (address, length) = (&self.address, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        BufReader::new(stream)
    }

    /// Status and body.
    fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, String) {
        let mut answer = Vec::new();
        // A refused upload may be cut off.
        let _ = self.send(method, path, headers, body).read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    fn upload(&self, file: &Path, media: &str) -> String {
        let path = format!("/console/upload?name=My%20file%20(1).mp4&mediaId={media}&type=video&webhookUrl=");
        let (status, body) = self.ask("POST", &path, "", &std::fs::read(file).unwrap());
        assert_eq!(status, 200, "{body}");
        serde_json::from_str::<Value>(&body).unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// The states of a job as the events show them, up to its end, and its last entry.
    fn follow(&self, id: &str) -> (Vec<String>, Value) {
        let mut states = Vec::new();
        for line in self.send("GET", "/console/events", "", b"").lines() {
            let line = line.unwrap();
            let Some(list) = line.strip_prefix("data: ") else { continue };
            let list: Value = serde_json::from_str(list).unwrap();
            let job = list["jobs"].as_array().unwrap().iter().find(|job| job["id"] == id).unwrap().clone();
            let state = job["status"].as_str().unwrap().to_owned();
            if states.last() != Some(&state) {
                states.push(state.clone());
            }
            if !matches!(state.as_str(), "IN_QUEUE" | "IN_PROGRESS") {
                return (states, job);
            }
        }
        panic!("the events ended: {states:?}");
    }

    fn originals(&self) -> Vec<PathBuf> {
        workspace::files(&self.folder.path().join("media/local/originals"))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_file_from_the_browser_becomes_a_job_that_is_followed_to_its_result() {
    let served = Served::start();
    let url = format!("http://{}/", served.address);
    let mut tab = Tab::open(&url);
    let text = tab.text_with("0 running, 0 waiting, 0 completed, 0 failed");
    assert!(text.contains("codex (built in)") && text.contains("No job yet"), "{text}");

    for (path, headers, status) in [
        ("/console/upload?name=a&mediaId=..%2Fx&type=video", "", 400),
        ("/console/upload?name=a&type=video", "", 400),
        ("/console/upload?name=a&mediaId=x&type=video", "Origin: https://evil.example\r\n", 403),
    ] {
        assert_eq!(served.ask("POST", path, headers, b"x").0, status, "{path}");
    }
    assert!(!served.folder.path().join("media/local").exists(), "{:?}", served.originals());

    let id = served.upload(&fixtures::clip(640, 360, "25", 3.0), "talk");
    let (states, job) = served.follow(&id);
    assert_eq!(states.last().map(String::as_str), Some("COMPLETED"), "{job}");
    assert_eq!((&job["media"], &job["page"]), (&Value::from("talk"), &Value::from(true)));
    assert_eq!(served.originals(), [Path::new("talk/upload-My-file--1-.mp4")]);
    let broken = served.folder.path().join("broken.mp4");
    std::fs::write(&broken, "<b>no film</b>").unwrap();
    let (_, failed) = served.follow(&served.upload(&broken, "broken"));
    assert!(failed["status"] == "FAILED" && failed["error"].as_str().unwrap().contains("[upload."), "{failed}");

    let result = format!("/console/jobs/{id}");
    let text = tab.text_with("1 completed, 1 failed");
    for shown in ["talk", "Completed", "Result", "broken", "Failed", "[upload."] {
        assert!(text.contains(shown), "{shown} is not in {text}");
    }
    assert_eq!(tab.value("document.querySelector('#rows a').getAttribute('href')"), result.as_str());
    // The form, as a person fills it in.
    tab.value(
        "(() => { const all = new DataTransfer(); all.items.add(new File(['no film'], 'My film.mp4', { type: 'video/mp4' })); \
         const file = document.getElementById('file'); file.files = all.files; file.dispatchEvent(new Event('change')); \
         document.getElementById('submit').click(); })()",
    );
    assert!(tab.text_with("1 completed, 2 failed").contains("My-film"));
    let (status, html) = served.ask("GET", &result, "", b"");
    let master = "/console/files/media/local/hls/talk/master.m3u8";
    assert!(status == 200 && html.contains("<h1>talk</h1>") && html.contains(master));
    assert!(served.ask("GET", master, "", b"").1.starts_with("#EXTM3U"));
    for path in ["/console/files/media/.codex/x", "/console/files/work/x", "/console/jobs/nothing"] {
        assert_eq!(served.ask("GET", path, "", b"").0, 404, "{path}");
    }
    assert!(workspace::files(served.folder.path()).iter().all(|file| !file.ends_with("upload")), "an upload is left");
}
