//! Uploads whose every frame and sound says when it is and what it is, which tests/players/measure.js reads.

use std::path::PathBuf;

use testkit::fixtures;

/// Of every film here; tests/players/steps.js counts with it too.
pub const FRAMES_PER_SECOND: u32 = 10;

/// How long the film with all tracks is: long enough that an encrypted ladder takes a second key, after ten segments.
pub const SECONDS: u32 = 66;

/// The tone of the track in English, in hertz.
pub const ENGLISH: u32 = 400;

/// When that tone begins, in seconds. Before it there is silence.
pub const SOUND_AT: f64 = 4.0;

/// The tone of the track in German, in hertz, from the start on.
pub const GERMAN: u32 = 1200;

/// A picture of a few pixels, made larger: the upper half is the number of the frame, as ten columns for its bits, the
/// lower half a colour that changes every five seconds.
fn clock(width: u32, height: u32, seconds: u32) -> String {
    let channel = |value: u32, bit: u32| {
        let number = format!("floor(T*{FRAMES_PER_SECOND}+0.5)");
        let column = format!("255*bitand(floor({number}/pow(2,floor(X/2))),1)");
        format!("if(lt(Y,2),{column},{value}*bitand(floor(floor(T/5+0.001)+1)/{bit},1))")
    };
    let [red, green, blue] = [1, 2, 4].map(|bit| channel(255, bit));
    format!(
        "color=black:size=20x4:rate={FRAMES_PER_SECOND}:duration={seconds},format=gbrp,geq=r='{red}':g='{green}':b='{blue}',\
scale={width}:{height}:flags=neighbor:out_color_matrix=bt709:out_range=tv,setsar=1,format=yuv420p"
    )
}

/// The colour of the lower half.
pub fn colour_at(seconds: f64) -> [u8; 3] {
    let step = (seconds / 5.0 + 0.001) as u8 + 1;
    [1, 2, 4].map(|bit| if step & bit == 0 { 0 } else { 255 })
}

fn english(seconds: u32) -> String {
    format!("aevalsrc='gte(t,{SOUND_AT})*0.3*sin(2*PI*{ENGLISH}*t)':sample_rate=48000:duration={seconds}")
}

const COLOURS: &[&str] =
    &["-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709", "-color_range", "tv"];

/// Sound in English, in 5.1 and the default, and in German; subtitles in German, a forced one among them.
pub fn with_all_tracks() -> PathBuf {
    let full = "1\n00:00:01,000 --> 00:00:03,000\nEins\n\n2\n00:00:11,000 --> 00:00:13,500\nZwei\nZeilen\n\n\
        3\n00:01:01,000 --> 00:01:04,000\nSchluss\n";
    let forced = "1\n00:00:11,500 --> 00:00:12,500\nAUSGANG\n";
    let [full, forced] = [("full.srt", full), ("forced.srt", forced)]
        .map(|(name, text)| fixtures::bytes(name, text.as_bytes()).to_str().unwrap().to_owned());
    let picture = clock(854, 480, SECONDS);
    let german = format!("sine=frequency={GERMAN}:sample_rate=48000:duration={SECONDS}");
    let english = english(SECONDS);
    let inputs = ["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &english, "-f", "lavfi", "-i", &german];
    let tracks = "-map 0 -map 1 -map 2 -map 3 -map 4 -c:a aac -ac:a:0 6 -ac:a:1 2 -c:s subrip \
        -disposition:a:0 default -disposition:a:1 0 -disposition:s:0 0 -disposition:s:1 forced \
        -metadata:s:a:0 language=eng -metadata:s:a:0 title=English \
        -metadata:s:a:1 language=ger -metadata:s:a:1 title=Deutsch \
        -metadata:s:s:0 language=ger -metadata:s:s:0 title=Untertitel \
        -metadata:s:s:1 language=ger -metadata:s:s:1 title=Schilder";
    let tracks: Vec<&str> = tracks.split_whitespace().collect();
    let inputs = [&inputs[..], &["-i", &full, "-i", &forced]].concat();
    fixtures::ffmpeg("all-tracks.mkv", &[&inputs[..], fixtures::X264, COLOURS, &tracks].concat())
}

/// Subtitles in English, to go beside the film.
pub fn captions() -> PathBuf {
    fixtures::bytes("captions.srt", b"1\n00:00:05,000 --> 00:00:08,000\nBeside the film\n")
}

/// Seven seconds that browsers play as they are, with a short side that no rung of a fixed size has, so that a rung at the source's own size can be told
/// from the others.
pub fn of_700_lines() -> PathBuf {
    let (picture, sound) = (clock(1280, 700, 7), english(7));
    let inputs = ["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound, "-c:a", "aac"];
    fixtures::ffmpeg("700-lines.mp4", &[&inputs[..], fixtures::X264, COLOURS].concat())
}

/// The same in HDR10, without colour and sound.
pub fn in_high_range() -> PathBuf {
    // White is a little above that of standard range: some 400 cd/m².
    let bit = format!("bitand(floor(floor(T*{FRAMES_PER_SECOND}+0.5)/pow(2,floor(X/2))),1)");
    let picture = format!(
        "color=black:size=20x4:rate={FRAMES_PER_SECOND}:duration=7,format=yuv420p10le,\
geq=lum='if(lt(Y,2),64+586*{bit},400)':cb=512:cr=512,scale=1280:700:flags=neighbor,setsar=1"
    );
    let encoder = "-c:v libx264 -preset ultrafast -crf 12 -color_primaries bt2020 -color_trc smpte2084 \
        -colorspace bt2020nc -color_range tv";
    let encoder: Vec<&str> = encoder.split_whitespace().collect();
    fixtures::ffmpeg("high-range.mp4", &[&["-f", "lavfi", "-i", &picture][..], &encoder].concat())
}
