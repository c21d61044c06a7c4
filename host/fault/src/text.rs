//! Makes text from outside safe for logs and terminals.

/// Escapes control characters, so that the text can't move the cursor, hide a line or start a new one. Keeps at most
/// `limit` characters.
pub fn printable(text: &str, limit: usize) -> String {
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == limit {
            shown.push('…');
            break;
        }
        // Also those that change the writing direction.
        if character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Settings whose names contain one of these are secret.
const SECRET_NAMES: [&str; 6] = ["secret", "token", "password", "passphrase", "credential", "apikey"];

/// Whether a field of this name holds a secret.
pub fn is_secret_name(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    SECRET_NAMES.iter().any(|part| plain.contains(part))
}

/// Whether there is a URL in a text, or in a JSON text.
pub fn has_url(text: &str) -> bool {
    URL_MARKS.iter().any(|mark| text.contains(mark))
}

/// What follows a URL's scheme, plain and with the escaped slashes that some JSON writers use.
pub const URL_MARKS: [&str; 2] = ["://", r":\/\/"];

/// A number with its noun: `1 rung`, `2 rungs`.
pub fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_can_not_control_a_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\nc\u{202e}d", 100), r"a\u{1b}[2Jb\nc\u{202e}d");
    }

    #[test]
    fn a_long_message_is_cut_and_marked() {
        assert_eq!(printable("äöüß", 3), "äöü…");
    }
}
