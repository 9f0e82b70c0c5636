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
#ifdef TC_DOUBLE
static inline vreal v_select(vreal take, vreal b, vreal a) { return vbslq_f64(vreinterpretq_u64_f64(take), b, a); }
#else
static inline vreal v_select(vreal take, vreal b, vreal a) { return vbslq_f32(vreinterpretq_u32_f32(take), b, a); }
#endif

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

static inline vreal v_load_bytes(const uint8_t *p) {
#ifdef TC_DOUBLE
    return vreinterpretq_f64_u64(vcombine_u64(vcreate_u64(p[0]), vcreate_u64(p[1])));
#else
    uint32_t bytes;
    memcpy(&bytes, p, VLEN);
    return vreinterpretq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(bytes)))));
#endif
}

static inline vreal v_pick(const real *four, vreal a) {
#ifdef TC_DOUBLE
    const uint64x2_t first = vreinterpretq_u64_f64(a), all = vorrq_u64(vshlq_n_u64(first, 3), vshlq_n_u64(first, 11));
    const uint64x2_t pairs = vorrq_u64(all, vshlq_n_u64(all, 16)), bytes = vorrq_u64(pairs, vshlq_n_u64(pairs, 32));
    const uint8x16x2_t table = {{vld1q_u8((const uint8_t *)four), vld1q_u8((const uint8_t *)(four + 2))}};
    return vreinterpretq_f64_u8(
        vqtbl2q_u8(table, vaddq_u8(vreinterpretq_u8_u64(bytes), vreinterpretq_u8_u64(vdupq_n_u64(0x0706050403020100)))));
#else
    const uint32x4_t bytes = vmulq_n_u32(vreinterpretq_u32_f32(a), 0x04040404);
    const uint8x16_t index = vaddq_u8(vreinterpretq_u8_u32(bytes), vreinterpretq_u8_u32(vdupq_n_u32(0x03020100)));
    return vreinterpretq_f32_u8(vqtbl1q_u8(vld1q_u8((const uint8_t *)four), index));
#endif
}
