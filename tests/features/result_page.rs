//! The result page in a real browser: it plays, changes rungs, seeks in its waveform, and shows what the report says.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};
use testkit::browser::{dom, screenshot, visit};
use testkit::outcome::Outcome;
use testkit::site::Site;
use testkit::{fixtures, workspace};

use crate::transcode;

const PAGE: &str = "media-1.html";

fn published() -> &'static Outcome {
    static DONE: OnceLock<Outcome> = OnceLock::new();
    DONE.get_or_init(|| transcode(&fixtures::clip(854, 480, "25", 8.0)).setting("waveform", "always").run().done())
}

/// `view` on a folder. Ended when it is dropped.
struct Viewer {
    child: Child,
    url: String,
}

impl Viewer {
    fn of(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_codex-transcoder"));
        let mut child = command.arg("view").arg(folder).stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { child, url: url.trim().to_owned() }
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn table<'a>(read: &'a Value, title: &str) -> &'a Vec<Value> {
    let tables = read["tables"].as_array().unwrap();
    let found = tables.iter().find(|table| table["title"] == title);
    found.unwrap_or_else(|| panic!("there is no {title}: {tables:?}"))["rows"].as_array().unwrap()
}

#[test]
fn the_page_plays_changes_rungs_seeks_and_shows_the_report() {
    let outcome = published();
    let site = Site::of(&[("out", &outcome.out)]);
    let report = visit(&site, "result.html", json!({ "url": format!("/out/{PAGE}"), "rung": 360 })).completed();

    assert_eq!(report.steps("rung")[0]["height"], 360);
    assert_eq!(report.steps("seek")[0]["text"], "0:00 of 0:08");
    let read = report.steps("read")[0];
    assert_eq!((&read["title"], &read["columns"]), (&json!("media-1 – codex-transcoder"), &json!(2)));
    let ladder = table(read, "Ladder");
    assert_eq!(ladder.len(), 3);
    for (row, rung) in ladder[1..].iter().zip(["480p", "360p"]) {
        let rungs = outcome.report()["rungs"].as_array().unwrap();
        let reported = rungs.iter().find(|reported| reported["name"] == rung).unwrap();
        let kbits = |name: &str| (reported[name].as_u64().unwrap() / 1000).to_string();
        let shown = |at: usize| row[at].as_str().unwrap().replace('\u{202f}', "");
        assert_eq!([shown(0), shown(2), shown(3)], [rung.to_owned(), kbits("average_bps"), kbits("peak_bps")]);
    }
    assert_eq!(table(read, "Files").len(), outcome.report()["objects"].as_array().unwrap().len() - 1);
    let steps: Vec<&Value> = table(read, "Steps").iter().map(|row| &row[0]).collect();
    assert!(steps.contains(&&json!("Encode")) && steps.contains(&&json!("Whole job")), "{steps:?}");

    for look in report.steps("look") {
        assert!(look["faint"]["seen"].as_u64().unwrap() > 80, "{look:#}");
        for list in [&look["faint"]["found"], &look["nameless"], &look["structure"]] {
            assert_eq!(list, &json!([]), "{look:#}");
        }
    }
    let elsewhere = |url: &Value| !url.as_str().unwrap().starts_with(&site.url("/out/"));
    assert!(!report.field("requests").as_array().unwrap().iter().any(elsewhere), "{:?}", report.field("requests"));
}

#[test]
fn a_page_from_disk_plays_the_mezzanine_and_says_how_the_ladder_is_seen() {
    let outcome = published();
    let html = dom(&format!("file://{}", outcome.out.join(PAGE).display()));
    let (_, notice) = html.split_once("id=\"notice\"").unwrap();
    assert!(notice.starts_with(" role=\"status\">This page was opened from disk"), "{}", &notice[..200]);
    assert!(html.contains("src=\"archive/creator-1/mezzanine/media-1/mezzanine.mp4\""), "it does not play");
}

