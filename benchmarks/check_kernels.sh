#!/bin/sh
# Every C kernel against plain loops in double (tests/c/check_kernels.c).
#
#     benchmarks/check_kernels.sh           the levels of this machine, or the one that TINYCNN_ISA names, with CC or cc
#     benchmarks/check_kernels.sh neon      compiled for AArch64 and run under user-mode emulation; skipped where that is missing
#     benchmarks/check_kernels.sh avx512    the AVX-512 level with its intrinsics spelled out (tests/c/avx512): for any x86-64 with AVX2
#
# Debian has what NEON needs: gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user. Everything is built in a temporary folder.
set -eu

skip() {
    echo "skipped: $1"
    exit 0
}

# Flags as in setup.py; so are the levels, "<isa> <flags>" each.
flags="-std=gnu11 -O3 -fno-math-errno -fno-trapping-math -fvisibility=hidden -pthread -Wall -Wextra -Icsrc -Icsrc/simd"
x86_v3="-mavx2 -mfma -mbmi -mbmi2"
x86_v4="$x86_v3 -mavx512f -mavx512bw -mavx512cd -mavx512dq -mavx512vl -mprefer-vector-width=512"

cc=${CC:-cc} link="" run="" only=${TINYCNN_ISA:-}
case "${1:-}:$(uname -m)" in
    :x86_64 | :amd64) levels="x86_v4 x86_v3 baseline" ;;
    :aarch64 | :arm64) levels=neon ;;
    :*) levels=baseline ;;
    neon:*)
        levels=neon link=-static only=neon
        cc=$(command -v aarch64-linux-gnu-gcc) || skip "no aarch64-linux-gnu-gcc"
        run=$(command -v qemu-aarch64 || command -v qemu-aarch64-static) || skip "no qemu-aarch64"
        ;;
    avx512:x86_64 | avx512:amd64)  # the compiler may use AVX2, the kernels believe in AVX-512
        levels=x86_v4 only=x86_v4 x86_v4=$x86_v3
        flags="-Itests/c/avx512 $flags -O1 -Wno-psabi"  # -O3 takes gcc many minutes here
        ;;
    *)
        echo "usage: benchmarks/check_kernels.sh [neon | avx512]" >&2
        exit 2
        ;;
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
if [ "${1:-}" = avx512 ]; then  # which this processor is now said to have
    flags="$flags -Dtc_cpu_has_x86_v4=tc_cpu_really_has_x86_v4"
    $cc $flags -c csrc/cpu.c -o "$build/cpu.o"
    flags="${flags% *}"
    echo "int tc_cpu_has_x86_v4(void) { return 1; }" > "$build/cpu.c"
else
    cp csrc/cpu.c "$build/cpu.c"
fi
$cc $flags $link "-DTC_LEVELS=$table" tests/c/check_kernels.c csrc/alloc.c "$build/cpu.c" csrc/dispatch.c csrc/threads.c "$build"/*.o -lm \
    -o "$build/check_kernels"
$run "$build/check_kernels" $only
