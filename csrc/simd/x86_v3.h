// The vector vocabulary (see x86_v4.h) on AVX2 + FMA.
#include <immintrin.h>

#ifdef TC_DOUBLE
typedef __m256d vreal;
#define V_(op) _mm256_##op##_pd
enum { VLEN = 4 };
static inline __m256i vmask_(int n) { return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3)); }
#else
typedef __m256 vreal;
#define V_(op) _mm256_##op##_ps
enum { VLEN = 8 };
static inline __m256i vmask_(int n) { return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)); }
#endif
enum { VREGS = 16 };

static inline vreal v_zero(void) { return V_(setzero)(); }
static inline vreal v_set1(real x) { return V_(set1)(x); }
static inline vreal v_load(const real *p) { return V_(loadu)(p); }
static inline void v_store(real *p, vreal a) { V_(storeu)(p, a); }
static inline vreal v_load_n(const real *p, int n) { return V_(maskload)(p, vmask_(n)); }
static inline void v_store_n(real *p, vreal a, int n) { V_(maskstore)(p, vmask_(n), a); }
static inline vreal v_add(vreal a, vreal b) { return V_(add)(a, b); }
static inline vreal v_mul(vreal a, vreal b) { return V_(mul)(a, b); }
static inline vreal v_fma(vreal a, vreal b, vreal c) { return V_(fmadd)(a, b, c); }
static inline vreal v_select(vreal take, vreal b, vreal a) { return V_(blendv)(a, b, take); }

static inline void v_store_bytes(uint8_t *p, vreal a) {
    const __m256i bits = (__m256i)a;
#ifdef TC_DOUBLE
    const __m256i lows = _mm256_shuffle_epi8(bits, _mm256_set1_epi64x(0x0800));
    const int32_t bytes = _mm_cvtsi128_si32(_mm_unpacklo_epi16(_mm256_castsi256_si128(lows), _mm256_extracti128_si256(lows, 1)));
    memcpy(p, &bytes, VLEN);
#else
    const __m256i lows = _mm256_shuffle_epi8(bits, _mm256_set1_epi32(0x0c080400));
    _mm_storel_epi64((__m128i *)p, _mm_unpacklo_epi32(_mm256_castsi256_si128(lows), _mm256_extracti128_si256(lows, 1)));
#endif
}

static inline vreal v_load_bytes(const uint8_t *p) {
#ifdef TC_DOUBLE
    int32_t bytes;
    memcpy(&bytes, p, VLEN);
    return (vreal)_mm256_cvtepu8_epi64(_mm_cvtsi32_si128(bytes));
#else
    return (vreal)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
#endif
}

static inline vreal v_pick(const real *four, vreal a) {
#ifdef TC_DOUBLE
    const __m256i low_bit = _mm256_slli_epi64((__m256i)a, 1), high_bit = _mm256_slli_epi64((__m256i)a, 62);
    const vreal low = _mm256_permutevar_pd(_mm256_broadcast_pd((const __m128d *)four), low_bit);
    const vreal high = _mm256_permutevar_pd(_mm256_broadcast_pd((const __m128d *)four + 1), low_bit);
    return _mm256_blendv_pd(low, high, (vreal)high_bit);
#else
    return _mm256_permutevar_ps(_mm256_broadcast_ps((const __m128 *)four), (__m256i)a);
#endif
}
