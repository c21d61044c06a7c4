//! The contract as a page: every interface of `wit/` with its functions, its types and their comments.

mod spelling;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use spelling::{anchor, function, kind, linked, plain};
use wit_parser::{Function, Interface, InterfaceId, Resolve, TypeDefKind, TypeId, World, WorldItem, WorldKey};

/// What the page begins with. The world's own comment follows.
const HEAD: &str = "\
<!-- Made of the comments in wit/ by `make docs`: change them there. -->

# The contract
";

/// Renders the world `policy` of the package in this folder.
pub fn markdown(wit: &Path) -> Result<String> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit).with_context(|| format!("{} can't be read", wit.display()))?;
    let world = resolve.select_world(&[package], Some("policy"))?;
    let world = resolve.worlds.get(world).context("there is no world `policy`")?;
    let name = &resolve.packages.get(package).context("the package has no name")?.name;

    let exported = interfaces(&world.exports);
    let (shared, imported): (Vec<_>, Vec<_>) = interfaces(&world.imports).into_iter().partition(|id| {
        // An interface of types alone is imported by whoever uses one of them, and gives no power.
        resolve.interfaces.get(*id).is_some_and(|interface| interface.functions.is_empty())
    });

    let mut page = Page { resolve: &resolve, text: HEAD.to_owned(), headings: BTreeSet::new() };
    page.paragraph(&format!("Package `{name}`, world `{}`. {}", world.name, comment(&world.docs)));
    page.overview(&[("exports", &exported), ("imports", &imported)])?;
    let parts = [
        ("What a policy exports", &exported),
        ("What a policy imports", &imported),
        ("What the interfaces share", &shared),
    ];
    for (title, ids) in parts {
        page.heading(2, title)?;
        for id in ids {
            page.interface(*id)?;
        }
    }
    ensure!(covers(world, &[&exported, &imported, &shared]), "the world has items that are no interfaces");
    Ok(page.text)
}

fn interfaces<'a>(items: impl IntoIterator<Item = (&'a WorldKey, &'a WorldItem)>) -> Vec<InterfaceId> {
    let interface = |(_, item): (&WorldKey, &WorldItem)| match item {
        WorldItem::Interface { id, .. } => Some(*id),
        _ => None,
    };
    items.into_iter().filter_map(interface).collect()
}

fn covers(world: &World, shown: &[&Vec<InterfaceId>]) -> bool {
    shown.iter().map(|ids| ids.len()).sum::<usize>() == world.imports.len() + world.exports.len()
}

/// A comment as it stands in the source.
fn comment(docs: &wit_parser::Docs) -> &str {
    docs.contents.as_deref().unwrap_or_default().trim()
}

/// A comment as a cell of a table: one line, and no bar that ends the cell.
fn cell(docs: &wit_parser::Docs) -> String {
    comment(docs).split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

struct Page<'a> {
    resolve: &'a Resolve,
    text: String,
    headings: BTreeSet<String>,
}

