//! Opens the ports of this program's servers.

use std::net::SocketAddr;

use fault::{Code, Failure};
use tokio::net::TcpListener;

/// Also returns the address with the port, which the system chooses if port 0 is asked for. An error, because the port is
/// taken or this user may not bind it, begins with `refused`.
pub async fn listen(address: SocketAddr, code: &Code, refused: &str) -> Result<(TcpListener, SocketAddr), Failure> {
    let failed = |error| Failure::new(code, format!("{refused} {address}; choose another address or port: {error}"));
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}
