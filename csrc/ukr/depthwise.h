// The micro-kernels of depthwise convolution: every channel by itself, so vectors run along the channels and there is nothing to
// broadcast. Sums stay in registers; each multiply-add costs about one load.

enum { DEPTHWISE_CELLS = 8, DEPTHWISE_TAPS = 12 };

// y[r, :] = start + sum_t a[row r + a_tap[t], :] * w[tap[t], :] over `taps` taps.
typedef struct {
    const real *a;
    const int64_t *a_row, *a_tap;
    const real *w;
    const int64_t *tap;
    int64_t taps, channels;  // channels: also the distance between the rows of w
    const real *start;       // or NULL
    real *y;
    const int64_t *y_row;
} depthwise_product;

__attribute__((always_inline)) static inline void depthwise_tile(const int cells, const depthwise_product *p, int64_t first, int64_t c,
                                                                 int n) {
    const real *a[DEPTHWISE_CELLS];
    vreal sum[DEPTHWISE_CELLS];
    const vreal start = p->start ? load_columns(p->start + c, n) : v_zero();
#pragma GCC unroll 8
    for (int r = 0; r < cells; r++) a[r] = p->a + p->a_row[first + r] + c, sum[r] = start;
    for (int64_t t = 0; t < p->taps; t++) {
        const vreal w = load_columns(p->w + p->tap[t] * p->channels + c, n);
        const int64_t tap = p->a_tap[t];
#pragma GCC unroll 8
        for (int r = 0; r < cells; r++) sum[r] = v_fma(load_columns(a[r] + tap, n), w, sum[r]);
    }
#pragma GCC unroll 8
    for (int r = 0; r < cells; r++) store_columns(p->y + p->y_row[first + r] + c, sum[r], n);
}

static void depthwise_rows(const depthwise_product *p, int64_t rows) {
    int64_t r = 0;
    for (; r + DEPTHWISE_CELLS <= rows; r += DEPTHWISE_CELLS) {
        int64_t c = 0;
        for (; c + VLEN <= p->channels; c += VLEN) depthwise_tile(DEPTHWISE_CELLS, p, r, c, VLEN);
        if (c < p->channels) depthwise_tile(DEPTHWISE_CELLS, p, r, c, (int)(p->channels - c));
    }
    for (; r < rows; r++)
        for (int64_t c = 0; c < p->channels; c += VLEN) depthwise_tile(1, p, r, c, (int)min_i64(VLEN, p->channels - c));
}

// dw[t, :] = start + sum_k x[x_tap[t] + k, :] * dy[k, :], k walking through `runs`; start is 0, or dw itself to accumulate.
typedef struct {
    const real *x;
    const int64_t *x_tap;
    const run *runs;
    int64_t n_runs, x_step;
    const real *dy;
    int64_t dy_stride, taps, channels;
    bool accumulate;
    real *dw;
    int64_t dw_stride;
} depthwise_gradient;

__attribute__((always_inline)) static inline void depthwise_taps(const int taps, const depthwise_gradient *p, int64_t first, int64_t c,
                                                                 int n) {
    const real *x[DEPTHWISE_TAPS], *dy = p->dy + c;
    real *dw = p->dw + first * p->dw_stride + c;
    vreal sum[DEPTHWISE_TAPS];
#pragma GCC unroll 12
    for (int t = 0; t < taps; t++) {
        x[t] = p->x + p->x_tap[first + t] + c;
        sum[t] = p->accumulate ? load_columns(dw + t * p->dw_stride, n) : v_zero();
    }
    for (const run *at = p->runs, *end = at + p->n_runs; at < end; at++) {
        int64_t i = at->begin;
        for (int64_t k = at->length; k > 0; k--, i += p->x_step, dy += p->dy_stride) {
            const vreal g = load_columns(dy, n);
#pragma GCC unroll 12
            for (int t = 0; t < taps; t++) sum[t] = v_fma(load_columns(x[t] + i, n), g, sum[t]);
        }
    }
#pragma GCC unroll 12
    for (int t = 0; t < taps; t++) store_columns(dw + t * p->dw_stride, sum[t], n);
}

static void depthwise_gradient_rows(const depthwise_gradient *p) {
    const int64_t tiles = (p->taps + DEPTHWISE_TAPS - 1) / DEPTHWISE_TAPS;
    for (int64_t c = 0; c < p->channels; c += VLEN) {
        const int n = (int)min_i64(VLEN, p->channels - c);
        for (int64_t t = 0, first = 0; t < tiles; t++) {
            const int64_t end = (t + 1) * p->taps / tiles;
            switch (end - first) {
#define TAPS(m) \
    case m: depthwise_taps(m, p, first, c, n); break;
                TAPS(1) TAPS(2) TAPS(3) TAPS(4) TAPS(5) TAPS(6) TAPS(7) TAPS(8) TAPS(9) TAPS(10) TAPS(11) TAPS(12)
#undef TAPS
            }
            first = end;
        }
    }
}
