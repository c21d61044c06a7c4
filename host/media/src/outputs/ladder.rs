//! The HLS ladder: rungs of the same source at several sizes and rates, and the master playlist.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use storage::{Body, Destination, Key};

use super::{Description, OutputKind, PictureEncode, SegmentedPlaylist, audio, iframes, subtitles};
use crate::collector::Collector;
use crate::command::Arguments;
use crate::comparison;
use crate::containment::quiet_ffmpeg;
use crate::context::TranscodeContext;
use crate::encoder::Keyframes;
use crate::encoding::{Codec, Encoding, check_audio};
use crate::error::MediaError;
use crate::estimate::{PLAYLIST_BYTES, audio_rate, bytes, video_rate};
use crate::graph::{Branches, MADE, PLAYLIST, STREAM, hls_muxer, nothing_else};
use crate::hls::{self, CheckedRung, Expectation, Master, RungSummary};
use crate::info::{DynamicRange, MediaInfo, Video};
use crate::muxer::{self, Packets, Written};
use crate::output_file::Role;
use crate::plan::{Plan, PlanError, impossible, in_range};

/// Most rungs of a ladder: each is an encoder that runs beside the others.
pub const MAX_RUNGS: usize = 12;

/// What segments are wrapped in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Container {
    /// MPEG transport stream.
    Ts,
    /// Fragmented MP4.
    Fmp4,
}

impl Container {
    /// ffmpeg's name of the demuxer that reads joined segments.
    pub(crate) fn demuxer(self) -> &'static str {
        match self {
            Self::Ts => "mpegts",
            Self::Fmp4 => "mp4",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ladder {
    pub store: String,
    /// The master playlist.
    pub master: Key,
    /// In the order of the master playlist.
    pub rungs: Vec<Rung>,
    pub segment_ms: u32,
    /// The distance between keyframes.
    pub keyframe_ms: u32,
    pub container: Container,
    /// One object per rung, addressed by byte ranges.
    pub single_file: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Rung {
    pub name: String,
    /// Short side in pixels, and how it is encoded.
    pub video: Option<(u32, Encoding)>,
    /// AAC rate.
    pub audio_kbps: Option<u32>,
    /// The media playlist.
    pub playlist: Key,
}

/// Whether a rung may have this name. It becomes part of its segments' names.
pub fn is_rung_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=32).contains(&name.len()) && name.chars().all(plain)
}

impl Rung {
    fn check(&self, info: &MediaInfo) -> Result<(), PlanError> {
        if !is_rung_name(&self.name) {
            return impossible("a rendition's name is not 1 to 32 letters, digits, `_` or `-`");
        }
        check_audio(self.audio_kbps)?;
        if let Some((short_side, encoding)) = &self.video {
            encoding.check()?;
            let Some(video) = &info.video else {
                return impossible(format!("rung `{}` has a picture and the source has none", self.name));
            };
            in_range("a rung's short side in pixels", (*short_side).into(), 2..=video.short_side().into())?;
        } else if !self.has_audio(info) {
            return impossible(format!("rung `{}` has neither picture nor sound", self.name));
        }
        Ok(())
    }

    pub(crate) fn has_audio(&self, info: &MediaInfo) -> bool {
        self.audio_kbps.is_some() && info.audio.is_some()
    }

    /// Of its picture, if it has one.
    pub(crate) fn codec(&self) -> Option<Codec> {
        self.video.map(|(_, encoding)| encoding.codec)
    }

    /// The dynamic range of its picture, made from this one.
    pub(crate) fn range(&self, source: &Video) -> Option<DynamicRange> {
        self.video.map(|(_, encoding)| encoding.samples.range(source.range))
    }

    /// Of its picture, made from this one.
    pub(super) fn size(&self, source: &Video) -> Option<(u32, u32)> {
        self.video.map(|(short_side, _)| source.scaled_to(short_side))
    }

