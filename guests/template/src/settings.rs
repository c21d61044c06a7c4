//! What an environment can set without a new build.

use policy_sdk::prelude::*;
use policy_sdk::settings::effort;

policy_sdk::settings! {
    /// The settings of this policy.
    pub struct Settings {
        /// The effort of the ladder's encodes, such as `"effort": "fastest"`.
        pub effort: Effort = Effort::Fast, "effort" => effort;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_setting_is_reported_with_the_known_ones() {
        let problems = Settings::parse(r#"{"efort": "fast", "effort": 1}"#).err().unwrap();
        let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, ["efort", "effort"]);
        assert!(problems[0].message.contains("effort"));
    }
}
