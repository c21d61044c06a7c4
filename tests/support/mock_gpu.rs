//! An ffmpeg that seems to have a GPU: runs that ask for NVENC are answered by libx264, and every run is written down.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::workspace;

/// What the GPU does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gpu {
    /// All that is asked of it.
    Works,
    /// The same, as far as the driver's limit of encodes at once allows.
    HasSessions(usize),
    /// Encodes, and can't keep pictures of a whole film on the card.
    FailsOnCard,
    /// Passes the test encode and fails at the ladder, half-way.
    FailsAtLadders,
    /// Ends every ladder well, with a segment of no bytes.
    LosesSegments,
    /// Is not there, as on most machines.
    IsMissing,
}

/// The program, in a folder that goes when this is dropped.
#[derive(Debug)]
pub struct MockGpu {
    folder: TempDir,
}

/// Options of NVENC that the host uses, in libx264's words. Everything else stays as it is.
const TRANSLATE: &str = r#"
arguments=() nvenc=0 on=gpu-encode ladder=no playlists=()
for argument in "$@"; do
  [ "$argument" = h264_nvenc ] && nvenc=$((nvenc + 1))
  [ "$argument" = -hwaccel_output_format ] && on=gpu
  # The list of a tee: muxers, each with its options in brackets before its file.
  [[ "$argument" == *:hls_time=*]*.m3u8\|* ]] || continue
  ladder=yes playlist=${argument#*]}
  playlists+=("${playlist%%|*}")
done
[ $nvenc = 0 ] && { echo "cpu $ladder" >> "$log"; exec ffmpeg "$@"; }
echo "$on $ladder" >> "$log"
full() { echo 'OpenEncodeSessionEx failed: out of memory (10)' >&2; exit 1; }
while [ $# -gt 0 ]; do
  case "$1" in
    h264_nvenc) arguments+=(libx264) ;;
    -preset) arguments+=(-preset ultrafast); shift ;;
    -cq) arguments+=(-crf "$2"); shift ;;
    -no-scenecut) arguments+=(-sc_threshold 0); shift ;;
    -rc | -forced-idr | -hwaccel | -hwaccel_output_format | -extra_hw_frames) shift ;;
    *scale_cuda=*)
      graph=${1//scale_cuda=/scale=} graph=${graph//:format=nv12/,format=yuv420p} graph=${graph//yadif_cuda/yadif}
      arguments+=("${graph//hwdownload,format=nv12/null}") ;;
    -b:v) [ "$2" = 0 ] || exit 9; shift ;;
    *) arguments+=("$1") ;;
  esac
  shift
done
"#;

impl MockGpu {
    /// Writes the program.
    pub fn that(gpu: Gpu) -> Self {
        let folder = workspace::scratch();
        let end = match gpu {
            Gpu::Works => "exec ffmpeg \"${arguments[@]}\"\n",
            Gpu::HasSessions(most) => &format!("[ $nvenc -gt {most} ] && full\nexec ffmpeg \"${{arguments[@]}}\"\n"),
            Gpu::FailsOnCard => {
                "if [ $ladder = yes ] && [ $on = gpu ]; then\n  ffmpeg \"${arguments[@]}\" -t 1\n  \
echo 'No decoder surfaces left' >&2\n  exit 1\nfi\nexec ffmpeg \"${arguments[@]}\"\n"
            }
            Gpu::FailsAtLadders => {
                "if [ $ladder = yes ]; then\n  ffmpeg \"${arguments[@]}\" -t 1\n  full\nfi\n\
exec ffmpeg \"${arguments[@]}\"\n"
            }
            Gpu::LosesSegments => {
                "ffmpeg \"${arguments[@]}\" || exit\n\
for playlist in \"${playlists[@]}\"; do : > \"${playlist%/*}/00000.ts\"; done\n"
            }
            Gpu::IsMissing => "echo 'Cannot load libcuda.so.1' >&2\nexit 1\n",
        };
        let log = folder.path().join("runs");
        let script = format!("#!/usr/bin/env bash\nlog='{}'\n{TRANSLATE}{end}", log.display());
        let program = folder.path().join("ffmpeg");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder }
    }

    /// Its path.
    pub fn program(&self) -> PathBuf {
        self.folder.path().join("ffmpeg")
    }

    /// On what tier the ladders were encoded, in their order.
    pub fn ladders(&self) -> Vec<String> {
        let log = fs::read_to_string(Path::new(self.folder.path()).join("runs")).unwrap_or_default();
        log.lines().filter_map(|line| line.strip_suffix(" yes")).map(str::to_owned).collect()
    }
}
