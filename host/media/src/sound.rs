//! The analysis of the sound: its loudness and its waveforms, in a pass over the sound alone before the encode.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use crate::budget::Budget;
use crate::command::Arguments;
use crate::containment::{guarded_input, quiet_ffmpeg};
use crate::context::{TranscodeContext, blocking};
use crate::damage;
use crate::early::{self, EarlySound};
use crate::error::{MediaError, UploadError};
use crate::graph::all_tracks_seen;
use crate::info::{Audio, LATE, MediaInfo};
use crate::loudness::{self, METER, Measure};
use crate::outputs::AudioRendition;
use crate::part::Part;
use crate::plan::Plan;
use crate::process::ProcessError;
use crate::waveform::{Waveform, WaveformBuilder};

#[derive(Debug, Default)]
pub struct SoundAnalysis {
    /// Of the stereo that is published, before it is levelled. `None` for silence, without sound, and if the plan doesn't
    /// need it.
    pub loudness: Option<Measure>,
    /// Of the source.
    pub source_loudness: Option<Measure>,
    /// Whether rate or channels change on the way.
    pub changes: bool,
    /// The waveforms, each with its output's place in the plan.
    pub waveforms: Vec<(usize, Waveform)>,
}

/// The filter that fills the sound's gaps, and the time before it if it begins late. Otherwise its start isn't forced:
/// where rate or channels change on the way, filters start again, and would fill in all the time that is over.
pub(crate) fn as_it_is(audio: &Audio) -> &'static str {
    if audio.untimed {
        // Without times, samples are counted to the end.
        "asetpts=NAN"
    } else if audio.start > LATE {
        "aresample=async=1:first_pts=0"
    } else {
        "aresample=async=1"
    }
}

/// The filters that bring sound to its target loudness; none where it stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// For the stereo that rungs have.
    pub usual: Option<String>,
    /// For renditions of other sound, by their outputs' places in the plan.
    pub tracks: BTreeMap<usize, String>,
}

/// Where the sound comes from in a graph: the chains that make it of its tracks, and the pad that has it. `pad` is what that
/// is called where it is made.
pub(crate) fn source(audio: &Audio, input: usize, part: Option<Part>, pad: &str) -> (Vec<String>, String) {
    let (mut chains, whole) = whole_source(audio, input);
    let Some(part) = part else { return (chains, whole) };
    // Gaps are filled first, as a gap may begin before the part.
    let filled = if audio.untimed { "asetpts=N/SR/TB" } else { as_it_is(audio) };
    chains.push(format!("{whole}{filled},{}[{pad}]", part.filters("atrim", "asetpts", 0.0)));
    (chains, format!("[{pad}]"))
}

fn whole_source(audio: &Audio, input: usize) -> (Vec<String>, String) {
    let Some(right) = audio.right else { return (Vec::new(), format!("[{input}:{}]", audio.index)) };
    // `join` counts samples and takes no notice of times, so each channel begins at zero and has its gaps filled.
    let channel = |index, pad| format!("[{input}:{index}]aresample=async=1:first_pts=0{pad}");
    let joined = "[left][right]join=inputs=2:channel_layout=stereo:map=0.0-FL|1.0-FR[both]".to_owned();
    (vec![channel(audio.index, "[left]"), channel(right, "[right]"), joined], "[both]".to_owned())
}

/// The form in which the sound is measured and levelled: 48 kHz stereo from the source's zero, gaps filled.
pub(crate) fn common_form(audio: &Audio) -> String {
    format!("{},aresample=48000,aformat=sample_fmts=fltp:channel_layouts=stereo", as_it_is(audio))
}

fn needs_loudness(plan: &Plan) -> bool {
    plan.loudness.is_some() || plan.outputs.iter().any(|output| output.kind().measures_loudness())
}

/// The loudness that is reported, if the plan asks for it and there is sound.
pub fn reports_loudness(plan: &Plan, info: &MediaInfo) -> bool {
    needs_loudness(plan) && info.audio.is_some()
}

