//! Probes an upload: its header for the tracks, all of its packets for the length.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use fault::text::printable;
use tokio_util::sync::CancellationToken;

use crate::announced::{self, CutOff};
use crate::budget::Budget;
use crate::command::Arguments;
use crate::containment::{INPUT_NAME, MAX_PIXELS, ProbeDepth, guarded_input, is_decoded};
use crate::context::blocking;
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
const PROBE_MEMORY: u64 = 900 << 20;

/// Processor time for the header of a file: seconds, and one more for so many bytes. A usual file takes 0.1 s; one with a
/// hundred thousand tags would take minutes.
const HEADER_SECONDS: u64 = 6;
const HEADER_BYTES_PER_SECOND: u64 = 64 << 20;

/// Processor time for all packets. ffprobe lists about 200,000 in a second, and the smallest usual ones, of speech at
/// 8 kbit/s, have 26 bytes; four times the time that these take.
const PACKETS_SECONDS: u64 = 10;
const PACKETS_BYTES_PER_SECOND: u64 = 200_000 * 26 / 4;

/// Most channels that have places: 7.1. ffmpeg doesn't know where the others belong.
const MAX_CHANNELS: u32 = 8;

/// With pauses, the rate in motion is more than this many times the mean.
const PAUSES: f64 = 1.4;

/// Shortest sound in seconds: less than a frame of AAC plays nothing.
const LEAST_SOUND: f64 = 0.02;

/// Fewest samples in a second of sound; telephones have 8,000.
const MIN_SAMPLE_RATE: u32 = 1_000;

/// Most cover pictures: ID3 has 21 kinds of them. Whatever opens the file decodes every one.
const MAX_COVERS: usize = 24;

/// Most tracks. A broadcast has some dozens.
const MAX_TRACKS: usize = 128;

/// Most chapters. A long audio book has hundreds.
const MAX_CHAPTERS: usize = 5_000;

/// Longest time in seconds without any packet of the tracks that are used. Screen recordings pause; damaged timestamps jump.
const MAX_JUMP: f64 = 3600.0;

/// From this length on, in seconds, a file must hold something for its time: so many bytes, and a packet in so many
/// seconds. Slides without sound hold more.
const LONG: f64 = 600.0;
const LEAST_BYTES_PER_SECOND: f64 = 1.0;
const MOST_SECONDS_PER_PACKET: f64 = 300.0;

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
    let mut depth = ProbeDepth::Usual;
    let (header, packets, cut_off) = loop {
        let budget = |cpu_seconds| Budget::of_cpu(cpu_seconds).with_memory(PROBE_MEMORY);
        let of_header = ffprobe.within(budget(HEADER_SECONDS + size / HEADER_BYTES_PER_SECOND));
        let header = read_header(&of_header, work, depth, cancel).await?;
        check_counts(&header)?;
        let of_packets = ffprobe.within(budget(PACKETS_SECONDS + size / PACKETS_BYTES_PER_SECOND));
        let clock = Clock::of(&header.format.format_name);
        let (packets, cut_off) = count_packets(&of_packets, work, depth, clock, cancel).await?;
        if depth == ProbeDepth::Deep || !hides_tracks(&header, &packets) {
            break (header, packets, cut_off);
        }
        depth = ProbeDepth::Deep;
    };
    let (mut header, mut packets) = (header, packets);
    if let Some((track, rate)) = unbelievable_sound(&header, &packets, size) {
        let budget = Budget::of_cpu(PACKETS_SECONDS + size / PACKETS_BYTES_PER_SECOND).with_memory(PROBE_MEMORY);
        let samples = count_samples(&ffprobe.within(budget), work, depth, track, cancel).await?;
        let end = samples as f64 / f64::from(rate);
        packets.entry(track).and_modify(|packets| {
            *packets = Packets { start: Some(0.0), end, last: Some(end), total: end, gap: (0.0, 0.0), ..*packets };
        });
        header.counted = true;
    }
    let info = MediaInfo { depth, ..describe(&header, &packets, size, declared)? };
    check_cut_off(&header, &info, cut_off, work).await?;
    Ok(info)
}

