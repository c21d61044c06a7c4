//! The settings as a table for people, made of the table that they are read by.

use super::keys::{Fallback, KeyDoc, NAME};
use super::table::KEYS;
use super::value::described;

/// One row per setting.
pub fn markdown() -> String {
    let mut table = "| key | variables | values | default | meaning |\n|---|---|---|---|---|\n".to_owned();
    for key in KEYS {
        let cells = [format!("`{}`", key.path), variables(key), described(key.kind), default(key), key.doc.to_owned()];
        let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
        table.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    table
}

/// The variables of a setting, with the name that an older one is about.
fn variables(key: &KeyDoc) -> String {
    let own = format!("`{}`", super::keys::variable_of(key.path));
    let old = key.old.iter().map(|(variable, name)| match *name {
        "" => format!("`{variable}`"),
        name if key.path.contains(NAME) => format!("`{variable}` ({name})"),
        setting => format!("`{variable}` (`{setting}`)"),
    });
    std::iter::once(own).chain(old).collect::<Vec<_>>().join(", ")
}

fn default(key: &KeyDoc) -> String {
    match key.default {
        Fallback::Value(text) => format!("`{text}`"),
        Fallback::Words(words) => words.to_owned(),
        Fallback::Required => "required".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_one_row_of_five_cells() {
        let table = markdown();
        assert_eq!(table.lines().count(), KEYS.len() + 2);
        for line in table.lines() {
            assert_eq!(line.matches('|').count() - line.matches("\\|").count(), 6, "{line}");
        }
        assert!(
            table.contains("| `webhook.secret` | `CODEX_WEBHOOK_SECRET`, `WEBHOOK_SECRET` | secret text | required |")
        );
        assert!(table.contains("`R2_ENDPOINT` (media), `B2_ENDPOINT` (archive)"));
    }
}
