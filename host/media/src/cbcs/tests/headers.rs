//! Slice headers end where ffmpeg says that they do.

use super::*;
use crate::cbcs::track::Codec;
use crate::cbcs::units::{ParameterSets, Unit};

/// The end of each slice header in bits of the NAL unit without emulation prevention, by ffmpeg's `trace_headers`.
pub(super) fn traced(trace: &str) -> Vec<u64> {
    let (mut ends, mut in_slice) = (Vec::new(), false);
    for line in trace.lines().filter_map(|line| line.split_once("] ").map(|(_, line)| line)) {
        if line.starts_with("Slice Header") || line.starts_with("Slice Segment Header") {
            in_slice = true;
            ends.push(0);
            continue;
        }
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            [position, name, bits, "=", _] if position.parse::<u64>().is_ok() => {
                // Alignment of H.264 belongs to the data; that of HEVC is the end of the header.
                if in_slice && name != "cabac_alignment_one_bit" {
                    *ends.last_mut().unwrap() = position.parse::<u64>().unwrap() + bits.len() as u64;
                }
            }
            _ => in_slice = false,
        }
    }
    ends
}

/// Bytes of the unit as it is in the file that hold so many bits.
pub(super) fn with_prevention(unit: &[u8], bits: u64) -> usize {
    let (mut bytes, mut at, mut zeros) = (bits.div_ceil(8), 0, 0);
    while bytes > 0 {
        if zeros >= 2 && unit[at] == 3 {
            zeros = 0;
        } else {
            zeros = if unit[at] == 0 { zeros + 1 } else { 0 };
            bytes -= 1;
        }
        at += 1;
    }
    at
}

/// The units of a byte stream.
pub(super) fn annex_b(stream: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> =
        stream.windows(3).enumerate().filter(|(_, three)| *three == [0, 0, 1]).map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    starts.iter().zip(ends).map(|(start, end)| stream[start + 3..end].trim_suffix_zeros()).collect()
}

trait TrimZeros {
    fn trim_suffix_zeros(&self) -> &Self;
}

impl TrimZeros for [u8] {
    fn trim_suffix_zeros(&self) -> &Self {
        &self[..self.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)]
    }
}

/// Compares all slices of a clip. Returns how many of them have emulation prevention in their headers.
fn check(clip: &Clip, least_slices: usize) -> usize {
    let tracks = clip.tracks();
    let (filter, format) = match &tracks[0].codec {
        Codec::Avc(_) => ("h264_mp4toannexb", "h264"),
        _ => ("hevc_mp4toannexb", "hevc"),
    };
    let (stream, trace) = with_file(&clip.whole(), "clear.mp4", |path| {
        let input = ["-i", path, "-map", "0:v", "-c", "copy", "-bsf:v"];
        let (stream, _) = ffmpeg(&[&input[..], &[filter, "-f", format, "-"]].concat());
        let (_, trace) = ffmpeg(&[&input[..], &["trace_headers", "-f", "null", "-"]].concat());
        (stream, trace)
    });
    let ends = traced(&trace);
    let of = |unit: &&[u8]| match &tracks[0].codec {
        Codec::Avc(structure) => structure.sets.unit(unit).unwrap(),
        Codec::Hevc(structure) => structure.sets.unit(unit).unwrap(),
        Codec::Sound => panic!("sound"),
    };
    let units = annex_b(&stream);
    let slices = units.iter().filter_map(|unit| match of(unit) {
        Unit::Slice { clear } => Some((*unit, clear)),
        _ => None,
    });
    let slices: Vec<_> = slices.collect();
    assert_eq!(slices.len(), ends.len());
    assert!(slices.len() >= least_slices, "{}", slices.len());
    let mut prevented = 0;
    for (number, ((unit, clear), bits)) in slices.iter().zip(ends).enumerate() {
        assert_eq!(
            *clear,
            with_prevention(unit, bits),
            "slice {number}, {bits} bits of {:x?}",
            &unit[..32.min(unit.len())]
        );
        prevented += usize::from(*clear > bits.div_ceil(8) as usize);
    }
    prevented
}

/// A picture that gets darker and lighter, for which encoders weigh their predictions.
const FADES: &str = "testsrc2=s=192x108:r=25:d=4,fade=in:0:40,fade=out:60:40";

#[test]
fn h264_headers_end_where_ffmpeg_says() {
    for options in [
        "",
        "-x264-params bframes=8:b-pyramid=normal:ref=8:weightp=2:weightb=1",
        "-x264-params cabac=0:slices=4:bframes=3:ref=6",
        "-x264-params slice-max-size=200:intra-refresh=1",
        "-flags +ildct+ilme -x264-params tff=1:ref=4",
        "-x264-params fake-interlaced=1:aud=1:nal-hrd=vbr:vbv-maxrate=2000:vbv-bufsize=2000",
        "-profile:v baseline -refs 6",
        "-pix_fmt yuv444p -x264-params cqm=jvt",
        "-pix_fmt gray -x264-params weightp=2:bframes=2",
    ] {
        eprintln!("{options}");
        check(&Clip::h264(options), 100);
    }
    check(&Clip::of(FADES, "-map 0:v -c:v libx264 -preset slow -refs 8 -g 50 -x264-params weightp=2:bframes=4"), 100);
    check(&Clip::of(FADES, "-map 0:v -c:v libx264 -pix_fmt gray -g 50 -x264-params weightp=2:slices=3"), 300);
}

#[test]
fn hevc_headers_end_where_ffmpeg_says() {
    for parameters in [
        "bframes=4",
        "slices=4:ref=5:bframes=6:b-adapt=2",
        "deblock=2,2:weightb=1:open-gop=1:ref=6",
        "aud=1:hrd=1:vbv-maxrate=2000:vbv-bufsize=2000:cbqpoffs=3:crqpoffs=-3",
        "ctu=16:min-cu-size=8:tskip=1:signhide=0:temporal-layers=3",
    ] {
        eprintln!("{parameters}");
        check(&Clip::hevc(parameters), 100);
    }
    for format in ["yuv420p10le", "gray"] {
        let codec = format!("-map 0:v -c:v libx265 -tag:v hvc1 -pix_fmt {format} -g 50 -x265-params");
        check(&Clip::of(FADES, &format!("{codec} log-level=error:pools=2:ref=5:weightb=1:bframes=3")), 100);
    }
}
