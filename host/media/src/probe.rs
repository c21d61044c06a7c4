//! Probes an upload: its header for the tracks, all of its packets for the length.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use fault::text::printable;
use tokio_util::sync::CancellationToken;

use crate::command::Arguments;
use crate::containment::{INPUT_NAME, MAX_PIXELS, guarded_input, is_decoded};
use crate::error::{MediaError, UploadError};
use crate::frame_rate;
use crate::header::{Header, Kind, Stream};
use crate::info::{Audio, MediaInfo, Video};
use crate::process::{ProcessError, Tool, last_lines};

/// What the uploader declared it to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeclaredKind {
    /// Video, with or without sound.
    Video,
    /// Sound. Pictures are ignored.
    Audio,
}

/// Most bytes of ffprobe's answer. A file with hundreds of streams stays under it.
const MAX_HEADER: usize = 1 << 20;

/// Longest line about a packet. The usual ones are under 100 bytes.
const MAX_LINE: usize = 1024;

/// Smallest side that every encoder and scaler takes.
const MIN_SIDE: u32 = 16;

/// The share of the packets in the index that must exist for a file to be whole. Edit lists drop a few.
const WHOLE_PERMILLE: u64 = 980;

/// How much of the announced length may be missing: a second for sloppy muxers.
const MISSING_TOLERATED: f64 = 1.0;

/// Memory of ffprobe. A frame of 8K in 10 bit has 106 MB, and it decodes a few.
const PROBE_MEMORY: u64 = 1 << 30;

/// Processor time for the header of a file: seconds, and one more for so many bytes. A usual file takes 0.1 s; one with a
/// hundred thousand tags would take minutes.
const HEADER_SECONDS: u64 = 6;
const HEADER_BYTES_PER_SECOND: u64 = 64 << 20;

/// Processor time for all packets. ffprobe lists about 200,000 in a second, and the smallest usual ones, of speech at
/// 8 kbit/s, have 26 bytes; four times the time that these take.
const PACKETS_SECONDS: u64 = 10;
const PACKETS_BYTES_PER_SECOND: u64 = 200_000 * 26 / 4;

/// Most cover pictures: ID3 has 21 kinds of them. Whatever opens the file decodes every one.
const MAX_COVERS: usize = 24;

/// Probes the original in a work directory.
pub async fn probe(
    ffprobe: &Tool,
    work: &Path,
    declared: DeclaredKind,
    cancel: &CancellationToken,
) -> Result<MediaInfo, MediaError> {
    let size =
        tokio::fs::metadata(work.join(INPUT_NAME)).await.map_err(MediaError::work("looking at the original"))?.len();
    if size == 0 {
        return Err(UploadError::Empty.into());
    }
    let of_header = ffprobe.within(HEADER_SECONDS + size / HEADER_BYTES_PER_SECOND, PROBE_MEMORY);
    let header = read_header(&of_header, work, cancel).await?;
    check_covers(&header)?;
    let of_packets = ffprobe.within(PACKETS_SECONDS + size / PACKETS_BYTES_PER_SECOND, PROBE_MEMORY);
    let (packets, cut_off) = count_packets(&of_packets, work, cancel).await?;
    let info = describe(&header, &packets, size, declared)?;
    let missing = header.duration().unwrap_or(0.0) - info.duration.as_secs_f64();
    if cut_off && missing > MISSING_TOLERATED {
        let detail = format!("{missing:.1} s of the length that it announces are missing");
        return Err(UploadError::Truncated { detail }.into());
    }
    Ok(info)
}

