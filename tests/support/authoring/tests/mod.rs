//! Publications that are right, made by ffmpeg and by hand, and each rule on one that isn't.

mod coded;
mod media;
mod text;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;

use super::{check, fragments};
use crate::{playlist, tool, workspace};

/// Twelve seconds in segments of six, each with one keyframe.
const SECONDS: u32 = 12;

/// How much more than measured the fixtures declare: rules allow a tenth, and small changes stay within.
const HEADROOM: f64 = 1.05;

/// A picture of a ladder: its folder, and how it is made and listed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rung<'a> {
    pub name: &'a str,
    /// Of the filter that makes it.
    pub source: &'a str,
    /// How it is coded, with its sound.
    pub coding: &'a str,
    pub codecs: &'a str,
    pub resolution: &'a str,
    pub frame_rate: &'a str,
    pub segment_type: &'a str,
    /// Further attributes, each behind a comma.
    pub further: &'a str,
}

pub(super) const H264: &str = "-c:v libx264 -preset ultrafast -level 3.0 -g 150 -sc_threshold 0 -pix_fmt yuv420p";
pub(super) const AAC: &str = "-c:a aac -ac 2";

/// A rung of a transport stream with stereo sound.
pub(super) const MUXED: Rung<'_> = Rung {
    name: "large",
    source: "testsrc2=size=320x180:rate=25",
    coding: "-c:v libx264 -preset ultrafast -level 3.0 -g 150 -sc_threshold 0 -pix_fmt yuv420p -c:a aac -ac 2",
    codecs: "avc1.42C01E,mp4a.40.2",
    resolution: "320x180",
    frame_rate: "25.000",
    segment_type: "mpegts",
    further: "",
};

const SMALL: Rung<'_> = Rung { name: "small", source: "testsrc2=size=160x90:rate=25", resolution: "160x90", ..MUXED };

/// Encodes a rung into its folder.
pub(super) fn encode(folder: &Path, rung: &Rung<'_>) {
    let folder = folder.join(rung.name);
    fs::create_dir_all(&folder).unwrap();
    let (picture, length) = (rung.source, SECONDS.to_string());
    let sound = "sine=frequency=440:sample_rate=48000";
    let inputs = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, "-t", &length];
    let coding: Vec<&str> = rung.coding.split_whitespace().collect();
    segmented(&folder, &[&inputs[..], &coding].concat(), rung.segment_type, "index.m3u8");
}

fn segmented(folder: &Path, arguments: &[&str], segment_type: &str, list: &str) {
    let stem = list.split('.').next().unwrap();
    let ending = if segment_type == "fmp4" { "m4s" } else { "ts" };
    let (segments, init) = (format!("{stem}-%05d.{ending}"), format!("{stem}-init.mp4"));
    let muxer = ["-f", "hls", "-hls_time", "6", "-hls_playlist_type", "vod", "-hls_segment_type", segment_type];
    let names = ["-hls_fmp4_init_filename", init.as_str(), "-hls_segment_filename", &segments];
    let quiet = ["-hide_banner", "-nostdin", "-v", "error"];
    tool::run("ffmpeg", &[&quiet[..], arguments, &muxer, &names, &[list]].concat(), folder);
}

/// The rates of playlists that are played together, with the headroom: peak and average.
pub(crate) fn rates(lists: &[PathBuf]) -> (u64, u64) {
    let (mut peak, mut average) = (0.0, 0.0);
    for list in lists {
        let (each, all) = playlist::media(list).rates();
        peak += each.into_iter().fold(0.0, f64::max);
        average += all;
    }
    ((peak * HEADROOM) as u64, (average * HEADROOM) as u64)
}

/// The lines of a variant whose sound is in it, or in one of these playlists.
pub(super) fn variant(folder: &Path, rung: &Rung<'_>, sound: &[&str]) -> String {
    let Rung { name, codecs, resolution, frame_rate, further, .. } = rung;
    let list = format!("{name}/index.m3u8");
    let lists: Vec<PathBuf> =
        std::iter::once(list.as_str()).chain(sound.iter().copied()).map(|list| folder.join(list)).collect();
    let (peak, average) = rates(&lists);
    format!(
        "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},RESOLUTION={resolution},FRAME-RATE={frame_rate},\
CODECS=\"{codecs}\"{further}\n{list}\n"
    )
}

const HEAD: &str = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n";

