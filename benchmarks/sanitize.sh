#!/bin/sh
# The kernel tests under AddressSanitizer + UndefinedBehaviorSanitizer, then the thread pool under ThreadSanitizer.
#
#     benchmarks/sanitize.sh [python] [pytest arguments]
#
# Needs gcc with libasan, libubsan and libtsan, and a Python with numpy, pytest, hypothesis, setuptools >= 77 and Cython. Everything is
# built in a temporary copy: the package in use stays as it is.
set -eu

python=$(command -v "${1:-python}")
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- tests/kernels -k "not numba and not out_of_memory and not without_threads"  # these two limit the address space
root=$(cd "$(dirname "$0")/.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r "$root"/setup.py "$root"/pyproject.toml "$root"/README.md "$root"/LICENSE "$root"/csrc "$root"/tinycnn "$root"/tests "$copy"
cd "$copy"

echo "== address and undefined behaviour"
rm -f tinycnn/kernels/_native*.so
CFLAGS="-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined" LDFLAGS="-fsanitize=address,undefined" \
    TINYCNN_BUILD=require "$python" setup.py -q build_ext --inplace --build-temp build/address
LD_PRELOAD=$(gcc -print-file-name=libasan.so) PYTHONMALLOC=malloc PYTHONPATH=$copy \
    ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 \
    "$python" -m pytest -q -p no:cacheprovider "$@"

echo "== threads"
gcc -O1 -g -fsanitize=thread -pthread -Icsrc "$root"/benchmarks/sanitize_pool.c csrc/threads.c csrc/alloc.c -o pool
TSAN_OPTIONS=halt_on_error=1 ./pool
