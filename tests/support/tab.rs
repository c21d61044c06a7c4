//! A page of any server in a real browser, asked by the browser's debugging protocol over a pipe.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::browser::{command, installed};
use crate::workspace;

const PATIENCE: Duration = Duration::from_secs(30);

/// An open page. Its browser ends when it is dropped.
pub struct Tab {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    session: Value,
    calls: u32,
    _profile: TempDir,
}

impl Tab {
    /// Opens a page.
    ///
    /// # Panics
    /// If there is no browser.
    #[track_caller]
    pub fn open(url: &str) -> Self {
        let profile = workspace::scratch();
        let browser = command(installed(), &profile);
        // The browser reads commands from descriptor 3 and writes answers to 4.
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1"]);
        shell.arg(browser.get_program()).args(browser.get_args()).arg("--remote-debugging-pipe").process_group(0);
        let mut child = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut tab = Self { child, input, output, session: Value::Null, calls: 0, _profile: profile };
        let target = tab.call("Target.createTarget", &json!({ "url": url }))["targetId"].clone();
        let attached = tab.call("Target.attachToTarget", &json!({ "targetId": target, "flatten": true }));
        tab.session = attached["sessionId"].clone();
        tab
    }

    #[track_caller]
    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.calls += 1;
        let mut message = json!({ "id": self.calls, "method": method, "params": parameters });
        if !self.session.is_null() {
            message["sessionId"] = self.session.clone();
        }
        write!(self.input, "{message}\0").unwrap();
        loop {
            let mut answer = Vec::new();
            self.output.read_until(0, &mut answer).unwrap();
            answer.pop();
            let answer: Value = serde_json::from_slice(&answer).expect("the browser has ended");
            if answer["id"] == self.calls {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    /// The value of an expression in the page, which may be a promise.
    ///
    /// # Panics
    /// If it throws.
    #[track_caller]
    pub fn value(&mut self, expression: &str) -> Value {
        let words = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.call("Runtime.evaluate", &words);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until the page's text has this one, and returns all of it.
    ///
    /// # Panics
    /// If that takes too long.
    #[track_caller]
    pub fn text_with(&mut self, wanted: &str) -> String {
        let from = Instant::now();
        loop {
            let text = self.value("document.body?.innerText ?? ''").as_str().unwrap_or_default().to_owned();
            if text.contains(wanted) {
                return text;
            }
            assert!(from.elapsed() < PATIENCE, "`{wanted}` does not appear: {text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}
