//! Reading a policy's settings, with problems that say what was found and what would be right.

use crate::joined;
use crate::json::{self, Value};
use crate::types::{Blame, Effort, Failure, Preference, Problem};

/// Reads a JSON object name by name, or tells everything that is wrong with it.
///
/// `set` takes one setting. What it answers as an error becomes the problem of that name, and the rest is still read.
pub fn read(json: &str, set: &mut dyn FnMut(&str, &Value<'_>) -> Result<(), String>) -> Result<(), Vec<Problem>> {
    let whole = |message: String| vec![Problem { field: String::new(), message }];
    let value = json::parse(json).map_err(|fault| {
        let at = fault.at.to_string();
        whole(joined(&["is not JSON: after ", &at, " bytes, ", fault.expected, " was expected"]))
    })?;
    let Value::Object(fields) = &value else {
        return Err(whole(joined(&["must be an object, not ", &kind(&value)])));
    };
    let mut problems = Vec::new();
    for (name, value) in fields {
        if let Err(message) = set(name, value) {
            problems.push(Problem { field: name.clone(), message });
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// The problem with a name that a policy doesn't know. `known` lists those that it does.
#[must_use]
pub fn unknown(known: &str) -> String {
    joined(&["is not a setting of this policy; known are ", known])
}

/// The failure of a workflow whose settings can't be read: the host has let unvalidated ones through.
#[must_use]
pub fn unusable(problems: Vec<Problem>) -> Failure {
    let mut message = String::from("The settings of this policy can't be used.");
    for problem in problems {
        message = joined(&[&message, " ", &problem.field, " ", &problem.message, "."]);
    }
    Failure { code: "policy.bad-settings".into(), blame: Blame::Policy, message, retryable: false }
}

/// Yes or no.
pub fn flag(value: &Value<'_>) -> Result<bool, String> {
    if let Value::Bool(on) = value { Ok(*on) } else { Err(joined(&["must be true or false, not ", &kind(value)])) }
}

/// One of these words.
pub fn choice<'a>(value: &Value<'_>, choices: &[&'a str]) -> Result<&'a str, String> {
    let mut message = String::from("must be one of ");
    for choice in choices {
        if matches!(value, Value::Text(text) if text == choice) {
            return Ok(choice);
        }
        message = joined(&[&message, choice, ", "]);
    }
    Err(joined(&[&message, "not ", &kind(value)]))
}

/// Work per bit.
pub fn effort(value: &Value<'_>) -> Result<Effort, String> {
    Ok(match choice(value, &["fastest", "fast", "medium", "slow"])? {
        "fastest" => Effort::Fastest,
        "medium" => Effort::Medium,
        "slow" => Effort::Slow,
        _ => Effort::Fast,
    })
}

/// What to encode on.
pub fn processor(value: &Value<'_>) -> Result<Preference, String> {
    Ok(match choice(value, &["auto", "gpu", "cpu"])? {
        "gpu" => Preference::Gpu,
        "cpu" => Preference::Cpu,
        _ => Preference::Auto,
    })
}

/// A value as a problem names it. Only a short text is quoted: what is in the settings may be long.
#[must_use]
pub fn kind(value: &Value<'_>) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "true or false".into(),
        Value::Number(_) => "a number".into(),
        Value::Text(text) if text.len() <= 64 => joined(&["\"", text, "\""]),
        Value::Text(_) => "a long text".into(),
        Value::List(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(json: &str) -> Vec<(String, String)> {
        let mut set = |name: &str, value: &Value<'_>| match name {
            "flag" => flag(value).map(drop),
            "effort" => effort(value).map(drop),
            _ => Err(unknown("flag, effort")),
        };
        let problems = read(json, &mut set).err().unwrap_or_default();
        problems.into_iter().map(|problem| (problem.field, problem.message)).collect()
    }

    #[test]
    fn settings_that_are_right_have_no_problems() {
        assert_eq!(problems("{}"), []);
        assert_eq!(problems(r#"{"flag": true, "effort": "slow"}"#), []);
    }

    #[test]
    fn every_problem_is_told_with_its_name() {
        let expected = [
            ("flag", "must be true or false, not a number"),
            ("effort", "must be one of fastest, fast, medium, slow, not a list"),
            ("flags", "is not a setting of this policy; known are flag, effort"),
        ];
        let told = problems(r#"{"flag": 1, "effort": [], "flags": true}"#);
        assert_eq!(told, expected.map(|(name, message)| (name.to_string(), message.to_string())));
    }

    #[test]
    fn what_is_no_object_is_a_problem_of_the_whole() {
        assert_eq!(problems("[]"), [(String::new(), "must be an object, not a list".into())]);
        let told = problems("{");
        assert!(told[0].0.is_empty() && told[0].1.starts_with("is not JSON: after 1 bytes, "), "{told:?}");
    }

    #[test]
    fn a_long_text_is_not_repeated() {
        let told = problems(&format!(r#"{{"flag": "{}"}}"#, "x".repeat(65)));
        assert_eq!(told[0].1, "must be true or false, not a long text");
    }

    #[test]
    fn a_failure_tells_all_problems_in_sentences() {
        let problem = |field: &str, message: &str| Problem { field: field.into(), message: message.into() };
        let failure = unusable(vec![problem("flag", "must be true or false, not null"), problem("x", "is not known")]);
        assert_eq!(
            (failure.code.as_str(), failure.blame, failure.retryable),
            ("policy.bad-settings", Blame::Policy, false)
        );
        let expected =
            "The settings of this policy can't be used. flag must be true or false, not null. x is not known.";
        assert_eq!(failure.message, expected);
    }
}
