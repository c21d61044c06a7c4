//! The loudness of the source, reported without a file.

use async_trait::async_trait;
use serde::Serialize;
use storage::Destination;

use super::{Description, OutputKind};
use crate::collector::Collector;
use crate::error::MediaError;
use crate::info::MediaInfo;
use crate::plan::{Plan, PlanError};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LoudnessMeasurement;

#[async_trait]
impl OutputKind for LoudnessMeasurement {
    /// It has no numbers, and a source without sound has no loudness.
    fn check(&self, _plan: &Plan, _info: &MediaInfo) -> Result<(), PlanError> {
        Ok(())
    }

    fn destinations(&self) -> Vec<Destination> {
        Vec::new()
    }

    fn describe(&self) -> Description {
        Description { what: "loudness", how: "measured".to_owned(), destinations: Vec::new() }
    }

    fn estimate(&self, _plan: &Plan, _info: &MediaInfo) -> Vec<(Destination, u64)> {
        Vec::new()
    }

    fn measures_loudness(&self) -> bool {
        true
    }

    async fn collect(&self, _index: usize, _collector: &mut Collector<'_>) -> Result<(), MediaError> {
        Ok(())
    }
}
