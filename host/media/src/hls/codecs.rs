//! The codecs of a rendition, read from its bytes.

use std::fmt;

use super::sps::Sps;
use super::{mp4, nal, sps, ts};

/// Codec names as in RFC 6381.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Codecs {
    /// As in `avc1.640028`: profile, constraints and level of the H.264 stream.
    pub video: Option<String>,
    /// As in `mp4a.40.2`.
    pub audio: Option<String>,
}

impl fmt::Display for Codecs {
    /// As in `CODECS`: `avc1.640028,mp4a.40.2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named: Vec<&str> = self.video.iter().chain(&self.audio).map(String::as_str).collect();
        f.write_str(&named.join(","))
    }
}

impl Codecs {
    fn set_video(&mut self, sps: Sps) {
        self.video = Some(format!("avc1.{:02X}{:02X}{:02X}", sps.profile, sps.constraints, sps.level));
    }
}

/// Why the codecs can't be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecsError {
    /// No tables of a transport stream.
    #[error("it is not a transport stream with a program map")]
    NoProgram,
    /// No readable tracks in the map.
    #[error("the initialisation map can't be read")]
    BadMap,
    /// A video stream without parameter sets in front.
    #[error("its video stream does not begin with a sequence parameter set")]
    NoParameters,
    /// A sound stream without headers.
    #[error("its sound does not begin with an ADTS header")]
    NoSoundHeader,
}

/// Finds the codecs of a rendition from the front of its first segment and, for fragmented MP4, its map.
///
/// Players decide by these names whether they can play a rendition, so the names come from the stream's own headers and not
/// from the plan. Streams other than H.264 and AAC are left out.
pub fn codecs_of(first_segment: &[u8], init: Option<&[u8]>) -> Result<Codecs, CodecsError> {
    let mut codecs = Codecs::default();
    match init {
        Some(init) => {
            let tracks = mp4::tracks(init).ok_or(CodecsError::BadMap)?;
            if let Some(video) = tracks.video {
                codecs.set_video(video.sps);
            }
            codecs.audio = tracks.audio;
        }
        None => {
            let program = ts::program(first_segment).ok_or(CodecsError::NoProgram)?;
            if let Some(pid) = program.video {
                let unit = ts::first_unit(first_segment, pid);
                let sps = nal::annex_b(&unit).find_map(sps::parse).ok_or(CodecsError::NoParameters)?;
                codecs.set_video(sps);
            }
            if let Some(pid) = program.audio {
                let kind = adts_object_type(&ts::first_unit(first_segment, pid)).ok_or(CodecsError::NoSoundHeader)?;
                codecs.audio = Some(format!("mp4a.40.{kind}"));
            }
        }
    }
    Ok(codecs)
}

/// The MPEG-4 audio object type of an ADTS frame, stored less one in two bits of its header.
fn adts_object_type(frame: &[u8]) -> Option<u8> {
    match *frame {
        // Twelve bits of sync; the layer is always 0.
        [0xff, second, third, ..] if second & 0xf6 == 0xf0 => Some((third >> 6) + 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{self, Kind};
    use super::*;

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
        assert_eq!(codecs_of(&[], None), Err(CodecsError::NoProgram));
        assert_eq!(codecs_of(&bytes[..188 * 3], None), Err(CodecsError::NoParameters));
        assert_eq!(codecs_of(&bytes[..188 * 8], None), Err(CodecsError::NoSoundHeader));
        assert_eq!(codecs_of(&bytes, Some(&bytes)), Err(CodecsError::BadMap));
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
