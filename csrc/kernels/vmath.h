// Elementary functions that a plain loop over them vectorises, and sums over one row in a fixed order.

enum { LANES = 16 };  // accumulators of a row's sum or maximum: one AVX-512 register of floats

#ifdef TC_DOUBLE
static inline real real_exp(real x) { return exp(x); }
static inline real real_expm1(real x) { return expm1(x); }
static inline real real_log(real x) { return log(x); }
static inline real real_sqrt(real x) { return sqrt(x); }
#else

static inline uint32_t float_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float float_from_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

// x = n * ln 2 + f with |f| <= ln 2 / 2 (Cody & Waite 1980, chapter 6: ln 2 in two parts); exp(x) = 2^n + 2^n * expm1(f).
typedef struct {
    float expm1_f;
    float scale, rest;  // 2^n = scale * rest: two factors, as 2^n itself may be subnormal or 2^128
} exp_parts;

static inline exp_parts split_exp(float x) {
    const float round_to_int = 12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits of the sum
    x = x > 90.0f ? 90.0f : x;               // exp is infinite above and 0 below; a NaN passes both comparisons
    x = x < -105.0f ? -105.0f : x;
    const float shifted = x * 1.44269504f + round_to_int;
    const float n = shifted - round_to_int;
    const float f = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    // expm1(f) = f + f^2 * p(f); p is a minimax fit of degree 5 (Cephes, expf: https://www.netlib.org/cephes)
    float p = 1.9875691500e-4f;
    p = p * f + 1.3981999507e-3f;
    p = p * f + 8.3334519073e-3f;
    p = p * f + 4.1665795894e-2f;
    p = p * f + 1.6666665459e-1f;
    p = p * f + 5.0000001201e-1f;
    const uint32_t exponent = float_bits(shifted) - float_bits(round_to_int);  // n, modulo 2^32
    const uint32_t half = (uint32_t)((int32_t)exponent >> 1);
    return (exp_parts){p * f * f + f, float_from_bits((half + 127) << 23), float_from_bits((exponent - half + 127) << 23)};
}

static inline real real_exp(real x) {
    const exp_parts e = split_exp(x);
    return (e.expm1_f * e.scale + e.scale) * e.rest;
}

// Without the digits that exp(x) - 1 loses near 0. For x <= 0 only.
static inline real real_expm1(real x) {
    const exp_parts e = split_exp(x);
    const float power = e.scale * e.rest;
    return e.expm1_f * power + (power - 1.0f);
}

static inline real real_log(real x) { return logf(x); }
static inline real real_sqrt(real x) { return sqrtf(x); }
#endif

static inline real real_abs(real x) { return x < 0 ? -x : x; }

static inline real real_sigmoid(real x) {
    const real e = real_exp(-real_abs(x));  // never overflows
    return (x >= 0 ? 1 : e) / (1 + e);
}

static inline real real_tanh(real x) {
    const real t = real_expm1(-2 * real_abs(x));
    const real y = -t / (t + 2);
    return x < 0 ? -y : y;
}
