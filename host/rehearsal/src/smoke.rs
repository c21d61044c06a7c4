//! Calls a policy's pure functions with made-up media. They must return usable results within their limits.
//!
//! The test does not judge decisions, such as the ladder, the names, or the refusal of a source. It fails only for
//! results that no job could use.

use std::collections::BTreeSet;

use contract::asset::{self, Asset};
use contract::v0_1::media::{Dimensions, PublishedObject, Report, RungReport};
use contract::v0_1::types::{
    AudioInfo, Destination, DynamicRange, Job, MediaInfo, MediaKind, Message, Processor, Ratio, VideoInfo,
};
use contract::v0_2::convert;
use contract::v0_2::encoding::{Rendition, VideoCodec, VideoEncoder};
use fault::text::printable;
use fault::{Failure, codes};
use media::encoder;
use media::outputs::ladder::{MAX_RUNGS, is_rung_name};
use media::proof::Proof;
use policy::{AdmitError, Call, Policy};
use serde::de::IgnoredAny;
use storage::Key;

/// The creator and the media id of the test's jobs.
const CREATOR: &str = "smoke-creator";
const MEDIA: &str = "smoke-media";

/// The tests of a policy, one for each kind of media.
pub(crate) fn tests(policy: &Policy) -> Vec<SmokeTest<'_>> {
    media().map(|(name, info)| SmokeTest { policy, name, job: job(&info), info }).into()
}

/// The test with one kind of media.
pub struct SmokeTest<'a> {
    pub policy: &'a Policy,
    /// What the media are, for error messages.
    pub name: &'static str,
    pub job: Job,
    pub info: MediaInfo,
}

impl SmokeTest<'_> {
    /// Returns the stores that the policy names.
    pub(crate) async fn run(&self) -> Result<BTreeSet<String>, AdmitError> {
        let all = Proof::assumed(&[encoder::Processor::Gpu, encoder::Processor::Cpu]).encoders();
        let few = vec![VideoEncoder { codec: VideoCodec::H264, processor: Processor::Cpu }];
        let mut ladder = Vec::new();
        for encoders in [few, all.into_iter().map(convert::encoder).collect()] {
            // A refusal is a valid result.
            if let Ok(renditions) = Call::pure(self.policy).select(&self.job, &self.info, &encoders).await? {
                self.check_ladder(&renditions)?;
                ladder = renditions;
            }
        }
        let report = self.report(&ladder).await?;
        let completed = Call::pure(self.policy).completed_message(&self.job, &self.info, &report).await?;
        self.check_message("payload.completed", &completed)?;
        let failure = Failure::new(&codes::upload::TRUNCATED, "smoke test of a policy").into();
        let message = Call::pure(self.policy).failed_message(&self.job, &failure).await?;
        self.check_message("payload.failed", &message)?;
        if let Some(message) = Call::pure(self.policy).progress_message(&self.job, "encode", 50).await? {
            self.check_message("payload.progress", &message)?;
        }
        Ok(report.objects.into_iter().map(|object| object.destination.store).collect())
    }

    pub(crate) fn problem(&self, function: &str, problem: &str) -> AdmitError {
        let problem = format!("`{function}`, for {}: {problem}", self.name);
        AdmitError::Smoke { policy: self.policy.name().to_owned(), problem }
    }

    fn check_ladder(&self, renditions: &[Rendition]) -> Result<(), AdmitError> {
        let problem = |problem: String| Err(self.problem("ladder.select", &problem));
        if renditions.len() > MAX_RUNGS {
            return problem(format!("{} renditions; at most {MAX_RUNGS} are allowed", renditions.len()));
        }
        for (index, rendition) in renditions.iter().enumerate() {
            let escaped = printable(&rendition.name, 64);
            if !is_rung_name(&rendition.name) {
                return problem(format!(
                    "a rendition is named `{escaped}`; names must be 1 to 32 letters, digits, `_` and `-`"
                ));
            }
            if renditions.iter().take(index).any(|earlier| earlier.name == rendition.name) {
                return problem(format!("two renditions are named `{escaped}`"));
            }
            if rendition.video.as_ref().is_some_and(|video| video.short_side == 0) {
                return problem(format!("the rendition `{escaped}` has no size"));
            }
        }
        Ok(())
    }

    fn check_message(&self, function: &str, message: &Message) -> Result<(), AdmitError> {
        match serde_json::from_str::<IgnoredAny>(&message.body) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.problem(function, &format!("its body is not JSON ({error})"))),
        }
    }

    /// The report of a job with this ladder and every kind of asset.
    pub async fn report(&self, ladder: &[Rendition]) -> Result<Report, AdmitError> {
        let (mut objects, mut rungs) = (Vec::new(), Vec::new());
        for asset in assets(ladder) {
            let Some(destination) = self.key(&asset).await? else { continue };
            let is_its = |rendition: &&Rendition| asset.kind == asset::RUNG_PLAYLIST && asset.name == rendition.name;
            rungs.extend(ladder.iter().find(is_its).map(|rendition| rung(rendition, destination.key.clone())));
            objects.push(PublishedObject { destination, bytes: 1000 });
        }
        Ok(Report {
            duration_ms: self.info.duration_ms,
            processor: Processor::Cpu,
            fell_back: None,
            rungs,
            objects,
            loudness: None,
            attributes: Vec::new(),
        })
    }

    /// The destination of an asset; `None` if the policy makes no such asset.
    async fn key(&self, asset: &Asset) -> Result<Option<Destination>, AdmitError> {
        let Some(destination) = Call::pure(self.policy).key_for(&self.job, asset).await? else { return Ok(None) };
        let escaped = printable(&destination.key, 80);
        let problem = match Key::parse(&destination.key) {
            Err(error) => error.to_string(),
            Ok(key) if !key.as_str().starts_with(&format!("{}/", self.job.creator_id)) => {
                format!("the key `{escaped}` does not start with the job's creator")
            }
            Ok(_) if destination.store.is_empty() => format!("the store for the key `{escaped}` is empty"),
            Ok(_) => return Ok(Some(destination)),
        };
        Err(self.problem("layout.key-for", &problem))
    }
}