/// Makes rungs that have their own sound, and their master playlist.
pub(super) fn muxed(folder: &Path, rungs: &[Rung<'_>]) {
    rungs.iter().for_each(|rung| encode(folder, rung));
    list_muxed(folder, rungs);
}

/// Writes the master playlist of rungs that are there.
pub(super) fn list_muxed(folder: &Path, rungs: &[Rung<'_>]) {
    let variants: String = rungs.iter().map(|rung| variant(folder, rung, &[])).collect();
    fs::write(folder.join("master.m3u8"), format!("{HEAD}{variants}")).unwrap();
}

/// Lists the first picture of each segment of a rung, and the list in the master playlist.
fn list_keyframes(folder: &Path, rung: &Rung<'_>, first_picture: impl Fn(&[u8]) -> usize) {
    let path = folder.join(rung.name).join("index.m3u8");
    let media = playlist::media(&path);
    let mut text = fs::read_to_string(&path)
        .unwrap()
        .replace("#EXT-X-PLAYLIST-TYPE:VOD\n", "#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-I-FRAMES-ONLY\n");
    // More than it needs, so that a tag that is missing changes nothing else.
    text = text.replace("#EXT-X-VERSION:3", "#EXT-X-VERSION:7");
    for (_, segment) in &media.segments {
        let (name, length) =
            (segment.file_name().unwrap().to_str().unwrap(), first_picture(&fs::read(segment).unwrap()));
        text = text.replace(&format!("\n{name}\n"), &format!("\n#EXT-X-BYTERANGE:{length}@0\n{name}\n"));
    }
    let list = path.with_file_name("keyframes.m3u8");
    fs::write(&list, text).unwrap();
    let (peak, _) = rates(&[list]);
    let codecs = rung.codecs.split(',').next().unwrap();
    let line = format!(
        "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={peak},RESOLUTION={},CODECS=\"{codecs}\"{},URI=\"{}/keyframes.m3u8\"\n",
        rung.resolution,
        rung.further.split(",AUDIO").next().unwrap(),
        rung.name
    );
    let master = folder.join("master.m3u8");
    fs::write(&master, fs::read_to_string(&master).unwrap() + &line).unwrap();
}

/// Where the second picture of a transport stream of ffmpeg begins: its pictures have the number 256.
fn second_picture(stream: &[u8]) -> usize {
    let begins = |packet: &[u8]| packet[1] & 0x5f == 0x41 && packet[2] == 0;
    let second = stream.chunks(188).enumerate().filter(|(_, packet)| begins(packet)).nth(1);
    second.unwrap().0 * 188
}

/// Two rungs of transport streams, and the keyframes of one.
pub(super) fn plain() -> &'static Path {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = workspace::scratch();
        muxed(folder.path(), &[MUXED, SMALL]);
        list_keyframes(folder.path(), &MUXED, second_picture);
        folder
    })
    .path()
}

const STANDARD: Rung<'_> = Rung {
    coding: "-an -c:v libx264 -preset ultrafast -level 3.0 -g 150 -sc_threshold 0 -pix_fmt yuv420p",
    segment_type: "fmp4",
    further: ",VIDEO-RANGE=SDR",
    name: "standard",
    ..MUXED
};

pub(super) const HIGH: Rung<'_> = Rung {
    name: "high",
    coding: "-an -c:v libx265 -preset ultrafast -tag:v hvc1 -pix_fmt yuv420p10le -color_primaries bt2020 \
        -color_trc smpte2084 -colorspace bt2020nc -x265-params \
        log-level=error:bframes=0:keyint=150:min-keyint=150:scenecut=0:open-gop=0:level-idc=3:\
        colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc",
    codecs: "hvc1.2.4.L90.90,mp4a.40.2",
    further: ",VIDEO-RANGE=PQ",
    ..STANDARD
};

/// The playlists of sound, and how each is listed.
const SOUNDS: [(&str, &str, &str); 3] = [
    ("sound/en.m3u8", "-c:a aac -ac 2", "GROUP-ID=\"aac\",NAME=\"English\",LANGUAGE=\"en\",DEFAULT=YES,CHANNELS=\"2\""),
    ("sound/fr.m3u8", "-c:a aac -ac 2", "GROUP-ID=\"aac\",NAME=\"French\",LANGUAGE=\"fr\",DEFAULT=NO,CHANNELS=\"2\""),
    (
        "sound/six.m3u8",
        "-c:a eac3 -ac 6",
        "GROUP-ID=\"six\",NAME=\"English\",LANGUAGE=\"en\",DEFAULT=YES,CHANNELS=\"6\"",
    ),
];

