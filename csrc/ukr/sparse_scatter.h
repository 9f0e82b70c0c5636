// The micro-kernel of a pool-sparse gradient of an input: a row of 2x2 windows, some rows of taps, a few vectors of input channels.
//
//     dx[place(o) + tap, :] += g[o] * w[o, tap, :] for each of at most 64 output channels o of a window
//
// The channels are taken place by place: those of one place reach the same cells, which stay in registers meanwhile, all taps of them or
// one row of taps. The set of channels is a word of 64 bits, and its members are found by counting zeros; that their number cannot be
// foreseen costs a mispredicted branch for each place, so a member should be worth many multiply-adds. Loads are the limit: one per
// multiply-add, from w, which is small enough to stay in L1.

enum { SCATTER_SET = 64, SCATTER_VECTORS_3 = VREGS == 32 ? (sizeof(vreal) == 64 ? 1 : 2) : 4, SCATTER_VECTORS_5 = 2 };

// Rows of taps that are done at a time: all of them where there are registers for their cells.
static inline int scatter_rows(int kernel, int vectors) { return kernel * kernel * vectors <= VREGS - 4 ? kernel : 1; }

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

// A row of windows, at most 64 output channels of all `channels`.
typedef struct {
    const real *w;  // (o, rows of taps, kernel, vectors * VLEN)
    const real *g;
    const channel_sets *sets;  // of each window
    int64_t channels, windows;
    real *dx;     // the cell of the first window's first place and tap
    int64_t row;  // elements from row to row of it
} scattering;

// All but `p` are constants where this is inlined.
__attribute__((always_inline)) static inline void scatter_row(const int kernel, const int vectors, const scattering *p) {
    const int rows = scatter_rows(kernel, vectors);
    const real *w = p->w, *g = p->g;
    real *dx = p->dx;
    for (int64_t j = 0; j < p->windows; j++, g += p->channels, dx += 2 * vectors * VLEN) {
#pragma GCC unroll 4
        for (int place = 0; place < 4; place++) {
            real *cells = dx + place / 2 * p->row + place % 2 * vectors * VLEN;
            vreal sum[5][5 * 4];
#pragma GCC unroll 5
            for (int u = 0; u < rows; u++)
#pragma GCC unroll 20
                for (int v = 0; v < kernel * vectors; v++) sum[u][v] = v_load(cells + u * p->row + v * VLEN);
            for (uint64_t left = p->sets[j].at[place]; left; left &= left - 1) {
                const int64_t o = __builtin_ctzll(left);
                const real *w_o = w + o * (rows * kernel * vectors * VLEN);
                const vreal scale = v_set1(g[o]);
#pragma GCC unroll 5
                for (int u = 0; u < rows; u++)
#pragma GCC unroll 20
                    for (int v = 0; v < kernel * vectors; v++)
                        sum[u][v] = v_fma(scale, v_load(w_o + (u * kernel * vectors + v) * VLEN), sum[u][v]);
            }
#pragma GCC unroll 5
            for (int u = 0; u < rows; u++)
#pragma GCC unroll 20
                for (int v = 0; v < kernel * vectors; v++) v_store(cells + u * p->row + v * VLEN, sum[u][v]);
        }
    }
}

static void scatter_windows(const scattering *p, int64_t kernel, int64_t vectors) {
    if (kernel == 3) {
        switch (vectors) {
            case 1: scatter_row(3, 1, p); break;
            case 2:
                if (SCATTER_VECTORS_3 >= 2) scatter_row(3, 2, p);
                break;
            case 3:
                if (SCATTER_VECTORS_3 >= 3) scatter_row(3, 3, p);
                break;
            case 4:
                if (SCATTER_VECTORS_3 >= 4) scatter_row(3, 4, p);
                break;
        }
    } else if (vectors == 1) {
        scatter_row(5, 1, p);
    } else {
        scatter_row(5, 2, p);
    }
}
