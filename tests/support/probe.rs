//! Facts about media: what streams say of themselves, and what comes out when they are decoded.

use std::path::Path;

use serde_json::Value;

use crate::tool;

/// A video stream, in ffprobe's words.
#[derive(Clone, Debug)]
pub struct Video {
    /// Width and height in pixels.
    pub size: (u64, u64),
    fields: Value,
}

impl Video {
    /// What ffprobe calls it: `profile`, `pix_fmt`, `color_space`, ...
    pub fn says(&self, field: &str) -> &str {
        self.fields[field].as_str().unwrap_or("")
    }

    /// The H.264 level times ten.
    pub fn level(&self) -> u64 {
        self.fields["level"].as_u64().unwrap()
    }
}

/// The first video stream, not decoded yet; none where there is none.
pub fn video(path: &Path) -> Option<Video> {
    let fields = stream(path, "v:0")?;
    Some(Video { size: (fields["width"].as_u64()?, fields["height"].as_u64()?), fields })
}

/// Width and height of the first video stream.
#[track_caller]
pub fn size(path: &Path) -> (u64, u64) {
    video(path).unwrap_or_else(|| panic!("no picture in {}", path.display())).size
}

/// An audio stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audio {
    /// Its codec.
    pub codec: String,
    /// Hertz.
    pub rate: u32,
    /// Channels.
    pub channels: u64,
}

/// The first audio stream; none where there is none.
pub fn audio(path: &Path) -> Option<Audio> {
    let fields = stream(path, "a:0")?;
    Some(Audio {
        codec: fields["codec_name"].as_str()?.to_owned(),
        rate: fields["sample_rate"].as_str()?.parse().ok()?,
        channels: fields["channels"].as_u64()?,
    })
}

fn stream(path: &Path, which: &str) -> Option<Value> {
    tool::ffprobe(path, &["-show_streams", "-select_streams", which])["streams"].get(0).cloned()
}

/// Seconds, as the container has them.
pub fn duration(path: &Path) -> f64 {
    seconds(&tool::ffprobe(path, &["-show_entries", "format=duration"])["format"]["duration"])
}

fn seconds(value: &Value) -> f64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no time: {value}"))
}

/// A frame that was decoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// Seconds from the first frame.
    pub at: f64,
    /// Whether decoding can begin with it.
    pub key: bool,
    /// Whether it is two fields.
    pub interlaced: bool,
}

/// All frames of the first video stream, decoded, in the order of showing.
pub fn frames(path: &Path) -> Vec<Frame> {
    let entries = "frame=best_effort_timestamp_time,key_frame,interlaced_frame";
    let answer = tool::ffprobe(path, &["-select_streams", "v:0", "-show_entries", entries]);
    let mut frames: Vec<Frame> = answer["frames"].as_array().unwrap().iter().map(frame).collect();
    let start = frames.first().map_or(0.0, |frame| frame.at);
    frames.iter_mut().for_each(|frame| frame.at -= start);
    frames
}

fn frame(fields: &Value) -> Frame {
    Frame {
        at: seconds(&fields["best_effort_timestamp_time"]),
        key: fields["key_frame"] == 1,
        interlaced: fields["interlaced_frame"] == 1,
    }
}

/// When decoding can begin, in seconds from the first frame.
pub fn keyframes(path: &Path) -> Vec<f64> {
    frames(path).into_iter().filter(|frame| frame.key).map(|frame| frame.at).collect()
}

/// A digest of each decoded frame's pixels.
pub fn digests(path: &Path) -> Vec<String> {
    let path = path.to_str().unwrap();
    let text = tool::ffmpeg(&["-i", path, "-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-"]);
    let text = String::from_utf8(text).unwrap();
    let digest = |line: &str| line.rsplit(',').next().unwrap().trim().to_owned();
    text.lines().filter(|line| !line.starts_with('#')).map(digest).collect()
}

/// Asserts that all of it decodes without a complaint.
#[track_caller]
pub fn decodes(path: &Path) {
    let name = path.to_str().unwrap();
    let output = tool::attempt("ffmpeg", &["-v", "error", "-i", name, "-f", "null", "-"], Path::new("/"));
    let said = String::from_utf8_lossy(&output.stderr);
    // The muxer that throws everything away complains where ffmpeg's reader of playlists hands it a first packet twice.
    let complaints: Vec<&str> = said.lines().filter(|line| !line.is_empty() && !line.contains("[null @")).collect();
    assert!(output.status.success() && complaints.is_empty(), "{name} does not decode: {said}");
}

/// When the first packet of sound comes after the first one of the picture, in seconds.
pub fn sound_after_picture(path: &Path) -> f64 {
    let first = |which: &str| {
        let answer = tool::ffprobe(path, &["-select_streams", which, "-show_entries", "packet=pts_time"]);
        let packets = answer["packets"].as_array().unwrap();
        packets.iter().map(|packet| seconds(&packet["pts_time"])).fold(f64::MAX, f64::min)
    };
    first("a:0") - first("v:0")
}

/// What is in an MP4, by the names of its outermost boxes, in their order.
pub fn boxes(path: &Path) -> Vec<String> {
    let contents = std::fs::read(path).unwrap();
    let mut names = Vec::new();
    let mut rest = contents.as_slice();
    while rest.len() >= 8 {
        let (head, _) = rest.split_at(8);
        names.push(String::from_utf8_lossy(&head[4..]).into_owned());
        let length = match u32::from_be_bytes(head[..4].try_into().unwrap()) {
            1 => u64::from_be_bytes(rest[8..16].try_into().unwrap()) as usize,
            length => length as usize,
        };
        rest = rest.get(length.max(8)..).unwrap_or_default();
    }
    names
}
