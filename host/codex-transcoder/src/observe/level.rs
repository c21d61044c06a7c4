//! The log level, from environment variables.

use tracing_subscriber::EnvFilter;

const RUST: &str = "RUST_LOG";

/// Takes precedence over the others.
pub const FIRST_VARIABLE: &str = "RUNPOD_LOG_LEVEL";

/// In order of precedence.
const VARIABLES: [&str; 3] = [FIRST_VARIABLE, "RUNPOD_DEBUG_LEVEL", RUST];

/// The level without a variable, or with one that can't be parsed.
const DEFAULT: &str = "info";

/// Reads the level: RUNPOD_LOG_LEVEL, else RUNPOD_DEBUG_LEVEL (DEBUG, INFO, WARN or ERROR), else RUST_LOG in the syntax
/// of `tracing_subscriber`, else INFO. The second value says why a variable was ignored, as a sentence for the log.
pub fn log_level(variable: impl Fn(&str) -> Option<String>) -> (EnvFilter, Option<String>) {
    let set = |name: &str| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let Some((name, text)) = VARIABLES.into_iter().find_map(|name| Some((name, set(name)?))) else {
        return (this_program(DEFAULT), None);
    };
    let filter = match name {
        RUST => EnvFilter::builder().parse(&text).map_err(|error| error.to_string()),
        _ => of_this_program(&text).ok_or("DEBUG, INFO, WARN or ERROR is expected".to_owned()),
    };
    match filter {
        Ok(filter) => (filter, None),
        Err(why) => (this_program(DEFAULT), Some(format!("{name} is `{text}`: {why}; logging at INFO"))),
    }
}

fn of_this_program(text: &str) -> Option<EnvFilter> {
    match text.to_ascii_uppercase().as_str() {
        "TRACE" | "NOTSET" => Some(this_program("trace")),
        "DEBUG" => Some(this_program("debug")),
        "INFO" => Some(this_program("info")),
        "WARN" | "WARNING" => Some(this_program("warn")),
        "ERROR" | "CRITICAL" => Some(EnvFilter::new("error")),
        _ => None,
    }
}

/// The targets of this program's packages. `policy` is also the target of what policies log.
const PACKAGES: [&str; 9] =
    [env!("CARGO_CRATE_NAME"), "authoring", "job", "media", "policy", "publish", "runpod", "storage", "webhook"];

/// This level for the program and its policy. Libraries log warnings only: their debug messages drown everything else,
/// and some contain what was sent over the network.
fn this_program(level: &str) -> EnvFilter {
    let ours = PACKAGES.iter().map(|package| format!(",{package}={level}"));
    EnvFilter::new(format!("warn{}", ours.collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(variables: &[(&str, &str)]) -> (String, Option<String>) {
        let get = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
        let (filter, problem) = log_level(get);
        (filter.to_string(), problem)
    }

    #[test]
    fn runpods_variables_take_precedence() {
        for (variables, expected) in [
            (&[("RUNPOD_LOG_LEVEL", "debug"), ("RUNPOD_DEBUG_LEVEL", "ERROR")][..], "policy=debug"),
            (&[("RUNPOD_LOG_LEVEL", " "), ("RUNPOD_DEBUG_LEVEL", "ERROR"), ("RUST_LOG", "trace")][..], "error"),
            (&[("RUST_LOG", "hyper=debug")][..], "hyper=debug"),
            (&[][..], "policy=info"),
        ] {
            let (filter, problem) = level(variables);
            assert!(filter.contains(expected) && problem.is_none(), "{filter} {problem:?}");
        }
    }

    #[test]
    fn the_libraries_do_not_get_louder_with_the_program() {
        let (filter, _) = level(&[("RUNPOD_LOG_LEVEL", "DEBUG")]);
        assert!(filter.split(',').any(|part| part == "warn"), "{filter}");
    }

    #[test]
    fn an_unknown_level_is_reported_and_the_default_used() {
        let (filter, problem) = level(&[("RUNPOD_LOG_LEVEL", "loud")]);
        assert!(filter.contains("policy=info"));
        assert_eq!(
            problem.unwrap(),
            "RUNPOD_LOG_LEVEL is `loud`: DEBUG, INFO, WARN or ERROR is expected; logging at INFO"
        );
        assert!(level(&[("RUST_LOG", "a=b=c")]).1.is_some_and(|problem| problem.starts_with("RUST_LOG is `a=b=c`")));
    }
}