/// What a pass over the sound is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) loudness: bool,
    /// On the standard output: 16 bit, at the source's own rate and channels, over which a waveform is defined.
    pub(crate) samples: bool,
}

impl Wanted {
    pub(crate) const ALL: Self = Self { loudness: true, samples: true };
}

/// The filters of the analysis.
pub(crate) fn filters(audio: &Audio, part: Option<Part>, wanted: Wanted) -> String {
    let (mut chains, source) = source(audio, 0, part, "part");
    let meter = format!("{},{METER}[loudness]", common_form(audio));
    let samples = format!("{}[samples]", as_it_is(audio));
    chains.push(match wanted {
        Wanted { loudness: true, samples: true } => {
            format!("{source}asplit=2[to_wave][to_meter];[to_wave]{samples};[to_meter]{meter}")
        }
        Wanted { loudness: true, samples: false } => format!("{source}{meter}"),
        Wanted { loudness: false, .. } => format!("{source}{samples}"),
    });
    chains.join(";")
}

/// The command of the analysis over an input, with these filters.
pub(crate) fn listening(input: Arguments, container: &str, filters: &str, wanted: Wanted) -> Arguments {
    let mut arguments = quiet_ffmpeg().all(input).pair("-filter_complex", filters);
    if wanted.loudness {
        arguments = arguments.pair("-map", "[loudness]").pair("-f", "null").flag("-");
    }
    if wanted.samples {
        arguments = arguments.pair("-map", "[samples]").pair("-c:a", "pcm_s16le").pair("-f", "s16le").flag("pipe:1");
    }
    arguments.all(all_tracks_seen(container, 0))
}

/// The command of the analysis; `None` if there is nothing to find out.
pub fn command(info: &MediaInfo, plan: &Plan) -> Option<Arguments> {
    let audio = info.audio.as_ref()?;
    let samples = plan.outputs.iter().any(|output| output.kind().waveform_resolution().is_some());
    let wanted = Wanted { loudness: needs_loudness(plan), samples };
    let filters = || filters(audio, info.part, wanted);
    let command = || listening(guarded_input(info.depth), &info.container, &filters(), wanted);
    (wanted.loudness || wanted.samples).then(command)
}

/// Finds out everything about the sound that the plan needs, in one pass, unless that was done while the original arrived.
pub async fn analyse(context: &TranscodeContext<'_>, early: Option<EarlySound>) -> Result<SoundAnalysis, MediaError> {
    let TranscodeContext { tools, work, info, plan, cancel } = *context;
    let (Some(audio), Some(arguments)) = (&info.audio, command(info, plan)) else {
        return Ok(SoundAnalysis::default());
    };
    let mut builders = builders(plan, audio)?;
    let heard = match early.filter(|early| early.is_of(info, audio)) {
        Some(early) => early.result(!builders.is_empty()).await,
        None => None,
    };
    let ffmpeg = tools.ffmpeg.within(Budget::of_sound(info));
    let finished = if let Some(finished) = heard {
        tracing::debug!("the sound was analysed while the original arrived");
        builders = replay(work, builders).await?;
        finished
    } else if builders.is_empty() {
        // No samples arrive here, so ffmpeg's progress reports show that it is alive.
        ffmpeg.watch(arguments, work, cancel, |_| ()).await.map_err(failed)?
    } else {
        let push = |samples: &[u8]| builders.iter_mut().for_each(|(_, builder)| builder.push(samples));
        ffmpeg.stream(&arguments, work, cancel, push).await.map_err(failed)?
    };
    // If this fails, it goes with the work directory.
    let _ = tokio::fs::remove_file(work.join(early::SAMPLES)).await;
    // What is said of it comes from the encode, which decodes it once more.
    damage::judge(info, &finished.complaints)?;
    let changes = !loudness::is_steady(&finished.stderr);
    let loudness = if needs_loudness(plan) { loudness::parse_summary(&finished.stderr) } else { None };
    // Where channels change on the way, only some of it is mono.
    let is_mono = audio.channels == 1 && !changes;
    Ok(SoundAnalysis {
        changes,
        loudness,
        source_loudness: if is_mono { loudness.map(Measure::as_mono) } else { loudness },
        waveforms: builders.into_iter().map(|(index, builder)| (index, builder.finish())).collect(),
    })
}

