//! hls.js and Shaka Player in a real browser on what the program publishes. docs/players.md says what is shown here.

mod codecs;
mod encrypted;
mod film;
mod languages;
mod standard;

use std::path::Path;

use testkit::browser::{Player, Report, Scenario};
use testkit::job::Job;
use testkit::outcome::Outcome;
use testkit::site::Site;
use testkit::{colour, workspace};

use crate::transcode;

/// What a job published, behind a web server.
struct Publication {
    outcome: Outcome,
    site: Site,
}

impl Publication {
    fn of(job: Job) -> Self {
        let outcome = job.run().done();
        let reference = film::of_700_lines();
        let site = Site::of(&[("media", &outcome.out.join("media")), ("reference", reference.parent().unwrap())]);
        Self { outcome, site }
    }

    /// The path of a published file on the site.
    fn path(&self, file: &Path) -> String {
        format!("/{}", file.strip_prefix(&self.outcome.out).unwrap().display())
    }

    /// The path of an object by its field in the showcase policy's webhook.
    fn object(&self, field: &str) -> String {
        format!("/media/{}", self.outcome.last("completed").unwrap()["output"][field].as_str().unwrap())
    }

    /// A player on the master playlist.
    fn hls(&self, player: Player) -> Scenario {
        Scenario::of(player, &self.path(&self.outcome.master()))
    }

    fn watched(&self, scenario: Scenario) -> Report {
        scenario.run(&self.site).completed()
    }
}

fn showcase(upload: &Path) -> Job {
    transcode(upload).policy(workspace::showcase_policy())
}

/// Without the outputs that are beside the ladder.
fn ladder_alone(job: Job) -> Job {
    [("animation", "none"), ("storyboard", "false"), ("download", "false")]
        .into_iter()
        .fold(job, |job, (name, value)| job.setting(name, value))
}

/// Looks at what there is, plays, seeks to the middle and close to the end, switches to each rung, and plays to the end.
fn all_through(scenario: Scenario) -> Scenario {
    scenario.tracks().play(1.5).seek(33.0).rung(360, "avc1").rung(480, "avc1").hear(film::ENGLISH).seek(-0.5).end()
}

/// Compares when the sound begins with a file that the browser plays by itself.
fn in_sync(scenario: Scenario) -> Scenario {
    scenario.sync(film::SOUND_AT, &format!("/reference/{}", film::of_700_lines().file_name().unwrap().display()))
}

/// Asserts that pictures and sound are at their times. Of the sound, a busy machine tells that only to a frame of the film.
#[track_caller]
fn assert_in_sync(report: &Report) {
    let sync = report.steps("sync")[0];
    let [picture, sound] = ["picture", "sound"].map(|track| sync[track].as_f64().unwrap());
    assert!(picture.abs() < 0.03 && sound.abs() < 0.12, "{sync}");
}

/// Asserts what `all_through` has to see of the film with all tracks.
#[track_caller]
fn assert_all_through(report: &Report) {
    assert_plays(report, 15);
    let seeks = report.steps("seek");
    assert_eq!([&seeks[0]["frame"], &seeks[1]["frame"]], [330, 655]);
    for (seek, at) in seeks.iter().zip([33.0, 65.5]) {
        let shown = [0, 1, 2].map(|channel| seek["colour"][channel].as_f64().unwrap());
        colour::assert_close(shown, film::colour_at(at), 12.0, &format!("the lower half at {at}"));
    }
    let sizes: Vec<_> =
        report.steps("rung").iter().map(|step| [step["width"].as_u64(), step["height"].as_u64()]).collect();
    assert_eq!(sizes, [[640, 360], [854, 480]].map(|size| size.map(Some)));
    let end = report.steps("end")[0];
    let [at, duration] = ["at", "duration"].map(|name| end[name].as_f64().unwrap());
    assert!((at - duration).abs() < 0.1 && (duration - f64::from(film::SECONDS)).abs() < 0.1, "{end}");
}

/// Asserts that time went on and that each frame that was shown was the one of its time. `frames` is how many there are in
/// that time; a busy machine drops most of them.
#[track_caller]
fn assert_plays(report: &Report, frames: u64) {
    for play in report.steps("play") {
        assert!((frames / 5..=frames + 2).contains(&play["frames"].as_u64().unwrap()), "{play}");
        assert!(play["unreadable"] == 0 && play["wrong"].as_array().unwrap().is_empty(), "{play}");
    }
}

/// The values of a field in a list of what a player offers.
fn each<'a>(report: &'a Report, list: &str, field: &str) -> Vec<&'a serde_json::Value> {
    report.steps("tracks")[0][list].as_array().unwrap().iter().map(|entry| &entry[field]).collect()
}
