//! A file as the answer to a request, in part where a player asks for a part.

use std::ops::RangeInclusive;

use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

/// How much of a file is in memory at a time.
const CHUNK: u64 = 256 << 10;

pub const HTML: &str = "text/html; charset=utf-8";

/// For pages in a folder, which may not be ours: they get nothing from elsewhere, and send nothing there.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self' 'unsafe-inline' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The type by the file's ending. What isn't known is downloaded, not shown.
pub fn content_type(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    match ending.as_str() {
        "html" => HTML,
        "m3u8" => "application/vnd.apple.mpegurl",
        "mpd" => "application/dash+xml",
        "ts" => "video/mp2t",
        "mp4" | "m4s" | "m4v" => "video/mp4",
        "m4a" => "audio/mp4",
        "aac" => "audio/aac",
        "mp3" => "audio/mpeg",
        "flac" => "audio/flac",
        "vtt" => "text/vtt; charset=utf-8",
        "json" => "application/json",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "gif" => "image/gif",
        _ => "application/octet-stream",
    }
}

/// The whole file, or the range that the request asks for.
pub async fn answer(mut file: File, length: u64, kind: &'static str, request: &HeaderMap) -> Response {
    let asked = request.get(header::RANGE).and_then(|range| range.to_str().ok());
    let (status, range) = match asked.map(|asked| byte_range(asked, length)) {
        None | Some(Range::Ignored) => (StatusCode::OK, 0..length),
        Some(Range::Part(range)) => (StatusCode::PARTIAL_CONTENT, *range.start()..range.end() + 1),
        Some(Range::Outside) => {
            return (StatusCode::RANGE_NOT_SATISFIABLE, [(CONTENT_RANGE, format!("bytes */{length}"))]).into_response();
        }
    };
    if file.seek(std::io::SeekFrom::Start(range.start)).await.is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let mut response = Response::new(Body::from_stream(chunks(file, range.end - range.start)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_LENGTH, (range.end - range.start).into());
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if kind == HTML {
        headers.insert(CONTENT_SECURITY_POLICY, PAGE_POLICY);
    }
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(part) = HeaderValue::try_from(format!("bytes {}-{}/{length}", range.start, range.end - 1))
    {
        headers.insert(CONTENT_RANGE, part);
    }
    response
}

fn chunks(file: File, length: u64) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    stream::try_unfold((file, length), async |(mut file, left)| {
        if left == 0 {
            return Ok(None);
        }
        let mut chunk = vec![0; usize::try_from(left.min(CHUNK)).unwrap_or_default()];
        file.read_exact(&mut chunk).await?;
        let left = left - chunk.len() as u64;
        Ok(Some((Bytes::from(chunk), (file, left))))
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Range {
    Part(RangeInclusive<u64>),
    /// Not of the one form that players use: the whole file is a correct answer.
    Ignored,
    Outside,
}

/// `bytes=0-99`, `bytes=100-` or `bytes=-100`.
fn byte_range(asked: &str, length: u64) -> Range {
    let Some((start, end)) = asked.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Range::Ignored;
    };
    let last = length.saturating_sub(1);
    let range = match (start.parse::<u64>(), end.parse::<u64>()) {
        (Ok(start), Ok(end)) if start <= end => start..=end.min(last),
        (Ok(start), Err(_)) if end.is_empty() => start..=last,
        (Err(_), Ok(count)) if start.is_empty() => length.saturating_sub(count)..=last,
        _ => return Range::Ignored,
    };
    if length == 0 || *range.start() >= length || range.is_empty() { Range::Outside } else { Range::Part(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ranges_of_players_are_understood() {
        for (asked, expected) in [
            ("bytes=0-99", Range::Part(0..=99)),
            ("bytes=900-", Range::Part(900..=999)),
            ("bytes=900-5000", Range::Part(900..=999)),
            ("bytes=-100", Range::Part(900..=999)),
            ("bytes=-5000", Range::Part(0..=999)),
            ("bytes=1000-", Range::Outside),
            ("bytes=-0", Range::Outside),
            ("bytes=9-3", Range::Ignored),
            ("bytes=0-1,5-6", Range::Ignored),
            ("lines=1-2", Range::Ignored),
        ] {
            assert_eq!(byte_range(asked, 1000), expected, "{asked}");
        }
        assert_eq!(byte_range("bytes=0-", 0), Range::Outside);
    }

    #[test]
    fn what_could_run_in_a_browser_is_downloaded() {
        for name in ["a.svg", "a.js", "a.xhtml", "a", "a.HTML.exe"] {
            assert_eq!(content_type(name), "application/octet-stream", "{name}");
        }
    }
}
