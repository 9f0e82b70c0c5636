// The vector vocabulary (see x86_v4.h) on AArch64, which has no masked loads and stores: a partial vector goes through the stack.
#include <arm_neon.h>

#ifdef TC_DOUBLE
typedef float64x2_t vreal;
#define V_(op) op##q_f64
#define VN_(op) op##q_n_f64
enum { VLEN = 2 };
#else
typedef float32x4_t vreal;
#define V_(op) op##q_f32
#define VN_(op) op##q_n_f32
enum { VLEN = 4 };
#endif
enum { VREGS = 32 };

static inline vreal v_zero(void) { return VN_(vdup)(0); }
static inline vreal v_set1(real x) { return VN_(vdup)(x); }
static inline vreal v_load(const real *p) { return V_(vld1)(p); }
static inline void v_store(real *p, vreal a) { V_(vst1)(p, a); }
static inline vreal v_add(vreal a, vreal b) { return V_(vadd)(a, b); }
static inline vreal v_mul(vreal a, vreal b) { return V_(vmul)(a, b); }
static inline vreal v_fma(vreal a, vreal b, vreal c) { return V_(vfma)(c, a, b); }

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

static inline void v_store_bytes(uint8_t *p, vreal a) {
#ifdef TC_DOUBLE
    const uint64x2_t lanes = vreinterpretq_u64_f64(a);
    p[0] = (uint8_t)vgetq_lane_u64(lanes, 0);
    p[1] = (uint8_t)vgetq_lane_u64(lanes, 1);
#else
    const uint16x4_t halves = vmovn_u32(vreinterpretq_u32_f32(a));
    const uint32_t bytes = vget_lane_u32(vreinterpret_u32_u8(vmovn_u16(vcombine_u16(halves, halves))), 0);
    memcpy(p, &bytes, VLEN);
#endif
}
