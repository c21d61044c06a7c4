//! Estimates the report of a plan: sizes as the host computes them, bit rates as requested.

use contract::v0_1::convert;
use contract::v0_1::media::Report;
use contract::v0_2::quality::Reached;
use media::encoder::Processor;
use media::info::{DynamicRange, MediaInfo};
use media::loudness::Measure;
use media::outputs::Rung;
use media::plan::Plan;
use media::quality::Target;
use media::sound::reports_loudness;
use media::transcode::{RungSummary, TranscodeSummary};
use storage::Destination;

use crate::level;

/// The estimated report of a plan on this source. Rungs and objects that `known` has too keep their measured values.
pub(crate) fn report(
    plan: &Plan,
    info: &MediaInfo,
    processor: Processor,
    loudness: Measure,
    known: Option<&Report>,
) -> Report {
    let ladder = plan.ladder();
    let rungs = ladder.map(|ladder| ladder.rungs.iter().map(|rung| made(rung, &ladder.store, info)).collect());
    let summary = TranscodeSummary {
        duration: if ladder.is_some() { info.ladder_length() } else { info.duration },
        processor,
        tier: None,
        kept_off: None,
        fell_back: None,
        rungs: rungs.unwrap_or_default(),
        loudness: reports_loudness(plan, info).then_some(loudness),
        reached: Vec::new(),
        notes: info.notes_beside(&plan.tracks(info)),
    };
    let objects: Vec<(Destination, u64)> =
        plan.outputs.iter().flat_map(|output| output.kind().estimate(plan, info)).collect();
    let mut report = convert::report(&summary, &objects);
    if let Some(known) = known {
        apply_measured(&mut report, known);
    }
    report
}

/// Every target of quality is reached, at the quality that its rung has anyway.
pub(crate) fn reached(plan: &Plan) -> Vec<Reached> {
    let start = |target: &Target| {
        let rungs = plan.ladder().map(|ladder| ladder.rungs.as_slice()).unwrap_or_default();
        rungs.iter().find(|rung| rung.name == target.rung)?.video.map(|(_, encoding)| encoding.quality)
    };
    let reached = |target: &Target| Reached {
        rung: target.rung.clone(),
        quality: start(target).unwrap_or(target.worst).clamp(target.best, target.worst),
        score: Some(target.score),
        not_tried: None,
    };
    plan.targets.iter().map(reached).collect()
}

/// Replaces estimates with measured values.
fn apply_measured(report: &mut Report, known: &Report) {
    report.duration_ms = known.duration_ms;
    report.processor = known.processor;
    report.fell_back.clone_from(&known.fell_back);
    report.attributes.clone_from(&known.attributes);
    if report.loudness.is_some() && known.loudness.is_some() {
        report.loudness = known.loudness;
    }
    for rung in &mut report.rungs {
        let same = known.rungs.iter().find(|known| known.name == rung.name && known.size == rung.size);
        if let Some(same) = same {
            (rung.peak_bps, rung.average_bps) = (same.peak_bps, same.average_bps);
            rung.codecs.clone_from(&same.codecs);
        }
    }
    for object in &mut report.objects {
        if let Some(same) = known.objects.iter().find(|known| known.destination == object.destination) {
            object.bytes = same.bytes;
        }
    }
}

fn made(rung: &Rung, store: &str, info: &MediaInfo) -> RungSummary {
    let picture = rung.video.zip(info.video.as_ref());
    let size = picture.map(|((short_side, _), video)| video.scaled_to(short_side));
    let frame_rate = picture.map(|(_, video)| video.frame_rate);
    let named = rung.video.zip(size).zip(frame_rate);
    let video = named.map(|(((_, encoding), size), rate)| level::codec_name(&encoding, size, rate.value()));
    let audio = (rung.audio_kbps.is_some() && info.audio.is_some()).then(|| "mp4a.40.2".to_owned());
    let bps = rung.estimated_rate(info);
    RungSummary {
        name: rung.name.clone(),
        size,
        frame_rate,
        range: picture.map_or(DynamicRange::Sdr, |((_, encoding), video)| encoding.samples.range(video.range)),
        peak_bps: bps,
        average_bps: bps,
        codecs: video.into_iter().chain(audio).collect::<Vec<_>>().join(","),
        playlist: Destination { store: store.to_owned(), key: rung.playlist.clone() },
    }
}
