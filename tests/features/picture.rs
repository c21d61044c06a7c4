//! The picture: its direction, its shape, its colours, its fields and its frames.

use std::path::{Path, PathBuf};

use testkit::colour::{Picture, assert_close};
use testkit::outcome::Outcome;
use testkit::{fixtures, probe};

use crate::transcode;

const RED: [u8; 3] = [200, 30, 30];
const GREEN: [u8; 3] = [30, 160, 60];
const BLUE: [u8; 3] = [40, 60, 200];
const GREY: [u8; 3] = [128, 128, 128];

/// Four fields of colour in RGB: red and green above blue and grey.
fn four_colours(size: &str, duration: &str) -> String {
    let hex = |[r, g, b]: [u8; 3]| format!("0x{r:02x}{g:02x}{b:02x}");
    let field = |colour, name: &str| {
        format!("color={}:size={size}:rate=25:duration={duration},format=gbrp[{name}]", hex(colour))
    };
    let fields = [field(RED, "a"), field(GREEN, "b"), field(BLUE, "c"), field(GREY, "d")].join(";");
    format!("{fields};[a][b]hstack[above];[c][d]hstack[below];[above][below]vstack")
}

#[track_caller]
fn assert_four_colours(path: &Path, tolerance: f64) {
    let picture = Picture::at(path, 0.5);
    for (colour, across, down) in [(RED, 25, 25), (GREEN, 75, 25), (BLUE, 25, 75), (GREY, 75, 75)] {
        assert_close(
            picture.colour(across, down),
            colour,
            tolerance,
            &format!("{across},{down} of {}", path.display()),
        );
    }
}

/// Every picture that a viewer gets from this upload has its colours. All of them say BT.709, which is checked first.
#[track_caller]
fn assert_colours_survive(upload: &Path, tolerance: f64) -> Outcome {
    let outcome = transcode(upload).run().done();
    for path in [outcome.rung("source"), outcome.mezzanine()] {
        assert_plain(&path);
        assert_four_colours(&path, tolerance);
    }
    assert_four_colours_of_still(&outcome, tolerance);
    outcome
}

#[track_caller]
fn assert_four_colours_of_still(outcome: &Outcome, tolerance: f64) {
    let picture = Picture::of(&outcome.thumbnail());
    assert_close(picture.colour(25, 25), RED, tolerance, "red of the thumbnail");
    assert_close(picture.colour(25, 75), BLUE, tolerance, "blue of the thumbnail");
}

/// 8-bit 4:2:0 of BT.709, square pixels, whole frames.
#[track_caller]
fn assert_plain(path: &Path) {
    let video = probe::video(path).unwrap();
    let fields = ["pix_fmt", "color_primaries", "color_transfer", "color_space", "color_range"];
    assert_eq!(
        fields.map(|field| video.says(field)),
        ["yuv420p", "bt709", "bt709", "bt709", "tv"],
        "{}",
        path.display()
    );
    assert_eq!(video.says("sample_aspect_ratio"), "1:1", "{}", path.display());
}

/// An upload whose stream is of this matrix and range, and says so.
fn coded_as(name: &str, matrix: &str, range: &str, said: &[&str]) -> PathBuf {
    let source = four_colours("160x90", "2");
    let convert = format!("scale=out_color_matrix={matrix}:out_range={range}:flags=accurate_rnd,format=yuv444p");
    let further = [&["-vf", &convert, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "10"], said].concat();
    fixtures::ffmpeg(name, &[&["-f", "lavfi", "-i", &source], &further[..]].concat())
}

#[test]
fn colours_of_high_definition_survive() {
    let said = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"];
    assert_colours_survive(&coded_as("hd.mp4", "bt709", "tv", &said), 6.0);
}

#[test]
fn colours_of_standard_definition_survive() {
    let said = ["-colorspace", "smpte170m", "-color_primaries", "smpte170m", "-color_trc", "smpte170m"];
    assert_colours_survive(&coded_as("sd.mp4", "bt601", "tv", &[&said[..], &["-color_range", "tv"]].concat()), 6.0);
}

