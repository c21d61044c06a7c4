//! Names of assets as text: `master-playlist`, `rung-playlist(720p)`.

use contract::json::{JsonError, from_value, to_value};
use contract::v0_1::layout::Asset;
use serde_json::{Value, json};

pub fn asset_name(asset: &Asset) -> String {
    match to_value(asset) {
        Value::String(name) => name,
        Value::Object(named) => named
            .iter()
            .map(|(name, value)| format!("{name}({})", value.as_str().unwrap_or_default()))
            .next()
            .unwrap_or_default(),
        other => other.to_string(),
    }
}

/// The inverse of [`asset_name`].
pub fn parse_asset(text: &str) -> Result<Asset, JsonError> {
    let value = match text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        Some((name, of)) => json!({ name: of }),
        None => json!(text),
    };
    from_value("", value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asset_names_are_the_contracts_and_parse_back() {
        for text in ["master-playlist", "rung-playlist(720p)", "still(default)", "mezzanine"] {
            assert_eq!(asset_name(&parse_asset(text).unwrap()), text);
        }
        assert!(parse_asset("poster").unwrap_err().to_string().contains("waveform-image, mezzanine"));
        assert!(parse_asset("still").unwrap_err().to_string().contains("needs a value"));
    }
}
