#!/bin/sh
# Every C kernel against plain loops in double (tests/c/check_kernels.c), compiled for AArch64 and run under user-mode emulation.
#
#     benchmarks/neon.sh           NEON; skipped where the cross compiler or the emulator is missing
#     benchmarks/neon.sh native    the levels of this machine, or the one that TINYCNN_ISA names, with CC or cc
#
# Debian has what it needs: gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user. Everything is built in a temporary folder.
set -eu

skip() {
    echo "skipped: $1"
    exit 0
}

# Flags as in setup.py; so are the levels, "<isa> <flags>" each.
flags="-std=gnu11 -O3 -fno-math-errno -fno-trapping-math -fvisibility=hidden -pthread -Wall -Wextra -Icsrc -Icsrc/simd"
x86_v3="-mavx2 -mfma -mbmi -mbmi2"
x86_v4="$x86_v3 -mavx512f -mavx512bw -mavx512cd -mavx512dq -mavx512vl -mprefer-vector-width=512"

case "${1:-}" in
    "")
        machine=aarch64 link=-static only=neon
        cc=$(command -v aarch64-linux-gnu-gcc) || skip "no aarch64-linux-gnu-gcc"
        run=$(command -v qemu-aarch64 || command -v qemu-aarch64-static) || skip "no qemu-aarch64"
        ;;
    native) machine=$(uname -m) cc=${CC:-cc} link="" run="" only=${TINYCNN_ISA:-} ;;
    *)
        echo "usage: benchmarks/neon.sh [native]" >&2
        exit 2
        ;;
esac
case $machine in
    x86_64 | amd64) levels="x86_v4 x86_v3 baseline" ;;
    aarch64 | arm64) levels=neon ;;
    *) levels=baseline ;;
esac

cd "$(dirname "$0")/.."
ulimit -c 0  # a crash is told, not kept
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
trap 'exit 1' HUP INT TERM

compilers="" table=""
for isa in $levels; do
    case $isa in
        x86_v3) isa_flags=$x86_v3 ;;
        x86_v4) isa_flags=$x86_v4 ;;
        *) isa_flags="" ;;
    esac
    $cc $flags $isa_flags -DTC_ISA=$isa -c csrc/variant.c -o "$build/${isa}_f32.o" &
    compilers="$compilers $!"
    $cc $flags $isa_flags -DTC_ISA=$isa -DTC_DOUBLE=1 -c csrc/variant.c -o "$build/${isa}_f64.o" &
    compilers="$compilers $!"
    table="$table LEVEL($isa)"
done
for compiler in $compilers; do wait "$compiler"; done
$cc $flags $link "-DTC_LEVELS=$table" tests/c/check_kernels.c csrc/alloc.c csrc/cpu.c csrc/dispatch.c csrc/threads.c "$build"/*.o -lm \
    -o "$build/check_kernels"
$run "$build/check_kernels" $only
