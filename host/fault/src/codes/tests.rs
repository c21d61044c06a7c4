use std::collections::BTreeSet;

use super::*;

#[test]
fn every_name_is_there_once() {
    let names: BTreeSet<&str> = all().map(|code| code.name).collect();
    assert_eq!(names.len(), all().count());
    assert!(names.len() > 140, "only {} codes", names.len());
}

#[test]
fn every_name_is_its_area_and_a_reason_in_lower_case_words() {
    let word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase());
    for area in AREAS {
        for code in area.codes {
            let (before, reason) = code.name.split_once('.').unwrap();
            assert_eq!((before, code.area()), (area.name, area.name), "{code}");
            assert!(word(before) && reason.split('-').all(word), "{code}");
        }
    }
}

#[test]
fn every_code_has_a_meaning_and_advice_in_sentences() {
    for code in all() {
        for text in [code.meaning, code.advice] {
            assert!(text.len() > 5 && text.ends_with('.') && !text.contains("  "), "{code}: {text:?}");
            assert!(!text.starts_with(char::is_lowercase) || text.starts_with("ffmpeg"), "{code}: {text:?}");
            // They stand in a cell of a table.
            assert!(!text.contains(['|', '\n']), "{code}: {text:?}");
        }
    }
}

#[test]
fn an_exit_code_is_given_only_where_it_is_not_that_of_the_blame() {
    for code in all() {
        assert_ne!(code.exit, Some(code.blame.exit_code()), "{code}");
    }
}

#[test]
fn a_code_is_found_by_its_name() {
    assert!(all().all(|code| find(code.name).is_some_and(|found| std::ptr::eq(found, code))));
    assert_eq!(find("storage.not-found"), Some(&storage::NOT_FOUND));
    assert_eq!(find("upload.too-boring"), None);
    assert_eq!(find("storage"), None);
}

#[test]
fn a_code_is_shown_as_its_name_and_equal_to_it() {
    let code = &storage::NOT_FOUND;
    assert_eq!(code.to_string(), "storage.not-found");
    assert_eq!(format!("{code:>20}"), "   storage.not-found");
    assert_eq!(format!("{code:?}"), "Code(\"storage.not-found\")");
    assert_eq!(code, "storage.not-found");
    assert_ne!(code, "storage.found");
    assert_ne!(code, &storage::FULL);
    assert_eq!(code, &code.with_blame(crate::Blame::Host));
}