/// The same where the container knows exactly: some encoders count their padding.
const EXACT_TOLERATED: f64 = 0.2;

/// Containers whose header counts all samples.
const COUNT_SAMPLES: [&str; 4] = ["flac", "ape", "tta", "wv"];

/// Compares what the container announces with what is there.
async fn check_cut_off(header: &Header, info: &MediaInfo, ends_early: bool, work: &Path) -> Result<(), MediaError> {
    let is = info.duration.as_secs_f64();
    let announced = header.duration().unwrap_or(0.0);
    let container = header.format.format_name.clone();
    let knows_exactly = ends_early || COUNT_SAMPLES.contains(&container.as_str());
    if knows_exactly && announced - is > EXACT_TOLERATED {
        let detail = format!("it announces {announced:.1} s and has {is:.1} s");
        return Err(UploadError::Truncated { detail }.into());
    }
    // An index that names all packets has been compared with them.
    if header.streams.iter().any(|stream| stream.announced_frames() > 0) && container.starts_with("mov") {
        return Ok(());
    }
    let path = work.join(INPUT_NAME);
    let found = blocking(move || announced::cut_off(std::fs::File::open(path)?, &container)).await?;
    match found.map_err(MediaError::work("looking at the original"))? {
        Some(CutOff { announced: bytes, is: there }) => {
            let lengths = if announced - is > MISSING_TOLERATED {
                format!(", {announced:.1} s and has {is:.1} s")
            } else {
                String::new()
            };
            let detail = format!("it announces at least {bytes} bytes and has {there}{lengths}");
            Err(UploadError::Truncated { detail }.into())
        }
        None => Ok(()),
    }
}

/// The only track of a file, if it is sound whose packets have no durations or absurd ones, and its rate.
fn unbelievable_sound(header: &Header, packets: &BTreeMap<u32, Packets>, size: u64) -> Option<(u32, u32)> {
    let mut streams = header.streams.iter().filter(|stream| stream.kind != Kind::Other && !stream.is_cover());
    let (Some(stream), None) = (streams.next(), streams.next()) else { return None };
    let found = packets.get(&stream.index)?;
    let is_absurd = found.total <= 0.0 || found.end > LONG && (size as f64) < found.end * LEAST_BYTES_PER_SECOND;
    let is_sound = stream.kind == Kind::Audio && stream.is_known() && found.count > 0;
    (is_sound && is_absurd && !header.is_untimed()).then(|| (stream.index, stream.sample_rate()))
}

/// Decodes the sound and counts its samples.
async fn count_samples(
    ffprobe: &Tool,
    work: &Path,
    depth: ProbeDepth,
    track: u32,
    cancel: &CancellationToken,
) -> Result<u64, MediaError> {
    let arguments = Arguments::new()
        .pair("-v", "error")
        .pair("-select_streams", track)
        .pair("-show_entries", "frame=nb_samples")
        .pair("-of", "csv=p=0")
        .all(guarded_input(depth));
    let (mut samples, mut number) = (0_u64, 0_u64);
    let count = |piece: &[u8]| {
        for &byte in piece {
            match byte {
                b'0'..=b'9' => number = number.saturating_mul(10).saturating_add(u64::from(byte - b'0')),
                _ => samples = samples.saturating_add(std::mem::take(&mut number)),
            }
        }
    };
    match ffprobe.stream(&arguments, work, cancel, count).await {
        Ok(_) | Err(ProcessError::Failed { .. }) => Ok(samples),
        Err(error) => Err(failed("decoding the original's sound", error)),
    }
}

