//! Converts between the contract's types and the host's.

use fault::Failure as OurFailure;
use media::info;
use media::loudness::Measure;
use media::plan::PlanError;
use media::transcode::{RungSummary, TranscodeSummary};
use storage::{Destination, Key};

use super::media as wit;
use super::types as wit_types;

same_cases! {
    fault::Blame = wit_types::Blame { Upload, Policy, Storage, Receiver, Host }
    info::DynamicRange = wit_types::DynamicRange { Sdr, Pq, Hlg }
    media::encoder::Processor = wit_types::Processor { Gpu, Cpu }
    media::encoding::Effort = wit_types::Effort { Fastest, Fast, Medium, Slow }
    media::outputs::Container = wit::SegmentContainer { Ts, Fmp4 }
    media::outputs::StillFormat = wit::StillFormat { Jpeg, Webp }
    media::plan::Preference = wit::Preference { Auto, Gpu, Cpu }
    media::probe::DeclaredKind = wit_types::MediaKind { Video, Audio }
}

impl From<OurFailure> for wit_types::Failure {
    fn from(OurFailure { code, blame, message, retryable }: OurFailure) -> Self {
        Self { code, blame: blame.into(), message, retryable }
    }
}

impl From<wit_types::Failure> for OurFailure {
    fn from(failure: wit_types::Failure) -> Self {
        Self {
            code: fault::text::printable(&failure.code, 64),
            blame: failure.blame.into(),
            message: fault::text::printable(&failure.message, 2000),
            retryable: failure.retryable,
        }
    }
}

/// Converts an error of the host to the contract's `failure`.
pub fn refused(error: impl fault::Fault) -> wit_types::Failure {
    OurFailure::from(error).into()
}

/// A destination whose key has been validated.
pub fn destination(store: &str, key: &str) -> Result<Destination, wit_types::Failure> {
    checked(store, key).map_err(refused)
}

fn checked(store: &str, key: &str) -> Result<Destination, PlanError> {
    Ok(Destination { store: store.to_owned(), key: Key::parse(key)? })
}

pub(crate) fn checked_record(to: &wit_types::Destination) -> Result<Destination, PlanError> {
    checked(&to.store, &to.key)
}

fn ratio(ratio: info::Ratio) -> wit_types::Ratio {
    wit_types::Ratio { numerator: ratio.numerator, denominator: ratio.denominator }
}

/// Milliseconds, at least one: probing has already refused sources without a length.
fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// The contract's `media-info` of a probed source.
pub fn media_info(info: &info::MediaInfo) -> wit_types::MediaInfo {
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
            dynamic_range: video.range.into(),
            interlaced: video.interlaced,
            attributes: Vec::new(),
        }),
        audio: info.audio.as_ref().map(|audio| wit_types::AudioInfo {
            codec: audio.codec.clone(),
            channels: audio.channels,
            sample_rate: audio.sample_rate,
            attributes: Vec::new(),
        }),
        attributes: note_attributes(&info.notes_beside(&[])),
    }
}

/// The name of an attribute that tells a note.
const NOTE: &str = "note";

fn note_attributes(notes: &[String]) -> wit_types::Attributes {
    notes.iter().map(|note| (NOTE.to_owned(), note.clone())).collect()
}

/// The notes among attributes.
pub fn notes(attributes: &wit_types::Attributes) -> Vec<String> {
    attributes.iter().filter(|(name, _)| name == NOTE).map(|(_, note)| note.clone()).collect()
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

/// The contract's `report` of a published transcode.
pub fn report(made: &TranscodeSummary, objects: &[(Destination, u64)]) -> wit::Report {
    wit::Report {
        duration_ms: millis(made.duration),
        processor: made.processor.into(),
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
        attributes: note_attributes(&made.notes),
    }
}

/// The machine's GPUs.
pub fn devices(devices: &[media::proof::Device]) -> Vec<super::gpu::Device> {
    let device =
        |device: &media::proof::Device| super::gpu::Device { name: device.name.clone(), memory_mib: device.memory_mib };
    devices.iter().map(device).collect()
}

#[cfg(test)]
mod tests {
    use media::encoder::Processor;

    use super::*;

    #[test]
    fn notes_are_attributes_of_the_report() {
        let made = TranscodeSummary {
            duration: std::time::Duration::from_secs(1),
            processor: Processor::Cpu,
            tier: None,
            kept_off: None,
            fell_back: None,
            rungs: Vec::new(),
            loudness: None,
            reached: Vec::new(),
            notes: vec!["one".to_owned(), "another".to_owned()],
        };
        let attributes = report(&made, &[]).attributes;
        assert_eq!(attributes, [("note".to_owned(), "one".to_owned()), ("note".to_owned(), "another".to_owned())]);
        assert_eq!(notes(&attributes), made.notes);
    }
}
