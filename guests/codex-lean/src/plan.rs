//! Everything that is made from a source, as one plan.

use policy_sdk::ladder::{START_KBPS, starting_near};
use policy_sdk::plan::{PlanBuilder, Thumbnail};
use policy_sdk::types::{Effort, Job, MediaInfo, Plan, Rendition, SegmentLayout, StillFormat};

use crate::layout::key_for;
use crate::settings::Settings;

/// The thumbnails of a video, the smallest first.
pub const THUMBNAILS: [Thumbnail; 3] = [webp("sm", 200, 75), webp("md", 400, 80), LARGEST];

/// The thumbnail that is made even if the others are turned off.
pub const LARGEST: Thumbnail = webp("lg", 800, 82);

const fn webp(name: &'static str, max_width: u32, quality: u8) -> Thumbnail {
    Thumbnail { name, max_width, format: StillFormat::Webp, quality }
}

/// The plan for a source and its renditions.
pub fn build(job: &Job, info: &MediaInfo, renditions: Vec<Rendition>, settings: &Settings) -> Plan {
    let mut plan = PlanBuilder::new(job, info, key_for);
    // In transport streams, because the platform's proxy does not rewrite lines that begin with `#`, and fragmented MP4
    // needs such a line to name its map.
    plan.ladder(starting_near(START_KBPS, renditions), SegmentLayout::SingleFile);
    if settings.mezzanine {
        plan.mezzanine(settings.effort.unwrap_or(Effort::Slow));
    }
    if settings.preview {
        plan.preview();
    }
    let thumbnails = if settings.thumbnail_variants { &THUMBNAILS[..] } else { &[LARGEST] };
    for thumbnail in thumbnails {
        plan.thumbnail(*thumbnail);
    }
    if info.video.is_none() {
        plan.waveform(settings.waveform_image);
    }
    if settings.loudness {
        plan.loudness();
    }
    plan.finish(settings.processor)
}

#[cfg(test)]
mod tests;
