//! Collects the files of all outputs for a publication.

use storage::{Body, Destination, open_regular};

use crate::context::{TranscodeContext, blocking};
use crate::encode::Encoded;
use crate::error::MediaError;
use crate::hls::{MediaPlaylist, RungSummary};
use crate::names::segment_name;
use crate::output_file::{OutputFile, Role};
use crate::plan::PlanError;
use crate::sound::SoundAnalysis;

/// What outputs collect from, and what they have collected.
#[derive(Debug)]
pub struct Collector<'a> {
    pub(crate) context: TranscodeContext<'a>,
    /// Part of the segments' names; never used twice.
    pub(crate) publication: &'a str,
    pub(crate) sound: &'a SoundAnalysis,
    pub(crate) encoded: &'a Encoded,
    pub(crate) files: Vec<OutputFile>,
    pub(crate) rungs: Vec<RungSummary>,
}

impl Collector<'_> {
    /// Adds a file that stands for itself in the report.
    pub(crate) fn add(&mut self, to: Destination, body: Body, role: Role) {
        self.files.push(OutputFile { counted_with: to.clone(), to, body, role });
    }

    /// Adds a file of the work directory. It must exist and not be empty.
    pub(crate) async fn add_file(&mut self, to: &Destination, name: &str) -> Result<(), MediaError> {
        let path = self.context.work.join(name);
        let file = path.clone();
        let found = blocking(move || open_regular(&file).and_then(|file| file.metadata())).await?;
        let size = found.map_or(0, |found| found.len());
        if size == 0 {
            return Err(MediaError::BadFile { detail: format!("{to} would be empty") });
        }
        self.add(to.clone(), Body::File(path), Role::Object);
        Ok(())
    }

    /// Adds a checked media playlist and its segments, renamed for this publication.
    pub(crate) fn add_rendition(
        &mut self,
        folder: &str,
        playlist: &MediaPlaylist,
        to: &Destination,
        stem: &str,
    ) -> Result<(), MediaError> {
        let name_of = |file: &str| segment_name(stem, self.publication, file);
        let renamed = playlist.renamed(name_of);
        for file in playlist.files() {
            let key = to.key.sibling(&name_of(file)).map_err(PlanError::from)?;
            self.files.push(OutputFile {
                to: Destination { store: to.store.clone(), key },
                body: Body::File(self.context.work.join(folder).join(file)),
                role: Role::Segment,
                counted_with: to.clone(),
            });
        }
        self.add(to.clone(), Body::Bytes(renamed.render().into_bytes()), Role::MediaPlaylist);
        Ok(())
    }
}
