//! A real browser without a window, in which hls.js or Shaka Player plays a publication by a scenario.

use std::io::Read;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::site::Site;
use crate::workspace;

/// What browsers are called, on the PATH and on macOS. All of them have H.264 and AAC.
const BROWSERS: [&str; 5] = [
    "chromium-headless-shell",
    "chromium",
    "google-chrome",
    "chromium-browser",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/// Longest that a scenario may take; each of its waits has a deadline of its own in the page. The longest takes a tenth
/// of it on two cores.
const PATIENCE: Duration = Duration::from_secs(120);

/// A player of tests/players.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Player {
    /// hls.js.
    HlsJs,
    /// Shaka Player.
    Shaka,
    /// The browser's own, for files that need no player.
    Native,
}

/// What a viewer does with a publication, one step after the other.
#[derive(Clone, Debug)]
pub struct Scenario {
    player: Player,
    url: String,
    first_frame: u32,
    steps: Vec<Value>,
}

impl Scenario {
    /// Opens a playlist or manifest of the site.
    pub fn of(player: Player, url: &str) -> Self {
        Self { player, url: url.to_owned(), first_frame: 0, steps: Vec::new() }
    }

    /// Which frame of the film the publication begins with.
    #[must_use]
    pub fn beginning_with_frame(self, first_frame: u32) -> Self {
        Self { first_frame, ..self }
    }

    fn step(mut self, step: Value) -> Self {
        self.steps.push(step);
        self
    }

    /// Looks at what the player offers.
    #[must_use]
    pub fn tracks(self) -> Self {
        self.step(json!({ "do": "tracks" }))
    }

    /// Plays, and compares every frame with its time.
    #[must_use]
    pub fn play(self, seconds: f64) -> Self {
        self.step(json!({ "do": "play", "seconds": seconds }))
    }

    /// Goes to a time and plays for so many seconds, of pictures that a page may not read: those that the browser decrypts.
    #[must_use]
    pub fn watch(self, from: f64, seconds: f64) -> Self {
        self.step(json!({ "do": "watch", "from": from, "seconds": seconds }))
    }

    /// Goes to a time until its frame shows. A time below zero is counted from the end.
    #[must_use]
    pub fn seek(self, to: f64) -> Self {
        self.step(json!({ "do": "seek", "to": to }))
    }

    /// Plays to the end.
    #[must_use]
    pub fn end(self) -> Self {
        self.step(json!({ "do": "end" }))
    }

    /// Switches to a rung, by its height and how its codec begins, and plays until it shows.
    #[must_use]
    pub fn rung(self, height: u32, codec: &str) -> Self {
        self.step(json!({ "do": "rung", "height": height, "codec": codec }))
    }

    /// Plays until this tone is heard.
    #[must_use]
    pub fn hear(self, hertz: u32) -> Self {
        self.step(json!({ "do": "audio", "hertz": hertz }))
    }

    /// Switches to a language of the sound, and plays until its tone is heard.
    #[must_use]
    pub fn audio(self, language: &str, hertz: u32) -> Self {
        self.step(json!({ "do": "audio", "language": language, "hertz": hertz }))
    }

    /// Plays over the start of a sound, which in a reference file is at the same time.
    #[must_use]
    pub fn sync(self, sound_at: f64, reference: &str) -> Self {
        self.step(json!({ "do": "sync", "soundAt": sound_at, "reference": reference }))
    }

    /// Switches to subtitles, by their name. Shaka shows them from the next segment on that it loads.
    #[must_use]
    pub fn subtitles(self, name: &str) -> Self {
        self.step(json!({ "do": "texts", "name": name }))
    }

    /// Goes to a time until exactly this text shows; an empty one for none.
    #[must_use]
    pub fn cue(self, at: f64, text: &str) -> Self {
        self.step(json!({ "do": "cue", "at": at, "text": text }))
    }

    /// Finds the storyboard's picture for a time.
    #[must_use]
    pub fn thumbnail(self, url: &str, at: f64) -> Self {
        self.step(json!({ "do": "thumbnail", "url": url, "at": at }))
    }

    /// Decodes an animated picture.
    #[must_use]
    pub fn animation(self, url: &str) -> Self {
        self.step(json!({ "do": "animation", "url": url }))
    }

    /// Goes fast forward through an I-frame playlist that has a keyframe every so many seconds.
    #[must_use]
    pub fn keyframes(self, from: u32, count: u32, every: u32) -> Self {
        self.step(json!({ "do": "keyframes", "from": from, "count": count, "every": every }))
    }

    /// Does all of it in a browser of its own.
    ///
    /// # Panics
    /// If there is no browser or no player, or if no report comes in.
    #[track_caller]
    pub fn run(self, site: &Site) -> Report {
        let installed = workspace::root().join("tests/players/node_modules/.package-lock.json");
        assert!(installed.exists(), "hls.js and Shaka Player are not installed: run `make players`");
        let player = match self.player {
            Player::HlsJs => "hls.js",
            Player::Shaka => "shaka",
            Player::Native => "native",
        };
        let scenario = json!({
            "player": player,
            "url": self.url,
            "firstFrame": self.first_frame,
            "steps": self.steps,
        });
        visit(site, "page.html", scenario)
    }
}

