use crate::types::Failure;

/// Joins the parts to one text. `format!` and `concat` need several times the code, which shows in a policy's size; so
/// would inlining this into its many callers.
#[inline(never)]
pub fn joined(parts: &[&str]) -> String {
    let mut text = String::new();
    for part in parts {
        text.push_str(part);
    }
    text
}

/// The longest prefix of `text` with at most `limit` UTF-16 code units. Never splits a character.
///
/// JavaScript counts a string's length in these units, so a receiver written in it means them by "characters".
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

/// A failure's message followed by its code, in at most `limit` UTF-16 code units. Of a long text the message is cut
/// and not the code, because programs read the code.
pub fn failure_text(failure: &Failure, limit: usize) -> String {
    let code = joined(&[" [", &failure.code, "]"]);
    let room = limit.saturating_sub(code.encode_utf16().count());
    let text = joined(&[cut_utf16(&failure.message, room), &code]);
    // Only if the code alone is over the limit.
    cut_utf16(&text, limit).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Blame;

    #[test]
    fn a_text_within_the_limit_is_unchanged() {
        assert_eq!(cut_utf16("höhe", 4), "höhe");
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(cut_utf16("𝄞𝄞", 3), "𝄞");
    }

    #[test]
    fn a_limit_of_zero_leaves_nothing() {
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
