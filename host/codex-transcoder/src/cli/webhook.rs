//! `webhook verify`: checks the signature of a received request.

use std::io::Read;
use std::path::PathBuf;

use clap::Subcommand;
use webhook::{Clock as _, Secret, SignatureHeaders, SystemClock, verify};

use super::exit::{Ended, OrUsage as _};

const MAX_REQUEST: u64 = 4 << 20;

#[derive(Clone, Debug, Subcommand)]
pub enum Webhook {
    /// Check the signature of a received request with the secret in WEBHOOK_SECRET.
    Verify {
        /// The body, byte for byte as received [default: standard input].
        #[arg(value_name = "FILE")]
        body: Option<PathBuf>,
        /// The header X-Runpod-Signature.
        #[arg(long, value_name = "HEX")]
        signature: String,
        /// The header X-Runpod-Timestamp, if there is one.
        #[arg(long, value_name = "SECONDS")]
        timestamp: Option<String>,
        /// The time to check a timestamp against, in seconds since 1970 [default: now].
        #[arg(long, value_name = "SECONDS")]
        at: Option<u64>,
    },
}

impl Webhook {
    pub fn run(self) -> Result<(), Ended> {
        let Self::Verify { body: file, signature, timestamp, at } = self;
        let secret = std::env::var("WEBHOOK_SECRET").unwrap_or_default();
        if secret.is_empty() {
            return Err(Ended::usage("the secret is expected in the variable WEBHOOK_SECRET"));
        }
        let secret = Secret::allowing_short(&secret)?;
        let mut body = String::new();
        let read = match file {
            Some(path) => std::fs::File::open(path).and_then(|file| file.take(MAX_REQUEST).read_to_string(&mut body)),
            None => std::io::stdin().take(MAX_REQUEST).read_to_string(&mut body),
        };
        read.or_usage("the body can't be read")?;
        let claimed = SignatureHeaders { signature: Some(signature.trim()), timestamp: timestamp.as_deref() };
        verify_body(&secret, claimed, &body, at.unwrap_or_else(|| SystemClock.unix_seconds()))
            .or_usage("not to be trusted")?;
        println!("the signature is right");
        Ok(())
    }
}

/// Also notices a line break that an editor or a shell has added at the end.
fn verify_body(secret: &Secret, claimed: SignatureHeaders<'_>, body: &str, now: u64) -> Result<(), String> {
    let verdict = verify(secret, claimed, body, now);
    let Err(rejection) = verdict else { return Ok(()) };
    match body.strip_suffix('\n') {
        Some(trimmed) if verify(secret, claimed, trimmed, now).is_ok() => {
            Err("it would be right without the line break at the end, which did not come with the request".to_owned())
        }
        _ => Err(rejection.to_string()),
    }
}
