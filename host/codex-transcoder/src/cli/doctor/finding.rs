//! What was tried, what came of it, and what to do.

use fault::{Failure, codes};
use serde_json::{Value, json};

use crate::json::without_nulls;

/// Under the columns of marks and names.
const INDENT: usize = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Works,
    /// Works, but not as well as it could.
    Note,
    Fails,
}

/// A line of the report.
#[derive(Clone, Debug)]
pub struct Finding {
    check: String,
    status: Status,
    result: String,
    /// For what a result doesn't say by itself.
    tried: Option<&'static str>,
    code: Option<String>,
    advice: Option<String>,
    exit_code: u8,
}

impl Finding {
    fn new(check: impl Into<String>, status: Status, result: impl Into<String>) -> Self {
        let (check, result) = (check.into(), result.into());
        Self { check, status, result, tried: None, code: None, advice: None, exit_code: 5 }
    }

    pub fn works(check: impl Into<String>, result: impl Into<String>) -> Self {
        Self::new(check, Status::Works, result)
    }

    pub fn note(check: impl Into<String>, result: impl Into<String>) -> Self {
        Self::new(check, Status::Note, result)
    }

    pub fn fails(check: impl Into<String>, result: impl Into<String>) -> Self {
        Self::new(check, Status::Fails, result)
    }

    /// With the advice of the failure's code.
    pub fn of(check: impl Into<String>, failure: &Failure) -> Self {
        let all = codes::AREAS.iter().flat_map(|area| area.codes);
        let advice = all.into_iter().find(|code| code.name == failure.code).map(|code| without_links(code.advice));
        Self {
            code: Some(failure.code.clone()),
            advice,
            exit_code: failure.exit_code(),
            ..Self::fails(check, failure.message.clone())
        }
    }

    #[must_use]
    pub fn tried(self, tried: &'static str) -> Self {
        Self { tried: Some(tried), ..self }
    }

    #[must_use]
    pub fn advice(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    /// The exit code, if it is a failure.
    pub fn exit_code(&self) -> Option<u8> {
        (self.status == Status::Fails).then_some(self.exit_code)
    }

    /// In lines, the name in a column of this width.
    pub fn lines(&self, width: usize) -> String {
        let mark = match self.status {
            Status::Works => "ok  ",
            Status::Note => "note",
            Status::Fails => "FAIL",
        };
        let code = self.code.as_ref().map(|code| format!(" [{code}]")).unwrap_or_default();
        let mut lines = format!("{mark}  {:<width$} {}{code}\n", self.check, self.result);
        let mut more = |what: &str, text: &str| lines.push_str(&format!("{:1$} {what}: {text}\n", "", INDENT + width));
        if self.status != Status::Works {
            self.tried.iter().for_each(|tried| more("tried", tried));
            self.advice.iter().for_each(|advice| more("to do", advice));
        }
        lines
    }

    pub fn to_json(&self) -> Value {
        let status = match self.status {
            Status::Works => "ok",
            Status::Note => "note",
            Status::Fails => "fail",
        };
        without_nulls(json!({
            "check": self.check, "status": status, "result": self.result, "tried": self.tried, "code": self.code,
            "to_do": self.advice,
        }))
    }

    pub fn width(&self) -> usize {
        self.check.chars().count()
    }
}

/// A sentence of the documents without what only a browser shows: `[text](page.md#part)` becomes `text (docs/page.md)`.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, (name, (target, after)))) = rest.split_once('[').and_then(|(before, link)| {
        let (name, link) = link.split_once("](")?;
        Some((before, (name, link.split_once(')')?)))
    }) {
        let page = target.split('#').next().unwrap_or_default();
        plain.push_str(&format!("{before}{name} (docs/{page})"));
        rest = after;
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_was_tried_and_what_to_do() {
        let failure = Failure::new(&codes::storage::DENIED, "no");
        let finding = Finding::of("store media", &failure).tried("wrote an object");
        let lines = finding.lines(12);
        assert!(lines.starts_with("FAIL  store media  no [storage.denied]\n"), "{lines}");
        assert!(lines.contains("tried: wrote an object\n"), "{lines}");
        assert!(lines.contains("to do: Check the keys, and what they must allow (docs/operations.md)."), "{lines}");
        assert_eq!((finding.exit_code(), finding.to_json()["status"].as_str()), (Some(5), Some("fail")));
        let works = Finding::works("store media", "it works").tried("wrote an object");
        assert_eq!((works.exit_code(), works.lines(12).lines().count()), (None, 1));
    }
}
