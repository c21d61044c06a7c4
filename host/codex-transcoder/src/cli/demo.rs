//! `demo`: makes a clip, runs a job on it with a receiver that checks the signature, and says where to look.

use std::path::{Path, PathBuf};

use clap::Args;
use media::command::Arguments;
use media::process::Tool;
use tokio_util::sync::CancellationToken;
use webhook::{ReceivedEvent, Receiver, Secret};

use super::environment::EnvironmentArgs;
use super::exit::Ended;
use super::run::Run;
use super::view::View;
use super::view_folder::{ANY_PORT, bind, has_desktop, is_interactive, open};

/// Sender and receiver are both this process.
const SECRET: &str = "a secret for the demo alone";

/// Long enough for two preview segments from ten percent in, short enough to wait for.
const SECONDS: u32 = 20;

#[derive(Clone, Debug, Args)]
pub struct Demo {
    /// Where all outputs go.
    #[arg(long, default_value = "demo-out", value_name = "DIR")]
    out: PathBuf,
    /// End after the job, without serving its page.
    #[arg(long)]
    no_view: bool,
    #[command(flatten)]
    environment: EnvironmentArgs,
}

impl Demo {
    pub async fn run(self, cancel: CancellationToken) -> Result<(), Ended> {
        std::fs::create_dir_all(&self.out)
            .map_err(|error| Ended::environment(format!("{} can't be used: {error}", self.out.display())))?;
        let clip = self.out.join("demo-clip.mp4");
        eprintln!("{:>12} {SECONDS} s of 1080p into {}", "making", clip.display());
        make_clip(&self.environment.tools.ffmpeg()?, &clip, &cancel).await?;

        let secret = Secret::new(SECRET)?;
        let receiver = Receiver::start("127.0.0.1:0", secret).await?;
        let job = Run {
            input: clip,
            out: self.out.clone(),
            policy: None,
            settings: vec!["waveform=always".to_owned()],
            beside: Vec::new(),
            keys: None,
            key_uri: None,
            webhook: Some(receiver.url()),
            media_type: None,
            creator: "demo".to_owned(),
            media_id: Some("clip".to_owned()),
            job_id: None,
            attributes: Vec::new(),
            record: None,
            no_page: false,
            json: false,
            environment: self.environment.clone(),
        };
        let view = View::new(false);
        let (ended, report) = job.job(SECRET, view.observer(), cancel.clone()).await?;
        let received = receiver.stop().await;
        let page = match &ended {
            Ok(outcome) => job.write_page(&report, &outcome.output).await,
            Err(_) => None,
        };
        view.finish(ended, &self.out, None)?;
        print_results(&self.out, &received);
        match page {
            Some(page) => self.show(&page, cancel).await,
            None => Ok(()),
        }
    }

    /// Serves the result page until the program is stopped; without a terminal, only says how that is done.
    async fn show(&self, page: &Path, stop: CancellationToken) -> Result<(), Ended> {
        let name = page.file_name().unwrap_or_default().to_string_lossy();
        println!("\nthe result page: {}", page.display());
        if self.no_view || !is_interactive() {
            println!("  with its player: codex-transcoder view {}", self.out.display());
            return Ok(());
        }
        let server = bind(&self.out, ANY_PORT).await?;
        let url = server.url(&name);
        println!("  with its player: {url} (Ctrl-C ends it)");
        if has_desktop() {
            open(&url);
        }
        server.run(stop).await;
        Ok(())
    }
}

/// Motion, text and a changing tone, so that a transcoding error can be seen or heard.
async fn make_clip(ffmpeg: &Tool, clip: &Path, cancel: &CancellationToken) -> Result<(), Ended> {
    let folder = clip.parent().and_then(|folder| std::fs::canonicalize(folder).ok()).unwrap_or_default();
    let text = ",drawtext=text='codex-transcoder  %{pts\\:hms}':fontsize=64:fontcolor=white:box=1:boxcolor=black@0.5:\
boxborderw=20:x=(w-text_w)/2:y=h-200";
    // Without the text for an ffmpeg without fonts.
    for text in [text, ""] {
        let picture = format!(
            "testsrc2=size=1920x1080:rate=30:duration={SECONDS},hue=H=0.4*t,fade=in:duration=1.5{text},format=yuv420p"
        );
        let sound = format!(
            "aevalsrc='0.25*sin(2*PI*(220+40*floor(t))*t)*(0.6+0.4*sin(2*PI*t))|0.25*sin(2*PI*330*t)':s=48000:d={SECONDS}"
        );
        let arguments = Arguments::new()
            .flag("-hide_banner")
            .flag("-nostdin")
            .flag("-y")
            .pair("-f", "lavfi")
            .pair("-i", picture)
            .pair("-f", "lavfi")
            .pair("-i", sound)
            .pair("-c:v", "libx264")
            .pair("-preset", "veryfast")
            .pair("-crf", 18)
            .pair("-c:a", "aac")
            .flag("demo-clip.mp4");
        match ffmpeg.capture(&arguments, &folder, cancel, 0).await {
            Ok(_) => return Ok(()),
            Err(error) => tracing::info!(%error, "the demo clip was not made; trying without text"),
        }
    }
    Err(Ended::environment("ffmpeg can't make the demo clip: see `codex-transcoder doctor`"))
}

fn print_results(out: &Path, received: &[ReceivedEvent]) {
    println!("\nwhat the receiver got:");
    for event in received {
        let word = if event.verified { "signature verified" } else { "SIGNATURE NOT VERIFIED" };
        println!("  {word}: {}", event.body);
    }
    let media = out.join("media/demo");
    println!("\nwhere to look:");
    println!("  ffplay {}", media.join("hls/clip/master.m3u8").display());
    println!("  ffplay {}", media.join("hls/clip/preview/preview.m3u8").display());
    println!("  {}", media.join("thumbnails/clip/auto-generated.jpg").display());
    println!("  {}", media.join("waveforms/clip/waveform.png").display());
    println!("  {}", out.join("archive/demo/mezzanine/clip/mezzanine.mp4").display());
}