    /// The likely bits per second.
    pub fn estimated_rate(&self, info: &MediaInfo) -> u64 {
        let video = self.video.map_or(0, |(short_side, encoding)| video_rate(&encoding, Some(short_side), info));
        video + audio_rate(self.audio_kbps, info)
    }
}

/// The folder of a rung, below the work directory. A plan has one ladder at most.
pub(crate) fn rung_folder(number: usize) -> String {
    format!("{MADE}/rung{number}")
}

/// The command that copies all tracks of joined segments, up to its output. `sound` is a file with the sound, if that is a
/// rendition of its own, and by how many milliseconds it begins later.
pub(super) fn copy_joined(container: Container, joined: &str, sound: Option<(&str, i64)>) -> Arguments {
    let input = |arguments: Arguments, file: &str| {
        arguments.pair("-f", container.demuxer()).pair("-i", format_args!("file:{file}"))
    };
    let mut arguments = input(quiet_ffmpeg(), joined);
    if let Some((sound, later_ms)) = sound {
        arguments = input(arguments.pair("-itsoffset", later_ms as f64 / 1000.0), sound);
    }
    arguments.pair("-map", 0).pair_opt("-map", sound.map(|_| 1)).pair("-c", "copy")
}

/// A whole rendition as ffmpeg's input.
fn all_of(rendition: &CheckedRung, folder: &str, container: Container) -> Arguments {
    match rendition.playlist.files().as_slice() {
        // ffmpeg can't tell by itself what a segment of a few packets is.
        [only] if container == Container::Ts => {
            Arguments::new().pair("-f", "mpegts").pair("-i", format_args!("file:{folder}/{only}"))
        }
        // By default it refuses segments whose names don't end as it expects.
        _ => Arguments::new().pair("-allowed_extensions", "ALL").pair("-i", format_args!("{folder}/{PLAYLIST}")),
    }
}

impl Ladder {
    /// What the names of a rung's segments begin with: the rung's name, or [`STREAM`] where all segments are in one file
    /// and no other rung shares the folder.
    pub(super) fn stem<'a>(&self, rung: &'a Rung) -> &'a str {
        let alone = self.rungs.iter().filter(|other| other.playlist.is_beside(&rung.playlist)).count() == 1;
        if self.single_file && alone { STREAM } else { &rung.name }
    }

    pub(super) fn at(&self, key: &Key) -> Destination {
        Destination { store: self.store.clone(), key: key.clone() }
    }

    /// The packets of a rung.
    pub(crate) fn packets(&self, rung: &Rung, number: usize) -> Packets {
        Packets {
            codec: rung.codec(),
            is_transport_stream: self.container == Container::Ts,
            sums: format!("{MADE}/rung{number}.sums"),
        }
    }

    pub(crate) fn segment(&self) -> Duration {
        Duration::from_millis(self.segment_ms.into())
    }

    /// What a rendition has to be that is made as this rung, or cut from it.
    pub(crate) fn expectation(
        &self,
        rung: &Rung,
        info: &MediaInfo,
        duration: Duration,
        tolerance: Duration,
    ) -> Expectation {
        let frame_rate = rung.video.and(info.video.as_ref()).map(|video| video.frame_rate);
        let sound = info.audio.as_ref().filter(|_| rung.has_audio(info)).map(|audio| audio.length.min(duration));
        Expectation { duration, segment: self.segment(), tolerance, frame_rate, codec: rung.codec(), sound }
    }

    /// At the same instants in every rung, so that players can change between codecs too.
    pub(crate) fn keyframes(&self, source: &Video) -> Keyframes {
        Keyframes {
            seconds: f64::from(self.keyframe_ms) / 1000.0,
            frame_rate: source.frame_rate.value(),
            are_counted: self.rungs.iter().any(|rung| rung.codec() == Some(Codec::Av1)),
        }
    }

    fn add_rung(&self, rung: &Rung, number: usize, graph: &mut Branches<'_>) {
        let mut arguments = Arguments::new();
        if let (Some((short_side, encoding)), Some(source)) = (&rung.video, &graph.info.video) {
            let (pad, size) = (format!("rung{number}"), source.scaled_to(*short_side));
            arguments = graph.encoded_picture(&pad, size, encoding, Some(self.keyframes(source)));
        }
        let sound = graph.levelled_sound(&format!("sound{number}"), rung.audio_kbps);
        let muxer = hls_muxer(self.segment_ms, self.container, self.single_file, &rung_folder(number));
        graph.output(arguments.all(sound).all(nothing_else()).all(muxer.with_sums(&self.packets(rung, number))));
    }
}

#[async_trait]
impl OutputKind for Ladder {
    fn check(&self, plan: &Plan, info: &MediaInfo) -> Result<(), PlanError> {
        if plan.all_of::<Self>().count() > 1 {
            return impossible("it has more than one ladder");
        }
        in_range("a number of rungs", self.rungs.len() as u64, 1..=MAX_RUNGS as u64)?;
        in_range("a keyframe distance in ms", self.keyframe_ms.into(), 500..=10_000)?;
        in_range("a segment length in ms", self.segment_ms.into(), 1_000..=20_000)?;
        if !self.segment_ms.is_multiple_of(self.keyframe_ms) {
            return impossible(format!(
                "segments of {} ms are not a whole number of {} ms between keyframes",
                self.segment_ms, self.keyframe_ms
            ));
        }
        let mut names = BTreeSet::new();
        for rung in &self.rungs {
            rung.check(info)?;
            if let Some(codec) = rung.codec().filter(|codec| self.container == Container::Ts && *codec != Codec::H264) {
                let (name, codec) = (&rung.name, codec.name());
                return impossible(format!("rung `{name}` has {codec}, which players take from fragmented MP4 only"));
            }
            if !names.insert(&rung.name) {
                return impossible(format!("two rungs are called `{}`", rung.name));
            }
        }
        Ok(())
    }

