//! `completions` and `man`: what a shell and a manual know of the command line.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;

use super::exit::{Ended, OrUsage as _};

#[derive(Clone, Debug, Args)]
pub struct Completions {
    /// The shell.
    shell: Shell,
}

#[derive(Clone, Debug, Args)]
pub struct ManualPages {
    /// Write a page for each command into this folder, instead of printing the first one.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Completions {
    pub fn run(&self, mut command: Command) {
        let (name, mut text) = (command.get_name().to_owned(), Vec::new());
        clap_complete::generate(self.shell, &mut command, name, &mut text);
        // The reader may be gone.
        let _ = std::io::stdout().write_all(&text);
    }
}

impl ManualPages {
    pub fn run(&self, command: Command) -> Result<(), Ended> {
        let Some(folder) = &self.out else {
            let mut page = Vec::new();
            Man::new(command).render(&mut page).or_usage("the page can't be made")?;
            let _ = std::io::stdout().write_all(&page);
            return Ok(());
        };
        let written = std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder));
        written.or_usage(format_args!("{} can't be used", folder.display()))
    }
}
