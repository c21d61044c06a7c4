//! The archive file (mezzanine): an MP4 at the source's own size, encoded, or the upload's own tracks where these will do.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use storage::{Destination, open_regular, read_part};

use super::{Description, GrowingOutput, OutputKind, PictureEncode, Process};
use crate::budget::Budget;
use crate::collector::Collector;
use crate::command::Arguments;
use crate::containment::{guarded_input, quiet_ffmpeg};
use crate::context::{TranscodeContext, blocking};
use crate::encoding::{Codec, Encoding, check_audio, describe_audio};
use crate::error::MediaError;
use crate::estimate::{audio_rate, bytes, video_rate};
use crate::graph::{Branches, MADE, nothing_else};
use crate::hls::CheckedRung;
use crate::hls::mp4::{self, Header};
use crate::info::{Audio, MediaInfo, Video};
use crate::muxer::{self, Muxer, Packets, Written};
use crate::plan::{Plan, PlanError, impossible};
use crate::process::ProcessError;

/// How much the file's length may differ from the source's: headers round, and encoders add some frames of silence.
const LENGTH_TOLERANCE: Duration = Duration::from_secs(1);

/// The same of the upload's own tracks.
const LENGTH_TOLERANCE_OF_COPY: Duration = Duration::from_millis(100);

/// A file that is likely larger is uploaded while it is encoded.
const LARGE: u64 = 16 << 20;

/// Bytes of everything in a file's index but the lists of frames and packets, and of the headers around it.
const HEADERS: u64 = 64 << 10;

/// Most bytes of a frame, and of a packet of sound, in an MP4's index (ISO/IEC 14496-12): its duration 8, its shift 8, its
/// size 4, a keyframe's number 4, and where each is a chunk of its own, that chunk 12 and its place 8.
const FRAME_ENTRY: f64 = 44.0;
const PACKET_ENTRY: f64 = 32.0;

/// AAC has 1024 samples in a packet.
const SOUND_PACKETS_PER_SECOND: f64 = 48_000.0 / 1024.0;

/// For a source that is longer than its packets say.
const SPARE: f64 = 1.25;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Archive {
    #[serde(rename = "destination")]
    pub to: Destination,
    pub video: Option<Encoding>,
    /// AAC rate.
    pub audio_kbps: Option<u32>,
    /// Whether the upload's tracks are kept as they are, if they can be.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub keep: bool,
}

/// Codecs of pictures that archives keep, by ffmpeg's names.
const KEPT_PICTURES: [&str; 4] = ["h264", "hevc", "av1", "prores"];

/// The same of sound: what a MOV or MP4 file holds and every tool reads. PCM in all its forms too.
const KEPT_SOUNDS: [&str; 6] = ["aac", "ac3", "eac3", "alac", "mp3", "opus"];

/// What QuickTime files hold and MP4 files don't.
fn needs_quicktime(codec: &str) -> bool {
    codec == "prores" || codec.starts_with("pcm_")
}

fn archive_file(index: usize) -> String {
    format!("{MADE}/archive{index}.mp4")
}