async fn read_header(ffprobe: &Tool, work: &Path, cancel: &CancellationToken) -> Result<Header, MediaError> {
    let arguments = Arguments::new()
        .pair("-v", "error")
        .pair(
            "-show_entries",
            "format=format_name,duration,start_time:stream=index,codec_name,codec_tag_string,codec_type,width,height,\
pix_fmt,r_frame_rate,avg_frame_rate,sample_aspect_ratio,color_transfer,color_space,color_range,field_order,sample_rate,channels,\
nb_frames,bits_per_raw_sample:stream_disposition=attached_pic,default:stream_side_data=rotation:stream_tags=rotate",
        )
        .pair("-of", "json")
        .all(guarded_input());
    let (json, finished) = match ffprobe.capture(&arguments, work, cancel, MAX_HEADER).await {
        Ok(answer) => answer,
        Err(ProcessError::Failed { stderr, .. }) => return Err(refused(&stderr).into()),
        Err(error) => return Err(MediaError::process("probing the original", error)),
    };
    let header: Header =
        serde_json::from_slice(&json).map_err(|error| MediaError::Probe { detail: error.to_string() })?;
    if header.streams.is_empty() {
        return Err(refused(&finished.stderr).into());
    }
    Ok(header)
}

fn check_covers(header: &Header) -> Result<(), UploadError> {
    let covers = header.streams.iter().filter(|stream| stream.is_cover()).count();
    if covers > MAX_COVERS {
        let detail = format!("it holds {covers} cover pictures, and at most {MAX_COVERS} are accepted");
        return Err(UploadError::TooDemanding { detail });
    }
    Ok(())
}

/// Why ffprobe refused a file, for support people.
fn refused(stderr: &str) -> UploadError {
    if stderr.contains("moov atom not found") {
        return UploadError::Truncated { detail: "its index, the moov atom, is missing".to_owned() };
    }
    if let Some((before, _)) = stderr.split_once(" exceeds specified max pixel count")
        && let Some((width, height)) = before.rsplit(' ').next().and_then(|size| size.split_once('x'))
    {
        return UploadError::TooLarge { width: width.parse().unwrap_or(0), height: height.parse().unwrap_or(0) };
    }
    if let Some((_, rest)) = stderr.split_once("Codec (") {
        let codec = rest.split(')').next().unwrap_or_default();
        if rest.contains("not on whitelist") {
            return UploadError::UnsupportedCodec { kind: "video or audio", codec: printable(codec, 32) };
        }
    }
    if stderr.contains("not on whitelist") {
        let detail = "a playlist, script, picture or rare format under a media name".to_owned();
        return UploadError::NotMedia { detail };
    }
    let last = last_lines(stderr, 1).replace(&format!("file:{INPUT_NAME}: "), "");
    UploadError::NotMedia { detail: if last.is_empty() { "no stream in it".to_owned() } else { printable(&last, 200) } }
}

/// The packets of a stream, summed up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Packets {
    pub(super) count: u64,
    /// Seconds from the container's own zero to the end of the last packet.
    pub(super) end: f64,
    /// The first timestamp.
    pub(super) start: Option<f64>,
    /// The last timestamp.
    pub(super) last: Option<f64>,
}

impl Packets {
    fn take(&mut self, at: Option<f64>, duration: f64) {
        self.count += 1;
        if let Some(at) = at {
            self.start = Some(self.start.map_or(at, |start| start.min(at)));
            self.last = Some(self.last.map_or(at, |last| last.max(at)));
            self.end = self.end.max(at + duration);
        }
    }

    /// Seconds from the container's zero to the end; 0 if all packets have the same time.
    fn length(&self, origin: f64) -> f64 {
        if self.count > 1 && self.start == self.last { 0.0 } else { (self.end - origin).max(0.0) }
    }
}

