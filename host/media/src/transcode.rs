//! From a probed original to everything that a plan names, whole, checked and ready to be published.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use storage::{Body, Key};
use tokio_util::sync::CancellationToken;

use super::clip;
use super::encode::{Encoded, Task, Toolbox, check_folder};
use super::encoder::Processor;
use super::error::MediaError;
use super::graph::{STREAM, archive_file, rung_folder};
use super::hls::{self, CheckedRung, Expectation, MediaPlaylist, Variant};
use super::info::{MediaInfo, Ratio};
use super::loudness::{self, Measure};
use super::plan::{Clip, Destination, Ladder, Output, Plan, Rung, WaveformRequest};
use super::sound::{self, Heard};
use super::still::{self, still_file};
use super::waveform::{Bits, Waveform};
use crate::names::segment_name;
use crate::output_file::{OutputFile, Role};

/// A rung as it will be published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MadeRung {
    /// The rendition's name.
    pub name: String,
    /// Pixels; none for sound alone.
    pub size: Option<(u32, u32)>,
    /// Frames per second; none for sound alone.
    pub frame_rate: Option<Ratio>,
    /// BANDWIDTH.
    pub peak_bps: u64,
    /// AVERAGE-BANDWIDTH.
    pub average_bps: u64,
    /// CODECS.
    pub codecs: String,
    /// Its media playlist.
    pub playlist: Destination,
}

/// What a plan came to: all that is told of it, and remembered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Length of the ladder, or of the source where there is none.
    pub duration: Duration,
    /// What encoded.
    pub processor: Processor,
    /// Why the GPU was left.
    pub fell_back: Option<String>,
    /// In the plan's order.
    pub rungs: Vec<MadeRung>,
    /// The measure of the source.
    pub loudness: Option<Measure>,
}

/// Everything that a plan makes.
#[derive(Debug)]
pub struct Made {
    /// What it came to.
    pub summary: Summary,
    /// What is to be written.
    pub files: Vec<OutputFile>,
    /// How long each part of the work took, in its order.
    pub parts: Vec<(&'static str, Duration)>,
}

/// Times the parts of the work.
struct Clock {
    since: Instant,
    parts: Vec<(&'static str, Duration)>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { since: Instant::now(), parts: Vec::new() }
    }
}

impl Clock {
    fn done(&mut self, part: &'static str) {
        self.parts.push((part, self.since.elapsed()));
        self.since = Instant::now();
    }
}

/// What the names of a rung's segments begin with: the rung's own name; where they are all in one file, and the folder is
/// the rung's alone, the name that says so.
pub fn rung_stem<'a>(ladder: &Ladder, rung: &'a Rung) -> &'a str {
    let alone = ladder.rungs.iter().filter(|other| other.playlist.is_beside(&rung.playlist)).count() == 1;
    if ladder.single_file && alone { STREAM } else { &rung.name }
}

/// What the names of a preview's segments begin with.
pub fn clip_stem(index: usize) -> String {
    format!("preview{index}")
}

/// How far a transcode is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Advance {
    /// 0 to 100.
    pub percent: u32,
    /// Media seconds per second; 0 while unknown.
    pub speed: f64,
}

/// Makes everything in the work directory. `publication` is in the names of segments and is never used twice.
pub async fn make(
    tools: &Toolbox,
    work: &Path,
    info: &MediaInfo,
    plan: &Plan,
    publication: &str,
    cancel: &CancellationToken,
    mut watch: impl FnMut(Advance),
) -> Result<Made, MediaError> {
    let mut clock = Clock::default();
    let heard = sound::listen(&tools.ffmpeg, work, info, plan, cancel).await?;
    clock.done("listen");
    let length = info.audio.as_ref().map_or(info.duration, |audio| audio.length);
    let filter = plan.loudness.and_then(|target| loudness::filter_to(target, heard.loudness, length));
    let windows = still::windows(plan, info);
    let task = Task { tools, work, info, plan, loudness_filter: filter.as_deref(), stills: &windows, cancel };
    let whole = info.ladder_length().as_secs_f64().max(0.001);
    let encoded = task
        .encode(|progress| {
            let share = (progress.at.as_secs_f64() / whole).clamp(0.0, 1.0);
            watch(Advance { percent: (share * 100.0) as u32, speed: progress.speed });
        })
        .await?;
    clock.done("encode");
    still::make(&tools.ffmpeg, work, plan, info, &windows, cancel).await?;

    let mut gather = Gather { work, info, publication, files: Vec::new() };
    let mut rungs = Vec::new();
    for (index, output) in plan.outputs.iter().enumerate() {
        match output {
            Output::Ladder(ladder) => rungs = gather.ladder(ladder, &encoded)?,
            Output::Archive(archive) => gather.file(&archive.to, &archive_file(index))?,
            Output::Still(still) => gather.file(&still.to, &still_file(index, still.format))?,
            Output::Clip(clip) => gather.clip(tools, clip, index, plan, &encoded, cancel).await?,
            Output::Waveform(request) => gather.waveform(request, index, &heard)?,
            Output::Loudness => {}
        }
    }
    let ladder_length = encoded.rungs.first().map(|rung| rung.playlist.duration());
    let summary = Summary {
        duration: ladder_length.unwrap_or(info.duration),
        processor: encoded.processor,
        fell_back: encoded.fell_back,
        rungs,
        loudness: heard.loudness,
    };
    clock.done("finish");
    Ok(Made { summary, files: gather.files, parts: clock.parts })
}

/// Collects what is to be published.
struct Gather<'a> {
    work: &'a Path,
    info: &'a MediaInfo,
    publication: &'a str,
    files: Vec<OutputFile>,
}

