//! `view`: serves a folder of results to a browser.

use std::io::IsTerminal;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::exit::Ended;
use crate::pages::{Folder, FolderServer};

/// On a port that the system chooses.
pub const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

#[derive(Clone, Debug, Args)]
pub struct ViewFolder {
    /// The folder that `run --out` or `demo --out` wrote.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Where to listen [default: 127.0.0.1, on a free port].
    #[arg(long, value_name = "ADDRESS")]
    address: Option<SocketAddr>,
    /// Open the page in the desktop's browser.
    #[arg(long)]
    open: bool,
}

impl ViewFolder {
    pub async fn run(self, stop: CancellationToken) -> Result<(), Ended> {
        let server = bind(&self.folder, self.address.unwrap_or(ANY_PORT)).await?;
        let url = server.url("");
        println!("{url}");
        if self.open {
            open(&url);
        }
        server.run(stop).await;
        Ok(())
    }
}

/// A server for the results in a folder.
pub async fn bind(folder: &Path, address: SocketAddr) -> Result<FolderServer, Ended> {
    let folder = Folder::open(folder)
        .map_err(|error| Ended::usage(format!("the folder {} can't be opened: {error}", folder.display())))?;
    Ok(FolderServer::bind(address, folder).await?)
}

/// Whether a person sits at this machine, with a browser that can be opened.
pub fn has_desktop() -> bool {
    let display = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
    is_interactive() && (display || cfg!(target_os = "macos")) && std::env::var_os("SSH_CONNECTION").is_none()
}

/// Whether a person reads what is printed and can stop the program.
pub fn is_interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && std::env::var_os("CI").is_none()
}

/// Without waiting for it: where there is no browser, the printed address is enough.
pub fn open(url: &str) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let started =
        Command::new(opener).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    if let Err(error) = started {
        tracing::info!(%error, "no browser was opened");
    }
}
