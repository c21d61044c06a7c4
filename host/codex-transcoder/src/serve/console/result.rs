//! The result page of a job that the API still remembers.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use result_page::{Links, ResultPage};
use serde_json::Value;

use super::{console, html};
use crate::serve::api::{ApiError, ApiState};
use crate::serve::job::Status;

const NO_PAGE: ApiError = ApiError::new(StatusCode::NOT_FOUND, "this job has published nothing yet");

pub async fn page(State(state): State<Arc<ApiState>>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let console = console(&state)?;
    let job = state.runner.jobs.get(&id)?;
    let output = {
        let state = job.state.borrow();
        state.output.clone().filter(|_| state.status == Status::Completed).ok_or(NO_PAGE)?
    };
    let report = output.get("report").ok_or(NO_PAGE)?;
    let message = output.get("result").unwrap_or(&Value::Null).to_string();
    let mut page = ResultPage::of(report).map_err(|_| NO_PAGE)?.message(message);
    job::embed_files(&mut page, &console.stores).await;
    let links = Links::Some("/console/files/".to_owned(), console.folders.keys().cloned().collect());
    Ok(html(page.render(&links)))
}
