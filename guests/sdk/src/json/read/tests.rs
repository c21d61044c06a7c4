use super::*;

/// The same value in serde_json, which is the reference here.
fn converted(value: &Value<'_>) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Number(digits) => serde_json::from_str(digits).unwrap(),
        Value::Text(text) => text.as_str().into(),
        Value::List(items) => items.iter().map(converted).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), converted(value))).collect(),
    }
}

const GOOD: &[&str] = &[
    "null",
    " true ",
    "\t\r\nfalse",
    "0",
    "-0",
    "12",
    "-1.50",
    "1e3",
    "1E+3",
    "0.1e-2",
    "\"\"",
    "\"höhe 𝄞\"",
    r#""\"\\\/\b\f\n\r\t""#,
    r#""\u00e4\u0000\uD834\uDD1E""#,
    "[]",
    "[ ]",
    "[1,[2,[3]],\"x\"]",
    "{}",
    "{ }",
    r#"{"a":1, "b" : {"c":[null]}}"#,
    r#"{"a":1,"a":2}"#,
];

const BAD: &[&str] = &[
    "",
    " ",
    "nul",
    "nullx",
    "True",
    "01",
    "-",
    "+1",
    ".5",
    "1.",
    "1e",
    "1e+",
    "\"",
    "\"\\",
    "\"a",
    "\"\n\"",
    "\"\u{0}\"",
    r#""\x""#,
    r#""\u12""#,
    r#""\u12g4""#,
    r#""\ud834""#,
    r#""\ud834x""#,
    r#""\ud834\n""#,
    r#""\ud834\u0041""#,
    r#""\udd1e""#,
    "[",
    "[1",
    "[1,]",
    "[1 2]",
    "[,]",
    "{",
    "{a:1}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{\"a\":1 \"b\":2}",
    "{,}",
    "1 2",
    "{} x",
    "\u{feff}{}",
];

#[test]
fn valid_json_is_read_as_serde_json_reads_it() {
    for text in GOOD {
        let expected: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(converted(&parse(text).unwrap()), expected, "{text}");
    }
}

#[test]
fn invalid_json_is_refused() {
    for text in BAD {
        assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "serde_json accepts {text:?}");
        assert!(parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn every_prefix_of_a_text_is_read_or_refused_as_by_serde_json() {
    let text = r#"{"a": [1.5e3, -0, "x\u00e4\n𝄞"], "b": {"c": null, "d": [true, false]}}"#;
    for (end, _) in text.char_indices() {
        let prefix = &text[..end];
        assert_eq!(parse(prefix).is_ok(), serde_json::from_str::<serde_json::Value>(prefix).is_ok(), "{prefix}");
    }
}

#[test]
fn an_error_says_where_it_is_and_what_would_be_right() {
    assert_eq!(parse("[1 2]"), Err(ParseError { at: 3, expected: "a comma or the end of the list" }));
    assert_eq!(parse("{\"a\" 1}"), Err(ParseError { at: 5, expected: "a colon" }));
}

#[test]
fn a_text_that_nests_too_deep_is_refused_before_the_stack_overflows() {
    assert!(parse(&"[".repeat(1_000_000)).is_err());
    let nested = |levels| "[".repeat(levels) + &"]".repeat(levels);
    assert!(parse(&nested(DEPTH)).is_ok());
    assert!(parse(&nested(DEPTH + 1)).is_err());
}

#[test]
fn an_object_keeps_the_order_in_which_it_was_written() {
    let Value::Object(fields) = parse(r#"{"b":1,"a":2}"#).unwrap() else { panic!("not an object") };
    assert_eq!(fields[0].0, "b");
}
