//! A plan as a policy asks for it, in the words of the newest version of the contract, and its conversion to the host's.
//!
//! Its JSON form is that of version 0.1, with more kinds of output.

use media::encryption;
use media::outputs::{
    self, Animation, Archive, AudioRendition, Clip, Dash, Download, Iframes, Ladder, LoudnessMeasurement, Rung, Still,
    Storyboard, Subtitles, TextSource, WaveformRequest,
};
use media::part::Trim;
use media::plan::{self, PlanError};
use media::{quality, watermark};
use serde::{Deserialize, Serialize};
use storage::Key;

use crate::v0_1::convert::checked_record;
use crate::v0_1::media as v0_1;
use crate::v0_1::media::{ClipOutput, LoudnessTarget, Moment, Preference, SegmentLayout, StillOutput, WaveformOutput};
use crate::v0_1::types::Attributes;
use crate::v0_2::animation::AnimationOutput;
use crate::v0_2::audio::AudioOutput;
use crate::v0_2::convert::encoding;
use crate::v0_2::dash::DashOutput;
use crate::v0_2::download::DownloadOutput;
use crate::v0_2::encryption::Encryption;
use crate::v0_2::file::FileOutput;
use crate::v0_2::hls::{HlsOutput, HlsRung};
use crate::v0_2::iframes::IframeOutput;
use crate::v0_2::quality::Target;
use crate::v0_2::storyboard::StoryboardOutput;
use crate::v0_2::subtitles::{SubtitleOutput, SubtitleSource};
use crate::v0_2::trim::Part;
use crate::v0_2::watermark::Watermark;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Output {
    Hls(HlsOutput),
    File(FileOutput),
    KeptFile(FileOutput),
    Clip(ClipOutput),
    Still(StillOutput),
    Storyboard(StoryboardOutput),
    Download(DownloadOutput),
    Animation(AnimationOutput),
    Iframes(IframeOutput),
    Audio(AudioOutput),
    Subtitles(SubtitleOutput),
    Dash(DashOutput),
    Waveform(WaveformOutput),
    Loudness,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub outputs: Vec<Output>,
    pub loudness: Option<LoudnessTarget>,
    pub prefer: Preference,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trim: Option<Part>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark: Option<Watermark>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    /// No version knows any.
    pub attributes: Attributes,
}

impl Default for Plan {
    fn default() -> Self {
        let (loudness, prefer) = (None, Preference::Auto);
        Self::from(v0_1::Plan { outputs: Vec::new(), loudness, prefer, attributes: Vec::new() })
    }
}

impl From<v0_1::Plan> for Plan {
    fn from(v0_1::Plan { outputs, loudness, prefer, attributes }: v0_1::Plan) -> Self {
        let outputs = outputs.into_iter().map(Output::from).collect();
        let (trim, encryption, watermark) = (None, None, None);
        Self { outputs, loudness, prefer, trim, encryption, watermark, targets: Vec::new(), attributes }
    }
}

impl From<v0_1::Output> for Output {
    fn from(output: v0_1::Output) -> Self {
        match output {
            v0_1::Output::Hls(hls) => Self::Hls(hls.into()),
            v0_1::Output::File(file) => Self::File(file.into()),
            v0_1::Output::Clip(clip) => Self::Clip(clip),
            v0_1::Output::Still(still) => Self::Still(still),
            v0_1::Output::Waveform(waveform) => Self::Waveform(waveform),
            v0_1::Output::Loudness => Self::Loudness,
        }
    }
}

impl Plan {
    /// Converts it to the host's plan. Keys are validated here; the host's plan validates the numbers.
    pub fn convert(&self) -> Result<plan::Plan, PlanError> {
        no_unknown(&self.attributes)?;
        let hundredths = |value: i32| f64::from(value) / 100.0;
        Ok(plan::Plan {
            outputs: self.outputs.iter().map(output).collect::<Result<_, PlanError>>()?,
            loudness: self.loudness.map(|target| plan::LoudnessTarget {
                integrated: hundredths(target.integrated),
                true_peak: hundredths(target.true_peak),
                range: hundredths(target.range),
            }),
            prefer: self.prefer.into(),
            encryption: self.encryption.as_ref().map(|Encryption { key_id, rotate_segments, method }| {
                encryption::Encryption {
                    key_id: key_id.clone(),
                    rotate_segments: *rotate_segments,
                    method: (*method).into(),
                }
            }),
            watermark: self.watermark.as_ref().map(watermark).transpose()?,
            targets: self.targets.iter().map(target).collect(),
            trim: self.trim.map(|Part { start_ms, end_ms }| Trim { start_ms, end_ms }),
        })
    }
}

