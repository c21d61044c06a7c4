//! The names of functions, which backtraces show.

use anyhow::Result;
use wasm_encoder::{Component, Module, NameMap, NameSection, RawSection};
use wasmparser::{KnownCustom, Name, NameSectionReader, Parser, Payload};

/// Demangles the names of functions and removes all others. Mangled names, each with a hash, are a fifth of the module,
/// and backtraces show only the names of functions and of the module.
pub fn readable(module: &[u8]) -> Result<Vec<u8>> {
    let mut rewritten = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        if let Payload::CustomSection(section) = &payload
            && let KnownCustom::Name(names) = section.as_known()
        {
            rewritten.section(&demangled(names)?);
        } else if let Some((id, range)) = payload.as_section() {
            rewritten.section(&RawSection { id, data: module.get(range).unwrap_or_default() });
        }
    }
    Ok(rewritten.finish())
}

/// Removes the names of the component's own parts, which no backtrace shows. Saves 4 KB.
pub fn without_parts(component: &[u8]) -> Result<Vec<u8>> {
    let mut rewritten = Component::new();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload?;
        match &payload {
            // The sections of a nested module or component follow it, and are already copied with it.
            Payload::End(_) if depth > 0 => depth -= 1,
            _ if depth > 0 => {}
            Payload::CustomSection(section) if section.name() == "component-name" => continue,
            _ => {
                if let Some((id, range)) = payload.as_section() {
                    rewritten.section(&RawSection { id, data: component.get(range).unwrap_or_default() });
                }
            }
        }
        depth += usize::from(matches!(payload, Payload::ModuleSection { .. } | Payload::ComponentSection { .. }));
    }
    Ok(rewritten.finish())
}

fn demangled(names: NameSectionReader<'_>) -> Result<NameSection> {
    let mut section = NameSection::new();
    for name in names {
        match name? {
            Name::Module { name, .. } => section.module(name.trim_end_matches(".wasm")),
            Name::Function(map) => {
                let mut functions = NameMap::new();
                for naming in map {
                    let naming = naming?;
                    functions.append(naming.index, &format!("{:#}", rustc_demangle::demangle(naming.name)));
                }
                section.functions(&functions);
            }
            _ => {}
        }
    }
    Ok(section)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(name: &str) -> Vec<u8> {
        let mut functions = NameMap::new();
        functions.append(0, name);
        let mut section = NameSection::new();
        section.module("a_module");
        section.functions(&functions);
        let mut module = Module::new();
        module.section(&section);
        module.finish()
    }

    #[test]
    fn a_name_loses_its_mangling_and_its_hash() {
        let readable = readable(&module("_ZN12codex_policy6ladder6select17h890e1f6cb39800a5E")).unwrap();
        let text = String::from_utf8_lossy(&readable);
        assert!(text.contains("codex_policy::ladder::select") && !text.contains("17h890"), "{text}");
        assert!(text.contains("a_module"), "{text}");
    }

    #[test]
    fn a_name_that_is_not_mangled_is_unchanged() {
        let readable = readable(&module("cabi_realloc")).unwrap();
        assert!(String::from_utf8_lossy(&readable).contains("cabi_realloc"));
    }

    #[test]
    fn bytes_that_are_no_module_are_refused() {
        assert!(readable(b"not a module").is_err());
    }
}