/// Whether a track has packets, and its description was not found.
fn hides_tracks(header: &Header, packets: &BTreeMap<u32, Packets>) -> bool {
    let is_hidden = |stream: &Stream| stream.kind != Kind::Other && !stream.is_cover() && !stream.is_known();
    let has_packets = |stream: &Stream| packets.get(&stream.index).is_some_and(|packets| packets.count > 0);
    header.streams.iter().any(|stream| is_hidden(stream) && has_packets(stream))
}

async fn read_header(
    ffprobe: &Tool,
    work: &Path,
    depth: ProbeDepth,
    cancel: &CancellationToken,
) -> Result<Header, MediaError> {
    let arguments = Arguments::new()
        .pair("-v", "error")
        .pair(
            "-show_entries",
            "format=format_name,duration,start_time:stream=index,codec_name,codec_tag_string,codec_type,width,height,\
pix_fmt,r_frame_rate,avg_frame_rate,sample_aspect_ratio,color_transfer,color_space,color_range,field_order,sample_rate,channels,\
nb_frames,duration,bits_per_raw_sample:stream_disposition=attached_pic,default:stream_side_data=rotation:stream_tags=rotate:chapter=id",
        )
        .pair("-of", "json")
        .all(guarded_input(depth));
    let (json, finished) = match ffprobe.capture(&arguments, work, cancel, MAX_HEADER).await {
        Ok(answer) => answer,
        Err(ProcessError::Failed { stderr, .. }) => return Err(refused(&stderr).into()),
        Err(error) => return Err(failed("probing the original", error)),
    };
    if json.len() == MAX_HEADER {
        let detail = format!("the description of its tracks has more than {} MiB", MAX_HEADER >> 20);
        return Err(UploadError::TooDemanding { detail }.into());
    }
    let header: Header =
        serde_json::from_slice(&json).map_err(|error| MediaError::Probe { detail: error.to_string() })?;
    if header.streams.is_empty() {
        return Err(refused(&finished.stderr).into());
    }
    Ok(header)
}

/// A file that can't be read in the time that is enough for its size is to blame for it, not the machine.
fn failed(doing: &'static str, error: ProcessError) -> MediaError {
    match error {
        ProcessError::TooSlow { limit, .. } => {
            UploadError::TooDemanding { detail: format!("{doing} took more than {} s", limit.as_secs()) }.into()
        }
        error => MediaError::process(doing, error),
    }
}

fn check_counts(header: &Header) -> Result<(), UploadError> {
    let covers = header.streams.iter().filter(|stream| stream.is_cover()).count();
    let counts = [
        ("cover pictures", covers, MAX_COVERS),
        ("tracks", header.streams.len() - covers, MAX_TRACKS),
        ("chapters", header.chapters.len(), MAX_CHAPTERS),
    ];
    for (things, count, most) in counts {
        if count > most {
            let detail = format!("it holds {count} {things}, and at most {most} are accepted");
            return Err(UploadError::TooDemanding { detail });
        }
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

/// How many packets followed the one before after which time, on a scale of 8 steps an octave from a millisecond on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Steps {
    counts: [u32; 96],
    last: Option<f64>,
}

impl Default for Steps {
    fn default() -> Self {
        Self { counts: [0; 96], last: None }
    }
}

impl Steps {
    fn take(&mut self, at: f64) {
        if let Some(last) = self.last.replace(at) {
            let place = ((at - last) * 1000.0).log2() * 8.0;
            if let Some(count) = self.counts.get_mut(place.round().max(0.0) as usize) {
                *count = count.saturating_add(1);
            }
        }
    }

    /// The packets in a second while there is motion: by the median of the times, which pauses don't change.
    fn rate(&self) -> Option<f64> {
        let half = self.counts.iter().map(|&count| u64::from(count)).sum::<u64>().div_ceil(2);
        let mut sum = 0;
        let place = self.counts.iter().position(|&count| {
            sum += u64::from(count);
            sum >= half && sum > 0
        })?;
        Some(1000.0 / (place as f64 / 8.0).exp2())
    }
}

/// The packets of a stream, summed up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Packets {
    pub(super) count: u64,
    /// Of the count: packets that are decoded and not shown, because an edit list cuts them off. They have no part in the
    /// times.
    pub(super) hidden: u64,
    /// Whether any is encrypted.
    pub(super) encrypted: bool,
    /// Seconds from the container's own zero to the end of the last packet.
    pub(super) end: f64,
    /// The first timestamp.
    pub(super) start: Option<f64>,
    /// The last timestamp.
    pub(super) last: Option<f64>,
    /// The times between two packets.
    pub(super) steps: Steps,
    /// All durations in seconds.
    pub(super) total: f64,
    /// The longest time between the end of a packet and the next one, from and to.
    pub(super) gap: (f64, f64),
}

