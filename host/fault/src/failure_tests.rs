use std::io;

use super::*;

#[derive(Debug, thiserror::Error)]
enum Inner {
    #[error("the disk said no")]
    Disk(#[source] io::Error),
    #[error("the bucket said no")]
    Bucket,
}

impl Fault for Inner {
    fn code(&self) -> &'static Code {
        match self {
            Self::Disk(_) => &codes::storage::IO,
            Self::Bucket => const { &codes::storage::IO.with_blame(Blame::Host).with_retryable(false) },
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Outer {
    #[error("publishing failed")]
    Inner(#[from] Inner),
    #[error(transparent)]
    Through(Inner),
}

impl Fault for Outer {
    fn code(&self) -> &'static Code {
        match self {
            Self::Inner(error) | Self::Through(error) => error.code(),
        }
    }
}

fn disk() -> Inner {
    Inner::Disk(io::Error::other("out of order"))
}

#[test]
fn the_message_has_the_whole_chain_of_causes() {
    assert_eq!(Failure::from(Outer::from(disk())).message, "publishing failed: the disk said no: out of order");
    assert_eq!(Failure::from(Outer::Through(disk())).message, "the disk said no: out of order");
}

#[test]
fn a_cause_that_the_message_has_already_is_not_repeated() {
    #[derive(Debug, thiserror::Error)]
    #[error("publishing failed: {source}")]
    struct Telling {
        source: Inner,
    }
    impl Fault for Telling {
        fn code(&self) -> &'static Code {
            self.source.code()
        }
    }
    let error = Telling { source: disk() };
    assert!(error.source().is_some());
    assert_eq!(Failure::from(error).message, "publishing failed: the disk said no: out of order");
}

#[test]
fn blame_and_retryable_come_with_the_code_through_every_wrapper() {
    let usual = Failure::from(Outer::from(disk()));
    assert_eq!((usual.code.as_str(), usual.blame, usual.retryable), ("storage.io", Blame::Storage, true));
}

#[test]
fn a_case_that_differs_from_its_code_does_so_through_every_wrapper() {
    let other = Failure::from(Outer::from(Inner::Bucket));
    assert_eq!((other.code.as_str(), other.blame, other.retryable), ("storage.io", Blame::Host, false));
    assert_eq!(Outer::Through(Inner::Bucket).code(), &codes::storage::IO);
}

#[test]
fn a_failure_is_of_the_kind_whose_name_it_has() {
    let failure = Failure::new(&codes::job::TAKEN_OVER, "another worker has it");
    assert!(failure.is(&codes::job::TAKEN_OVER) && !failure.is(&codes::job::CANCELLED));
    let own = Failure { code: "upload.too-boring".to_owned(), ..failure };
    assert!(codes::all().all(|code| !own.is(code)));
}

#[test]
fn it_is_shown_and_serialised_as_programs_expect_it() {
    let failure = Failure::new(&codes::webhook::UNDELIVERED, "no \"answer\"");
    assert_eq!(failure.to_string(), "no \"answer\" [webhook.undelivered]");
    assert_eq!(
        serde_json::to_string(&failure).unwrap(),
        r#"{"code":"webhook.undelivered","blame":"receiver","message":"no \"answer\"","retryable":true}"#
    );
    let names = Blame::ALL.map(|blame| (serde_json::to_string(&blame).unwrap(), blame.to_string()));
    assert_eq!(names.map(|(json, shown)| json == format!("{shown:?}")), [true; 5]);
}

#[test]
fn the_exit_code_is_the_codes_own_or_that_of_the_blame() {
    let exit = |code: &Code| Failure::new(code, "").exit_code();
    assert_eq!(exit(&codes::upload::EMPTY), 3);
    assert_eq!(exit(&codes::policy::TRAP), 4);
    assert_eq!(exit(&codes::policy::SETTINGS), 2);
    assert_eq!(exit(&codes::storage::FULL), 5);
    assert_eq!(exit(&codes::host::DISK_FULL), 5);
    assert_eq!(exit(&codes::host::BUG), 1);
    assert_eq!(exit(&codes::job::BAD_INPUT), 2);
    assert_eq!(exit(&codes::job::CANCELLED), 130);
    assert_eq!(exit(&codes::webhook::BAD_URL), 2);
    assert!(codes::settings::ALL.iter().all(|code| exit(code) == 2));
}

#[test]
fn the_exit_code_of_a_policys_own_code_is_that_of_its_blame() {
    let own = |blame| Failure { code: "mine.own".to_owned(), blame, message: String::new(), retryable: false };
    assert_eq!(Blame::ALL.map(|blame| own(blame).exit_code()), [3, 4, 5, 2, 5]);
}
