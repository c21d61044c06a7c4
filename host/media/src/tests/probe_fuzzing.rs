//! The fuzz target of what ffprobe and ffmpeg print of an upload.

use std::time::Duration;

use super::*;
use crate::description::{MAX_TIMELINE, MIN_SIDE};
use crate::loudness::parse_summary;
use crate::progress::Progress;

/// The header up to the first empty line, and below it what is printed line by line. A description that comes out is one
/// that the rest of the host can work with.
pub fn probe_output(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (header, lines) = text.split_once("\n\n").unwrap_or((&text, ""));
    let _ = refused(lines);
    let _ = parse_summary(lines);
    let mut progress = Progress::default();
    for line in lines.lines() {
        progress.take(line);
    }
    let Ok(header) = serde_json::from_str::<Header>(header) else { return };
    let (mut packets, mut clock) = (BTreeMap::new(), Clock::of(&header.format.format_name));
    for line in lines.lines() {
        take_packet(&mut packets, &mut clock, line);
    }
    for declared in [DeclaredKind::Video, DeclaredKind::Audio] {
        if let Ok(info) = describe(&header, &packets, 1, declared) {
            check(&info, declared);
        }
    }
}

fn check(info: &MediaInfo, declared: DeclaredKind) {
    assert!(info.duration > Duration::ZERO && info.duration.as_secs_f64() <= MAX_TIMELINE);
    assert_eq!(info.video.is_some(), declared == DeclaredKind::Video);
    if let Some(video) = &info.video {
        assert!(video.length <= info.duration);
        assert!(video.width.min(video.height) >= MIN_SIDE);
        let rate = video.frame_rate.value();
        assert!(rate > 0.0 && rate <= 60.01, "{rate}");
    }
    if let Some(audio) = &info.audio {
        assert!(audio.length <= info.duration && audio.channels > 0);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn output_of_any_bytes() {
        fuzz_smoke::run("probe_output", super::probe_output);
    }
}
