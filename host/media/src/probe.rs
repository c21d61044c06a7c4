//! Probes an upload: its header for the tracks, all of its packets for the length.

use std::collections::BTreeMap;
use std::path::Path;

use fault::codes;
use fault::text::printable;
use tokio_util::sync::CancellationToken;

use crate::announced::{self, CutOff};
use crate::budget::Budget;
use crate::captions;
use crate::command::Arguments;
use crate::containment::{INPUT_NAME, ProbeDepth, arriving_input, guarded_input};
use crate::context::blocking;
use crate::description::{LEAST_BYTES_PER_SECOND, LONG, MISSING_TOLERATED, describe};
use crate::early::{EarlyPackets, EarlyReading};
use crate::error::{CodedError, MediaError, UploadError};
use crate::header::{Header, Kind, Stream};
use crate::info::{DynamicRange, Label, Light, MediaInfo, TextTrack, TrackNote};
use crate::light;
use crate::lines::Lines;
use crate::packets::{Clock, Packets, take_packet};
use crate::process::{Finished, ProcessError, Tool, last_lines};

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

/// Most cover pictures: ID3 has 21 kinds of them. Whatever opens the file decodes every one.
const MAX_COVERS: usize = 24;

/// Most tracks. A broadcast has some dozens.
const MAX_TRACKS: usize = 128;

/// Most chapters. A long audio book has hundreds.
const MAX_CHAPTERS: usize = 5_000;

/// Probes the original in a work directory.
pub async fn probe(
    ffprobe: &Tool,
    work: &Path,
    declared: DeclaredKind,
    cancel: &CancellationToken,
) -> Result<MediaInfo, MediaError> {
    probe_whole(ffprobe, work, declared, None, cancel).await
}

/// The same of an original that was read while it arrived. What was read early is not enough to refuse it.
pub async fn probe_arrived(
    ffprobe: &Tool,
    work: &Path,
    declared: DeclaredKind,
    early: &mut EarlyReading,
    cancel: &CancellationToken,
) -> Result<MediaInfo, MediaError> {
    if let Some(packets) = early.packets().await
        && let Ok(info) = probe_whole(ffprobe, work, declared, Some(packets), cancel).await
    {
        return Ok(info);
    }
    probe_whole(ffprobe, work, declared, None, cancel).await
}

async fn probe_whole(
    ffprobe: &Tool,
    work: &Path,
    declared: DeclaredKind,
    early: Option<EarlyPackets>,
    cancel: &CancellationToken,
) -> Result<MediaInfo, MediaError> {
    let size =
        tokio::fs::metadata(work.join(INPUT_NAME)).await.map_err(MediaError::work("looking at the original"))?.len();
    if size == 0 {
        return Err(UploadError::Empty.into());
    }
    let mut questions = Questions::of_file(ffprobe, work, size, cancel);
    let (mut header, mut packets, ends_early) = loop {
        let header = questions.header().await?;
        check_counts(&header)?;
        let listed = early.as_ref().and_then(|early| early.of(&header, questions.depth));
        let (packets, ends_early) = match listed {
            Some(packets) => (packets, false),
            None => questions.packets(&header.format.format_name).await?,
        };
        if questions.depth == ProbeDepth::Deep || !hides_tracks(&header, &packets) {
            break (header, packets, ends_early);
        }
        questions.depth = ProbeDepth::Deep;
    };
    if let Some((track, rate)) = unbelievable_sound(&header, &packets, size) {
        let samples = questions.samples(track).await?;
        let end = samples as f64 / f64::from(rate);
        packets.entry(track).and_modify(|packets| {
            *packets = Packets { start: Some(0.0), end, last: Some(end), total: end, gap: (0.0, 0.0), ..*packets };
        });
        header.counted = true;
    }
    let mut info = MediaInfo { depth: questions.depth, ..describe(&header, &packets, size, declared)? };
    if let Some(video) = info.video.as_mut().filter(|video| video.range == DynamicRange::Pq) {
        video.light = questions.light(video.index).await?;
    }
    questions.find_captions(&mut info).await?;
    check_cut_off(&header, &info, ends_early, work).await?;
    Ok(info)
}

/// What ffprobe is asked about an original.
pub(crate) struct Questions<'a> {
    of_header: Tool,
    of_packets: Tool,
    work: &'a Path,
    depth: ProbeDepth,
    /// Whether it comes from the standard input.
    arrives: bool,
    cancel: &'a CancellationToken,
}

