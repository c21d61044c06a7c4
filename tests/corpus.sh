#!/usr/bin/env bash
# Runs the program over folders of real uploads and prints a table: what each file became, or why it was refused.
# Usage: corpus.sh PROGRAM FOLDER...
# Ends with 1 if a file was published although its outputs can't be read, or was called the fault of the host or the policy.
set -u
program=$1
shift
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
wrong=0 files=0

# The value of a string in a line of JSON.
field() { sed -n "s/.*\"$1\":\"\(\([^\"\\\\]\|\\\\.\)*\)\".*/\1/p" <<<"$2"; }

# The playlists' own length and that of what is decoded, of each rung.
describe() {
  local master playlist listed rungs=0 lengths=
  master=$(find "$out/job" -name master.m3u8)
  [ -n "$master" ] || { echo "published, without a ladder"; return; }
  for playlist in $(grep -v '^#' "$master"); do
    playlist=${master%/*}/$playlist
    listed=$(awk -F '[:,]' '/^#EXTINF/ { sum += $2 } END { printf "%.2f", sum }' "$playlist")
    lengths="$lengths $listed"
    rungs=$((rungs + 1))
    # Joined: of a segment with a few packets alone, ffmpeg can't tell what it is.
    (cd "${playlist%/*}" && grep -v '^#' "${playlist##*/}" | xargs cat) >"$out/joined"
    ffmpeg -v error -nostdin -xerror -f mpegts -i "$out/joined" -f null - 2>"$out/decoded" >/dev/null &&
      [ ! -s "$out/decoded" ] || { echo "PUBLISHED BROKEN: $(head -n 1 "$out/decoded")"; return 1; }
  done
  echo "published, $rungs rungs of$(tr ' ' '\n' <<<"$lengths" | sort -un | tr '\n' ' ')s"
}

while IFS= read -r file; do
  case $file in
    *.json | *.md | *.txt) continue ;;
    *.mp3 | *.wav | *.flac | *.ogg | *.opus | *.wma | *.spx | *.m4a | *.aac | *.aiff | *.amr | *_channels.mov) kind=audio ;;
    *) kind=video ;;
  esac
  rm -rf "$out/job"
  last=$("$program" run "$file" --out "$out/job" --type $kind --json --settings effort=fastest 2>/dev/null | tail -n 1)
  files=$((files + 1))
  case $last in
    *'"event":"completed"'*) answer=$(describe) || wrong=$((wrong + 1)) ;;
    *'"blame":"upload"'*) answer="refused, $(field code "$last"): $(field message "$last")" ;;
    *) answer="WRONG, $(field code "$last"): $(field message "$last")" wrong=$((wrong + 1)) ;;
  esac
  printf '%-46s %s\n' "${file##*/}" "$answer"
done < <(find "$@" -type f | sort)

echo "$files files, $wrong of them wrong"
[ "$files" -gt 0 ] && [ "$wrong" -eq 0 ]
