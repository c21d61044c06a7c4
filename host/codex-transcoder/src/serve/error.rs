//! Why the local API can't start.

use std::net::SocketAddr;

use fault::{Code, Fault, codes};

/// The port is taken, or this user may not bind it.
#[derive(Debug, thiserror::Error)]
#[error("the local API can't listen on {address}; choose another address or port")]
pub struct ServeError {
    pub address: SocketAddr,
    pub source: std::io::Error,
}

impl Fault for ServeError {
    fn code(&self) -> &'static Code {
        &codes::serve::LISTEN
    }
}
