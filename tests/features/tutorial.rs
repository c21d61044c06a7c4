//! docs/policies.md promises ten minutes from nothing to a policy that was compared: every step of the page is taken here,
//! in its order, with the page's own words.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::workspace;

/// What a reader of the page does.
#[derive(Debug)]
enum Step {
    /// Types a command, and sees these lines among what it says. A `…` stands for anything.
    Run(String, Vec<String>),
    /// Sets a variable for every command that follows.
    Export(String, String),
    /// Makes a file.
    Write(String, String),
    /// Changes a file: lines that go, lines that come, lines that stay.
    Edit(String, String),
}

/// The steps between the page's two markers.
fn steps() -> Vec<Step> {
    let page = fs::read_to_string(workspace::root().join("docs/policies.md")).unwrap();
    let (_, from) = page.split_once("<!-- tutorial: begin -->").expect("where the tutorial begins");
    let (tutorial, _) = from.split_once("<!-- tutorial: end -->").expect("where the tutorial ends");
    let mut steps = Vec::new();
    let mut file = String::new();
    let mut lines = tutorial.lines();
    while let Some(line) = lines.next() {
        if let Some(command) = line.strip_prefix("    $ ") {
            let variable = command.strip_prefix("export ").and_then(|variable| variable.split_once('='));
            steps.push(match variable {
                Some((name, value)) => Step::Export(name.to_owned(), value.to_owned()),
                None => Step::Run(command.to_owned(), Vec::new()),
            });
        } else if let (Some(seen), Some(Step::Run(_, lines))) = (line.strip_prefix("    "), steps.last_mut()) {
            lines.push(seen.to_owned());
        } else if let Some(language) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let text = format!("{}\n", block.join("\n"));
            let step = if language == "diff" { Step::Edit } else { Step::Write };
            steps.push(step(std::mem::take(&mut file), text));
        } else if let Some(named) = line.split('`').skip(1).step_by(2).last() {
            named.clone_into(&mut file);
        }
    }
    steps
}

/// A reader's shell, with the program on the path. Guests are compiled where the other tests compile them.
struct Shell<'a> {
    folder: &'a Path,
    variables: BTreeMap<String, String>,
}

impl Shell<'_> {
    fn command(&self, typed: &str) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_codex-transcoder")).parent().unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        let mut shell = Command::new("sh");
        shell.args(["-c", typed]).current_dir(self.folder).env("PATH", path);
        for name in ["CODEX_POLICY", "CODEX_CONFIG", "CODEX_WORK_DIR", "CODEX_POLICY_KEY_PASSWORD", "RUST_LOG"] {
            shell.env_remove(name);
        }
        shell.envs(&self.variables);
        shell
    }

    fn run(&self, command: &str, seen: &[String]) {
        let (command, fails) = command.split_once("  # fails").map_or((command, false), |(command, _)| (command, true));
        let target = workspace::root().join("target/policies");
        let typed = command.replace("policy build", &format!("policy build --target-dir '{}'", target.display()));
        let output = self.command(&typed).output().unwrap();
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.success(), !fails, "{command}\n{stdout}\n{stderr}");
        for line in seen {
            let there = stdout.lines().any(|said| is_like(said, line));
            assert!(there, "{command}\nsays no `{line}`:\n{stdout}");
        }
    }

    fn export(&mut self, name: String, value: &str) {
        let output = self.command(&format!("printf %s {value}")).output().unwrap();
        self.variables.insert(name, String::from_utf8(output.stdout).unwrap());
    }
}

/// Whether a line has all parts of the pattern in their order.
fn is_like(line: &str, pattern: &str) -> bool {
    let mut rest = line;
    pattern.split('…').all(|part| {
        let found = rest.split_once(part);
        found.inspect(|(_, after)| rest = after).is_some()
    })
}

fn edit(path: &Path, diff: &str) {
    let side = |other: char| -> String {
        let kept = diff.lines().filter(|line| !line.starts_with(other));
        kept.map(|line| format!("{}\n", &line[1..])).collect()
    };
    let text = fs::read_to_string(path).unwrap();
    let (before, after) = (side('+'), side('-'));
    assert_eq!(text.matches(&before).count(), 1, "{} has not exactly one place for\n{before}", path.display());
    fs::write(path, text.replace(&before, &after)).unwrap();
}

#[test]
fn every_step_of_the_tutorial_can_be_taken_as_it_stands() {
    let folder = workspace::scratch();
    let at = |file: &str| -> PathBuf { folder.path().join(file) };
    let mut shell = Shell { folder: folder.path(), variables: BTreeMap::new() };
    let steps = steps();
    assert!(steps.len() > 10, "{steps:?}");
    for step in steps {
        match step {
            Step::Run(command, seen) => shell.run(&command, &seen),
            Step::Export(name, value) => shell.export(name, &value),
            Step::Write(file, text) => fs::write(at(&file), text).unwrap(),
            Step::Edit(file, diff) => edit(&at(&file), &diff),
        }
    }
}