/// As phones and screen recorders write it.
#[test]
fn colours_of_full_range_survive() {
    let said = ["-colorspace", "smpte170m", "-color_range", "pc"];
    assert_colours_survive(&coded_as("full601.mp4", "bt601", "pc", &said), 6.0);
    let said = ["-colorspace", "bt709", "-color_range", "pc"];
    assert_colours_survive(&coded_as("full709.mp4", "bt709", "pc", &said), 6.0);
}

#[test]
fn small_pictures_that_say_nothing_of_their_colours_are_standard_definition() {
    assert_colours_survive(&coded_as("unsaid.mkv", "bt601", "tv", &[]), 6.0);
}

#[test]
fn colours_of_an_rgb_recording_survive() {
    let rgb = ["-f", "lavfi", "-i", &four_colours("160x90", "2"), "-c:v", "qtrle", "-pix_fmt", "rgb24"];
    assert_colours_survive(&fixtures::ffmpeg("screen.mov", &rgb), 6.0);
}

#[test]
fn ten_bits_and_fuller_colour_become_what_every_player_plays() {
    let source = four_colours("160x90", "2");
    let convert = "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd,format=yuv422p10le";
    let said = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"];
    let upload =
        ["-f", "lavfi", "-i", &source, "-vf", convert, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "10"];
    let upload = fixtures::ffmpeg("camera.mov", &[&upload[..], &said].concat());
    assert_eq!(probe::video(&upload).unwrap().says("pix_fmt"), "yuv422p10le");
    assert_colours_survive(&upload, 6.0);
}

/// The colours are those of a standard picture whose white is at 203 nits, as BT.2408 has it in high dynamic range.
fn high_dynamic_range(name: &str, transfer: &str) -> PathBuf {
    let source = four_colours("160x90", "2");
    let convert = format!(
        "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd,format=yuv444p,\
setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv,zscale=t=linear:npl=203,format=gbrpf32le,\
zscale=p=bt2020,zscale=t={transfer}:m=bt2020nc:r=tv:npl=203,format=yuv420p10le"
    );
    let said = ["-colorspace", "bt2020nc", "-color_primaries", "bt2020", "-color_trc", transfer, "-color_range", "tv"];
    let upload =
        ["-f", "lavfi", "-i", &source, "-vf", &convert, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "8"];
    fixtures::ffmpeg(name, &[&upload[..], &said].concat())
}

/// What standard pictures have of colour comes through; highlights would be bent.
#[test]
fn high_dynamic_range_becomes_a_standard_picture_with_its_colours() {
    for (name, transfer) in [("pq.mp4", "smpte2084"), ("hlg.mp4", "arib-std-b67")] {
        let upload = high_dynamic_range(name, transfer);
        let said = probe::video(&upload).unwrap();
        assert_eq!((said.says("color_transfer"), said.says("pix_fmt")), (transfer, "yuv420p10le"));
        assert_colours_survive(&upload, 20.0);
    }
}

#[test]
fn a_picture_that_was_filmed_on_its_side_is_turned_upright() {
    let said = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"];
    let upload = fixtures::turned("turned.mp4", &coded_as("lying.mp4", "bt709", "tv", &said));
    let outcome = transcode(&upload).run().done();
    for path in [outcome.rung("source"), outcome.mezzanine(), outcome.thumbnail()] {
        assert_eq!(probe::size(&path), (180, 320), "{}", path.display());
        let picture = Picture::of(&path);
        // A quarter to the right: what was left is above.
        for (colour, across, down) in [(BLUE, 25, 25), (RED, 75, 25), (GREY, 25, 75), (GREEN, 75, 75)] {
            assert_close(picture.colour(across, down), colour, 8.0, &format!("{across},{down} of {}", path.display()));
        }
    }
}

#[test]
fn pixels_that_are_not_square_become_square() {
    let source = "testsrc2=size=320x240:rate=25:duration=1,setsar=2";
    let outcome = transcode(&fixtures::picture("wide.mp4", source, &[])).run().done();
    for path in [outcome.rung("source"), outcome.mezzanine(), outcome.thumbnail()] {
        assert_eq!(probe::size(&path), (640, 240), "{}", path.display());
    }
    assert_eq!(probe::video(&outcome.rung("source")).unwrap().says("sample_aspect_ratio"), "1:1");
    assert_eq!(outcome.variants()[0].attribute("RESOLUTION"), Some("640x240"));
}

