//! Stands in for `authoring` in a program that is built without it.

use std::path::Path;
use std::sync::Arc;

use clap::Subcommand;
use job::JobRecorder;
use tokio_util::sync::CancellationToken;

use super::exit::Ended;
use crate::observe::Redactor;

/// No command.
#[derive(Clone, Debug, Subcommand)]
pub enum Authoring {}

impl Authoring {
    pub async fn run(self, _: CancellationToken) -> Result<(), Ended> {
        match self {}
    }
}

pub fn recordings(folder: Option<&Path>, _: Redactor) -> Result<Option<Arc<dyn JobRecorder>>, Ended> {
    match folder {
        None => Ok(None),
        Some(_) => Err(Ended::usage("--record needs a program that is built with the feature `authoring`")),
    }
}
