//! Parses a manifest's limits: `{"compute-ms": 500, "import-calls": {"storage.put": 20}}`.

use fault::text::printable;
use serde_json::{Map, Value};

use super::{IMPORTS, Limits, TABLE};

/// The field that holds an object instead of a number.
const IMPORT_CALLS: &str = "import-calls";

impl Limits {
    /// The defaults, overridden by a manifest's limits, or all problems of those. Each states what is allowed.
    pub fn from_json(fields: &Map<String, Value>) -> Result<Self, Vec<String>> {
        let mut limits = Self::default();
        let mut problems = Vec::new();
        for (name, value) in fields {
            if name == IMPORT_CALLS {
                limits.read_import_calls(value, &mut problems);
            } else if let Some(spec) = TABLE.iter().find(|spec| spec.name == name) {
                match number(name, value, 1, spec.cap) {
                    Ok(number) => limits = limits.with(spec.limit, number),
                    Err(problem) => problems.push(problem),
                }
            } else {
                problems.push(unknown(name, TABLE.iter().map(|spec| spec.name).chain([IMPORT_CALLS])));
            }
        }
        if problems.is_empty() { Ok(limits) } else { Err(problems) }
    }

    fn read_import_calls(&mut self, value: &Value, problems: &mut Vec<String>) {
        let Value::Object(fields) = value else {
            let wanted = "it must be an object, such as {\"storage.put\": 20}";
            problems.push(format!("`{IMPORT_CALLS}` is {value}; {wanted}"));
            return;
        };
        for (name, value) in fields {
            let full = format!("{IMPORT_CALLS}.{name}");
            let Some(import) = IMPORTS.iter().find(|import| import.name == name) else {
                problems.push(unknown(&full, IMPORTS.iter().map(|import| import.name)));
                continue;
            };
            // 0 forbids the function.
            match number(&full, value, 0, import.cap) {
                Ok(number) => *self = self.with_import_calls(name, number),
                Err(problem) => problems.push(problem),
            }
        }
    }
}

fn unknown(name: &str, known: impl Iterator<Item = &'static str>) -> String {
    format!("`{name}` is not a limit; known are {}", known.collect::<Vec<_>>().join(", "))
}

fn number(name: &str, value: &Value, least: u64, cap: u64) -> Result<u64, String> {
    let wanted = if least == 0 { "it must be a whole number" } else { "it must be a whole number, 1 or more" };
    match value.as_u64().filter(|number| *number >= least) {
        Some(number) if number > cap => Err(format!("`{name}` is {number}; this host allows at most {cap}")),
        Some(number) => Ok(number),
        None => Err(format!("`{name}` is {}; {wanted}", printable(&value.to_string(), 40))),
    }
}
