//! What a test needs of the machine.

/// A test can't prove what it is for, because the machine lacks something. In continuous integration (`CI=true`), where
/// the machine has everything, that is a failure; elsewhere the line names what was not tested.
///
/// # Panics
/// If the variable `CI` is `true`.
pub fn unmet(need: &str) {
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!ci, "this machine has to have what the test needs: {need}");
    eprintln!("skipped: {need}");
}
