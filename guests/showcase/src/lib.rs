//! The showcase policy: one use of every power of the contract, to copy from.
//!
//! The platform's own words about a job decide with: `"poster": 1500` is the moment of the thumbnail in milliseconds, and
//! a job with `"plan": "free"` gets no rung above 480p.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail"))]

mod outputs;
mod payload;
mod settings;
mod wishes;

use policy_sdk::ladder::{self, Rung};
use policy_sdk::prelude::*;
use policy_sdk::settings::unusable;
use policy_sdk::workflow::{follow, log_ladder, require_video, send_completed};
use settings::Settings;
use wishes::Wishes;

/// The rungs of a video, the largest first.
const RUNGS: [Rung; 4] = [
    Rung { name: "1080p", short_side: 1080, video_kbps: 5000, audio_kbps: 192 },
    Rung { name: "720p", short_side: 720, video_kbps: 3000, audio_kbps: 128 },
    Rung { name: "480p", short_side: 480, video_kbps: 1500, audio_kbps: 96 },
    Rung { name: "360p", short_side: 360, video_kbps: 800, audio_kbps: 64 },
];

/// The rungs in a codec that needs fewer bits: up to four times as many pixels.
const LARGER_RUNGS: [Rung; 4] = [
    Rung { name: "2160p", short_side: 2160, video_kbps: 16_000, audio_kbps: 192 },
    Rung { name: "1440p", short_side: 1440, video_kbps: 9_000, audio_kbps: 192 },
    RUNGS[0],
    RUNGS[1],
];

/// The rungs of sound alone.
const SOUND_RUNGS: [(&str, u32); 1] = [("128k", 128)];

/// The largest rung of the free plan.
const FREE: u32 = 480;

/// The showcase policy.
pub struct Showcase;

impl Policy for Showcase {
    fn validate(settings: &str) -> Result<(), Vec<Problem>> {
        Settings::parse(settings).map(drop)
    }

    fn select(
        job: &Job,
        info: &MediaInfo,
        encoders: &[VideoEncoder],
        settings: &str,
    ) -> Result<Vec<Rendition>, Refusal> {
        let Settings { effort, codec, .. } = Settings::parse_or_default(settings);
        let is_free = Wishes::of(job).is_free;
        let largest = if is_free { FREE } else { u32::MAX };
        let rungs: Vec<Rung> = RUNGS.into_iter().filter(|rung| rung.short_side <= largest).collect();
        let mut renditions = ladder::select(info, &rungs, &SOUND_RUNGS, effort)?;
        if let Some(codec) = codec.filter(|_| !is_free) {
            renditions.extend(ladder::in_codec(codec, encoders, info, &LARGER_RUNGS, effort));
        }
        Ok(renditions)
    }

    fn key_for(job: &Job, asset: &Asset, _settings: &str) -> Destination {
        outputs::key_for(job, asset)
    }

    fn completed(job: &Job, _info: &MediaInfo, report: &Report, _settings: &str) -> Message {
        payload::completed(job, report, &[])
    }

    fn failed(job: &Job, failure: &Failure, _settings: &str) -> Message {
        payload::failed(job, failure)
    }

    fn run<H: HostApi>(host: &H, job: &Job) -> Result<Outcome, Failure> {
        let text = host.settings();
        let settings = Settings::parse(&text).map_err(unusable)?;
        host.progress("downloading", 0);
        let source = host.open(&job.source.store, &job.source.key)?;
        let info = source.info();
        let renditions = Self::select(job, &info, &host.encoders(), &text)?;
        require_video(job, &info)?;
        log_ladder(host, &renditions);

        host.progress("encoding", 10);
        let transcode = host.start(&source, &outputs::plan(job, &info, &source.tracks(), renditions, &settings))?;
        follow(host, &transcode, "encoding", 10..=90);
        let report = transcode.wait()?;

        host.progress("finalizing", 95);
        let message = payload::completed(job, &report, &transcode.reached());
        send_completed(host, &message);
        Ok(Outcome { output: message.body })
    }
}

policy_sdk::export_policy!(Showcase);

#[cfg(test)]
mod tests {
    use policy_sdk::fake::{ScriptedHost, audio_info, job, media_info, video_info};

    use super::*;

    #[test]
    fn the_free_plan_ends_at_480p() {
        let free = Job { attributes: vec![("plan".into(), "\"free\"".into())], ..job(MediaKind::Video) };
        let info = media_info(Some(video_info(1920, 1080)), Some(audio_info()));
        let names = |job: &Job| -> Vec<String> {
            let renditions = Showcase::select(job, &info, &[], "{}").unwrap();
            renditions.into_iter().map(|rendition| rendition.name).collect()
        };
        assert_eq!(names(&free), ["480p", "360p"]);
        assert_eq!(names(&job(MediaKind::Video)), ["1080p", "720p", "480p", "360p"]);
    }

    #[test]
    fn a_job_makes_its_outputs_and_sends_a_message() {
        let host = ScriptedHost::new(media_info(Some(video_info(1280, 720)), Some(audio_info())));
        let outcome = Showcase::run(&host, &job(MediaKind::Video)).unwrap();
        assert!(outcome.output.contains("storyboard.vtt"), "{}", outcome.output);
        assert_eq!(host.messages().len(), 1);
    }
}
