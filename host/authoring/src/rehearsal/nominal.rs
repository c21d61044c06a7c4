//! Estimates the report of a plan: sizes as the host computes them, bit rates as requested.

use contract::v0_1::convert;
use contract::v0_1::media::Report;
use media::clip::rung_for;
use media::encoder::Processor;
use media::info::MediaInfo;
use media::loudness::Measure;
use media::plan::{Encoding, Output, Plan, Rung};
use media::transcode::{MadeRung, Summary};
use storage::Destination;

/// Bits per pixel of H.264 at quality 23, for typical material.
const BITS_PER_PIXEL: f64 = 0.1;

/// Every six steps of quality double the bits.
const QUALITY_STEP: f64 = 6.0;

/// The estimated report of a plan on this source. Rungs and objects that `known` has too keep their measured values.
pub(super) fn report(
    plan: &Plan,
    info: &MediaInfo,
    processor: Processor,
    loudness: Measure,
    known: Option<&Report>,
) -> Report {
    let ladder = plan.ladder();
    let wants_loudness =
        plan.loudness.is_some() || plan.outputs.iter().any(|output| matches!(output, Output::Loudness));
    let rungs = ladder.map(|ladder| ladder.rungs.iter().map(|rung| made(rung, &ladder.store, info)).collect());
    let summary = Summary {
        duration: if ladder.is_some() { info.ladder_length() } else { info.duration },
        processor,
        fell_back: None,
        rungs: rungs.unwrap_or_default(),
        loudness: (wants_loudness && info.audio.is_some()).then_some(loudness),
    };
    let objects: Vec<(Destination, u64)> = plan.outputs.iter().flat_map(|output| objects(output, plan, info)).collect();
    let mut report = convert::report(&summary, &objects);
    if let Some(known) = known {
        apply_measured(&mut report, known);
    }
    report
}

/// Replaces estimates with measured values.
fn apply_measured(report: &mut Report, known: &Report) {
    report.duration_ms = known.duration_ms;
    report.processor = known.processor;
    report.fell_back.clone_from(&known.fell_back);
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

fn made(rung: &Rung, store: &str, info: &MediaInfo) -> MadeRung {
    let picture = rung.video.zip(info.video.as_ref());
    let size = picture.map(|((short_side, _), video)| video.scaled_to(short_side));
    let frame_rate = picture.map(|(_, video)| video.frame_rate);
    let video = size.zip(frame_rate).map(|(size, rate)| super::level::avc1(size, rate.value()));
    let audio = (rung.audio_kbps.is_some() && info.audio.is_some()).then(|| "mp4a.40.2".to_owned());
    let bps = rate(rung, info);
    MadeRung {
        name: rung.name.clone(),
        size,
        frame_rate,
        peak_bps: bps,
        average_bps: bps,
        codecs: video.into_iter().chain(audio).collect::<Vec<_>>().join(","),
        playlist: Destination { store: store.to_owned(), key: rung.playlist.clone() },
    }
}

/// Estimated bits per second of a rung.
fn rate(rung: &Rung, info: &MediaInfo) -> u64 {
    let video = rung.video.zip(info.video.as_ref()).map(|((short_side, encoding), video)| {
        video_rate(&encoding, video.scaled_to(short_side), video.frame_rate.value())
    });
    video.unwrap_or(0) + audio_rate(rung.audio_kbps, info)
}

fn video_rate(encoding: &Encoding, (width, height): (u32, u32), frames_per_second: f64) -> u64 {
    let bits = BITS_PER_PIXEL * ((23.0 - f64::from(encoding.quality)) / QUALITY_STEP).exp2();
    let likely = (f64::from(width) * f64::from(height) * frames_per_second * bits) as u64;
    encoding.max_kbps.map_or(likely, |kbps| likely.min(u64::from(kbps) * 1000))
}

fn audio_rate(kbps: Option<u32>, info: &MediaInfo) -> u64 {
    info.audio.as_ref().and(kbps).map_or(0, |kbps| u64::from(kbps) * 1000)
}

/// The objects of an output with their estimated sizes.
fn objects(output: &Output, plan: &Plan, info: &MediaInfo) -> Vec<(Destination, u64)> {
    let seconds = info.ladder_length().as_secs_f64();
    let bytes = |bps: u64, seconds: f64| (bps as f64 * seconds / 8.0) as u64;
    // Assumed size of a media playlist in bytes.
    let playlist = 200;
    match output {
        Output::Ladder(ladder) => {
            let at = |key: &storage::Key| Destination { store: ladder.store.clone(), key: key.clone() };
            let master = (at(&ladder.master), 120 * ladder.rungs.len() as u64 + 50);
            let rung = |rung: &Rung| (at(&rung.playlist), playlist + bytes(rate(rung, info), seconds));
            std::iter::once(master).chain(ladder.rungs.iter().map(rung)).collect()
        }
        Output::Archive(archive) => {
            let video = archive.video.zip(info.video.as_ref()).map(|(encoding, video)| {
                video_rate(&encoding, video.scaled_to(video.short_side()), video.frame_rate.value())
            });
            let bps = video.unwrap_or(0) + audio_rate(archive.audio_kbps, info);
            vec![(archive.to.clone(), bytes(bps, seconds))]
        }
        Output::Clip(clip) => {
            let rung = plan.ladder().and_then(|ladder| ladder.rungs.get(rung_for(clip, ladder)));
            let bps = rung.map_or(0, |rung| rate(rung, info));
            let length = seconds.min(f64::from(clip.length_ms) / 1000.0);
            let to = Destination { store: clip.store.clone(), key: clip.playlist.clone() };
            vec![(to, playlist + bytes(bps, length))]
        }
        Output::Still(still) => {
            let wide = info.video.as_ref().map_or(0, |video| video.width).min(still.max_width);
            // A JPEG photograph takes about one bit per pixel. 16:9 is assumed.
            vec![(still.to.clone(), u64::from(wide) * u64::from(wide) * 9 / 16 / 8)]
        }
        Output::Waveform(request) => {
            let points = (info.duration.as_secs_f64() * f64::from(request.pixels_per_second)) as u64;
            let (width, height) = request.image_size;
            // Each point is two numbers of up to four characters. The image has two colours.
            let data = request.data.iter().map(|to| (to.clone(), 120 + points * 8));
            let image = request.image.iter().map(|to| (to.clone(), u64::from(width) * u64::from(height) / 64));
            data.chain(image).collect()
        }
        Output::Loudness => Vec::new(),
    }
}
