//! What the terminal can show: colours, and how much on a line.

use std::ffi::OsString;
use std::fmt::Display;

use clap::ValueEnum;
use console::{Style, Term};

/// A bar and its words need so many columns; below that, the bar is short, and below the second, there is none.
const WIDE: u16 = 76;
const NARROW: u16 = 50;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set; elsewhere only if CLICOLOR_FORCE is.
    #[default]
    Auto,
    Always,
    Never,
}

impl Colour {
    /// Decides for both streams of this process.
    pub fn apply(self) {
        console::set_colors_enabled(self.on(Term::stdout().is_term()));
        console::set_colors_enabled_stderr(self.on(Term::stderr().is_term()));
    }

    fn on(self, terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => automatic(terminal, |name| std::env::var(name).ok()),
        }
    }

    /// For the help and the errors of the command line's parser, which are printed before it is read.
    pub fn of_arguments(arguments: &[OsString]) -> clap::ColorChoice {
        let mut words = arguments.iter().filter_map(|argument| argument.to_str());
        let value = words.find_map(|word| word.strip_prefix("--color"));
        let value = value.and_then(|value| if value.is_empty() { words.next() } else { value.strip_prefix('=') });
        match value {
            Some("always") => clap::ColorChoice::Always,
            Some("never") => clap::ColorChoice::Never,
            _ => clap::ColorChoice::Auto,
        }
    }
}

/// NO_COLOR wins over CLICOLOR_FORCE, whatever its value. An empty variable counts as not set.
fn automatic(terminal: bool, variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let zero = |name| set(name).is_some_and(|value| value == "0");
    if set("NO_COLOR").is_some() || zero("CLICOLOR") {
        return false;
    }
    if set("CLICOLOR_FORCE").is_some() && !zero("CLICOLOR_FORCE") {
        return true;
    }
    terminal && set("TERM").is_none_or(|term| term != "dumb")
}

/// The template of a progress bar that fits on a line.
pub fn bar_template() -> &'static str {
    match Term::stderr().size_checked().map_or(WIDE, |(_, columns)| columns) {
        columns if columns >= WIDE => "{prefix:>12.green.bold} [{bar:30.cyan}] {pos:>3}% {msg}",
        columns if columns >= NARROW => "{prefix:>12.green.bold} [{bar:10.cyan}] {pos:>3}% {msg}",
        _ => "{prefix:>12.green.bold} {pos:>3}% {msg}",
    }
}

/// Columns of standard output, if it is a terminal.
pub fn columns() -> Option<usize> {
    Term::stdout().size_checked().map(|(_, columns)| usize::from(columns))
}

/// For the name of what goes on, on standard error.
pub fn label(text: impl Display) -> String {
    Style::new().for_stderr().green().bold().apply_to(text).to_string()
}

/// For what has gone wrong, on standard error.
pub fn error(text: impl Display) -> String {
    Style::new().for_stderr().red().bold().apply_to(text).to_string()
}

/// For the head of a table, on standard output.
pub fn head(text: impl Display) -> String {
    Style::new().bold().apply_to(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_variables_decide_on_colours() {
        for (terminal, variables, expected) in [
            (true, &[][..], true),
            (false, &[], false),
            (true, &[("NO_COLOR", "1")], false),
            (true, &[("NO_COLOR", "")], true),
            (true, &[("CLICOLOR", "0")], false),
            (true, &[("TERM", "dumb")], false),
            (false, &[("CLICOLOR_FORCE", "1")], true),
            (false, &[("CLICOLOR_FORCE", "0")], false),
            (false, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
        ] {
            let variable =
                |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(automatic(terminal, variable), expected, "{terminal} {variables:?}");
        }
    }

    #[test]
    fn the_argument_is_found_before_it_is_parsed() {
        for (line, expected) in [
            ("run a.mp4", clap::ColorChoice::Auto),
            ("--color never run", clap::ColorChoice::Never),
            ("run --color=always", clap::ColorChoice::Always),
            ("run --color", clap::ColorChoice::Auto),
        ] {
            let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(Colour::of_arguments(&arguments), expected, "{line}");
        }
    }
}
