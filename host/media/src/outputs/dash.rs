//! The DASH manifest of a ladder: it names the same segments as the HLS playlists.

use async_trait::async_trait;
use serde::Serialize;
use storage::{Body, Destination, Key};

use super::audio::{self, AudioCodec, AudioRendition};
use super::ladder::Ladder;
use super::subtitles::{Subtitles, whole_name};
use super::{Description, OutputKind};
use crate::cbcs::Scheme;
use crate::collector::Collector;
use crate::dash::{AdaptationSet, Content, Manifest, Representation, Timing};
use crate::error::MediaError;
use crate::hls::{CheckedRung, MediaPlaylist};
use crate::info::{DynamicRange, MediaInfo};
use crate::names::segment_name;
use crate::output_file::Role;
use crate::outputs::Container;
use crate::plan::{Plan, PlanError, impossible};

/// Bytes of a manifest: some hundred for each of a few tracks.
const MANIFEST_BYTES: u64 = 4_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Dash {
    pub manifest: Destination,
}

#[async_trait]
impl OutputKind for Dash {
    fn check(&self, plan: &Plan, info: &MediaInfo) -> Result<(), PlanError> {
        let Some(ladder) = plan.ladder() else { return impossible("a DASH manifest lists a ladder, and it has none") };
        if self.manifest.store != ladder.store {
            return impossible("the DASH manifest is in another store than its ladder");
        }
        if ladder.container != Container::Fmp4 || ladder.single_file {
            return impossible("DASH needs a ladder of fragmented MP4, with an object for each segment");
        }
        if ladder.rungs.iter().any(|rung| rung.video.is_none() || rung.has_audio(info)) {
            return impossible("DASH has sound in renditions of its own, and a rung has some");
        }
        Ok(())
    }

    fn destinations(&self) -> Vec<Destination> {
        vec![self.manifest.clone()]
    }

    fn describe(&self) -> Description {
        Description { what: "DASH", how: "the ladder's segments".to_owned(), destinations: self.destinations() }
    }

    fn estimate(&self, _plan: &Plan, _info: &MediaInfo) -> Vec<(Destination, u64)> {
        vec![(self.manifest.clone(), MANIFEST_BYTES)]
    }

    async fn collect(&self, _index: usize, collector: &mut Collector<'_>) -> Result<(), MediaError> {
        let lost = || MediaError::Lost { detail: "a DASH manifest without its ladder".to_owned() };
        let ladder = collector.context.plan.ladder().ok_or_else(lost)?;
        let mut sets = self.pictures(ladder, collector)?;
        sets.extend(self.sound(collector).ok_or_else(lost)?);
        sets.extend(self.text(collector)?);
        let rung = collector.encoded.rungs.first().ok_or_else(lost)?;
        let manifest = Manifest { duration: rung.playlist.duration(), buffer: ladder.segment(), sets };
        collector.add(self.manifest.clone(), Body::Bytes(manifest.render().into_bytes()), Role::Master);
        Ok(())
    }
}

fn scheme(collector: &Collector<'_>) -> Option<Scheme> {
    collector.context.plan.encryption.as_ref()?.scheme(collector.publication)
}

/// The peak rate of what is published: the boxes that tell how samples are encrypted are less than a hundredth of it.
fn bandwidth(checked: &CheckedRung, scheme: Option<Scheme>) -> u64 {
    let peak = checked.rates.peak_bps;
    if scheme.is_some() { peak + peak / 100 } else { peak }
}

impl Dash {
    /// Where an object of the same store lies, as the manifest names it.
    fn relative(&self, key: &Key) -> String {
        self.manifest.key.relative(key)
    }