/// All assets that a platform may ask for, whether or not a job makes them.
pub fn assets(ladder: &[Rendition]) -> Vec<Asset> {
    let mut assets = vec![Asset::only(asset::MASTER_PLAYLIST)];
    assets.extend(ladder.iter().map(|rendition| Asset::named(asset::RUNG_PLAYLIST, &rendition.name)));
    assets.push(Asset::only(asset::PREVIEW_PLAYLIST));
    assets.push(Asset::named(asset::STILL, "default"));
    assets.extend([asset::STORYBOARD, asset::WAVEFORM_DATA, asset::WAVEFORM_IMAGE, asset::MEZZANINE].map(Asset::only));
    assets
}

fn job(info: &MediaInfo) -> Job {
    Job {
        id: "smoke-job".to_owned(),
        media_id: MEDIA.to_owned(),
        creator_id: CREATOR.to_owned(),
        kind: if info.video.is_some() { MediaKind::Video } else { MediaKind::Audio },
        source: Destination {
            store: storage::ORIGINALS.to_owned(),
            key: format!("{CREATOR}/originals/{MEDIA}/smoke.mp4"),
        },
        attributes: Vec::new(),
    }
}

fn rung(rendition: &Rendition, playlist: String) -> RungReport {
    let size = rendition.video.as_ref().map(|video| Dimensions { width: video.short_side, height: video.short_side });
    RungReport {
        name: rendition.name.clone(),
        frame_rate: size.is_some().then_some(Ratio { numerator: 25, denominator: 1 }),
        size,
        peak_bps: 900_000,
        average_bps: 800_000,
        codecs: "avc1.64001f,mp4a.40.2".to_owned(),
        playlist,
    }
}

/// Typical and extreme uploads.
fn media() -> [(&'static str, MediaInfo); 5] {
    let info = |duration_ms, video, audio| MediaInfo {
        container: "mov,mp4,m4a,3gp,3g2,mj2".to_owned(),
        duration_ms,
        size_bytes: duration_ms.saturating_mul(500),
        video,
        audio,
        attributes: Vec::new(),
    };
    let video = |width, height, numerator, denominator| VideoInfo {
        codec: "h264".to_owned(),
        width,
        height,
        frame_rate: Ratio { numerator, denominator },
        bit_depth: 8,
        dynamic_range: DynamicRange::Sdr,
        interlaced: false,
        attributes: Vec::new(),
    };
    let audio =
        |channels, sample_rate| AudioInfo { codec: "aac".to_owned(), channels, sample_rate, attributes: Vec::new() };
    let hdr = VideoInfo { bit_depth: 10, dynamic_range: DynamicRange::Pq, ..video(2160, 3840, 60, 1) };
    let old = VideoInfo { interlaced: true, ..video(719, 575, 30_000, 1001) };
    [
        ("a clip in 1080p", info(60_000, Some(video(1920, 1080, 30, 1)), Some(audio(2, 48_000)))),
        ("a portrait film in HDR", info(7_200_000, Some(hdr), Some(audio(6, 44_100)))),
        ("an interlaced picture with odd sides and no sound", info(1000, Some(old), None)),
        ("a picture as small as can be", info(1, Some(video(16, 16, 1, 1)), Some(audio(1, 8000)))),
        ("sound alone", info(180_000, None, Some(audio(2, 44_100)))),
    ]
}
