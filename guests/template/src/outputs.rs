//! What is made of a source, and what every object is called.

use policy_sdk::joined;
use policy_sdk::prelude::*;

/// Where viewers read from.
const MEDIA: &str = "media";

/// Where an asset goes: `{creator}/hls/{media}/...`, and `{creator}/thumbnails/{media}/...`.
pub fn key_for(job: &Job, asset: &Asset) -> Destination {
    let (folder, file) = match asset {
        Asset::MasterPlaylist => ("hls", "master.m3u8".to_owned()),
        Asset::RungPlaylist(rung) => ("hls", joined(&[rung, "/index.m3u8"])),
        Asset::PreviewPlaylist => ("hls", "preview/index.m3u8".to_owned()),
        Asset::Still(name) => ("thumbnails", joined(&[name, ".jpg"])),
        Asset::WaveformData => ("waveforms", "waveform.json".to_owned()),
        Asset::WaveformImage => ("waveforms", "waveform.png".to_owned()),
        Asset::Mezzanine => ("mezzanine", "mezzanine.mp4".to_owned()),
    };
    Destination::new(MEDIA, joined(&[&job.creator_id, "/", folder, "/", &job.media_id, "/", &file]))
}

/// The ladder, and a thumbnail where there is a picture.
pub fn plan(job: &Job, info: &MediaInfo, renditions: Vec<Rendition>) -> Plan {
    let rung = |rendition: Rendition| HlsRung {
        playlist: key_for(job, &Asset::RungPlaylist(rendition.name.clone())).key,
        rendition,
    };
    let ladder = HlsOutput {
        store: MEDIA.into(),
        master: key_for(job, &Asset::MasterPlaylist).key,
        rungs: renditions.into_iter().map(rung).collect(),
        segment_ms: 6000,
        keyframe_ms: 2000,
        container: SegmentContainer::Ts,
        layout: SegmentLayout::Separate,
        attributes: Vec::new(),
    };
    let mut outputs = vec![Output::Hls(ladder)];
    if info.video.is_some() {
        outputs.push(Output::Still(StillOutput {
            destination: key_for(job, &Asset::Still("default".into())),
            at: Moment::AtPermille(100),
            max_width: 1280,
            format: StillFormat::Jpeg,
            quality: 80,
            attributes: Vec::new(),
        }));
    }
    // -16 LUFS is what most players of speech and music expect.
    let loudness = Some(LoudnessTarget { integrated: -1600, true_peak: -150, range: 1100 });
    Plan { outputs, loudness, prefer: Preference::Auto, attributes: Vec::new() }
}

#[cfg(test)]
mod tests {
    use policy_sdk::fake::{audio_info, job, media_info};

    use super::*;

    #[test]
    fn every_key_begins_with_the_creator() {
        let key = key_for(&job(MediaKind::Video), &Asset::RungPlaylist("720p".into()));
        assert_eq!(key, Destination::new("media", "creator-1/hls/media-1/720p/index.m3u8"));
    }

    #[test]
    fn sound_alone_gets_no_thumbnail() {
        let plan = plan(&job(MediaKind::Audio), &media_info(None, Some(audio_info())), Vec::new());
        assert_eq!(plan.outputs.len(), 1);
    }
}
