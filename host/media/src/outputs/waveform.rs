//! The waveform: its points as a sidecar, and an image.

use async_trait::async_trait;
use serde::Serialize;
use storage::{Body, Destination};

use super::{Description, OutputKind};
use crate::collector::Collector;
use crate::error::{MediaError, UploadError};
use crate::info::MediaInfo;
use crate::output_file::Role;
use crate::plan::{Plan, PlanError, impossible, in_range};

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct WaveformRequest {
    /// Where the points go.
    pub data: Option<Destination>,
    pub image: Option<Destination>,
    /// Points per second.
    pub pixels_per_second: u32,
    /// Of each point: 8 or 16.
    pub bits: u8,
    /// Width and height.
    pub image_size: (u32, u32),
}

#[async_trait]
impl OutputKind for WaveformRequest {
    fn check(&self, _plan: &Plan, info: &MediaInfo) -> Result<(), PlanError> {
        in_range("points per second", self.pixels_per_second.into(), 1..=1_000)?;
        in_range("a waveform image's width", self.image_size.0.into(), 16..=8_192)?;
        in_range("a waveform image's height", self.image_size.1.into(), 16..=2_048)?;
        if !matches!(self.bits, 8 | 16) {
            return impossible("a waveform has 8 or 16 bits");
        }
        if info.audio.is_none() {
            return impossible("it wants a waveform from a source without sound");
        }
        Ok(())
    }

    fn destinations(&self) -> Vec<Destination> {
        self.data.iter().chain(&self.image).cloned().collect()
    }

    fn describe(&self) -> Description {
        let how = format!("{} points a second, {} bits", self.pixels_per_second, self.bits);
        Description { what: "waveform", how, destinations: self.destinations() }
    }

    fn estimate(&self, _plan: &Plan, info: &MediaInfo) -> Vec<(Destination, u64)> {
        let points = (info.duration.as_secs_f64() * f64::from(self.pixels_per_second)) as u64;
        let (width, height) = self.image_size;
        // Two numbers of up to four characters for each point; an image of two colours.
        let data = self.data.iter().map(|to| (to.clone(), 120 + points * 8));
        let image = self.image.iter().map(|to| (to.clone(), u64::from(width) * u64::from(height) / 64));
        data.chain(image).collect()
    }

    fn waveform_resolution(&self) -> Option<u32> {
        Some(self.pixels_per_second)
    }

    async fn collect(&self, index: usize, collector: &mut Collector<'_>) -> Result<(), MediaError> {
        let found = collector.sound.waveforms.iter().find(|(of, _)| *of == index).map(|(_, waveform)| waveform);
        let waveform = found
            .filter(|waveform| !waveform.is_empty())
            .ok_or_else(|| UploadError::Damaged { detail: "its sound decodes to nothing".to_owned() })?;
        if let Some(to) = &self.data {
            collector.add(to.clone(), Body::Bytes(waveform.to_json(self.bits).into_bytes()), Role::Object);
        }
        if let Some(to) = &self.image {
            let (width, height) = self.image_size;
            let image = waveform.to_png(width, height).map_err(MediaError::Other)?;
            collector.add(to.clone(), Body::Bytes(image), Role::Object);
        }
        Ok(())
    }
}
