//! Protects a local API without authorisation from web pages that are open in a browser.

use axum::extract::{Request, State};
use axum::http::uri::{Authority, Uri};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use webhook::is_this_machine;

use super::api::ApiError;

/// On a loopback address, refuses requests whose `Host` or `Origin` names another machine: cross-site requests and DNS
/// rebinding.
pub async fn require_local_names(State(loopback): State<bool>, request: Request, next: Next) -> Response {
    if loopback && !is_local(request.headers()) {
        let error = "this API is for programs on this machine: the Host and Origin headers must name it";
        return ApiError::new(StatusCode::FORBIDDEN, error).into_response();
    }
    next.run(request).await
}

fn is_local(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let host =
        text(header::HOST).is_none_or(|host| host.parse().is_ok_and(|host: Authority| is_this_machine(host.host())));
    let origin = text(header::ORIGIN)
        .is_none_or(|origin| origin.parse().is_ok_and(|origin: Uri| origin.host().is_some_and(is_this_machine)));
    host && origin
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(host: &str, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        is_local(&headers)
    }

    #[test]
    fn only_names_of_this_machine_are_accepted() {
        assert!(is_local(&HeaderMap::new()));
        for host in ["localhost:8000", "127.0.0.1:8000", "127.0.0.1", "[::1]:8000", "LocalHost", "api.localhost:1"] {
            assert!(local(host, None), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:8000", "10.0.0.1:8000", "", "a b"] {
            assert!(!local(host, None), "{host}");
        }
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        assert!(local("localhost:8000", Some("http://localhost:3000")));
        assert!(local("localhost:8000", Some("http://[::1]:3000")));
        for origin in ["https://evil.example", "null", "", "file://"] {
            assert!(!local("localhost:8000", Some(origin)), "{origin}");
        }
    }
}