/// A bar that moves between two fields has teeth where fields are shown as one frame.
#[test]
fn fields_become_whole_frames_without_teeth() {
    let bar = "color=black:size=640x360:rate=50:duration=2,format=yuv420p,\
geq=lum='if(between(mod(X-8*N,640),0,80),235,16)':cb=128:cr=128,tinterlace=mode=interleave_top,setfield=tff";
    let fields = ["-flags", "+ildct+ilme", "-x264opts", "tff=1"];
    let upload = fixtures::picture("fields.ts", bar, &fields);
    assert!(probe::frames(&upload).iter().all(|frame| frame.interlaced));
    assert!(teeth(&upload) > 2.0, "{}", teeth(&upload));
    let outcome = transcode(&upload).run().done();
    for path in [outcome.rung("360p"), outcome.mezzanine()] {
        let frames = probe::frames(&path);
        assert_eq!(frames.len(), 50, "{}", path.display());
        assert!(frames.iter().all(|frame| !frame.interlaced), "{}", path.display());
        assert!(teeth(&path) < teeth(&upload) / 4.0, "{} of {}", teeth(&path), teeth(&upload));
    }
}

/// How much neighbouring lines differ, in a picture that has nothing but upright edges.
pub(crate) fn teeth(path: &Path) -> f64 {
    let picture = Picture::at(path, 1.0);
    let (_, height) = picture.size;
    let lines: Vec<Vec<f64>> = (height / 4..height / 4 + 40).map(|line| picture.line(line)).collect();
    let between = |pair: &[Vec<f64>]| pair[0].iter().zip(&pair[1]).map(|(a, b)| (a - b).abs()).sum::<f64>();
    lines.windows(2).map(between).sum::<f64>() / (lines.len() * lines[0].len()) as f64
}

#[test]
fn a_changing_rate_becomes_a_constant_one_and_the_film_stays_as_long() {
    let source = "testsrc2=size=640x360:rate=30:duration=6,select='if(lt(t,3),1,not(mod(n,3)))'";
    let upload = fixtures::picture("phone.mp4", source, &["-fps_mode", "vfr"]);
    let uneven: Vec<f64> = probe::frames(&upload).windows(2).map(|two| two[1].at - two[0].at).collect();
    assert!(uneven.iter().any(|gap| *gap > 0.09) && uneven.iter().any(|gap| *gap < 0.04), "{uneven:?}");
    let outcome = transcode(&upload).run().done();
    for path in [outcome.rung("360p"), outcome.mezzanine()] {
        let frames = probe::frames(&path);
        let first = frames[1].at - frames[0].at;
        assert!(frames.windows(2).all(|two| (two[1].at - two[0].at - first).abs() < 0.002), "{}", path.display());
        assert!((frames.len() as f64 * first - 6.0).abs() < 0.2, "{} frames of {first} s", frames.len());
    }
    let keyframes = probe::keyframes(&outcome.rung("360p"));
    assert_eq!(keyframes.len(), 3, "{keyframes:?}");
}

#[test]
fn of_several_films_in_one_file_the_default_one_is_taken() {
    let films = [
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=640x360:duration=2",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=320x180:duration=2",
    ];
    let default = ["-map", "0", "-map", "1", "-disposition:v:0", "0", "-disposition:v:1", "default"];
    for name in ["two.mkv", "two.mp4"] {
        let upload = fixtures::ffmpeg(name, &[&films, &default, fixtures::X264].concat());
        let outcome = transcode(&upload).run().done();
        assert_eq!(probe::size(&outcome.rung("source")), (320, 180), "{name}");
    }
}

#[test]
fn of_several_films_without_a_default_the_largest_is_taken() {
    let films = [
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=320x180:duration=2",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=640x360:duration=2",
    ];
    let none = ["-map", "0", "-map", "1", "-disposition:v:0", "0", "-disposition:v:1", "0"];
    let upload =
        fixtures::ffmpeg("equal.mkv", &[&films, &none, fixtures::X264, &["-default_mode", "passthrough"]].concat());
    assert_eq!(probe::size(&transcode(&upload).run().done().rung("360p")), (640, 360));
}
