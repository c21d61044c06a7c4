//! What a playlist plays, in ffprobe's words: streams, and the times of all packets.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::playlist::Media;

/// What a track is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Picture,
    Sound,
}

/// A track of a rendition, over all segments.
#[derive(Clone, Debug)]
pub(super) struct Track {
    pub kind: Kind,
    /// In the order of decoding.
    pub packets: Vec<Packet>,
    fields: Value,
}

/// A frame that isn't decoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Packet {
    /// Seconds, like all times here.
    pub shown: f64,
    pub decoded: f64,
    pub lasts: f64,
    pub is_key: bool,
    /// The number of the segment that it is in.
    pub segment: usize,
}

impl Track {
    /// What ffprobe calls it: `codec_name`, `profile`, `pix_fmt`, ...
    pub fn says(&self, field: &str) -> &str {
        self.fields[field].as_str().unwrap_or("")
    }

    /// A field that is a number.
    pub fn number(&self, field: &str) -> u64 {
        self.fields[field].as_u64().unwrap_or(0)
    }

    /// PQ or HLG.
    pub fn is_high_range(&self) -> bool {
        self.kind == Kind::Picture && self.range() != "SDR"
    }

    /// As `VIDEO-RANGE` has it.
    pub fn range(&self) -> &'static str {
        match self.says("color_transfer") {
            "smpte2084" => "PQ",
            "arib-std-b67" => "HLG",
            _ => "SDR",
        }
    }

    /// Seconds from one frame to the next, as a rule; of a single frame, what it says of itself.
    pub fn frame(&self) -> f64 {
        let mut steps: Vec<f64> = self.packets.windows(2).map(|two| two[1].decoded - two[0].decoded).collect();
        steps.sort_by(f64::total_cmp);
        let own = self.packets.first().map_or(0.0, |first| first.lasts);
        steps.get(steps.len() / 2).copied().unwrap_or(own)
    }

    /// The packets of a segment.
    pub fn of_segment(&self, number: usize) -> &[Packet] {
        let start = self.packets.partition_point(|packet| packet.segment < number);
        let end = self.packets.partition_point(|packet| packet.segment <= number);
        &self.packets[start..end]
    }

    /// When a segment's first frame is shown.
    pub fn starts(&self, number: usize) -> Option<f64> {
        self.of_segment(number).iter().map(|packet| packet.shown).min_by(f64::total_cmp)
    }

    /// When the first frame is shown.
    pub fn start(&self) -> f64 {
        self.packets.iter().map(|packet| packet.shown).fold(f64::MAX, f64::min)
    }

    /// When the last frame has been shown.
    pub fn end(&self) -> f64 {
        let frame = self.frame();
        // Of a picture in a transport stream it isn't always known.
        let end = |packet: &Packet| packet.shown + if packet.lasts > 0.0 { packet.lasts } else { frame };
        self.packets.iter().map(end).fold(f64::MIN, f64::max)
    }
}

/// The tracks of a playlist. One process reads the map and all segments, one after the other, as a player does.
///
/// `format` is ffmpeg's name of the container: of a few packets it would guess another one.
pub(super) fn tracks(media: &Media, format: Option<&str>) -> Vec<Track> {
    let mut bytes = media.map_bytes();
    let mut starts = Vec::with_capacity(media.segments.len());
    for number in 0..media.segments.len() {
        starts.push(bytes.len() as u64);
        bytes.extend(media.bytes(number));
    }
    let answer = probe(bytes, format);
    let list = |name: &str| answer[name].as_array().cloned().unwrap_or_default();
    let mut tracks: Vec<(u64, Track)> = list("streams").into_iter().filter_map(track).collect();
    for fields in list("packets") {
        let stream = fields["stream_index"].as_u64();
        let Some((_, track)) = tracks.iter_mut().find(|(index, _)| Some(*index) == stream) else { continue };
        let packet = packet(&fields, track, &starts);
        track.packets.push(packet);
    }
    tracks.into_iter().map(|(_, track)| track).collect()
}

fn track(fields: Value) -> Option<(u64, Track)> {
    let kind = match fields["codec_type"].as_str()? {
        "video" => Kind::Picture,
        "audio" => Kind::Sound,
        _ => return None,
    };
    Some((fields["index"].as_u64()?, Track { kind, packets: Vec::new(), fields }))
}

/// Seconds of a frame of sound, which ffprobe doesn't always tell: AAC has 1024 samples, AC-3 and E-AC-3 have 1536.
fn sound_frame(track: &Track) -> f64 {
    let samples = match track.says("codec_name") {
        "aac" => 1024.0,
        "ac3" | "eac3" => 1536.0,
        _ => 0.0,
    };
    track.says("sample_rate").parse::<f64>().map_or(0.0, |rate| samples / rate)
}

fn packet(fields: &Value, track: &Track, starts: &[u64]) -> Packet {
    let before = track.packets.last();
    let seconds = |name: &str| fields[name].as_str().and_then(|text| text.parse::<f64>().ok());
    let position = fields["pos"].as_str().and_then(|text| text.parse::<u64>().ok());
    // Of several frames in one packet of a container only the first one has a position.
    let segment = position.map_or_else(
        || before.map_or(0, |before| before.segment),
        |position| starts.partition_point(|start| *start <= position).saturating_sub(1),
    );
    // The first of them is also the only one with a time, where there are too few to tell how long each lasts.
    let behind = before.map_or(0.0, |before| before.decoded + before.lasts);
    let decoded = seconds("dts_time").or_else(|| seconds("pts_time")).unwrap_or(behind);
    Packet {
        shown: seconds("pts_time").unwrap_or(decoded),
        decoded,
        lasts: seconds("duration_time").unwrap_or_else(|| sound_frame(track)),
        is_key: fields["flags"].as_str().is_some_and(|flags| flags.starts_with('K')),
        segment,
    }
}

fn probe(bytes: Vec<u8>, format: Option<&str>) -> Value {
    let entries = "packet=stream_index,pts_time,dts_time,duration_time,pos,flags:stream";
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-of", "json", "-show_entries", entries]);
    command.args(format.iter().flat_map(|format| ["-f", format])).arg("-");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("ffprobe can't be run: {error}"));
    let mut input = child.stdin.take().unwrap();
    // It may end before it has read everything: what it could tell is looked at below.
    let writer = std::thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join();
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}
