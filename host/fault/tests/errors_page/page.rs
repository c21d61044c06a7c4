//! Builds docs/errors.md.

use fault::codes::{self, AREAS, Area};
use fault::{Blame, Code};

const BEGINNING: &str = "\
<!-- Made of the table in host/fault/src/codes by `make docs`: change it there. -->

# Errors

Every failure has four parts: a stable **code** (`area.reason`), a **blame** that says whose fault it is, a **message**
for people, and whether it is **retryable**: whether the same job, unchanged, may succeed when it is tried again. This
is where they appear:

| where | what it shows |
|---|---|
| on a terminal | the message, then the code in brackets |
| with `--json` | all four, in the event `failed` |
| in the default policy's webhook | message and code, in `error` |
| in a worker's log | all four |
| in the `error` of a job's result | all four, as `error_type`, `blame`, `error_message` and `retryable` |

A worker repeats a job that failed with a retryable failure, up to three attempts in all (`job.attempts`), before it
reports the failure. After a failure of the machine (a full disk, an unusable work directory, no ffmpeg, no GPU) it
also asks for a fresh worker in its place.

## Exit codes

The exit code follows from the blame:
";

const AFTER_EXIT_CODES: &str = "
A worker that fails a check at its start ends with 1, whatever the code.

Some problems are found before there is a job. They have no code, only a message: a wrong command line (2),
`WEBHOOK_SECRET` missing for `run` (2), no such input file (2), ffmpeg or ffprobe not found (5), no encoder that works
(5), an `--out` that can't be used (5), and what `doctor` finds (5).
";

/// The whole text of docs/errors.md.
pub fn markdown() -> String {
    let mut page = BEGINNING.to_owned();
    table(&mut page, &["blame", "exit code", "who can fix it"], Blame::ALL.map(of_blame));
    page.push_str("\nSome codes have an exit code of their own:\n");
    table(&mut page, &["exit code", "codes"], own_exit_codes());
    page.push_str(AFTER_EXIT_CODES);
    for area in AREAS {
        section(&mut page, area);
    }
    page
}

fn of_blame(blame: Blame) -> Vec<String> {
    vec![format!("`{blame}`"), blame.exit_code().to_string(), who(blame).to_owned()]
}

/// Who can fix it.
const fn who(blame: Blame) -> &'static str {
    match blame {
        Blame::Upload => "whoever uploaded the file or sent the job",
        Blame::Policy => "the author of the policy",
        Blame::Storage | Blame::Host => "the operator",
        Blame::Receiver => "whoever set the address of the webhook",
    }
}

/// One row per exit code. If all codes of an area have it, the row names the area.
fn own_exit_codes() -> Vec<Vec<String>> {
    let mut exits: Vec<u8> = codes::all().filter_map(|code| code.exit).collect();
    exits.sort_unstable();
    exits.dedup();
    let row = |exit: u8| {
        let of_area = |area: &'static Area| {
            if shared(area, |code| code.exit) == Some(Some(exit)) {
                return vec![format!("all of `{}`", area.name)];
            }
            area.codes.iter().filter(|code| code.exit == Some(exit)).map(|code| format!("`{code}`")).collect()
        };
        vec![exit.to_string(), AREAS.into_iter().flat_map(of_area).collect::<Vec<_>>().join(", ")]
    };
    exits.into_iter().map(row).collect()
}

/// A column's name, and its cell for a code.
type Column = (&'static str, fn(&Code) -> String);

/// What all codes of an area share is printed once above the table. What differs is a column.
fn section(page: &mut String, area: &'static Area) {
    let blame = shared(area, |code| code.blame);
    let retryable = shared(area, |code| code.retryable);
    let exit = shared(area, |code| code.exit).flatten();
    let advice = shared(area, |code| code.advice);

    let colon = if area.title.is_empty() { "" } else { ": " };
    page.push_str(&format!("\n## {}{colon}{}\n", area.name, area.title));
    let common = [
        blame.map(|blame| format!("blame `{blame}`")),
        exit.map(|exit| format!("exit code {exit}")),
        retryable.map(|retryable| if retryable { "retryable" } else { "not retryable" }.to_owned()),
    ];
    let common: Vec<String> = common.into_iter().flatten().collect();
    if !common.is_empty() {
        page.push_str(&format!("\n{}.\n", capitalised(&common.join(", "))));
    }
    for paragraph in [area.about, advice.unwrap_or_default()].into_iter().filter(|text| !text.is_empty()) {
        page.push_str(&format!("\n{paragraph}\n"));
    }

    let mut columns: Vec<Column> = vec![("code", |code| format!("`{code}`"))];
    if blame.is_none() {
        columns.push(("blame", |code| code.blame.to_string()));
    }
    if retryable.is_none() {
        columns.push(("retryable", |code| if code.retryable { "yes" } else { "no" }.to_owned()));
    }
    columns
        .push(("what it means", if exit.is_some() { |code| code.meaning.to_owned() } else { meaning_and_exit_code }));
    if advice.is_none() {
        columns.push(("what to do", |code| code.advice.to_owned()));
    }
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let row = |code: &&'static Code| columns.iter().map(|(_, cell)| cell(code)).collect();
    table(page, &names, area.codes.iter().map(row));
}

fn meaning_and_exit_code(code: &Code) -> String {
    match code.exit {
        Some(exit) => format!("{} Exit code {exit}.", code.meaning),
        None => code.meaning.to_owned(),
    }
}

/// The value that all codes of the area share, if they do.
fn shared<T: PartialEq>(area: &Area, of: impl Fn(&Code) -> T) -> Option<T> {
    let (first, others) = area.codes.split_first()?;
    let first = of(first);
    others.iter().all(|code| of(code) == first).then_some(first)
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

fn table(page: &mut String, names: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    page.push_str(&format!("\n| {} |\n|{}\n", names.join(" | "), "---|".repeat(names.len())));
    for row in rows {
        page.push_str(&format!("| {} |\n", row.join(" | ")));
    }
}
