// The micro-kernel of a pool-sparse gradient of an input: one 2x2 window, one vector of input channels.
//
//     dx[place(o) + tap, :] += g[o] * w[o, tap, :] for each of at most 64 output channels o
//
// The cells that a window reaches, (kernel + 1)^2 of them, stay in registers, or as many rows of them as there are registers for. The
// channels are taken place by place, so that each place has its own code, in which taps and registers are constants: the set of channels
// is a word of 64 bits, and its members are found by counting zeros. Loads are the limit: one per multiply-add.

enum { SCATTER_SET = 64, SCATTER_ROWS_3 = VREGS == 32 ? 4 : 3, SCATTER_ROWS_5 = VREGS == 32 ? 4 : 2 };

typedef struct {
    uint64_t at[4];
} channel_sets;

// Bit i of the result is the lowest bit of byte i.
static inline uint64_t low_bits(uint64_t bytes) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    bytes = __builtin_bswap64(bytes);
#endif
    return (bytes & 0x0101010101010101u) * 0x0102040810204080u >> 56;
}

// Which of n <= 64 channels have their maximum at each of the places 0 .. 3.
static inline channel_sets sets_of(const uint8_t *argmax, int64_t n) {
    uint64_t low = 0, high = 0;
    for (int64_t i = 0; i < n; i += 8) {
        uint64_t bytes = 0;
        if (n - i >= 8) memcpy(&bytes, argmax + i, 8);
        else memcpy(&bytes, argmax + i, (size_t)(n - i));
        low |= low_bits(bytes) << i;
        high |= low_bits(bytes >> 1) << i;
    }
    const uint64_t all = ~(uint64_t)0 >> (SCATTER_SET - n);
    return (channel_sets){{all & ~low & ~high, low & ~high, high & ~low, low & high}};
}

// Rows first .. first + rows - 1 of the cells; dx is the first cell of all. All but the arrays are constants where this is inlined.
__attribute__((always_inline)) static inline void scatter_rows(const int kernel, const int first, const int rows, channel_sets set,
                                                               const real *w, const real *g, real *dx, int64_t row) {
    vreal sum[4][6];
    dx += first * row;
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 6
        for (int c = 0; c <= kernel; c++) sum[r][c] = v_load(dx + r * row + c * VLEN);
#pragma GCC unroll 4
    for (int place = 0; place < 4; place++) {
        const int below = place / 2, right = place % 2;
        if (first - below >= kernel) continue;  // these rows are below its taps
        for (uint64_t left = set.at[place]; left; left &= left - 1) {
            const int64_t o = __builtin_ctzll(left);
            const real *w_o = w + o * (kernel * kernel * VLEN);
            const vreal scale = v_set1(g[o]);
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++) {
                const int u = first + r - below;
                if (u < 0 || u >= kernel) continue;
#pragma GCC unroll 5
                for (int v = 0; v < kernel; v++) sum[r][v + right] = v_fma(scale, v_load(w_o + (u * kernel + v) * VLEN), sum[r][v + right]);
            }
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 6
        for (int c = 0; c <= kernel; c++) v_store(dx + r * row + c * VLEN, sum[r][c]);
}

// A row of windows, n <= 64 output channels of all `channels`.
typedef struct {
    const real *w;  // (n, taps, VLEN)
    const real *g;
    const uint8_t *argmax;
    int64_t n, channels, windows;
    real *dx;     // the first cell of the first window
    int64_t row;  // elements from row to row of it
} scattering;

__attribute__((always_inline)) static inline void scatter_all(const int kernel, const int step, const scattering *p) {
    const real *g = p->g;
    const uint8_t *argmax = p->argmax;
    real *dx = p->dx;
    for (int64_t j = 0; j < p->windows; j++, g += p->channels, argmax += p->channels, dx += 2 * VLEN) {
        const channel_sets set = sets_of(argmax, p->n);
#pragma GCC unroll 3
        for (int first = 0; first <= kernel; first += step)
            scatter_rows(kernel, first, first + step <= kernel ? step : kernel + 1 - first, set, p->w, g, dx, p->row);
    }
}

static void scatter_windows(const scattering *p, int64_t kernel) {
    if (kernel == 3) scatter_all(3, SCATTER_ROWS_3, p);
    else scatter_all(5, SCATTER_ROWS_5, p);
}
