//! What a person sees of the program in a terminal, and without one.

use std::path::Path;
use std::process::{Command, Output};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use testkit::terminal::{Terminal, plain};
use testkit::{fixtures, workspace};

/// A job in a folder of its own, without the variables of whoever runs the tests.
fn command(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_codex-transcoder"));
    command.args(arguments).current_dir(folder.path());
    for name in ["CODEX_POLICY", "CODEX_WORK_DIR", "RUST_LOG", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command
}

fn run(folder: &TempDir, upload: &Path) -> Command {
    std::fs::copy(upload, folder.path().join("talk.mp4")).unwrap();
    command(folder, &["run", "talk.mp4", "--encoder", "cpu", "--settings", "effort=fastest"])
}

fn clip() -> std::path::PathBuf {
    fixtures::silent_clip(320, 180, "25", 1.0)
}

#[test]
fn a_job_in_a_terminal_has_bars_colours_and_a_table_of_files() {
    let folder = workspace::scratch();
    let (status, text) = Terminal::start(run(&folder, &clip()), 120).end();
    assert!(status.success(), "{text}");
    assert!(text.contains("\u{1b}[32m") || text.contains("\u{1b}[1;32m"), "no colour: {text:?}");
    let shown = plain(&text);
    assert!(shown.contains("[==============================] 100%"), "{shown}");
    // The files are where the table says, in the folder that is the default.
    let files: Vec<&str> = shown.split_whitespace().filter(|word| word.starts_with("talk-out/")).collect();
    assert!(files.iter().any(|file| file.ends_with("master.m3u8")), "{shown}");
    assert!(files.iter().all(|file| folder.path().join(file).is_file()), "{files:?}");
}

#[test]
fn a_narrow_terminal_has_short_lines_and_no_colour_where_none_is_wanted() {
    let folder = workspace::scratch();
    let mut command = run(&folder, &clip());
    command.env("NO_COLOR", "1");
    let (status, text) = Terminal::start(command, 48).end();
    assert!(status.success() && plain(&text).contains("100%"), "{text}");
    for code in ["\u{1b}[1m", "\u{1b}[32m", "\u{1b}[36m", "\u{1b}[1;32m"] {
        assert!(!text.contains(code), "{text:?}");
    }
    let shown = plain(&text);
    assert!(!shown.contains('['), "a bar would not fit: {shown}");
    // An output has two lines, and the name of its file is never cut.
    let lines: Vec<&str> = shown.split(['\r', '\n']).filter(|line| !line.contains('%')).collect();
    assert!(lines.iter().any(|line| line.starts_with("  talk-out/") && line.ends_with("master.m3u8")), "{shown}");
    assert!(lines.iter().filter(|line| !line.contains("talk-out")).all(|line| line.chars().count() <= 48), "{shown}");
}

#[test]
fn a_bar_stays_where_it_was_when_the_job_is_cancelled() {
    let folder = workspace::scratch();
    let mut command = run(&folder, &fixtures::silent_clip(640, 360, "25", 60.0));
    command.args(["--settings", "effort=slow"]);
    let terminal = Terminal::start(command, 100);
    terminal.wait_until("the encode has begun", |text| plain(text).contains("x, 0:"));
    let process = Pid::from_raw(i32::try_from(terminal.id()).unwrap()).unwrap();
    kill_process(process, Signal::INT).unwrap();
    let (status, text) = terminal.end();
    assert_eq!(status.code(), Some(130), "{text}");
    let shown = plain(&text);
    let last = shown.rsplit(['\r', '\n']).find(|line| line.contains('%')).unwrap();
    let percent = last.split('%').next().unwrap().rsplit(' ').next().unwrap().parse::<u32>().unwrap();
    assert!(percent < 100 && shown.contains("error: "), "{last}: {shown}");
}

fn words(output: &Output) -> (String, String) {
    assert!(output.status.success(), "{output:?}");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn without_a_terminal_there_are_a_few_plain_lines() {
    let folder = workspace::scratch();
    let (table, progress) = words(&run(&folder, &clip()).output().unwrap());
    assert!(!table.contains('\u{1b}') && !progress.contains('\u{1b}'), "{table}{progress}");
    assert!(table.contains("talk-out/media/local/hls/talk/master.m3u8"), "{table}");
    let lines: Vec<&str> = progress.lines().map(str::trim).collect();
    assert!((3..30).contains(&lines.len()) && lines.iter().any(|line| line.contains("100%")), "{progress}");
    // Colours that are asked for are there.
    let (_, forced) = words(&run(&folder, &clip()).args(["--color", "always"]).output().unwrap());
    assert!(forced.contains("\u{1b}["), "{forced}");
}

#[test]
fn shells_and_manuals_know_the_commands() {
    let folder = workspace::scratch();
    for (shell, mark) in
        [("bash", "complete -F"), ("zsh", "#compdef codex-transcoder"), ("fish", "complete -c codex-transcoder")]
    {
        let (text, _) = words(&command(&folder, &["completions", shell]).output().unwrap());
        assert!(text.contains(mark) && text.contains("doctor"), "{shell}: {text}");
    }
    let (page, _) = words(&command(&folder, &["man"]).output().unwrap());
    assert!(page.contains(".TH codex-transcoder 1") && page.contains("Exit codes"), "{page}");
    words(&command(&folder, &["man", "--out", "pages"]).output().unwrap());
    for page in ["codex-transcoder.1", "codex-transcoder-run.1", "codex-transcoder-policy-activate.1"] {
        assert!(folder.path().join("pages").join(page).is_file(), "{page}");
    }
}