impl Gather<'_> {
    fn add(&mut self, to: Destination, body: Body, role: Role, counted_with: &Destination) {
        self.files.push(OutputFile { to, body, role, counted_with: counted_with.clone() });
    }

    /// A file of ours, which must be there and hold something.
    fn file(&mut self, to: &Destination, name: &str) -> Result<(), MediaError> {
        let path = self.work.join(name);
        let size = std::fs::metadata(&path).map_or(0, |found| found.len());
        if size == 0 {
            return Err(MediaError::BadFile { detail: format!("{to} would be empty") });
        }
        self.add(to.clone(), Body::File(path), Role::Object, to);
        Ok(())
    }

    /// Renames the segments of a checked playlist to names of this publication, and takes both.
    fn playlist(
        &mut self,
        folder: &str,
        playlist: &MediaPlaylist,
        to: &Destination,
        stem: &str,
    ) -> Result<(), MediaError> {
        let name_of = |file: &str| segment_name(stem, self.publication, file);
        let renamed = playlist.renamed(|_, file| name_of(file));
        for file in playlist.files() {
            let key = to.key.sibling(&name_of(file)).map_err(super::plan::PlanError::from)?;
            let segment = Destination { store: to.store.clone(), key };
            self.add(segment, Body::File(self.work.join(folder).join(file)), Role::Segment, to);
        }
        self.add(to.clone(), Body::Bytes(renamed.render().into_bytes()), Role::MediaPlaylist, to);
        Ok(())
    }

    fn ladder(&mut self, ladder: &Ladder, encoded: &Encoded) -> Result<Vec<MadeRung>, MediaError> {
        let mut made = Vec::new();
        for (number, (rung, checked)) in ladder.rungs.iter().zip(&encoded.rungs).enumerate() {
            let playlist = Destination { store: ladder.store.clone(), key: rung.playlist.clone() };
            self.playlist(&rung_folder(number), &checked.playlist, &playlist, rung_stem(ladder, rung))?;
            let source = rung.video.as_ref().and(self.info.video.as_ref());
            made.push(MadeRung {
                name: rung.name.clone(),
                size: source.zip(rung.video).map(|(source, (short_side, _))| source.scaled_to(short_side)),
                frame_rate: source.map(|source| source.frame_rate),
                peak_bps: checked.peak_bps,
                average_bps: checked.average_bps,
                codecs: checked.codecs.to_string(),
                playlist,
            });
        }
        let master = Destination { store: ladder.store.clone(), key: ladder.master.clone() };
        let variants: Vec<Variant> = made.iter().map(|rung| variant(rung, &ladder.master)).collect();
        self.add(master.clone(), Body::Bytes(hls::render_master(&variants).into_bytes()), Role::Master, &master);
        Ok(made)
    }

    async fn clip(
        &mut self,
        tools: &Toolbox,
        clip: &Clip,
        index: usize,
        plan: &Plan,
        encoded: &Encoded,
        cancel: &CancellationToken,
    ) -> Result<(), MediaError> {
        let lost = || MediaError::Lost { detail: "a preview without a ladder".to_owned() };
        let ladder = plan.ladder().ok_or_else(lost)?;
        let number = clip::rung_for(clip, ladder);
        let (rung, checked) = ladder.rungs.get(number).zip(encoded.rungs.get(number)).ok_or_else(lost)?;
        let frame_rate = rung.video.as_ref().and(self.info.video.as_ref()).map(|video| video.frame_rate);
        let origin = clip::Origin { ladder, number, playlist: &checked.playlist, frame_rate };
        let length_ms = clip::cut(&tools.ffmpeg, self.work, clip, index, origin, cancel).await?;
        let length = Duration::from_millis(length_ms);
        let expectation = Expectation {
            duration: length,
            segment: Duration::from_millis(ladder.segment_ms.into()),
            // Less than a keyframe's distance: a cut at the wrong keyframe must not pass.
            tolerance: Duration::from_millis(u64::from(ladder.keyframe_ms) / 2),
            has_video: rung.video.is_some() && self.info.video.is_some(),
            has_audio: rung.audio_kbps.is_some() && self.info.audio.is_some(),
        };
        let folder = clip::clip_folder(index);
        let cut: CheckedRung = check_folder(self.work, &folder, expectation).await?;
        let to = Destination { store: clip.store.clone(), key: clip.playlist.clone() };
        self.playlist(&folder, &cut.playlist, &to, &clip_stem(index))
    }

    fn waveform(&mut self, request: &WaveformRequest, index: usize, heard: &Heard) -> Result<(), MediaError> {
        let found = heard.waveforms.iter().find(|(of, _)| *of == index).map(|(_, waveform)| waveform);
        let waveform: &Waveform = found
            .filter(|waveform| !waveform.is_empty())
            .ok_or_else(|| super::error::UploadError::Damaged { detail: "its sound decodes to nothing".to_owned() })?;
        if let Some(to) = &request.data {
            // A checked plan has 8 or 16.
            let bits = Bits::new(request.bits).unwrap_or(Bits::Eight);
            self.add(to.clone(), Body::Bytes(waveform.to_json(bits).into_bytes()), Role::Object, to);
        }
        if let Some(to) = &request.image {
            let (width, height) = request.image_size;
            let image = waveform.to_png(width, height)?;
            self.add(to.clone(), Body::Bytes(image), Role::Object, to);
        }
        Ok(())
    }
}

fn variant(rung: &MadeRung, master: &Key) -> Variant {
    Variant {
        uri: master.relative(&rung.playlist.key),
        bandwidth: rung.peak_bps,
        average_bandwidth: rung.average_bps,
        codecs: rung.codecs.clone(),
        resolution: rung.size,
        frame_rate: rung.frame_rate.map(|rate| (rate.numerator, rate.denominator)),
    }
}
