//! The pass over the sound alone: its loudness and its waveform, before the pass over everything needs to know.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::command::Arguments;
use super::containment::{guarded_input, quiet_ffmpeg};
use super::error::{MediaError, UploadError};
use super::info::{Audio, MediaInfo};
use super::loudness::{self, COMMON_FORM, METER, Measure};
use super::plan::{Output, Plan};
use super::process::{ProcessError, Tool};
use super::waveform::{Waveform, WaveformBuilder};

/// What the pass found.
#[derive(Debug, Default)]
pub struct Heard {
    /// None for silence, for no sound, and where nobody asked.
    pub loudness: Option<Measure>,
    /// A waveform for each output that wants one, by the output's index.
    pub waveforms: Vec<(usize, Waveform)>,
}

fn wants_loudness(plan: &Plan) -> bool {
    plan.loudness.is_some() || plan.outputs.iter().any(|output| matches!(output, Output::Loudness))
}

/// The command of the pass; none where there is nothing to learn.
pub fn command(info: &MediaInfo, plan: &Plan) -> Option<Arguments> {
    let stream = info.audio.as_ref()?.index;
    let wants_loudness = wants_loudness(plan);
    let wants_samples = plan.outputs.iter().any(|output| matches!(output, Output::Waveform(_)));
    let meter = format!("{COMMON_FORM},{METER}[loudness]");
    let graph = match (wants_loudness, wants_samples) {
        (false, false) => return None,
        (true, false) => format!("[0:{stream}]{meter}"),
        (true, true) => format!("[0:{stream}]asplit=2[samples][to_meter];[to_meter]{meter}"),
        (false, true) => format!("[0:{stream}]anull[samples]"),
    };
    let mut arguments = quiet_ffmpeg().all(guarded_input()).pair("-filter_complex", graph);
    if wants_loudness {
        arguments = arguments.pair("-map", "[loudness]").pair("-f", "null").flag("-");
    }
    if wants_samples {
        // At the source's own rate and with its own channels: what a waveform is defined over.
        arguments = arguments.pair("-map", "[samples]").pair("-c:a", "pcm_s16le").pair("-f", "s16le").flag("pipe:1");
    }
    Some(arguments)
}

/// Listens to the source once for everything that the plan wants to know.
pub async fn listen(
    ffmpeg: &Tool,
    work: &Path,
    info: &MediaInfo,
    plan: &Plan,
    cancel: &CancellationToken,
) -> Result<Heard, MediaError> {
    let (Some(audio), Some(arguments)) = (&info.audio, command(info, plan)) else { return Ok(Heard::default()) };
    let wants_loudness = wants_loudness(plan);
    let mut builders = builders(plan, audio)?;
    let finished = if builders.is_empty() {
        // No samples arrive here, so ffmpeg's own reports tell that it is alive.
        ffmpeg.watch(arguments, work, cancel, |_| ()).await
    } else {
        let push = |samples: &[u8]| builders.iter_mut().for_each(|(_, builder)| builder.push(samples));
        ffmpeg.stream(&arguments, work, cancel, push).await
    };
    let finished = finished.map_err(failed)?;
    Ok(Heard {
        loudness: if wants_loudness { loudness::parse_summary(&finished.stderr) } else { None },
        waveforms: builders.into_iter().map(|(index, builder)| (index, builder.finish())).collect(),
    })
}

fn builders(plan: &Plan, audio: &Audio) -> Result<Vec<(usize, WaveformBuilder)>, MediaError> {
    let mut builders = Vec::new();
    for (index, output) in plan.outputs.iter().enumerate() {
        if let Output::Waveform(request) = output {
            let channels = u16::try_from(audio.channels).unwrap_or(u16::MAX);
            builders.push((index, WaveformBuilder::new(audio.sample_rate, channels, request.pixels_per_second)?));
        }
    }
    Ok(builders)
}

/// Nothing but decoding happens in this pass, so what fails here is the upload, unless it is the machine.
fn failed(error: ProcessError) -> MediaError {
    match MediaError::process("listening to the sound", error) {
        error @ MediaError::Process { source: ProcessError::Failed { .. }, .. } => {
            let detail = format!("its sound can't be decoded ({})", error.last_words());
            UploadError::Damaged { detail }.into()
        }
        other => other,
    }
}
