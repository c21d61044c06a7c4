//! Sound as a rendition of its own: one of several languages, or more channels than the rungs have.
//!
//! The master playlist lists them in groups, one for each form of sound, so the ladder collects them before it writes that.

use async_trait::async_trait;
use serde::Serialize;
use storage::Destination;

use super::{Description, OutputKind, SegmentedPlaylist};
use crate::collector::Collector;
use crate::command::Arguments;
use crate::comparison;
use crate::context::TranscodeContext;
use crate::encode::Encoded;
use crate::error::MediaError;
use crate::estimate::{PLAYLIST_BYTES, bytes};
use crate::graph::{Branches, MADE, PLAYLIST, hls_muxer, nothing_else};
use crate::hls::{self, AudioSummary, CheckedRung, Expectation, MediaPlaylist};
use crate::info::{Audio, MediaInfo};
use crate::label::{check_group, check_language, check_name};
use crate::muxer::{self, Packets, Written};
use crate::outputs::Container;
use crate::plan::{Plan, PlanError, impossible, in_range};
use crate::sound::{as_it_is, common_form};

/// A codec of sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AudioCodec {
    /// AAC-LC.
    Aac,
    /// Dolby Digital Plus.
    Eac3,
}

impl AudioCodec {
    /// For people.
    fn name(self) -> &'static str {
        match self {
            Self::Aac => "AAC",
            Self::Eac3 => "E-AC-3",
        }
    }
}

/// The channels of a rendition of sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channels {
    Stereo,
    /// Those of the track, 5.1 at most.
    Source,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AudioRendition {
    /// What players show.
    pub name: String,
    /// The track's index in the container; `None` for the one that a ladder's sound is made from.
    pub track: Option<u32>,
    /// As in BCP 47.
    pub language: Option<String>,
    pub is_default: bool,
    pub codec: AudioCodec,
    pub kbps: u32,
    pub channels: Channels,
    pub playlist: Destination,
}

/// The folder of a rendition of sound, below the work directory.
pub(crate) fn audio_folder(index: usize) -> String {
    format!("{MADE}/audio{index}")
}

pub(super) fn stem(index: usize) -> String {
    format!("audio{index}")
}

impl AudioRendition {
    /// The track that it is made from.
    pub(crate) fn sound<'a>(&self, info: &'a MediaInfo) -> Option<&'a Audio> {
        match self.track {
            None => info.audio.as_ref(),
            Some(index) => info.audio.as_ref().filter(|audio| audio.index == index).or_else(|| info.sound(index)),
        }
    }

    /// Whether it is the sound that rungs have, which is levelled for all of them at once.
    pub(crate) fn is_usual(&self, info: &MediaInfo) -> bool {
        let main = info.audio.as_ref();
        let is_main = self.sound(info).zip(main).is_some_and(|(track, main)| track.index == main.index);
        is_main && (self.channels == Channels::Stereo || main.is_some_and(|main| main.right.is_some()))
    }

    /// How many channels it has, made from this track.
    pub(super) fn channel_count(&self, track: &Audio) -> u32 {
        match (self.channels, track.channels) {
            (Channels::Stereo, _) | (Channels::Source, 2) => 2,
            (Channels::Source, 1) => 1,
            (Channels::Source, _) => 6,
        }
    }

    /// ffmpeg's name of its channels.
    pub(crate) fn layout(&self, track: &Audio) -> &'static str {
        match self.channel_count(track) {
            1 => "mono",
            2 => "stereo",
            _ => "5.1",
        }
    }

    /// The filters that bring a track to its form.
    pub(crate) fn form(&self, track: &Audio) -> String {
        if self.channels == Channels::Stereo {
            return common_form(track);
        }
        let layout = self.layout(track);
        format!("{},aresample=48000,aformat=sample_fmts=fltp:channel_layouts={layout}", as_it_is(track))
    }

    /// The group of the master playlist that it is in. All of a group sound alike but for their language.
    fn group(&self) -> &'static str {
        match (self.codec, self.channels) {
            (AudioCodec::Aac, Channels::Stereo) => "aac",
            (AudioCodec::Aac, Channels::Source) => "aac-source",
            (AudioCodec::Eac3, Channels::Stereo) => "eac3",
            (AudioCodec::Eac3, Channels::Source) => "eac3-source",
        }
    }

    fn encoder(&self) -> Arguments {
        let name = match self.codec {
            AudioCodec::Aac => "aac",
            AudioCodec::Eac3 => "eac3",
        };
        Arguments::new().pair("-c:a", name).pair("-b:a", format_args!("{}k", self.kbps))
    }

    pub(super) fn packets(index: usize) -> Packets {
        Packets { codec: None, is_transport_stream: false, sums: format!("{MADE}/audio{index}.sums") }
    }
}

#[async_trait]
impl OutputKind for AudioRendition {
    fn check(&self, plan: &Plan, info: &MediaInfo) -> Result<(), PlanError> {
        check_name(&self.name)?;
        check_language(self.language.as_deref())?;
        in_range("an audio rate in kbit/s", self.kbps.into(), 32..=640)?;
        let Some(ladder) = plan.ladder() else {
            return impossible("a rendition of sound belongs to a ladder, and it has none");
        };
        if ladder.container != Container::Fmp4 {
            return impossible("renditions of sound need a ladder of fragmented MP4");
        }
        if ladder.rungs.iter().any(|rung| rung.video.is_none() || rung.audio_kbps.is_some()) {
            return impossible("beside renditions of sound, every rung has a picture and no sound of its own");
        }
        if self.playlist.store != ladder.store {
            return impossible("a rendition of sound is in another store than its ladder");
        }
        if self.sound(info).is_none() {
            let track = self.track.map_or("any".to_owned(), |track| track.to_string());
            return impossible(format!("the source has no track of sound with the number {track}"));
        }
        let of_group = plan.all_of::<Self>().filter(|(_, audio)| audio.group() == self.group());
        let of_group = of_group.map(|(_, audio)| (audio.name.as_str(), audio.is_default));
        check_group("renditions of sound of one form", of_group)
    }

