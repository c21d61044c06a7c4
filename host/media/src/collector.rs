//! Collects the files of all outputs for a publication.

use std::path::PathBuf;

use storage::{Body, Destination, open_regular};

use crate::context::{TranscodeContext, blocking};
use crate::encode::Encoded;
use crate::encryption;
use crate::error::MediaError;
use crate::hls::{CheckedRung, MediaPlaylist, Rates, RungSummary};
use crate::keys::KeyError;
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
        if self.size_of(name).await? == 0 {
            return Err(MediaError::BadFile { detail: format!("{to} would be empty") });
        }
        self.add(to.clone(), Body::File(self.context.work.join(name)), Role::Object);
        Ok(())
    }

    /// The size of a file of the work directory; 0 if it doesn't exist.
    pub(crate) async fn size_of(&self, name: &str) -> Result<u64, MediaError> {
        let file = self.context.work.join(name);
        let found = blocking(move || open_regular(&file).and_then(|file| file.metadata())).await?;
        Ok(found.map_or(0, |found| found.len()))
    }

    /// Adds a file of a folder that only the object `of` names, and returns the name that it has beside it.
    pub(crate) async fn add_piece(
        &mut self,
        folder: &str,
        file: &str,
        of: &Destination,
        stem: &str,
    ) -> Result<String, MediaError> {
        let path = format!("{folder}/{file}");
        if self.size_of(&path).await? == 0 {
            return Err(MediaError::BadFile { detail: format!("a piece of {of} would be empty") });
        }
        let name = segment_name(stem, self.publication, file);
        self.push_segment(self.context.work.join(path), &name, of)?;
        Ok(name)
    }

    fn push_segment(&mut self, path: PathBuf, name: &str, of: &Destination) -> Result<(), MediaError> {
        let to = Destination { store: of.store.clone(), key: of.key.sibling(name).map_err(PlanError::from)? };
        self.files.push(OutputFile { to, body: Body::File(path), role: Role::Segment, counted_with: of.clone() });
        Ok(())
    }

    /// The same of the ladder: if the plan says so, encrypted. Returns the rates of what is published.
    pub(crate) async fn add_protected(
        &mut self,
        folder: &str,
        checked: &CheckedRung,
        to: &Destination,
        stem: &str,
    ) -> Result<Rates, MediaError> {
        let Some(encryption) = &self.context.plan.encryption else {
            self.add_rendition(folder, &checked.playlist, to, stem)?;
            return Ok(checked.rates);
        };
        let service = self.context.tools.keys.as_ref().ok_or(KeyError::NoService)?;
        let (mut keys, mut uris) = (Vec::new(), Vec::new());
        for (first, name) in encryption.keys(&checked.playlist) {
            keys.push((first, service.key(&name).await?));
            uris.push((first, service.uri(&name)));
        }
        let scheme = encryption.scheme(self.publication);
        let playlist = encryption::with_keys(&checked.playlist, uris, scheme);
        let encrypted = format!("{folder}.encrypted");
        let (from, into) = (self.context.work.join(folder), self.context.work.join(&encrypted));
        let segments = checked.playlist.clone();
        let sizes = blocking(move || encryption::encrypt(&from, &segments, &keys, scheme, &into)).await??;
        self.add_rendition(&encrypted, &playlist, to, stem)?;
        Ok(checked.rates_of(sizes.into_iter()))
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
            self.push_segment(self.context.work.join(folder).join(file), &name_of(file), to)?;
        }
        self.add(to.clone(), Body::Bytes(renamed.render().into_bytes()), Role::MediaPlaylist);
        Ok(())
    }
}