#[test]
fn view_serves_the_folder_and_nothing_else() {
    let outcome = published();
    fs::write(outcome.out.join("media/.hidden"), "x").unwrap();
    std::os::unix::fs::symlink("/etc/hostname", outcome.out.join("media/link.jpg")).unwrap();
    let viewer = Viewer::of(&outcome.out);
    let (status, head, page) = ask(&viewer.url, "", &[]);
    assert_eq!(status, 307, "{head}");
    assert!(head.contains(&format!("location: {PAGE}")) && page.is_empty());
    let (status, head, page) = ask(&viewer.url, PAGE, &[]);
    assert!(
        status == 200 && head.contains("content-type: text/html") && page == fs::read(outcome.out.join(PAGE)).unwrap()
    );
    let mezzanine = fs::read(outcome.mezzanine()).unwrap();
    let path = "archive/creator-1/mezzanine/media-1/mezzanine.mp4";
    let (status, head, part) = ask(&viewer.url, path, &["Range: bytes=100-199"]);
    assert_eq!((status, part.as_slice()), (206, &mezzanine[100..200]), "{head}");
    assert!(head.contains(&format!("content-range: bytes 100-199/{}", mezzanine.len())), "{head}");
    for path in ["media/.hidden", "media/link.jpg", "media/../../secret", "media", "media/", "nothing", "..%2f..%2fx"] {
        assert_eq!(ask(&viewer.url, path, &[]).0, 404, "{path}");
    }
    assert_eq!(ask(&viewer.url, PAGE, &["Host: evil.example"]).0, 403);
    let missing = Command::new(env!("CARGO_BIN_EXE_codex-transcoder")).args(["view", "/nowhere"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
}

/// One request, with its path as it is: status, head and body.
fn ask(url: &str, path: &str, headers: &[&str]) -> (u16, String, Vec<u8>) {
    use std::io::{Read, Write};
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let host = if headers.iter().any(|header| header.starts_with("Host")) {
        String::new()
    } else {
        format!("Host: {address}\r\n")
    };
    let more: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    write!(stream, "GET /{path} HTTP/1.1\r\n{host}{more}Connection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head, answer[end + 4..].to_vec())
}

#[test]
fn the_player_in_the_page_is_the_one_of_its_package() {
    let package = workspace::root().join("tests/players/node_modules/hls.js");
    let assets = workspace::root().join("host/result-page/assets/hls.js");
    for (ours, theirs) in [("hls.min.js", "dist/hls.min.js"), ("LICENSE", "LICENSE")] {
        let [ours, theirs] = [assets.join(ours), package.join(theirs)].map(|file| fs::read(file).unwrap());
        assert!(ours == theirs, "copy it: cp tests/players/node_modules/hls.js/… host/result-page/assets/hls.js/");
    }
}

/// Not a test: writes the pictures of README.md and docs/, where `WRITE_PICTURES` asks for them.
#[test]
fn pictures_of_the_page_are_written_where_asked_for() {
    if std::env::var_os("WRITE_PICTURES").is_none() {
        return;
    }
    let folder = workspace::scratch();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_codex-transcoder"));
    let done = demo.args(["demo", "--no-view", "--out"]).arg(folder.path()).env("CI", "true").status().unwrap();
    assert!(done.success());
    let viewer = Viewer::of(folder.path());
    let url = format!("{}clip.html", viewer.url);
    for (name, size, dark) in
        [("result-light", (1200, 900), false), ("result-dark", (1200, 900), true), ("result-phone", (390, 844), false)]
    {
        let png = folder.path().join("picture.png");
        screenshot(&url, &png, size, dark);
        let picture = workspace::root().join(format!("docs/images/{name}.webp"));
        fs::create_dir_all(picture.parent().unwrap()).unwrap();
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-y", "-i"]).arg(&png).args(["-c:v", "libwebp", "-quality", "82"]).arg(&picture);
        assert!(ffmpeg.status().unwrap().success(), "{name}");
        fs::remove_file(png).unwrap();
    }
}
