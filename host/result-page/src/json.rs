//! JSON to be read by people, in its own order and with its own numbers.

use serde::de::IgnoredAny;

/// A line for each field and item; a text that isn't JSON stays as it is.
pub fn indented(text: &str) -> String {
    if serde_json::from_str::<IgnoredAny>(text).is_err() {
        return text.to_owned();
    }
    let (mut out, mut depth) = (String::with_capacity(text.len() * 2), 0_usize);
    let (mut quoted, mut escaped) = (false, false);
    let mut characters = text.chars().filter(|c| !c.is_ascii_control()).peekable();
    while let Some(character) = characters.next() {
        if quoted {
            out.push(character);
            quoted = escaped || character != '"';
            escaped = !escaped && character == '\\';
            continue;
        }
        match character {
            '"' => {
                quoted = true;
                out.push(character);
            }
            ' ' => {}
            '{' | '[' => {
                out.push(character);
                while characters.next_if_eq(&' ').is_some() {}
                if let Some(close) = characters.next_if(|c| matches!(c, '}' | ']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(character);
            }
            ',' => {
                out.push(character);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            other => out.push(other),
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.push_str(&"  ".repeat(depth.min(64)));
}

#[cfg(test)]
mod tests {
    use super::indented;

    #[test]
    fn fields_keep_their_order_and_texts_stay_as_they_are() {
        let text = r#"{"b": 1.50,"a":[],"c":[true,{ "x\"}":"{[, :\\"}]}"#;
        let expected = "{\n  \"b\": 1.50,\n  \"a\": [],\n  \"c\": [\n    true,\n    {\n      \"x\\\"}\": \"{[, :\\\\\"\n    }\n  ]\n}";
        assert_eq!(indented(text), expected);
        assert_eq!(indented("{not JSON}"), "{not JSON}");
    }
}
