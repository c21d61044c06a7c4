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
