//! Subtitles: a track of text or a file beside the upload, as segmented WebVTT.
//!
//! The master playlist lists them, so the ladder collects them before it writes that.

use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use storage::{Destination, read_at_most};

use super::dash::Dash;
use super::ladder::rung_folder;
use super::{Description, OutputKind, SegmentedPlaylist};
use crate::captions;
use crate::collector::Collector;
use crate::containment::{guarded_input, guarded_text, quiet_ffmpeg};
use crate::context::{TranscodeContext, blocking};
use crate::error::{MediaError, UploadError};
use crate::estimate::PLAYLIST_BYTES;
use crate::graph::MADE;
use crate::hls::{self, Captions, MediaPlaylist, Segment, SubtitleSummary};
use crate::info::MediaInfo;
use crate::label::{check_group, check_language, check_name};
use crate::moment::millis;
use crate::names::segment_name;
use crate::outputs::Container;
use crate::plan::{Plan, PlanError, impossible};
use crate::process::{ProcessError, last_lines};
use crate::webvtt::{self, Cue};

/// Most bytes of a file of subtitles. A film has 200 KB, with all the styles of ASS a few MB.
pub const MAX_FILE: usize = 8 << 20;

/// Most bytes of what ffmpeg makes of it.
const MAX_WEBVTT: usize = 16 << 20;

/// Ticks of the clock of transport streams in a second.
const TICKS: f64 = 90_000.0;

/// Where subtitles come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextSource {
    /// The track with this index in the container. That of the picture means the captions in it.
    Track(u32),
    /// A file in a store.
    File(Destination),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Subtitles {
    /// What players show.
    pub name: String,
    pub source: TextSource,
    /// As in BCP 47.
    pub language: Option<String>,
    pub is_default: bool,
    pub is_forced: bool,
    pub playlist: Destination,
}

fn folder(index: usize) -> String {
    format!("{MADE}/subtitles{index}")
}

fn stem(index: usize) -> String {
    format!("subtitles{index}")
}

/// The file that has all of the subtitles in one, below their folder.
const WHOLE: &str = "whole.vtt";

/// The name of a companion below the work directory: a file that an output needs beside the original.
pub fn companion_file(index: usize) -> String {
    format!("companion{index}")
}

#[async_trait]
impl OutputKind for Subtitles {
    fn check(&self, plan: &Plan, info: &MediaInfo) -> Result<(), PlanError> {
        check_name(&self.name)?;
        check_language(self.language.as_deref())?;
        let Some(ladder) = plan.ladder() else { return impossible("subtitles belong to a ladder, and it has none") };
        if self.playlist.store != ladder.store {
            return impossible("subtitles are in another store than their ladder");
        }
        if let TextSource::Track(index) = self.source {
            match info.texts.iter().find(|track| track.index == index) {
                None => return impossible(format!("the source has no subtitles with the number {index}")),
                Some(track) if track.is_picture => {
                    let codec = &track.codec;
                    return impossible(format!(
                        "the subtitles with the number {index} ({codec}) are pictures, not text"
                    ));
                }
                Some(_) => {}
            }
        }
        let all = plan.all_of::<Self>().map(|(_, subtitles)| (subtitles.name.as_str(), subtitles.is_default));
        check_group("subtitles", all)
    }

    fn destinations(&self) -> Vec<Destination> {
        vec![self.playlist.clone()]
    }

    fn describe(&self) -> Description {
        let language = self.language.as_ref().map_or(String::new(), |language| format!(", {language}"));
        let from = match &self.source {
            TextSource::Track(index) => format!("track {index}"),
            TextSource::File(file) => file.to_string(),
        };
        let how = format!("{}{language}, from {from}", self.name);
        Description { what: "subtitles", how, destinations: self.destinations() }
    }

    fn estimate(&self, _plan: &Plan, info: &MediaInfo) -> Vec<(Destination, u64)> {
        // People speak some twenty characters in a second at most.
        vec![(self.playlist.clone(), PLAYLIST_BYTES + info.ladder_length().as_secs() * 20)]
    }