    fn destinations(&self) -> Vec<Destination> {
        let rungs = self.rungs.iter().map(|rung| &rung.playlist);
        std::iter::once(&self.master).chain(rungs).map(|key| self.at(key)).collect()
    }

    fn describe(&self) -> Description {
        let container = match self.container {
            Container::Ts => "transport stream",
            Container::Fmp4 => "fragmented MP4",
        };
        let layout = if self.single_file { "one object for each rung" } else { "an object each" };
        let (rungs, seconds) = (self.rungs.len(), f64::from(self.segment_ms) / 1000.0);
        Description {
            what: "ladder",
            how: format!("{rungs} rungs, segments of {seconds} s, {container}, {layout}"),
            destinations: vec![self.at(&self.master)],
        }
    }

    fn estimate(&self, _plan: &Plan, info: &MediaInfo) -> Vec<(Destination, u64)> {
        let seconds = info.ladder_length().as_secs_f64();
        let master = (self.at(&self.master), 120 * self.rungs.len() as u64 + 50);
        let rung = |rung: &Rung| (self.at(&rung.playlist), PLAYLIST_BYTES + bytes(rung.estimated_rate(info), seconds));
        std::iter::once(master).chain(self.rungs.iter().map(rung)).collect()
    }

    fn picture_encodes(&self, info: &MediaInfo) -> Vec<PictureEncode> {
        let pictures = self.rungs.iter().filter_map(|rung| rung.video.as_ref());
        pictures.filter_map(|(short_side, encoding)| PictureEncode::new(info, Some(*short_side), encoding)).collect()
    }

    fn playlists(&self, _index: usize, plan: &Plan) -> Vec<SegmentedPlaylist> {
        let playlist = |(number, rung): (usize, &Rung)| SegmentedPlaylist {
            playlist: self.at(&rung.playlist),
            stem: self.stem(rung).to_owned(),
            // One file for all segments is whole only at the end, and what is encrypted is encrypted then.
            early_folder: (!self.single_file && plan.encryption.is_none()).then(|| rung_folder(number)),
        };
        self.rungs.iter().enumerate().map(playlist).collect()
    }

    fn folders(&self, _index: usize) -> Vec<String> {
        (0..self.rungs.len()).map(rung_folder).chain(comparison::folders(self)).collect()
    }

    fn add_to_graph(&self, _index: usize, _plan: &Plan, graph: &mut Branches<'_>) {
        for (number, rung) in self.rungs.iter().enumerate() {
            self.add_rung(rung, number, graph);
        }
        comparison::add_to_graph(self, graph);
    }

    async fn verify(&self, _index: usize, context: &TranscodeContext<'_>) -> Result<Vec<CheckedRung>, MediaError> {
        comparison::check_levelling(context).await?;
        let (mut checked, mut written) = (Vec::new(), Vec::new());
        for (number, rung) in self.rungs.iter().enumerate() {
            let (length, tolerance) = (context.info.ladder_length(), hls::usual_tolerance(self.segment()));
            let expectation = self.expectation(rung, context.info, length, tolerance);
            let folder = rung_folder(number);
            let rendition = context.check_rendition(&folder, expectation).await?;
            let input = all_of(&rendition, &folder, self.container);
            let packets = self.packets(rung, number);
            written.push(Written { packets, further_sums: Vec::new(), input, what: format!("rung `{}`", rung.name) });
            checked.push(rendition);
        }
        tokio::try_join!(muxer::check_all(context, &written), comparison::check_rungs(context, self, &checked))?;
        Ok(checked)
    }

    async fn collect(&self, _index: usize, collector: &mut Collector<'_>) -> Result<(), MediaError> {
        let encoded = collector.encoded;
        for (number, (rung, checked)) in self.rungs.iter().zip(&encoded.rungs).enumerate() {
            let playlist = self.at(&rung.playlist);
            let stem = self.stem(rung);
            let rates = collector.add_protected(&rung_folder(number), checked, &playlist, stem).await?;
            let source = rung.video.as_ref().and(collector.context.info.video.as_ref());
            collector.rungs.push(RungSummary {
                name: rung.name.clone(),
                size: source.and_then(|source| rung.size(source)),
                frame_rate: source.map(|source| source.frame_rate),
                range: source.and_then(|source| rung.range(source)).unwrap_or(DynamicRange::Sdr),
                peak_bps: rates.peak_bps,
                average_bps: rates.average_bps,
                codecs: checked.codecs.to_string(),
                playlist,
            });
        }
        let iframes = iframes::collect_all(collector).await?;
        let audio = audio::collect_all(collector).await?;
        let subtitles = subtitles::collect_all(collector).await?;
        let captions = subtitles::captions(collector.context.plan, collector.context.info);
        let listed = Master { rungs: collector.rungs.clone(), iframes, audio, subtitles, captions };
        let body = Body::Bytes(hls::render_master(&self.master, &listed).into_bytes());
        collector.add(self.at(&self.master), body, Role::Master);
        Ok(())
    }
}