/// Sums up all packets. The flag is set if the file ends before its demuxer expects it to.
async fn count_packets(
    ffprobe: &Tool,
    work: &Path,
    cancel: &CancellationToken,
) -> Result<(BTreeMap<u32, Packets>, bool), MediaError> {
    let arguments = Arguments::new()
        .pair("-v", "error")
        .pair("-show_entries", "packet=stream_index,pts_time,dts_time,duration_time")
        .pair("-of", "compact=p=0")
        .all(guarded_input());
    let mut packets = BTreeMap::new();
    let mut line = Vec::new();
    let outcome = ffprobe
        .stream(&arguments, work, cancel, |piece| {
            for &byte in piece {
                if byte == b'\n' {
                    take_packet(&mut packets, &String::from_utf8_lossy(&line));
                    line.clear();
                } else if line.len() < MAX_LINE {
                    line.push(byte);
                }
            }
        })
        .await;
    match outcome {
        // Matroska has no index of all packets, but its demuxer knows where the file should end.
        Ok(finished) => Ok((packets, finished.stderr.contains("File ended prematurely"))),
        // With a damaged end ffprobe fails, but only after it has listed everything that it could read.
        Err(ProcessError::Failed { .. }) => Ok((packets, false)),
        Err(error) => Err(MediaError::process("reading the original's packets", error)),
    }
}

fn take_packet(packets: &mut BTreeMap<u32, Packets>, line: &str) {
    let field = |name: &str| line.split('|').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).map(str::trim);
    let seconds = |name: &str| field(name).and_then(|text| text.parse::<f64>().ok()).filter(|s| s.is_finite());
    if let Some(index) = field("stream_index").and_then(|text| text.parse().ok()) {
        let at = seconds("pts_time").or_else(|| seconds("dts_time"));
        packets.entry(index).or_default().take(at, seconds("duration_time").unwrap_or(0.0).max(0.0));
    }
}

/// Combines header and packets. It has no side effects, so that tests can describe any odd file.
fn describe(
    header: &Header,
    packets: &BTreeMap<u32, Packets>,
    size: u64,
    declared: DeclaredKind,
) -> Result<MediaInfo, MediaError> {
    let tracks = |kind| -> Vec<(&Stream, Packets)> {
        let streams = header.streams.iter().filter(|stream| stream.kind == kind && !stream.is_cover());
        streams.map(|stream| (stream, packets.get(&stream.index).copied().unwrap_or_default())).collect()
    };
    let pictures = if declared == DeclaredKind::Video { tracks(Kind::Video) } else { Vec::new() };
    let sounds = tracks(Kind::Audio);

    if let Some((large, _)) = pictures.iter().find(|(stream, _)| stream.pixels() > MAX_PIXELS) {
        return Err(UploadError::TooLarge { width: large.width.into(), height: large.height.into() }.into());
    }
    let picture = choose(&pictures);
    let sound = choose(&sounds);
    if declared == DeclaredKind::Video && picture.is_none() {
        return Err(unusable(&pictures, UploadError::NoVideo).into());
    }
    if declared == DeclaredKind::Audio && sound.is_none() {
        return Err(unusable(&sounds, UploadError::NoAudio).into());
    }
    let mut notes = Vec::new();
    if sound.is_none() && !sounds.is_empty() {
        notes.push("no audio track could be used: made without sound".to_owned());
    }
    if pictures.len() > 1 {
        let taken = picture.map_or(0, |(stream, _)| stream.index);
        notes.push(format!("{} video tracks: took stream {taken}", pictures.len()));
    }

    let chosen: Vec<(&Stream, Packets)> = picture.into_iter().chain(sound).collect();
    let first = || chosen.iter().filter_map(|(_, packets)| packets.start).reduce(f64::min);
    let origin = header.start_time().or_else(first).unwrap_or(0.0);
    let duration = chosen.iter().map(|(_, packets)| packets.length(origin)).fold(0.0, f64::max);
    if duration > MAX_TIMELINE {
        return Err(UploadError::Damaged { detail: format!("its timestamps span {duration:.0} s") }.into());
    }
    for (stream, packets) in &chosen {
        check_whole(header, stream, *packets, packets.length(origin))?;
    }
    if duration < 0.001 {
        return Err(UploadError::ZeroDuration.into());
    }

    let video = picture.map(|(stream, packets)| describe_video(stream, packets, packets.length(origin))).transpose()?;
    let audio = sound.map(|(stream, packets)| Audio {
        index: stream.index,
        codec: stream.codec_or_tag(),
        channels: stream.channels,
        sample_rate: stream.sample_rate(),
        length: duration_of(packets.length(origin)),
    });
    let container = header.format.format_name.clone();
    Ok(MediaInfo { container, duration: duration_of(duration), size, video, audio, notes })
}

