//! How a policy is built between two edits.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use policy::{Candidate, read_local};
use policy_builder::Member;
use tokio::process::Command;

use crate::cli::exit::{Ended, OrUsage as _};

/// The build files of other languages, with what runs them.
const BUILDS: [(&str, &str); 2] = [("build.mjs", "node build.mjs"), ("build.py", "python3 build.py")];

/// Where builds put the policy.
const MADE: &str = "dist/policy.json";

#[derive(Debug)]
pub enum Make {
    Crate(Box<Member>),
    Command {
        line: String,
        folder: PathBuf,
        policy: PathBuf,
    },
    /// Something else builds it.
    File(PathBuf),
}

impl Make {
    pub fn of(
        from: &Path,
        build: Option<&str>,
        policy: Option<&Path>,
        target_dir: Option<&Path>,
    ) -> Result<Self, Ended> {
        if from.is_file() && build.is_none() {
            return Ok(Self::File(from.to_owned()));
        }
        if !from.is_dir() {
            return Err(Ended::usage(format!("{} is not the folder of a policy", from.display())));
        }
        let known = BUILDS.iter().find(|(file, _)| from.join(file).is_file()).map(|(_, line)| *line);
        match build.or(known.filter(|_| !from.join("Cargo.toml").is_file())) {
            Some(line) => Ok(Self::Command {
                line: line.to_owned(),
                folder: from.to_owned(),
                policy: policy.map_or_else(|| from.join(MADE), Path::to_owned),
            }),
            None => {
                let mut member = Member::read(from).map_err(|error| {
                    Ended::usage(format!("{error:#} (--build COMMAND builds a policy of another language)"))
                })?;
                if let Some(folder) = target_dir {
                    let folder = std::path::absolute(folder).or_usage("--target-dir")?;
                    member = member.compiled_in(&folder);
                }
                Ok(Self::Crate(Box::new(member.for_development())))
            }
        }
    }

    /// Builds the policy. What the compiler says goes straight to the terminal. Dropping the future ends the compiler.
    pub async fn policy(&self) -> Result<Candidate, Ended> {
        match self {
            Self::Crate(member) => {
                let mut cargo = Command::from(member.command());
                finish("cargo", cargo.arg("--quiet")).await?;
                let module = member.built().map_err(|error| Ended::environment(format!("{error:#}")))?;
                Ok(Candidate { version: member.version.clone(), ..Candidate::new(&member.name, module, "{}") })
            }
            Self::Command { line, folder, policy } => {
                finish(line, Command::new("sh").arg("-c").arg(line).current_dir(folder)).await?;
                Ok(read_local(Some(policy)).await?.candidate)
            }
            Self::File(policy) => Ok(read_local(Some(policy)).await?.candidate),
        }
    }
}

async fn finish(name: &str, command: &mut Command) -> Result<(), Ended> {
    let running = command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true).status();
    match running.await {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Ended::environment(format!("{name} ended with {status}"))),
        Err(error) => Err(Ended::environment(format!("{name} can't be run: {error}"))),
    }
}
