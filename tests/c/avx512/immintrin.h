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

// Each lane of `to` a byte.
#define FROM_BYTES(name, type, lanes)                    \
    static inline __m512i name(__m128i a) {              \
        uint8_t from[16];                                \
        type to[lanes];                                  \
        __m512i all;                                     \
        memcpy(from, &a, sizeof from);                   \
        for (int i = 0; i < lanes; i++) to[i] = from[i]; \
        memcpy(&all, to, sizeof all);                    \
        return all;                                      \
    }
FROM_BYTES(_mm512_cvtepu8_epi32, int32_t, 16)
FROM_BYTES(_mm512_cvtepu8_epi64, int64_t, 8)
static inline __m128i _mm_loadu_si128(const __m128i *p) {
    __m128i a;
    memcpy(&a, p, 16);
    return a;
}
static inline __m128i _mm_loadl_epi64(const __m128i *p) {
    __m128i a = {0};
    memcpy(&a, p, 8);
    return a;
}

typedef float __m128 __attribute__((vector_size(16)));
typedef double __m256d __attribute__((vector_size(32)));

static inline __m128 _mm_loadu_ps(const float *p) {
    __m128 a;
    memcpy(&a, p, sizeof a);
    return a;
}
static inline __m256d _mm256_loadu_pd(const double *p) {
    __m256d a;
    memcpy(&a, p, sizeof a);
    return a;
}
static inline __m512 _mm512_broadcast_f32x4(__m128 a) {
    __m512 all;
    for (int i = 0; i < 16; i++) all[i] = a[i % 4];
    return all;
}
static inline __m512d _mm512_broadcast_f64x4(__m256d a) {
    __m512d all;
    for (int i = 0; i < 8; i++) all[i] = a[i % 4];
    return all;
}
static inline __m512 _mm512_permutevar_ps(__m512 a, __m512i index) {  // within each 16 bytes
    int32_t at[16];
    __m512 picked;
    memcpy(at, &index, sizeof at);
    for (int i = 0; i < 16; i++) picked[i] = a[i / 4 * 4 + (at[i] & 3)];
    return picked;
}
static inline __m512d _mm512_permutexvar_pd(__m512i index, __m512d a) {
    __m512d picked;
    for (int i = 0; i < 8; i++) picked[i] = a[index[i] & 7];
    return picked;
}
// Bit 4 a + 2 b + c of the table.
static inline __m512i _mm512_ternarylogic_epi64(__m512i a, __m512i b, __m512i c, int table) {
    __m512i result = {0};
    for (int at = 0; at < 8; at++)
        if (table >> at & 1) result |= (at & 4 ? a : ~a) & (at & 2 ? b : ~b) & (at & 1 ? c : ~c);
    return result;
}
