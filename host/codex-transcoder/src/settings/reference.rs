//! Generates the table of settings in docs/settings.md.

use super::keys::{DefaultValue, NAME, SettingSpec};
use super::table::SETTINGS;
use super::types::Settings;
use super::value::described;

impl Settings {
    /// The table in docs/settings.md.
    pub fn reference_markdown() -> String {
        let mut table = "| key | variables | values | default | meaning |\n|---|---|---|---|---|\n".to_owned();
        for key in SETTINGS {
            let path = format!("`{}`", key.path);
            let cells = [path, variables(key), described(key.kind), default(key), key.doc.to_owned()];
            table.push_str(&format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | ")));
        }
        table
    }
}

/// Adds to an older variable the store or the policy setting that it sets.
fn variables(key: &SettingSpec) -> String {
    let own = format!("`{}`", super::keys::variable_of(key.path));
    let old = key.older.iter().map(|(variable, name)| match *name {
        "" => format!("`{variable}`"),
        name if key.path.contains(NAME) => format!("`{variable}` ({name})"),
        setting => format!("`{variable}` (`{setting}`)"),
    });
    std::iter::once(own).chain(old).collect::<Vec<_>>().join(", ")
}

fn default(key: &SettingSpec) -> String {
    match key.default {
        DefaultValue::Value(text) => format!("`{text}`"),
        DefaultValue::Words(words) => words.to_owned(),
        DefaultValue::Required => "required".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_one_row_of_five_cells() {
        let table = Settings::reference_markdown();
        assert_eq!(table.lines().count(), SETTINGS.len() + 2);
        for line in table.lines() {
            assert_eq!(line.matches('|').count() - line.matches("\\|").count(), 6, "{line}");
        }
        assert!(
            table.contains("| `webhook.secret` | `CODEX_WEBHOOK_SECRET`, `WEBHOOK_SECRET` | secret text | required |")
        );
        assert!(table.contains("`R2_ENDPOINT` (media), `B2_ENDPOINT` (archive)"));
    }
}
