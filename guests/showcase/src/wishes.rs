//! What the platform says of a job in its own words.

use policy_sdk::json::{self, Value};
use policy_sdk::types::{Job, Part};

/// What this policy understands of it; the rest is ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// `"poster": 1500`: the moment of the thumbnail in milliseconds.
    pub poster_ms: Option<u64>,
    /// `"from": 2000` and `"until": 9000`: the part to publish, in milliseconds.
    pub part: Option<Part>,
    /// `"captions": "captions.srt"`: the name of a file of subtitles that was uploaded beside the original.
    pub captions: Option<String>,
    /// `"logo": "logo.png"`: the name of an image that was uploaded beside the original.
    pub logo: Option<String>,
    /// `"plan": "free"`.
    pub is_free: bool,
}

impl Wishes {
    /// Reads the attributes of a job.
    pub fn of(job: &Job) -> Self {
        let mut wishes = Self::default();
        let (mut from, mut until) = (None, None);
        for (name, text) in &job.attributes {
            match (name.as_str(), json::parse(text)) {
                ("poster", Ok(Value::Number(ms))) => wishes.poster_ms = ms.parse().ok(),
                ("from", Ok(Value::Number(ms))) => from = ms.parse().ok(),
                ("until", Ok(Value::Number(ms))) => until = ms.parse().ok(),
                ("captions", Ok(Value::Text(key))) => wishes.captions = Some(key),
                ("logo", Ok(Value::Text(name))) => wishes.logo = Some(name),
                ("plan", Ok(Value::Text(plan))) => wishes.is_free = plan == "free",
                _ => {}
            }
        }
        let is_trimmed = from.is_some() || until.is_some();
        wishes.part = is_trimmed.then(|| Part { start_ms: from.unwrap_or(0), end_ms: until });
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
        assert_eq!(
            of(&[("poster", "1500"), ("plan", "\"free\"")]),
            Wishes { poster_ms: Some(1500), is_free: true, ..Wishes::default() }
        );
        let part = Some(Part { start_ms: 0, end_ms: Some(9000) });
        assert_eq!(of(&[("until", "9000")]), Wishes { part, ..Wishes::default() });
        assert_eq!(of(&[("poster", "-1"), ("plan", "1"), ("tenant", "{}")]), Wishes::default());
    }
}
