use anyhow::Result;

use crate::page::markdown;

fn page(wit: &str) -> Result<String> {
    let folder =
        std::env::temp_dir().join(format!("contract-{}-{:?}", std::process::id(), std::thread::current().id()));
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("all.wit"), wit)?;
    let page = markdown(&folder);
    std::fs::remove_dir_all(folder)?;
    page
}

const SMALL: &str = "\
package small:contract@1.2.3;

/// A thing of one type.
interface types {
    /// A name.
    type name = string;
    /// What is known
    /// of it.
    record thing {
        /// Its name | title.
        name: name,
        /// Others.
        others: list<name>,
    }
}

/// Calls.
interface calls {
    use types.{thing, name};
    /// Held.
    resource held {
        /// Lets go.
        drop-it: func() -> result<_, name>;
    }
    /// Finds it.
    ///
    /// Takes long.
    find: func(name: name) -> option<thing>;
}

/// Decisions.
interface decisions {
    use types.{thing};
    /// Which.
    variant choice {
        /// None of them.
        neither,
        /// This one.
        that(thing),
    }
    /// Decides.
    decide: func(things: list<thing>) -> choice;
}

/// The world's own words.
world policy {
    import calls;
    export decisions;
}
";

#[test]
fn the_page_has_every_function_type_and_comment() {
    let page = page(SMALL).unwrap();
    for expected in [
        "Package `small:contract@1.2.3`, world `policy`. The world's own words.",
        "| exports | [`decisions`](#interface-decisions) | [`decide`](#decisionsdecide) |",
        "| imports | [`calls`](#interface-calls) | ",
        "[`held.drop-it`](#callshelddrop-it)",
        "[`find`](#callsfind)",
        "### interface `calls`\n\nCalls.\n",
        "#### `calls.find`\n\n```wit\nfind: func(name: name) -> option<thing>\n```\n\nFinds it.\n\nTakes long.\n",
        "```wit\nheld.drop-it: func() -> result<_, name>\n```\n\nLets go.\n",
        "#### resource `held`\n\nHeld.\n",
        "#### type `name`\n\n```wit\ntype name = string\n```\n\nA name.\n",
        "#### record `thing`\n\nWhat is known\nof it.\n\n| field | type | what it is |\n|---|---|---|\n",
        "| `name` | [`name`](#type-name) | Its name \\| title. |\n",
        "| `others` | [`list<name>`](#type-name) | Others. |\n",
        "| `neither` | | None of them. |\n| `that` | [`thing`](#record-thing) | This one. |\n",
    ] {
        assert!(page.contains(expected), "{expected:?} is not in\n{page}");
    }
    assert_eq!(page.matches("#### record `thing`").count(), 1, "{page}");
}

#[test]
fn two_types_of_one_name_are_refused_because_their_links_would_be_ambiguous() {
    let twice = SMALL.replace("variant choice {", "record thing-two { a: u8 }\n    variant choice {");
    let twice = twice.replace("resource held {", "record thing-two { a: u8 }\n    resource held {");
    assert!(page(&twice).unwrap_err().to_string().contains("thing-two"));
}