impl Page<'_> {
    /// Refused where a link to it would lead to another one.
    fn heading(&mut self, level: usize, title: &str) -> Result<()> {
        ensure!(self.headings.insert(anchor(title)), "two headings are called {title:?}");
        self.paragraph(&format!("{} {title}", "#".repeat(level)));
        Ok(())
    }

    fn paragraph(&mut self, text: &str) {
        if !text.is_empty() {
            self.text.push('\n');
            self.text.push_str(text);
            self.text.push('\n');
        }
    }

    fn table(&mut self, titles: &[&str], rows: &[Vec<String>]) {
        if rows.is_empty() {
            return;
        }
        let mut lines = vec![format!("| {} |", titles.join(" | ")), format!("|{}", "---|".repeat(titles.len()))];
        lines.extend(rows.iter().map(|row| format!("| {} |", row.join(" | ")).replace("|  |", "| |")));
        self.paragraph(&lines.join("\n"));
    }

    fn overview(&mut self, parts: &[(&str, &Vec<InterfaceId>)]) -> Result<()> {
        let mut rows = Vec::new();
        for (direction, ids) in parts {
            for id in *ids {
                let (name, interface) = self.found(*id)?;
                let link = |function: &Function| {
                    let heading = functions_heading(name, function);
                    format!("[`{}`](#{})", short(function), anchor(&heading))
                };
                let functions: Vec<String> = interface.functions.values().map(link).collect();
                let interface = format!("[`{name}`](#{})", anchor(&interfaces_heading(name)));
                rows.push(vec![(*direction).to_owned(), interface, functions.join(", ")]);
            }
        }
        self.table(&["a policy", "interface", "functions"], &rows);
        Ok(())
    }

    fn found(&self, id: InterfaceId) -> Result<(&'_ str, &'_ Interface)> {
        let interface = self.resolve.interfaces.get(id).context("an interface is missing")?;
        Ok((interface.name.as_deref().context("an interface has no name")?, interface))
    }

    fn interface(&mut self, id: InterfaceId) -> Result<()> {
        let resolve = self.resolve;
        let interface = resolve.interfaces.get(id).context("an interface is missing")?;
        let name = interface.name.as_deref().context("an interface has no name")?;
        self.heading(3, &interfaces_heading(name))?;
        self.paragraph(comment(&interface.docs));
        for called in interface.functions.values() {
            self.heading(4, &functions_heading(name, called))?;
            self.paragraph(&format!("```wit\n{}\n```", function(resolve, called)));
            self.paragraph(comment(&called.docs));
        }
        for id in interface.types.values() {
            self.type_of(*id)?;
        }
        Ok(())
    }

    fn type_of(&mut self, id: TypeId) -> Result<()> {
        let resolve = self.resolve;
        let definition = resolve.types.get(id).context("a type is missing")?;
        let name = definition.name.as_deref().unwrap_or_default();
        let code = |name: &str| format!("`{name}`");
        if let TypeDefKind::Type(wit_parser::Type::Id(of)) = &definition.kind
            && resolve.types.get(*of).is_some_and(|of| of.name.as_deref() == Some(name))
        {
            // Only brought in from another interface by `use`.
            return Ok(());
        }
        self.heading(4, &format!("{} `{name}`", kind(&definition.kind)))?;
        if let TypeDefKind::Type(_) | TypeDefKind::List(_) = &definition.kind {
            self.paragraph(&format!("```wit\ntype {name} = {}\n```", spelling::definition(resolve, &definition.kind)));
        }
        self.paragraph(comment(&definition.docs));
        match &definition.kind {
            TypeDefKind::Record(record) => {
                let row =
                    |field: &wit_parser::Field| vec![code(&field.name), linked(resolve, &field.ty), cell(&field.docs)];
                let rows: Vec<_> = record.fields.iter().map(row).collect();
                self.table(&["field", "type", "what it is"], &rows);
            }
            TypeDefKind::Variant(variant) => {
                let row = |case: &wit_parser::Case| {
                    let carried = case.ty.as_ref().map(|ty| linked(resolve, ty)).unwrap_or_default();
                    vec![code(&case.name), carried, cell(&case.docs)]
                };
                let rows: Vec<_> = variant.cases.iter().map(row).collect();
                self.table(&["case", "carries", "what it is"], &rows);
            }
            TypeDefKind::Enum(all) => {
                let row = |case: &wit_parser::EnumCase| vec![code(&case.name), cell(&case.docs)];
                let rows: Vec<_> = all.cases.iter().map(row).collect();
                self.table(&["value", "what it is"], &rows);
            }
            TypeDefKind::Type(_) | TypeDefKind::List(_) | TypeDefKind::Resource => {}
            other => bail!("`{name}` is a {}, which the page has no form for yet", other.as_str()),
        }
        Ok(())
    }
}

fn interfaces_heading(name: &str) -> String {
    format!("interface `{name}`")
}

fn functions_heading(interface: &str, function: &Function) -> String {
    format!("`{interface}.{}`", short(function))
}

/// A function's name, with that of its resource in front of a method's.
fn short(function: &Function) -> String {
    plain(&function.name)
}

#[cfg(test)]
mod tests;