/// The default track. If several or none are marked as default, of pictures the one with the most pixels over all frames
/// (some phones add a second track of a few large stills), and of sounds the first.
fn choose<'a>(tracks: &[(&'a Stream, Packets)]) -> Option<(&'a Stream, Packets)> {
    let is_usable = |stream: &Stream| stream.is_known() && (stream.kind == Kind::Video || stream.channels > 0);
    let usable = tracks.iter().copied().filter(|(stream, packets)| is_usable(stream) && packets.count > 0);
    // Sound has no pixels.
    usable.max_by_key(|(stream, packets)| {
        (stream.is_default(), stream.pixels().saturating_mul(packets.count), u32::MAX - stream.index)
    })
}

/// Why none of these tracks can be used.
fn unusable(tracks: &[(&Stream, Packets)], without_tracks: UploadError) -> UploadError {
    if let Some((unknown, _)) = tracks.iter().find(|(stream, _)| !stream.is_known()) {
        return not_decoded(unknown);
    }
    if tracks.iter().any(|(stream, _)| stream.kind == Kind::Video && stream.announced_frames() > 0) {
        return UploadError::Truncated { detail: "its index names frames that are not in it".into() };
    }
    without_tracks
}

/// Why ffprobe could not describe a track. With a codec that is decoded, the track must be damaged.
fn not_decoded(stream: &Stream) -> UploadError {
    let (kind, codec) = (stream.kind.name(), stream.codec_or_tag());
    if is_decoded(&codec) {
        return UploadError::Damaged { detail: format!("nothing of its {kind} could be decoded") };
    }
    UploadError::UnsupportedCodec { kind, codec }
}

/// Checks that the packets in the index exist.
fn check_whole(header: &Header, stream: &Stream, packets: Packets, length: f64) -> Result<(), UploadError> {
    let announced = stream.announced_frames();
    let missing = header.duration().unwrap_or(0.0) - length;
    if announced > 0 && packets.count * 1000 < announced.saturating_mul(WHOLE_PERMILLE) && missing > MISSING_TOLERATED {
        let detail = format!(
            "{} of {announced} {} packets are in it, {missing:.1} s are missing",
            packets.count,
            stream.kind.name()
        );
        return Err(UploadError::Truncated { detail });
    }
    Ok(())
}

/// Longest timeline in seconds, about 31 years: far beyond any recording, and far within what a `Duration` holds. Packets
/// may carry any 64-bit timestamp on any time base.
const MAX_TIMELINE: f64 = 1e9;

/// A length in seconds that may come out negative or not as a number.
fn duration_of(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default()
}

fn describe_video(stream: &Stream, packets: Packets, length: f64) -> Result<Video, UploadError> {
    let (width, height) = stream.shown_size();
    if width.min(height) < MIN_SIDE {
        return Err(UploadError::TooSmall { width, height });
    }
    let span = length - packets.start.unwrap_or(0.0).max(0.0);
    let average = if span > 0.0 { packets.count as f64 / span } else { 0.0 };
    Ok(Video {
        index: stream.index,
        codec: stream.codec_or_tag(),
        width,
        height,
        frame_rate: frame_rate::choose(stream.nominal_rate(), stream.average_rate().unwrap_or(average)),
        bit_depth: stream.bit_depth(),
        range: stream.dynamic_range(),
        matrix: stream.matrix(),
        full_range: stream.is_full_range(),
        interlaced: stream.is_interlaced(),
        length: duration_of(length),
    })
}

#[cfg(any(test, fuzzing))]
#[path = "tests/probe_fuzzing.rs"]
pub mod fuzzing;

#[cfg(test)]
#[path = "probe_tests.rs"]
mod tests;