/// A picture in two codecs and two ranges, with sound of its own in two languages and two forms, and subtitles.
pub(crate) fn separate() -> &'static Path {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = workspace::scratch();
        encode(folder.path(), &STANDARD);
        encode(folder.path(), &HIGH);
        sounds(folder.path());
        subtitles(&folder.path().join("text"));
        list_separate(folder.path());
        list_keyframes(folder.path(), &STANDARD, |segment| {
            let (init, segment) = (fs::read(folder.path().join("standard/index-init.mp4")).unwrap(), segment);
            let runs = fragments::runs(segment, &fragments::tracks(&init));
            runs[0].samples[0].1.end
        });
        folder
    })
    .path()
}

fn sounds(folder: &Path) {
    fs::create_dir(folder.join("sound")).unwrap();
    for (list, coding, _) in SOUNDS {
        // A little less than the picture, or a frame of its own segment would be left.
        let length = (f64::from(SECONDS) - 0.02).to_string();
        let input = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", &length];
        let coding: Vec<&str> = coding.split_whitespace().collect();
        let list = list.strip_prefix("sound/").unwrap();
        segmented(&folder.join("sound"), &[&input[..], &coding].concat(), "fmp4", list);
    }
}

fn subtitles(folder: &Path) {
    fs::create_dir(folder).unwrap();
    for number in 0..SECONDS / 6 {
        let cue = "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n\n00:00:05.000 --> 00:00:07.000\nHello\n";
        fs::write(folder.join(format!("{number}.vtt")), cue).unwrap();
    }
    let list = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:6.0,\n0.vtt\n\
        #EXTINF:6.0,\n1.vtt\n#EXT-X-ENDLIST\n";
    fs::write(folder.join("en.m3u8"), list).unwrap();
}

fn list_separate(folder: &Path) {
    list_separate_as(folder, &HIGH);
}

/// The same with another picture of a high range.
fn list_separate_as(folder: &Path, high: &Rung<'_>) {
    let mut text = HEAD.to_owned();
    for (list, _, attributes) in SOUNDS {
        text += &format!("#EXT-X-MEDIA:TYPE=AUDIO,{attributes},AUTOSELECT=YES,URI=\"{list}\"\n");
    }
    text += "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"text\",NAME=\"English\",LANGUAGE=\"en\",DEFAULT=NO,AUTOSELECT=YES,\
        URI=\"text/en.m3u8\"\n";
    for (group, sound, codec) in [("aac", "sound/en.m3u8", "mp4a.40.2"), ("six", "sound/six.m3u8", "ec-3")] {
        for rung in [STANDARD, *high] {
            let codecs = rung.codecs.replace("mp4a.40.2", codec);
            let further = format!("{},AUDIO=\"{group}\",SUBTITLES=\"text\"", rung.further);
            let rung = Rung { codecs: &codecs, further: &further, ..rung };
            text += &variant(folder, &rung, &[sound, "text/en.m3u8"]);
        }
    }
    fs::write(folder.join("master.m3u8"), text).unwrap();
}

/// The rules that a publication breaks, each once.
pub(super) fn rules(folder: &Path) -> Vec<&'static str> {
    let found = check(&folder.join("master.m3u8"));
    // Shown where a test fails.
    found.iter().for_each(|breach| println!("{breach}"));
    let mut rules: Vec<&str> = found.into_iter().map(|breach| breach.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}

/// The same of a copy that is changed before.
#[track_caller]
pub(super) fn rules_after(fixture: &Path, change: impl FnOnce(&Path)) -> Vec<&'static str> {
    let copy = copy_of(fixture);
    change(copy.path());
    rules(copy.path())
}

pub(crate) fn copy_of(fixture: &Path) -> TempDir {
    let copy = workspace::scratch();
    for file in workspace::files(fixture) {
        let to = copy.path().join(&file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(fixture.join(&file), to).unwrap();
    }
    copy
}

/// Replaces the first of a text in a file, which has to be there.
#[track_caller]
pub(crate) fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "`{from}` is not in {}: {text}", file.display());
    fs::write(file, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn what_is_right_breaks_no_rule() {
    for fixture in [plain(), separate()] {
        let found = check(&fixture.join("master.m3u8"));
        assert!(found.is_empty(), "{found:#?}");
    }
}
