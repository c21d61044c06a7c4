//! What a guest writes to stdout and stderr: lines of the log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use fault::text::printable;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

/// Longest line, in bytes and so in characters: as much as a message of the contract's own `log`.
const MAX_LINE: usize = 8 * 1024;

/// Most bytes that are taken at once.
const MAX_WRITE: usize = 64 * 1024;

/// How much of the end goes into an error message, in characters. Python has the reason in the last line, the runtimes
/// of JavaScript in one of the last five.
const MAX_TAIL: usize = 500;

/// What stands for the end of a line there.
const NEXT_LINE: &str = " | ";

/// Where it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// What programs tell.
    Stdout,
    /// What programs complain about.
    Stderr,
}

/// One of the two streams, whichever handle it is written through.
#[derive(Clone, Debug)]
pub struct Output {
    written: Arc<Mutex<Written>>,
}

#[derive(Debug)]
struct Written {
    stream: Stream,
    job: String,
    /// Most lines that are logged. Who writes more is ended, but not at once.
    most: usize,
    line: Vec<u8>,
    lines: usize,
    uncounted: Lines,
    tail: String,
}

/// Lines, and what is in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// How many.
    pub count: usize,
    /// Their bytes.
    pub bytes: usize,
}

impl Output {
    /// Nothing written yet, and at most so many lines to be logged.
    pub fn new(stream: Stream, job: &str, most: usize) -> Self {
        let written = Written {
            stream,
            job: job.to_owned(),
            most,
            line: Vec::new(),
            lines: 0,
            uncounted: Lines::default(),
            tail: String::new(),
        };
        Self { written: Arc::new(Mutex::new(written)) }
    }

    /// The lines since this was asked before.
    pub fn uncounted(&self) -> Lines {
        std::mem::take(&mut self.written().uncounted)
    }

    /// The end of it, on one line; nothing where nothing was written.
    pub fn tail(&self) -> Option<String> {
        let mut written = self.written();
        written.end_line();
        Some(written.tail.clone()).filter(|tail| !tail.is_empty())
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Written {
    fn take(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            let room = MAX_LINE.saturating_sub(self.line.len());
            self.line.extend(text.iter().take(room));
            if text.len() < part.len() {
                self.end_line();
            }
        }
    }

    fn remember(&mut self, line: &str) {
        if !self.tail.is_empty() {
            self.tail.push_str(NEXT_LINE);
        }
        self.tail.push_str(line);
        let too_many = self.tail.chars().count().saturating_sub(MAX_TAIL);
        if too_many > 0 {
            self.tail = self.tail.chars().skip(too_many).collect();
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        let text = printable(text.trim_end(), MAX_LINE);
        if text.is_empty() {
            return;
        }
        self.remember(&text);
        self.lines += 1;
        self.uncounted.count += 1;
        self.uncounted.bytes += text.len();
        if self.lines > self.most {
            return;
        }
        let job = self.job.as_str();
        match self.stream {
            Stream::Stdout => tracing::info!(target: "policy", job, stream = "stdout", "{text}"),
            Stream::Stderr => tracing::warn!(target: "policy", job, stream = "stderr", "{text}"),
        }
    }
}

impl Drop for Written {
    /// A last line without an end.
    fn drop(&mut self) {
        self.end_line();
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    /// For later versions of WASI, which are not linked.
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.written().take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_WRITE)
    }

    /// The number is the guest's own: without a look at it, it would be taken from the host's memory.
    fn write_zeroes(&mut self, count: usize) -> StreamResult<()> {
        if count > MAX_WRITE {
            return Err(StreamError::trap("it writes more than the stream has room for"));
        }
        self.write(Bytes::from(vec![0; count]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(writes: &[&[u8]]) -> (usize, Option<String>) {
        let mut output = Output::new(Stream::Stderr, "job", 10);
        for bytes in writes {
            output.write(Bytes::copy_from_slice(bytes)).unwrap();
        }
        let tail = output.tail();
        let lines = output.written().lines;
        (lines, tail)
    }

    #[test]
    fn a_line_may_come_in_pieces_and_end_without_an_end() {
        assert_eq!(after(&[b"Value", b"Error: x\r\n\n \nnext"]), (2, Some("ValueError: x | next".to_owned())));
        assert_eq!(after(&[]), (0, None));
    }

    #[test]
    fn of_much_output_the_end_is_remembered() {
        let (lines, tail) = after(&["ä\n".repeat(2000).as_bytes(), b"the reason"]);
        let tail = tail.unwrap();
        assert_eq!((lines, tail.chars().count()), (2001, MAX_TAIL));
        assert!(tail.ends_with("ä | ä | the reason"), "{tail}");
    }

    #[test]
    fn a_line_can_not_steer_a_terminal_and_needs_not_be_text() {
        assert_eq!(after(&[b"\x1b[2J\xff\n"]), (1, Some("\\u{1b}[2J\u{fffd}".to_owned())));
    }

    #[test]
    fn lines_are_counted_once() {
        let mut output = Output::new(Stream::Stdout, "job", 10);
        output.write(Bytes::from_static(b"one\nthree\nfour")).unwrap();
        assert_eq!(output.uncounted(), Lines { count: 2, bytes: 8 });
        assert_eq!(output.uncounted(), Lines::default());
    }

    #[test]
    fn an_endless_line_takes_no_memory() {
        let mut output = Output::new(Stream::Stdout, "job", 10);
        for _ in 0..100 {
            output.write(Bytes::from(vec![b'a'; MAX_WRITE])).unwrap();
        }
        assert_eq!(output.written().line.len(), MAX_LINE);
    }

    #[test]
    fn zeroes_are_made_only_where_there_is_room_for_them() {
        let mut output = Output::new(Stream::Stdout, "job", 10);
        assert!(output.write_zeroes(MAX_WRITE).is_ok());
        assert!(output.write_zeroes(usize::MAX).is_err());
    }
}
