/// An object as it is written, field by field and in that order.
///
/// ```
/// use policy_sdk::json::Object;
///
/// let body = Object::new().text("status", Some("completed")).number("seconds", Some(12)).text("error", None).finish();
/// assert_eq!(body, r#"{"status":"completed","seconds":12,"error":null}"#);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Object {
    fields: String,
}

impl Object {
    /// An object without fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text, or `null`.
    #[must_use]
    pub fn text(mut self, name: &str, value: Option<&str>) -> Self {
        self.name(name);
        match value {
            Some(text) => quote(&mut self.fields, text),
            None => self.fields.push_str("null"),
        }
        self
    }

    /// Adds a whole number, or `null`.
    #[must_use]
    pub fn number(self, name: &str, value: Option<i64>) -> Self {
        match value {
            Some(number) => self.json(name, &number.to_string()),
            None => self.json(name, "null"),
        }
    }

    /// Adds a value that is JSON already: a nested object, a [`list`], `true`.
    #[must_use]
    pub fn json(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        self.fields.push_str(value);
        self
    }

    /// The text of the object.
    #[must_use]
    pub fn finish(self) -> String {
        let mut text = self.fields;
        text.insert(0, '{');
        text.push('}');
        text
    }

    fn name(&mut self, name: &str) {
        if !self.fields.is_empty() {
            self.fields.push(',');
        }
        quote(&mut self.fields, name);
        self.fields.push(':');
    }
}

/// A list of texts as it is written.
#[must_use]
pub fn list(texts: &[&str]) -> String {
    let mut list = String::from("[");
    for text in texts {
        if list.len() > 1 {
            list.push(',');
        }
        quote(&mut list, text);
    }
    list.push(']');
    list
}

/// A text as it is written.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut out = String::new();
    quote(&mut out, text);
    out
}

fn quote(out: &mut String, text: &str) {
    const HEX: &str = "0123456789abcdef";
    out.push('"');
    let mut copied = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 => "\\u00",
            _ => continue,
        };
        // What is escaped is ASCII, so both sides of it begin and end with a character.
        out.push_str(text.get(copied..at).unwrap_or_default());
        out.push_str(escape);
        if escape.len() > 2 {
            for half in [usize::from(byte >> 4), usize::from(byte & 15)] {
                out.push_str(HEX.get(half..=half).unwrap_or_default());
            }
        }
        copied = at + 1;
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    out.push('"');
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
    fn an_object_without_fields_is_still_one() {
        assert_eq!(Object::new().finish(), "{}");
    }

    #[test]
    fn the_ends_of_numbers_are_written_whole() {
        let written = Object::new().number("a", Some(i64::MIN)).number("b", Some(i64::MAX)).finish();
        assert_eq!(written, r#"{"a":-9223372036854775808,"b":9223372036854775807}"#);
    }

    #[test]
    fn lists_and_objects_nest() {
        let inner = Object::new().json("names", &list(&["a", "\"b\""])).json("none", &list(&[])).finish();
        assert_eq!(Object::new().json("inner", &inner).finish(), r#"{"inner":{"names":["a","\"b\""],"none":[]}}"#);
    }
}
