//! Downloads: a rung of the ladder as one MP4 file.

use async_trait::async_trait;
use serde::Serialize;
use storage::Destination;

use super::audio::{self, AudioRendition, audio_folder};
use super::ladder::{Ladder, copy_joined, rung_folder};
use super::{Description, OutputKind, Process};
use crate::collector::Collector;
use crate::command::Arguments;
use crate::context::blocking;
use crate::error::MediaError;
use crate::estimate::bytes;
use crate::graph::MADE;
use crate::hls;
use crate::info::MediaInfo;
use crate::muxer::{self, Packets, Written};
use crate::plan::{Plan, PlanError, impossible};

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Download {
    #[serde(rename = "destination")]
    pub to: Destination,
    /// The rung's name.
    pub rung: String,
}

#[async_trait]
impl OutputKind for Download {
    fn check(&self, plan: &Plan, _info: &MediaInfo) -> Result<(), PlanError> {
        if plan.rung(&self.rung).is_none() {
            let name = fault::text::printable(&self.rung, 64);
            return impossible(format!("it wants a download of the rung `{name}`, which its ladder doesn't have"));
        }
        Ok(())
    }

    fn destinations(&self) -> Vec<Destination> {
        vec![self.to.clone()]
    }

    fn describe(&self) -> Description {
        Description { what: "download", how: format!("the rung {}", self.rung), destinations: self.destinations() }
    }

    fn estimate(&self, plan: &Plan, info: &MediaInfo) -> Vec<(Destination, u64)> {
        let rate = plan.rung(&self.rung).map_or(0, |(_, _, rung)| rung.estimated_rate(info));
        vec![(self.to.clone(), bytes(rate, info.ladder_length().as_secs_f64()))]
    }

    async fn collect(&self, index: usize, collector: &mut Collector<'_>) -> Result<(), MediaError> {
        let context = collector.context;
        let lost = || MediaError::Lost { detail: "a download without its rung".to_owned() };
        let (ladder, number, rung) = context.plan.rung(&self.rung).ok_or_else(lost)?;
        let playlist = collector.encoded.rungs.get(number).ok_or_else(lost)?.playlist.clone();
        let (from, to) = (context.work.join(rung_folder(number)), context.work.join(joined(index)));
        let segments = 0..playlist.segments.len();
        let failed = MediaError::work("making a download");
        blocking(move || hls::join(&from, &playlist, segments, &to)).await?.map_err(&failed)?;
        let sound = audio::chosen_of(context.plan, collector.encoded)?;
        if let Some((number, _, playlist)) = sound {
            let playlist = playlist.clone();
            let (from, to) = (context.work.join(audio_folder(number)), context.work.join(joined_sound(index)));
            let segments = 0..playlist.segments.len();
            blocking(move || hls::join(&from, &playlist, segments, &to)).await?.map_err(&failed)?;
        }
        let arguments = remux(index, ladder, sound.is_some());
        let ran = context.tools.ffmpeg.capture(&arguments, context.work, context.cancel, 0).await;
        ran.map_err(|error| MediaError::process("making a download", error))?;
        tokio::fs::remove_file(context.work.join(joined(index))).await.map_err(&failed)?;
        if sound.is_some() {
            tokio::fs::remove_file(context.work.join(joined_sound(index))).await.map_err(&failed)?;
        }
        // It has to hold what the rung's encoders made.
        let packets = Packets { is_transport_stream: false, ..ladder.packets(rung, number) };
        let input = Arguments::new().pair("-i", format_args!("file:{}", file(index)));
        let what = format!("the download of rung `{}`", rung.name);
        let further_sums = sound.map(|(number, ..)| AudioRendition::packets(number).sums).into_iter().collect();
        muxer::check_all(&context, &[Written { packets, further_sums, input, what }]).await?;
        collector.add_file(&self.to, &file(index)).await
    }

    fn processes(&self, index: usize, plan: &Plan, _info: &MediaInfo) -> Vec<Process> {
        let process = plan.ladder().map(|ladder| Process {
            what: "make a download".to_owned(),
            arguments: remux(index, ladder, audio::chosen(plan).is_some()),
        });
        process.into_iter().collect()
    }
}

/// The joined segments, below the work directory.
fn joined(index: usize) -> String {
    format!("{MADE}/download{index}.joined")
}

fn file(index: usize) -> String {
    format!("{MADE}/download{index}.mp4")
}

/// The same of the sound, if that is a rendition of its own.
fn joined_sound(index: usize) -> String {
    format!("{MADE}/download{index}.sound")
}

/// The command that puts the joined segments into an MP4, its index in front.
fn remux(index: usize, ladder: &Ladder, has_sound: bool) -> Arguments {
    let sound = joined_sound(index);
    let sound = has_sound.then_some((sound.as_str(), 0));
    copy_joined(ladder.container, &joined(index), sound)
        .pair("-movflags", "+faststart")
        .flag(format!("file:{}", file(index)))
}