    fn playlists(&self, index: usize, _plan: &Plan) -> Vec<SegmentedPlaylist> {
        vec![SegmentedPlaylist { playlist: self.playlist.clone(), stem: stem(index), early_folder: None }]
    }

    fn track(&self, _info: &MediaInfo) -> Option<u32> {
        match self.source {
            TextSource::Track(index) => Some(index),
            TextSource::File(_) => None,
        }
    }

    fn companion(&self) -> Option<(&Destination, usize)> {
        match &self.source {
            TextSource::Track(_) => None,
            TextSource::File(file) => Some((file, MAX_FILE)),
        }
    }

    fn folders(&self, index: usize) -> Vec<String> {
        vec![folder(index)]
    }

    /// See [`collect_all`].
    async fn collect(&self, _index: usize, _collector: &mut Collector<'_>) -> Result<(), MediaError> {
        Ok(())
    }
}

/// Whether a plan makes subtitles of the captions in the picture, which no longer have a place in the rungs then.
pub(crate) fn takes_captions(plan: &Plan, info: &MediaInfo) -> bool {
    plan.all_of::<Subtitles>().any(|(_, subtitles)| subtitles.are_captions(info))
}

/// What becomes of captions in the picture.
pub(super) fn captions(plan: &Plan, info: &MediaInfo) -> Captions {
    let picture = info.video.as_ref().map(|video| video.index);
    match info.texts.iter().any(|track| Some(track.index) == picture) {
        false => Captions::Unknown,
        true if takes_captions(plan, info) => Captions::Lost,
        true => Captions::Kept,
    }
}

impl Subtitles {
    /// Whether they are those in the picture.
    fn are_captions(&self, info: &MediaInfo) -> bool {
        matches!((&self.source, &info.video), (TextSource::Track(track), Some(video)) if *track == video.index)
    }

    /// All of them, on the clock of the outputs.
    async fn cues(&self, index: usize, context: &TranscodeContext<'_>) -> Result<Vec<Cue>, MediaError> {
        let unusable = |detail: String| MediaError::from(UploadError::Subtitles { name: self.name.clone(), detail });
        let arguments = match self.source {
            TextSource::Track(track) if self.are_captions(context.info) => {
                captions::from_picture(context, &folder(index), track).await?
            }
            TextSource::Track(track) => {
                quiet_ffmpeg().all(guarded_input(context.info.depth)).pair("-map", format_args!("0:{track}"))
            }
            TextSource::File(_) => {
                // Where a confined ffmpeg may read, and in the encoding that it takes.
                let file = format!("{}/source.txt", folder(index));
                let (from, to) = (context.work.join(companion_file(index)), context.work.join(&file));
                let rewritten = blocking(move || {
                    let text = webvtt::decoded(&read_at_most(&from, MAX_FILE as u64)?);
                    std::fs::write(&to, text)
                });
                rewritten.await?.map_err(MediaError::work("reading subtitles"))?;
                quiet_ffmpeg().all(guarded_text(&file)).pair("-map", "0:s:0")
            }
        };
        let arguments = arguments.pair("-c:s", "webvtt").pair("-f", "webvtt").flag("pipe:1");
        let ffmpeg = context.tools.ffmpeg.within(crate::budget::Budget::of_sound(context.info));
        let text = match ffmpeg.capture(&arguments, context.work, context.cancel, MAX_WEBVTT).await {
            Ok((text, _)) if text.len() == MAX_WEBVTT => {
                return Err(unusable(format!("they have more than {} MiB", MAX_WEBVTT >> 20)));
            }
            Ok((text, _)) => text,
            Err(ProcessError::Failed { stderr, .. }) => return Err(unusable(last_lines(&stderr, 1))),
            Err(error) => return Err(MediaError::process("converting subtitles", error)),
        };
        let cues = webvtt::parse(&String::from_utf8_lossy(&text)).map_err(unusable)?;
        Ok(match context.info.part {
            Some(part) => webvtt::only_part(cues, part),
            None => cues,
        })
    }
}

