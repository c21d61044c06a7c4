//! The faults in a plan.

use policy_sdk::types::{HlsOutput, Output, Plan};

use crate::Behaviour;

/// Puts the fault into the plan if it is one of these.
pub fn tamper(behaviour: Behaviour, plan: &mut Plan) {
    if behaviour == Behaviour::SameKeyTwice {
        let twice = plan.outputs.iter().find(|output| !matches!(***output, Output::Hls(_) | Output::Loudness)).cloned();
        plan.outputs.extend(twice);
    }
    match behaviour {
        Behaviour::NoOutputs => plan.outputs.clear(),
        Behaviour::MissingArchive => {
            let archive = plan.outputs.iter_mut().find(|output| matches!(***output, Output::File(_)));
            if let Some(output) = archive
                && let Output::File(mut file) = (**output).clone()
            {
                file.destination.store = "nowhere".into();
                *output = file.into();
            }
        }
        _ => {}
    }
    for output in &mut plan.outputs {
        let Output::Hls(hls) = &**output else { continue };
        let mut changed = hls.clone();
        tamper_with_ladder(behaviour, &mut changed);
        *output = changed.into();
    }
}

fn tamper_with_ladder(behaviour: Behaviour, hls: &mut HlsOutput) {
    match behaviour {
        Behaviour::KeyTraversal => hls.master = "../../etc/x".into(),
        Behaviour::KeyControl => hls.master.push_str("\u{1b}[2J"),
        Behaviour::KeyLong => hls.master.push_str(&"k".repeat(2048)),
        Behaviour::ForeignPrefix => {
            hls.master = "somebody-else/hls/their-media/master.m3u8".into();
        }
        Behaviour::ReservedKey => {
            hls.master = hls.master.replace("/hls/", "/.Codex/hls/");
        }
        Behaviour::SameKeyInAnotherCase => {
            let Some(rung) = hls.rungs.first_mut() else { return };
            rung.playlist = hls.master.replace("master", "MASTER");
        }
        Behaviour::TenThousandRungs => {
            let Some(first) = hls.rungs.first().cloned() else { return };
            for number in 0..10_000 {
                let mut rung = first.clone();
                rung.rendition.name = format!("rung-{number}");
                rung.playlist = format!("{}-{number}.m3u8", first.playlist);
                hls.rungs.push(rung);
            }
        }
        Behaviour::MissingStore => hls.store = "nowhere".into(),
        Behaviour::OneKeyForAllRungs => {
            let first = hls.rungs.first().map(|rung| rung.playlist.clone()).unwrap_or_default();
            hls.rungs.iter_mut().for_each(|rung| rung.playlist.clone_from(&first));
        }
        Behaviour::NoRungs => hls.rungs.clear(),
        Behaviour::SameNameTwice => {
            let first = hls.rungs.first().map(|rung| rung.rendition.name.clone()).unwrap_or_default();
            hls.rungs.iter_mut().for_each(|rung| rung.rendition.name.clone_from(&first));
        }
        Behaviour::BadName => {
            hls.rungs.iter_mut().for_each(|rung| rung.rendition.name = format!("a/{}", rung.rendition.name));
        }
        Behaviour::GiantRung => set_short_sides(hls, 20_000),
        Behaviour::ZeroRung => set_short_sides(hls, 0),
        Behaviour::NegativeRung => set_short_sides(hls, u32::MAX),
        Behaviour::ZeroSegment => hls.segment_ms = 0,
        Behaviour::NegativeSegment => hls.segment_ms = u32::MAX,
        _ => {}
    }
}

fn set_short_sides(hls: &mut HlsOutput, short_side: u32) {
    for video in hls.rungs.iter_mut().filter_map(|rung| rung.rendition.video.as_mut()) {
        video.short_side = short_side;
    }
}
