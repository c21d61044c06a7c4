//! The liberties that stores take with the protocol.

use hyper::header::{HeaderMap, HeaderName};
use hyper::{Method, StatusCode};

use super::front::Refusal;

/// Whose store it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Personality {
    /// Cloudflare R2: parts of one size, one write per second and key, no second checksum, no chunked signatures.
    R2,
    /// Backblaze B2: no checksum headers, no conditional writes.
    B2,
    /// As Amazon writes it down.
    Plain,
}

impl Personality {
    /// What this store refuses by a request's headers alone.
    pub(super) fn refuses(self, method: &Method, headers: &HeaderMap) -> Option<Refusal> {
        let checksums = || {
            let is_checksum = |name: &HeaderName| {
                let name = name.as_str();
                name.starts_with("x-amz-checksum-") || name == "x-amz-sdk-checksum-algorithm"
            };
            headers.keys().any(is_checksum)
        };
        let has = |name: &str, value: &str| {
            headers.get(name).and_then(|found| found.to_str().ok()).is_some_and(|found| found.contains(value))
        };
        match self {
            Self::R2 if headers.contains_key("content-md5") && checksums() => Some(Refusal::new(
                StatusCode::BAD_REQUEST,
                "InvalidRequest",
                "You can only specify one non-default checksum at a time.",
            )),
            Self::R2
                if headers.contains_key("x-amz-trailer")
                    || has("content-encoding", "aws-chunked")
                    || has("x-amz-content-sha256", "STREAMING-") =>
            {
                let message = "STREAMING-UNSIGNED-PAYLOAD-TRAILER not implemented";
                Some(Refusal::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", message))
            }
            Self::B2 if checksums() || headers.contains_key("x-amz-trailer") => Some(Refusal::new(
                StatusCode::BAD_REQUEST,
                "InvalidArgument",
                "Unsupported header 'x-amz-checksum-crc32' received for this API call.",
            )),
            Self::B2
                if method == Method::PUT
                    && (headers.contains_key("if-none-match") || headers.contains_key("if-match")) =>
            {
                let message = "A header you provided implies functionality that is not implemented.";
                Some(Refusal::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", message))
            }
            _ => None,
        }
    }
}