/// Gives the samples that were kept to the builders.
async fn replay(
    work: &Path,
    mut builders: Vec<(usize, WaveformBuilder)>,
) -> Result<Vec<(usize, WaveformBuilder)>, MediaError> {
    let path = work.join(early::SAMPLES);
    let replayed = blocking(move || {
        let mut samples = BufReader::with_capacity(1 << 20, File::open(path)?);
        while let piece @ [_, ..] = samples.fill_buf()? {
            builders.iter_mut().for_each(|(_, builder)| builder.push(piece));
            let length = piece.len();
            samples.consume(length);
        }
        Ok(builders)
    });
    replayed.await?.map_err(MediaError::work("reading samples"))
}

/// Finds out how the sound is brought to its target loudness.
pub async fn levels(context: &TranscodeContext<'_>, analysis: &SoundAnalysis) -> Result<Levels, MediaError> {
    let TranscodeContext { tools, work, info, plan, cancel } = *context;
    let Some(target) = plan.loudness else { return Ok(Levels::default()) };
    let length = info.audio.as_ref().map_or(info.duration, |audio| audio.length);
    let usual = loudness::filter_to(target, analysis.loudness, length, !analysis.changes, "stereo");
    let mut tracks = BTreeMap::new();
    for (index, rendition) in plan.all_of::<AudioRendition>().filter(|(_, rendition)| !rendition.is_usual(info)) {
        let Some(track) = rendition.sound(info) else { continue };
        let arguments = measuring(info, track, &rendition.form(track));
        let ffmpeg = tools.ffmpeg.within(Budget::of_sound(info));
        let finished = ffmpeg.watch(arguments, work, cancel, |_| ()).await.map_err(failed)?;
        let (measure, is_steady) = (loudness::parse_summary(&finished.stderr), loudness::is_steady(&finished.stderr));
        let filter = loudness::filter_to(target, measure, track.length, is_steady, rendition.layout(track));
        tracks.extend(filter.map(|filter| (index, filter)));
    }
    Ok(Levels { usual, tracks })
}

/// The command that measures a track in a form.
fn measuring(info: &MediaInfo, track: &Audio, form: &str) -> Arguments {
    let (mut chains, source) = source(track, 0, info.part, "part");
    chains.push(format!("{source}{form},{METER}[loudness]"));
    let arguments = quiet_ffmpeg().all(guarded_input(info.depth)).pair("-filter_complex", chains.join(";"));
    arguments.pair("-map", "[loudness]").pair("-f", "null").flag("-").all(all_tracks_seen(&info.container, 0))
}

fn builders(plan: &Plan, audio: &Audio) -> Result<Vec<(usize, WaveformBuilder)>, MediaError> {
    let channels = u16::try_from(audio.channels).unwrap_or(u16::MAX);
    let outputs = plan.outputs.iter().enumerate();
    let wanted = outputs.filter_map(|(index, output)| Some((index, output.kind().waveform_resolution()?)));
    let builder = |(index, resolution)| {
        let builder = WaveformBuilder::new(audio.sample_rate, channels, resolution);
        Ok((index, builder.map_err(MediaError::Other)?))
    };
    wanted.map(builder).collect()
}

/// This pass only decodes, so a failure is the upload's fault unless it is the machine's.
fn failed(error: ProcessError) -> MediaError {
    match MediaError::process("analysing the sound", error) {
        error @ MediaError::Process { source: ProcessError::Failed { .. }, .. } => {
            let detail = format!("its sound can't be decoded ({})", error.last_words());
            UploadError::Damaged { detail }.into()
        }
        other => other,
    }
}
