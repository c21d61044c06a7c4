//! Codecs and containers that say less than they should, or something that isn't so.

use std::path::Path;

use testkit::colour::Picture;
use testkit::{fixtures, playlist, probe, sound};

use crate::picture::teeth;
use crate::transcode;

/// A tone in FLAC as encoders before 2007 wrote it: frames of different sizes, numbered by their first sample, and without
/// the flag that says so. A reader that takes the numbers for those of frames sees times that are thousands of times as
/// far apart.
fn flac_of_different_frames(seconds: usize) -> Vec<u8> {
    const RATE: usize = 48_000;
    let (smallest, largest) = (1152_u16, 4608_u16);
    let sample = |n: usize| ((n as f64 * 440.0 * std::f64::consts::TAU / RATE as f64).sin() * 8000.0) as i16;
    let mut file = b"fLaC\x80\x00\x00\x22".to_vec();
    file.extend_from_slice(&[smallest.to_be_bytes(), largest.to_be_bytes()].concat());
    file.extend_from_slice(&[0; 6]);
    // 20 bits of the rate, 3 of the channels less 1, 5 of the bits of a sample less 1, 36 of the number of samples.
    let described = (RATE as u64) << 44 | 15 << 36 | (RATE * seconds) as u64;
    file.extend_from_slice(&described.to_be_bytes());
    file.extend_from_slice(&[0; 16]);
    let (mut at, mut size) = (0, usize::from(smallest));
    while at < RATE * seconds {
        let count = size.min(RATE * seconds - at);
        // 16 bits of the size follow; 48 kHz; one channel; 16 bits.
        let mut frame = vec![0xff, 0xf8, 0x7a, 0x08];
        frame.extend(as_utf8_codes_numbers(at as u32));
        frame.extend_from_slice(&(count as u16 - 1).to_be_bytes());
        frame.push(crc(&frame, 8, 0x07) as u8);
        // Samples as they are.
        frame.push(0x02);
        frame.extend((at..at + count).flat_map(|n| sample(n).to_be_bytes()));
        let sum = crc(&frame, 16, 0x8005) as u16;
        frame.extend_from_slice(&sum.to_be_bytes());
        file.extend(frame);
        at += count;
        size = if size == usize::from(smallest) { largest.into() } else { smallest.into() };
    }
    file
}

fn as_utf8_codes_numbers(number: u32) -> Vec<u8> {
    let tail = |shift: u32| 0x80 | (number >> shift & 0x3f) as u8;
    match number {
        0..0x80 => vec![number as u8],
        0x80..0x800 => vec![0xc0 | (number >> 6) as u8, tail(0)],
        0x800..0x1_0000 => vec![0xe0 | (number >> 12) as u8, tail(6), tail(0)],
        _ => vec![0xf0 | (number >> 18) as u8, tail(12), tail(6), tail(0)],
    }
}

/// The remainder of so many bits, highest bit first, from 0.
fn crc(bytes: &[u8], bits: u32, polynomial: u32) -> u32 {
    let top = 1 << (bits - 1);
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << (bits - 8), |sum, _| {
            let shifted = sum << 1 & ((1 << bits) - 1);
            if sum & top == 0 { shifted } else { shifted ^ polynomial }
        })
    })
}

#[track_caller]
fn assert_sounds(upload: &Path, seconds: f64) {
    let outcome = transcode(upload).declared("audio").run().done();
    let rung = outcome.rung("128k");
    let lasts = playlist::media(&rung).duration();
    assert!((lasts - seconds).abs() < 0.1, "{} lasts {lasts} s and not {seconds} s", upload.display());
    let samples = sound::samples(&rung);
    let quiet = samples.chunks_exact(9600).filter(|tenth| tenth.iter().all(|sample| sample.abs() < 500)).count();
    assert_eq!(quiet, 0, "tenths of a second of {} without sound", upload.display());
}

#[test]
fn sound_whose_packets_have_wild_times_or_none_is_as_long_as_it_sounds() {
    assert_sounds(&fixtures::bytes("old.flac", &flac_of_different_frames(8)), 8.0);
    let tone = "sine=frequency=440:duration=8,volume=6dB";
    assert_sounds(&fixtures::sound("speech.spx", tone, &["-ar", "16000", "-c:a", "libspeex"]), 8.0);
    assert_sounds(&fixtures::sound("windows.wma", tone, &["-c:a", "wmav2"]), 8.0);
}

