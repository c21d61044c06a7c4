//! How like an encode is to what it was made from: the filters of ffmpeg that tell, and their words.

use super::Measure;
use crate::command::Arguments;
use crate::containment::quiet_ffmpeg;
use crate::encoder::with_colour;
use crate::info::DynamicRange;

/// The command that compares two files frame by frame. `first` and `second` are the options that read them, the encode first.
pub(super) fn command(measure: Measure, first: Arguments, second: Arguments) -> Arguments {
    let filter = match measure {
        Measure::Ssim => "ssim",
        Measure::Xpsnr => "xpsnr",
        Measure::Vmaf => "libvmaf",
    };
    // By their numbers: containers round times.
    // Nor are their colours converted into each other's: raw samples say nothing of theirs.
    let same = format!("settb=1/1000,setpts=40*N,{}", with_colour(DynamicRange::Sdr));
    let graph = format!("[0:v]{same}[a];[1:v]{same}[b];[a][b]{filter}");
    quiet_ffmpeg().all(first).all(second).pair("-filter_complex", graph).pair("-f", "null").flag("-")
}

/// The score in thousandths, from what ffmpeg says at its end.
pub(super) fn read(measure: Measure, stderr: &str) -> Option<u32> {
    let name = match measure {
        Measure::Ssim => " All:",
        Measure::Xpsnr => "XPSNR  y:",
        Measure::Vmaf => "VMAF score: ",
    };
    let (_, value) = stderr.lines().rev().find_map(|line| line.split_once(name))?;
    let value: f64 = value.split_whitespace().next()?.parse().ok()?;
    // Identical pictures are infinitely alike.
    Some((value * 1000.0).clamp(0.0, 100_000.0).floor() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_in_the_last_words() {
        let ssim =
            "[Parsed_ssim_4 @ 0x55] SSIM Y:0.981234 (17.266) U:0.99 (20.0) V:0.99 (20.0) All:0.984156 (18.001)\n";
        assert_eq!(read(Measure::Ssim, ssim), Some(984));
        let xpsnr = "[Parsed_xpsnr_4 @ 0x55] XPSNR  y: 41.0512  u: 44.1  v: 45.0  (minimum: 41.0512)\n";
        assert_eq!(read(Measure::Xpsnr, xpsnr), Some(41_051));
        assert_eq!(read(Measure::Vmaf, "[Parsed_libvmaf_4 @ 0x55] VMAF score: 93.421337\n"), Some(93_421));
        assert_eq!(read(Measure::Xpsnr, "XPSNR  y: inf  u: inf  v: inf  (minimum: inf)"), Some(100_000));
        assert_eq!(read(Measure::Ssim, "Conversion failed!"), None);
    }
}
