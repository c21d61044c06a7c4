//! Preview clips: a part of a rung, cut at keyframes without a second encode.
//!
//! Every rung has a keyframe every `keyframe_ms`, so a cut is at most half of that away from the wanted moment, and a
//! second encode would cost as much as the rung's own. A ladder of sound alone has no keyframes and can be cut anywhere.
//! A plan with a clip and without a ladder is refused.

use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use storage::{Destination, Key};

use super::audio::{self, audio_folder};
use super::ladder::{Ladder, Rung, copy_joined, rung_folder};
use super::{Description, OutputKind, Process, SegmentedPlaylist};
use crate::collector::Collector;
use crate::command::Arguments;
use crate::containment::quiet_ffmpeg;
use crate::context::{TranscodeContext, blocking};
use crate::encoding::Codec;
use crate::error::MediaError;
use crate::estimate::{PLAYLIST_BYTES, bytes};
use crate::graph::{MADE, hls_muxer};
use crate::hls::{self, MediaPlaylist};
use crate::info::{MediaInfo, Ratio};
use crate::moment::{Moment, millis};
use crate::plan::{Plan, PlanError, impossible, in_range};

/// How far behind a keyframe a seek aims: more than the picture is late by reordering and sound is early, less than half
/// of the shortest distance between keyframes that a plan may ask for.
const AIM_MS: u64 = 200;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Clip {
    pub store: String,
    pub playlist: Key,
    pub start: Moment,
    /// Milliseconds at most.
    pub length_ms: u32,
    /// Largest short side.
    pub short_side: u32,
}

/// The folder of a preview, below the work directory.
fn clip_folder(index: usize) -> String {
    format!("{MADE}/clip{index}")
}

/// The joined segments of a preview, in its folder.
const JOINED: &str = "part";

/// The same of the sound, if that is a rendition of its own.
const SOUND: &str = "sound";

/// The joined segments with an index.
const SEEKABLE: &str = "part.mp4";

/// What the names of a preview's segments begin with.
fn clip_stem(index: usize) -> String {
    format!("preview{index}")
}

#[async_trait]
impl OutputKind for Clip {
    fn check(&self, plan: &Plan, _info: &MediaInfo) -> Result<(), PlanError> {
        in_range("a preview's length in ms", self.length_ms.into(), 1_000..=600_000)?;
        if plan.ladder().is_none() {
            return impossible("a preview is cut from a ladder, and it has none");
        }
        Ok(())
    }

    fn destinations(&self) -> Vec<Destination> {
        vec![self.to()]
    }

    fn describe(&self) -> Description {
        let how = format!("{} s from {}", f64::from(self.length_ms) / 1000.0, self.start);
        Description { what: "preview", how, destinations: self.destinations() }
    }

    fn estimate(&self, plan: &Plan, info: &MediaInfo) -> Vec<(Destination, u64)> {
        let rung = plan.ladder().and_then(|ladder| ladder.rungs.get(self.rung_of(ladder)));
        let rate = rung.map_or(0, |rung| rung.estimated_rate(info));
        let seconds = info.ladder_length().as_secs_f64().min(f64::from(self.length_ms) / 1000.0);
        vec![(self.to(), PLAYLIST_BYTES + bytes(rate, seconds))]
    }

    fn playlists(&self, index: usize, _plan: &Plan) -> Vec<SegmentedPlaylist> {
        vec![SegmentedPlaylist { playlist: self.to(), stem: clip_stem(index), early_folder: None }]
    }

    async fn collect(&self, index: usize, collector: &mut Collector<'_>) -> Result<(), MediaError> {
        let context = collector.context;
        let lost = || MediaError::Lost { detail: "a preview without a ladder".to_owned() };
        let ladder = context.plan.ladder().ok_or_else(lost)?;
        let number = self.rung_of(ladder);
        let encoded = collector.encoded;
        let (rung, checked) = ladder.rungs.get(number).zip(encoded.rungs.get(number)).ok_or_else(lost)?;
        let sound = audio::chosen_of(context.plan, encoded)?;
        let sound_playlist = sound.map(|(number, _, playlist)| (number, playlist));
        let length_ms = self.cut(index, ladder, (&checked.playlist, sound_playlist), &context).await?;
        // Less than the distance between keyframes: a cut at the wrong keyframe must not pass.
        let tolerance = Duration::from_millis(u64::from(ladder.keyframe_ms) / 2);
        let length = Duration::from_millis(length_ms);
        let mut expectation = ladder.expectation(rung, context.info, length, tolerance);
        if let Some((_, sound, _)) = sound {
            expectation.sound = sound.sound(context.info).map(|track| track.length.min(length));
        }
        let folder = clip_folder(index);
        let cut = context.check_rendition(&folder, expectation).await?;
        context.rendition_decodes(&folder, &cut, ladder.container, "the preview").await?;
        collector.add_rendition(&folder, &cut.playlist, &self.to(), &clip_stem(index))
    }

