//! The console: a page at `/` that shows the jobs as they run, takes a file, and leads to each job's result page.

mod events;
mod result;
mod upload;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use result_page::Document;
use serde_json::Value;
use storage::Stores;

use super::api::{ApiError, ApiState};
use crate::pages::Folder;

const STYLE: &str = include_str!("console.css");
const SCRIPT: &str = include_str!("console.js");
const BODY: &str = include_str!("console.html");

/// What the console needs beside the jobs.
pub struct Console {
    pub stores: Stores,
    /// The stores that are folders of this machine. Only their files are served.
    pub folders: BTreeMap<String, Folder>,
    /// Where uploads wait until they are whole.
    pub work_root: PathBuf,
    /// Largest upload, in bytes.
    pub max_upload: u64,
    /// What this program is and which policies it has, as `/health` of the metrics says. Must not block.
    pub host: Box<dyn Fn() -> Value + Send + Sync>,
}

pub(super) fn routes() -> Router<Arc<ApiState>> {
    Router::new()
        .route("/", get(page))
        .route("/console/events", get(events::stream))
        .route("/console/upload", post(upload::upload))
        .route("/console/jobs/{id}", get(result::page))
        .route("/console/files/{store}/{*key}", get(file))
}

/// Every page of the console. Nothing of it belongs into a frame of another page.
fn html(page: String) -> Response {
    let headers = [(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"))];
    (headers, Html(page)).into_response()
}

async fn page() -> Response {
    let title = "Jobs – codex-transcoder";
    html(Document { title, style: STYLE, scripts: &[SCRIPT], body: BODY, from_disk: false }.render())
}

async fn file(
    State(state): State<Arc<ApiState>>,
    Path((store, key)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let folder = console(&state)?.folders.get(&store);
    let folder = folder.ok_or(ApiError::new(StatusCode::NOT_FOUND, "no store of this machine has this name"))?;
    Ok(folder.serve(&key, &headers).await)
}

fn console(state: &ApiState) -> Result<&Console, ApiError> {
    state.console.as_ref().ok_or(ApiError::new(StatusCode::NOT_FOUND, "the console is off"))
}
