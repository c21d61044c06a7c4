//! What an environment can set without a new build.

use policy_sdk::json::{self, Value};
use policy_sdk::prelude::*;

/// The settings.
pub struct Settings {
    /// Work per bit in the encodes of the ladder: `"effort": "fastest"`.
    pub effort: Effort,
}

impl Default for Settings {
    fn default() -> Self {
        Self { effort: Effort::Fast }
    }
}

impl Settings {
    /// Reads a JSON object. An unknown name is a problem, so that one that is mistyped is noticed.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let Ok(Value::Object(fields)) = json::parse(text) else {
            return Err(vec![problem("", "must be a JSON object")]);
        };
        let mut settings = Self::default();
        let mut problems = Vec::new();
        for (name, value) in &fields {
            match (name.as_str(), value) {
                ("effort", Value::Text(text)) if text == "fastest" => settings.effort = Effort::Fastest,
                ("effort", Value::Text(text)) if text == "fast" => settings.effort = Effort::Fast,
                ("effort", Value::Text(text)) if text == "medium" => settings.effort = Effort::Medium,
                ("effort", Value::Text(text)) if text == "slow" => settings.effort = Effort::Slow,
                ("effort", _) => problems.push(problem(name, "must be one of fastest, fast, medium, slow")),
                _ => problems.push(problem(name, "is not known; the settings are: effort")),
            }
        }
        if problems.is_empty() { Ok(settings) } else { Err(problems) }
    }
}

fn problem(field: &str, message: &str) -> Problem {
    Problem { field: field.into(), message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_setting_is_a_problem_that_names_the_known_ones() {
        let problems = Settings::parse(r#"{"efort": "fast", "effort": 1}"#).err().unwrap();
        let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, ["efort", "effort"]);
        assert!(problems[0].message.contains("effort"));
    }
}
