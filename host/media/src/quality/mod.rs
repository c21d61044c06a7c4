//! Targets of quality: for each rung that has one, the worst quality is looked for at which samples of the source, encoded as
//! the rung will be, are as like the source as the target wants.
//!
//! The search is bounded by the frames that it encodes, a share of the source's. A source that is too short for it keeps the
//! quality of its rung's encoding.

mod choice;
mod samples;
mod score;

pub(crate) use samples::search;
use serde::{Deserialize, Serialize};

use crate::encoding::Encoding;
use crate::info::{DynamicRange, MediaInfo};
use crate::outputs::Output;
use crate::plan::{Plan, PlanError, impossible, in_range};

/// How likeness is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    Ssim,
    Xpsnr,
    Vmaf,
}

impl Measure {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ssim => "SSIM",
            Self::Xpsnr => "XPSNR",
            Self::Vmaf => "VMAF",
        }
    }

    /// The scores in thousandths that may be wanted. Below them nothing is recognised, and above them nothing is encoded.
    fn scores(self) -> std::ops::RangeInclusive<u64> {
        match self {
            Self::Ssim => 500..=999,
            Self::Xpsnr => 20_000..=60_000,
            Self::Vmaf => 20_000..=99_000,
        }
    }

    /// Those that an ffmpeg with this version and these words on how it was built has.
    pub(crate) fn in_ffmpeg(version: &str, built_with: &str) -> Vec<Self> {
        let number = |part: Option<&str>| part.and_then(|part| part.parse::<u32>().ok()).unwrap_or(0);
        // `7.1.2-0+deb13u1`; a build from the source's newest state has a name that begins with a letter.
        let mut parts = version.split(|c: char| !c.is_ascii_digit());
        let is_newest = version.starts_with(|c: char| c.is_ascii_alphabetic());
        let has_xpsnr = is_newest || (number(parts.next()), number(parts.next())) >= (7, 1);
        let has_vmaf = built_with.split_whitespace().any(|option| option == "--enable-libvmaf");
        let further = [(Self::Xpsnr, has_xpsnr), (Self::Vmaf, has_vmaf)];
        let further = further.into_iter().filter(|(_, is_there)| *is_there).map(|(measure, _)| measure);
        std::iter::once(Self::Ssim).chain(further).collect()
    }
}

/// What a policy asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Target {
    /// The rung's name.
    pub rung: String,
    pub measure: Measure,
    /// In thousandths.
    pub score: u32,
    /// The bounds of the quality, in the encoder's numbers.
    pub best: u8,
    pub worst: u8,
}

/// What was found for a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// The rung's name.
    pub rung: String,
    pub measure: Measure,
    /// What the rung is encoded with.
    pub quality: u8,
    /// Of the samples at that quality, in thousandths; `None` if nothing was tried.
    pub score: Option<u32>,
    /// Why nothing was tried.
    pub not_tried: Option<String>,
}

impl Target {
    fn check(&self, plan: &Plan, info: &MediaInfo) -> Result<(), PlanError> {
        let Some((_, _, rung)) = plan.rung(&self.rung) else {
            return impossible("a target of quality is for a rung that it doesn't have");
        };
        let (Some((_, encoding)), Some(video)) = (&rung.video, &info.video) else {
            return impossible(format!("a target of quality is for rung `{}`, which has no picture", rung.name));
        };
        if rung.range(video) != Some(DynamicRange::Sdr) {
            let name = &rung.name;
            return impossible(format!("rung `{name}` is in high dynamic range, in which no likeness is measured"));
        }
        in_range("a score in thousandths", self.score.into(), self.measure.scores())?;
        for quality in [self.best, self.worst] {
            Encoding { quality, ..*encoding }.check()?;
        }
        if self.best > self.worst {
            return impossible(format!("the best quality of rung `{}` is behind the worst", rung.name));
        }
        Ok(())
    }

    /// Checks those of a plan.
    pub(crate) fn check_all(plan: &Plan, info: &MediaInfo) -> Result<(), PlanError> {
        for (number, target) in plan.targets.iter().enumerate() {
            target.check(plan, info)?;
            if plan.targets.iter().take(number).any(|other| other.rung == target.rung) {
                return impossible(format!("rung `{}` has two targets of quality", target.rung));
            }
        }
        Ok(())
    }
}

/// The plan with the qualities that were found.
pub(crate) fn settled(plan: &Plan, found: &[Reached]) -> Plan {
    let mut plan = plan.clone();
    for output in &mut plan.outputs {
        let Output::Ladder(ladder) = output else { continue };
        for rung in &mut ladder.rungs {
            let found = found.iter().find(|found| found.rung == rung.name);
            if let (Some((_, encoding)), Some(found)) = (&mut rung.video, found) {
                encoding.quality = found.quality;
            }
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_ffmpeg_can_measure_is_in_its_version_and_its_build() {
        use Measure::{Ssim, Vmaf, Xpsnr};
        let measures = Measure::in_ffmpeg;
        assert_eq!(measures("5.1.9-0+deb12u1", "--enable-gpl --enable-libx264"), [Ssim]);
        assert_eq!(measures("7.0.2", ""), [Ssim]);
        assert_eq!(measures("7.1.2-0+deb13u1", "--enable-gpl"), [Ssim, Xpsnr]);
        assert_eq!(measures("8.0-essentials_build", "--enable-libvmaf --enable-gpl"), [Ssim, Xpsnr, Vmaf]);
        assert_eq!(measures("N-118193-g5f38c82536", "--enable-libvmaf"), [Ssim, Xpsnr, Vmaf]);
        assert_eq!(measures("", "--enable-libvmaf-cuda"), [Ssim]);
    }
}
