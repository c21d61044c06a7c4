//! The codecs of a rendition, read from its bytes.

use std::fmt;

use super::{mp4, nal, ts};
use crate::encoding::Codec;

/// Codec names as in RFC 6381.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Codecs {
    /// As in `avc1.640028`, `hvc1.1.6.L93.90`, `av01.0.04M.08`: profile and level of the stream.
    pub video: Option<String>,
    /// As in `mp4a.40.2`.
    pub audio: Option<String>,
}

impl Codecs {
    /// Of the picture.
    pub fn video_codec(&self) -> Option<Codec> {
        let (kind, _) = self.video.as_ref()?.split_once('.')?;
        match kind {
            "avc1" => Some(Codec::H264),
            "hvc1" => Some(Codec::Hevc),
            "av01" => Some(Codec::Av1),
            _ => None,
        }
    }
}

impl fmt::Display for Codecs {
    /// As in `CODECS`: `avc1.640028,mp4a.40.2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named: Vec<&str> = self.video.iter().chain(&self.audio).map(String::as_str).collect();
        f.write_str(&named.join(","))
    }
}

// Why the codecs can't be found.
const NO_PROGRAM: &str = "it is not a transport stream with a program map";
const BAD_MAP: &str = "the initialisation map can't be read";
const NO_PARAMETERS: &str = "its video stream does not begin with a sequence parameter set";
const NO_SOUND_HEADER: &str = "its sound does not begin with an ADTS header";

/// Finds the codecs of a rendition from the front of its first segment and, for fragmented MP4, its map.
///
/// Players decide by these names whether they can play a rendition, so the names come from the stream's own headers and not
/// from the plan. Streams of other codecs than ours are left out.
pub fn codecs_of(first_segment: &[u8], init: Option<&[u8]>) -> Result<Codecs, &'static str> {
    let Some(init) = init else { return in_transport_stream(first_segment) };
    let tracks = mp4::tracks(init).ok_or(BAD_MAP)?;
    Ok(Codecs { video: tracks.video.map(|video| video.configuration.name), audio: tracks.audio })
}

fn in_transport_stream(segment: &[u8]) -> Result<Codecs, &'static str> {
    let program = ts::program(segment).ok_or(NO_PROGRAM)?;
    let video = program.video.map(|pid| {
        let unit = ts::first_unit(segment, pid);
        nal::annex_b(&unit).find_map(nal::codec).ok_or(NO_PARAMETERS)
    });
    let audio = program.audio.map(|pid| adts_codec(&ts::first_unit(segment, pid)).ok_or(NO_SOUND_HEADER));
    Ok(Codecs { video: video.transpose()?, audio: audio.transpose()? })
}

/// The codec of an ADTS frame: its header has the MPEG-4 audio object type, less one, in two bits.
fn adts_codec(frame: &[u8]) -> Option<String> {
    match *frame {
        // Twelve bits of sync; the layer is always 0.
        [0xff, second, third, ..] if second & 0xf6 == 0xf0 => Some(format!("mp4a.40.{}", (third >> 6) + 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hls::tests::samples::{self, Kind};

    #[test]
    fn the_codecs_of_a_real_transport_stream_are_found() {
        let codecs = codecs_of(&samples::make(Kind::Ts).read("seg0.ts"), None).unwrap();
        assert_eq!(codecs.to_string(), "avc1.4D4028,mp4a.40.2");
    }

    #[test]
    fn the_codecs_of_real_fragments_are_found_in_their_map() {
        let codecs = codecs_of(&[], Some(&samples::make(Kind::Fmp4).read("init.mp4"))).unwrap();
        assert_eq!(codecs.to_string(), "avc1.4D4028,mp4a.40.2");
    }

    #[test]
    fn sound_alone_has_no_video_codec() {
        let codecs = codecs_of(&samples::make(Kind::Sound).read("seg0.ts"), None).unwrap();
        assert_eq!(codecs.to_string(), "mp4a.40.2");
    }

    #[test]
    fn a_stream_that_is_listed_but_missing_is_an_error() {
        let bytes = samples::make(Kind::Ts).read("seg0.ts");
        assert_eq!(codecs_of(&[], None), Err(NO_PROGRAM));
        assert_eq!(codecs_of(&bytes[..188 * 3], None), Err(NO_PARAMETERS));
        assert_eq!(codecs_of(&bytes[..188 * 8], None), Err(NO_SOUND_HEADER));
        assert_eq!(codecs_of(&bytes, Some(&bytes)), Err(BAD_MAP));
    }

    #[test]
    fn damaged_maps_and_segments_never_panic() {
        let init = samples::make(Kind::Fmp4).read("init.mp4");
        let segment = samples::make(Kind::Ts).read("seg0.ts");
        for at in 0..init.len() {
            let mut damaged = init.clone();
            damaged[at] = !damaged[at];
            let _ = codecs_of(&[], Some(&damaged));
            let _ = codecs_of(&[], Some(&init[..at]));
        }
        for at in 0..188 * 6 {
            let mut damaged = segment[..188 * 40].to_vec();
            damaged[at] = !damaged[at];
            let _ = codecs_of(&damaged, None);
        }
    }
}
