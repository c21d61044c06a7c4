//! The names and languages of renditions, as players show them.

use std::collections::BTreeSet;

use crate::plan::{PlanError, impossible};

/// Longest name of a rendition, in characters.
const MAX_NAME: usize = 64;

/// Checks a name that is written in quotes into a playlist.
pub(crate) fn check_name(name: &str) -> Result<(), PlanError> {
    let is_plain = |c: char| !c.is_control() && c != '"';
    if (1..=MAX_NAME).contains(&name.chars().count()) && name.chars().all(is_plain) {
        return Ok(());
    }
    impossible(format!("the name of a rendition is not 1 to {MAX_NAME} characters without quotes and line breaks"))
}

/// Whether it has the form of a language tag (RFC 5646, section 2.1): parts of 1 to 8 letters and digits.
pub(crate) fn is_language(language: &str) -> bool {
    let is_part = |part: &str| (1..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric());
    let first = language.split('-').next().unwrap_or_default();
    language.len() <= 35 && language.split('-').all(is_part) && first.chars().all(|c| c.is_ascii_alphabetic())
}

pub(crate) fn check_language(language: Option<&str>) -> Result<(), PlanError> {
    match language.filter(|language| !is_language(language)) {
        None => Ok(()),
        Some(bad) => {
            impossible(format!("`{}` is not a language tag such as `en` or `pt-BR`", fault::text::printable(bad, 64)))
        }
    }
}

/// Checks the names of renditions that players choose between, and which of them are the default.
pub(crate) fn check_group<'a>(what: &str, renditions: impl Iterator<Item = (&'a str, bool)>) -> Result<(), PlanError> {
    let (mut names, mut has_default) = (BTreeSet::new(), false);
    for (name, is_default) in renditions {
        if !names.insert(name) {
            return impossible(format!("two {what} are called `{}`", fault::text::printable(name, 64)));
        }
        if is_default && has_default {
            return impossible(format!("two {what} are the default"));
        }
        has_default |= is_default;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_its_quotes() {
        for good in ["English", "日本語", "a, b", &"n".repeat(64)] {
            check_name(good).unwrap();
        }
        for bad in ["", "a\"b", "a\nb", &"n".repeat(65)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn renditions_of_a_group_are_told_apart_and_one_at_most_is_the_default() {
        let check = |group: &[(&str, bool)]| check_group("subtitles", group.iter().copied());
        check(&[("a", true), ("b", false), ("c", false)]).unwrap();
        for bad in [[("a", false), ("a", false)], [("a", true), ("b", true)]] {
            assert!(check(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn languages_have_the_form_of_tags() {
        for good in ["en", "eng", "pt-BR", "zh-Hant-TW", "de-1996"] {
            check_language(Some(good)).unwrap();
        }
        for bad in ["", "en_US", "e n", "-", "en-", "englishly1", "1e", "en\""] {
            assert!(check_language(Some(bad)).is_err(), "{bad}");
        }
        check_language(None).unwrap();
    }
}