/// Opens a page of tests/players in a browser of its own, with these words in its address, and waits for its report.
///
/// # Panics
/// If there is no browser, or if no report comes in.
#[track_caller]
pub fn visit(site: &Site, page: &str, mut words: Value) -> Report {
    let (events, incoming) = mpsc::channel();
    let (reports, reported) = mpsc::channel();
    words["id"] = site.expect_report(reports).into();
    let encoded = utf8_percent_encode(&words.to_string(), NON_ALPHANUMERIC).to_string();
    forward(reported, events.clone());
    let _browser = Browser::open(&site.url(&format!("/players/{page}#{encoded}")), events);
    match incoming.recv_timeout(PATIENCE) {
        Ok(Event::Reported(report)) => Report(report),
        Ok(Event::Ended(said)) => panic!("the browser ended before there was a report: {said}"),
        Err(error @ (RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected)) => {
            panic!("no report of {words} after {} s: {error}", PATIENCE.as_secs())
        }
    }
}

/// A picture of a page, as wide and as high as this, in PNG.
///
/// # Panics
/// If the browser draws none.
#[track_caller]
pub fn screenshot(url: &str, to: &Path, (width, height): (u32, u32), dark: bool) {
    let profile = workspace::scratch();
    let scheme = if dark { 0 } else { 1 };
    let mut command = command(installed(), &profile);
    command
        .arg(format!("--screenshot={}", to.display()))
        .arg(format!("--window-size={width},{height}"))
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .args(["--hide-scrollbars", "--timeout=6000", url]);
    let output = command.output().unwrap();
    assert!(to.exists(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What the browser makes of a page, as HTML. Not for pages that never stop loading.
///
/// # Panics
/// If the browser can't be run.
#[track_caller]
pub fn dom(url: &str) -> String {
    let profile = workspace::scratch();
    let mut command = command(installed(), &profile);
    command.stdout(Stdio::piped()).args(["--dump-dom", "--virtual-time-budget=3000", url]);
    String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned()
}

enum Event {
    Reported(Value),
    /// With the end of what the browser wrote.
    Ended(String),
}

fn forward(reported: Receiver<Value>, events: Sender<Event>) {
    std::thread::spawn(move || {
        let _ = reported.recv().map(|report| events.send(Event::Reported(report)));
    });
}

/// A browser with a profile of its own. Ended with the processes that it started when it is dropped.
struct Browser {
    child: Child,
    _profile: TempDir,
}

impl Browser {
    #[track_caller]
    fn open(page: &str, events: Sender<Event>) -> Self {
        let profile = workspace::scratch();
        let mut child = command(installed(), &profile).arg(page).process_group(0).spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        std::thread::spawn(move || {
            let mut said = Vec::new();
            let _ = stderr.read_to_end(&mut said);
            let _ = events.send(Event::Ended(String::from_utf8_lossy(&said).into_owned()));
        });
        Self { child, _profile: profile }
    }
}

/// The first of the browsers that is there.
#[track_caller]
pub(crate) fn installed() -> &'static str {
    let is_there = |program: &&str| Command::new(program).arg("--version").output().is_ok();
    let found = BROWSERS.into_iter().find(is_there);
    found.unwrap_or_else(|| panic!("there is no browser, neither of {}: run `make players`", BROWSERS.join(", ")))
}

pub(crate) fn command(program: &str, profile: &TempDir) -> Command {
    let mut command = Command::new(program);
    command
        // Its own sandbox can't be set up by root, nor in most containers. It opens nothing but our own pages.
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"])
        // A container may give /dev/shm 64 MiB, which pictures fill.
        .arg("--disable-dev-shm-usage")
        .args(["--autoplay-policy=no-user-gesture-required", "--disable-background-networking"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// What a page saw.
#[derive(Clone, Debug)]
pub struct Report(Value);

impl Report {
    /// Asserts that every step was done and nothing complained, and gives back itself.
    #[must_use]
    #[track_caller]
    pub fn completed(self) -> Self {
        let errors = self.0["errors"].as_array().unwrap();
        assert!(self.0["completed"] == true, "{:#}\nthe page's errors: {errors:#?}", self.0["failure"]);
        assert!(errors.is_empty(), "{errors:#?}");
        self
    }

    /// Asserts that this step could not be done, and gives back why.
    #[track_caller]
    pub fn failed(&self, step: &str) -> &str {
        assert_eq!(self.0["failure"]["step"], step, "{:#}", self.0);
        self.0["failure"]["message"].as_str().unwrap()
    }

    /// What the page said of a property.
    pub fn field(&self, name: &str) -> &Value {
        &self.0[name]
    }

    /// What every step of a kind saw, in their order.
    pub fn steps(&self, kind: &str) -> Vec<&Value> {
        self.0["steps"].as_array().unwrap().iter().filter(|step| step["do"] == kind).collect()
    }

    /// Whether a file was asked for whose path has this text.
    pub fn asked_for(&self, text: &str) -> bool {
        self.0["requests"].as_array().unwrap().iter().any(|path| path.as_str().unwrap().contains(text))
    }
}
