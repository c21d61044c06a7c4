//! The files in `ops/` against the metrics that are served and the sections that alerts name.

use std::collections::BTreeSet;

use serde_json::Value;

use super::metrics::ROWS;

const RULES: &str = include_str!("../../../../ops/alerts.yml");
const TESTS: &str = include_str!("../../../../ops/alerts.test.yml");
const DASHBOARD: &str = include_str!("../../../../ops/dashboard.json");
const OPERATIONS: &str = include_str!("../../../../docs/operations.md");

/// Each metric by the names that its samples may have, by what registers it.
fn served() -> Vec<Vec<String>> {
    let names = |row: &&str| {
        let (kind, rest) = row.split_once('(').unwrap();
        let name = rest.split('"').nth(1).unwrap();
        let ends: &[&str] = match kind.trim() {
            "seconds" => &["_seconds_bucket", "_seconds_sum", "_seconds_count"],
            "in_unit" => &["_ratios_bucket", "_ratios_sum", "_ratios_count"],
            "bytes" => &["_bytes_total"],
            "add" => &["", "_total"],
            other => panic!("what does {other} register?"),
        };
        ends.iter().map(|end| format!("codex_{name}{end}")).collect()
    };
    ROWS.iter().map(names).collect()
}

/// The metrics of this program that a text names.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("codex_")).collect()
}

/// The values of a field of the rules.
fn fields<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let trimmed = text.lines().map(|line| line.trim_start_matches([' ', '-', '{']));
    trimmed.filter_map(move |line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn every_metric_of_the_rules_and_the_dashboard_is_served_and_the_other_way_round() {
    let served = served();
    let used: BTreeSet<&str> = named(RULES).into_iter().chain(named(DASHBOARD)).collect();
    assert!(used.len() > 15, "{used:?}");
    for name in &used {
        assert!(served.iter().flatten().any(|known| known == name), "ops/ uses {name}, which isn't served");
    }
    for names in &served {
        let is_used = names.iter().any(|name| used.contains(name.as_str()));
        assert!(is_used, "ops/dashboard.json doesn't show {names:?}");
    }
}

#[test]
fn every_alert_names_a_section_that_names_it_and_is_tested() {
    let (alerts, runbooks): (Vec<&str>, Vec<&str>) =
        (fields(RULES, "alert").collect(), fields(RULES, "runbook").collect());
    assert_eq!(alerts.len(), runbooks.len());
    for (alert, runbook) in alerts.into_iter().zip(runbooks) {
        let anchor = runbook.strip_prefix("docs/operations.md#").unwrap();
        let is_heading = |line: &&str| {
            line.strip_prefix("### ").is_some_and(|title| title.to_ascii_lowercase().replace(' ', "-") == anchor)
        };
        let section = OPERATIONS.lines().skip_while(|line| !is_heading(line)).nth(2).unwrap_or_default();
        assert!(section.starts_with(&format!("*{alert}:*")), "the section {anchor} is not of {alert}: {section}");
        assert!(TESTS.contains(runbook), "ops/alerts.test.yml has no night on which {alert} fires");
    }
}

#[test]
fn the_dashboard_is_one() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        assert!(!panel["targets"].as_array().unwrap().is_empty() && panel["description"].is_string(), "{panel}");
        let place = &panel["gridPos"];
        assert!(place["x"].as_u64().unwrap() + place["w"].as_u64().unwrap() <= 24, "{panel}");
    }
}
