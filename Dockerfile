# The GPU image: the program, and the ffmpeg that it drives.
#
#   docker build -t codex-transcoder .
#   docker run --rm --gpus all codex-transcoder codex-transcoder doctor

FROM rust:1.95-trixie AS build
WORKDIR /src
# The compiler's components and the target of the policies, in a layer that sources don't change.
COPY rust-toolchain.toml ./
RUN rustup toolchain install
COPY . .
RUN cargo build --release --locked -p codex-transcoder

# No CUDA image underneath: ffmpeg loads libcuda, libnvcuvid and libnvidia-encode when it runs, and the NVIDIA container
# runtime mounts them from the machine's own driver, so that they always fit it. Debian's ffmpeg, 7.1, is built with NVENC,
# and needs a driver of version 530 or later.
FROM debian:trixie-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates ffmpeg tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 codex
COPY --from=build /src/target/release/codex-transcoder /usr/local/bin/

# "video" mounts the encoder and the decoder, "utility" nvidia-smi; by default neither encoder nor decoder is mounted.
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=video,compute,utility

USER codex
WORKDIR /home/codex
# No HEALTHCHECK: a worker proves at its start that everything works, ends where it doesn't, and from then on tells the
# platform that it is alive. Test encodes beside a running job would only take its encoder away.
STOPSIGNAL SIGTERM
# tini as process 1 passes signals on, and reaps what an ended ffmpeg leaves behind. The program stands in the command
# and not here, so that a start command of a template replaces all of it.
ENTRYPOINT ["tini", "--"]
CMD ["codex-transcoder", "worker"]
