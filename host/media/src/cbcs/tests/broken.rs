//! What can't be encrypted is refused, whatever the bytes are.

use super::*;
use crate::cbcs::Error;
use crate::cbcs::boxes::{be32, boxes, children};

fn encrypt(clip: &Clip, segment: &[u8]) -> Result<Vec<u8>, Error> {
    encrypt_segment(segment.to_vec(), &clip.tracks(), &KEY, &SCHEME.constant_iv)
}

fn muxed() -> Clip {
    Clip::make("-map 0:v -map 1:a -c:v libx264 -preset fast -g 50 -c:a aac")
}

/// Where the content of the first box of this kind begins.
fn body(file: &[u8], kind: &[u8; 4]) -> usize {
    file.windows(4).position(|window| window == kind).unwrap() + 4
}

#[test]
fn a_part_of_a_file_is_refused() {
    for clip in [muxed(), Clip::hevc("bframes=2")] {
        for length in 0..clip.init.len() {
            assert!(protect_init(&clip.init[..length], &SCHEME).is_err(), "{length}");
        }
        let segment = &clip.segments[0];
        for length in (0..3000).chain((3000..segment.len()).step_by(997)) {
            assert!(encrypt(&clip, &segment[..length]).is_err(), "{length}");
        }
    }
}

/// With other bytes anywhere there is an error or a file, soon. A file has all samples, and what tells of them.
#[test]
fn damage_anywhere_ends_in_an_error_or_a_whole_file() {
    let (mut refused, mut encrypted) = (0, 0);
    for clip in [muxed(), Clip::hevc("bframes=2:slices=2"), Clip::make("-map 1:a -c:a ac3")] {
        let mut random = 0x1234_5678_9abc_def1_u64;
        let mut next = |most: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 16) as usize % most
        };
        for _ in 0..300 {
            let (mut init, mut segment) = (clip.init.clone(), clip.segments[0].clone());
            let target = if next(2) == 0 { &mut init } else { &mut segment };
            let head = target.len().min(3000);
            for _ in 0..=next(4) {
                target[next(head)] = [0, 1, 2, 3, 0x7f, 0x80, 0xff, next(256) as u8][next(8)];
            }
            let result = protect_init(&init, &SCHEME)
                .and_then(|_| tracks(&init))
                .and_then(|tracks| encrypt_segment(segment.clone(), &tracks, &KEY, &SCHEME.constant_iv));
            match result {
                Ok(file) => {
                    assert!(file.len() < 2 * segment.len());
                    encrypted += 1;
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 200 && encrypted > 200, "{refused} and {encrypted}");
}

#[test]
fn samples_beyond_the_media_data_are_refused() {
    let clip = muxed();
    let segment = &clip.segments[0];
    let run = body(segment, b"trun");
    let with = |at: usize, value: u32| {
        let mut segment = segment.clone();
        segment[at..at + 4].copy_from_slice(&value.to_be_bytes());
        encrypt(&clip, &segment)
    };
    assert!(with(run, be32(segment, run).unwrap()).is_ok());
    let outside = |track, sample| Err(Error::OutsideMedia { track, sample });
    // Data before the media data, behind it, and 2 GiB away.
    let offset = be32(segment, run + 8).unwrap();
    for value in [0, offset - 1, offset + 0x0100_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] {
        assert_eq!(with(run + 8, value), outside(1, 0), "{value:x}");
    }
    // The first sample, then the second one is too long. Fields are: size and time, behind flags of the first one.
    assert_eq!(with(run + 16, 0xffff_ffff), outside(1, 0));
    assert_eq!(with(run + 24, 0x00ff_ffff), outside(1, 1));
    // More samples than there are.
    let count = be32(segment, run + 4).unwrap();
    assert!(matches!(with(run + 4, count + 1), Err(Error::Malformed(_))));
    assert!(matches!(with(run + 4, 0xffff_ffff), Err(Error::Malformed(_))));
    assert!(matches!(with(run + 4, count - 1), Err(Error::Malformed(_))));
}

#[test]
fn samples_that_share_bytes_are_refused() {
    let clip = muxed();
    let mut segment = clip.segments[0].clone();
    let first = body(&segment, b"trun");
    let second = first + body(&segment[first..], b"trun");
    let offset = be32(&segment, first + 8).unwrap() + 1000;
    segment[second + 8..second + 12].copy_from_slice(&offset.to_be_bytes());
    assert_eq!(encrypt(&clip, &segment), Err(Error::OutsideMedia { track: 2, sample: 0 }));
}

/// Without sizes of their own, 4,294,967,295 samples are 8 bytes.
#[test]
fn samples_without_end_are_refused() {
    let clip = Clip::make("-map 1:a -c:a ac3");
    let segment = &clip.segments[0];
    let run = body(segment, b"trun");
    assert_eq!(be32(segment, run).unwrap() & 0xf00, 0, "all are as long as each other");
    for size in [0_u32, 1, 1000] {
        let mut segment = segment.clone();
        let header = body(&segment, b"tfhd");
        assert_eq!(segment[header + 3] & 0x18, 0x18);
        segment[header + 12..header + 16].copy_from_slice(&size.to_be_bytes());
        segment[run + 4..run + 8].copy_from_slice(&[0xff; 4]);
        let result = encrypt(&clip, &segment);
        assert!(matches!(result, Err(Error::OutsideMedia { .. } | Error::Malformed(_))), "{size}");
    }
}

#[test]
fn a_damaged_sample_is_named() {
    let clip = muxed();
    let segment = &clip.segments[0];
    let second = body(segment, b"mdat") + be32(segment, body(segment, b"trun") + 16).unwrap() as usize;
    let with = |at: usize, bytes: &[u8]| {
        let mut segment = segment.clone();
        segment[second + at..][..bytes.len()].copy_from_slice(bytes);
        match encrypt(&clip, &segment) {
            Err(Error::Sample { track: 1, sample: 1, source }) => *source,
            other => panic!("{other:?}"),
        }
    };
    assert!(matches!(with(0, &[0xff; 4]), Error::Malformed(_)), "its length");
    assert!(matches!(with(0, &[0; 4]), Error::Malformed(_)), "no length");
    assert!(matches!(with(4, &[0xff]), Error::Malformed(_)), "its first bit");
    assert!(matches!(with(4, &[0x42]), Error::Unsupported(_)), "a data partition");
    assert!(matches!(with(4, &[0x67]), Error::Unsupported(_)), "an unknown parameter set");
    assert!(matches!(with(4, &[0x54]), Error::Unsupported(_)), "a view of several");
    assert!(matches!(with(5, &[0; 12]), Error::Malformed(_)), "numbers without end");
}

#[test]
fn parameter_sets_in_samples_are_left_clear_if_they_are_known() {
    let known = Clip::h264("-bsf:v dump_extra=freq=keyframe");
    let sets = known.segments[0].windows(5).filter(|window| window[..4] != [0, 0, 0, 1] && window[4] == 0x67).count();
    assert!(sets > 0, "there is one in the samples");
    assert!(encrypt(&known, &known.segments[0]).is_ok());
    let other = Clip::h264("-profile:v main -bsf:v dump_extra=freq=keyframe");
    let result = encrypt(&known, &other.segments[0]);
    assert!(matches!(result, Err(Error::Sample { sample: 0, .. })), "{:?}", result.map(|_| ()));
}

#[test]
fn what_is_encrypted_already_is_refused() {
    for clip in [muxed(), Clip::make("-map 1:a -c:a aac")] {
        let protected = clip.protected();
        assert_eq!(protect_init(&protected.init, &SCHEME), Err(Error::AlreadyProtected));
        assert_eq!(tracks(&protected.init), Err(Error::AlreadyProtected));
        assert_eq!(encrypt(&clip, &protected.segments[0]), Err(Error::AlreadyProtected));
    }
}

#[test]
fn other_codecs_are_refused() {
    for codecs in [
        "-map 0:v -c:v libaom-av1 -cpu-used 8 -t 0.2 -strict -2",
        "-map 0:v -c:v libx265 -tag:v hev1 -x265-params log-level=error -t 1",
        "-map 1:a -c:a flac -strict -2",
        "-map 1:a -c:a libopus -strict -2",
    ] {
        let clip = Clip::make(codecs);
        assert!(matches!(protect_init(&clip.init, &SCHEME), Err(Error::Unsupported(_))), "{codecs}");
    }
}

#[test]
fn a_fragment_of_an_unknown_track_is_refused() {
    let (both, video) = (muxed(), Clip::h264(""));
    assert_eq!(encrypt(&video, &both.segments[0]), Err(Error::UnknownTrack(2)));
}

#[test]
fn a_file_of_another_kind_is_refused() {
    let clip = muxed();
    assert!(matches!(encrypt(&clip, &clip.init), Err(Error::Unsupported(_))));
    assert!(matches!(encrypt(&clip, &clip.whole()), Err(Error::Unsupported(_))));
    assert!(matches!(protect_init(&clip.whole(), &SCHEME), Err(Error::Unsupported(_))));
    assert!(matches!(protect_init(&clip.segments[0], &SCHEME), Err(Error::Unsupported(_))));
    assert!(matches!(encrypt(&clip, b""), Err(Error::Malformed(_))));
    let index = [&clip.segments[0][..], b"\0\0\0\x08mfra"].concat();
    assert!(matches!(encrypt(&clip, &index), Err(Error::Unsupported(_))));
    let early = [b"\0\0\0\x08mdat", &clip.segments[0][..]].concat();
    assert!(matches!(encrypt(&clip, &early), Err(Error::Malformed(_))));
}

/// An index that leads into the middle of a box has no right size.
#[test]
fn an_index_of_other_things_than_boxes_is_refused() {
    let clip = Clip::h264("");
    let mut segment = clip.segments[0].clone();
    let references = body(&segment, b"sidx") + 32;
    segment[references + 3] ^= 1;
    assert!(matches!(encrypt(&clip, &segment), Err(Error::Unsupported(_))));
}

#[test]
fn a_box_longer_than_what_holds_it_is_refused() {
    let clip = muxed();
    let mut segment = clip.segments[0].clone();
    let header = body(&segment, b"mfhd") - 8;
    segment[header + 3] = 0xff;
    segment[header + 2] = 0x7f;
    let fragment = boxes(&segment, 0..segment.len()).unwrap().into_iter().find(|found| found.kind == *b"moof").unwrap();
    assert!(children(&segment, fragment).is_err());
    assert!(matches!(encrypt(&clip, &segment), Err(Error::Malformed(_))));
}
