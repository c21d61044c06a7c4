//! A folder whose files are served, and nothing outside of it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use rustix::fs::OFlags;

use super::file::{answer, content_type};

/// Access goes through a capability: no path and no symlink reaches anything outside the folder.
#[derive(Clone, Debug)]
pub struct Folder(Arc<Dir>);

impl Folder {
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(Arc::new(Dir::open_ambient_dir(path, ambient_authority())?)))
    }

    /// The names of the pages in the folder itself, sorted.
    pub fn pages(&self) -> Vec<String> {
        let entries = self.0.entries().into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.retain(|name| name.ends_with(".html") && !name.starts_with('.'));
        names.sort();
        names
    }

    /// Answers a request for a file by its path, decoded and without a leading slash.
    pub async fn serve(&self, path: &str, request: &HeaderMap) -> Response {
        let not_found = || (StatusCode::NOT_FOUND, "there is no such file").into_response();
        // Unfinished files and the host's records begin with a dot.
        if path.split('/').any(|segment| segment.is_empty() || segment.starts_with('.')) {
            return not_found();
        }
        let (dir, name) = (Arc::clone(&self.0), path.to_owned());
        let opened = tokio::task::spawn_blocking(move || open(&dir, &name)).await;
        match opened {
            Ok(Ok(Some((file, length)))) => answer(file.into(), length, content_type(path), request).await,
            Ok(Ok(None) | Err(_)) | Err(_) => not_found(),
        }
    }
}

/// A regular file. Opening a pipe would wait for its writer.
fn open(dir: &Dir, name: &str) -> io::Result<Option<(std::fs::File, u64)>> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(OFlags::NONBLOCK.bits() as i32);
    let file = dir.open_with(name, &options)?;
    let found = file.metadata()?;
    Ok(found.is_file().then(|| (file.into_std(), found.len())))
}
