// The vector vocabulary of a variant: a type `vreal` of VLEN reals, VREGS registers, and a dozen operations. This one: AVX-512.
//
// v_load_n and v_store_n touch the first n elements only, 0 <= n <= VLEN; lanes that were not loaded are zero.
// v_store_bytes stores the lowest byte of each lane, v_load_bytes loads a byte to each lane, as an integer. v_pick(four, a) has four[k] in
// a lane, where k < 4 is the integer in that lane of a. v_select(take, b, a) has b where all bits of a lane of `take` are set, a where none
// is. v_fma(a, b, c) is a * b + c, rounded once where the instruction set has a fused multiply-add.
#include <immintrin.h>

#ifdef TC_DOUBLE
typedef __m512d vreal;
#define V_(op) _mm512_##op##_pd
enum { VLEN = 8 };
typedef __mmask8 vmask_;
#else
typedef __m512 vreal;
#define V_(op) _mm512_##op##_ps
enum { VLEN = 16 };
typedef __mmask16 vmask_;
#endif
enum { VREGS = 32 };

static inline vreal v_zero(void) { return V_(setzero)(); }
static inline vreal v_set1(real x) { return V_(set1)(x); }
static inline vreal v_load(const real *p) { return V_(loadu)(p); }
static inline void v_store(real *p, vreal a) { V_(storeu)(p, a); }
static inline vreal v_load_n(const real *p, int n) { return V_(maskz_loadu)((vmask_)((1u << n) - 1), p); }
static inline void v_store_n(real *p, vreal a, int n) { V_(mask_storeu)(p, (vmask_)((1u << n) - 1), a); }
static inline vreal v_add(vreal a, vreal b) { return V_(add)(a, b); }
static inline vreal v_mul(vreal a, vreal b) { return V_(mul)(a, b); }
static inline vreal v_fma(vreal a, vreal b, vreal c) { return V_(fmadd)(a, b, c); }
static inline vreal v_select(vreal take, vreal b, vreal a) {
    return (vreal)_mm512_ternarylogic_epi64((__m512i)take, (__m512i)b, (__m512i)a, 0xca);
}

static inline void v_store_bytes(uint8_t *p, vreal a) {
#ifdef TC_DOUBLE
    _mm_storel_epi64((__m128i *)p, _mm512_cvtepi64_epi8((__m512i)a));
#else
    _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8((__m512i)a));
#endif
}

static inline vreal v_load_bytes(const uint8_t *p) {
#ifdef TC_DOUBLE
    return (vreal)_mm512_cvtepu8_epi64(_mm_loadl_epi64((const __m128i *)p));
#else
    return (vreal)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
#endif
}

static inline vreal v_pick(const real *four, vreal a) {
#ifdef TC_DOUBLE
    return _mm512_permutexvar_pd((__m512i)a, _mm512_broadcast_f64x4(_mm256_loadu_pd(four)));
#else
    return _mm512_permutevar_ps(_mm512_broadcast_f32x4(_mm_loadu_ps(four)), (__m512i)a);
#endif
}
