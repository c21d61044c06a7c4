//! Functions and types as WIT code.

use anyhow::Result;
use wit_component::WitPrinter;
use wit_parser::{Function, FunctionKind, Resolve, Type, TypeDefKind};

/// The anchor of a heading, as code hosts derive it.
pub fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// A function's name, with a method's resource in front: `[method]transcode.wait` is `transcode.wait`.
pub fn plain(function: &Function) -> &str {
    function.name.split_once(']').map_or(function.name.as_str(), |(_, name)| name)
}

/// The WIT keyword of a type's definition.
pub fn kind(kind: &TypeDefKind) -> &'static str {
    match kind {
        TypeDefKind::Type(_) | TypeDefKind::List(_) => "type",
        other => other.as_str(),
    }
}

/// A function's signature: `name: func(argument: type) -> type`.
pub fn signature(resolve: &Resolve, function: &Function) -> Result<String> {
    let is_method = matches!(function.kind, FunctionKind::Method(_));
    let mut arguments = Vec::new();
    for argument in function.params.iter().skip(usize::from(is_method)) {
        arguments.push(format!("{}: {}", argument.name, spelled(resolve, &argument.ty)?));
    }
    let result = match &function.result {
        Some(ty) => format!(" -> {}", spelled(resolve, ty)?),
        None => String::new(),
    };
    let fixed = if matches!(function.kind, FunctionKind::Static(_)) { "static " } else { "" };
    Ok(format!("{}: {fixed}func({}){result}", plain(function), arguments.join(", ")))
}

/// A type as code, with a link to the named type in it.
pub fn linked(resolve: &Resolve, ty: &Type) -> Result<String> {
    let code = format!("`{}`", spelled(resolve, ty)?);
    Ok(match named(resolve, ty) {
        Some((kind, name)) => format!("[{code}](#{})", anchor(&format!("{kind} {name}"))),
        None => code,
    })
}

/// A type as WIT writes it.
pub fn spelled(resolve: &Resolve, ty: &Type) -> Result<String> {
    let mut printer = WitPrinter::default();
    printer.print_type_name(resolve, ty)?;
    Ok(printer.output.to_string())
}

/// The named type behind a type: the item of an option or a list, but not the failure of a result.
fn named<'a>(resolve: &'a Resolve, ty: &Type) -> Option<(&'static str, &'a str)> {
    let Type::Id(id) = ty else { return None };
    let definition = resolve.types.get(*id)?;
    match (&definition.kind, &definition.name) {
        // The alias that `use` makes of a type.
        (TypeDefKind::Type(of @ Type::Id(_)), Some(_)) => named(resolve, of),
        (of, Some(name)) => Some((kind(of), name)),
        (TypeDefKind::Option(of) | TypeDefKind::List(of), None) => named(resolve, of),
        _ => None,
    }
}