#[test]
fn sound_of_a_moment_is_published_and_less_than_a_frame_is_refused() {
    let moment = |name: &str, seconds: &str| {
        fixtures::sound(name, &format!("sine=frequency=8000:sample_rate=8000:duration={seconds}"), &[])
    };
    let outcome = transcode(&moment("moment.wav", "0.06")).declared("audio").run().done();
    let lasts = playlist::media(&outcome.rung("128k")).duration();
    assert!((0.05..0.12).contains(&lasts), "{lasts}");
    let outcome = transcode(&moment("less.wav", "0.002")).declared("audio").run();
    outcome.failed(3, "upload.zero-duration");
}

/// The last track's number of samples in the header of an AVI, a thousand times as large.
#[test]
fn a_header_that_promises_too_much_over_whole_media_is_not_believed() {
    let clip = fixtures::clip(320, 180, "25", 4.0);
    let options = ["-i", clip.to_str().unwrap(), "-c:v", "mpeg4", "-c:a", "mp3"];
    let upload = fixtures::changed("promises.avi", &fixtures::ffmpeg("whole.avi", &options), |bytes| {
        let header = bytes.windows(4).rposition(|four| four == b"strh").unwrap();
        let length = &mut bytes[header + 8 + 32..][..4];
        let said = u32::from_le_bytes(length.try_into().unwrap());
        length.copy_from_slice(&(said * 1000).to_le_bytes());
    });
    let outcome = transcode(&upload).run().done();
    let lasts = playlist::media(&outcome.rung("source")).duration();
    assert!((lasts - 4.0).abs() < 0.1, "{lasts}");
}

/// One half black, the other white.
#[test]
fn black_and_white_of_a_grey_film_stay_black_and_white_in_either_range() {
    for (range, black, white) in [("tv", 16, 235), ("pc", 0, 255)] {
        let halves = format!(
            "color=black:size=320x180:rate=25:duration=1,format=yuv444p,\
geq=lum='if(lt(X,160),{black},{white})':cb=128:cr=128,extractplanes=y"
        );
        let x265 = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-tag:v", "hvc1"];
        // From version 7 on, ffmpeg's encoders call all grey full.
        let says = format!("hevc_metadata=video_full_range_flag={}", u8::from(range == "pc"));
        let range_options = ["-color_range", range, "-bsf:v", &says];
        let upload = fixtures::sound(&format!("{range}.mp4"), &halves, &[&x265[..], &range_options].concat());
        assert_eq!(probe::video(&upload).unwrap().says("pix_fmt"), "gray");
        let outcome = transcode(&upload).run().done();
        for path in [outcome.rung("source"), outcome.mezzanine(), outcome.thumbnail()] {
            let picture = Picture::of(&path);
            testkit::colour::assert_close(picture.colour(25, 50), [0; 3], 3.0, &format!("{range} {}", path.display()));
            testkit::colour::assert_close(
                picture.colour(75, 50),
                [255; 3],
                3.0,
                &format!("{range} {}", path.display()),
            );
        }
    }
}

/// The header of an AVI with DV doesn't say that its frames are two fields; the frames do.
#[test]
fn fields_that_only_the_frames_tell_of_become_whole_frames() {
    let bar = "color=black:size=720x576:rate=50:duration=2,format=yuv420p,\
geq=lum='if(between(mod(X-12*N,720),0,90),235,16)':cb=128:cr=128,tinterlace=mode=interleave_bottom,setfield=bff";
    let upload = fixtures::sound("camera.avi", bar, &["-c:v", "dvvideo", "-pix_fmt", "yuv420p", "-flags", "+ildct"]);
    assert!(!probe::video(&upload).unwrap().says("field_order").starts_with(['t', 'b']));
    assert!(probe::frames(&upload).iter().all(|frame| frame.interlaced));
    let outcome = transcode(&upload).run().done();
    for path in [outcome.rung("480p"), outcome.mezzanine()] {
        let frames = probe::frames(&path);
        assert_eq!(frames.len(), 50, "{}", path.display());
        assert!(frames.iter().all(|frame| !frame.interlaced), "{}", path.display());
        assert!(teeth(&path) < teeth(&upload) / 4.0, "{} of {}", teeth(&path), teeth(&upload));
    }
}
