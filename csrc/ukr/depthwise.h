// The micro-kernels of depthwise convolution: every channel by itself, so vectors run along the channels and there is nothing to
// broadcast. Sums stay in registers; each multiply-add costs about one load.

enum { DEPTHWISE_CELLS = 8, DEPTHWISE_TAPS = 8 };

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

__attribute__((always_inline)) static inline void depthwise_tile(const int cells, const depthwise_product *p, int64_t first, int64_t c, int n) {
    vreal sum[DEPTHWISE_CELLS];
    const vreal start = p->start ? load_columns(p->start + c, n) : v_zero();
#pragma GCC unroll 8
    for (int r = 0; r < cells; r++) sum[r] = start;
    for (int64_t t = 0; t < p->taps; t++) {
        const vreal w = load_columns(p->w + p->tap[t] * p->channels + c, n);
        const real *a = p->a + p->a_tap[t] + c;
#pragma GCC unroll 8
        for (int r = 0; r < cells; r++) sum[r] = v_fma(load_columns(a + p->a_row[first + r], n), w, sum[r]);
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
