//! An image over every rung: where it is, how it looks, and what doesn't have it.

use std::path::{Path, PathBuf};

use testkit::colour::{Picture, assert_close};
use testkit::job::Job;
use testkit::{fixtures, workspace};

use crate::transcode;

/// A film of one colour, 4 s, at this size and with pixels of this shape.
fn film(name: &str, size: &str, shape: &str) -> PathBuf {
    let source = format!("color=0x406080:size={size}:rate=25:duration=4,setsar={shape}");
    fixtures::picture(name, &source, fixtures::BT709)
}

/// A square that is red above and transparent below.
fn logo() -> PathBuf {
    let source = "color=red:size=200x200,format=rgba,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':\
a='if(lt(Y,100),255,0)'";
    fixtures::ffmpeg("logo.png", &["-f", "lavfi", "-i", source, "-frames:v", "1"])
}

fn marked(upload: &Path, logo: &Path) -> Job {
    let name = format!("logo={}", logo.file_name().unwrap().to_str().unwrap());
    let job = transcode(upload).policy(workspace::showcase_policy()).setting("archive", "true");
    job.args(&["--beside", logo.to_str().unwrap(), "--attribute", &name])
}

const FILM: [u8; 3] = [0x40, 0x60, 0x80];

/// Three quarters of red over the film.
const MARKED: [u8; 3] = [207, 24, 32];

/// The columns and lines of a frame's hundredths that are nearer to the mark's colour than to the film's.
fn extent(picture: &Picture) -> (Vec<usize>, Vec<usize>) {
    let is_red = |across, down| picture.colour(across, down)[0] > 130.0;
    let columns = (0..100).filter(|across| (0..100).any(|down| is_red(*across, down))).collect();
    let lines = (0..100).filter(|down| (0..100).any(|across| is_red(across, *down))).collect();
    (columns, lines)
}

#[test]
fn it_is_in_its_corner_and_seen_through() {
    let outcome = marked(&film("grey.mp4", "1280x720", "1"), &logo()).run().done();
    for rung in ["720p", "480p", "360p"] {
        let picture = Picture::at(&outcome.rung(rung), 2.0);
        // A fifth of the width and 15 % of the height leave 108 of 720 lines for a square, 28 from the edges.
        assert_close(picture.colour(93, 7), MARKED, 8.0, rung);
        assert_close(picture.colour(93, 15), FILM, 8.0, "where it is transparent");
        assert_close(picture.colour(70, 7), FILM, 6.0, "beside it");
        assert_close(picture.colour(50, 50), FILM, 6.0, "elsewhere");
        let (columns, lines) = extent(&picture);
        assert!(columns.iter().all(|column| (88..=98).contains(column)), "{rung}: {columns:?}");
        assert!(lines.iter().all(|line| (3..=12).contains(line)), "{rung}: {lines:?}");
    }
}

#[test]
fn stills_and_the_archive_do_not_have_it() {
    let outcome = marked(&film("clean.mp4", "640x360", "1"), &logo()).run().done();
    let output = &outcome.last("completed").unwrap()["output"];
    let still = outcome.out.join("media").join(output["thumbnailKey"].as_str().unwrap());
    for picture in [Picture::of(&still), Picture::at(&outcome.mezzanine(), 2.0)] {
        assert_close(picture.colour(93, 7), FILM, 6.0, "no mark");
    }
}

#[test]
fn it_keeps_its_shape_and_colour_over_pixels_that_are_not_square() {
    let source =
        "color=0x406080:size=720x576:rate=25:duration=4,scale=out_color_matrix=bt601:out_range=tv,setsar=64/45";
    let upload = fixtures::picture("wide.mp4", source, &["-colorspace", "smpte170m", "-color_range", "tv"]);
    let outcome = marked(&upload, &logo()).run().done();
    let rung = outcome.rung("480p");
    let (width, height) = testkit::probe::size(&rung);
    let picture = Picture::at(&rung, 2.0);
    let (columns, lines) = extent(&picture);
    let (across, down) = (columns.len() as f64 * width as f64, lines.len() as f64 * height as f64);
    assert!((across / down - 2.0).abs() < 0.35, "{across} by {down}");
    let middle = (columns[columns.len() / 2], lines[lines.len() / 2]);
    assert_close(picture.colour(middle.0, middle.1), MARKED, 8.0, "its colour");
}

#[test]
fn an_image_that_is_none_fails_the_job_before_anything_is_published() {
    let upload = film("short.mp4", "320x180", "1");
    let script = "#EXTM3U\n#EXTINF:1,\n/etc/passwd\n";
    for (name, bytes) in [("list.png", script.as_bytes()), ("empty.png", b""), ("half.png", &[0x89, b'P', b'N', b'G'])]
    {
        let outcome = marked(&upload, &fixtures::bytes(name, bytes)).run();
        outcome.failed(4, "plan.impossible");
        outcome.published_nothing();
    }
}
