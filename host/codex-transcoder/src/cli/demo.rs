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
use super::view::{View, print_above};
use super::view_folder::{ANY_PORT, bind, has_desktop, is_interactive, open};

/// Sender and receiver are both this process.
const SECRET: &str = "a secret for the demo alone";

/// Long enough for two segments, short enough to wait for.
const SECONDS: u32 = 12;

/// A slow gradient, which shows banding, with a test card in the corner.
const PICTURE: &str = "gradients=size=1920x1080:rate=30:nb_colors=4:c0=0x08302e:c1=0x1d7f75:c2=0xe2b866:c3=0xd9694a:\
x0=0:y0=0:x1=1919:y1=1079:speed=0.01:seed=7";
const CARD: &str = "testsrc2=size=480x270:rate=30";

/// The time says of each frame which one it is.
const TEXT: &str = ",drawtext=text=codex-transcoder:fontsize=92:fontcolor=white:x=120:y=h-300,\
drawtext=text='%{pts\\:hms}':fontsize=52:fontcolor=white:x=120:y=h-180";

/// Plucked notes that change twice a second, on one side first.
const SOUND: &str = "aevalsrc='0.5*sin(2*PI*(220+55*mod(3*floor(2*t)\\,7))*t)*exp(-4*mod(t\\,0.5))*(0.6+0.4*sin(t))|\
0.4*sin(2*PI*(110+55*mod(floor(t)\\,4))*t)*exp(-2*mod(t\\,1))':s=48000";

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
        print_above("making", &format!("{SECONDS} s of 1080p into {}", clip.display()));
        make_clip(&self.environment.tools.ffmpeg()?, &clip, &cancel).await?;

        let secret = Secret::new(SECRET)?;
        let receiver = Receiver::start("127.0.0.1:0", secret).await?;
        let job = Run {
            input: clip,
            out: Some(self.out.clone()),
            policy: None,
            settings: vec!["waveform=always".to_owned(), "effort=fast".to_owned()],
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
    // Without the text for an ffmpeg without fonts.
    for text in [TEXT, ""] {
        let filters = format!(
            "[1]format=yuv420p[card];[0]format=yuv420p{text}[picture];\
             [picture][card]overlay=W-w-120:H-h-120,fade=in:duration=1"
        );
        let arguments = Arguments::new()
            .flag("-hide_banner")
            .flag("-nostdin")
            .flag("-y")
            .pair("-f", "lavfi")
            .pair("-i", PICTURE)
            .pair("-f", "lavfi")
            .pair("-i", CARD)
            .pair("-f", "lavfi")
            .pair("-i", SOUND)
            .pair("-filter_complex", filters)
            .pair("-t", SECONDS)
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
