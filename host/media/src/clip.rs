//! Previews: a part of a rung, cut at keyframes without encoding it again.
//!
//! Every rung that we make has a keyframe every `keyframe_ms`, so a cut is never further than half of that from the
//! wanted moment, and a second encode would cost as much as the rung's own. A ladder of sound alone has no keyframes
//! and can be cut anywhere. So there is no case in which keyframes don't allow it; a plan without a ladder, which would
//! be one, is refused.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::command::Arguments;
use super::containment::quiet_ffmpeg;
use super::error::MediaError;
use super::graph::{MADE, PLAYLIST, hls_options, rung_folder};
use super::hls::MediaPlaylist;
use super::info::{MediaInfo, Ratio};
use super::plan::{Clip, Container, Ladder};
use super::process::Tool;

/// How far behind a keyframe a seek aims: more than the picture is late by reordering and sound is early, less than half
/// of the shortest distance between keyframes that a plan may ask for.
const AIM_MS: u64 = 200;

/// The folder of a preview.
pub fn clip_folder(index: usize) -> String {
    format!("{MADE}/clip{index}")
}

/// What a preview is cut from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The ladder.
    pub ladder: &'a Ladder,
    /// The rung's place in it.
    pub number: usize,
    /// The rung's checked playlist.
    pub playlist: &'a MediaPlaylist,
    /// None for sound alone.
    pub frame_rate: Option<Ratio>,
}

/// The rung that a preview is cut from: the largest that is not larger than wanted, else the smallest.
pub fn rung_for(clip: &Clip, ladder: &Ladder) -> usize {
    let short_side = |at: &usize| ladder.rungs.get(*at).and_then(|rung| rung.video).map_or(0, |(side, _)| side);
    let all = 0..ladder.rungs.len();
    let fitting = all.clone().filter(|at| short_side(at) <= clip.short_side).max_by_key(short_side);
    fitting.or_else(|| all.min_by_key(short_side)).unwrap_or(0)
}

/// From where to where, in milliseconds: the nearest keyframe, and what there is.
fn span(clip: &Clip, keyframe_ms: u32, duration_ms: u64) -> (u64, u64) {
    let step = u64::from(keyframe_ms.max(1));
    let wanted = clip.start.within(duration_ms);
    let nearest = (wanted + step / 2) / step * step;
    // A nearest keyframe at the very end would leave nothing to see.
    let start = if nearest + step / 2 > duration_ms { wanted / step * step } else { nearest };
    (start, u64::from(clip.length_ms).min(duration_ms.saturating_sub(start)))
}

/// Frames between two keyframes: each is the first frame at or after its instant.
fn frames(rate: Ratio, start_ms: u64, end_ms: u64) -> u64 {
    let first_at = |ms: u64| (ms * u64::from(rate.numerator)).div_ceil(u64::from(rate.denominator) * 1000);
    first_at(end_ms).saturating_sub(first_at(start_ms)).max(1)
}

/// The joined segments of a preview.
fn part_file(index: usize) -> String {
    format!("{}/part", clip_folder(index))
}

/// The same with an index.
fn seekable_file(index: usize) -> String {
    format!("{}/part.mp4", clip_folder(index))
}

/// Which piece of a rung is cut.
#[derive(Clone, Copy, Debug)]
struct Piece {
    /// The preview's place in the plan.
    index: usize,
    start_ms: u64,
    length_ms: u64,
    /// When the joined segments begin.
    part_start_ms: u64,
}

/// The commands that cut a piece: one gives the joined segments an index, one cuts.
fn commands(ladder: &Ladder, frame_rate: Option<Ratio>, piece: Piece) -> [Arguments; 2] {
    let Piece { index, start_ms, length_ms, part_start_ms } = piece;
    let (folder, part, seekable) = (clip_folder(index), part_file(index), seekable_file(index));
    let offset_ms = start_ms.saturating_sub(part_start_ms);
    let aim_ms = if offset_ms > 0 { AIM_MS } else { 0 };
    // MP4 has an index, so that a seek finds the keyframe, and the sound that belongs to it, exactly. A transport stream
    // has none: there a seek lands between keyframes, and sound and picture begin apart.
    let format = if ladder.container == Container::Ts { "mpegts" } else { "mp4" };
    let remux = quiet_ffmpeg()
        .pair("-f", format)
        .pair("-i", format_args!("file:{part}"))
        .pair("-map", 0)
        .pair("-c", "copy")
        .flag(format!("file:{seekable}"));
    let cut = quiet_ffmpeg()
        // After the keyframe: a seek goes to the one before.
        .pair_opt("-ss", (aim_ms > 0).then_some((offset_ms + aim_ms) as f64 / 1000.0))
        .pair("-i", format_args!("file:{seekable}"))
        .pair("-t", length_ms.saturating_sub(aim_ms) as f64 / 1000.0)
        // By number and not by time: a copy is timed by decoding order, which runs ahead of what is shown.
        .pair_opt("-frames:v", frame_rate.map(|rate| frames(rate, start_ms, start_ms + length_ms)))
        .pair("-map", 0)
        .pair("-c", "copy")
        .all(hls_options(ladder.segment_ms, ladder.container, ladder.single_file, &folder))
        .flag(format!("{folder}/{PLAYLIST}"));
    [remux, cut]
}

