use super::records::{published, report, rung_report};
use crate::types::*;

/// The report of a host that made everything in the plan.
pub fn everything(info: &MediaInfo, plan: &Plan) -> Report {
    let mut report = Report { duration_ms: info.duration_ms, ..report(&[], &[]) };
    for output in &plan.outputs {
        add(&mut report, output);
    }
    report
}

/// What a host found that reached every target at its best quality.
pub fn reached(plan: &Plan) -> Vec<Reached> {
    let reached = |target: &Target| {
        let Target { rung, best, score, .. } = target.clone();
        Reached { rung, quality: best, score: Some(score), not_tried: None }
    };
    plan.targets.iter().flat_map(|targets| targets.iter()).map(reached).collect()
}

fn add(report: &mut Report, output: &Output) {
    let mut publish = |destination: Destination| report.objects.push(published(destination));
    match output {
        Output::Hls(hls) => {
            publish(Destination::new(&hls.store, hls.master.as_str()));
            for rung in &hls.rungs {
                publish(Destination::new(&hls.store, rung.playlist.as_str()));
                report.rungs.push(rung_report(&rung.rendition.name, &rung.playlist));
            }
        }
        Output::File(file) | Output::KeptFile(file) => publish(file.destination.clone()),
        Output::Clip(clip) => publish(Destination::new(&clip.store, clip.playlist.as_str())),
        Output::Still(still) => publish(still.destination.clone()),
        Output::Storyboard(storyboard) => publish(storyboard.index.clone()),
        Output::Download(download) => publish(download.destination.clone()),
        Output::Animation(animation) => publish(animation.destination.clone()),
        Output::Iframes(iframes) => publish(iframes.playlist.clone()),
        Output::Audio(audio) => publish(audio.playlist.clone()),
        Output::Subtitles(subtitles) => publish(subtitles.playlist.clone()),
        Output::Dash(dash) => publish(dash.manifest.clone()),
        Output::Waveform(waveform) => waveform.data.iter().chain(&waveform.image).cloned().for_each(publish),
        Output::Loudness => {
            report.loudness = Some(LoudnessMeasure { integrated: -2000, true_peak: -300, range: 700 });
        }
    }
}
