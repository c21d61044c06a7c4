//! Compares the rungs of a ladder with their source, so that the work of a broken encoder, a wrong matrix or a lost second
//! is never published.
//!
//! The encode takes small pictures of the source straight from its decoder, before any filter, and the loudness of every
//! 20 ms of its sound. Then each rung is decoded, and the same is taken from it. Of a long film only some segments are
//! decoded, so that the cost has an end.

mod colour;
mod picture;
mod sampling;
mod sound;

use std::path::{Path, PathBuf};
use std::time::Duration;

use storage::read_at_most;

use self::sampling::Sampling;
use crate::budget::Budget;
use crate::command::Arguments;
use crate::containment::quiet_ffmpeg;
use crate::context::{TranscodeContext, blocking, without_complaint};
use crate::error::MediaError;
use crate::graph::{Branches, MADE, limited_grey};
use crate::hls::{self, CheckedRung, MediaPlaylist};
use crate::info::{DynamicRange, LATE, Matrix, MediaInfo, Ratio, Video};
use crate::outputs::ladder::{Ladder, Rung, rung_folder};
use crate::threads;
use crate::watermark::Place;

/// Frames by which the first packet's time and the first picture's may differ.
const MOST_REORDERED: f64 = 5.0;

/// Most bytes that are read of the file with the first picture's time, which is in its first line.
const MAX_LIST: u64 = 4096;

/// Filters that write the loudness of each 20 ms to a file, and let all sound through. Where rate or channels change on
/// the way, filters start again and the file with them: then it has the last part only.
fn envelope(sampling: &Sampling, file: &str) -> String {
    let (rate, samples) = (sound::SAMPLE_RATE, sound::POINT_SAMPLES);
    let selected = if sampling.is_whole { String::new() } else { format!(":enable='{}'", sampling.selection()) };
    format!(
        "aresample={rate},asetnsamples=n={samples}:p=0,\
astats=metadata=1:reset=1:measure_perchannel=none:measure_overall=RMS_level,\
ametadata=mode=print:key={}:file={file}{selected},asetpts=N/SR/TB",
        sound::KEY
    )
}

/// Filters that write the time of the first picture to a file. Only decoding tells it: some containers time packets in the
/// order of decoding. Frames are printed that have a word of their own.
fn time_of_first(file: &str) -> String {
    format!("metadata=mode=add:key=first:value=1:enable='eq(n,0)',metadata=mode=print:key=first:file={file}")
}

/// What is taken from the source. Folders lie side by side: a confined ffmpeg may write into no deeper one.
fn source_folder() -> String {
    format!("{MADE}/compared_source")
}

/// What is taken from a rung. Its keyframes are compared while its other frames are decoded.
fn made_folder(number: usize, frames: Frames) -> String {
    format!("{MADE}/compared{number}{}", if frames == Frames::Key { "_key" } else { "" })
}

/// In either folder, the envelope of the sound that is published.
const SOUND: &str = "sound.txt";

fn sound_in(folder: &str) -> String {
    format!("{folder}/{SOUND}")
}

/// The time of the source's first picture.
fn first_picture() -> String {
    format!("{}/first.txt", source_folder())
}

/// The envelope of the source's sound before it was levelled.
fn sound_before_levelling() -> String {
    format!("{}/before.txt", source_folder())
}

/// What is taken from a rendition of sound, and from the source for it.
pub(crate) fn audio_folder(index: usize) -> String {
    format!("{MADE}/compared_audio{index}")
}

/// The envelope of the source's sound for a rendition.
fn heard_in_source(index: usize) -> String {
    format!("{}/source.txt", audio_folder(index))
}

/// The folders that ffmpeg writes into.
pub(crate) fn folders(ladder: &Ladder) -> Vec<String> {
    let of_rung = |number| [Frames::Key, Frames::All].map(|frames| made_folder(number, frames));
    (0..ladder.rungs.len()).flat_map(of_rung).chain([source_folder()]).collect()
}

/// Pictures of a size, in colours that can be compared.
fn small(width: usize, colours: &str) -> String {
    format!("scale={width}:{}:flags=area{colours},format=rgb24", picture::HEIGHT)
}

/// Each as a file of raw pixels, named by the number of its instant.
fn raw_pictures(folder: &str) -> Arguments {
    Arguments::new()
        .pair("-fps_mode", "passthrough")
        .pair("-c:v", "rawvideo")
        .pair("-f", "image2")
        .pair("-frame_pts", 1)
        .flag(format!("{folder}/%d.rgb"))
}

