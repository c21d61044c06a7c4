//! Limits what ffmpeg and ffprobe may do with an upload.
//!
//! An upload under a media name can be a script that names other files or hosts. So the input is always the same local
//! `file:` name in the job's own folder, only that protocol is allowed, and only containers and codecs that uploads have.

use crate::command::Arguments;

/// The file name of the original in the work directory, whatever the uploader named it.
pub const INPUT_NAME: &str = "input";

/// Most pixels a frame may have: 8192 x 4320, the largest picture that cameras make (DCI 8K).
pub const MAX_PIXELS: u64 = 8192 * 4320;

/// Most bytes that ffmpeg may ask for in one piece. An 8K frame in 16-bit 4:4:4:4 takes 283 MB; twice that.
const MAX_ALLOC_BYTES: u64 = 600_000_000;

/// Demuxers for uploads. Left out: hls, dash, concat, sdp, imf and image2, which make ffmpeg open other files; raw AMR and
/// PCM, which take any bytes for sound.
const FORMATS: &str = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,wav,w64,aiff,flac,mp3,aac,amr,\
ac3,eac3,dts,caf,mxf,gxf,dv,ivf,rm,au,wv,ape,tta,nut";

/// Decoders for uploads, by name.
const CODECS: &str = "h264,hevc,av1,libdav1d,libaom-av1,vp8,vp9,libvpx,libvpx-vp9,mpeg1video,mpeg2video,mpeg4,msmpeg4v1,\
msmpeg4v2,msmpeg4,h263,h263p,flv,wmv1,wmv2,wmv3,vc1,theora,prores,dnxhd,cfhd,mjpeg,dvvideo,jpeg2000,libopenjpeg,rv30,rv40,svq3,\
qtrle,cinepak,rawvideo,v210,huffyuv,ffvhuff,ffv1,utvideo,aac,aac_latm,mp1,mp1float,mp2,mp2float,mp3,mp3float,ac3,ac3_fixed,eac3,dca,\
truehd,mlp,flac,alac,opus,libopus,vorbis,libvorbis,amrnb,amrwb,libopencore_amrnb,libopencore_amrwb,wmav1,wmav2,wmapro,wmalossless,\
cook,ape,wavpack,tta,speex,libspeex,gsm,gsm_ms,pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_u16le,pcm_u16be,pcm_s24le,pcm_s24be,pcm_s32le,\
pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,pcm_alaw,pcm_mulaw,pcm_bluray,pcm_dvd,adpcm_ima_wav,adpcm_ima_qt,adpcm_ms,adpcm_swf,\
adpcm_yamaha,adpcm_g726";

/// Decoders for cover pictures and subtitles, which are never used. ffprobe opens a decoder for every track and refuses the
/// whole file if one is not allowed.
const COMPANIONS: &str = "png,bmp,gif,webp,tiff,dvdsub,dvbsub,pgssub,xsub,ass,ssa,srt,subrip,mov_text,text,webvtt,cc_dec,jacosub,\
microdvd,mpl2,pjs,realtext,sami,stl,subviewer,subviewer1,vplayer,libzvbi_teletextdec,libaribb24,libaribcaption,arib_caption";

/// Whether a codec of this name is decoded.
pub fn is_decoded(codec: &str) -> bool {
    CODECS.split(',').any(|known| known == codec)
}

/// How far into a file ffmpeg looks for a description of its tracks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ProbeDepth {
    /// ffmpeg's own: 5 MB and 5 seconds.
    #[default]
    Usual,
    /// For a track that has packets and no description: in a transport stream it may begin late.
    Deep,
}

/// What is looked at more deeply: 5 minutes, 100 MB.
const DEEP_MICROSECONDS: u64 = 300_000_000;
const DEEP_BYTES: u64 = 100_000_000;

/// The options that stand before `-i`, and the input itself.
pub fn guarded_input(depth: ProbeDepth) -> Arguments {
    let deep = depth == ProbeDepth::Deep;
    let depth = Arguments::new()
        .pair_opt("-analyzeduration", deep.then_some(DEEP_MICROSECONDS))
        .pair_opt("-probesize", deep.then_some(DEEP_BYTES));
    depth.all(guarded("file")).pair("-i", format_args!("file:{INPUT_NAME}"))
}

/// The same for an original that arrives on the standard input.
pub(crate) fn arriving_input() -> Arguments {
    guarded("pipe").pair("-i", "pipe:0")
}

fn guarded(protocol: &str) -> Arguments {
    Arguments::new()
        .pair("-protocol_whitelist", protocol)
        .pair("-format_whitelist", FORMATS)
        .pair("-codec_whitelist", format_args!("{CODECS},{COMPANIONS}"))
        .pair("-max_pixels", MAX_PIXELS)
        .pair("-max_alloc", MAX_ALLOC_BYTES)
}

/// Demuxers for files of subtitles.
const TEXT_FORMATS: &str = "srt,webvtt,ass";

/// The same for a file of subtitles in the work directory.
pub fn guarded_text(file: &str) -> Arguments {
    Arguments::new()
        .pair("-protocol_whitelist", "file")
        .pair("-format_whitelist", TEXT_FORMATS)
        .pair("-codec_whitelist", COMPANIONS)
        .pair("-max_alloc", MAX_ALLOC_BYTES)
        .pair("-i", format_args!("file:{file}"))
}

/// Demuxers and decoders of images that are drawn over a picture.
const PICTURE_FORMATS: &str = "png_pipe,jpeg_pipe,webp_pipe";
const PICTURE_CODECS: &str = "png,mjpeg,webp";

/// Most pixels of such an image.
const PICTURE_PIXELS: u64 = 4096 * 4096;

/// The same for an image in the work directory.
pub fn guarded_picture(file: &str) -> Arguments {
    Arguments::new()
        .pair("-protocol_whitelist", "file")
        .pair("-format_whitelist", PICTURE_FORMATS)
        .pair("-codec_whitelist", PICTURE_CODECS)
        .pair("-max_pixels", PICTURE_PIXELS)
        .pair("-max_alloc", MAX_ALLOC_BYTES)
        .pair("-i", format_args!("file:{file}"))
}

/// The first options of every ffmpeg process. How much may fail to decode is decided here, not by ffmpeg, which from two
/// thirds on would end as failed.
pub fn quiet_ffmpeg() -> Arguments {
    Arguments::new().flag("-hide_banner").flag("-nostdin").flag("-nostats").flag("-y").pair("-max_error_rate", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ffprobe opens a decoder for every track, and refuses the whole file if one isn't allowed.
    #[test]
    fn every_decoder_of_subtitles_is_a_companion() {
        let listed = std::process::Command::new("ffmpeg").args(["-hide_banner", "-decoders"]).output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        // Flags, name, description; the legend in front has an equals sign for a name.
        let decoders = listed.lines().filter_map(|line| line.trim().strip_prefix('S')?.split_whitespace().nth(1));
        let decoders: Vec<&str> = decoders.filter(|name| *name != "=").collect();
        assert!(decoders.len() > 10, "{listed}");
        for name in decoders {
            assert!(COMPANIONS.split(',').any(|known| known == name), "{name}");
        }
    }
}