    /// How the segments of a checked rendition are named and timed.
    fn timing(
        &self,
        (playlist, key, stem): (&MediaPlaylist, &Key, &str),
        publication: &str,
    ) -> Result<Timing, MediaError> {
        let named = |file: &str| -> Result<String, MediaError> {
            let sibling = key.sibling(&segment_name(stem, publication, file)).map_err(PlanError::from)?;
            Ok(self.relative(&sibling))
        };
        let init = playlist.map.as_ref().map_or("", |map| map.uri.as_str());
        let first = playlist.segments.first().map_or("", |segment| segment.uri.as_str());
        Ok(Timing {
            init: named(init)?,
            first: named(first)?,
            durations: playlist.segments.iter().map(|segment| segment.duration).collect(),
        })
    }

    /// A set for each codec and dynamic range: players change within a set only.
    fn pictures(&self, ladder: &Ladder, collector: &Collector<'_>) -> Result<Vec<AdaptationSet>, MediaError> {
        let Some(source) = &collector.context.info.video else { return Ok(Vec::new()) };
        let mut sets: Vec<((_, DynamicRange), AdaptationSet)> = Vec::new();
        let scheme = scheme(collector);
        for (rung, checked) in ladder.rungs.iter().zip(&collector.encoded.rungs) {
            let (Some(size), Some(range)) = (rung.size(source), rung.range(source)) else { continue };
            let playlist = (&checked.playlist, &rung.playlist, ladder.stem(rung));
            let representation = Representation {
                id: rung.name.clone(),
                codecs: checked.codecs.video.clone().unwrap_or_default(),
                bandwidth: bandwidth(checked, scheme),
                content: Content::Picture { size, frame_rate: source.frame_rate },
                timing: self.timing(playlist, collector.publication)?,
            };
            let kind = (rung.codec(), range);
            match sets.iter_mut().find(|(found, _)| *found == kind) {
                Some((_, set)) => set.representations.push(representation),
                None => {
                    let representations = vec![representation];
                    sets.push((
                        kind,
                        AdaptationSet { range: Some(range), representations, scheme, ..AdaptationSet::default() },
                    ));
                }
            }
        }
        Ok(sets.into_iter().map(|(_, set)| set).collect())
    }

    fn sound(&self, collector: &Collector<'_>) -> Option<Vec<AdaptationSet>> {
        let (plan, info, scheme) = (collector.context.plan, collector.context.info, scheme(collector));
        let set = |(index, audio): (usize, &AudioRendition)| {
            let checked @ CheckedRung { playlist, codecs, .. } = collector.encoded.renditions.get(&index)?;
            let stem = audio::stem(index);
            let timing = self.timing((playlist, &audio.playlist.key, &stem), collector.publication).ok()?;
            let representation = Representation {
                id: stem,
                codecs: codecs.audio.clone().unwrap_or_default(),
                bandwidth: bandwidth(checked, scheme),
                content: Content::Sound {
                    channels: audio.sound(info).map_or(2, |track| audio.channel_count(track)),
                    is_dolby: audio.codec == AudioCodec::Eac3,
                },
                timing,
            };
            Some(AdaptationSet {
                language: audio.language.clone(),
                label: Some(audio.name.clone()),
                is_main: audio.is_default,
                representations: vec![representation],
                scheme,
                ..AdaptationSet::default()
            })
        };
        plan.all_of::<AudioRendition>().map(set).collect()
    }

    fn text(&self, collector: &Collector<'_>) -> Result<Vec<AdaptationSet>, MediaError> {
        let set = |(index, subtitles): (usize, &Subtitles)| {
            let name = whole_name(index, collector.publication);
            let whole = subtitles.playlist.key.sibling(&name).map_err(PlanError::from)?;
            Ok(AdaptationSet {
                language: subtitles.language.clone(),
                label: Some(subtitles.name.clone()),
                is_main: subtitles.is_default,
                is_forced: subtitles.is_forced,
                text: Some(self.relative(&whole)),
                ..AdaptationSet::default()
            })
        };
        collector.context.plan.all_of::<Subtitles>().map(set).collect()
    }
}
