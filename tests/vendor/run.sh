#!/bin/sh
# Compares the requests of this worker with those of the vendor's client, at the same server.
# Everything that it installs or writes goes to a folder that is removed at the end.
set -eu
cd "$(dirname "$0")/../.."
cargo=${CARGO:-cargo}
# The reference client; a newer one may speak otherwise.
vendors=runpod==1.12.0

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM HUP

echo "installing $vendors into a throw-away environment"
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "$vendors"

echo "building the echo worker and the server"
$cargo build --quiet --locked -p testkit --example runpod_trace -p runpod --example echo_worker
built=$($cargo metadata --format-version 1 --no-deps --locked |
    "$folder/venv/bin/python" -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/debug/examples

echo "running the vendor's client"
# A home of its own: the client reads an API key from there that would replace the server's.
HOME=$folder "$built/runpod_trace" run "$folder/vendors.json" \
    "$folder/venv/bin/python" tests/vendor/echo_handler.py 2>"$folder/vendors.log" ||
    { cat "$folder/vendors.log" >&2; exit 1; }
echo "running this worker"
"$built/runpod_trace" run "$folder/ours.json" "$built/echo_worker" 2>"$folder/ours.log" ||
    { cat "$folder/ours.log" >&2; exit 1; }
echo
"$built/runpod_trace" compare "$folder/vendors.json" "$folder/ours.json"

echo
echo "running the vendor's client for senders against the local API"
$cargo build --quiet --locked -p codex-transcoder
key=u1/originals/m1/clip.mp4
mkdir -p "$folder/media/${key%/*}" "$folder/archive"
ffmpeg -hide_banner -loglevel error -f lavfi -i testsrc2=size=320x180:rate=25:duration=2 -pix_fmt yuv420p \
    "$folder/media/$key"
ENVIRONMENT=dev WEBHOOK_SECRET=a-secret-for-this-machine-alone CODEX_STORES_MEDIA_PATH="$folder/media" \
    CODEX_STORES_ARCHIVE_PATH="$folder/archive" CODEX_JOB_ENCODER=cpu CODEX_POLICY_SETTINGS='{"effort":"fastest"}' \
    "${built%/examples}/codex-transcoder" --rp_serve_api --rp_api_port 0 >"$folder/address" 2>"$folder/serve.log" &
served=$!
trap 'kill "$served" 2>/dev/null; rm -rf "$folder"' EXIT
until [ -s "$folder/address" ]; do
    kill -0 "$served" 2>/dev/null || { cat "$folder/serve.log" >&2; exit 1; }
    sleep 0.1
done
HOME=$folder "$folder/venv/bin/python" tests/vendor/endpoint_client.py "$(cat "$folder/address")" "$key"
