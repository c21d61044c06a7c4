//! Types and functions in the words of WIT.

use wit_parser::{Function, FunctionKind, Handle, Resolve, Type, TypeDefKind, TypeId};

/// What a heading is called in a link, as code hosts make it.
pub fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// `[method]transcode.wait` as `transcode.wait`.
pub fn plain(name: &str) -> String {
    name.split_once(']').map_or(name, |(_, rest)| rest).to_owned()
}

/// What a type is, in front of its name.
pub fn kind(kind: &TypeDefKind) -> &'static str {
    match kind {
        TypeDefKind::Type(_) | TypeDefKind::List(_) => "type",
        other => other.as_str(),
    }
}

/// `name: func(argument: type) -> type`.
pub fn function(resolve: &Resolve, function: &Function) -> String {
    let is_method = matches!(function.kind, FunctionKind::Method(_));
    let arguments = function.params.iter().skip(usize::from(is_method));
    let arguments: Vec<String> =
        arguments.map(|argument| format!("{}: {}", argument.name, spelled(resolve, &argument.ty))).collect();
    let result = function.result.as_ref().map(|ty| format!(" -> {}", spelled(resolve, ty))).unwrap_or_default();
    let fixed = if matches!(function.kind, FunctionKind::Static(_)) { "static " } else { "" };
    format!("{}: {fixed}func({}){result}", plain(&function.name), arguments.join(", "))
}

/// A type as code, with a link to the named type in it.
pub fn linked(resolve: &Resolve, ty: &Type) -> String {
    let code = format!("`{}`", spelled(resolve, ty));
    match named(resolve, ty) {
        Some((kind, name)) => format!("[{code}](#{})", anchor(&format!("{kind} {name}"))),
        None => code,
    }
}

/// A type as WIT has it.
pub fn spelled(resolve: &Resolve, ty: &Type) -> String {
    let text = match ty {
        Type::Bool => "bool",
        Type::U8 => "u8",
        Type::U16 => "u16",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::S8 => "s8",
        Type::S16 => "s16",
        Type::S32 => "s32",
        Type::S64 => "s64",
        Type::F32 => "f32",
        Type::F64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::ErrorContext => "error-context",
        Type::Id(id) => return of_id(resolve, *id),
    };
    text.to_owned()
}

fn of_id(resolve: &Resolve, id: TypeId) -> String {
    let Some(definition) = resolve.types.get(id) else { return "?".to_owned() };
    match &definition.name {
        Some(name) => name.clone(),
        None => self::definition(resolve, &definition.kind),
    }
}

/// What a type is made of, for types without a name and behind the `=` of those that have one.
pub fn definition(resolve: &Resolve, kind: &TypeDefKind) -> String {
    let optional = |ty: &Option<Type>| ty.as_ref().map_or("_".to_owned(), |ty| spelled(resolve, ty));
    match kind {
        TypeDefKind::Option(ty) => format!("option<{}>", spelled(resolve, ty)),
        TypeDefKind::List(ty) => format!("list<{}>", spelled(resolve, ty)),
        TypeDefKind::Tuple(tuple) => {
            let parts: Vec<String> = tuple.types.iter().map(|ty| spelled(resolve, ty)).collect();
            format!("tuple<{}>", parts.join(", "))
        }
        TypeDefKind::Result(result) => match &result.err {
            None => format!("result<{}>", optional(&result.ok)),
            Some(_) => format!("result<{}, {}>", optional(&result.ok), optional(&result.err)),
        },
        TypeDefKind::Handle(Handle::Own(id)) => of_id(resolve, *id),
        TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", of_id(resolve, *id)),
        TypeDefKind::Type(ty) => spelled(resolve, ty),
        other => other.as_str().to_owned(),
    }
}

/// The named type that a type is about: the thing in an option or a list, not a failure.
fn named<'a>(resolve: &'a Resolve, ty: &Type) -> Option<(&'static str, &'a str)> {
    let Type::Id(id) = ty else { return None };
    let definition = resolve.types.get(*id)?;
    match (&definition.kind, &definition.name) {
        // Brought in by `use`: the one that it stands for.
        (TypeDefKind::Type(of @ Type::Id(_)), Some(_)) => named(resolve, of),
        (of, Some(name)) => Some((kind(of), name)),
        (TypeDefKind::Option(of) | TypeDefKind::List(of), None) => named(resolve, of),
        _ => None,
    }
}