impl<'a> Questions<'a> {
    fn of_file(ffprobe: &Tool, work: &'a Path, size: u64, cancel: &'a CancellationToken) -> Self {
        let within = |cpu_seconds| ffprobe.within(Budget::of_cpu(cpu_seconds).with_memory(PROBE_MEMORY));
        Self {
            of_header: within(HEADER_SECONDS + size / HEADER_BYTES_PER_SECOND),
            of_packets: within(PACKETS_SECONDS + size / PACKETS_BYTES_PER_SECOND),
            work,
            depth: ProbeDepth::Usual,
            arrives: false,
            cancel,
        }
    }

    /// Of an original that ffprobe is fed with while it arrives.
    pub(crate) fn of_arriving(ffprobe: &Tool, work: &'a Path, size: u64, cancel: &'a CancellationToken) -> Self {
        let Self { of_header, of_packets, .. } = Self::of_file(ffprobe, work, size, cancel);
        let [of_header, of_packets] = [of_header, of_packets].map(|tool| tool.while_it_arrives());
        Self { of_header, of_packets, work, depth: ProbeDepth::Usual, arrives: true, cancel }
    }

    fn input(&self) -> Arguments {
        if self.arrives { arriving_input() } else { guarded_input(self.depth) }
    }

    /// The command that prints these entries, of all tracks or of one.
    fn command(&self, track: Option<u32>, entries: &str, format: &str) -> Arguments {
        Arguments::new()
            .pair("-v", "error")
            .pair_opt("-select_streams", track)
            .pair("-show_entries", entries)
            .pair("-of", format)
            .all(self.input())
    }

    pub(crate) async fn header(&self) -> Result<Header, MediaError> {
        let entries = "format=format_name,duration,start_time:stream=index,codec_name,codec_tag_string,codec_type,width,height,\
pix_fmt,r_frame_rate,avg_frame_rate,sample_aspect_ratio,color_transfer,color_space,color_range,field_order,sample_rate,channels,\
nb_frames,duration,bits_per_raw_sample:stream_disposition:stream_side_data=rotation,dv_profile,dv_bl_signal_compatibility_id:\
stream_tags=rotate,language,title,handler_name:chapter=id";
        let command = self.command(None, entries, "json");
        let (json, finished) = match self.of_header.capture(&command, self.work, self.cancel, MAX_HEADER).await {
            Ok(answer) => answer,
            Err(ProcessError::Failed { stderr, .. }) => return Err(refused(&stderr).into()),
            Err(error) => return Err(failed("probing the original", error)),
        };
        if json.len() == MAX_HEADER {
            let detail = format!("the description of its tracks has more than {} MiB", MAX_HEADER >> 20);
            return Err(UploadError::TooDemanding { detail }.into());
        }
        let header: Header = serde_json::from_slice(&json).map_err(|error| {
            let text = format!("the answer of ffprobe can't be read: {error}");
            MediaError::Other(CodedError::new(&codes::host::PROBE, text))
        })?;
        if header.streams.is_empty() {
            return Err(refused(&finished.stderr).into());
        }
        Ok(header)
    }

    /// Sums up all packets. The flag is set if the file ends before its demuxer expects it to.
    async fn packets(&self, container: &str) -> Result<(BTreeMap<u32, Packets>, bool), MediaError> {
        let (packets, listed) = self.list(container).await;
        match listed {
            // Matroska has no index of all packets, but its demuxer knows where the file should end.
            Ok(finished) => Ok((packets, finished.stderr.contains("File ended prematurely"))),
            // With a damaged end ffprobe fails, but only after it has listed everything that it could read.
            Err(ProcessError::Failed { .. }) => Ok((packets, false)),
            Err(error) => Err(failed("reading the original's packets", error)),
        }
    }

    /// Sums up all packets that there are, and says how ffprobe ended.
    pub(crate) async fn list(&self, container: &str) -> (BTreeMap<u32, Packets>, Result<Finished, ProcessError>) {
        let entries = "packet=stream_index,pts_time,dts_time,duration_time,flags:packet_side_data=side_data_type";
        let (mut packets, mut clock, mut lines) = (BTreeMap::new(), Clock::of(container), Lines::default());
        let sum_up = |piece: &[u8]| lines.take(piece, |line| take_packet(&mut packets, &mut clock, line));
        let command = self.command(None, entries, "compact=p=0");
        let listed = self.of_packets.stream(&command, self.work, self.cancel, sum_up).await;
        (packets, listed)
    }

