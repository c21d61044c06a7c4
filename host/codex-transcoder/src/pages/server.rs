//! Serves one folder until the program is stopped.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::middleware::from_fn_with_state;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use fault::{Failure, codes};
use result_page::{Document, Escaped, encoded};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Folder;
use crate::listen::listen;
use crate::serve::require_local_names;

/// A server for the pages of a folder, bound to its port.
pub struct FolderServer {
    listener: TcpListener,
    /// Has the port that the system chose if port 0 was asked for.
    pub address: SocketAddr,
    folder: Folder,
}

impl FolderServer {
    pub async fn bind(address: SocketAddr, folder: Folder) -> Result<Self, Failure> {
        let (listener, address) = listen(address, &codes::serve::LISTEN, "pages can't be served on").await?;
        Ok(Self { listener, address, folder })
    }

    /// Where a page of the folder is.
    pub fn url(&self, page: &str) -> String {
        format!("http://{}/{}", self.address, encoded(page))
    }

    /// Serves until `stop` is cancelled.
    pub async fn run(self, stop: CancellationToken) {
        let loopback = self.address.ip().is_loopback();
        let router = Router::new()
            .route("/", get(index))
            .route("/{*path}", get(file))
            .layer(from_fn_with_state(loopback, require_local_names))
            .with_state(self.folder);
        // Players keep connections open, which is no reason to wait.
        stop.run_until_cancelled(axum::serve(self.listener, router).into_future()).await;
    }
}

async fn file(State(folder): State<Folder>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    folder.serve(&path, &headers).await
}

/// The only page, or a list of all.
async fn index(State(folder): State<Folder>) -> Response {
    let pages = folder.pages();
    if let [only] = pages.as_slice() {
        return Redirect::temporary(&encoded(only)).into_response();
    }
    let items: String =
        pages.iter().map(|page| format!("<li><a href=\"{}\">{}</a></li>", encoded(page), Escaped(page))).collect();
    let list = if items.is_empty() {
        "<p class=\"lead\">There is no result page in this folder. <code>codex-transcoder run FILE --out DIR</code> writes \
         one.</p>"
            .to_owned()
    } else {
        format!("<section><ul class=\"pages\">{items}</ul></section>")
    };
    let body = format!(
        "<div class=\"page\"><header><p class=\"brand\">codex-transcoder</p><h1>Results</h1></header><main>{list}</main></div>"
    );
    let page =
        Document { title: "Results – codex-transcoder", style: "", scripts: &[], body: &body, from_disk: false };
    Html(page.render()).into_response()
}