    fn processes(&self, index: usize, plan: &Plan, info: &MediaInfo) -> Vec<Process> {
        let Some(ladder) = plan.ladder() else { return Vec::new() };
        let (start_ms, length_ms) = self.span(ladder.keyframe_ms, millis(info.ladder_length()));
        let segment_ms = u64::from(ladder.segment_ms.max(1));
        let joined_start_ms = start_ms / segment_ms * segment_ms;
        let sound_start_ms = audio::chosen(plan).map(|_| joined_start_ms);
        let joined = (joined_start_ms, sound_start_ms);
        let [remux, cut] = self.commands(index, ladder, info, (start_ms, length_ms), joined);
        vec![
            Process { what: "make a preview's part seekable".to_owned(), arguments: remux },
            Process { what: "cut a preview".to_owned(), arguments: cut },
        ]
    }
}

impl Clip {
    fn to(&self) -> Destination {
        Destination { store: self.store.clone(), key: self.playlist.clone() }
    }

    /// The rung that it is cut from: the largest that is not larger than wanted, else the smallest. Of several, one that
    /// every player shows.
    fn rung_of(&self, ladder: &Ladder) -> usize {
        let short_side = |at: &usize| ladder.rungs.get(*at).and_then(|rung| rung.video).map_or(0, |(side, _)| side);
        let all = 0..ladder.rungs.len();
        let is_h264 = |at: &usize| ladder.rungs.get(*at).and_then(Rung::codec) == Some(Codec::H264);
        let fitting = all.clone().filter(|at| short_side(at) <= self.short_side);
        let largest = fitting.max_by_key(|at| (short_side(at), is_h264(at)));
        largest.or_else(|| all.min_by_key(|at| (short_side(at), !is_h264(at)))).unwrap_or(0)
    }

    /// Of the rung that it is cut from; `None` for sound alone.
    fn frame_rate(&self, ladder: &Ladder, info: &MediaInfo) -> Option<Ratio> {
        let video = ladder.rungs.get(self.rung_of(ladder))?.video.and(info.video.as_ref())?;
        Some(video.frame_rate)
    }

    /// Start and length in milliseconds. It starts at the keyframe nearest to the wanted moment.
    fn span(&self, keyframe_ms: u32, duration_ms: u64) -> (u64, u64) {
        let step = u64::from(keyframe_ms.max(1));
        let wanted = self.start.within(duration_ms);
        let nearest = (wanted + step / 2) / step * step;
        // A nearest keyframe at the very end would leave nothing to see.
        let start = if nearest + step / 2 > duration_ms { wanted / step * step } else { nearest };
        (start, u64::from(self.length_ms).min(duration_ms.saturating_sub(start)))
    }

    /// Cuts it into its folder. Returns its length in milliseconds.
    async fn cut(
        &self,
        index: usize,
        ladder: &Ladder,
        (playlist, sound): (&MediaPlaylist, Option<(usize, &MediaPlaylist)>),
        context: &TranscodeContext<'_>,
    ) -> Result<u64, MediaError> {
        let failed = MediaError::work("cutting a preview");
        let duration_ms = playlist.duration_ms();
        let (start_ms, length_ms) = self.span(ladder.keyframe_ms, duration_ms);

        let folder = context.work.join(clip_folder(index));
        tokio::fs::create_dir_all(&folder).await.map_err(&failed)?;
        let (from, to) = (context.work.join(rung_folder(self.rung_of(ladder))), folder.join(JOINED));
        let playlist = playlist.clone();
        let joined = blocking(move || hls::join_span(&from, &playlist, (start_ms, length_ms), &to)).await?;
        let joined_start_ms = joined.map_err(&failed)?;
        let mut sound_starts_ms = None;
        if let Some((number, playlist)) = sound {
            let (from, to) = (context.work.join(audio_folder(number)), folder.join(SOUND));
            let playlist = playlist.clone();
            let joined = blocking(move || hls::join_span(&from, &playlist, (start_ms, length_ms), &to)).await?;
            sound_starts_ms = Some(joined.map_err(&failed)?);
        }

        let joined = (joined_start_ms, sound_starts_ms);
        for arguments in self.commands(index, ladder, context.info, (start_ms, length_ms), joined) {
            let ran = context.tools.ffmpeg.capture(&arguments, context.work, context.cancel, 0).await;
            ran.map_err(|error| MediaError::process("cutting a preview", error))?;
        }
        for file in [SEEKABLE, JOINED].into_iter().chain(sound.map(|_| SOUND)) {
            tokio::fs::remove_file(folder.join(file)).await.map_err(&failed)?;
        }
        Ok(length_ms)
    }

