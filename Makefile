# Every target with a `##` comment is listed by `make help`.

.DEFAULT_GOAL := help
.PHONY: help demo test test-vendor fuzz lint deny bench bench-scaling bench-threads bench-gpu bench-outputs corpus guests guest-js docs pictures ops-check ci ffmpeg xmllint players browser toolchain

CARGO ?= cargo
# rustup's programs are found also by a shell that was open while rustup was installed.
CARGO_HOME ?= $(HOME)/.cargo
export PATH := $(PATH):$(CARGO_HOME)/bin

help: ## Lists these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: toolchain ffmpeg ## Builds the program and shows a whole job: clip, ladder, signed webhook, result page
	@echo "building the program"
	@$(CARGO) build --release --locked --target-dir target
	@target/release/codex-transcoder demo

# Tests on files that not everybody has are ignored, unless the files are there.
SHARED := $(or $(CODEX_SHARED),../shared)

# Many tests wait for a server or a worker, so one more than there are cores keeps all of them busy.
test: export RUST_TEST_THREADS ?= $(shell echo $$(($$(nproc) + 1)))
test: toolchain ffmpeg xmllint players ## Runs every test, those of the whole program among them
	@$(CARGO) test --workspace --locked -- $(if $(wildcard $(SHARED)/media $(SHARED)/waveform),--include-ignored)

test-vendor: toolchain ## Compares the worker's requests with those of RunPod's own client
	@CARGO="$(CARGO)" tests/vendor/run.sh

FUZZ_SECONDS ?= 30

# No sanitizer: they look for what safe Rust can't do, and need a nightly compiler.
fuzz: toolchain ffmpeg ## Fuzzes each reader of foreign bytes for FUZZ_SECONDS (30), with cargo-fuzz
	@if ! command -v cargo-fuzz >/dev/null; then \
		echo "cargo-fuzz is needed and not found: cargo install --locked cargo-fuzz" >&2; \
		exit 1; \
	fi
	@FUZZ_CORPUS=$(CURDIR)/host/fuzz/corpus $(CARGO) test --quiet --locked -p media --lib _of_any_bytes
	@$(CARGO) fuzz build --fuzz-dir host/fuzz --sanitizer none
	@cd host/fuzz; for target in $$($(CARGO) fuzz list --fuzz-dir .); do \
		echo "fuzzing $$target"; \
		mkdir -p corpus/$$target seeds/$$target; \
		$(CARGO) fuzz run --fuzz-dir . --sanitizer none $$target corpus/$$target seeds/$$target -- \
			-max_total_time=$(FUZZ_SECONDS) -timeout=5 -rss_limit_mb=1024 -verbosity=0 -print_final_stats=1 || exit 1; \
	done

lint: toolchain ## Checks the formatting, and the lints of host and guests
	@echo "checking the formatting"
	@$(CARGO) fmt --check
	@echo "checking the lints"
	@$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	@echo "checking the lints of the guests, as they are compiled for the sandbox"
	@$(CARGO) clippy -p codex-policy -p codex-lean-policy -p policy-sdk -p wasi-policy -p template-policy -p showcase-policy --target wasm32-unknown-unknown --locked -- -D warnings

# Known vulnerabilities have a check of their own, because it needs RustSec's database: cargo deny check advisories.
deny: toolchain ## Checks licences, banned crates and sources against deny.toml, with cargo-deny
	@if ! command -v cargo-deny >/dev/null; then \
		echo "cargo-deny is needed and not found: cargo install --locked cargo-deny" >&2; \
		exit 1; \
	fi
	@$(CARGO) deny --locked check licenses bans sources

bench: toolchain ffmpeg ## Measures a job against its encodes, the straightforward way, its link and its memory
	@$(CARGO) bench --locked -p codex-transcoder --bench job --bench worker

bench-scaling: toolchain ffmpeg ## Measures what a job costs over lengths, rungs and cores
	@$(CARGO) bench --locked -p codex-transcoder --bench scaling

bench-threads: toolchain ffmpeg ## Measures encodes by the threads of each encoder
	@$(CARGO) bench --locked -p codex-transcoder --bench threads

bench-gpu: toolchain ffmpeg ## Measures a card in each tier, as Markdown for docs/performance.md
	@$(CARGO) bench --locked -p codex-transcoder --bench gpu

bench-outputs: toolchain ffmpeg ## Measures what each kind of output costs over the job without it
	@$(CARGO) bench --locked -p codex-transcoder --bench outputs

CORPUS ?= ../shared/inputs/uploads ../shared/media

