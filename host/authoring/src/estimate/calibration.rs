//! What a machine needs for its work, as it is stored.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use media::encoder::{Encoder, Processor};
use media::encoding::{Codec, Effort, Encoding};
use serde::{Deserialize, Serialize};

/// Costs of a machine. The film that they are measured with is an average one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Nanoseconds of processor time for a pixel, by encoder and effort: `libx264 fast`.
    pub encoders: BTreeMap<String, f64>,
    /// Nanoseconds for each pixel that is decoded or encoded: decoding, scaling, checking.
    pub other_work: f64,
    /// Seconds of processor time for a second of sound.
    pub sound: f64,
    /// Seconds of processor time for a process, however short the film is.
    pub process: f64,
    /// The same on the clock.
    pub process_wall: f64,
    /// What a film takes, relative to what its samples say: their encoders are never warm.
    pub sampled: f64,
    /// The share of the cores that a long encode keeps busy.
    pub utilisation: f64,
    /// Whether it was measured on this machine.
    #[serde(skip)]
    pub is_measured: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    #[error("{} can't be used", file.display())]
    File { file: PathBuf, source: std::io::Error },
    #[error("{} is not a calibration of this version ({source}): run `codex-transcoder estimate --calibrate` again", file.display())]
    Form { file: PathBuf, source: serde_json::Error },
}

/// Every effort, the fastest first.
pub(super) const EFFORTS: [Effort; 4] = [Effort::Fastest, Effort::Fast, Effort::Medium, Effort::Slow];

/// Nanoseconds for a pixel, measured on two cores of a shared server that had other work too, with ffmpeg 5.1.
const BUILT_IN: [(Codec, [f64; 4]); 3] = [
    (Codec::H264, [6.4, 30.0, 41.0, 65.0]),
    (Codec::Hevc, [31.0, 75.0, 90.0, 210.0]),
    (Codec::Av1, [28.0, 106.0, 230.0, 690.0]),
];

impl Calibration {
    /// Another machine's.
    pub fn built_in() -> Self {
        let encoders = BUILT_IN.iter().flat_map(|(codec, costs)| {
            EFFORTS.into_iter().zip(costs).map(|(effort, cost)| (name(*codec, effort), *cost))
        });
        Self {
            encoders: encoders.collect(),
            other_work: 5.0,
            sound: 0.06,
            process: 0.18,
            process_wall: 0.2,
            sampled: 0.9,
            utilisation: 0.85,
            is_measured: false,
        }
    }

    /// The stored one; `None` if there is none.
    pub fn load(file: &Path) -> Result<Option<Self>, CalibrationError> {
        let failed = |source| CalibrationError::File { file: file.to_owned(), source };
        let text = match std::fs::read_to_string(file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(failed)?,
        };
        let read: Self =
            serde_json::from_str(&text).map_err(|source| CalibrationError::Form { file: file.to_owned(), source })?;
        Ok(Some(Self { is_measured: true, ..read }))
    }

    /// Replaces the stored one.
    pub fn store(&self, file: &Path) -> Result<(), CalibrationError> {
        let failed = |source| CalibrationError::File { file: file.to_owned(), source };
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let text = format!("{:#}\n", serde_json::to_value(self).unwrap_or_default());
        std::fs::create_dir_all(folder).map_err(failed)?;
        let mut new = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        new.write_all(text.as_bytes()).map_err(failed)?;
        new.persist(file).map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// Nanoseconds for a pixel of an encode on the CPU.
    pub(super) fn of_encode(&self, encoding: &Encoding) -> f64 {
        let name = name(encoding.codec, encoding.effort);
        let built_in = || Self::built_in().encoders.get(&name).copied();
        self.encoders.get(&name).copied().or_else(built_in).unwrap_or_default()
    }
}

pub(super) fn name(codec: Codec, effort: Effort) -> String {
    format!("{} {}", Encoder { codec, processor: Processor::Cpu }.name(), effort.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_again_and_counts_as_measured() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/calibration.json");
        assert_eq!(Calibration::load(&file).unwrap(), None);
        Calibration::built_in().store(&file).unwrap();
        let read = Calibration::load(&file).unwrap().unwrap();
        assert_eq!(read, Calibration { is_measured: true, ..Calibration::built_in() });
        std::fs::write(&file, r#"{ "encoders": {} }"#).unwrap();
        let error = Calibration::load(&file).unwrap_err().to_string();
        assert!(error.contains("--calibrate"), "{error}");
    }

    #[test]
    fn an_encoder_that_was_not_measured_has_the_cost_of_another_machine() {
        let measured = Calibration { encoders: [("libx264 fast".to_owned(), 1.0)].into(), ..Calibration::built_in() };
        assert_eq!(measured.of_encode(&Encoding::h264(23, None, Effort::Fast)), 1.0);
        assert!(measured.of_encode(&Encoding::h264(23, None, Effort::Slow)) > 10.0);
    }
}