/// Makes the subtitles of a plan. Returns what the master playlist says of them.
pub(super) async fn collect_all(collector: &mut Collector<'_>) -> Result<Vec<SubtitleSummary>, MediaError> {
    let context = collector.context;
    let lost = || MediaError::Lost { detail: "subtitles without a ladder".to_owned() };
    let mut summaries = Vec::new();
    for (index, subtitles) in context.plan.all_of::<Subtitles>() {
        let ladder = context.plan.ladder().ok_or_else(lost)?;
        let rung = collector.encoded.rungs.first().ok_or_else(lost)?.playlist.clone();
        let cues = subtitles.cues(index, &context).await?;
        let mpegts = match ladder.container {
            Container::Fmp4 => 0,
            Container::Ts => {
                let (first, playlist) = (context.work.join(rung_folder(0)), rung.clone());
                let began = blocking(move || hls::first_shown(&first, &playlist)).await??;
                (began * TICKS).round().max(0.0) as u64
            }
        };
        let to = context.work.join(folder(index));
        let written = blocking(move || write(&to, &rung, &cues, mpegts)).await?;
        let (playlist, sizes) = written.map_err(MediaError::work("writing subtitles"))?;
        let target = collector.encoded.rungs.iter().map(|rung| rung.playlist.target_duration).max();
        let playlist = MediaPlaylist { target_duration: target.unwrap_or(0).max(playlist.target_duration), ..playlist };
        let measured: Vec<(Duration, u64)> =
            playlist.segments.iter().map(|segment| segment.duration).zip(sizes).collect();
        let rates = hls::measure(&measured, Duration::from_secs(playlist.target_duration.into()));
        collector.add_rendition(&folder(index), &playlist, &subtitles.playlist, &stem(index))?;
        if context.plan.all_of::<Dash>().next().is_some() {
            collector.add_piece(&folder(index), WHOLE, &subtitles.playlist, &stem(index)).await?;
        }
        summaries.push(SubtitleSummary {
            name: subtitles.name.clone(),
            language: subtitles.language.clone(),
            is_default: subtitles.is_default,
            is_forced: subtitles.is_forced,
            are_captions: subtitles.are_captions(context.info),
            rates,
            playlist: subtitles.playlist.clone(),
        });
    }
    Ok(summaries)
}

/// The name of the file that has all of it, beside the playlist.
pub(super) fn whole_name(index: usize, publication: &str) -> String {
    segment_name(&stem(index), publication, WHOLE)
}

/// Writes the segments, each of the time of one of the rung's, and all of it in one file. Returns the playlist, and the
/// bytes of each segment.
fn write(
    to: &std::path::Path,
    rung: &MediaPlaylist,
    cues: &[Cue],
    mpegts: u64,
) -> std::io::Result<(MediaPlaylist, Vec<u64>)> {
    let (mut at_ms, mut segments) = (0, Vec::with_capacity(rung.segments.len()));
    let mut sizes = Vec::with_capacity(rung.segments.len());
    for (number, segment) in rung.segments.iter().enumerate() {
        let end_ms = at_ms + millis(segment.duration);
        let uri = format!("{number:05}.vtt");
        // The last one has what begins within a rounding of its end.
        let until_ms = if number + 1 == rung.segments.len() { end_ms + 1 } else { end_ms };
        let text = webvtt::render(cues, (at_ms, until_ms), Some(mpegts));
        sizes.push(text.len() as u64);
        std::fs::write(to.join(&uri), text)?;
        segments.push(Segment { uri, duration: segment.duration, byte_range: None });
        at_ms = end_ms;
    }
    std::fs::write(to.join(WHOLE), webvtt::render(cues, (0, at_ms), None))?;
    let mut playlist = MediaPlaylist { segments, ended: true, ..MediaPlaylist::default() };
    playlist.target_duration = playlist.least_target_duration();
    Ok((playlist, sizes))
}