corpus: toolchain ffmpeg ## Prints what becomes of each upload in the folders CORPUS
	@$(CARGO) build --release --locked --target-dir target
	@tests/corpus.sh target/release/codex-transcoder $(CORPUS)

guests: toolchain ## Makes the policies as components in target/policies/
	@$(CARGO) run --quiet --locked -p policy-builder --bin build-policy -- codex-policy codex-lean-policy showcase-policy

guest-js: ## Builds the policy in JavaScript, with a manifest: target/policies/codex-js/policy.json
	@if ! command -v node >/dev/null || ! command -v npm >/dev/null; then \
		echo "Node.js 20 or later and npm are needed on the PATH and not found." >&2; \
		exit 1; \
	fi; \
	node guests/codex-js/build.mjs

docs: toolchain ## Writes docs/contract.md from the comments in wit/, and docs/errors.md from the table of codes
	@WRITE_PAGE=1 $(CARGO) test --quiet --locked -p policy-builder --test contract_page
	@WRITE_PAGE=1 $(CARGO) test --quiet --locked -p fault --test errors_page

# The package has the server too; only its tool is used.
ops-check: ## Tests the alert rules in ops/ with promtool
	@$(BY_APT); \
	if ! command -v promtool >/dev/null; then \
		by_apt prometheus "promtool is needed on the PATH and not found. It comes with Prometheus (macOS: brew install prometheus)."; \
	fi; \
	cd ops && promtool check rules alerts.yml && promtool test rules alerts.test.yml

pictures: toolchain ffmpeg players ## Writes the pictures of the result page in docs/images/
	@WRITE_PICTURES=1 $(CARGO) test --quiet --workspace --locked --test whole_program -- result_page::pictures

ci: lint test ## Runs what has to pass before a change lands

# A function of the shell: by_apt PACKAGES ADVICE. The advice is for systems that don't have these packages.
define BY_APT
by_apt() { \
	if ! command -v apt-get >/dev/null; then echo "$$2" >&2; exit 1; fi; \
	if [ "$$(id -u)" -eq 0 ]; then root=; else root=sudo; fi; \
	echo "installing:$${root:+ $$root} apt-get install $$1"; \
	$$root apt-get -qq update </dev/null && \
	$$root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $$1 </dev/null >/dev/null || \
		{ echo "$$2" >&2; exit 1; }; \
}
endef

# The tests make their fixtures with it too, so it has to be on the PATH.
ffmpeg:
	@$(BY_APT); \
	if command -v ffmpeg >/dev/null && command -v ffprobe >/dev/null; then exit 0; fi; \
	by_apt ffmpeg "ffmpeg and ffprobe are needed on the PATH and not found. Install them, version 5.1 to 9 \
	(macOS: brew install ffmpeg; Fedora: dnf install ffmpeg; Arch: pacman -S ffmpeg)."

# What plays the publications of the browser tests. npm writes this file when it has installed all of package-lock.json.
PLAYERS := tests/players/node_modules/.package-lock.json

players: browser $(PLAYERS)

$(PLAYERS): tests/players/package-lock.json
	@$(BY_APT); \
	if ! command -v node >/dev/null || ! command -v npm >/dev/null; then \
		by_apt "nodejs npm" "Node.js 20 or later and npm are needed on the PATH and not found."; \
	fi; \
	echo "installing hls.js and Shaka Player: npm ci"; \
	(cd $(<D) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null) && touch $@

# The names that tests/support/browser.rs looks for.
browser:
	@$(BY_APT); \
	for name in chromium-headless-shell chromium google-chrome chromium-browser \
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do \
		if command -v "$$name" >/dev/null; then exit 0; fi; \
	done; \
	by_apt chromium-headless-shell "Chromium or Google Chrome is needed on the PATH and not found."

# The tests hold DASH manifests against their schema with it.
xmllint:
	@$(BY_APT); \
	if command -v xmllint >/dev/null; then exit 0; fi; \
	by_apt libxml2-utils "xmllint is needed on the PATH and not found. It is part of libxml2 (Fedora: dnf install libxml2)."

# rustup reads rust-toolchain.toml by itself and brings the right compiler with the target of the guests, unless it is
# set up not to install anything unasked.
toolchain:
	@if ! command -v $(CARGO) >/dev/null; then \
		echo "Rust is needed and not found. Install it with rustup, from https://rustup.rs:" >&2; \
		echo "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y" >&2; \
		exit 1; \
	fi; \
	if command -v rustup >/dev/null && \
		! rustup target list --installed 2>/dev/null | grep -qx wasm32-unknown-unknown; then \
		rustup toolchain install >&2; \
	fi
