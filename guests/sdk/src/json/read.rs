/// How deep values may lie in one another, so that a hostile text can't exhaust the stack.
const DEPTH: usize = 64;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as it was written; [`str::parse`] makes one of it in whatever type is wanted.
    Number(&'a str),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Value<'a>>),
    /// Names and values as they were written: in that order, and a name twice if it was.
    Object(Vec<(String, Value<'a>)>),
}

/// Where and why a text is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Bytes before it.
    pub at: usize,
    /// What would have been right there, such as `a comma or the end of the list`.
    pub expected: &'static str,
}

/// Reads one value and nothing behind it.
pub fn parse(text: &str) -> Result<Value<'_>, Fault> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(DEPTH)?;
    reader.space();
    if reader.at == text.len() { Ok(value) } else { Err(reader.fault("the end")) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn fault(&self, expected: &'static str) -> Fault {
        Fault { at: self.at, expected }
    }

    fn peek(&self) -> u8 {
        // No JSON text holds a zero byte, so it can stand for the end.
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn took(&mut self, byte: u8) -> bool {
        let found = self.peek() == byte;
        self.at += usize::from(found);
        found
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, Fault> {
        if depth == 0 {
            return Err(self.fault("fewer levels"));
        }
        self.space();
        match self.peek() {
            b'"' => Ok(Value::Text(self.string()?)),
            b'[' => self.list(depth),
            b'{' => self.object(depth),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            _ => Err(self.fault("a value")),
        }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, Fault> {
        if self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.fault("a value"))
    }

    fn number(&mut self) -> Result<Value<'a>, Fault> {
        let start = self.at;
        self.took(b'-');
        // A zero in front stands alone.
        if !self.took(b'0') {
            self.digits()?;
        }
        if self.took(b'.') {
            self.digits()?;
        }
        if self.took(b'e') || self.took(b'E') {
            let _signed = self.took(b'+') || self.took(b'-');
            self.digits()?;
        }
        Ok(Value::Number(self.since(start)))
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == start { Err(self.fault("a digit")) } else { Ok(()) }
    }

    fn list(&mut self, depth: usize) -> Result<Value<'a>, Fault> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.took(b']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth - 1)?);
            self.space();
            if self.took(b']') {
                return Ok(Value::List(items));
            }
            if !self.took(b',') {
                return Err(self.fault("a comma or the end of the list"));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value<'a>, Fault> {
        self.at += 1;
        let mut fields = Vec::new();
        self.space();
        if self.took(b'}') {
            return Ok(Value::Object(fields));
        }
        loop {
            self.space();
            if self.peek() != b'"' {
                return Err(self.fault("a name in quotes"));
            }
            let name = self.string()?;
            self.space();
            if !self.took(b':') {
                return Err(self.fault("a colon"));
            }
            fields.push((name, self.value(depth - 1)?));
            self.space();
            if self.took(b'}') {
                return Ok(Value::Object(fields));
            }
            if !self.took(b',') {
                return Err(self.fault("a comma or the end of the object"));
            }
        }
    }

    fn string(&mut self) -> Result<String, Fault> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let start = self.at;
            // Quotes, backslashes and control characters are single bytes in UTF-8 and part of no other character.
            while !matches!(self.peek(), b'"' | b'\\' | 0..=31) {
                self.at += 1;
            }
            text.push_str(self.since(start));
            if self.took(b'"') {
                return Ok(text);
            }
            if !self.took(b'\\') {
                return Err(self.fault("a closing quote, and control characters escaped"));
            }
            text.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Result<char, Fault> {
        let letter = self.peek();
        self.at += 1;
        Ok(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => {
                return Err(Fault {
                    at: self.at - 1,
                    expected: "one of the escapes \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u",
                });
            }
        })
    }

    /// Four hexadecimal digits, or twice four where a character is written as a surrogate pair.
    fn unicode(&mut self) -> Result<char, Fault> {
        let first = self.hex4()?;
        let mut code = first;
        if (0xd800..0xdc00).contains(&first) && self.took(b'\\') && self.took(b'u') {
            let second = self.hex4()?;
            if (0xdc00..0xe000).contains(&second) {
                code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            }
        }
        char::from_u32(code).ok_or_else(|| self.fault("the other half of a surrogate pair"))
    }

    fn hex4(&mut self) -> Result<u32, Fault> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = char::from(self.peek()).to_digit(16).ok_or_else(|| self.fault("a hexadecimal digit"))?;
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }
}

#[cfg(test)]
mod tests;