/// The envelope's file is written by a filter; its samples go nowhere.
pub(crate) fn no_file() -> Arguments {
    Arguments::new().pair("-c:a", "pcm_s16le").pair("-f", "null").flag("-")
}

/// Adds what is needed of the source to the encode. From each branch something comes all the time: ffmpeg reads on for one
/// that has nothing, and what the others have made piles up.
pub(crate) fn add_to_graph(ladder: &Ladder, graph: &mut Branches<'_>) {
    let sampling = Sampling::of(ladder, graph.info);
    if let Some(video) = graph.info.video.as_ref().filter(|_| ladder.rungs.iter().any(|rung| rung.video.is_some())) {
        let first = time_of_first(&first_picture());
        let filters =
            limited_grey(video).into_iter().chain([first, source_pictures(video, &sampling, &graph.downloaded())]);
        let pictures = graph.decoded_picture("compared", filters.collect::<Vec<_>>().join(","));
        graph.output(pictures.all(raw_pictures(&source_folder())));
    }
    if ladder.rungs.iter().any(|rung| rung.has_audio(graph.info)) {
        let before = graph.sound_before_levelling("heard", envelope(&sampling, &sound_before_levelling()));
        let after = graph.raw_levelled_sound("levelled", envelope(&sampling, &sound_in(&source_folder())));
        for sound in before.into_iter().chain([after]) {
            graph.output(sound.all(no_file()));
        }
    }
}

/// The filters that take what is needed of the sound that a rendition is made of.
pub(crate) fn heard(ladder: &Ladder, info: &MediaInfo, index: usize) -> String {
    envelope(&Sampling::of(ladder, info), &heard_in_source(index))
}

/// Compares a checked rendition of sound, which lies in `folder`, with what it was made of, which begins at `begin`. It is
/// decoded for that, which has to leave no complaint.
pub(crate) async fn check_audio(
    context: &TranscodeContext<'_>,
    ladder: &Ladder,
    (index, folder): (usize, &str),
    (playlist, begin): (&MediaPlaylist, Duration),
    what: String,
) -> Result<(), MediaError> {
    let sampling = Sampling::of(ladder, context.info);
    let own = audio_folder(index);
    let joined = format!("{own}/joined");
    let (from, to, playlist) = (context.work.join(folder), context.work.join(&joined), playlist.clone());
    let segments = sampling.segments.clone();
    let written = blocking(move || join(&from, &playlist, &segments, &to)).await?;
    written.map_err(MediaError::work("joining segments"))?;
    let whole = Sampling { is_whole: true, ..sampling };
    let arguments = quiet_ffmpeg()
        .pair("-v", "error")
        .flag("-copyts")
        .pair("-f", ladder.container.demuxer())
        .pair("-i", format_args!("file:{joined}"))
        .pair("-af", format_args!("asetpts=PTS-STARTPTS,{}", envelope(&whole, &sound_in(&own))))
        .all(no_file());
    let ffmpeg = context.tools.ffmpeg.within(Budget::of_encode(context.plan, context.info));
    let decoded = ffmpeg.watch(arguments, context.work, context.cancel, |_| ()).await;
    without_complaint(decoded, &what, "checking sound")?;
    let removed = tokio::fs::remove_file(context.work.join(&joined)).await;
    removed.map_err(MediaError::work("joining segments"))?;
    let (source, made) = (context.work.join(heard_in_source(index)), context.work.join(sound_in(&own)));
    let compared = compare_sound(source, made, Some(begin), sound::Tolerance::ENCODED).await?;
    compared.map_err(|detail| MediaError::Differs { what, detail })
}

/// How the source's planes become red, green and blue. Of high dynamic range only shapes are compared.
fn source_colours(video: &Video) -> String {
    let matrix = match video.matrix {
        Matrix::Bt709 => ":in_color_matrix=bt709",
        Matrix::Bt601 => ":in_color_matrix=bt601",
        Matrix::Bt2020 => ":in_color_matrix=bt2020",
        Matrix::Rgb => return String::new(),
    };
    format!("{matrix}:in_range={}", if video.full_range { "pc" } else { "tv" })
}

/// Which frames of a rung are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frames {
    All,
    /// Those that others refer to, which is half of them as a rule: what takes the others' place is a frame away.
    Referenced,
    Key,
}

