use crate::joined;

/// A JSON object in the making. Its fields keep the order in which they are added.
///
/// ```
/// use policy_sdk::json::Object;
///
/// let body = Object::new().text("status", Some("completed")).number("seconds", Some(12)).text("error", None).finish();
/// assert_eq!(body, r#"{"status":"completed","seconds":12,"error":null}"#);
/// ```
#[must_use]
#[derive(Clone, Debug, Default)]
pub struct Object {
    fields: String,
}

impl Object {
    /// Starts without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text, or `null`.
    pub fn text(self, name: &str, value: Option<&str>) -> Self {
        self.json(name, &value.map_or("null".into(), quoted))
    }

    /// Adds a whole number, or `null`.
    pub fn number(self, name: &str, value: Option<i64>) -> Self {
        self.json(name, &value.map_or("null".into(), |number| number.to_string()))
    }

    /// Adds a value that is JSON already, such as a nested object, a [`list`] or `true`.
    pub fn json(mut self, name: &str, value: &str) -> Self {
        let separator = if self.fields.is_empty() { "" } else { "," };
        self.fields.push_str(&joined(&[separator, &quoted(name), ":", value]));
        self
    }

    /// The object as JSON text.
    pub fn finish(self) -> String {
        joined(&["{", &self.fields, "}"])
    }
}

/// The JSON text of a list of texts.
pub fn list(texts: &[&str]) -> String {
    let mut items = String::new();
    for text in texts {
        let separator = if items.is_empty() { "" } else { "," };
        items = joined(&[&items, separator, &quoted(text)]);
    }
    joined(&["[", &items, "]"])
}

/// The JSON text of a text: in quotes, and escaped.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..' ' => {
                out.push_str(if character < '\u{10}' { "\\u000" } else { "\\u001" });
                out.extend(char::from_digit(u32::from(character) % 16, 16));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_survives_being_written_and_read() {
        let text: String = (0..=0x2ff).chain([0x2028, 0xffff, 0x1d11e]).filter_map(char::from_u32).collect();
        let written = Object::new().text(&text, Some(&text)).finish();
        let read: serde_json::Value = serde_json::from_str(&written).unwrap();
        assert_eq!(read[&text], text);
    }

    #[test]
    fn an_object_can_be_empty() {
        assert_eq!(Object::new().finish(), "{}");
    }

    #[test]
    fn the_smallest_and_the_largest_number_are_written_in_full() {
        let written = Object::new().number("a", Some(i64::MIN)).number("b", Some(i64::MAX)).finish();
        assert_eq!(written, r#"{"a":-9223372036854775808,"b":9223372036854775807}"#);
    }

    #[test]
    fn lists_and_objects_nest() {
        let inner = Object::new().json("names", &list(&["a", "\"b\""])).json("none", &list(&[])).finish();
        assert_eq!(Object::new().json("inner", &inner).finish(), r#"{"inner":{"names":["a","\"b\""],"none":[]}}"#);
    }
}
