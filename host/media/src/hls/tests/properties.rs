//! What ffmpeg leaves behind is read as if an attacker had written it.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::hls::{MediaPlaylist, codecs_of, mp4, starts_with_keyframe, ts};

/// Lines that a playlist can have, in any order and number, between lines of anything.
fn playlist_text() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("#EXTM3U".to_owned()),
        Just("#EXT-X-ENDLIST".to_owned()),
        Just("#EXT-X-PLAYLIST-TYPE:VOD".to_owned()),
        any::<i64>().prop_map(|seconds| format!("#EXT-X-TARGETDURATION:{seconds}")),
        any::<u8>().prop_map(|version| format!("#EXT-X-VERSION:{version}")),
        any::<f64>().prop_map(|seconds| format!("#EXTINF:{seconds},")),
        (any::<u64>(), any::<u64>()).prop_map(|(length, at)| format!("#EXT-X-BYTERANGE:{length}@{at}")),
        "#EXT-X-MAP:URI=\"[ -~]{0,20}\"",
        "[a-z0-9./]{1,12}",
        "\\PC{0,40}",
    ];
    vec(line, 0..40).prop_map(|lines| lines.join("\n"))
}

const KINDS: &[&str] =
    &["moov", "trak", "mdia", "minf", "stbl", "stsd", "avc1", "avcC", "mp4a", "esds", "moof", "traf", "trun"];

/// Boxes with honest and dishonest sizes, nested to some depth.
fn mp4_bytes() -> impl Strategy<Value = Vec<u8>> {
    let leaf = (proptest::sample::select(KINDS), vec(any::<u8>(), 0..40), any::<Option<u32>>());
    let boxed = |kind: &str, body: Vec<u8>, lie: Option<u32>| {
        let size = lie.unwrap_or(u32::try_from(body.len() + 8).unwrap());
        [&size.to_be_bytes()[..], kind.as_bytes(), &body].concat()
    };
    let leaf = leaf.prop_map(move |(kind, body, lie)| boxed(kind, body, lie.filter(|lie| lie % 4 == 0)));
    leaf.prop_recursive(5, 40, 4, move |inner| {
        (proptest::sample::select(KINDS), vec(inner, 0..4))
            .prop_map(move |(kind, children)| boxed(kind, children.concat(), None))
    })
}

/// Packets of 188 bytes that begin as those of a transport stream do.
fn ts_bytes() -> impl Strategy<Value = Vec<u8>> {
    let packet = vec(any::<u8>(), 187).prop_map(|rest| [&[0x47][..], &rest].concat());
    vec(packet, 0..12).prop_map(|packets| packets.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_playlist_that_is_read_renders_to_one_that_reads_the_same(text in playlist_text()) {
        if let Ok(playlist) = MediaPlaylist::parse(&text) {
            let again = MediaPlaylist::parse(&playlist.render());
            prop_assert!(again.is_ok(), "{text:?} renders to what can't be read: {}", playlist.render());
            prop_assert_eq!(again.unwrap().render(), playlist.render());
        }
    }

    #[test]
    fn boxes_lie_within_what_holds_them(bytes in mp4_bytes()) {
        let mut count = 0;
        for found in mp4::boxes(&bytes) {
            count += 1;
            prop_assert!(found.body.len() <= bytes.len());
        }
        prop_assert!(count <= bytes.len() / 8);
    }

    #[test]
    fn no_segment_and_no_map_makes_the_checks_panic(
        segment in prop_oneof![ts_bytes(), mp4_bytes(), vec(any::<u8>(), 0..600)],
        init in proptest::option::of(mp4_bytes()),
    ) {
        let _ = codecs_of(&segment, init.as_deref());
        let _ = starts_with_keyframe(&segment, init.as_deref());
        let _ = ts::in_step(&segment);
        let _ = ts::program(&segment);
    }
}