fn output(output: &Output) -> Result<outputs::Output, PlanError> {
    Ok(match output {
        Output::Hls(hls) => outputs::Output::Ladder(ladder(hls)?),
        Output::File(file) => outputs::Output::Archive(archive(file, false)?),
        Output::KeptFile(file) => outputs::Output::Archive(archive(file, true)?),
        Output::Clip(clip) => {
            no_unknown(&clip.attributes)?;
            outputs::Output::Clip(Clip {
                store: clip.store.clone(),
                playlist: Key::parse(&clip.playlist)?,
                start: moment(clip.start),
                length_ms: clip.length_ms,
                short_side: clip.short_side,
            })
        }
        Output::Still(still) => {
            no_unknown(&still.attributes)?;
            outputs::Output::Still(Still {
                to: checked_record(&still.destination)?,
                at: moment(still.at),
                max_width: still.max_width,
                format: still.format.into(),
                quality: still.quality,
            })
        }
        Output::Storyboard(storyboard) => {
            no_unknown(&storyboard.attributes)?;
            outputs::Output::Storyboard(Storyboard {
                index: checked_record(&storyboard.index)?,
                interval_ms: storyboard.interval_ms,
                width: storyboard.width,
                columns: storyboard.columns,
                rows: storyboard.rows,
                format: storyboard.format.into(),
                quality: storyboard.quality,
            })
        }
        Output::Download(download) => {
            no_unknown(&download.attributes)?;
            outputs::Output::Download(Download {
                to: checked_record(&download.destination)?,
                rung: download.rung.clone(),
            })
        }
        Output::Animation(animation) => {
            no_unknown(&animation.attributes)?;
            outputs::Output::Animation(Animation {
                to: checked_record(&animation.destination)?,
                start: moment(animation.start),
                length_ms: animation.length_ms,
                max_width: animation.width,
                frame_rate: animation.frame_rate,
                format: animation.format.into(),
                quality: animation.quality,
            })
        }
        Output::Iframes(iframes) => {
            no_unknown(&iframes.attributes)?;
            outputs::Output::Iframes(Iframes {
                rung: iframes.rung.clone(),
                playlist: checked_record(&iframes.playlist)?,
            })
        }
        Output::Audio(audio) => {
            no_unknown(&audio.attributes)?;
            outputs::Output::Audio(AudioRendition {
                name: audio.name.clone(),
                track: audio.track,
                language: audio.language.clone(),
                is_default: audio.is_default,
                codec: audio.codec.into(),
                kbps: audio.kbps,
                channels: audio.channels.into(),
                playlist: checked_record(&audio.playlist)?,
            })
        }
        Output::Subtitles(subtitles) => {
            no_unknown(&subtitles.attributes)?;
            outputs::Output::Subtitles(Subtitles {
                name: subtitles.name.clone(),
                source: match &subtitles.source {
                    SubtitleSource::Track(index) => TextSource::Track(*index),
                    SubtitleSource::File(file) => TextSource::File(checked_record(file)?),
                },
                language: subtitles.language.clone(),
                is_default: subtitles.is_default,
                is_forced: subtitles.is_forced,
                playlist: checked_record(&subtitles.playlist)?,
            })
        }
        Output::Dash(dash) => {
            no_unknown(&dash.attributes)?;
            outputs::Output::Dash(Dash { manifest: checked_record(&dash.manifest)? })
        }
        Output::Waveform(waveform) => {
            no_unknown(&waveform.attributes)?;
            outputs::Output::Waveform(WaveformRequest {
                data: waveform.data.as_ref().map(checked_record).transpose()?,
                image: waveform.image.as_ref().map(checked_record).transpose()?,
                pixels_per_second: waveform.pixels_per_second,
                bits: waveform.bits,
                image_size: (waveform.image_width, waveform.image_height),
            })
        }
        Output::Loudness => outputs::Output::Loudness(LoudnessMeasurement),
    })
}

/// Refuses all attributes in a request: this version knows none, and ignoring one would execute only part of the
/// request.
pub(crate) fn no_unknown(attributes: &Attributes) -> Result<(), PlanError> {
    match attributes.first() {
        None => Ok(()),
        Some((name, _)) => Err(PlanError::UnknownAttribute { name: fault::text::printable(name, 64) }),
    }
}

fn target(asked: &Target) -> quality::Target {
    let Target { rung, measure, score, best, worst } = asked.clone();
    quality::Target { rung, measure: measure.into(), score, best, worst }
}

fn watermark(asked: &Watermark) -> Result<watermark::Watermark, PlanError> {
    Ok(watermark::Watermark {
        image: checked_record(&asked.image)?,
        corner: asked.corner.into(),
        width_permille: asked.width_permille,
        height_permille: asked.height_permille,
        margin_permille: asked.margin_permille,
        opacity_percent: asked.opacity_percent,
        from_ms: asked.from_ms,
        until_ms: asked.until_ms,
    })
}

fn archive(file: &FileOutput, keep: bool) -> Result<Archive, PlanError> {
    no_unknown(&file.attributes)?;
    let to = checked_record(&file.destination)?;
    Ok(Archive { to, video: file.video.as_ref().map(encoding).transpose()?, audio_kbps: file.audio_kbps, keep })
}

fn moment(moment: Moment) -> media::Moment {
    match moment {
        Moment::AtMs(ms) => media::Moment::At(ms),
        Moment::AtPermille(permille) => media::Moment::Permille(permille),
    }
}