impl Archive {
    /// The source's picture and sound, if it has them.
    fn tracks<'a>(&self, info: &'a MediaInfo) -> (Option<&'a Video>, Option<&'a Audio>) {
        (
            info.video.as_ref().filter(|_| self.video.is_some()),
            info.audio.as_ref().filter(|_| self.audio_kbps.is_some()),
        )
    }

    /// Whether it may be the upload's own tracks. A part of them can't be cut to the frame without an encode.
    fn may_be_kept(&self, info: &MediaInfo) -> bool {
        let (picture, sound) = self.tracks(info);
        let can_keep = |sound: &Audio| {
            sound.right.is_none() && (KEPT_SOUNDS.contains(&sound.codec.as_str()) || sound.codec.starts_with("pcm_"))
        };
        self.keep
            && info.part.is_none()
            && picture.is_none_or(|picture| KEPT_PICTURES.contains(&picture.codec.as_str()))
            && sound.is_none_or(can_keep)
    }

    /// Its likely bytes where it is encoded.
    fn likely_bytes(&self, info: &MediaInfo) -> u64 {
        let video = self.video.map_or(0, |encoding| video_rate(&encoding, None, info));
        bytes(video + audio_rate(self.audio_kbps, info), info.ladder_length().as_secs_f64())
    }

    /// The command that copies the upload's tracks, and sums up their packets.
    fn copy(&self, index: usize, info: &MediaInfo) -> Arguments {
        let (picture, sound) = self.tracks(info);
        let codecs = picture.map(|picture| &picture.codec).into_iter().chain(sound.map(|sound| &sound.codec));
        let format = if codecs.into_iter().any(|codec| needs_quicktime(codec)) { "mov" } else { "mp4" };
        let indexes = picture.map(|picture| picture.index).into_iter().chain(sound.map(|sound| sound.index));
        let maps = indexes.fold(Arguments::new(), |maps, index| maps.pair("-map", format_args!("0:{index}")));
        let maps = maps.pair("-c", "copy");
        let tagged = picture.is_some_and(|picture| picture.codec == "hevc").then_some("hvc1");
        let muxer = Muxer::new(format, archive_file(index)).option("movflags", "+faststart");
        // Not by a tee: in one, the muxer can't take off the headers that sound has in a transport stream.
        let file = maps.clone().pair_opt("-tag:v", tagged).all(nothing_else()).all(muxer.arguments());
        let is_aac = sound.is_some_and(|sound| sound.codec == "aac");
        let sums = maps.all(nothing_else()).all(muxer::only_sums(&self.packets(index, info, true), is_aac));
        quiet_ffmpeg().all(guarded_input(info.depth)).all(file).all(sums)
    }

    fn packets(&self, index: usize, info: &MediaInfo, is_kept: bool) -> Packets {
        let (picture, _) = self.tracks(info);
        let codec = match picture.map(|picture| picture.codec.as_str()).filter(|_| is_kept) {
            Some("h264") => Some(Codec::H264),
            Some("hevc") => Some(Codec::Hevc),
            Some("av1") => Some(Codec::Av1),
            // Its packets are summed up whole.
            Some(_) => None,
            None => picture.and(self.video).map(|encoding| encoding.codec),
        };
        Packets { codec, is_transport_stream: false, sums: format!("{MADE}/archive{index}.sums") }
    }
}

#[async_trait]
impl OutputKind for Archive {
    fn check(&self, _plan: &Plan, info: &MediaInfo) -> Result<(), PlanError> {
        check_audio(self.audio_kbps)?;
        if self.tracks(info) == (None, None) {
            return impossible(format!("the file {} has neither picture nor sound", self.to));
        }
        self.video.map_or(Ok(()), |encoding| encoding.check())
    }

    fn destinations(&self) -> Vec<Destination> {
        vec![self.to.clone()]
    }

    fn describe(&self) -> Description {
        let video = self.video.map_or("no picture".to_owned(), |encoding| encoding.to_string());
        let kept = if self.keep { "the upload's own tracks where they will do, else " } else { "" };
        let how = format!("{kept}{video}, sound {}", describe_audio(self.audio_kbps));
        Description { what: "file", how, destinations: self.destinations() }
    }

    fn estimate(&self, _plan: &Plan, info: &MediaInfo) -> Vec<(Destination, u64)> {
        vec![(self.to.clone(), if self.may_be_kept(info) { info.size } else { self.likely_bytes(info) })]
    }

    fn picture_encodes(&self, info: &MediaInfo) -> Vec<PictureEncode> {
        // Also of one that may be kept: only its copy shows whether it can be.
        self.video.iter().filter_map(|encoding| PictureEncode::new(info, None, encoding)).collect()
    }

    fn skips_encode(&self, info: &MediaInfo) -> bool {
        self.may_be_kept(info)
    }

