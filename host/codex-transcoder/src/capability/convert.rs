//! Between the contract's records and ours.

use ::media::Moment;
use ::media::encoder::Processor;
use ::media::encoding::{Effort, Encoding};
use ::media::info::{self, DynamicRange};
use ::media::loudness::Measure;
use ::media::outputs::{
    Archive, Clip, Container, Ladder, LoudnessMeasurement, Output, Rung, Still, StillFormat, WaveformRequest,
};
use ::media::plan::{LoudnessTarget, Plan, PlanError, Preference};
use ::media::transcode::{RungSummary, TranscodeSummary};
use ::storage::Destination;
use ::storage::Key;
use fault::Failure as OurFailure;

use crate::policy::bindings::codex::transcode::media as wit;
use crate::policy::bindings::codex::transcode::types as wit_types;

impl From<OurFailure> for wit_types::Failure {
    fn from(failure: OurFailure) -> Self {
        let blame = match failure.blame {
            fault::Blame::Upload => wit_types::Blame::Upload,
            fault::Blame::Policy => wit_types::Blame::Policy,
            fault::Blame::Storage => wit_types::Blame::Storage,
            fault::Blame::Receiver => wit_types::Blame::Receiver,
            fault::Blame::Host => wit_types::Blame::Host,
        };
        Self { code: failure.code, blame, message: failure.message, retryable: failure.retryable }
    }
}

impl From<wit_types::Failure> for OurFailure {
    fn from(failure: wit_types::Failure) -> Self {
        let blame = match failure.blame {
            wit_types::Blame::Upload => fault::Blame::Upload,
            wit_types::Blame::Policy => fault::Blame::Policy,
            wit_types::Blame::Storage => fault::Blame::Storage,
            wit_types::Blame::Receiver => fault::Blame::Receiver,
            wit_types::Blame::Host => fault::Blame::Host,
        };
        Self {
            code: fault::text::printable(&failure.code, 64),
            blame,
            message: fault::text::printable(&failure.message, 2000),
            retryable: failure.retryable,
        }
    }
}

/// Any of our errors, as a policy sees it.
pub(super) fn refused(error: impl fault::Fault) -> wit_types::Failure {
    OurFailure::from(error).into()
}

/// A destination with a checked key.
pub(super) fn destination(store: &str, key: &str) -> Result<Destination, wit_types::Failure> {
    checked(store, key).map_err(refused)
}

fn checked(store: &str, key: &str) -> Result<Destination, PlanError> {
    Ok(Destination { store: store.to_owned(), key: Key::parse(key)? })
}

fn checked_record(to: &wit_types::Destination) -> Result<Destination, PlanError> {
    checked(&to.store, &to.key)
}

fn ratio(ratio: info::Ratio) -> wit_types::Ratio {
    wit_types::Ratio { numerator: ratio.numerator, denominator: ratio.denominator }
}

/// Milliseconds, at least one: a source of no length is refused before.
fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// What a policy learns of a source.
pub(crate) fn media_info(info: &info::MediaInfo) -> wit_types::MediaInfo {
    wit_types::MediaInfo {
        container: info.container.clone(),
        duration_ms: millis(info.duration),
        size_bytes: info.size,
        video: info.video.as_ref().map(|video| wit_types::VideoInfo {
            codec: video.codec.clone(),
            width: video.width,
            height: video.height,
            frame_rate: ratio(video.frame_rate),
            bit_depth: video.bit_depth,
            dynamic_range: match video.range {
                DynamicRange::Sdr => wit_types::DynamicRange::Sdr,
                DynamicRange::Pq => wit_types::DynamicRange::Pq,
                DynamicRange::Hlg => wit_types::DynamicRange::Hlg,
            },
            interlaced: video.interlaced,
            attributes: Vec::new(),
        }),
        audio: info.audio.as_ref().map(|audio| wit_types::AudioInfo {
            codec: audio.codec.clone(),
            channels: audio.channels,
            sample_rate: audio.sample_rate,
            attributes: Vec::new(),
        }),
        attributes: Vec::new(),
    }
}

pub(crate) fn encoding(encoding: &wit_types::VideoEncoding) -> Encoding {
    // The contract knows one codec; a second one makes this match fail to compile, as it should.
    match encoding.codec {
        wit_types::VideoCodec::H264 => {}
    }
    Encoding {
        quality: encoding.quality,
        max_kbps: encoding.max_kbps,
        effort: match encoding.effort {
            wit_types::Effort::Fastest => Effort::Fastest,
            wit_types::Effort::Fast => Effort::Fast,
            wit_types::Effort::Medium => Effort::Medium,
            wit_types::Effort::Slow => Effort::Slow,
        },
    }
}

fn moment(moment: wit::Moment) -> Moment {
    match moment {
        wit::Moment::AtMs(ms) => Moment::At(ms),
        wit::Moment::AtPermille(permille) => Moment::Permille(permille),
    }
}

