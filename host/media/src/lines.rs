//! Splits the output of a process into lines.

/// Longest line that is kept whole; of a longer one, the rest is dropped. The usual ones are under 100 bytes.
const MAX_LINE: usize = 1024;

/// The line that has begun.
#[derive(Debug, Default)]
pub(crate) struct Lines(Vec<u8>);

impl Lines {
    /// Takes the next piece of output, and hands on each line that ends in it.
    pub(crate) fn take(&mut self, piece: &[u8], mut each: impl FnMut(&str)) {
        for &byte in piece {
            if byte == b'\n' {
                each(&String::from_utf8_lossy(&self.0));
                self.0.clear();
            } else if self.0.len() < MAX_LINE {
                self.0.push(byte);
            }
        }
    }
}
