//! A whole transcode: from a probed original and a plan to checked files, ready to be published.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use timeline::Part;
use tokio_util::sync::CancellationToken;

use crate::budget;
use crate::collector::Collector;
use crate::context::{MediaTools, TranscodeContext};
use crate::early::EarlySound;
use crate::encode::Encode;
use crate::encoder::Processor;
use crate::error::MediaError;
pub use crate::hls::RungSummary;
use crate::info::MediaInfo;
use crate::loudness::Measure;
use crate::output_file::OutputFile;
use crate::plan::Plan;
use crate::quality::Reached;
use crate::sound;
use crate::tier::Tier;

/// What is reported of a transcode, and kept in the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TranscodeSummary {
    /// Length of the ladder, or of the source without one.
    pub duration: Duration,
    pub processor: Processor,
    /// `None` in records of earlier versions.
    #[serde(default)]
    pub tier: Option<Tier>,
    /// Why pictures did not stay on the card, if they were encoded by it.
    #[serde(default)]
    pub kept_off: Option<String>,
    /// Why a faster tier failed, if another one took over.
    pub fell_back: Option<String>,
    /// In the plan's order.
    pub rungs: Vec<RungSummary>,
    /// Of the source.
    pub loudness: Option<Measure>,
    /// What was found for the plan's targets of quality, in their order.
    #[serde(default)]
    pub reached: Vec<Reached>,
    /// What support people and uploaders should know of the source.
    #[serde(default)]
    pub notes: Vec<String>,
}

#[derive(Debug)]
pub struct TranscodeResult {
    pub summary: TranscodeSummary,
    /// What is to be published.
    pub files: Vec<OutputFile>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EncodeProgress {
    /// 0 to 100.
    pub percent: u32,
    /// Media seconds per second; 0 while unknown.
    pub speed: f64,
}

/// An original in a work directory.
#[derive(Debug)]
pub struct Source<'a> {
    pub work: &'a Path,
    pub info: &'a MediaInfo,
    /// What was begun while it arrived.
    pub sound: Option<EarlySound>,
}

/// Makes everything in the work directory. `publication` becomes part of the segments' names and must never be used twice.
pub async fn make(
    tools: &MediaTools,
    source: Source<'_>,
    plan: &Plan,
    publication: &str,
    cancel: &CancellationToken,
    mut watch: impl FnMut(EncodeProgress),
) -> Result<TranscodeResult, MediaError> {
    let Source { work, info, sound } = source;
    let context = TranscodeContext { tools, work, info, plan, cancel };
    context.check_encoders()?;
    let (tiers, _) = context.tiers()?;
    let first = tiers.first().map_or(Processor::Cpu, |tier| tier.processor());
    budget::check_fits(plan, info, work, first, tools.cores)?;
    let listening = tools.timeline.begin(Part::Listen);
    let sound = sound::analyse(&context, sound).await?;
    let levels = sound::levels(&context, &sound).await?;
    listening.done();

    let whole = info.ladder_length().as_secs_f64().max(0.001);
    let encoded = Encode { context, levels: &levels }
        .run(|progress| {
            let share = (progress.at.as_secs_f64() / whole).clamp(0.0, 1.0);
            watch(EncodeProgress { percent: (share * 100.0) as u32, speed: progress.speed });
        })
        .await?;

    let finishing = tools.timeline.begin(Part::Finish);
    let mut collector =
        Collector { context, publication, sound: &sound, encoded: &encoded, files: Vec::new(), rungs: Vec::new() };
    for (index, output) in plan.outputs.iter().enumerate() {
        output.kind().collect(index, &mut collector).await?;
    }
    let Collector { files, rungs, .. } = collector;
    let ladder_length = encoded.rungs.first().map(|rung| rung.playlist.duration());
    let summary = TranscodeSummary {
        duration: ladder_length.unwrap_or(info.duration),
        processor: encoded.tier.processor(),
        tier: Some(encoded.tier),
        kept_off: encoded.kept_off,
        fell_back: encoded.fell_back,
        rungs,
        loudness: sound.source_loudness,
        reached: encoded.reached,
        notes: info.notes_beside(&plan.tracks(info)).into_iter().chain(encoded.notes).collect(),
    };
    finishing.done();
    Ok(TranscodeResult { summary, files })
}
