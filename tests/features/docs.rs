//! What the documents promise, held against the program: limits, error codes, and links that lead somewhere.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use policy::limits::{IMPORTS, LimitSpec, TABLE, Unit};
use testkit::workspace;

fn read(path: impl AsRef<Path>) -> String {
    let path = workspace::root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// README.md and everything in docs/, relative to the root.
fn documents() -> Vec<PathBuf> {
    let files = workspace::files(&workspace::root().join("docs"));
    let documents = files.into_iter().filter(|file| file.extension().is_some_and(|ending| ending == "md"));
    let all: Vec<PathBuf> =
        std::iter::once(PathBuf::from("README.md")).chain(documents.map(|file| Path::new("docs").join(file))).collect();
    assert!(all.len() > 5, "{all:?}");
    all
}

/// The sources below a folder without their tests: each file up to its tests, and no file that is only for tests.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let only_for_tests = |file: &Path| {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        name == "tests" || name.ends_with("_tests") || matches!(name.as_str(), "stand" | "test_server" | "fixture")
    };
    let root = workspace::root().join(folder);
    let files = workspace::files(&root).into_iter();
    files
        .filter(|file| file.extension().is_some_and(|ending| ending == "rs") && !only_for_tests(file))
        .map(|file| {
            let text = fs::read_to_string(root.join(&file)).unwrap();
            let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
            (file, product)
        })
        .collect()
}

/// `area.reason`, in lower-case words with hyphens.
fn is_code(text: &str) -> bool {
    let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    text.split_once('.').is_some_and(|(area, reason)| word(area) && word(reason))
}

/// From the first brace on to the one that closes it.
fn braced(text: &str) -> &str {
    let mut depth = 0;
    for (at, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return &text[..at];
                }
            }
            // A trait's own, without a body.
            ';' if depth == 0 => return "",
            _ => {}
        }
    }
    text
}

/// The codes that a source can give: every one that a function `code` returns, and those that a failure is made with on
/// the spot.
fn codes(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in source.match_indices("fn code(") {
        let literals = braced(&source[at..]).split('"').skip(1).step_by(2);
        found.extend(literals.filter(|text| is_code(text)).map(str::to_owned));
    }
    for before in ["code: ", "\"error_type\": ", "into_failure(", "policy_fault(", "CALLED_OFF: &str = "] {
        let literals = source.split(before).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
        let literals = literals.filter_map(|rest| rest.split('"').next());
        found.extend(literals.filter(|text| is_code(text)).map(str::to_owned));
    }
    found
}

fn codes_of(folder: &str) -> BTreeSet<String> {
    sources(folder).iter().flat_map(|(_, text)| codes(text)).collect()
}

#[test]
fn the_reference_of_limits_is_the_one_that_policies_are_held_to() {
    let text = read("docs/limits.md");
    let (_, from) = text.split_once("<!-- limits: begin -->\n").expect("where the limits begin");
    let (block, _) = from.split_once("<!-- limits: end -->").expect("where the limits end");
    let expected = limits_markdown();
    assert_eq!(block, expected, "docs/limits.md is behind; this belongs there:\n{expected}");
}

/// The number, and for bytes also a readable size.
fn format_value(value: u64, unit: Unit) -> String {
    match unit {
        Unit::Bytes if value.is_multiple_of(1 << 20) => format!("{value} ({} MiB)", value >> 20),
        Unit::Bytes if value.is_multiple_of(1 << 10) => format!("{value} ({} KiB)", value >> 10),
        _ => value.to_string(),
    }
}

/// The tables of docs/limits.md.
fn limits_markdown() -> String {
    let mut text = String::from("| name | what it limits | default | at most | code |\n|---|---|---|---|---|\n");
    for LimitSpec { name, unit, default, cap, code, about, .. } in &TABLE {
        let (default, cap) = (format_value(*default, *unit), format_value(*cap, *unit));
        let _ = writeln!(text, "| `{name}` | {about} | {default} | {cap} | `{code}` |");
    }
    text.push_str("\n| call | default | at most |\n|---|---|---|\n");
    for import in &IMPORTS {
        let _ = writeln!(text, "| `{}` | {} | {} |", import.name, import.default, import.cap);
    }
    text
}

#[test]
fn every_host_function_has_a_limit_for_its_calls() {
    let sources = sources("host/policy/src/interfaces");
    let literals = |call: &str| -> BTreeSet<String> {
        let after = sources.iter().flat_map(|(_, text)| text.split(call).skip(1));
        after.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next()).map(str::to_owned).collect()
    };
    let ways = ["plain(", "host_call(", "unrecorded("];
    let entered: BTreeSet<String> = ways.into_iter().flat_map(literals).collect();
    let limited = IMPORTS.map(|import| import.name.to_owned());
    assert_eq!(entered, BTreeSet::from(limited), "IMPORTS in host/policy/src/limits/import.rs has other functions");
}

#[test]
fn every_error_code_is_given_by_the_program_or_a_policy() {
    let host: String = sources("host").into_iter().map(|(_, text)| text).collect();
    let by_policies = codes_of("guests");
    let unused = fault::codes::all().filter(|code| {
        let (area, reason) = code.name.split_once('.').unwrap();
        let item = format!("codes::{area}::{}", reason.to_uppercase().replace('-', "_"));
        let whole = |at: usize| !host[at + item.len()..].starts_with(|c: char| c.is_ascii_uppercase() || c == '_');
        !host.match_indices(&item).any(|(at, _)| whole(at)) && !by_policies.contains(code.name)
    });
    assert_eq!(unused.map(|code| code.name).collect::<Vec<_>>(), [""; 0]);
}

/// The targets of a document's links, without those in examples of code.
fn links(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2).flat_map(str::lines).filter(|line| !line.starts_with("    "));
    prose.flat_map(|line| line.split("](").skip(1).filter_map(|rest| rest.split(')').next())).collect()
}

/// What a heading is called in a link, as code hosts make it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn has_heading(text: &str, wanted: &str) -> bool {
    let prose = text.split("```").step_by(2).flat_map(str::lines);
    prose.filter(|line| line.starts_with('#')).any(|line| anchor(line.trim_start_matches('#')) == wanted)
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_are_there() {
    let mut followed = 0;
    for document in documents() {
        let text = read(&document);
        for target in links(&text).into_iter().filter(|target| !target.starts_with("http")) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { document.clone() } else { document.with_file_name("").join(file) };
            let at = format!("{} links to {target}", document.display());
            assert!(workspace::root().join(&file).exists(), "{at}, and that is not there");
            assert!(heading.is_empty() || has_heading(&read(&file), heading), "{at}, and there is no such heading");
            followed += 1;
        }
    }
    assert!(followed > 30, "only {followed} links are found");
}
