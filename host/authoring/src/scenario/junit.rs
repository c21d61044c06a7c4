//! Writes results as JUnit XML, for CI servers.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

/// The result of one scenario.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub name: String,
    pub took: Duration,
    /// Failed expectations, one line each. Empty if the scenario passed.
    pub findings: Vec<String>,
    /// Whether the scenario could not be run.
    pub unreadable: bool,
}

/// All results as one test suite. None if the XML can't be written, which no name or text can cause.
pub fn junit(suite: &str, verdicts: &[Verdict]) -> Option<String> {
    let mut report = Report::new("codex-transcoder policy test");
    let mut cases = TestSuite::new(suite);
    for verdict in verdicts {
        let status = match (verdict.findings.first(), verdict.unreadable) {
            (None, _) => TestCaseStatus::success(),
            (Some(first), unreadable) => {
                let kind = if unreadable { NonSuccessKind::Error } else { NonSuccessKind::Failure };
                let mut status = TestCaseStatus::non_success(kind);
                status.set_message(first.as_str()).set_description(verdict.findings.join("\n"));
                status
            }
        };
        let mut case = TestCase::new(verdict.name.as_str(), status);
        case.set_classname(suite).set_time(verdict.took);
        cases.add_test_case(case);
    }
    report.add_test_suite(cases);
    report.to_string().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_and_unreadable_scenarios_are_counted_separately() {
        let verdict = |name: &str, findings: &[&str], unreadable| Verdict {
            name: name.into(),
            took: Duration::from_millis(5),
            findings: findings.iter().map(|&line| line.to_owned()).collect(),
            unreadable,
        };
        let verdicts = [
            verdict("good", &[], false),
            verdict("bad", &["ladder: expected <a>", "more"], false),
            verdict("odd", &["it is not YAML"], true),
        ];
        let xml = junit("codex", &verdicts).unwrap();
        assert!(xml.contains(r#"tests="3""#) && xml.contains(r#"failures="1" errors="1""#), "{xml}");
        assert!(xml.contains("expected &lt;a&gt;") && xml.contains("<error"), "{xml}");
    }
}
