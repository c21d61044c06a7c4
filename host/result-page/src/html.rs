//! Texts and numbers as HTML.

use std::fmt::{self, Display, Write};

/// A text from outside, fit for the content of an element and for an attribute in quotes.
pub struct Escaped<'a>(pub &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => to.write_str("&amp;")?,
                '<' => to.write_str("&lt;")?,
                '>' => to.write_str("&gt;")?,
                '"' => to.write_str("&quot;")?,
                '\'' => to.write_str("&#39;")?,
                // Would turn the direction of the text that follows.
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => to.write_char('\u{fffd}')?,
                other => to.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// Data for a script element: `<` is escaped, so that nothing in it ends the element.
pub fn script_data(value: &serde_json::Value) -> String {
    value.to_string().replace('<', "\\u003c")
}

/// As `1.4 MiB`.
pub fn bytes(bytes: u64) -> String {
    let mut size = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if size < 1000.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{size:.*} {unit}", places(size)) };
        }
        size /= 1024.0;
    }
    format!("{size:.*} TiB", places(size))
}

fn places(number: f64) -> usize {
    match number {
        small if small < 10.0 => 2,
        middle if middle < 100.0 => 1,
        _ => 0,
    }
}

/// As `0:20` or `1:02:03`.
pub fn clock(ms: u64) -> String {
    let all = (ms + 500) / 1000;
    let (hours, minutes, seconds) = (all / 3600, all / 60 % 60, all % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// As `0.35 s`, `12.3 s` or `4:05 min`.
pub fn seconds(ms: u64) -> String {
    match ms {
        0..10_000 => format!("{:.2} s", ms as f64 / 1000.0),
        10_000..100_000 => format!("{:.1} s", ms as f64 / 1000.0),
        _ => format!("{} min", clock(ms)),
    }
}

/// As `1 984`, with a narrow space that doesn't break.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}
