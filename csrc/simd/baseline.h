// The vector vocabulary (see x86_v4.h) on any processor: the compiler's 16-byte vectors (SSE2 on x86-64).
#include <string.h>

typedef real vreal __attribute__((vector_size(16)));
enum { VLEN = sizeof(vreal) / sizeof(real), VREGS = 16 };
enum { LOWEST_BYTE = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? sizeof(real) - 1 : 0 };  // of a lane

static inline vreal v_load(const real *p) {
    vreal a;
    memcpy(&a, p, sizeof a);
    return a;
}

static inline void v_store(real *p, vreal a) { memcpy(p, &a, sizeof a); }

static inline vreal v_set1(real x) {
    real lanes[VLEN];
    for (int i = 0; i < VLEN; ++i) lanes[i] = x;
    return v_load(lanes);
}

static inline vreal v_load_n(const real *p, int n) {
    real lanes[VLEN] = {0};
    for (int i = 0; i < n; ++i) lanes[i] = p[i];
    return v_load(lanes);
}

static inline void v_store_n(real *p, vreal a, int n) {
    real lanes[VLEN];
    v_store(lanes, a);
    for (int i = 0; i < n; ++i) p[i] = lanes[i];
}

static inline vreal v_zero(void) { return v_set1(0); }
static inline vreal v_add(vreal a, vreal b) { return a + b; }
static inline vreal v_mul(vreal a, vreal b) { return a * b; }
static inline vreal v_fma(vreal a, vreal b, vreal c) { return a * b + c; }
static inline vreal v_select(vreal take, vreal b, vreal a) {
    typedef uint64_t bits __attribute__((vector_size(sizeof(vreal))));
    return (vreal)(((bits)b & (bits)take) | ((bits)a & ~(bits)take));
}

static inline void v_store_bytes(uint8_t *p, vreal a) {
    uint8_t bytes[sizeof a];
    memcpy(bytes, &a, sizeof a);
    for (int i = 0; i < VLEN; ++i) p[i] = bytes[i * sizeof(real) + LOWEST_BYTE];
}

static inline vreal v_load_bytes(const uint8_t *p) {
    vreal a;
    uint8_t bytes[sizeof a] = {0};
    for (int i = 0; i < VLEN; ++i) bytes[i * sizeof(real) + LOWEST_BYTE] = p[i];
    memcpy(&a, bytes, sizeof a);
    return a;
}

static inline vreal v_pick(const real *four, vreal a) {
    uint8_t bytes[VLEN];
    real lanes[VLEN];
    v_store_bytes(bytes, a);
    for (int i = 0; i < VLEN; ++i) lanes[i] = four[bytes[i]];
    return v_load(lanes);
}