impl Packets {
    fn take(&mut self, at: Option<f64>, duration: f64) {
        self.count += 1;
        self.total += duration;
        if let Some(at) = at {
            if self.start.is_some() && at - self.end > self.gap.1 - self.gap.0 {
                self.gap = (self.end, at);
            }
            self.start = Some(self.start.map_or(at, |start| start.min(at)));
            self.last = Some(self.last.map_or(at, |last| last.max(at)));
            self.end = self.end.max(at + duration);
        }
    }

    /// The same packets where their times say nothing, so that their durations count: demuxers work out times as if rate
    /// and block size never changed.
    fn untimed(self) -> Self {
        let start = self.start.unwrap_or(0.0);
        let length = if self.total > 0.0 { self.total } else { self.end - start };
        Self { end: start + length, last: Some(start + length), gap: (start, start), ..self }
    }

    /// Seconds from the container's zero to the end; 0 if all packets have the same time.
    fn length(&self, origin: f64) -> f64 {
        if self.count > 1 && self.start == self.last { 0.0 } else { (self.end - origin).max(0.0) }
    }

    /// The longest time without a packet, from and to, within a timeline.
    fn longest_gap(&self, (begin, end): (f64, f64)) -> (f64, f64) {
        let gaps = [(begin, self.start.unwrap_or(end)), self.gap, (self.end, end)];
        gaps.into_iter().max_by(|one, other| (one.1 - one.0).total_cmp(&(other.1 - other.0))).unwrap_or_default()
    }
}

