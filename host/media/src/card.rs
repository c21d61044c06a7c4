//! Pictures that stay on the graphics card: decoded by NVDEC, scaled there, and encoded by NVENC from where they are.
//!
//! What a card can't do is known beforehand. Such sources and plans are decoded and scaled on the CPU.

use crate::command::Arguments;
use crate::encoder::{Encoder, Processor};
use crate::encoding::Samples;
use crate::info::{Coded, DynamicRange, Matrix, MediaInfo, Video};
use crate::plan::Plan;
use crate::proof::Proof;

/// Surfaces of the decoder beside those that it needs itself: each is held by every encoder that looks ahead from it, and
/// by filters that wait for the next frame.
const EXTRA_SURFACES: u32 = 24;

/// What NVDEC decodes of a codec, in pixels and bits. From NVIDIA's "NVDEC Video Decoder API Programming Guide", table 1,
/// and the support matrix of the cards since Turing.
struct Decoder {
    /// ffmpeg's name.
    codec: &'static str,
    least: (u32, u32),
    /// Of either side.
    most: u32,
    bits: u8,
}

const fn decoder(codec: &'static str, least: (u32, u32), most: u32, bits: u8) -> Decoder {
    Decoder { codec, least, most, bits }
}

const DECODERS: [Decoder; 6] = [
    // 10 bits since Blackwell only.
    decoder("h264", (48, 16), 4096, 8),
    decoder("hevc", (144, 144), 8192, 10),
    decoder("vp9", (128, 128), 8192, 10),
    // Since Ampere; on a card without it the run fails at once, and the CPU decodes.
    decoder("av1", (128, 128), 8192, 10),
    decoder("vp8", (48, 16), 4096, 8),
    decoder("mpeg2video", (48, 16), 4080, 8),
];

/// The forms of 4:2:0, by ffmpeg's names.
const FORMS: [&str; 3] = ["yuv420p", "yuvj420p", "yuv420p10le"];

/// Why pictures can't stay on the card, for operators; `None` if they can.
pub(crate) fn kept_off(info: &MediaInfo, plan: &Plan, proof: &Proof) -> Option<String> {
    if let Some(missing) = proof.card_missing() {
        return Some(missing.to_owned());
    }
    let video = info.video.as_ref()?;
    if let Some(reason) = not_decoded(video) {
        return Some(reason);
    }
    let only_on_cpu = [
        (video.coded.is_turned, "it is shown turned or mirrored"),
        (video.range != DynamicRange::Sdr, "tone mapping of high dynamic range runs on the CPU"),
        (video.matrix != Matrix::Bt709 || video.full_range, "its colours are converted on the CPU"),
        (info.held_picture().is_some(), "its last picture is held for sound that goes on"),
        (plan.watermark.is_some(), "the watermark is drawn on the CPU"),
    ];
    if let Some((_, reason)) = only_on_cpu.into_iter().find(|(is_so, _)| *is_so) {
        return Some(reason.to_owned());
    }
    let encodes = plan.picture_encodes(info);
    let missing = |encoder: &Encoder| proof.missing(*encoder).is_some();
    let mut encoders = encodes.iter().map(|encode| Encoder { codec: encode.encoding.codec, processor: Processor::Gpu });
    if let Some(encoder) = encoders.find(missing) {
        return Some(format!("{} doesn't work here", encoder.name()));
    }
    let most = proof.sessions().filter(|most| encodes.len() > *most);
    most.map(|most| format!("it has {} encodes, and the driver allows {most} at once", encodes.len()))
}

/// Why NVDEC doesn't decode a source.
fn not_decoded(video: &Video) -> Option<String> {
    let Coded { width, height, pixels, .. } = &video.coded;
    let Some(decoder) = DECODERS.iter().find(|decoder| decoder.codec == video.codec) else {
        return Some(format!("cards don't decode {}", video.codec));
    };
    if !FORMS.contains(&pixels.as_str()) || video.bit_depth > decoder.bits {
        return Some(format!("cards don't decode {} as {pixels}", video.codec));
    }
    let Decoder { least, most, .. } = decoder;
    let is_within = (least.0..=*most).contains(width) && (least.1..=*most).contains(height);
    (!is_within).then(|| format!("cards don't decode {} of {width}x{height}", video.codec))
}