    /// One command gives the joined segments, which begin at `joined_start_ms`, an index, and the sound to them if that is a
    /// rendition of its own, whose joined segments begin at `sound_start_ms`; one cuts.
    fn commands(
        &self,
        index: usize,
        ladder: &Ladder,
        info: &MediaInfo,
        (start_ms, length_ms): (u64, u64),
        (joined_start_ms, sound_start_ms): (u64, Option<u64>),
    ) -> [Arguments; 2] {
        let (folder, rate) = (clip_folder(index), self.frame_rate(ladder, info));
        let offset_ms = start_ms.saturating_sub(joined_start_ms);
        let aim_ms = if offset_ms > 0 { AIM_MS } else { 0 };
        // MP4 has an index, so that a seek finds the keyframe, and the sound that belongs to it, exactly. A transport
        // stream has none: there a seek lands between keyframes, and sound and picture begin apart.
        let sound = format!("{folder}/{SOUND}");
        let sound =
            sound_start_ms.map(|start_ms| (sound.as_str(), start_ms.cast_signed() - joined_start_ms.cast_signed()));
        let remux = copy_joined(ladder.container, &format!("{folder}/{JOINED}"), sound)
            .flag(format!("file:{folder}/{SEEKABLE}"));
        let cut = quiet_ffmpeg()
            // After the keyframe: a seek goes to the one before.
            .pair_opt("-ss", (aim_ms > 0).then_some((offset_ms + aim_ms) as f64 / 1000.0))
            .pair("-i", format_args!("file:{folder}/{SEEKABLE}"))
            .pair("-t", length_ms.saturating_sub(aim_ms) as f64 / 1000.0)
            // By number and not by time: a copy is timed by decoding order, which runs ahead of what is shown.
            .pair_opt("-frames:v", rate.map(|rate| frames(rate, start_ms, start_ms + length_ms)))
            .pair("-map", 0)
            .pair("-c", "copy")
            .all(hls_muxer(ladder.segment_ms, ladder.container, ladder.single_file, &folder).arguments());
        [remux, cut]
    }
}

/// Frames between two keyframes: each is the first frame at or after its instant.
fn frames(rate: Ratio, start_ms: u64, end_ms: u64) -> u64 {
    let first_at = |ms: u64| (ms * u64::from(rate.numerator)).div_ceil(u64::from(rate.denominator) * 1000);
    first_at(end_ms).saturating_sub(first_at(start_ms)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview(start: Moment) -> Clip {
        let playlist = Key::parse("u/preview.m3u8").unwrap();
        Clip { store: "media".into(), playlist, start, length_ms: 30_000, short_side: 720 }
    }

    #[test]
    fn a_preview_starts_at_the_keyframe_nearest_to_the_wanted_moment() {
        let tenth = preview(Moment::Permille(100));
        assert_eq!(tenth.span(2000, 300_000), (30_000, 30_000));
        assert_eq!(tenth.span(2000, 47_000), (4_000, 30_000));
        assert_eq!(tenth.span(2000, 20_000), (2_000, 18_000));
    }

    #[test]
    fn frames_between_keyframes_are_counted_at_whole_and_fractional_rates() {
        let rate = |numerator, denominator| Ratio { numerator, denominator };
        assert_eq!(frames(rate(25, 1), 4_000, 34_000), 750);
        assert_eq!(frames(rate(30_000, 1001), 4_000, 34_000), 899);
    }

    #[test]
    fn a_preview_never_starts_at_the_end_of_a_short_source() {
        assert_eq!(preview(Moment::Permille(100)).span(2000, 900), (0, 900));
        assert_eq!(preview(Moment::At(5_900)).span(2000, 6_000), (4_000, 2_000));
    }
}