    fn destinations(&self) -> Vec<Destination> {
        vec![self.playlist.clone()]
    }

    fn describe(&self) -> Description {
        let language = self.language.as_ref().map_or(String::new(), |language| format!(", {language}"));
        let how = format!("{}{language}, {}, {} kbit/s", self.name, self.codec.name(), self.kbps);
        Description { what: "sound", how, destinations: self.destinations() }
    }

    fn estimate(&self, _plan: &Plan, info: &MediaInfo) -> Vec<(Destination, u64)> {
        let seconds = self.sound(info).map_or(0.0, |track| track.length.as_secs_f64());
        vec![(self.playlist.clone(), PLAYLIST_BYTES + bytes(u64::from(self.kbps) * 1000, seconds))]
    }

    fn playlists(&self, index: usize, plan: &Plan) -> Vec<SegmentedPlaylist> {
        let early = plan.ladder().is_some_and(|ladder| !ladder.single_file && plan.encryption.is_none());
        let early = early.then(|| audio_folder(index));
        vec![SegmentedPlaylist { playlist: self.playlist.clone(), stem: stem(index), early_folder: early }]
    }

    fn track(&self, info: &MediaInfo) -> Option<u32> {
        self.sound(info).map(|track| track.index)
    }

    fn folders(&self, index: usize) -> Vec<String> {
        vec![audio_folder(index), comparison::audio_folder(index)]
    }

    fn add_to_graph(&self, index: usize, plan: &Plan, graph: &mut Branches<'_>) {
        let (Some(ladder), Some(track)) = (plan.ladder(), self.sound(graph.info)) else { return };
        let pad = format!("track{index}");
        let heard = comparison::heard(ladder, graph.info, index);
        let [sound, envelope] = if self.is_usual(graph.info) {
            graph.usual_sound(&pad, heard)
        } else {
            graph.track_of_sound(&pad, track, (index, self.form(track)), &heard)
        };
        let muxer = hls_muxer(ladder.segment_ms, ladder.container, ladder.single_file, &audio_folder(index));
        let encoded = sound.all(self.encoder()).all(nothing_else());
        graph.output(encoded.all(muxer.with_sums(&Self::packets(index))));
        graph.output(envelope.all(comparison::no_file()));
    }

    async fn verify(&self, index: usize, context: &TranscodeContext<'_>) -> Result<Vec<CheckedRung>, MediaError> {
        let (ladder, track) = context.plan.ladder().zip(self.sound(context.info)).ok_or_else(lost)?;
        let (folder, segment) = (audio_folder(index), ladder.segment());
        let expectation = Expectation {
            duration: track.length,
            segment,
            tolerance: hls::usual_tolerance(segment),
            frame_rate: None,
            codec: None,
            sound: Some(track.length),
        };
        let checked = context.check_rendition(&folder, expectation).await?;
        let input = Arguments::new().pair("-allowed_extensions", "ALL").pair("-i", format_args!("{folder}/{PLAYLIST}"));
        let what = format!("the sound `{}`", self.name);
        let written = Written { packets: Self::packets(index), further_sums: Vec::new(), input, what: what.clone() };
        muxer::check_all(context, &[written]).await?;
        comparison::check_audio(context, ladder, (index, &folder), (&checked.playlist, track.begin()), what).await?;
        Ok(vec![checked])
    }

    /// See [`collect_all`].
    async fn collect(&self, _index: usize, _collector: &mut Collector<'_>) -> Result<(), MediaError> {
        Ok(())
    }
}

/// Collects the renditions of sound of a plan. Returns what the master playlist says of them.
pub(super) async fn collect_all(collector: &mut Collector<'_>) -> Result<Vec<AudioSummary>, MediaError> {
    let (plan, info, encoded) = (collector.context.plan, collector.context.info, collector.encoded);
    let mut summaries = Vec::new();
    for (index, audio) in plan.all_of::<AudioRendition>() {
        let checked = encoded.renditions.get(&index).ok_or_else(lost)?;
        let rates = collector.add_protected(&audio_folder(index), checked, &audio.playlist, &stem(index)).await?;
        summaries.push(AudioSummary {
            group: audio.group(),
            name: audio.name.clone(),
            language: audio.language.clone(),
            is_default: audio.is_default,
            channels: audio.sound(info).map_or(2, |track| audio.channel_count(track)),
            peak_bps: rates.peak_bps,
            average_bps: rates.average_bps,
            codecs: checked.codecs.audio.clone().unwrap_or_default(),
            playlist: audio.playlist.clone(),
        });
    }
    Ok(summaries)
}

/// The rendition of sound that files made of a rung get: where there are some, rungs have none.
pub(super) fn chosen(plan: &Plan) -> Option<(usize, &AudioRendition)> {
    let all = || plan.all_of::<AudioRendition>();
    all().find(|(_, audio)| audio.is_default).or_else(|| all().next())
}

/// The same as it was encoded.
pub(super) fn chosen_of<'a>(
    plan: &'a Plan,
    encoded: &'a Encoded,
) -> Result<Option<(usize, &'a AudioRendition, &'a MediaPlaylist)>, MediaError> {
    let Some((index, audio)) = chosen(plan) else { return Ok(None) };
    let checked = encoded.renditions.get(&index).ok_or_else(lost)?;
    Ok(Some((index, audio, &checked.playlist)))
}

fn lost() -> MediaError {
    MediaError::Lost { detail: "a rendition of sound that was not encoded".to_owned() }
}
