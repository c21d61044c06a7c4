//! Everything that is made from a source, as one plan.

use policy_sdk::ladder::{START_KBPS, starting_near};
use policy_sdk::plan::{PlanBuilder, Thumbnail};
use policy_sdk::types::{Effort, Job, MediaInfo, Plan, Rendition, SegmentLayout, StillFormat};

use crate::layout::{DEFAULT_STILL, key_for};
use crate::settings::{Settings, WaveformWhen};

const THUMBNAIL: Thumbnail = Thumbnail { name: DEFAULT_STILL, max_width: 1280, format: StillFormat::Jpeg, quality: 85 };

/// The plan for a source and its renditions.
pub fn build(job: &Job, info: &MediaInfo, renditions: Vec<Rendition>, settings: &Settings) -> Plan {
    let mut plan = PlanBuilder::new(job, info, key_for);
    plan.ladder(starting_near(START_KBPS, renditions), SegmentLayout::Separate);
    let effort = settings.effort.unwrap_or(Effort::Slow);
    match (settings.mezzanine, settings.keep_mezzanine) {
        (true, true) => plan.kept_mezzanine(effort),
        (true, false) => plan.mezzanine(effort),
        (false, _) => {}
    }
    if settings.preview {
        plan.preview();
    }
    if settings.thumbnail {
        plan.thumbnail(THUMBNAIL);
    }
    let with_waveform = match settings.waveform {
        WaveformWhen::Auto => info.video.is_none(),
        WaveformWhen::Always => true,
        WaveformWhen::Never => false,
    };
    if with_waveform {
        plan.waveform(settings.waveform_image);
    }
    if settings.loudness {
        plan.loudness();
    }
    plan.finish(settings.processor)
}

#[cfg(test)]
mod tests;
