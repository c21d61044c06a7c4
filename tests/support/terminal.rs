//! A terminal around a program, of a size of its own.

use std::fs::File;
use std::io::Read;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::job::until;
use crate::platform::PATIENCE;

/// A program that runs in a terminal.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    written: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Terminal {
    /// Starts it in a terminal with so many columns.
    ///
    /// # Panics
    /// If the system has no terminal to give.
    pub fn start(mut command: Command, columns: u16) -> Self {
        let size = libc::winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let (mut ours, mut theirs) = (-1, -1);
        // SAFETY: both numbers are written to, and the other pointers are allowed to be null or point to what lives.
        let opened = unsafe {
            libc::openpty(
                &raw mut ours,
                &raw mut theirs,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                (&raw const size).cast_mut(),
            )
        };
        assert_eq!(opened, 0, "no terminal: {}", std::io::Error::last_os_error());
        // SAFETY: they were just opened, and nothing else has them.
        let (mut ours, theirs) = unsafe { (File::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) };
        command.stdin(theirs.try_clone().unwrap()).stdout(theirs.try_clone().unwrap()).stderr(theirs);
        let child = command.env("TERM", "xterm").spawn().unwrap();
        // The command still holds the other end, and with it the terminal would never end.
        drop(command);
        let written: Arc<Mutex<Vec<u8>>> = Arc::default();
        let keep = Arc::clone(&written);
        let reader = std::thread::spawn(move || {
            let mut piece = [0; 4096];
            // At the end, Linux has an error and others have nothing.
            while let Ok(length @ 1..) = ours.read(&mut piece) {
                keep.lock().unwrap().extend_from_slice(&piece[..length]);
            }
        });
        Self { child, written, reader }
    }

    /// Everything that was written so far, with what controls the terminal.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned()
    }

    /// Waits until what was written is as it should be.
    #[track_caller]
    pub fn wait_until(&self, what: &str, is_so: impl Fn(&str) -> bool) {
        until(what, PATIENCE, || is_so(&self.text()));
    }

    /// The process, to send it signals.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end. Gives back everything that was written.
    pub fn end(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        self.reader.join().unwrap();
        let written = self.written.lock().unwrap();
        (status, String::from_utf8_lossy(&written).into_owned())
    }
}

/// The text without what controls the terminal.
pub fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, ';' | '?')).get(1..).unwrap_or("");
    }
    plain + rest
}
