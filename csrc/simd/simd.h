/* The vector vocabulary of this variant: type `vreal` of VLEN `real`s, VREGS registers, and a dozen operations.

   v_load_n / v_store_n touch only the first n elements, 0 <= n < VLEN; lanes that were not loaded are zero.
   v_fma(a, b, c) = a * b + c, rounded once where the ISA has a fused instruction. */
#ifndef TC_SIMD_H
#define TC_SIMD_H

#if defined(__AVX512F__)
#include "x86_v4.h"
#elif defined(__AVX2__) && defined(__FMA__)
#include "x86_v3.h"
#elif defined(__aarch64__) && defined(__ARM_NEON)
#include "neon.h"
#else
#include "baseline.h"
#endif

#endif
