//! Estimates of what a job will take, before it is run: time, processor time, bytes.
//!
//! What an encode costs depends on the film by a factor of two or three, so short samples of it go through the plan itself:
//! decoder, filters, encoders, checks. What is known of the machine is its [`Calibration`].

mod calibrate;
mod calibration;
mod model;
mod samples;
mod usage;

pub use calibrate::calibrate;
pub use calibration::{Calibration, CalibrationError};
use media::encoder::Processor;
use media::info::MediaInfo;
use media::outputs::{Output, PictureEncode};
use media::plan::Plan;
pub use model::{Estimate, by_calibration, by_samples};
pub use samples::{Film, SamplingError, open, sample};
use serde::Serialize;
use storage::Destination;
pub use usage::Usage;

/// What an estimate rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Encodes of parts of the film.
    Samples,
    /// This machine's costs for an average film.
    Calibration,
    /// Another machine's costs for an average film.
    BuiltIn,
}

impl Basis {
    pub fn name(self) -> &'static str {
        match self {
            Self::Samples => "samples",
            Self::Calibration => "calibration",
            Self::BuiltIn => "built-in",
        }
    }
}

/// A job to estimate.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    pub plan: &'a Plan,
    /// The source, or the part of it that the plan is about.
    pub info: &'a MediaInfo,
    pub processor: Processor,
    /// ffmpeg processes that the job starts.
    pub processes: usize,
    /// Of this machine.
    pub cores: usize,
}

impl Task<'_> {
    /// Seconds of the outputs.
    fn length(&self) -> f64 {
        self.info.ladder_length().as_secs_f64()
    }

    /// The objects that the plan names, with their likely sizes.
    fn likely(&self) -> Vec<(Destination, u64)> {
        likely(self.plan, self.info)
    }

    fn encodes_pictures(&self) -> bool {
        !encodes(self.plan, self.info).is_empty()
    }
}

/// The encodes of pictures, without those of a file that is likely kept as it is.
fn encodes(plan: &Plan, info: &MediaInfo) -> Vec<PictureEncode> {
    let outputs = plan.outputs.iter().map(Output::kind).filter(|output| !output.skips_encode(info));
    outputs.flat_map(|output| output.picture_encodes(info)).collect()
}

fn likely(plan: &Plan, info: &MediaInfo) -> Vec<(Destination, u64)> {
    plan.outputs.iter().flat_map(|output| output.kind().estimate(plan, info)).collect()
}
