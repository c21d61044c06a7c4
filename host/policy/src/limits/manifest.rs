//! Parses a manifest's limits: `{"compute-ms": 500, "import-calls": {"storage.put": 20}}`.

use serde_json::{Map, Value};

use super::{IMPORTS, Limits, TABLE, import};

/// The field that holds an object instead of a number.
const IMPORT_CALLS: &str = "import-calls";

/// A problem of a manifest's limits. The message states what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitProblem {
    #[error("`{name}` is not a limit; known are {known}")]
    Unknown { name: String, known: String },
    #[error("`{name}` is {found}; {wanted}")]
    NotANumber { name: String, found: String, wanted: &'static str },
    #[error("`{name}` is {value}; this host allows at most {cap}")]
    OverTheCap { name: String, value: u64, cap: u64 },
}

impl Limits {
    /// The defaults, overridden by a manifest's limits, or all problems of those.
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
            let wanted = "it must be an object, such as {\"storage.put\": 20}";
            return Err(vec![LimitProblem::NotANumber { name: IMPORT_CALLS.into(), found: value.to_string(), wanted }]);
        };
        let mut problems = Vec::new();
        for (name, value) in fields {
            let full = format!("{IMPORT_CALLS}.{name}");
            let Some(import) = import::import_index(name).and_then(|index| IMPORTS.get(index)) else {
                problems.push(unknown(full, IMPORTS.iter().map(|import| import.name)));
                continue;
            };
            // 0 forbids the function.
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
        wanted: if least == 0 { "it must be a whole number" } else { "it must be a whole number, 1 or more" },
    })?;
    if number > cap {
        return Err(LimitProblem::OverTheCap { name: name.to_owned(), value: number, cap });
    }
    Ok(number)
}
