//! The attribute lists of playlist tags: `NAME=value,NAME="quoted, value"`.

/// One attribute. The value is without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attribute<'a> {
    pub name: &'a str,
    pub value: &'a str,
    pub quoted: bool,
}

/// Splits a list. `None` if it is malformed or has a name twice.
pub(super) fn parse(text: &str) -> Option<Vec<Attribute<'_>>> {
    let mut found: Vec<Attribute<'_>> = Vec::new();
    let mut rest = text;
    loop {
        let (name, after) = rest.split_once('=')?;
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-') {
            return None;
        }
        let (value, quoted, after) = match after.strip_prefix('"') {
            Some(inner) => {
                let (value, after) = inner.split_once('"')?;
                (value, true, after)
            }
            None => {
                let end = after.find(',').unwrap_or(after.len());
                let (value, after) = after.split_at_checked(end)?;
                (value, false, after)
            }
        };
        if (value.is_empty() && !quoted) || found.iter().any(|other| other.name == name) {
            return None;
        }
        found.push(Attribute { name, value, quoted });
        if after.is_empty() {
            return Some(found);
        }
        rest = after.strip_prefix(',')?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_inside_quotes_does_not_end_a_value() {
        let found = parse("BANDWIDTH=12,CODECS=\"avc1.640028,mp4a.40.2\",RESOLUTION=1x2").unwrap();
        assert_eq!(found.len(), 3);
        assert_eq!(found[1], Attribute { name: "CODECS", value: "avc1.640028,mp4a.40.2", quoted: true });
        assert_eq!(found[2], Attribute { name: "RESOLUTION", value: "1x2", quoted: false });
    }

    #[test]
    fn malformed_lists_are_refused() {
        for text in ["", "A", "=1", "a=1", "A=\"open", "A=1,", "A=1,A=2", "A=\"x\"B=1", "A="] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
