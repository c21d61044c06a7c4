//! Who may ask. Without authorisation, a local API must not listen to every web page that is open in a browser.

use axum::extract::{Request, State};
use axum::http::uri::{Authority, Uri};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::json;

use super::api::answer;

/// Refuses what a web page from elsewhere sends, and names of this machine that only somebody else can have made up
/// (DNS rebinding). Only for a server that is for this machine alone.
pub async fn only_this_machine(State(alone): State<bool>, request: Request, next: Next) -> Response {
    if alone && !is_local(request.headers()) {
        let error = "this API is for programs on this machine: the Host and Origin headers must name it";
        return answer(StatusCode::FORBIDDEN, &json!({ "error": error }));
    }
    next.run(request).await
}

fn is_local(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let host = text(header::HOST).is_none_or(|host| host.parse().is_ok_and(|host: Authority| names_us(host.host())));
    let origin = text(header::ORIGIN)
        .is_none_or(|origin| origin.parse().is_ok_and(|origin: Uri| origin.host().is_some_and(names_us)));
    host && origin
}

fn names_us(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    let host = host.to_ascii_lowercase();
    address.map_or(host == "localhost" || host.ends_with(".localhost"), |address| address.is_loopback())
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
    fn names_of_this_machine_pass_and_others_do_not() {
        assert!(is_local(&HeaderMap::new()));
        for host in ["localhost:8000", "127.0.0.1:8000", "127.0.0.1", "[::1]:8000", "LocalHost", "api.localhost:1"] {
            assert!(local(host, None), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:8000", "10.0.0.1:8000", "", "a b"] {
            assert!(!local(host, None), "{host}");
        }
    }

    #[test]
    fn pages_from_elsewhere_are_refused() {
        assert!(local("localhost:8000", Some("http://localhost:3000")));
        assert!(local("localhost:8000", Some("http://[::1]:3000")));
        for origin in ["https://evil.example", "null", "", "file://"] {
            assert!(!local("localhost:8000", Some(origin)), "{origin}");
        }
    }
}
