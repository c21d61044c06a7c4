//! A guest's stdout and stderr, which go to the log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use fault::text::printable;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

/// Most bytes of a line, the same as for a message of the contract's `log`.
const MAX_LINE: usize = 8 * 1024;

/// Most bytes of one write.
const MAX_WRITE: usize = 64 * 1024;

/// Characters of the tail that goes into an error message. Python writes the reason in the last line, JavaScript
/// runtimes in one of the last five.
const MAX_TAIL: usize = 500;

/// The separator of lines in the tail.
const LINE_SEPARATOR: &str = " | ";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// One of the two streams. Clones write to the same stream.
#[derive(Clone, Debug)]
pub struct Output {
    written: Arc<Mutex<Written>>,
}

#[derive(Debug)]
struct Written {
    stream: Stream,
    job: String,
    /// Most lines to log. A guest that writes more is stopped, but not immediately.
    max_lines: usize,
    line: Vec<u8>,
    lines: usize,
    uncounted: Lines,
    tail: String,
}

/// A number of lines, and their length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    pub count: usize,
    pub bytes: usize,
}

impl Output {
    /// An empty stream that logs at most `max_lines` lines.
    pub fn new(stream: Stream, job: &str, max_lines: usize) -> Self {
        let written = Written {
            stream,
            job: job.to_owned(),
            max_lines,
            line: Vec::new(),
            lines: 0,
            uncounted: Lines::default(),
            tail: String::new(),
        };
        Self { written: Arc::new(Mutex::new(written)) }
    }

    /// The lines since the last call of this function.
    pub fn take_uncounted(&self) -> Lines {
        std::mem::take(&mut self.written().uncounted)
    }

    /// The end of the output, on one line; `None` if nothing was written.
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
    fn append(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            let room = MAX_LINE.saturating_sub(self.line.len());
            self.line.extend(text.iter().take(room));
            if text.len() < part.len() {
                self.end_line();
            }
        }
    }

    fn add_to_tail(&mut self, line: &str) {
        if !self.tail.is_empty() {
            self.tail.push_str(LINE_SEPARATOR);
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
        self.add_to_tail(&text);
        self.lines += 1;
        self.uncounted.count += 1;
        self.uncounted.bytes += text.len();
        if self.lines > self.max_lines {
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
    /// Logs a last line without a line end.
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

    /// Used only by later versions of WASI, which are not linked.
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
        self.written().append(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_WRITE)
    }

    /// The guest chooses `count`. Unchecked, it could allocate any amount of the host's memory.
    fn write_zeroes(&mut self, count: usize) -> StreamResult<()> {
        if count > MAX_WRITE {
            return Err(StreamError::trap("the guest wrote more than the stream accepts"));
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
    fn a_line_may_be_written_in_pieces_and_without_a_line_end() {
        assert_eq!(after(&[b"Value", b"Error: x\r\n\n \nnext"]), (2, Some("ValueError: x | next".to_owned())));
        assert_eq!(after(&[]), (0, None));
    }

    #[test]
    fn the_end_of_long_output_is_kept() {
        let (lines, tail) = after(&["ä\n".repeat(2000).as_bytes(), b"the reason"]);
        let tail = tail.unwrap();
        assert_eq!((lines, tail.chars().count()), (2001, MAX_TAIL));
        assert!(tail.ends_with("ä | ä | the reason"), "{tail}");
    }

    #[test]
    fn control_characters_are_escaped_and_invalid_utf8_is_replaced() {
        assert_eq!(after(&[b"\x1b[2J\xff\n"]), (1, Some("\\u{1b}[2J\u{fffd}".to_owned())));
    }

    #[test]
    fn lines_are_counted_once() {
        let mut output = Output::new(Stream::Stdout, "job", 10);
        output.write(Bytes::from_static(b"one\nthree\nfour")).unwrap();
        assert_eq!(output.take_uncounted(), Lines { count: 2, bytes: 8 });
        assert_eq!(output.take_uncounted(), Lines::default());
    }

    #[test]
    fn an_endless_line_does_not_use_up_memory() {
        let mut output = Output::new(Stream::Stdout, "job", 10);
        for _ in 0..100 {
            output.write(Bytes::from(vec![b'a'; MAX_WRITE])).unwrap();
        }
        assert_eq!(output.written().line.len(), MAX_LINE);
    }

    #[test]
    fn zeroes_are_written_only_up_to_the_limit() {
        let mut output = Output::new(Stream::Stdout, "job", 10);
        assert!(output.write_zeroes(MAX_WRITE).is_ok());
        assert!(output.write_zeroes(usize::MAX).is_err());
    }
}
