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

use super::containment::quiet_ffmpeg;
use super::error::MediaError;
use super::graph::{MADE, PLAYLIST, hls_options, rung_folder};
use super::hls::MediaPlaylist;
use super::plan::{Clip, Container, Ladder};
use super::process::Tool;

/// How far beside a keyframe a seek aims: less than a frame at 30 per second, more than timestamps are rounded by.
const AIM_MS: u64 = 20;

/// The folder of a preview.
pub fn clip_folder(index: usize) -> String {
    format!("{MADE}/clip{index}")
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

/// Cuts one; gives back how long it is in milliseconds.
pub async fn cut(
    ffmpeg: &Tool,
    work: &Path,
    clip: &Clip,
    index: usize,
    ladder: &Ladder,
    rung: (usize, &MediaPlaylist),
    cancel: &CancellationToken,
) -> Result<u64, MediaError> {
    let (number, playlist) = rung;
    let duration_ms = playlist.segments.iter().map(|segment| segment.duration.as_millis() as u64).sum();
    let (start_ms, length_ms) = span(clip, ladder.keyframe_ms, duration_ms);

    let folder = clip_folder(index);
    let part = format!("{folder}/part");
    std::fs::create_dir_all(work.join(&folder)).map_err(MediaError::work("cutting a preview"))?;
    let part_start_ms = join(work, &rung_folder(number), playlist, (start_ms, length_ms), &work.join(&part))
        .map_err(MediaError::work("cutting a preview"))?;

    let offset_ms = start_ms.saturating_sub(part_start_ms);
    let (format, seek_ms) = match ladder.container {
        // Seeking in a transport stream lands between keyframes and a copy begins at the next one, so aim just before.
        Container::Ts => ("mpegts", offset_ms.saturating_sub(AIM_MS)),
        // Seeking in MP4 lands on the keyframe before, so aim just after.
        Container::Fmp4 => ("mp4", offset_ms + AIM_MS),
    };
    let arguments = quiet_ffmpeg()
        .pair_opt("-ss", (offset_ms > 0).then_some(seek_ms as f64 / 1000.0))
        .pair("-f", format)
        .pair("-i", format_args!("file:{part}"))
        .pair("-t", length_ms as f64 / 1000.0)
        .pair("-map", 0)
        .pair("-c", "copy")
        .all(hls_options(ladder.segment_ms, ladder.container, ladder.single_file, &folder))
        .flag(format!("{folder}/{PLAYLIST}"));
    ffmpeg
        .capture(&arguments, work, cancel, 0)
        .await
        .map_err(|error| MediaError::process("cutting a preview", error))?;
    std::fs::remove_file(work.join(&part)).map_err(MediaError::work("cutting a preview"))?;
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
    use super::super::plan::Moment;
    use super::*;
    use crate::storage::Key;

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
    fn a_source_shorter_than_a_keyframes_distance_is_shown_from_its_start() {
        assert_eq!(span(&preview(Moment::Permille(100)), 2000, 900), (0, 900));
        assert_eq!(span(&preview(Moment::At(5_900)), 2000, 6_000), (4_000, 2_000));
    }
}
