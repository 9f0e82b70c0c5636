// The AVX-512 intrinsics that csrc/simd/x86_v4.h uses, in the compiler's own vectors: in place of the real header it lets that level be
// checked on a processor without AVX-512 (benchmarks/check_kernels.sh avx512).
#include <stdint.h>
#include <string.h>

typedef float __m512 __attribute__((vector_size(64)));
typedef double __m512d __attribute__((vector_size(64)));
typedef int64_t __m512i __attribute__((vector_size(64), may_alias));
typedef int64_t __m128i __attribute__((vector_size(16), may_alias));
typedef uint16_t __mmask16;
typedef uint8_t __mmask8;

#define REALS(suffix, vector, scalar, mask)                                                        \
    static inline vector _mm512_setzero_##suffix(void) { return (vector){0}; }                     \
    static inline vector _mm512_set1_##suffix(scalar x) { return (vector){0} + x; }                \
    static inline vector _mm512_add_##suffix(vector a, vector b) { return a + b; }                 \
    static inline vector _mm512_mul_##suffix(vector a, vector b) { return a * b; }                 \
    static inline void _mm512_storeu_##suffix(scalar *p, vector a) { memcpy(p, &a, sizeof a); }    \
    static inline vector _mm512_loadu_##suffix(const scalar *p) {                                  \
        vector a;                                                                                  \
        memcpy(&a, p, sizeof a);                                                                   \
        return a;                                                                                  \
    }                                                                                              \
    static inline vector _mm512_fmadd_##suffix(vector a, vector b, vector c) { return a * b + c; } \
    static inline vector _mm512_maskz_loadu_##suffix(mask lanes, const scalar *p) {                \
        vector a = {0};                                                                            \
        for (int i = 0; i < (int)(64 / sizeof(scalar)); i++)                                       \
            if (lanes >> i & 1) a[i] = p[i];                                                       \
        return a;                                                                                  \
    }                                                                                              \
    static inline void _mm512_mask_storeu_##suffix(scalar *p, mask lanes, vector a) {              \
        for (int i = 0; i < (int)(64 / sizeof(scalar)); i++)                                       \
            if (lanes >> i & 1) p[i] = a[i];                                                       \
    }

REALS(ps, __m512, float, __mmask16)
REALS(pd, __m512d, double, __mmask8)

// The lowest byte of each lane, side by side.
static inline __m128i lowest_bytes(__m512i a, int lane) {
    uint8_t from[64], to[16] = {0};
    __m128i bytes;
    memcpy(from, &a, sizeof from);
    for (int i = 0; i < 64 / lane; i++) to[i] = from[i * lane];
    memcpy(&bytes, to, sizeof bytes);
    return bytes;
}

static inline __m128i _mm512_cvtepi32_epi8(__m512i a) { return lowest_bytes(a, 4); }
static inline __m128i _mm512_cvtepi64_epi8(__m512i a) { return lowest_bytes(a, 8); }
static inline void _mm_storeu_si128(__m128i *p, __m128i a) { memcpy(p, &a, 16); }
static inline void _mm_storel_epi64(__m128i *p, __m128i a) { memcpy(p, &a, 8); }