fn ladder(hls: &wit::HlsOutput) -> Result<Ladder, PlanError> {
    let rung = |rung: &wit::HlsRung| {
        Ok(Rung {
            name: rung.rendition.name.clone(),
            video: rung.rendition.video.as_ref().map(|video| (video.short_side, encoding(&video.encoding))),
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
        container: match hls.container {
            wit::SegmentContainer::Ts => Container::Ts,
            wit::SegmentContainer::Fmp4 => Container::Fmp4,
        },
        single_file: matches!(hls.layout, wit::SegmentLayout::SingleFile),
    })
}

fn output(output: &wit::Output) -> Result<Output, PlanError> {
    Ok(match output {
        wit::Output::Hls(hls) => Output::Ladder(ladder(hls)?),
        wit::Output::File(file) => Output::Archive(Archive {
            to: checked_record(&file.destination)?,
            video: file.video.as_ref().map(encoding),
            audio_kbps: file.audio_kbps,
        }),
        wit::Output::Clip(clip) => Output::Clip(Clip {
            store: clip.store.clone(),
            playlist: Key::parse(&clip.playlist)?,
            start: moment(clip.start),
            length_ms: clip.length_ms,
            short_side: clip.short_side,
        }),
        wit::Output::Still(still) => Output::Still(Still {
            to: checked_record(&still.destination)?,
            at: moment(still.at),
            max_width: still.max_width,
            format: match still.format {
                wit::StillFormat::Jpeg => StillFormat::Jpeg,
                wit::StillFormat::Webp => StillFormat::Webp,
            },
            quality: still.quality,
        }),
        wit::Output::Waveform(waveform) => Output::Waveform(WaveformRequest {
            data: waveform.data.as_ref().map(checked_record).transpose()?,
            image: waveform.image.as_ref().map(checked_record).transpose()?,
            pixels_per_second: waveform.pixels_per_second,
            bits: waveform.bits,
            image_size: (waveform.image_width, waveform.image_height),
        }),
        wit::Output::Loudness => Output::Loudness(LoudnessMeasurement),
    })
}

/// The size of what a policy asks for, as the text of it in JSON: whatever a plan may come to hold is counted by it.
pub(super) fn size(plan: &wit::Plan) -> usize {
    /// Keeps nothing of what is written to it.
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, plan).map_or(usize::MAX, |()| counter.0)
}

/// What a policy asks for. Keys are checked here, numbers by the plan itself.
pub(crate) fn plan(plan: &wit::Plan) -> Result<Plan, PlanError> {
    let hundredths = |value: i32| f64::from(value) / 100.0;
    Ok(Plan {
        outputs: plan.outputs.iter().map(output).collect::<Result<_, PlanError>>()?,
        loudness: plan.loudness.map(|target| LoudnessTarget {
            integrated: hundredths(target.integrated),
            true_peak: hundredths(target.true_peak),
            range: hundredths(target.range),
        }),
        prefer: match plan.prefer {
            wit::Preference::Auto => Preference::Auto,
            wit::Preference::Gpu => Preference::Gpu,
            wit::Preference::Cpu => Preference::Cpu,
        },
    })
}

fn rung_report(rung: &RungSummary) -> wit::RungReport {
    wit::RungReport {
        name: rung.name.clone(),
        size: rung.size.map(|(width, height)| wit::Dimensions { width, height }),
        frame_rate: rung.frame_rate.map(ratio),
        peak_bps: rung.peak_bps,
        average_bps: rung.average_bps,
        codecs: rung.codecs.clone(),
        playlist: rung.playlist.key.to_string(),
    }
}

fn loudness(measure: Measure) -> wit::LoudnessMeasure {
    let hundredths = |value: f64| (value * 100.0).round() as i32;
    wit::LoudnessMeasure {
        integrated: hundredths(measure.integrated),
        true_peak: hundredths(measure.true_peak),
        range: hundredths(measure.range),
    }
}

/// What a policy learns of what was made and published.
pub(crate) fn report(made: &TranscodeSummary, objects: &[(Destination, u64)]) -> wit::Report {
    wit::Report {
        duration_ms: millis(made.duration),
        processor: match made.processor {
            Processor::Gpu => wit_types::Processor::Gpu,
            Processor::Cpu => wit_types::Processor::Cpu,
        },
        fell_back: made.fell_back.clone(),
        rungs: made.rungs.iter().map(rung_report).collect(),
        objects: objects
            .iter()
            .map(|(to, bytes)| wit::PublishedObject {
                destination: wit_types::Destination { store: to.store.clone(), key: to.key.to_string() },
                bytes: *bytes,
            })
            .collect(),
        loudness: made.loudness.map(loudness),
        attributes: Vec::new(),
    }
}
