//! I-frame playlists: the keyframes of a rung, for fast forward and scrubbing.
//!
//! The master playlist lists them, so the ladder collects them before it writes that.

use async_trait::async_trait;
use serde::Serialize;
use storage::{Body, Destination};

use super::ladder::{Ladder, Rung, rung_folder};
use super::{Description, OutputKind, SegmentedPlaylist};
use crate::collector::Collector;
use crate::context::blocking;
use crate::error::MediaError;
use crate::hls::{self, IframeSummary};
use crate::info::MediaInfo;
use crate::moment::millis;
use crate::names::segment_name;
use crate::output_file::Role;
use crate::plan::{Plan, PlanError, impossible};

/// Bytes of a keyframe in a playlist.
const LINE_BYTES: u64 = 80;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Iframes {
    /// The rung's name.
    pub rung: String,
    pub playlist: Destination,
}

#[async_trait]
impl OutputKind for Iframes {
    fn check(&self, plan: &Plan, _info: &MediaInfo) -> Result<(), PlanError> {
        let name = fault::text::printable(&self.rung, 64);
        let Some((ladder, _, rung)) = plan.rung(&self.rung).filter(|(_, _, rung)| rung.video.is_some()) else {
            return impossible(format!("it wants the keyframes of the rung `{name}`, which isn't one with a picture"));
        };
        if self.playlist.store != ladder.store || !self.playlist.key.is_beside(&rung.playlist) {
            return impossible(format!("the playlist of the keyframes of `{name}` isn't in the rung's folder"));
        }
        Ok(())
    }

    fn destinations(&self) -> Vec<Destination> {
        vec![self.playlist.clone()]
    }

    fn describe(&self) -> Description {
        let how = format!("the keyframes of {}", self.rung);
        Description { what: "I-frames", how, destinations: self.destinations() }
    }

    fn estimate(&self, plan: &Plan, info: &MediaInfo) -> Vec<(Destination, u64)> {
        let keyframe_ms = plan.ladder().map_or(0, |ladder| ladder.keyframe_ms).max(1);
        let keyframes = millis(info.ladder_length()) / u64::from(keyframe_ms) + 1;
        vec![(self.playlist.clone(), keyframes * LINE_BYTES)]
    }

    /// It names the rung's segments.
    fn playlists(&self, _index: usize, plan: &Plan) -> Vec<SegmentedPlaylist> {
        let playlist = |(ladder, _, rung): (&Ladder, usize, &Rung)| SegmentedPlaylist {
            playlist: self.playlist.clone(),
            stem: ladder.stem(rung).to_owned(),
            early_folder: None,
        };
        plan.rung(&self.rung).map(playlist).into_iter().collect()
    }

    /// See [`collect_all`].
    async fn collect(&self, _index: usize, _collector: &mut Collector<'_>) -> Result<(), MediaError> {
        Ok(())
    }
}

/// Makes the I-frame playlists of a plan. Returns what the master playlist says of them.
pub(super) async fn collect_all(collector: &mut Collector<'_>) -> Result<Vec<IframeSummary>, MediaError> {
    let context = collector.context;
    let lost = || MediaError::Lost { detail: "keyframes without their rung".to_owned() };
    let mut summaries = Vec::new();
    for (_, iframes) in context.plan.all_of::<Iframes>() {
        let (ladder, number, rung) = context.plan.rung(&iframes.rung).ok_or_else(lost)?;
        let checked = collector.encoded.rungs.get(number).ok_or_else(lost)?;
        let (folder, rendition) = (context.work.join(rung_folder(number)), checked.playlist.clone());
        let (playlist, rates) = blocking(move || hls::iframe_playlist(&folder, &rendition)).await??;
        let named = playlist.renamed(|file| segment_name(ladder.stem(rung), collector.publication, file));
        collector.add(iframes.playlist.clone(), Body::Bytes(named.render().into_bytes()), Role::MediaPlaylist);
        let source = context.info.video.as_ref().ok_or_else(lost)?;
        summaries.push(IframeSummary {
            size: rung.size(source).ok_or_else(lost)?,
            range: rung.range(source).ok_or_else(lost)?,
            peak_bps: rates.peak_bps,
            average_bps: rates.average_bps,
            codecs: checked.codecs.video.clone().unwrap_or_default(),
            playlist: iframes.playlist.clone(),
        });
    }
    Ok(summaries)
}
