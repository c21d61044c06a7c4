//! Limits as a manifest has them: `{"compute-ms": 500, "import-calls": {"storage.put": 20}}`.

use serde_json::{Map, Value};

use super::{IMPORTS, Limits, TABLE, import};

/// The one entry that has entries of its own.
const IMPORT_CALLS: &str = "import-calls";

/// What is wrong with a manifest's limits. The text says what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitProblem {
    /// No limit has this name.
    #[error("`{name}` is no limit; known are {known}")]
    Unknown {
        /// What was written.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// Not a number that counts something.
    #[error("`{name}` is {found}; {wanted}")]
    NotANumber {
        /// The limit.
        name: String,
        /// What was written.
        found: String,
        /// What is expected.
        wanted: &'static str,
    },
    /// More than the host gives to anybody.
    #[error("`{name}` is {value}; this host allows at most {cap}")]
    OverTheCap {
        /// The limit.
        name: String,
        /// What was asked for.
        value: u64,
        /// The host's cap.
        cap: u64,
    },
}

impl Limits {
    /// The defaults with a manifest's own numbers in their index, or everything that is wrong with those.
    pub fn from_json(fields: &Map<String, Value>) -> Result<Self, Vec<LimitProblem>> {
        let mut limits = Self::default();
        let mut problems = Vec::new();
        for (name, value) in fields {
            let read = if name == IMPORT_CALLS {
                limits.read_import_calls(value)
            } else if let Some(spec) = TABLE.iter().find(|spec| spec.name == name) {
                let number = number(name, value, 1, spec.cap).map_err(|problem| vec![problem]);
                number.map(|number| limits = limits.with(spec.limit, number))
            } else {
                let known = TABLE.iter().map(|spec| spec.name).chain([IMPORT_CALLS]);
                Err(vec![unknown(name.clone(), known)])
            };
            problems.extend(read.err().unwrap_or_default());
        }
        if problems.is_empty() { Ok(limits) } else { Err(problems) }
    }

    fn read_import_calls(&mut self, value: &Value) -> Result<(), Vec<LimitProblem>> {
        let Value::Object(fields) = value else {
            let wanted = "it takes an object, such as {\"storage.put\": 20}";
            return Err(vec![LimitProblem::NotANumber { name: IMPORT_CALLS.into(), found: value.to_string(), wanted }]);
        };
        let mut problems = Vec::new();
        for (name, value) in fields {
            let full = format!("{IMPORT_CALLS}.{name}");
            let Some(import) = import::import_index(name).and_then(|index| IMPORTS.get(index)) else {
                problems.push(unknown(full, IMPORTS.iter().map(|import| import.name)));
                continue;
            };
            // None at all is a sensible thing to say of one function.
            match number(&full, value, 0, import.cap) {
                Ok(number) => *self = self.with_import_calls(name, number),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

fn unknown(name: String, known: impl Iterator<Item = &'static str>) -> LimitProblem {
    LimitProblem::Unknown { name, known: known.collect::<Vec<_>>().join(", ") }
}

fn number(name: &str, value: &Value, least: u64, cap: u64) -> Result<u64, LimitProblem> {
    let found = value.as_u64().filter(|number| *number >= least);
    let number = found.ok_or_else(|| LimitProblem::NotANumber {
        name: name.to_owned(),
        found: fault::text::printable(&value.to_string(), 40),
        wanted: if least == 0 { "it takes a whole number" } else { "it takes a whole number, 1 or more" },
    })?;
    if number > cap {
        return Err(LimitProblem::OverTheCap { name: name.to_owned(), value: number, cap });
    }
    Ok(number)
}