impl Frames {
    /// For `-skip_frame`.
    fn skipped(self) -> Option<&'static str> {
        match self {
            Self::All => None,
            Self::Referenced => Some("noref"),
            Self::Key => Some("nokey"),
        }
    }
}

/// Compares the checked rungs of a ladder with the source. They are decoded for that, which has to leave no complaint.
///
/// A good ladder passes with a quarter of its frames. Where these differ, all frames have to, before a rung is refused.
pub(crate) async fn check_rungs(
    context: &TranscodeContext<'_>,
    ladder: &Ladder,
    checked: &[CheckedRung],
) -> Result<(), MediaError> {
    let rungs = ladder.rungs.iter().zip(checked).enumerate();
    let rungs: Vec<Compared<'_>> =
        rungs.map(|(number, (rung, checked))| Compared { number, rung, playlist: &checked.playlist }).collect();
    let sampling = Sampling::of(ladder, context.info);
    match check_by_part(context, ladder, &rungs, &sampling).await {
        Ok(()) => return Ok(()),
        Err(error) => tracing::debug!(%error, "a part of the frames may differ; all are compared"),
    }
    for rung in &rungs {
        check(context, ladder, std::slice::from_ref(rung), &sampling, Frames::All).await?;
    }
    Ok(())
}

/// By keyframes and sound, and by half of the frames of half of the segments.
async fn check_by_part(
    context: &TranscodeContext<'_>,
    ladder: &Ladder,
    rungs: &[Compared<'_>],
    sampling: &Sampling,
) -> Result<(), MediaError> {
    let with_picture: Vec<Compared<'_>> = rungs.iter().filter(|rung| rung.rung.video.is_some()).copied().collect();
    let halved = sampling.halved();
    let by_keyframes = check(context, ladder, rungs, sampling, Frames::Key);
    if with_picture.is_empty() {
        return by_keyframes.await;
    }
    let by_others = check(context, ladder, &with_picture, &halved, Frames::Referenced);
    tokio::try_join!(by_keyframes, by_others).map(drop)
}

/// A rung that is compared.
#[derive(Clone, Copy)]
struct Compared<'a> {
    number: usize,
    rung: &'a Rung,
    playlist: &'a MediaPlaylist,
}

impl Compared<'_> {
    fn folder(&self, frames: Frames) -> String {
        made_folder(self.number, frames)
    }

    /// Its segments that are compared, in one file.
    fn joined(&self, frames: Frames) -> String {
        format!("{}/joined", self.folder(frames))
    }
}

