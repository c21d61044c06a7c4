//! Reading a policy's settings, with problems that say what was found and what would be right.

use crate::joined;
use crate::json::{self, Value};
use crate::types::{Blame, Effort, Failure, Preference, Problem};

/// Defines a policy's settings: fields with their defaults, and each one's name in the JSON and function that reads it.
///
/// ```
/// use policy_sdk::settings::flag;
///
/// policy_sdk::settings! {
///     /// What an environment can set about this policy.
///     pub struct Settings {
///         /// Whether a waveform also gets an image.
///         pub waveform_image: bool = true, "waveformImage" => flag;
///     }
/// }
///
/// assert_eq!(Settings::parse(r#"{"waveformImage": false}"#), Ok(Settings { waveform_image: false }));
/// ```
#[macro_export]
macro_rules! settings {
    (
        $(#[$about:meta])*
        $visible:vis struct $Settings:ident {
            $($(#[$doc:meta])* $public:vis $field:ident: $type:ty = $default:expr, $name:literal => $read:expr;)*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        $visible struct $Settings {
            $($(#[$doc])* $public $field: $type,)*
        }

        impl Default for $Settings {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $Settings {
            /// Reads a JSON object. The error has everything that is wrong with it.
            pub fn parse(json: &str) -> Result<Self, Vec<$crate::types::Problem>> {
                let mut settings = Self::default();
                $crate::settings::read(json, &mut |name, value| {
                    match name {
                        $($name => settings.$field = ($read)(value)?,)*
                        _ => return Err($crate::settings::unknown(&[$($name),*])),
                    }
                    Ok(())
                })?;
                Ok(settings)
            }

            /// For the pure functions, which can't report a problem: the host passes only validated settings, and a
            /// tool that passes others gets the defaults.
            pub fn parse_or_default(json: &str) -> Self {
                Self::parse(json).unwrap_or_default()
            }
        }
    };
}

/// Reads a JSON object name by name. `set` stores one setting; its error becomes that setting's problem. Reading goes
/// on after a problem, so that all of them are found.
pub fn read(json: &str, set: &mut dyn FnMut(&str, &Value<'_>) -> Result<(), String>) -> Result<(), Vec<Problem>> {
    let whole = |message: String| vec![Problem { field: String::new(), message }];
    let value = json::parse(json).map_err(|error| {
        let at = error.at.to_string();
        whole(joined(&["is not JSON: after ", &at, " bytes, ", error.expected, " was expected"]))
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

/// The problem of a name that is not among the known ones.
pub fn unknown(known: &[&str]) -> String {
    joined(&["is not a setting of this policy; known are ", &listed(known)])
}

/// The failure of a workflow that can't read its settings. The host validates them first, so this is a fault.
pub fn unusable(problems: Vec<Problem>) -> Failure {
    let mut message = String::from("The settings of this policy can't be used.");
    for problem in problems {
        message = joined(&[&message, " ", &problem.field, " ", &problem.message, "."]);
    }
    Failure { code: "policy.bad-settings".into(), blame: Blame::Policy, message, retryable: false }
}

/// Reads `true` or `false`.
pub fn flag(value: &Value<'_>) -> Result<bool, String> {
    if let Value::Bool(on) = value { Ok(*on) } else { Err(joined(&["must be true or false, not ", &kind(value)])) }
}

/// Reads one of these words, and returns the value beside it.
pub fn choice<T: Copy>(value: &Value<'_>, choices: &[(&str, T)]) -> Result<T, String> {
    let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
    let place = position(value, &words)?;
    choices.get(place).map(|(_, meaning)| *meaning).ok_or_else(String::new)
}

/// Apart from [`choice`], so that the component has it once and not once per type.
fn position(value: &Value<'_>, words: &[&str]) -> Result<usize, String> {
    let place = words.iter().position(|word| matches!(value, Value::Text(text) if text == word));
    place.ok_or_else(|| joined(&["must be one of ", &listed(words), ", not ", &kind(value)]))
}

fn listed(words: &[&str]) -> String {
    let mut list = String::new();
    for word in words {
        list = joined(&[&list, if list.is_empty() { "" } else { ", " }, word]);
    }
    list
}

/// Reads an encoder's effort.
pub fn effort(value: &Value<'_>) -> Result<Effort, String> {
    let efforts =
        [("fastest", Effort::Fastest), ("fast", Effort::Fast), ("medium", Effort::Medium), ("slow", Effort::Slow)];
    choice(value, &efforts)
}

/// Reads which processor to encode on.
pub fn processor(value: &Value<'_>) -> Result<Preference, String> {
    choice(value, &[("auto", Preference::Auto), ("gpu", Preference::Gpu), ("cpu", Preference::Cpu)])
}

/// A value as a problem names it. Only short texts are quoted, because settings can hold long ones.
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

    crate::settings! {
        /// Settings of every kind.
        struct Settings {
            on: bool = false, "on" => flag;
            encoder_effort: Option<Effort> = None, "encoderEffort" => |value: &_| effort(value).map(Some);
        }
    }

    fn problems(json: &str) -> Vec<(String, String)> {
        let problems = Settings::parse(json).err().unwrap_or_default();
        problems.into_iter().map(|problem| (problem.field, problem.message)).collect()
    }

    #[test]
    fn what_is_not_set_has_its_default() {
        assert_eq!(Settings::parse("{}"), Ok(Settings { on: false, encoder_effort: None }));
        let set = Settings::parse(r#"{"on": true, "encoderEffort": "slow"}"#);
        assert_eq!(set, Ok(Settings { on: true, encoder_effort: Some(Effort::Slow) }));
    }

    #[test]
    fn every_problem_is_reported_with_its_name() {
        let expected = [
            ("on", "must be true or false, not a number"),
            ("encoderEffort", "must be one of fastest, fast, medium, slow, not a list"),
            ("encoder_effort", "is not a setting of this policy; known are on, encoderEffort"),
        ];
        let problems = problems(r#"{"on": 1, "encoderEffort": [], "encoder_effort": "slow"}"#);
        assert_eq!(problems, expected.map(|(name, message)| (name.to_string(), message.to_string())));
    }

    #[test]
    fn a_text_that_is_not_an_object_is_one_problem_without_a_name() {
        assert_eq!(problems("[]"), [(String::new(), "must be an object, not a list".into())]);
        let problems = problems("{");
        assert!(problems[0].0.is_empty() && problems[0].1.starts_with("is not JSON: after 1 bytes, "), "{problems:?}");
    }

    #[test]
    fn a_long_text_is_not_repeated() {
        let problems = problems(&format!(r#"{{"on": "{}"}}"#, "x".repeat(65)));
        assert_eq!(problems[0].1, "must be true or false, not a long text");
    }

    #[test]
    fn a_pure_function_falls_back_to_the_defaults() {
        assert_eq!(Settings::parse_or_default("[]"), Settings::default());
    }

    #[test]
    fn a_failure_lists_all_problems_in_sentences() {
        let problem = |field: &str, message: &str| Problem { field: field.into(), message: message.into() };
        let failure = unusable(vec![problem("on", "must be true or false, not null"), problem("x", "is not known")]);
        assert_eq!(
            (failure.code.as_str(), failure.blame, failure.retryable),
            ("policy.bad-settings", Blame::Policy, false)
        );
        let expected = "The settings of this policy can't be used. on must be true or false, not null. x is not known.";
        assert_eq!(failure.message, expected);
    }
}
