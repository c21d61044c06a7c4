//! Policies written as WebAssembly text, for tests where the instruction matters.

use std::fs;
use std::path::PathBuf;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::workspace::root;

/// What a guest gets where it does not define its own.
const HARMLESS: [(&str, &str); 6] = [
    ("(memory ", "(memory 2)"),
    (
        "(func $realloc ",
        "(func $realloc (param i32 i32 i32 i32) (result i32)
           (global.set $next (i32.and
             (i32.add (global.get $next) (i32.sub (local.get 2) (i32.const 1)))
             (i32.sub (i32.const 0) (local.get 2))))
           (global.get $next)
           (global.set $next (i32.add (global.get $next) (local.get 3))))",
    ),
    ("(func $validate ", "(func $validate (param i32 i32) (result i32) (i32.const 1024))"),
    (
        "(func $run ",
        "(func $run (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 1024))",
    ),
    ("(func $after-run ", "(func $after-run (param i32))"),
    ("(func $drop-thing ", "(func $drop-thing (param i32))"),
];

/// The contract, and a resource of the guest's own beside it.
const WORLD: &str = "
    package hostile:guest;
    interface things { resource thing { constructor(); } }
    world guest {
        include codex:transcode/policy@0.1.0;
        export things;
    }";

/// The guest of this name in tests/hostile/wat, as a component that fits the contract.
pub fn named(name: &str) -> Vec<u8> {
    let path = folder().join(format!("{name}.wat"));
    of_text(&fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// Functions of a guest, put into the frame that makes a whole policy of them.
pub fn of_text(guest: &str) -> Vec<u8> {
    let missing = HARMLESS.iter().filter(|(definition, _)| !guest.contains(definition)).map(|(_, harmless)| *harmless);
    let parts: Vec<&str> = std::iter::once(guest).chain(missing).collect();
    let frame = fs::read_to_string(folder().join("frame.wat")).unwrap();
    let text = frame.replace(";; guest\n", &parts.join("\n"));
    let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"));
    let mut resolve = Resolve::default();
    resolve.push_dir(root().join("wit/0.1")).unwrap();
    let package = resolve.push_str("guest.wit", WORLD).unwrap();
    let world = resolve.select_world(&[package], Some("guest")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
}

/// A component, or whatever else it is, exactly as it is written.
pub fn exactly(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

fn folder() -> PathBuf {
    root().join("tests/hostile/wat")
}
