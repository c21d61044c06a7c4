//! Closed captions that are in the picture (CEA-608 and CEA-708 in the form of ATSC A/53, part 4).

use std::io::Read as _;
use std::path::Path;

use crate::budget::Budget;
use crate::command::Arguments;
use crate::containment::{guarded_input, quiet_ffmpeg};
use crate::context::TranscodeContext;
use crate::error::MediaError;

/// What the contract and the notes call the codec.
pub(crate) const CODEC: &str = "eia_608";

/// Codecs whose pictures may carry captions.
const CARRIERS: [&str; 3] = ["h264", "hevc", "mpeg2video"];

/// Frames that are decoded to see whether they have captions: where there are any, each frame has some, if only padding.
pub(crate) const LOOKED_AT: usize = 8;

/// ffprobe's name of them.
pub(crate) const SIDE_DATA: &str = "ATSC A53 Part 4 Closed Captions";

/// How captions begin in the bytes of a picture: the mark of ATSC, and the kind of its data.
const MARK: &[u8] = b"GA94\x03";

/// How much of a file is searched for that: the first second of a broadcast has 2.5 MB.
const SEARCHED: u64 = 4 << 20;

/// The filter that takes captions out of a picture.
pub(crate) const REMOVED: &str = "sidedata=mode=delete:type=A53_CC";

/// Whether an original is worth looking at: its codec may carry captions, and its first bytes look like some.
///
/// Blocks. To decode frames of every upload for this would cost more.
pub(crate) fn may_be_there(codec: &str, original: &Path) -> std::io::Result<bool> {
    if !CARRIERS.contains(&codec) {
        return Ok(false);
    }
    let mut start = Vec::new();
    std::fs::File::open(original)?.take(SEARCHED).read_to_end(&mut start)?;
    Ok(start.windows(MARK.len()).any(|bytes| bytes == MARK))
}

/// The command that reads the captions of a picture, up to its output.
///
/// ffmpeg's reader of captions takes a file by its name alone, without limits on containers and codecs. So the original is
/// decoded as always, and the captions are read from small pictures that keep them and their times.
pub(crate) async fn from_picture(
    context: &TranscodeContext<'_>,
    folder: &str,
    track: u32,
) -> Result<Arguments, MediaError> {
    let TranscodeContext { tools, plan, info, work, cancel } = *context;
    let carrier = format!("{folder}/captions.nut");
    let arguments = quiet_ffmpeg()
        .all(guarded_input(info.depth))
        .pair("-map", format_args!("0:{track}"))
        .pair("-vf", "scale=64:64")
        .pair("-fps_mode", "passthrough")
        .pair("-c:v", "libx264")
        .pair("-preset", "ultrafast")
        .pair("-pix_fmt", "yuv420p")
        .pair("-a53cc", 1)
        .pair("-f", "nut")
        .flag(format!("file:{carrier}"));
    let ffmpeg = tools.ffmpeg.within(Budget::of_encode(plan, info));
    let ran = ffmpeg.capture(&arguments, work, cancel, 0).await;
    ran.map_err(|error| MediaError::process("reading closed captions", error))?;
    // The times of the original, and not from the first picture.
    let read = quiet_ffmpeg().flag("-copyts").pair("-f", "lavfi");
    Ok(read.pair("-i", format_args!("movie=filename={carrier}[out0+subcc]")).pair("-map", "0:s"))
}
