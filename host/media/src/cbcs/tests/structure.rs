//! What the boxes of encrypted files say, byte by byte.

use super::headers::{traced, with_prevention};
use super::*;
use crate::cbcs::auxiliary::Auxiliary;
use crate::cbcs::boxes::{Edits, Found, be32, be64, boxes, children, write};
use crate::cbcs::units::Subsample;
use crate::cbcs::{Error, pssh};

/// The boxes on this path, in the order of the file.
fn all(file: &[u8], path: &[&[u8; 4]]) -> Vec<Found> {
    let mut found = boxes(file, 0..file.len()).unwrap();
    for (depth, kind) in path.iter().enumerate() {
        found.retain(|inner| inner.kind == **kind);
        if depth + 1 < path.len() {
            found = found.into_iter().flat_map(|inner| children(file, inner).unwrap()).collect();
        }
    }
    found
}

fn first<'a>(file: &'a [u8], path: &[&[u8; 4]]) -> &'a [u8] {
    all(file, path)[0].content(file)
}

/// The content of a track's only sample entry, with its kind.
fn entry(init: &[u8], track: usize) -> ([u8; 4], &[u8]) {
    let descriptions = all(init, &[b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"])[track];
    let entry = boxes(init, descriptions.body + 8..descriptions.end).unwrap()[0];
    (entry.kind, entry.content(init))
}

const KINDS: &[u8] = b"frma????\0\0\0\x14schm\0\0\0\0cbcs\0\x01\0\0\0\0\0\x39schi\0\0\0\x31tenc\x01\0\0\0\0";

#[test]
fn an_init_segment_tells_scheme_key_and_vector() {
    let clip = Clip::make("-map 0:v -map 1:a -c:v libx264 -preset fast -c:a aac");
    let protected = protect_init(&clip.init, &SCHEME).unwrap();
    for (track, kind, original, pattern) in [(0, b"encv", b"avc1", 0x19_u8), (1, b"enca", b"mp4a", 0)] {
        let (found, content) = entry(&protected, track);
        assert_eq!(&found, kind);
        let (clear_kind, clear) = entry(&clip.init, track);
        assert_eq!(&clear_kind, original);
        let added = content.strip_prefix(clear).unwrap();
        let mut expected = [&b"\0\0\0\x61sinf\0\0\0\x0c"[..], KINDS].concat();
        expected[16..20].copy_from_slice(original);
        expected.extend([pattern, 1, 0]);
        expected.extend(SCHEME.key_id);
        expected.push(16);
        expected.extend(SCHEME.constant_iv);
        assert_eq!(hex::encode(added), hex::encode(&expected));
    }
    let header = b"\0\0\0\x34pssh\x01\0\0\0\x10\x77\xef\xec\xc0\xb2\x4d\x02\xac\xe3\x3c\x1e\x52\xe2\xfb\x4b\0\0\0\x01";
    let expected = [&header[..], &SCHEME.key_id, &[0; 4]].concat();
    assert_eq!(pssh(&SCHEME), expected);
    let movie = all(&protected, &[b"moov"])[0];
    assert!(movie.content(&protected).ends_with(&expected) && movie.end == protected.len());
    assert_eq!(protected.len(), clip.init.len() + 2 * 0x61 + 0x34);
}

/// Which bytes of the media data differ.
fn changed(clear: &[u8], protected: &[u8]) -> Vec<bool> {
    let [clear, protected] = [clear, protected].map(|file| first(file, &[b"mdat"]));
    assert_eq!(clear.len(), protected.len());
    clear.iter().zip(protected).map(|(clear, protected)| clear != protected).collect()
}

/// The samples of the first track, by their sizes in `trun`, from the start of the media data on.
fn samples(segment: &[u8]) -> Vec<std::ops::Range<usize>> {
    let run = first(segment, &[b"moof", b"traf", b"trun"]);
    let flags = be32(run, 0).unwrap();
    let width = 4 * (flags >> 8 & 0xf).count_ones() as usize;
    let before = 4 * (flags >> 8 & 1) as usize;
    assert_eq!(flags & 0x205, 0x205);
    let sizes =
        (0..be32(run, 4).unwrap() as usize).map(|sample| be32(run, 16 + sample * width + before).unwrap() as usize);
    sizes
        .scan(0, |end, size| Some((std::mem::replace(end, *end + size), size)))
        .map(|(at, size)| at..at + size)
        .collect()
}

#[test]
fn only_every_tenth_block_of_slice_data_is_changed() {
    for (clip, header) in [(Clip::h264("-x264-params slices=3"), 1), (Clip::hevc("bframes=3:aud=1"), 2)] {
        let protected = clip.protected();
        let trace = with_file(&clip.whole(), "clear.mp4", |path| {
            ffmpeg(&["-i", path, "-c", "copy", "-bsf:v", "trace_headers", "-f", "null", "-"]).1
        });
        let mut ends = traced(&trace).into_iter();
        let (mut clear_units, mut blocks) = (0, 0);
        for (clear, protected) in clip.segments.iter().zip(&protected.segments) {
            let media = first(clear, &[b"mdat"]);
            let mut expected = vec![false; media.len()];
            for sample in samples(clear) {
                let mut at = sample.start;
                while at < sample.end {
                    let length = be32(media, at).unwrap() as usize;
                    let unit = &media[at + 4..at + 4 + length];
                    let is_slice = if header == 1 { matches!(unit[0] & 0x1f, 1 | 5) } else { unit[0] >> 1 < 32 };
                    clear_units += usize::from(!is_slice);
                    let from = if is_slice { with_prevention(unit, ends.next().unwrap()) } else { unit.len() };
                    for start in (from..unit.len()).step_by(160).filter(|start| start + 16 <= unit.len()) {
                        expected[at + 4 + start..][..16].fill(true);
                        blocks += 1;
                    }
                    at += 4 + length;
                }
            }
            let changed = changed(clear, protected);
            // A byte of an encrypted block stays what it was in one of 256.
            assert!(changed.iter().zip(&expected).all(|(changed, expected)| !changed || *expected));
            let count = |all: &[bool]| all.iter().filter(|it| **it).count();
            assert!(count(&changed) * 100 > count(&expected) * 98, "{} of {}", count(&changed), count(&expected));
        }
        assert_eq!(ends.next(), None);
        assert!(clear_units > 0 && blocks > 100, "{clear_units} {blocks}");
    }
}

#[test]
fn sound_is_encrypted_up_to_its_last_whole_block() {
    let clip = Clip::make("-map 1:a -c:a eac3 -b:a 200k");
    let protected = clip.protected();
    // All frames are as long: 768 bytes are 48 blocks, and 800 would be 50.
    let (clear, encrypted) = (&clip.segments[0], &protected.segments[0]);
    assert!(changed(clear, encrypted).iter().filter(|it| **it).count() * 100 > first(clear, &[b"mdat"]).len() * 98);
    let clip = Clip::make("-map 1:a -c:a aac");
    let protected = clip.protected();
    let run = first(&clip.segments[0], &[b"moof", b"traf", b"trun"]);
    let changed = changed(&clip.segments[0], &protected.segments[0]);
    let mut at = 0;
    for sample in 0..be32(run, 4).unwrap() as usize {
        let size = be32(run, 12 + 4 * sample).unwrap() as usize;
        let tail = &changed[at + size / 16 * 16..at + size];
        assert!(tail.iter().all(|changed| !changed));
        assert!(changed[at..at + size / 16 * 16].chunks(16).all(|block| block.contains(&true)));
        at += size;
    }
    assert_eq!(at, changed.len());
}

#[test]
fn sound_has_a_count_of_samples_and_no_information_on_them() {
    let protected = Clip::make("-map 1:a -c:a aac").protected();
    let segment = &protected.segments[0];
    let count = be32(first(segment, &[b"moof", b"traf", b"trun"]), 4).unwrap();
    assert_eq!(first(segment, &[b"moof", b"traf", b"senc"]), [[0; 4], count.to_be_bytes()].concat());
    for kind in [b"saiz", b"saio"] {
        assert!(all(segment, &[b"moof", b"traf", kind]).is_empty());
    }
}

#[test]
fn the_parts_of_samples_fill_them() {
    let clip = Clip::h264("-x264-params slices=3");
    let protected = clip.protected();
    for segment in &protected.segments {
        let encryption = all(segment, &[b"moof", b"traf", b"senc"])[0];
        let content = encryption.content(segment);
        let samples = samples(segment);
        assert_eq!((be32(content, 0).unwrap(), be32(content, 4).unwrap() as usize), (2, samples.len()));
        let (mut at, mut sizes) = (8, Vec::new());
        for sample in &samples {
            let count = usize::from(u16::from_be_bytes([content[at], content[at + 1]]));
            let parts = content[at + 2..].chunks(6).take(count);
            let lengths =
                parts.map(|part| u16::from_be_bytes([part[0], part[1]]) as usize + be32(part, 2).unwrap() as usize);
            assert_eq!((count, lengths.sum::<usize>()), (3, sample.len()));
            sizes.push((2 + 6 * count) as u8);
            at += 2 + 6 * count;
        }
        assert_eq!(at, content.len());
        let count = (samples.len() as u32).to_be_bytes();
        assert_eq!(first(segment, &[b"moof", b"traf", b"saiz"]), [&[0; 4][..], &[sizes[0]], &count].concat());
        let offset = (encryption.body + 8 - all(segment, &[b"moof"])[0].start) as u32;
        let offsets = [[0; 4], 1_u32.to_be_bytes(), offset.to_be_bytes()].concat();
        assert_eq!(first(segment, &[b"moof", b"traf", b"saio"]), offsets);
    }
}

#[test]
fn many_clear_bytes_are_told_in_several_parts() {
    let mut told = Auxiliary::default();
    told.add_parts(&[Subsample { clear: 0x2_0003, protected: 0x1_2345 }, Subsample { clear: 7, protected: 0 }])
        .unwrap();
    let boxes = told.boxes(100).unwrap();
    let expected = "0004ffff00000000ffff000000000005000123450007000000000000";
    assert_eq!(hex::encode(&boxes[16..boxes.len() - 17 - 20]), expected[..2 * 26]);
    let parts = |count| Auxiliary::default().add_parts(&vec![Subsample { clear: 1, protected: 1 }; count]);
    assert_eq!(parts(42), Ok(()));
    assert!(matches!(parts(43), Err(Error::Unsupported(_))), "the size of 43 would not fit eight bits");
}

#[test]
fn sizes_of_samples_information_are_listed_where_they_differ() {
    let mut told = Auxiliary::default();
    let part = Subsample { clear: 1, protected: 1 };
    told.add_parts(&[part]).unwrap();
    told.add_parts(&[part; 2]).unwrap();
    let boxes = told.boxes(0).unwrap();
    let sizes = first(&boxes, &[b"saiz"]);
    assert_eq!(sizes, [0, 0, 0, 0, 0, 0, 0, 0, 2, 8, 14]);
}

/// Where each reference of an index leads, and what is there.
fn references(segment: &[u8], index: Found) -> Vec<usize> {
    let content = index.content(segment);
    let wide = content[0] == 1;
    let start = if wide { be64(content, 20).unwrap() as usize } else { be32(content, 16).unwrap() as usize };
    let list = if wide { 28 } else { 20 };
    let mut at = index.end + start;
    let count = be32(content, list).unwrap() as usize;
    let sizes = (0..count).map(|number| (be32(content, list + 4 + 12 * number).unwrap() & 0x7fff_ffff) as usize);
    let mut places = vec![at];
    for size in sizes {
        at += size;
        places.push(at);
    }
    places
}

#[test]
fn an_index_in_each_segment_still_leads_to_its_end() {
    let protected = Clip::make("-map 0:v -map 1:a -c:v libx264 -preset fast -c:a aac").protected();
    for segment in &protected.segments {
        let indexes = all(segment, &[b"sidx"]);
        assert_eq!(indexes.len(), 2);
        let fragment = all(segment, &[b"moof"])[0].start;
        // ffmpeg's second index is empty: its reference begins and ends behind it.
        assert_eq!(references(segment, indexes[0])[1], segment.len());
        assert_eq!(references(segment, indexes[1])[0], fragment);
    }
}

/// A file of several fragments, cut behind its init segment.
fn in_one_file(flags: &str) -> Clip {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.mp4");
    let options = "-map 0:v -map 1:a -c:v libx264 -preset fast -g 25 -c:a aac -f mp4 -movflags";
    let inputs = ["-f", "lavfi", "-i", PICTURE, "-f", "lavfi", "-i", SOUND];
    let options: Vec<&str> = options.split(' ').collect();
    ffmpeg(&[&inputs[..], &options, &[flags, path.to_str().unwrap()]].concat());
    let file = std::fs::read(path).unwrap();
    let movie = all(&file, &[b"moov"])[0].end;
    // The index at the end has places of fragments in the file.
    let end = all(&file, &[b"mfra"]).first().map_or(file.len(), |found| found.start);
    Clip { init: file[..movie].to_vec(), segments: vec![file[movie..end].to_vec()] }
}

#[test]
fn one_index_of_all_fragments_still_leads_to_each_of_them() {
    let clip = in_one_file("+frag_keyframe+empty_moov+default_base_moof+global_sidx+delay_moov+dash");
    let protected = clip.protected();
    let segment = &protected.segments[0];
    let mut fragments: Vec<usize> = all(segment, &[b"moof"]).iter().map(|found| found.start).collect();
    assert!(fragments.len() >= 4, "{fragments:?}");
    fragments.push(segment.len());
    assert_eq!(references(segment, all(segment, &[b"sidx"])[0]), fragments);
}

#[test]
fn offsets_from_the_start_of_the_file_become_offsets_from_the_fragment() {
    let clip = in_one_file("+frag_keyframe+empty_moov");
    let tracks = clip.tracks();
    let segment = &clip.segments[0];
    let encrypt = |segment: &[u8]| encrypt_segment(segment.to_vec(), &tracks, &KEY, &SCHEME.constant_iv);
    // The file begins with the init segment, which is not in the segment.
    assert!(matches!(encrypt(segment), Err(Error::Unsupported(_))));
    let mut alone = segment.clone();
    for header in all(segment, &[b"moof", b"traf", b"tfhd"]) {
        let content = header.content(segment);
        assert_eq!(content[1] & 2, 0);
        let base = be64(content, 8).unwrap() - clip.init.len() as u64;
        alone[header.body + 8..header.body + 16].copy_from_slice(&base.to_be_bytes());
    }
    let encrypted = encrypt(&alone).unwrap();
    let headers = |file| all(file, &[b"moof", b"traf", b"tfhd"]).into_iter().map(|found| found.content(file));
    for (before, after) in headers(segment).zip(headers(&encrypted)) {
        let flags = [0, 2, 0, before[3] & !1];
        assert_eq!(hex::encode(after), hex::encode([&flags, &before[4..8], &before[16..]].concat()));
    }
    let packets = |file: &[u8]| {
        with_file(file, "file.mp4", |path| {
            let input = ["-seekable", "0", "-decryption_key", &hex::encode(KEY), "-i", path];
            let (sums, _) = ffmpeg(&[&input[..], &["-c", "copy", "-f", "streamhash", "-"]].concat());
            String::from_utf8(sums).unwrap()
        })
    };
    let protected = [&protect_init(&clip.init, &SCHEME).unwrap()[..], &encrypted].concat();
    assert_eq!(packets(&protected), packets(&clip.whole()));
}

#[test]
fn boxes_around_fragments_are_left_as_they_are() {
    let clip = Clip::h264("");
    let other = |kind: &[u8; 4]| [&[0, 0, 0, 12][..], kind, b"what"].concat();
    let segment = [other(b"emsg"), clip.segments[0].clone(), other(b"prft"), other(b"uuid")].concat();
    let tracks = clip.tracks();
    let alone = encrypt_segment(clip.segments[0].clone(), &tracks, &KEY, &SCHEME.constant_iv).unwrap();
    let encrypted = encrypt_segment(segment, &tracks, &KEY, &SCHEME.constant_iv).unwrap();
    assert_eq!(encrypted, [other(b"emsg"), alone, other(b"prft"), other(b"uuid")].concat());
}

/// The same segment with its samples in two runs, of which the second one begins where the first one ends.
fn in_two_runs(segment: &[u8], first_samples: usize) -> Vec<u8> {
    let found = all(segment, &[b"moof", b"traf", b"trun"])[0];
    let run = found.content(segment);
    assert_eq!(be32(run, 0).unwrap() & 0x205, 0x205);
    let width = 4 * (be32(run, 0).unwrap() >> 8 & 0xf).count_ones() as usize;
    let (head, samples) = run.split_at(16);
    let (first, second) = samples.split_at(first_samples * width);
    let count = |samples: &[u8]| ((samples.len() / width) as u32).to_be_bytes();
    let growth = 16;
    let offset = (be32(head, 8).unwrap() + growth).to_be_bytes();
    let one = write(b"trun", &[&head[..4], &count(first), &offset, &head[12..], first]).unwrap();
    // Neither an offset nor flags of the first sample.
    let flags = [head[0], head[1], head[2], head[3] & !5];
    let other = write(b"trun", &[&flags, &count(second), second]).unwrap();
    let mut edits = Edits::default();
    edits.replace(found.start..found.end, [one, other].concat());
    [&[b"moof"][..], &[b"moof", b"traf"]].into_iter().for_each(|path| edits.resize(all(segment, path)[0]));
    let new = edits.apply(segment.to_vec()).unwrap();
    assert_eq!(new.len(), segment.len() + growth as usize);
    new
}

#[test]
fn samples_in_several_runs_are_encrypted_alike() {
    let clip = Clip::h264("");
    let tracks = clip.tracks();
    let encrypt = |segment: &[u8]| encrypt_segment(segment.to_vec(), &tracks, &KEY, &SCHEME.constant_iv);
    // Its index would have another size of the fragment.
    let segment = replaced(&clip.segments[0], b"sidx", b"free");
    let [one, two] = [segment.clone(), in_two_runs(&segment, 7)].map(|segment| encrypt(&segment).unwrap());
    assert_eq!(first(&one, &[b"mdat"]), first(&two, &[b"mdat"]));
    assert_eq!(first(&one, &[b"moof", b"traf", b"senc"]), first(&two, &[b"moof", b"traf", b"senc"]));
    let offset = |file| be32(first(file, &[b"moof", b"traf", b"trun"]), 8).unwrap() as usize;
    assert_eq!(all(&two, &[b"moof"])[0].start + offset(&two), all(&two, &[b"mdat"])[0].body);

    // Samples are counted through all runs of a track.
    let mut damaged = in_two_runs(&segment, 7);
    let ninth = all(&damaged, &[b"mdat"])[0].body + samples(&segment)[8].start;
    damaged[ninth..ninth + 4].copy_from_slice(&[0xff; 4]);
    assert!(matches!(encrypt(&damaged), Err(Error::Sample { track: 1, sample: 8, .. })));
}