async fn check(
    context: &TranscodeContext<'_>,
    ladder: &Ladder,
    rungs: &[Compared<'_>],
    sampling: &Sampling,
    frames: Frames,
) -> Result<(), MediaError> {
    decode(context, ladder, rungs, sampling, frames).await?;
    for rung in rungs {
        compare(context, rung, sampling, frames).await?;
    }
    Ok(())
}

/// Compares what was taken from a rung.
async fn compare(
    context: &TranscodeContext<'_>,
    rung: &Compared<'_>,
    sampling: &Sampling,
    frames: Frames,
) -> Result<(), MediaError> {
    let (source, made) = (context.work.join(source_folder()), context.work.join(rung.folder(frames)));
    let differs = |detail| MediaError::Differs { what: format!("rung `{}`", rung.rung.name), detail };
    if let Some(video) = context.info.video.as_ref().filter(|_| rung.rung.video.is_some()) {
        let kind = match (video.range, frames) {
            (DynamicRange::Sdr, Frames::Key) => picture::Kind::Colours(colour::MOST_DIFFERENCE_OF_KEYFRAME),
            (DynamicRange::Sdr, _) => picture::Kind::Colours(colour::MOST_DIFFERENCE_OF_ONE),
            (DynamicRange::Pq | DynamicRange::Hlg, _) => picture::Kind::Shapes,
        };
        let frame_ms = (1000.0 / video.frame_rate.value()).ceil() as u64;
        // What the last frames show may be rounded away.
        let needed = sampling.length_ms.saturating_sub(2 * frame_ms) / sampling.interval_ms;
        let every = if frames == Frames::Key { sampling.keyframe_every } else { 1 };
        let (source, made, sampling) = (source.clone(), made.clone(), sampling.clone());
        let selected = move |instant: u64| instant.is_multiple_of(every) && sampling.has(instant);
        let covered = context.plan.watermark.as_ref().map(|watermark| covered(watermark.place(video), video));
        let compared =
            blocking(move || picture::compare(&source, &made, &selected, needed, (kind, covered.as_ref()))).await?;
        compared.map_err(MediaError::work("comparing pictures"))?.map_err(differs)?;
    }
    if rung.rung.has_audio(context.info) && frames != Frames::Referenced {
        let begin = context.info.audio.as_ref().map_or(Duration::ZERO, |audio| audio.begin());
        let compared = compare_sound(source.join(SOUND), made.join(SOUND), Some(begin), sound::Tolerance::ENCODED);
        compared.await?.map_err(differs)?;
    }
    Ok(())
}

/// The part of the small pictures that a watermark touches.
fn covered(place: Place, video: &Video) -> picture::Covered {
    let span = |from: u32, length: u32, whole: u32, pixels: usize| {
        let at = |side: u32| f64::from(side) / f64::from(whole.max(1)) * pixels as f64;
        // A pixel of the small picture blends with its neighbours.
        (at(from).floor() as usize).saturating_sub(1)..(at(from + length).ceil() as usize + 1).min(pixels)
    };
    picture::Covered {
        columns: span(place.left, place.width, video.width, picture::WIDTH),
        lines: span(place.top, place.height, video.height, picture::HEIGHT),
    }
}

/// Checks that levelling has kept the time of the sound.
pub(crate) async fn check_levelling(context: &TranscodeContext<'_>) -> Result<(), MediaError> {
    let (source, made) = (context.work.join(sound_before_levelling()), context.work.join(sound_in(&source_folder())));
    if !source.exists() {
        return Ok(());
    }
    let differs = |detail| MediaError::Differs { what: "the levelled sound".to_owned(), detail };
    compare_sound(source, made, None, sound::Tolerance::LEVELLED).await?.map_err(differs)
}

/// The inner error says what differs.
async fn compare_sound(
    source: PathBuf,
    made: PathBuf,
    begin: Option<Duration>,
    tolerance: sound::Tolerance,
) -> Result<Result<(), String>, MediaError> {
    let compared = blocking(move || sound::compare(&source, &made, begin, tolerance)).await?;
    compared.map_err(MediaError::work("comparing sound"))
}

/// Decodes the segments that are compared.
async fn decode(
    context: &TranscodeContext<'_>,
    ladder: &Ladder,
    rungs: &[Compared<'_>],
    sampling: &Sampling,
    frames: Frames,
) -> Result<(), MediaError> {
    for rung in rungs {
        let (from, to) = (context.work.join(rung_folder(rung.number)), context.work.join(rung.folder(frames)));
        let (file, playlist, segments) =
            (context.work.join(rung.joined(frames)), rung.playlist.clone(), sampling.segments.clone());
        let joined = blocking(move || {
            empty(&to)?;
            join(&from, &playlist, &segments, &file)
        });
        joined.await?.map_err(MediaError::work("joining segments"))?;
    }
    let list = context.work.join(first_picture());
    let first = blocking(move || first_time(&list)).await?;
    let arguments = command(context, ladder, rungs, sampling, first, frames);
    let ffmpeg = context.tools.ffmpeg.within(Budget::of_encode(context.plan, context.info));
    let decoded = ffmpeg.watch(arguments, context.work, context.cancel, |_| ()).await;
    for rung in rungs {
        let removed = tokio::fs::remove_file(context.work.join(rung.joined(frames))).await;
        removed.map_err(MediaError::work("joining segments"))?;
    }
    let names: Vec<&str> = rungs.iter().map(|rung| rung.rung.name.as_str()).collect();
    without_complaint(decoded, &format!("rung `{}`", names.join("`, `")), "comparing a rung with its source")
}

/// Removes what an earlier comparison has left in a folder.
fn empty(folder: &Path) -> std::io::Result<()> {
    std::fs::remove_dir_all(folder)?;
    std::fs::create_dir(folder)
}

/// The time that [`time_of_first`] has written, in seconds, if it can be read.
fn first_time(list: &Path) -> Option<f64> {
    let list = String::from_utf8(read_at_most(list, MAX_LIST).ok()?).ok()?;
    list.lines().find_map(|line| line.split_once("pts_time:")?.1.trim().parse().ok())
}

fn join(from: &Path, playlist: &MediaPlaylist, segments: &[u64], to: &Path) -> std::io::Result<()> {
    let wanted = |number: &usize| segments.contains(&(*number as u64));
    hls::join(from, playlist, (0..playlist.segments.len()).filter(wanted), to)
}

/// The command that takes pictures and envelopes of rungs.
fn command(
    context: &TranscodeContext<'_>,
    ladder: &Ladder,
    rungs: &[Compared<'_>],
    sampling: &Sampling,
    first: Option<f64>,
    frames: Frames,
) -> Arguments {
    // The pauses between segments are to stay.
    let mut arguments = quiet_ffmpeg().pair("-v", "error").flag("-copyts");
    for rung in rungs {
        arguments = arguments
            .pair("-threads", threads::of_decoder(context.tools.cores))
            // A quarter of the work, and nothing that small pictures show.
            .pair("-skip_loop_filter", "all")
            .pair_opt("-skip_frame", frames.skipped())
            .pair("-f", ladder.container.demuxer())
            .pair("-i", format_args!("file:{}", rung.joined(frames)));
    }
    for (input, rung) in rungs.iter().enumerate() {
        if let Some(video) = context.info.video.as_ref().filter(|_| rung.rung.video.is_some()) {
            arguments = arguments
                .pair("-filter_complex", picture_graph(input, video, sampling, first, frames))
                .pair("-map", format_args!("[pictures{input}]"))
                .all(raw_pictures(&rung.folder(frames)));
        }
        if rung.rung.has_audio(context.info) && frames != Frames::Referenced {
            let envelope = envelope(&Sampling { is_whole: true, ..sampling.clone() }, &sound_in(&rung.folder(frames)));
            arguments = arguments
                .pair("-filter_complex", format_args!("[{input}:a]asetpts=PTS-STARTPTS,{envelope}[sound{input}]"))
                .pair("-map", format_args!("[sound{input}]"))
                .all(no_file());
        }
    }
    arguments
}

/// What a rung shows at each instant. Of keyframes, it is the one at the instant or up to a frame behind it.
fn picture_graph(input: usize, video: &Video, sampling: &Sampling, first: Option<f64>, frames: Frames) -> String {
    let rate = video.frame_rate;
    // Where the size changes on the way, filters start again, and the file has the time of that frame instead. Decoding
    // moves a first frame by no more than encoders reorder.
    let start = video.start.as_secs_f64();
    let first = first.filter(|first| (first - start).abs() <= MOST_REORDERED / rate.value()).unwrap_or(start);
    // A picture that starts late is held from the source's zero.
    let first = if video.start > LATE { 0.0 } else { (first * rate.value()).round() / rate.value() };
    let (every, shift) = match frames {
        Frames::Key => (sampling.keyframe_every, format!(",{}", later(video))),
        Frames::All | Frames::Referenced => (1, String::new()),
    };
    let spaced = Sampling { interval_ms: sampling.interval_ms * every, ..sampling.clone() };
    let selected = if sampling.is_whole { String::new() } else { format!(",select='{}'", sampling.selection()) };
    // The last frame is doubled: alone, it would be shown for no time. Of fewer frames, it may be some frames from the end.
    // Before times are changed: in version 7.1 of ffmpeg that loses the rate that the doubles follow at.
    let held = if frames == Frames::All { 1 } else { 4 };
    format!(
        "[{input}:v]tpad=stop={held}:stop_mode=clone,setpts=PTS-STARTPTS+{first}/TB{shift},{}{selected},{},\
setpts=PTS*{every}[pictures{input}]",
        spaced.instants(true),
        small(picture::WIDTH, ":in_color_matrix=bt709:in_range=tv")
    )
}

/// What a source shows at each instant, and a frame before and behind it, side by side: the encode's constant rate may move
/// a frame by half a frame.
fn source_pictures(video: &Video, sampling: &Sampling, downloaded: &str) -> String {
    let separator = if downloaded.is_empty() { "" } else { "," };
    let instants = format!("{}{separator}{downloaded}", sampling.instants(video.start > LATE));
    let Ratio { numerator, denominator } = video.frame_rate;
    let earlier = format!("setpts=PTS+{denominator}/{numerator}/TB");
    format!(
        "split=3[early][exact][late];[early]{earlier},{instants}[e];[exact]{instants}[x];[late]{},{instants}[l];\
[e][x][l]hstack=inputs=3,{}",
        later(video),
        small(picture::WIDTH * picture::CANDIDATES, &source_colours(video))
    )
}

/// A filter that shows each frame a frame's time sooner, so that at an instant the next one is seen.
fn later(video: &Video) -> String {
    let Ratio { numerator, denominator } = video.frame_rate;
    format!("setpts='max(PTS-{denominator}/{numerator}/TB,0)'")
}

#[cfg(test)]
mod tests;
