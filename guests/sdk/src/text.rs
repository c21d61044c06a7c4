use crate::types::Failure;

/// The parts one after the other. `format!` and `concat` do as much with several times the code, which shows in a
/// policy's size; so would a copy of this at each of its many callers.
#[must_use]
#[inline(never)]
pub fn joined(parts: &[&str]) -> String {
    let mut text = String::new();
    for part in parts {
        text.push_str(part);
    }
    text
}

/// The longest beginning of `text` that has at most `limit` bytes and splits no character.
#[must_use]
pub fn cut(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    // A character has at most four bytes, so this ends after three steps, and 0 is always a boundary.
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// The longest beginning of `text` that has at most `limit` UTF-16 code units and splits no character.
///
/// That is how JavaScript counts a string's length, and so what a receiver written in it means by "characters". It is
/// never more characters than any other count allows.
#[must_use]
pub fn cut_utf16(text: &str, limit: usize) -> &str {
    let mut units = 0;
    for (start, character) in text.char_indices() {
        units += character.len_utf16();
        if units > limit {
            return text.get(..start).unwrap_or_default();
        }
    }
    text
}

/// A failure's message with its code behind it, in at most `limit` UTF-16 code units. A message that is too long is cut,
/// not the code: programs read that.
#[must_use]
pub fn failure_text(failure: &Failure, limit: usize) -> String {
    let code = joined(&[" [", &failure.code, "]"]);
    let room = limit.saturating_sub(code.encode_utf16().count());
    let text = joined(&[cut_utf16(&failure.message, room), &code]);
    // Only where the code alone is over the limit.
    cut_utf16(&text, limit).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Blame;

    #[test]
    fn a_text_within_the_limit_is_left_alone() {
        assert_eq!(cut("höhe", 5), "höhe");
        assert_eq!(cut_utf16("höhe", 4), "höhe");
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(cut("höhe", 2), "h");
        assert_eq!(cut("𝄞𝄞", 7), "𝄞");
        assert_eq!(cut_utf16("𝄞𝄞", 3), "𝄞");
    }

    #[test]
    fn a_limit_of_zero_leaves_nothing() {
        assert_eq!(cut("𝄞", 0), "");
        assert_eq!(cut_utf16("𝄞", 0), "");
    }

    #[test]
    fn a_long_failure_keeps_its_code() {
        let failure = |code: &str, message: &str| Failure {
            code: code.into(),
            blame: Blame::Host,
            message: message.into(),
            retryable: false,
        };
        assert_eq!(failure_text(&failure("a.b", "It is short."), 100), "It is short. [a.b]");
        assert_eq!(failure_text(&failure("a.b", &"𝄞".repeat(9)), 11), "𝄞𝄞 [a.b]");
        assert_eq!(failure_text(&failure("code", "why"), 3), " [c");
    }
}
