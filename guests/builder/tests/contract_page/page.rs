//! The contract as a page: every interface of `wit/` with its functions, its types and their comments.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use wit_parser::{Docs, Function, Interface, Resolve, Type, TypeDefKind, TypeId, WorldItem, WorldKey};

use crate::spelling::{anchor, kind, linked, plain, signature, spelled};

/// The top of the page. The world's own comment follows.
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

    let exported = interfaces(&resolve, &world.exports)?;
    // An interface without functions is imported only for its types.
    let (shared, imported): (Vec<_>, Vec<_>) =
        interfaces(&resolve, &world.imports)?.into_iter().partition(|(_, interface)| interface.functions.is_empty());

    let mut page = Page { resolve: &resolve, text: HEAD.to_owned(), headings: BTreeSet::new() };
    page.paragraph(&format!("Package `{name}`, world `{}`. {}", world.name, comment(&world.docs)));
    page.overview(&[("exports", &exported), ("imports", &imported)]);
    let parts = [
        ("What a policy exports", &exported),
        ("What a policy imports", &imported),
        ("What the interfaces share", &shared),
    ];
    for (title, interfaces) in parts {
        page.heading(2, title)?;
        for (name, interface) in interfaces {
            page.interface(name, interface)?;
        }
    }
    Ok(page.text)
}

type Named<'a> = (&'a str, &'a Interface);

fn interfaces<'a>(
    resolve: &'a Resolve,
    items: impl IntoIterator<Item = (&'a WorldKey, &'a WorldItem)>,
) -> Result<Vec<Named<'a>>> {
    let interface = |(_, item): (&WorldKey, &WorldItem)| {
        let WorldItem::Interface { id, .. } = item else { bail!("the world has an item that is no interface") };
        let interface = resolve.interfaces.get(*id).context("an interface is missing")?;
        Ok((interface.name.as_deref().context("an interface has no name")?, interface))
    };
    items.into_iter().map(interface).collect()
}

/// A comment as the source has it.
fn comment(docs: &Docs) -> &str {
    docs.contents.as_deref().unwrap_or_default().trim()
}

/// A comment as a table's cell: on one line, and with its bars escaped.
fn cell(docs: &Docs) -> String {
    comment(docs).split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

struct Page<'a> {
    resolve: &'a Resolve,
    text: String,
    headings: BTreeSet<String>,
}

impl Page<'_> {
    /// Refuses a second heading with the same anchor, because links to it would lead to the first.
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
        let mut lines = vec![format!("| {} |", titles.join(" | ")), format!("|{}", "---|".repeat(titles.len()))];
        lines.extend(rows.iter().map(|row| format!("| {} |", row.join(" | ")).replace("|  |", "| |")));
        self.paragraph(&lines.join("\n"));
    }

    fn overview(&mut self, parts: &[(&str, &Vec<Named<'_>>)]) {
        let mut rows = Vec::new();
        for (direction, interfaces) in parts {
            for (name, interface) in *interfaces {
                let link = |function: &Function| {
                    format!("[`{}`](#{})", plain(function), anchor(&function_heading(name, function)))
                };
                let functions: Vec<String> = interface.functions.values().map(link).collect();
                let interface = format!("[`{name}`](#{})", anchor(&interface_heading(name)));
                rows.push(vec![(*direction).to_owned(), interface, functions.join(", ")]);
            }
        }
        self.table(&["a policy", "interface", "functions"], &rows);
    }

    fn interface(&mut self, name: &str, interface: &Interface) -> Result<()> {
        self.heading(3, &interface_heading(name))?;
        self.paragraph(comment(&interface.docs));
        for function in interface.functions.values() {
            self.heading(4, &function_heading(name, function))?;
            self.paragraph(&format!("```wit\n{}\n```", signature(self.resolve, function)?));
            self.paragraph(comment(&function.docs));
        }
        for id in interface.types.values() {
            self.definition(*id)?;
        }
        Ok(())
    }

    fn definition(&mut self, id: TypeId) -> Result<()> {
        let resolve = self.resolve;
        let definition = resolve.types.get(id).context("a type is missing")?;
        let name = definition.name.as_deref().unwrap_or_default();
        if let TypeDefKind::Type(Type::Id(of)) = &definition.kind
            && resolve.types.get(*of).is_some_and(|of| of.name.as_deref() == Some(name))
        {
            // Only an alias that `use` makes of another interface's type.
            return Ok(());
        }
        self.heading(4, &format!("{} `{name}`", kind(&definition.kind)))?;
        match &definition.kind {
            TypeDefKind::Type(of) => {
                self.paragraph(&format!("```wit\ntype {name} = {}\n```", spelled(resolve, of)?));
            }
            TypeDefKind::List(of) => {
                self.paragraph(&format!("```wit\ntype {name} = list<{}>\n```", spelled(resolve, of)?));
            }
            _ => {}
        }
        self.paragraph(comment(&definition.docs));
        let row = |name: &str, ty: Option<&Type>, docs: &Docs| {
            let ty = ty.map(|ty| linked(resolve, ty)).transpose()?;
            Ok(vec![format!("`{name}`"), ty.unwrap_or_default(), cell(docs)])
        };
        match &definition.kind {
            TypeDefKind::Record(record) => {
                let rows = record.fields.iter().map(|field| row(&field.name, Some(&field.ty), &field.docs));
                self.table(&["field", "type", "what it is"], &rows.collect::<Result<Vec<_>>>()?);
            }
            TypeDefKind::Variant(variant) => {
                let rows = variant.cases.iter().map(|case| row(&case.name, case.ty.as_ref(), &case.docs));
                self.table(&["case", "carries", "what it is"], &rows.collect::<Result<Vec<_>>>()?);
            }
            TypeDefKind::Enum(all) => {
                let rows = all.cases.iter().map(|case| vec![format!("`{}`", case.name), cell(&case.docs)]);
                self.table(&["value", "what it is"], &rows.collect::<Vec<_>>());
            }
            TypeDefKind::Type(_) | TypeDefKind::List(_) | TypeDefKind::Resource => {}
            other => bail!("`{name}` is a {}, which the page can't show yet", other.as_str()),
        }
        Ok(())
    }
}

fn interface_heading(name: &str) -> String {
    format!("interface `{name}`")
}

fn function_heading(interface: &str, function: &Function) -> String {
    format!("`{interface}.{}`", plain(function))
}
