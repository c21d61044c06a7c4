//! The table in docs/settings.md.

use crate::settings::keys::{DefaultValue, Kind, NAME, SettingSpec, variable_of};
use crate::settings::table::SETTINGS;

const DOCUMENT: &str = include_str!("../../../../../docs/settings.md");

#[test]
fn the_document_has_the_settings_that_the_program_reads_by() {
    let (_, from) = DOCUMENT.split_once("<!-- worker settings: begin -->\n").expect("where the settings begin");
    let (block, _) = from.split_once("<!-- worker settings: end -->").expect("where the settings end");
    let expected = reference();
    for (written, expected) in block.lines().zip(expected.lines()) {
        assert_eq!(written, expected, "docs/settings.md is behind; put this line in place of the first one");
    }
    assert_eq!(block, expected, "docs/settings.md has other rows than the program; this belongs there:\n{expected}");
}

#[test]
fn every_setting_has_one_row_of_five_cells() {
    let table = reference();
    assert_eq!(table.lines().count(), SETTINGS.len() + 2);
    for line in table.lines() {
        assert_eq!(line.matches('|').count() - line.matches("\\|").count(), 6, "{line}");
    }
    assert!(table.contains("| `webhook.secret` | `CODEX_WEBHOOK_SECRET`, `WEBHOOK_SECRET` | secret text | required |"));
    assert!(table.contains("`R2_ENDPOINT` (media), `B2_ENDPOINT` (archive)"));
}

fn reference() -> String {
    let mut table = "| key | variables | values | default | meaning |\n|---|---|---|---|---|\n".to_owned();
    for key in SETTINGS {
        let path = format!("`{}`", key.path);
        let cells = [path, variables(key), described(key.kind), default(key), key.doc.join("").trim().to_owned()];
        table.push_str(&format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | ")));
    }
    table
}

/// Adds to an older variable the store or the policy setting that it sets.
fn variables(key: &SettingSpec) -> String {
    let own = format!("`{}`", variable_of(key.path));
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
    }
}

/// What a setting takes.
fn described(kind: Kind) -> String {
    let words = match kind {
        Kind::Choice(words) => return format!("`{}`", words.join("`, `")),
        Kind::Count { least, most } => return format!("{least} to {most}"),
        Kind::Flag => "`true`, `false`",
        Kind::Amount => "amount",
        Kind::Word => "text",
        Kind::Share => "0 to 1",
        Kind::Secret => "secret text",
        Kind::SecretHeaders => "secret pairs",
        Kind::Collector => "URL",
        Kind::Path => "path",
        Kind::Endpoint => "URL",
        Kind::Bucket => "bucket",
        Kind::Address => "IP address and port",
        Kind::KeyPlace => "folder or address",
        Kind::KeyUri => "address",
        Kind::Hosts => "list of hosts; with commas in a variable",
        Kind::PolicyPlace => "path, store and prefix, or URL",
        Kind::PublicKeys => "list of keys; with commas in a variable",
        Kind::Header => "header",
        Kind::KeyPrefix => "key",
        Kind::Store => "store",
        Kind::Object => "table",
    };
    words.to_owned()
}