/// The options of an input whose frames stay on the card.
pub(crate) fn input() -> Arguments {
    Arguments::new()
        .pair("-hwaccel", "cuda")
        .pair("-hwaccel_output_format", "cuda")
        .pair("-extra_hw_frames", EXTRA_SURFACES)
}

/// The form in which a card holds samples, by ffmpeg's name.
fn form(bits: u8) -> &'static str {
    if bits > 8 { "p010le" } else { "nv12" }
}

/// The filters to a size, to square pixels, and to the samples of an encode.
pub(crate) fn scaled((width, height): (u32, u32), samples: Samples) -> String {
    format!("scale_cuda={width}:{height}:format={},setsar=1", form(samples.bits()))
}

/// The filter that brings a decoded frame into system memory.
pub(crate) fn downloaded(video: &Video) -> String {
    format!("hwdownload,format={}", form(video.bit_depth))
}

/// The filter from fields to frames.
pub(crate) fn fields_to_frames(is_always: bool) -> String {
    format!("yadif_cuda=mode=send_frame{}", if is_always { "" } else { ":deint=interlaced" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::testkit::{info, plan};

    fn proof() -> Proof {
        Proof::assumed(&[Processor::Gpu, Processor::Cpu])
    }

    fn reason(change: impl FnOnce(&mut Video)) -> Option<String> {
        let mut info = info();
        change(info.video.as_mut().unwrap());
        kept_off(&info, &plan(), &proof())
    }

    #[test]
    fn usual_film_stays_on_the_card() {
        assert_eq!(reason(|_| ()), None);
        let deep = |video: &mut Video| {
            video.codec = "hevc".into();
            video.bit_depth = 10;
            video.coded.pixels = "yuv420p10le".into();
        };
        assert_eq!(reason(deep), None);
        assert_eq!(reason(|video| video.interlaced = true), None);
    }

    #[test]
    fn what_a_card_does_not_decode_is_known_beforehand() {
        let of = |codec: &str, pixels: &str, bits: u8| {
            let (codec, pixels) = (codec.to_owned(), pixels.to_owned());
            reason(move |video| {
                video.codec = codec;
                video.bit_depth = bits;
                video.coded.pixels = pixels;
            })
        };
        assert_eq!(of("h264", "yuv420p10le", 10).unwrap(), "cards don't decode h264 as yuv420p10le");
        assert_eq!(of("h264", "yuv422p", 8).unwrap(), "cards don't decode h264 as yuv422p");
        assert_eq!(of("prores", "yuv422p10le", 10).unwrap(), "cards don't decode prores");
        let size = |width, height| reason(move |video| (video.coded.width, video.coded.height) = (width, height));
        assert_eq!(size(32, 1080).unwrap(), "cards don't decode h264 of 32x1080");
        assert_eq!(size(5000, 1080).unwrap(), "cards don't decode h264 of 5000x1080");
        assert!(reason(|video| video.coded = Coded::default()).is_some(), "a record that doesn't say");
    }

    #[test]
    fn what_only_the_cpu_does_keeps_pictures_off() {
        for change in [
            (|video| video.coded.is_turned = true) as fn(&mut Video),
            |video| video.range = DynamicRange::Hlg,
            |video| video.matrix = Matrix::Bt601,
            |video| video.full_range = true,
        ] {
            assert!(reason(change).is_some());
        }
        let none = Proof::assumed(&[Processor::Cpu]);
        assert!(kept_off(&info(), &plan(), &none).is_some());
        let hevc = proof().without(Encoder::all_on(Processor::Gpu)[0], "gone");
        assert_eq!(kept_off(&info(), &plan(), &hevc).unwrap(), "h264_nvenc doesn't work here");
        let few = proof().with_sessions(Some(2));
        assert!(kept_off(&info(), &plan(), &few).unwrap().contains("the driver allows 2 at once"));
    }
}
