// The vector vocabulary of a variant: a type `vreal` of VLEN reals, VREGS registers, and a dozen operations. This one: AVX-512.
//
// v_load_n and v_store_n touch the first n elements only, 0 <= n <= VLEN; lanes that were not loaded are zero.
// v_store_bytes stores the lowest byte of each lane. v_fma(a, b, c) is a * b + c, rounded once where the instruction set has a fused
// multiply-add.
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

static inline void v_store_bytes(uint8_t *p, vreal a) {
#ifdef TC_DOUBLE
    _mm_storel_epi64((__m128i *)p, _mm512_cvtepi64_epi8((__m512i)a));
#else
    _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8((__m512i)a));
#endif
}
