//! Rungs in HEVC and AV1 beside those in H.264: what players are told of them, and what they show.

use std::path::{Path, PathBuf};

use testkit::colour::Picture;
use testkit::outcome::Outcome;
use testkit::playlist;
use testkit::{fixtures, probe, workspace};

use crate::transcode;

fn in_two_codecs(upload: &Path, codec: &str) -> Outcome {
    let job = transcode(upload).policy(workspace::showcase_policy()).setting("codec", codec);
    job.run().done()
}

/// The names, codecs and ranges of the master playlist.
fn listed(outcome: &Outcome) -> Vec<(String, String, Option<String>)> {
    let listed = |variant: playlist::Variant| {
        let range = variant.attribute("VIDEO-RANGE").map(str::to_owned);
        (variant.name(), variant.attribute("CODECS").unwrap().to_owned(), range)
    };
    outcome.variants().into_iter().map(listed).collect()
}

/// A film in 29.97 frames per second whose picture moves, with sound.
fn moving(size: &str, seconds: u32) -> PathBuf {
    let picture = format!("testsrc2=size={size}:rate=30000/1001:duration={seconds}");
    let sound = format!("sine=frequency=440:duration={seconds}");
    let inputs = ["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound, "-c:a", "aac"];
    fixtures::ffmpeg(&format!("moving-{seconds}.mp4"), &[&inputs[..], fixtures::X264, fixtures::BT709].concat())
}

/// Both rungs show the same pictures at the same times, and may be changed between at every keyframe and segment.
#[track_caller]
fn are_interchangeable(one: &Path, other: &Path) {
    let [one_list, other_list] = [one, other].map(playlist::media);
    assert_eq!(one_list.segments.len(), other_list.segments.len());
    for ((one, _), (other, _)) in one_list.segments.iter().zip(&other_list.segments) {
        assert!((one - other).abs() < 0.002, "{one} and {other}");
    }
    let [one_frames, other_frames] = [one, other].map(probe::frames);
    assert_eq!(one_frames.len(), other_frames.len());
    let keys = |frames: &[probe::Frame]| -> Vec<usize> {
        frames.iter().enumerate().filter(|(_, frame)| frame.key).map(|(number, _)| number).collect()
    };
    assert_eq!(keys(&one_frames), keys(&other_frames));
    for at in [0.5, one_list.duration() / 2.0, one_list.duration() - 0.5] {
        let distance = Picture::at(one, at).distance(&Picture::at(other, at));
        assert!(distance < 6.0, "{distance} at {at}");
    }
}

#[test]
fn hevc_is_listed_behind_h264_and_shows_the_same() {
    let outcome = in_two_codecs(&moving("640x360", 9), "hevc");
    let [h264, hevc] = listed(&outcome).try_into().unwrap();
    assert_eq!(h264, ("360p".to_owned(), "avc1.42C01E,mp4a.40.2".to_owned(), None));
    assert_eq!(hevc, ("source-hevc".to_owned(), "hvc1.2.4.L63.90,mp4a.40.2".to_owned(), None));
    let rung = outcome.rung("source-hevc");
    let video = probe::video(&rung).unwrap();
    assert_eq!((video.says("codec_name"), video.says("pix_fmt")), ("hevc", "yuv420p10le"));
    assert_eq!((video.says("codec_tag_string"), video.says("color_transfer")), ("hvc1", "bt709"));
    are_interchangeable(&outcome.rung("360p"), &rung);
    probe::decodes(&rung);
}

/// Long enough that keyframes by the clock and keyframes by frames would part.
#[test]
fn av1_and_h264_have_their_keyframes_at_the_same_frames() {
    let outcome = in_two_codecs(&moving("160x90", 40), "av1");
    let [_, av1] = listed(&outcome).try_into().unwrap();
    assert_eq!(av1, ("source-av1".to_owned(), "av01.0.00M.10,mp4a.40.2".to_owned(), None));
    let rung = outcome.rung("source-av1");
    assert_eq!(probe::video(&rung).unwrap().says("pix_fmt"), "yuv420p10le");
    are_interchangeable(&outcome.rung("source"), &rung);
    probe::decodes(&rung);
}

/// What a film was graded for, as libx265 takes it.
const LIGHT: &str =
    "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400";

/// Stripes of rising brightness, as a camera codes them in PQ or HLG.
fn high_range(transfer: &str) -> PathBuf {
    let source = "color=black:size=640x360:rate=25:duration=5,format=yuv420p10le,\
geq=lum='200+floor(X/80)*60':cb=512:cr=512";
    let colours = ["-color_primaries", "bt2020", "-color_trc", transfer, "-colorspace", "bt2020nc"];
    let light = if transfer == "smpte2084" { format!(":hdr10=1:{LIGHT}") } else { String::new() };
    let x265 = format!("log-level=error:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc{light}");
    let encoder = ["-c:v", "libx265", "-preset", "ultrafast", "-crf", "10", "-x265-params", &x265, "-tag:v", "hvc1"];
    let arguments = [&["-f", "lavfi", "-i", source][..], &encoder, &colours].concat();
    fixtures::ffmpeg(&format!("high-{transfer}.mp4"), &arguments)
}

/// The brightness of each stripe, as it is coded with 10 bits.
fn stripes(file: &Path) -> Vec<u16> {
    let raw = testkit::tool::ffmpeg(&[
        "-i",
        file.to_str().unwrap(),
        "-frames:v",
        "1",
        "-vf",
        "select='eq(n,50)',extractplanes=y,format=gray10le,scale=8:1:flags=area",
        "-f",
        "rawvideo",
        "-",
    ]);
    raw.chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect()
}

#[test]
fn high_dynamic_range_is_kept_beside_a_standard_ladder() {
    for (transfer, range) in [("smpte2084", "PQ"), ("arib-std-b67", "HLG")] {
        let upload = high_range(transfer);
        let outcome = in_two_codecs(&upload, "hevc");
        let ranges: Vec<_> = listed(&outcome).into_iter().map(|(_, _, range)| range.unwrap()).collect();
        assert_eq!(ranges, ["SDR", range]);
        let kept = probe::video(&outcome.rung("source-hevc")).unwrap();
        assert_eq!([kept.says("color_transfer"), kept.says("color_primaries")], [transfer, "bt2020"]);
        assert_eq!(probe::video(&outcome.rung("360p")).unwrap().says("color_transfer"), "bt709");
        let (before, after) = (stripes(&upload), stripes(&outcome.rung("source-hevc")));
        assert_eq!(before.len(), 8);
        for (before, after) in before.iter().zip(&after) {
            assert!(before.abs_diff(*after) < 8, "{before} became {after}");
        }
    }
}

/// What the first frame says of its light: the display's red and most luminance, and the brightest pixel.
fn light(file: &Path) -> (f64, f64, u64) {
    let answer = testkit::tool::ffprobe(
        file,
        &["-read_intervals", "%+#1", "-show_entries", "frame=pts:frame_side_data=red_x,max_luminance,max_content"],
    );
    let said = answer["frames"][0]["side_data_list"].as_array().unwrap();
    let value = |name: &str| said.iter().find_map(|data| data.get(name)).unwrap_or_else(|| panic!("{name}: {said:?}"));
    let fraction = |name: &str| {
        let (above, below) = value(name).as_str().unwrap().split_once('/').unwrap();
        above.parse::<f64>().unwrap() / below.parse::<f64>().unwrap()
    };
    (fraction("red_x"), fraction("max_luminance"), value("max_content").as_u64().unwrap())
}

#[test]
fn the_light_that_a_film_was_graded_for_stays_with_it() {
    let upload = high_range("smpte2084");
    for codec in ["hevc", "av1"] {
        let outcome = in_two_codecs(&upload, codec);
        let (red, most, brightest) = light(&outcome.rung(&format!("source-{codec}")));
        assert!((red - 0.68).abs() < 0.001 && (most - 1000.0).abs() < 0.1, "{codec}: {red} {most}");
        assert_eq!(brightest, 1000, "{codec}");
    }
}

#[test]
fn colours_of_standard_definition_are_right_with_ten_bits() {
    let source = "smptebars=size=640x480:rate=25:duration=4,scale=out_color_matrix=bt601:out_range=tv";
    let upload = fixtures::picture("bars-601.mp4", source, &["-colorspace", "smpte170m", "-color_range", "tv"]);
    let outcome = in_two_codecs(&upload, "hevc");
    let [of_h264, of_hevc] = ["480p", "source-hevc"].map(|rung| Picture::at(&outcome.rung(rung), 2.0));
    for across in [5, 20, 35, 50, 65, 80, 95] {
        let colour = of_h264.colour(across, 30).map(|value| value.round() as u8);
        testkit::colour::assert_close(of_hevc.colour(across, 30), colour, 4.0, &format!("{across}"));
    }
}

#[test]
fn every_output_of_a_ladder_in_two_codecs_is_made() {
    let outcome = in_two_codecs(&moving("640x360", 9), "hevc");
    outcome.is_whole();
    let iframes = playlist::iframes(&outcome.master());
    let codecs: Vec<&str> = iframes.iter().map(|variant| variant.attribute("CODECS").unwrap()).collect();
    assert_eq!(codecs, ["avc1.42C01E", "hvc1.2.4.L63.90"]);
    let output = &outcome.last("completed").unwrap()["output"];
    let download = outcome.out.join("media").join(output["downloadKey"].as_str().unwrap());
    assert_eq!(probe::video(&download).unwrap().says("codec_name"), "h264");
}
