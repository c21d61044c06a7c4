/// How deep values may nest, so that a hostile text can't exhaust the stack.
const DEPTH: usize = 64;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as it was written; [`str::parse`] turns it into the type that is wanted.
    Number(&'a str),
    /// A text, unescaped.
    Text(String),
    /// A list.
    List(Vec<Value<'a>>),
    /// Names and values in the order in which they were written. A name that was written twice is there twice.
    Object(Vec<(String, Value<'a>)>),
}

/// Where and why a text is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Its position in bytes.
    pub at: usize,
    /// What would be right there, such as `a comma or the end of the list`.
    pub expected: &'static str,
}

/// Reads a text that is one JSON value and nothing else.
pub fn parse(text: &str) -> Result<Value<'_>, ParseError> {
    let mut parser = Parser { text, at: 0 };
    let value = parser.value(DEPTH)?;
    parser.skip_space();
    if parser.at == text.len() { Ok(value) } else { Err(parser.error("the end")) }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn error(&self, expected: &'static str) -> ParseError {
        ParseError { at: self.at, expected }
    }

    fn peek(&self) -> u8 {
        // No JSON text has a zero byte, so it can mark the end.
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == byte;
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), ParseError> {
        if self.eat(byte) { Ok(()) } else { Err(self.error(expected)) }
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    fn text_since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, ParseError> {
        if depth == 0 {
            return Err(self.error("fewer levels"));
        }
        self.skip_space();
        match self.peek() {
            b'"' => Ok(Value::Text(self.string()?)),
            b'[' => self.list(depth),
            b'{' => self.object(depth),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            _ => Err(self.error("a value")),
        }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, ParseError> {
        if self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.error("a value"))
    }

    fn number(&mut self) -> Result<Value<'a>, ParseError> {
        let start = self.at;
        self.eat(b'-');
        // No digit follows a leading zero.
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _signed = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        Ok(Value::Number(self.text_since(start)))
    }

    fn digits(&mut self) -> Result<(), ParseError> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == start { Err(self.error("a digit")) } else { Ok(()) }
    }

    fn list(&mut self, depth: usize) -> Result<Value<'a>, ParseError> {
        let mut items = Vec::new();
        self.separated(b']', "a comma or the end of the list", &mut |parser| {
            items.push(parser.value(depth - 1)?);
            Ok(())
        })?;
        Ok(Value::List(items))
    }

    fn object(&mut self, depth: usize) -> Result<Value<'a>, ParseError> {
        let mut fields = Vec::new();
        self.separated(b'}', "a comma or the end of the object", &mut |parser| {
            parser.skip_space();
            if parser.peek() != b'"' {
                return Err(parser.error("a name in quotes"));
            }
            let name = parser.string()?;
            parser.skip_space();
            parser.expect(b':', "a colon")?;
            fields.push((name, parser.value(depth - 1)?));
            Ok(())
        })?;
        Ok(Value::Object(fields))
    }

    /// Reads an opening bracket, items with commas between them, and the closing bracket `end`.
    fn separated(
        &mut self,
        end: u8,
        expected: &'static str,
        item: &mut dyn FnMut(&mut Self) -> Result<(), ParseError>,
    ) -> Result<(), ParseError> {
        self.at += 1;
        self.skip_space();
        if self.eat(end) {
            return Ok(());
        }
        loop {
            item(self)?;
            self.skip_space();
            if self.eat(end) {
                return Ok(());
            }
            self.expect(b',', expected)?;
        }
    }

    fn string(&mut self) -> Result<String, ParseError> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let start = self.at;
            // Quotes, backslashes and control characters are single bytes in UTF-8 and part of no other character.
            while !matches!(self.peek(), b'"' | b'\\' | 0..=31) {
                self.at += 1;
            }
            text.push_str(self.text_since(start));
            if self.eat(b'"') {
                return Ok(text);
            }
            self.expect(b'\\', "a closing quote, and control characters escaped")?;
            text.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Result<char, ParseError> {
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
                return Err(ParseError {
                    at: self.at - 1,
                    expected: "one of the escapes \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u",
                });
            }
        })
    }

    /// Reads four hexadecimal digits, or twice four if a character is written as a surrogate pair.
    fn unicode(&mut self) -> Result<char, ParseError> {
        let first = self.hex4()?;
        let mut code = first;
        if (0xd800..0xdc00).contains(&first) && self.eat(b'\\') && self.eat(b'u') {
            let second = self.hex4()?;
            if (0xdc00..0xe000).contains(&second) {
                code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            }
        }
        char::from_u32(code).ok_or_else(|| self.error("the other half of a surrogate pair"))
    }

    fn hex4(&mut self) -> Result<u32, ParseError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = char::from(self.peek()).to_digit(16).ok_or_else(|| self.error("a hexadecimal digit"))?;
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }
}

#[cfg(test)]
mod tests;
