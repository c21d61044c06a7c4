use crate::types::{
    Destination, LoudnessMeasure, MediaInfo, Output, Plan, Processor, PublishedObject, Report, RungReport,
};

/// The report of a host that made everything in the plan without trouble, on the CPU.
pub fn everything(info: &MediaInfo, plan: &Plan) -> Report {
    let mut report = Report {
        duration_ms: info.duration_ms,
        processor: Processor::Cpu,
        fell_back: None,
        rungs: Vec::new(),
        objects: Vec::new(),
        loudness: None,
        attributes: Vec::new(),
    };
    for output in &plan.outputs {
        add(&mut report, output);
    }
    report
}

fn add(report: &mut Report, output: &Output) {
    match output {
        Output::Hls(hls) => {
            publish(report, Destination::new(&hls.store, hls.master.clone()));
            for rung in &hls.rungs {
                publish(report, Destination::new(&hls.store, rung.playlist.clone()));
                report.rungs.push(RungReport {
                    name: rung.rendition.name.clone(),
                    size: None,
                    frame_rate: None,
                    peak_bps: 1_000_000,
                    average_bps: 900_000,
                    codecs: "avc1.640028,mp4a.40.2".into(),
                    playlist: rung.playlist.clone(),
                });
            }
        }
        Output::File(file) => publish(report, file.destination.clone()),
        Output::Clip(clip) => publish(report, Destination::new(&clip.store, clip.playlist.clone())),
        Output::Still(still) => publish(report, still.destination.clone()),
        Output::Waveform(waveform) => {
            for destination in waveform.data.iter().chain(&waveform.image) {
                publish(report, destination.clone());
            }
        }
        Output::Loudness => {
            report.loudness = Some(LoudnessMeasure { integrated: -2000, true_peak: -300, range: 700 });
        }
    }
}

fn publish(report: &mut Report, destination: Destination) {
    report.objects.push(PublishedObject { destination, bytes: 1000 });
}
