//! Where a guest was when its call failed: the names of its functions, for error messages.

use std::fmt;

use fault::text::printable;
use wasmtime::{FrameInfo, WasmBacktrace};

/// Most functions that an error names.
const MAX_NAMED: usize = 8;

/// Longest name that is printed, in characters. Names of generic functions can be very long.
const MAX_NAME: usize = 120;

/// Beginnings of names that say how a language panics or calls, and not where the policy was.
const RUNTIME: [&str; 10] =
    ["std::", "core::", "alloc::", "<std::", "<core::", "<alloc::", "__rust", "rust_", "_start", "cabi_realloc"];

/// The functions that a guest was in, the innermost first. Empty if they are unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuestBacktrace {
    /// With how many times each called itself.
    functions: Vec<(String, usize)>,
    /// Whether there are more.
    cut: bool,
}

impl GuestBacktrace {
    /// What wasmtime recorded with an error.
    pub(crate) fn of(error: &wasmtime::Error) -> Self {
        let frames = error.downcast_ref::<WasmBacktrace>().map(WasmBacktrace::frames).unwrap_or_default();
        Self::of_names(frames.iter().map(name))
    }

    fn of_names(names: impl Iterator<Item = String> + Clone) -> Self {
        let own = names.clone().filter(|name| !is_runtime(name));
        // An optimiser may have left no function of a policy but its exports.
        let kept = [Self::listed(own.clone().filter(|name| !is_export(name))), Self::listed(own), Self::listed(names)];
        kept.into_iter().find(|kept| !kept.functions.is_empty()).unwrap_or_default()
    }

    fn listed(names: impl Iterator<Item = String>) -> Self {
        let mut listed = Self::default();
        for name in names {
            if let Some((last, times)) = listed.functions.last_mut()
                && *last == name
            {
                *times += 1;
            } else if listed.functions.len() == MAX_NAMED {
                listed.cut = true;
                break;
            } else {
                listed.functions.push((name, 1));
            }
        }
        listed
    }
}

/// Demangled. A module without names has only numbers.
fn name(frame: &FrameInfo) -> String {
    match frame.func_name() {
        Some(name) => printable(&format!("{:#}", rustc_demangle::demangle(name)), MAX_NAME),
        None => format!("function {}", frame.func_index()),
    }
}

fn is_runtime(name: &str) -> bool {
    RUNTIME.iter().any(|prefix| name.starts_with(prefix))
}

/// Such as `codex:transcode/workflow@0.2.0#run`. The error already names the one that was called.
fn is_export(name: &str) -> bool {
    name.contains(":transcode/")
}

/// `; in a, called by b`, to end a sentence with.
impl fmt::Display for GuestBacktrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, times)) in self.functions.iter().enumerate() {
            f.write_str(if place == 0 { "; in " } else { ", called by " })?;
            f.write_str(name)?;
            if *times > 1 {
                write!(f, " ({times} times)")?;
            }
        }
        if self.cut { f.write_str(", called by others") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(names: &[&str]) -> String {
        GuestBacktrace::of_names(names.iter().map(|&name| name.to_owned())).to_string()
    }

    #[test]
    fn the_innermost_function_of_the_policy_comes_first() {
        let names =
            ["core::panicking::panic_fmt", "mine::ladder::select", "mine::run", "codex:transcode/workflow@0.2.0#run"];
        assert_eq!(shown(&names), "; in mine::ladder::select, called by mine::run");
        assert_eq!(shown(&[]), "");
    }

    #[test]
    fn recursion_is_counted_and_long_backtraces_are_cut() {
        assert_eq!(shown(&["a", "a", "a", "b"]), "; in a (3 times), called by b");
        let many: Vec<String> = (0..20).map(|number| format!("f{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(shown(&many).ends_with(", called by f7, called by others"), "{}", shown(&many));
    }

    #[test]
    fn exports_and_functions_of_the_runtime_are_named_where_there_are_no_others() {
        let inlined = ["core::panicking::panic", "codex:transcode/workflow@0.2.0#run"];
        assert_eq!(shown(&inlined), "; in codex:transcode/workflow@0.2.0#run");
        assert_eq!(shown(&["core::panicking::panic"]), "; in core::panicking::panic");
    }
}
