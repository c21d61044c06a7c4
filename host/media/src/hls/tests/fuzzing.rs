//! Fuzz targets: what ffmpeg leaves behind, read as if an attacker had written it.

use std::time::Duration;

use crate::hls::measure::measure;
use crate::hls::playlist::is_plain_name;
use crate::hls::{MediaPlaylist, codecs_of, mp4, nal, starts_with_keyframe, ts};

/// A playlist that is read is written so that it reads the same.
pub fn hls_playlist(bytes: &[u8]) {
    let Ok(playlist) = MediaPlaylist::parse(&String::from_utf8_lossy(bytes)) else { return };
    assert!(playlist.files().into_iter().all(is_plain_name));

    let text = playlist.render();
    let target_duration = playlist.target_duration.max(playlist.least_target_duration());
    assert_eq!(MediaPlaylist::parse(&text), Ok(MediaPlaylist { target_duration, ..playlist.clone() }), "{text}");

    let renamed = playlist.renamed(|name| name.to_uppercase());
    assert_eq!(renamed.duration(), playlist.duration());
    let sizes =
        playlist.segments.iter().map(|segment| (segment.duration, segment.byte_range.map_or(1, |it| it.length)));
    let rates = measure(&sizes.collect::<Vec<_>>(), Duration::from_secs(u64::from(target_duration)));
    assert!(rates.peak_bps >= rates.average_bps);
}

/// Every box lies within what holds it.
pub fn mp4_boxes(bytes: &[u8]) {
    let mut count = 0;
    for found in mp4::boxes(bytes) {
        count += 1;
        assert!(found.start + 8 + found.body.len() <= bytes.len());
    }
    assert!(count <= bytes.len() / 8);
    if let Some(video) = mp4::tracks(bytes).and_then(|tracks| tracks.video) {
        assert!(video.configuration.length_width <= 4);
    }
}

/// The first two bytes are the length of the initialisation map, which comes next; 0 for none.
pub fn segment(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk() else { return };
    let length = usize::from(u16::from_be_bytes(*length));
    let Some((init, segment)) = rest.split_at_checked(length) else { return };
    let init = (length > 0).then_some(init);

    let _ = starts_with_keyframe(segment, init);
    if let Ok(codecs) = codecs_of(segment, init) {
        let is_usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ',');
        assert!(codecs.to_string().chars().all(is_usual), "{codecs}");
    }
    let _ = ts::in_step(segment);
    let streams = ts::program(segment).map(|program| [program.video, program.audio]);
    for pid in streams.into_iter().flatten().flatten() {
        assert!(ts::first_unit(segment, pid).len() <= segment.len());
    }
    let within = |units: usize| assert!(units <= segment.len());
    within(nal::annex_b(segment).map(<[u8]>::len).sum());
    for width in 0..=4 {
        within(nal::length_prefixed(segment, width).map(<[u8]>::len).sum());
    }
}

#[cfg(test)]
mod tests {
    use crate::hls::tests::samples::{Kind, make};

    /// Enough for the tables and the first picture.
    const HEAD: usize = 4096;

    fn head(kind: Kind, file: &str) -> Vec<u8> {
        let mut bytes = make(kind).read(file);
        bytes.truncate(HEAD);
        bytes
    }

    fn input(init: &[u8], segment: &[u8]) -> Vec<u8> {
        [&u16::try_from(init.len()).unwrap().to_be_bytes()[..], init, segment].concat()
    }

    #[test]
    fn playlists_of_any_bytes() {
        fuzz_smoke::run("hls_playlist", super::hls_playlist);
    }

    #[test]
    fn boxes_of_any_bytes() {
        let seeds = vec![head(Kind::Fmp4, "init.mp4"), head(Kind::Fmp4, "seg0.m4s")];
        fuzz_smoke::run_with("mp4_boxes", seeds, super::mp4_boxes);
    }

    #[test]
    fn segments_of_any_bytes() {
        let fragment = input(&head(Kind::Fmp4, "init.mp4"), &head(Kind::Fmp4, "seg0.m4s"));
        let streams = [Kind::Ts, Kind::Sound, Kind::TsWithoutKeyframes].map(|kind| input(&[], &head(kind, "seg0.ts")));
        fuzz_smoke::run_with("segment", [vec![fragment], streams.to_vec()].concat(), super::segment);
    }
}
