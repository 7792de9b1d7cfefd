#!/bin/sh
# Runs a fuzz target for some seconds on the seeds of the tests: run.sh TARGET SECONDS
#
# Works with the stable toolchain: the sanitizers, which need another one, are left out.
set -eu
cd "$(dirname "$0")/.."
target=$1 seconds=$2
corpus=fuzz/corpus/$target
mkdir -p "$corpus"
case $target in
safetensors) cp tests/data/loras/*.safetensors "$corpus" ;;
checkpoint) cp tests/data/checkpoints/*.gguf tests/data/checkpoints/fp8*.safetensors "$corpus" ;;
archive)
    # The beginning and the end are enough for a parser of archives.
    tar=assets/demo/lora/trained_model.tar
    { head -c 8192 $tar; tail -c 8192 $tar; } >"$corpus/plain.tar"
    gzip -nc "$corpus/plain.tar" >"$corpus/packed.tar.gz"
    if command -v zstd >/dev/null; then
        zstd -qc "$corpus/plain.tar" >"$corpus/packed.tar.zst"
    else
        echo "run.sh: without the program zstd there is no seed for zstd" >&2
    fi
    ;;
*)
    echo "run.sh: no target is called $target" >&2
    exit 2
    ;;
esac
RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none "$target" -- \
    -max_total_time="$seconds" -max_len=200000 -malloc_limit_mb=512 -rss_limit_mb=2048 -timeout=10
