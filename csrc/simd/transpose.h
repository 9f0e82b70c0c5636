// Transposes blocks of 16-byte vectors: 4x4 floats or 2x2 doubles, which every instruction set has shuffles for.

enum { QUAD = 16 / sizeof(real) };

typedef real quad __attribute__((vector_size(16)));

#ifdef __clang__
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#elif defined(TC_DOUBLE)
typedef int64_t quad_lanes __attribute__((vector_size(16)));
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (quad_lanes){__VA_ARGS__})
#else
typedef int32_t quad_lanes __attribute__((vector_size(16)));
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (quad_lanes){__VA_ARGS__})
#endif

// to[j * to_stride + i] = from[i * from_stride + j] for i, j < QUAD.
static inline void transpose_quad(real *to, int64_t to_stride, const real *from, int64_t from_stride) {
    quad a[QUAD];
    for (int i = 0; i < QUAD; i++) memcpy(a + i, from + i * from_stride, sizeof(quad));
#ifdef TC_DOUBLE
    const quad b[QUAD] = {SHUFFLE(a[0], a[1], 0, 2), SHUFFLE(a[0], a[1], 1, 3)};
#else
    const quad low[2] = {SHUFFLE(a[0], a[1], 0, 4, 1, 5), SHUFFLE(a[2], a[3], 0, 4, 1, 5)};
    const quad high[2] = {SHUFFLE(a[0], a[1], 2, 6, 3, 7), SHUFFLE(a[2], a[3], 2, 6, 3, 7)};
    const quad b[QUAD] = {SHUFFLE(low[0], low[1], 0, 1, 4, 5), SHUFFLE(low[0], low[1], 2, 3, 6, 7), SHUFFLE(high[0], high[1], 0, 1, 4, 5),
                          SHUFFLE(high[0], high[1], 2, 3, 6, 7)};
#endif
    for (int j = 0; j < QUAD; j++) memcpy(to + j * to_stride, b + j, sizeof(quad));
}

#undef SHUFFLE
