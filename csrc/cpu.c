// What this processor, under this operating system, may run. Compiled with the platform's baseline flags.
//
// A level's guard tests every feature that setup.py's flags for it let the compiler use, and that the system saves the registers
// (XCR0; Intel SDM vol. 1, sections 13.3 and 14.3).
#include "tinycnn.h"

int tc_cpu_has_baseline(void) { return 1; }

int tc_cpu_has_neon(void) {
#if defined(__aarch64__) || defined(_M_ARM64)
    return 1;  // Advanced SIMD is part of every AArch64 that runs a general operating system
#else
    return 0;
#endif
}

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

enum {  // bits of XCR0: which registers the system saves
    SAVES_YMM = 1 << 1 | 1 << 2,
    SAVES_ZMM = SAVES_YMM | 1 << 5 | 1 << 6 | 1 << 7,
};

static int has(unsigned word, unsigned bits) { return (word & bits) == bits; }

static unsigned saved_registers(void) {
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

int tc_cpu_has_x86_v3(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
    if (!has(c, bit_SSE3 | bit_SSSE3 | bit_SSE4_1 | bit_SSE4_2 | bit_POPCNT | bit_OSXSAVE | bit_AVX | bit_FMA)) return 0;
    if (!has(saved_registers(), SAVES_YMM)) return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && has(b, bit_AVX2 | bit_BMI | bit_BMI2);
}

int tc_cpu_has_x86_v4(void) {
    unsigned a, b, c, d;
    if (!tc_cpu_has_x86_v3() || !has(saved_registers(), SAVES_ZMM)) return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && has(b, bit_AVX512F | bit_AVX512BW | bit_AVX512CD | bit_AVX512DQ | bit_AVX512VL);
}

#else
int tc_cpu_has_x86_v3(void) { return 0; }
int tc_cpu_has_x86_v4(void) { return 0; }
#endif