    async fn make_without_encode(&self, index: usize, context: &TranscodeContext<'_>) -> Result<bool, MediaError> {
        if !self.may_be_kept(context.info) {
            return Ok(false);
        }
        match self.keep_tracks(index, context).await {
            Ok(()) => Ok(true),
            // Edit lists that cut between keyframes, clocks that start over: a copy can't do what a decoder does with them.
            Err(error @ (MediaError::BadFile { .. } | MediaError::Process { .. })) => {
                tracing::info!(%error, "the upload's own tracks won't do for the archive; they are encoded");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn add_to_graph(&self, index: usize, _plan: &Plan, graph: &mut Branches<'_>) {
        let mut arguments = Arguments::new();
        if let (Some(encoding), Some(source)) = (&self.video, &graph.info.video) {
            let size = source.scaled_to(source.short_side());
            arguments = graph.encoded_picture(&format!("archive{index}"), size, encoding, None);
        }
        let packets = self.packets(index, graph.info, false);
        let sound = graph.original_sound(&format!("original{index}"), self.audio_kbps);
        // The index in front, so that a player can start before it has the end.
        let muxer = Muxer::new("mp4", archive_file(index));
        let muxer = match self.reserved(graph.info).filter(|_| graph.may_reserve) {
            Some(bytes) => muxer.option("moov_size", bytes),
            None => muxer.option("movflags", "+faststart"),
        };
        graph.output(arguments.all(sound).all(nothing_else()).all(muxer.with_sums(&packets)));
    }

    fn growing(&self, index: usize, info: &MediaInfo) -> Option<GrowingOutput> {
        let reserved = self.reserved(info).filter(|_| !self.may_be_kept(info))?;
        let unsettled = reserved + HEADERS;
        let likely = self.likely_bytes(info);
        Some(GrowingOutput { to: self.to.clone(), path: archive_file(index), unsettled, likely })
    }

    async fn verify(&self, index: usize, context: &TranscodeContext<'_>) -> Result<Vec<CheckedRung>, MediaError> {
        self.check_file(index, context, false).await?;
        Ok(Vec::new())
    }

    async fn collect(&self, index: usize, collector: &mut Collector<'_>) -> Result<(), MediaError> {
        collector.add_file(&self.to, &archive_file(index)).await
    }

    fn processes(&self, index: usize, _plan: &Plan, info: &MediaInfo) -> Vec<Process> {
        let copy = || Process { what: "copy the upload's tracks".to_owned(), arguments: self.copy(index, info) };
        self.may_be_kept(info).then(copy).into_iter().collect()
    }
}

impl Archive {
    /// Bytes in front of a large file that its index surely fits into: so the file only grows at its end, and what is there
    /// can be uploaded while it is encoded. `None` for a small file, which is rewritten when it is whole.
    fn reserved(&self, info: &MediaInfo) -> Option<u64> {
        if self.likely_bytes(info) < LARGE {
            return None;
        }
        let seconds = info.ladder_length().max(info.duration).as_secs_f64();
        let (picture, sound) = self.tracks(info);
        let frames = picture.map_or(0.0, |picture| seconds * picture.frame_rate.value());
        let packets = sound.map_or(0.0, |_| seconds * SOUND_PACKETS_PER_SECOND);
        let entries = (frames * FRAME_ENTRY + packets * PACKET_ENTRY) * SPARE;
        Some(entries as u64 + HEADERS)
    }

    /// Copies the upload's tracks into the file, and checks it.
    async fn keep_tracks(&self, index: usize, context: &TranscodeContext<'_>) -> Result<(), MediaError> {
        let ffmpeg = context.tools.ffmpeg.within(Budget::of_encode(context.plan, context.info));
        let ran = ffmpeg.watch(self.copy(index, context.info), context.work, context.cancel, |_| ()).await;
        ran.map_err(|error| MediaError::process("copying the upload's tracks", error))?;
        self.check_file(index, context, true).await
    }

    /// Checks that the index is in front of the media, that length and tracks are right, and that it decodes.
    async fn check_file(&self, index: usize, context: &TranscodeContext<'_>, is_kept: bool) -> Result<(), MediaError> {
        let file = archive_file(index);
        let bad = |detail: &str| MediaError::BadFile { detail: format!("the archive file {detail}") };
        let arguments = Arguments::new()
            .pair("-v", "error")
            .pair("-show_entries", "format=duration:stream=codec_type")
            .pair("-of", "compact=p=0")
            .flag(format!("file:{file}"));
        let (answer, _) = match context.tools.ffprobe.capture(&arguments, context.work, context.cancel, 4096).await {
            Ok(answer) => answer,
            Err(ProcessError::Failed { .. }) => return Err(bad("can't be opened")),
            Err(error) => return Err(MediaError::process("checking the archive file", error)),
        };
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let length = answer.split(['|', '\n']).find_map(|field| field.strip_prefix("duration=")?.parse::<f64>().ok());
        let (length, expected) = (length.unwrap_or(0.0), context.info.ladder_length());
        // A copy adds nothing.
        let tolerance = if is_kept { LENGTH_TOLERANCE_OF_COPY } else { LENGTH_TOLERANCE };
        // Its sound may go on for longer than its picture.
        let tail = context.info.duration.saturating_sub(expected);
        if (length - expected.as_secs_f64()).abs() > (tolerance + tail).as_secs_f64() {
            return Err(bad(&format!("is {length:.2} s long and not {:.2} s", expected.as_secs_f64())));
        }
        let path = context.work.join(&file);
        let in_front = blocking(move || index_is_in_front(&path)).await?;
        if !in_front.map_err(MediaError::work("checking the archive file"))? {
            return Err(bad("has its index behind the media"));
        }
        let (picture, sound) = self.tracks(context.info);
        let lacks = |kind: &str| !answer.contains(&format!("codec_type={kind}"));
        if picture.is_some() && lacks("video") {
            return Err(bad("has no picture"));
        }
        if sound.is_some() && lacks("audio") {
            return Err(bad("has no sound"));
        }
        let input = Arguments::new().pair("-i", format!("file:{file}"));
        let packets = self.packets(index, context.info, is_kept);
        muxer::check_all(
            context,
            &[Written { packets, further_sums: Vec::new(), input, what: "the archive file".to_owned() }],
        )
        .await?;
        let beginning = Arguments::new().pair("-t", 0.5).pair("-i", format!("file:{file}"));
        context.decodes(beginning, "the archive file").await
    }
}

/// Whether an MP4's `moov` box comes before its `mdat`.
fn index_is_in_front(file: &Path) -> std::io::Result<bool> {
    let file = open_regular(file)?;
    let mut at = 0_u64;
    loop {
        let Some(Header { kind, size, .. }) = mp4::header(&read_part(&file, at, 16)?) else { return Ok(false) };
        match (&kind, size.and_then(|size| at.checked_add(size))) {
            (b"moov", _) => return Ok(true),
            (b"mdat", _) | (_, None) => return Ok(false),
            (_, Some(next)) => at = next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_front(bytes: &[u8]) -> bool {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        index_is_in_front(file.path()).unwrap()
    }

    fn mp4_box(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
    }

    #[test]
    fn an_index_counts_only_in_front_of_the_media() {
        let [file_type, index, media] = [b"ftyp", b"moov", b"mdat"].map(|kind| mp4_box(kind, &[0; 100]));
        assert!(in_front(&[&file_type[..], &index, &media].concat()));
        assert!(!in_front(&[&file_type[..], &media, &index].concat()));
        assert!(!in_front(&file_type));
        assert!(!in_front(b""));
    }

    #[test]
    fn a_box_with_a_size_of_64_bits_is_skipped() {
        let large = [&[0, 0, 0, 1][..], b"free", &20_u64.to_be_bytes(), &[0; 4]].concat();
        assert!(in_front(&[large, mp4_box(b"moov", &[])].concat()));
    }

    #[test]
    fn a_box_that_is_smaller_than_its_header_ends_the_search() {
        for size in [0_u64, 7, u64::MAX] {
            let endless = [&[0, 0, 0, 1][..], b"free", &size.to_be_bytes()].concat();
            assert!(!in_front(&[mp4_box(b"ftyp", &[0; 8]), endless, mp4_box(b"moov", &[])].concat()), "{size}");
        }
    }
}