    /// Decodes the first frame of a track, which may say what light it was graded for.
    async fn light(&self, track: u32) -> Result<Option<Light>, MediaError> {
        let command = Arguments::new()
            .pair("-v", "error")
            .pair("-select_streams", track)
            .pair("-read_intervals", "%+#1")
            .pair("-show_entries", format_args!("frame=pts:frame_side_data={}", light::FIELDS))
            .pair("-of", "json")
            .all(guarded_input(self.depth));
        match self.of_header.capture(&command, self.work, self.cancel, MAX_HEADER).await {
            Ok((json, _)) => Ok(light::parse(&json)),
            // The encode will tell of what doesn't decode.
            Err(ProcessError::Failed { .. }) => Ok(None),
            Err(error) => Err(failed("looking at the original's first frame", error)),
        }
    }

    /// Adds captions in the picture to the tracks of text, with the picture's number.
    async fn find_captions(&self, info: &mut MediaInfo) -> Result<(), MediaError> {
        let Some(video) = &info.video else { return Ok(()) };
        let (codec, original, track) = (video.codec.clone(), self.work.join(INPUT_NAME), video.index);
        let found = blocking(move || captions::may_be_there(&codec, &original)).await?;
        if !found.map_err(MediaError::work("looking at the original"))? {
            return Ok(());
        }
        let command = Arguments::new()
            .pair("-v", "error")
            .pair("-select_streams", track)
            .pair("-read_intervals", format_args!("%+#{}", captions::LOOKED_AT))
            .pair("-show_entries", "frame_side_data=side_data_type")
            .pair("-of", "csv=p=0")
            .all(guarded_input(self.depth));
        let answer = match self.of_header.capture(&command, self.work, self.cancel, MAX_HEADER).await {
            Ok((answer, _)) => answer,
            // The encode will tell of what doesn't decode.
            Err(ProcessError::Failed { .. }) => return Ok(()),
            Err(error) => return Err(failed("looking for closed captions", error)),
        };
        if String::from_utf8_lossy(&answer).contains(captions::SIDE_DATA) {
            let label = Label { language: None, title: None, is_default: false, is_forced: false };
            info.texts.push(TextTrack { index: track, codec: captions::CODEC.to_owned(), label, is_picture: false });
            let text = "the picture has closed captions: they stay in it, unless subtitles are made of them".to_owned();
            info.unused.push(TrackNote { track: Some(track), text });
        }
        Ok(())
    }

    /// Decodes a track of sound and counts its samples.
    async fn samples(&self, track: u32) -> Result<u64, MediaError> {
        let (mut samples, mut lines) = (0_u64, Lines::default());
        let count = |piece: &[u8]| {
            lines.take(piece, |line| {
                let of_frame = line.split(',').next().and_then(|number| number.trim().parse().ok());
                samples = samples.saturating_add(of_frame.unwrap_or(0));
            });
        };
        let command = self.command(Some(track), "frame=nb_samples", "csv=p=0");
        match self.of_packets.stream(&command, self.work, self.cancel, count).await {
            Ok(_) | Err(ProcessError::Failed { .. }) => Ok(samples),
            Err(error) => Err(failed("decoding the original's sound", error)),
        }
    }
}

/// How much of the announced length may be missing where the container knows it exactly: some encoders count their padding.
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
    let mut streams = header.streams.iter().filter(|stream| stream.is_media());
    let (Some(stream), None) = (streams.next(), streams.next()) else { return None };
    let found = packets.get(&stream.index)?;
    let is_absurd = found.total <= 0.0 || found.end > LONG && (size as f64) < found.end * LEAST_BYTES_PER_SECOND;
    let is_sound = stream.kind == Kind::Audio && stream.is_known() && found.count > 0;
    (is_sound && is_absurd && !header.is_untimed()).then(|| (stream.index, stream.sample_rate()))
}

/// Whether a track has packets, and its description was not found.
fn hides_tracks(header: &Header, packets: &BTreeMap<u32, Packets>) -> bool {
    let is_hidden = |stream: &Stream| stream.is_media() && !stream.is_known();
    let has_packets = |stream: &Stream| packets.get(&stream.index).is_some_and(|packets| packets.count > 0);
    header.streams.iter().any(|stream| is_hidden(stream) && has_packets(stream))
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

#[cfg(any(test, fuzzing))]
#[path = "tests/probe_fuzzing.rs"]
pub mod fuzzing;

#[cfg(test)]
#[path = "probe_tests.rs"]
mod tests;