fn ladder(hls: &HlsOutput) -> Result<Ladder, PlanError> {
    no_unknown(&hls.attributes)?;
    let rung = |rung: &HlsRung| {
        no_unknown(&rung.rendition.attributes)?;
        let video = rung.rendition.video.as_ref();
        let video = video.map(|video| encoding(&video.encoding).map(|encoding| (video.short_side, encoding)));
        Ok(Rung {
            name: rung.rendition.name.clone(),
            video: video.transpose()?,
            audio_kbps: rung.rendition.audio_kbps,
            playlist: Key::parse(&rung.playlist)?,
        })
    };
    Ok(Ladder {
        store: hls.store.clone(),
        master: Key::parse(&hls.master)?,
        rungs: hls.rungs.iter().map(rung).collect::<Result<_, PlanError>>()?,
        segment_ms: hls.segment_ms,
        keyframe_ms: hls.keyframe_ms,
        container: hls.container.into(),
        single_file: matches!(hls.layout, SegmentLayout::SingleFile),
    })
}

/// The size of a plan or of a part of one, measured as JSON text, so that fields of later versions count too.
pub fn size<T: serde::Serialize>(part: &T) -> usize {
    serde_json::to_vec(part).map_or(usize::MAX, |text| text.len())
}

#[cfg(test)]
mod tests {
    use fault::Fault as _;
    use serde_json::{Value, json};

    use super::*;

    /// A plan with every record that has attributes.
    fn plan_with_everything() -> Value {
        let encoding = json!({
            "codec": "h264", "quality": 23, "max-kbps": null, "effort": "fast", "attributes": [],
        });
        let to = json!({ "store": "media", "key": "u/a" });
        let rendition = json!({
            "name": "720p", "video": { "short-side": 720, "encoding": encoding }, "audio-kbps": 128, "attributes": [],
        });
        json!({
            "outputs": [
                { "hls": {
                    "store": "media", "master": "u/m.m3u8", "segment-ms": 6000, "keyframe-ms": 2000,
                    "container": "ts", "layout": "separate", "attributes": [],
                    "rungs": [{ "rendition": rendition, "playlist": "u/720p.m3u8" }],
                } },
                { "file": { "destination": to, "video": encoding, "audio-kbps": null, "attributes": [] } },
                { "kept-file": { "destination": to, "video": null, "audio-kbps": 256, "attributes": [] } },
                { "clip": {
                    "store": "media", "playlist": "u/c.m3u8", "start": { "at-ms": 0 }, "length-ms": 1000,
                    "short-side": 720, "attributes": [],
                } },
                { "still": {
                    "destination": to, "at": { "at-ms": 0 }, "max-width": 640, "format": "jpeg", "quality": 80,
                    "attributes": [],
                } },
                { "storyboard": {
                    "index": to, "interval-ms": 5000, "width": 160, "columns": 5, "rows": 5, "format": "jpeg",
                    "quality": 80, "attributes": [],
                } },
                { "download": { "destination": to, "rung": "720p", "attributes": [] } },
                { "iframes": { "rung": "720p", "playlist": to, "attributes": [] } },
                { "audio": {
                    "name": "English", "track": 2, "language": "en", "is-default": true, "codec": "aac", "kbps": 128,
                    "channels": "stereo", "playlist": to, "attributes": [],
                } },
                { "subtitles": {
                    "name": "English", "source": { "track": 3 }, "language": null, "is-default": false,
                    "is-forced": false, "playlist": to, "attributes": [],
                } },
                { "dash": { "manifest": to, "attributes": [] } },
                { "animation": {
                    "destination": to, "start": { "at-ms": 0 }, "length-ms": 3000, "width": 320, "frame-rate": 10,
                    "format": "webp", "quality": 60, "attributes": [],
                } },
                { "waveform": {
                    "data": to, "image": null, "pixels-per-second": 10, "bits": 8, "image-width": 1800,
                    "image-height": 140, "attributes": [],
                } },
            ],
            "loudness": null, "prefer": "auto", "attributes": [],
        })
    }

    /// The paths of all lists of attributes.
    fn attribute_paths(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let path = format!("{path}/{name}");
                    if name == "attributes" { found.push(path) } else { attribute_paths(value, &path, found) }
                }
            }
            Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    attribute_paths(value, &format!("{path}/{index}"), found);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn unknown_attributes_are_refused_in_every_record() {
        let whole = plan_with_everything();
        let read = |value: &Value| crate::json::from_value::<Plan>("plan", value.clone()).unwrap().convert();
        read(&whole).unwrap();
        let mut paths = Vec::new();
        attribute_paths(&whole, "", &mut paths);
        assert_eq!(paths.len(), 17, "{paths:?}");
        for path in paths {
            let mut changed = whole.clone();
            *changed.pointer_mut(&path).unwrap() = json!([["watermark", "on"]]);
            let error = read(&changed).unwrap_err();
            assert_eq!(error.code(), "plan.unknown-attribute", "{path}");
            assert!(error.to_string().contains("watermark"), "{error}");
        }
    }
}
