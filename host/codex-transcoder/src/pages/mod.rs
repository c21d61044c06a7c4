//! Serves result pages and the files that they show to a browser on this machine.

mod file;
mod folder;
mod server;

pub use folder::Folder;
pub use server::FolderServer;
