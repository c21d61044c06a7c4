//! A file from the browser becomes an original, and a job.

use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::body::Body as RequestBody;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use fault::{Failure, codes};
use futures_util::StreamExt as _;
use reqwest::Url;
use serde_json::{Value, json};
use storage::{Body, Key, ORIGINALS, ObjectMeta};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::{Console, console};
use crate::json::without_nulls;
use crate::serve::api::{ApiError, ApiState, json_response};
use crate::serve::request::JobRequest;

/// Whose uploads these are.
const CREATOR: &str = "local";

/// The form beside the file.
#[derive(Default)]
struct Form {
    /// The file's name.
    name: String,
    media_id: String,
    /// `video` or `audio`.
    kind: String,
    webhook_url: String,
}

impl Form {
    /// Of the query. The job refuses what isn't there.
    fn read(query: &str) -> Self {
        let mut form = Self::default();
        let Ok(url) = Url::parse(&format!("http://localhost/?{query}")) else { return form };
        for (field, value) in url.query_pairs() {
            match &*field {
                "name" => form.name = value.into_owned(),
                "mediaId" => form.media_id = value.into_owned(),
                "type" => form.kind = value.into_owned(),
                "webhookUrl" => form.webhook_url = value.into_owned(),
                unknown => tracing::debug!(unknown, "a field of the form is not known"),
            }
        }
        form
    }
}

pub async fn upload(
    State(state): State<Arc<ApiState>>,
    RawQuery(query): RawQuery,
    body: RequestBody,
) -> Result<Response, ApiError> {
    let console = console(&state)?;
    let form = Form::read(query.as_deref().unwrap_or_default());
    if !job::is_plain_id(&form.media_id) {
        let message = "the name may have 1 to 128 letters, digits, `_` and `-`";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, message));
    }
    let path = format!("{CREATOR}/originals/{}/{}", form.media_id, plain_name(&form.name));
    let key = Key::parse(&path).map_err(|bad| Failure::new(&codes::serve::BAD_REQUEST, bad.to_string()))?;
    store(console, &key, body).await?;
    let input = input(&form, &path);
    let bytes = input.to_string().len();
    let (job, status) = state.submit(JobRequest::read(json!({ "input": input }))?, bytes)?;
    Ok(json_response(StatusCode::OK, &json!({ "id": job.id, "status": status.name() })))
}

fn input(form: &Form, key: &str) -> Value {
    let webhook = Some(&form.webhook_url).filter(|url| !url.is_empty());
    let (media, kind) = (&form.media_id, &form.kind);
    without_nulls(json!({
        "mediaId": media, "creatorId": CREATOR, "type": kind, "inputKey": key, "webhookUrl": webhook,
    }))
}

/// Only what every store takes. The job probes the content, not the name.
fn plain_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' };
    let name: String = name.chars().rev().take(80).map(plain).collect();
    let name: String = name.chars().rev().collect();
    format!("upload-{}", name.trim_matches('.'))
}

/// An upload that breaks off leaves nothing in the store.
async fn store(console: &Console, key: &Key, body: RequestBody) -> Result<(), ApiError> {
    let folder = tempfile::tempdir_in(&console.work_root).map_err(unwritable)?;
    let file = folder.path().join("upload");
    receive(&file, body, console.max_upload).await?;
    let originals = console.stores.get(ORIGINALS).map_err(Failure::from)?;
    let meta = ObjectMeta::of_type("application/octet-stream");
    originals.put(key, Body::File(file), &meta).await.map_err(Failure::from)?;
    Ok(())
}

async fn receive(to: &Path, body: RequestBody, most: u64) -> Result<(), ApiError> {
    let mut file = File::create_new(to).await.map_err(unwritable)?;
    let mut chunks = body.into_data_stream();
    let mut bytes = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ApiError::new(StatusCode::BAD_REQUEST, "the upload broke off"))?;
        bytes += chunk.len() as u64;
        if bytes > most {
            let message = "the file is larger than job.max_original_gib allows";
            return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message));
        }
        file.write_all(&chunk).await.map_err(unwritable)?;
    }
    file.flush().await.map_err(unwritable)
}

fn unwritable(error: io::Error) -> ApiError {
    Failure::new(&codes::host::WORK_DIRECTORY, format!("the upload can't be written: {error}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_of_a_file_becomes_the_end_of_a_key() {
        for (name, expected) in [
            ("My Holiday (1).mov", "upload-My-Holiday--1-.mov"),
            ("../../etc/passwd", "upload--..-etc-passwd"),
            ("", "upload-"),
            ("...", "upload-"),
        ] {
            assert_eq!(plain_name(name), expected);
            assert!(Key::parse(&format!("local/originals/m/{}", plain_name(name))).is_ok(), "{name}");
        }
        assert!(plain_name(&"x".repeat(5000)).len() < 100);
    }
}
