//! A document of HTML with its style and its scripts inside, and a policy that allows nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::html::Escaped;

/// The look of all pages of this program.
const BASE_STYLE: &str = include_str!("../assets/base.css");

const TEMPLATE: &str = include_str!("../assets/document.html");

/// A square with the bars of a ladder.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect \
                    width='16' height='16' rx='4' fill='%230b6b62'/%3E%3Cpath d='M4 12V9M8 12V6M12 12V3.5' \
                    stroke='%23fff' stroke-width='2' stroke-linecap='round'/%3E%3C/svg%3E";

/// What a page is made of. Only `title` may be a text from outside.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    pub title: &'a str,
    /// Comes after [`BASE_STYLE`].
    pub style: &'a str,
    /// Run in this order, after the body.
    pub scripts: &'a [&'a str],
    /// HTML.
    pub body: &'a str,
    /// Whether the page may be opened from disk, where `'self'` is not an address in every browser.
    pub from_disk: bool,
}

impl Document<'_> {
    pub fn render(&self) -> String {
        let style = format!("{BASE_STYLE}{}", self.style);
        let scripts: String = self.scripts.iter().map(|script| format!("<script>{script}</script>\n")).collect();
        fill(
            TEMPLATE,
            &[
                ("policy", &self.policy(&style)),
                ("title", &Escaped(self.title).to_string()),
                ("icon", ICON),
                ("style", &style),
                ("body", self.body),
                ("scripts", &scripts),
            ],
        )
    }

    /// The content security policy. Only these scripts and this style run, by their digests.
    fn policy(&self, style: &str) -> String {
        let scripts: Vec<String> = self.scripts.iter().map(|script| digest(script)).collect();
        let scripts = if scripts.is_empty() { "'none'".to_owned() } else { scripts.join(" ") };
        let disk = if self.from_disk { " file:" } else { "" };
        format!(
            "default-src 'none'; script-src {scripts}; style-src {}; img-src 'self' data:{disk}; media-src 'self' \
             blob:{disk}; connect-src 'self'; base-uri 'none'; form-action 'none'",
            digest(style)
        )
    }
}

fn digest(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())))
}

/// Puts a value in the place of each `{{name}}`. What is in a value stays as it is.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut page = String::with_capacity(template.len() + values.iter().map(|(_, value)| value.len()).sum::<usize>());
    let mut parts = template.split("{{");
    page.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (name, rest) = part.split_once("}}").unwrap_or(("", part));
        let value = values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
        page.push_str(value);
        page.push_str(rest);
    }
    page
}
