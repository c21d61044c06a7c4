//! Why there is no local API.

use std::net::SocketAddr;

use fault::{Code, Fault, codes};
use webhook::ClientError;

/// Why the local API does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The port is taken, or not ours to take.
    #[error("the local API can't listen on {address}; choose another address or port")]
    Listen {
        /// Where it was to be.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// Nothing to tell the end of a job with.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl Fault for ServeError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Listen { .. } => &codes::serve::LISTEN,
            Self::Client(error) => error.code(),
        }
    }
}
