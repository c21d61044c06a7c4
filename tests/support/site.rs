//! A web server as publications have one behind them: files with their types and byte ranges, and a place where the
//! pages of tests/players leave their reports.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Component, Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT_RANGES, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::workspace;

/// Largest report that a page may leave: some hundred times what they write.
const LARGEST_REPORT: usize = 16 << 20;

/// A server on a port that the system chose, on a thread of its own. It ends when it is dropped.
#[derive(Debug)]
pub struct Site {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    folders: BTreeMap<String, PathBuf>,
    reports: Mutex<Vec<Sender<Value>>>,
}

impl Site {
    /// Serves `/{name}/…` from a folder for each of these, which may be made later, and `/players/…` from tests/players.
    pub fn of(folders: &[(&str, &Path)]) -> Self {
        let players = workspace::root().join("tests/players");
        let all = folders.iter().copied().chain([("players", players.as_path())]);
        let folders = all.map(|(name, folder)| (name.to_owned(), folder.to_owned())).collect();
        let shared = Arc::new(Shared { folders, reports: Mutex::default() });
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    served = axum::serve(listener, router) => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self { address, shared, stop: Some(stop), thread: Some(thread) }
    }

    /// The address of a path that begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The number of a new report: what is posted to `/report/{number}` is sent here.
    pub(crate) fn expect_report(&self, report: Sender<Value>) -> usize {
        let mut reports = self.shared.reports.lock().unwrap();
        reports.push(report);
        reports.len() - 1
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = percent_decode_str(request.uri().path()).decode_utf8_lossy().into_owned();
    let answered = match (request.method().clone(), path.strip_prefix("/report/")) {
        (Method::POST, Some(number)) => shared.take_report(number, request).await,
        (Method::GET, None) => {
            let range = request.headers().get(RANGE).and_then(|value| value.to_str().ok());
            shared.file(&path).and_then(|file| serve(&file, range))
        }
        _ => None,
    };
    answered.unwrap_or_else(|| Response::builder().status(StatusCode::NOT_FOUND).body(Body::empty()).unwrap())
}

impl Shared {
    async fn take_report(&self, number: &str, request: Request) -> Option<Response> {
        let body = axum::body::to_bytes(request.into_body(), LARGEST_REPORT).await.ok()?;
        let report = serde_json::from_slice(&body).ok()?;
        // Who doesn't wait for it any longer has failed already.
        let _ = self.reports.lock().unwrap().get(number.parse::<usize>().ok()?)?.send(report);
        Some(Response::new(Body::empty()))
    }

    fn file(&self, path: &str) -> Option<PathBuf> {
        let (name, inside) = path.strip_prefix('/')?.split_once('/')?;
        let inside = Path::new(inside);
        let stays = inside.components().all(|part| matches!(part, Component::Normal(_)));
        self.folders.get(name).filter(|_| stays).map(|folder| folder.join(inside))
    }
}

fn serve(file: &Path, range: Option<&str>) -> Option<Response> {
    let bytes = std::fs::read(file).ok()?;
    let answer = Response::builder().header(CONTENT_TYPE, media_type(file)).header(ACCEPT_RANGES, "bytes");
    let Some(range) = range.and_then(|range| byte_range(range, bytes.len())) else {
        return answer.body(Body::from(bytes)).ok();
    };
    let said = format!("bytes {}-{}/{}", range.start(), range.end(), bytes.len());
    let part = bytes.get(range)?.to_vec();
    answer.status(StatusCode::PARTIAL_CONTENT).header(CONTENT_RANGE, said).body(Body::from(part)).ok()
}

/// `bytes=0-99` or `bytes=100-`.
fn byte_range(range: &str, length: usize) -> Option<RangeInclusive<usize>> {
    let (start, end) = range.strip_prefix("bytes=")?.split_once('-')?;
    let last = length.checked_sub(1)?;
    let end = if end.is_empty() { last } else { end.parse::<usize>().ok()?.min(last) };
    Some(start.parse().ok()?..=end)
}

fn media_type(file: &Path) -> &'static str {
    match file.extension().and_then(|ending| ending.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "m3u8" => "application/vnd.apple.mpegurl",
        "mpd" => "application/dash+xml",
        "ts" => "video/mp2t",
        "mp4" | "m4s" => "video/mp4",
        "vtt" => "text/vtt; charset=utf-8",
        "jpg" => "image/jpeg",
        "webp" => "image/webp",
        _ => "application/octet-stream",
    }
}
