//! What the platform says of a job in its own words.

use policy_sdk::json::{self, Value};
use policy_sdk::types::Job;

/// What this policy understands of it; the rest is ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// `"poster": 1500`: the moment of the thumbnail in milliseconds.
    pub poster_ms: Option<u64>,
    /// `"plan": "free"`.
    pub is_free: bool,
}

impl Wishes {
    /// Reads the attributes of a job.
    pub fn of(job: &Job) -> Self {
        let mut wishes = Self::default();
        for (name, text) in &job.attributes {
            match (name.as_str(), json::parse(text)) {
                ("poster", Ok(Value::Number(ms))) => wishes.poster_ms = ms.parse().ok(),
                ("plan", Ok(Value::Text(plan))) => wishes.is_free = plan == "free",
                _ => {}
            }
        }
        wishes
    }
}

#[cfg(test)]
mod tests {
    use policy_sdk::fake::job;
    use policy_sdk::types::MediaKind;

    use super::*;

    #[test]
    fn what_is_not_understood_is_ignored() {
        let of = |attributes: &[(&str, &str)]| {
            let attributes = attributes.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
            Wishes::of(&Job { attributes, ..job(MediaKind::Video) })
        };
        assert_eq!(of(&[("poster", "1500"), ("plan", "\"free\"")]), Wishes { poster_ms: Some(1500), is_free: true });
        assert_eq!(of(&[("poster", "-1"), ("plan", "1"), ("tenant", "{}")]), Wishes::default());
    }
}