/// Sums up all packets. The flag is set if the file ends before its demuxer expects it to.
async fn count_packets(
    ffprobe: &Tool,
    work: &Path,
    depth: ProbeDepth,
    mut clock: Clock,
    cancel: &CancellationToken,
) -> Result<(BTreeMap<u32, Packets>, bool), MediaError> {
    let arguments = Arguments::new()
        .pair("-v", "error")
        .pair(
            "-show_entries",
            "packet=stream_index,pts_time,dts_time,duration_time,flags:packet_side_data=side_data_type",
        )
        .pair("-of", "compact=p=0")
        .all(guarded_input(depth));
    let mut packets = BTreeMap::new();
    let mut line = Vec::new();
    let outcome = ffprobe
        .stream(&arguments, work, cancel, |piece| {
            for &byte in piece {
                if byte == b'\n' {
                    take_packet(&mut packets, &mut clock, &String::from_utf8_lossy(&line));
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
        Err(error) => Err(failed("reading the original's packets", error)),
    }
}

/// The clock of a container whose times may start over, as ffmpeg keeps it: where the next packet of a track is not where
/// it should be, everything from there on is shifted.
#[derive(Debug)]
struct Clock {
    is_continuous: bool,
    shift: f64,
    /// When the next packet of each track is due.
    due: BTreeMap<u32, f64>,
    /// When the last packet of any track was decoded.
    last: Option<f64>,
}

/// In seconds. ffmpeg's `dts_delta_threshold`, and how far a packet may come too early.
const JUMP: f64 = 10.0;
const BACKWARDS: f64 = 0.1;

impl Clock {
    fn of(container: &str) -> Self {
        let is_continuous = !crate::info::may_start_over(container);
        Self { is_continuous, shift: 0.0, due: BTreeMap::new(), last: None }
    }

    /// How much a packet that is decoded at `at` seconds comes later than its container says.
    fn shift(&mut self, track: u32, at: f64, duration: f64) -> f64 {
        if self.is_continuous {
            return 0.0;
        }
        let late = |due: f64| at + self.shift - due;
        self.shift -= match self.due.get(&track) {
            Some(&due) if late(due).abs() > JUMP || late(due) < -BACKWARDS => late(due),
            Some(_) => 0.0,
            None => self.last.map(late).filter(|late| late.abs() > JUMP).unwrap_or(0.0),
        };
        self.due.insert(track, at + self.shift + duration);
        self.last = Some(at + self.shift);
        self.shift
    }
}

/// ffprobe's name of what goes with an encrypted packet.
const ENCRYPTED: &str = "side_data_type=Encryption info";

fn take_packet(packets: &mut BTreeMap<u32, Packets>, clock: &mut Clock, line: &str) {
    let field = |name: &str| line.split('|').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).map(str::trim);
    let seconds = |name: &str| field(name).and_then(|text| text.parse::<f64>().ok()).filter(|s| s.is_finite());
    if let Some(index) = field("stream_index").and_then(|text| text.parse().ok()) {
        let packets: &mut Packets = packets.entry(index).or_default();
        packets.encrypted |= line.contains(ENCRYPTED);
        if field("flags").is_some_and(|flags| flags.contains('D')) {
            packets.count += 1;
            packets.hidden += 1;
        } else {
            let duration = seconds("duration_time").unwrap_or(0.0).max(0.0);
            let decoded_at = seconds("dts_time").or_else(|| seconds("pts_time"));
            let shift = decoded_at.map_or(0.0, |at| clock.shift(index, at, duration));
            packets.take(seconds("pts_time").or(decoded_at).map(|at| at + shift), duration);
            decoded_at.into_iter().for_each(|at| packets.steps.take(at + shift));
        }
    }
}

/// Combines header and packets. It has no side effects, so that tests can describe any odd file.
fn describe(
    header: &Header,
    packets: &BTreeMap<u32, Packets>,
    size: u64,
    declared: DeclaredKind,
) -> Result<MediaInfo, MediaError> {
    let packets_of = |stream: &Stream| {
        let found = packets.get(&stream.index).copied().unwrap_or_default();
        if header.is_untimed() { found.untimed() } else { found }
    };
    let tracks = |kind| -> Vec<(&Stream, Packets)> {
        let streams = header.streams.iter().filter(|stream| stream.kind == kind && !stream.is_cover());
        streams.map(|stream| (stream, packets_of(stream))).collect()
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
    if chosen.iter().any(|(_, packets)| packets.encrypted) {
        return Err(UploadError::Protected.into());
    }
    let first = || chosen.iter().filter_map(|(_, packets)| packets.start).reduce(f64::min);
    let origin = header.start_time().or_else(first).unwrap_or(0.0);
    let duration = chosen.iter().map(|(_, packets)| packets.length(origin)).fold(0.0, f64::max);
    if duration > MAX_TIMELINE {
        return Err(UploadError::Damaged { detail: format!("its timestamps span {duration:.0} s") }.into());
    }
    check_timeline(&chosen, (origin, origin + duration), size)?;
    for (stream, packets) in &chosen {
        check_whole(header, stream, *packets, packets.length(origin))?;
    }
    let least = if picture.is_some() { 0.001 } else { LEAST_SOUND };
    if duration < least {
        return Err(UploadError::ZeroDuration.into());
    }

    let video = picture.map(|(stream, packets)| describe_video(stream, packets, origin)).transpose()?;
    if let Some((stream, _)) = sound.filter(|(stream, _)| stream.channels > MAX_CHANNELS) {
        return Err(UploadError::TooManyChannels { channels: stream.channels }.into());
    }
    if let Some((stream, _)) = sound.filter(|(stream, _)| stream.sample_rate() < MIN_SAMPLE_RATE) {
        let detail = format!("its sound has {} samples in a second", stream.sample_rate());
        return Err(UploadError::Damaged { detail }.into());
    }
    let audio = sound.map(|(stream, packets)| Audio {
        index: stream.index,
        codec: stream.codec_or_tag(),
        channels: stream.channels,
        sample_rate: stream.sample_rate(),
        start: duration_of(packets.start.unwrap_or(origin) - origin),
        untimed: header.is_untimed(),
        length: duration_of(packets.length(origin)),
    });
    let container = header.format.format_name.clone();
    Ok(MediaInfo { depth: ProbeDepth::Usual, container, duration: duration_of(duration), size, video, audio, notes })
}

/// Checks that there is media for the time that the tracks span. Each moment of it will be encoded.
fn check_timeline(tracks: &[(&Stream, Packets)], span: (f64, f64), size: u64) -> Result<(), UploadError> {
    let gaps = tracks.iter().map(|(_, packets)| packets.longest_gap(span));
    let length = span.1 - span.0;
    let (from, to) = gaps.reduce(|one, other| (one.0.max(other.0), one.1.min(other.1))).unwrap_or_default();
    if to - from > MAX_JUMP {
        let detail = format!("its timestamps jump from {from:.1} s to {to:.1} s");
        return Err(UploadError::Damaged { detail });
    }
    let packets: u64 = tracks.iter().map(|(_, packets)| packets.count).sum();
    let too_few =
        (packets as f64) < length / MOST_SECONDS_PER_PACKET || (size as f64) < length * LEAST_BYTES_PER_SECOND;
    if length > LONG && too_few {
        let detail = format!("its timestamps span {length:.0} s, with {packets} packets in {size} bytes");
        return Err(UploadError::Damaged { detail });
    }
    Ok(())
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
    // AVI counts blocks of sound or even bytes.
    if header.format.format_name == "avi" {
        return Ok(());
    }
    let announced = stream.announced_frames();
    let missing = stream.duration().or(header.duration()).unwrap_or(0.0) - length;
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

fn describe_video(stream: &Stream, packets: Packets, origin: f64) -> Result<Video, UploadError> {
    let (start, length) = (packets.start.unwrap_or(origin) - origin, packets.length(origin));
    let (width, height) = stream.shown_size();
    if width.min(height) < MIN_SIDE {
        return Err(UploadError::TooSmall { width, height });
    }
    // Between the first and the last frame: that needs no duration, which packets may not have.
    let span = packets.last.unwrap_or(0.0) - packets.start.unwrap_or(0.0);
    let shown = packets.count - packets.hidden;
    let measured = (span > 0.0 && shown > 1).then(|| (shown - 1) as f64 / span);
    // A header's average knows of fields and pauses, unless it has nothing to do with the packets.
    let is_plausible = |rate: &f64| measured.is_none_or(|measured| (measured / 3.0..measured * 3.0).contains(rate));
    let average = stream.average_rate().filter(is_plausible).or(measured).unwrap_or(0.0);
    // A mean over pauses says nothing of the motion.
    let motion = packets.steps.rate().filter(|&motion| average > 0.0 && motion > average * PAUSES);
    let average = motion.unwrap_or(average);
    Ok(Video {
        index: stream.index,
        codec: stream.codec_or_tag(),
        width,
        height,
        frame_rate: frame_rate::choose(stream.nominal_rate(), average),
        bit_depth: stream.bit_depth(),
        range: stream.dynamic_range(),
        matrix: stream.matrix(),
        full_range: stream.is_full_range(),
        limited_grey: stream.is_limited_grey(),
        interlaced: stream.is_interlaced(),
        start: duration_of(start),
        length: duration_of(length),
    })
}

#[cfg(any(test, fuzzing))]
#[path = "tests/probe_fuzzing.rs"]
pub mod fuzzing;

#[cfg(test)]
#[path = "probe_tests.rs"]
mod tests;
