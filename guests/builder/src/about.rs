//! A component's own metadata: its name and its producers.

use std::collections::BTreeSet;

use anyhow::Result;
use wasmparser::{ComponentName, KnownCustom, Name, Parser, Payload};

/// What a component says about itself. Nothing of it is verified.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The component's name, or else that of the first module in it that has one.
    pub name: Option<String>,
    /// The languages and tools that made it, with their versions.
    pub producers: BTreeSet<String>,
}

/// Reads a component's metadata.
pub fn about(component: &[u8]) -> Result<About> {
    let mut about = About::default();
    let mut modules_name = None;
    for payload in Parser::new(0).parse_all(component) {
        let Payload::CustomSection(section) = payload? else { continue };
        match section.as_known() {
            KnownCustom::Producers(fields) => {
                for field in fields {
                    for made_by in field?.values {
                        let made_by = made_by?;
                        about.producers.insert([made_by.name, made_by.version].join(" ").trim_end().to_owned());
                    }
                }
            }
            KnownCustom::ComponentName(names) => {
                for name in names {
                    if let ComponentName::Component { name, .. } = name? {
                        about.name.get_or_insert_with(|| name.to_owned());
                    }
                }
            }
            KnownCustom::Name(names) => {
                for name in names {
                    if let Name::Module { name, .. } = name? {
                        modules_name.get_or_insert_with(|| name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    about.name = about.name.or(modules_name);
    Ok(about)
}