/// The commands for a rung whose segments are exactly as long as they were asked to be.
pub fn nominal_commands(clip: &Clip, index: usize, ladder: &Ladder, info: &MediaInfo) -> [Arguments; 2] {
    let duration_ms = u64::try_from(info.ladder_length().as_millis()).unwrap_or(u64::MAX);
    let (start_ms, length_ms) = span(clip, ladder.keyframe_ms, duration_ms);
    let segment_ms = u64::from(ladder.segment_ms.max(1));
    let part_start_ms = start_ms / segment_ms * segment_ms;
    let rung = ladder.rungs.get(rung_for(clip, ladder));
    let picture = rung.and_then(|rung| rung.video).and(info.video.as_ref());
    commands(ladder, picture.map(|video| video.frame_rate), Piece { index, start_ms, length_ms, part_start_ms })
}

/// Cuts one; gives back how long it is in milliseconds.
pub async fn cut(
    ffmpeg: &Tool,
    work: &Path,
    clip: &Clip,
    index: usize,
    origin: Origin<'_>,
    cancel: &CancellationToken,
) -> Result<u64, MediaError> {
    let Origin { ladder, number, playlist, .. } = origin;
    let duration_ms = playlist.segments.iter().map(|segment| segment.duration.as_millis() as u64).sum();
    let (start_ms, length_ms) = span(clip, ladder.keyframe_ms, duration_ms);

    let folder = clip_folder(index);
    let part = part_file(index);
    std::fs::create_dir_all(work.join(&folder)).map_err(MediaError::work("cutting a preview"))?;
    let part_start_ms = join(work, &rung_folder(number), playlist, (start_ms, length_ms), &work.join(&part))
        .map_err(MediaError::work("cutting a preview"))?;

    let piece = Piece { index, start_ms, length_ms, part_start_ms };
    let commands = commands(ladder, origin.frame_rate, piece);
    for arguments in commands {
        let ran = ffmpeg.capture(&arguments, work, cancel, 0).await;
        ran.map_err(|error| MediaError::process("cutting a preview", error))?;
    }
    for file in [seekable_file(index), part_file(index)] {
        std::fs::remove_file(work.join(file)).map_err(MediaError::work("cutting a preview"))?;
    }
    Ok(length_ms)
}

/// Joins the segments that a span touches, and the initialisation map where there is one. Gives back when the first of
/// them begins.
fn join(
    work: &Path,
    folder: &str,
    playlist: &MediaPlaylist,
    (start_ms, length_ms): (u64, u64),
    to: &Path,
) -> std::io::Result<u64> {
    let mut part = File::create(to)?;
    if let Some(map) = &playlist.map {
        append(&work.join(folder).join(&map.uri), map.byte_range.map(|range| (range.offset, range.length)), &mut part)?;
    }
    let mut at_ms = 0;
    let mut first = None;
    for segment in &playlist.segments {
        let end_ms = at_ms + segment.duration.as_millis() as u64;
        // Half a keyframe's slack on both sides: durations in a playlist are rounded.
        if end_ms > start_ms + 20 && at_ms < start_ms + length_ms {
            first.get_or_insert(at_ms);
            let range = segment.byte_range.map(|range| (range.offset, range.length));
            append(&work.join(folder).join(&segment.uri), range, &mut part)?;
        }
        at_ms = end_ms;
    }
    Ok(first.unwrap_or(0))
}

fn append(from: &Path, range: Option<(u64, u64)>, to: &mut File) -> std::io::Result<()> {
    let mut from = File::open(from)?;
    match range {
        Some((offset, length)) => {
            from.seek(SeekFrom::Start(offset))?;
            std::io::copy(&mut from.take(length), to)?;
        }
        None => {
            std::io::copy(&mut from, to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use storage::Key;

    use super::super::plan::Moment;
    use super::*;

    fn preview(start: Moment) -> Clip {
        let playlist = Key::parse("u/preview.m3u8").unwrap();
        Clip { store: "media".into(), playlist, start, length_ms: 30_000, short_side: 720 }
    }

    #[test]
    fn a_preview_begins_at_the_keyframe_nearest_to_ten_percent() {
        let tenth = preview(Moment::Permille(100));
        assert_eq!(span(&tenth, 2000, 300_000), (30_000, 30_000));
        assert_eq!(span(&tenth, 2000, 47_000), (4_000, 30_000));
        assert_eq!(span(&tenth, 2000, 20_000), (2_000, 18_000));
    }

    #[test]
    fn frames_are_counted_between_keyframes_also_at_fractional_rates() {
        let rate = |numerator, denominator| Ratio { numerator, denominator };
        assert_eq!(frames(rate(25, 1), 4_000, 34_000), 750);
        assert_eq!(frames(rate(30_000, 1001), 4_000, 34_000), 899);
    }

    #[test]
    fn a_source_shorter_than_a_keyframes_distance_is_shown_from_its_start() {
        assert_eq!(span(&preview(Moment::Permille(100)), 2000, 900), (0, 900));
        assert_eq!(span(&preview(Moment::At(5_900)), 2000, 6_000), (4_000, 2_000));
    }
}
