// The micro-kernel of a pool-sparse gradient of a kernel: one output channel, all taps x a block of input channels in registers.
//
//     dw[tap, :] += sum over the windows k of g[k] * x[at[k] + tap, :]
//
// at[k] is where the window's maximum begins in a copy of the input: each window gives its gradient to one of four places, so three
// quarters of a dense product's multiply-adds are by zeros, and this does not do them. Per window: one broadcast of g, one offset, and a
// multiply-add with an operand in L1 per tap and vector. Both are fetched one window ahead, as the offset's way to an address is long.

enum { GATHER_VECTORS_3 = VREGS == 32 ? 2 : 1, GATHER_ROWS_5 = VREGS == 32 ? 5 : 2 };  // what stays in registers, 3x3 and 5x5

typedef struct {
    const real *x;   // from the first tap of the first window; whole vectors
    int64_t row;     // elements from row to row
    const real *g;   // of window k at g[k * VLEN]
    const lane *at;  // likewise, elements; one more than windows, which is not used
    int64_t windows;
    bool accumulate;  // add to dw, which keeps the chains of sums short, instead of setting it
    real *dw;         // (taps, vectors * VLEN)
} gathering;

// Rows first .. first + rows - 1 of a kernel. All but `p` are constants where this is inlined.
__attribute__((always_inline)) static inline void gather_rows(const int kernel, const int first, const int rows, const int vectors,
                                                              const gathering *p) {
    vreal sum[5][5][2];
    real *dw = p->dw + first * kernel * vectors * VLEN;
#pragma GCC unroll 5
    for (int u = 0; u < rows; u++)
#pragma GCC unroll 10
        for (int v = 0; v < kernel * vectors; v++) sum[u][v / vectors][v % vectors] = v_zero();
    const int64_t row = p->row;
    const real *x = p->x + first * row, *g = p->g, *next = x + p->at[0];
    const lane *at = p->at;
    vreal next_scale = v_set1(g[0]);
    for (int64_t k = p->windows; k > 0; k--) {
        const real *from = next;
        const vreal scale = next_scale;
        next = x + *(at += VLEN);
        next_scale = v_set1(*(g += VLEN));
#pragma GCC unroll 5
        for (int u = 0; u < rows; u++, from += row) {
            __asm__("" : "+r"(from));  // else gcc forms the address of every operand anew
#pragma GCC unroll 10
            for (int v = 0; v < kernel * vectors; v++)
                sum[u][v / vectors][v % vectors] = v_fma(scale, v_load(from + v * VLEN), sum[u][v / vectors][v % vectors]);
        }
    }
#pragma GCC unroll 5
    for (int u = 0; u < rows; u++)
#pragma GCC unroll 10
        for (int v = 0; v < kernel * vectors; v++, dw += VLEN) {
            const vreal of_windows = sum[u][v / vectors][v % vectors];
            v_store(dw, p->accumulate ? v_add(v_load(dw), of_windows) : of_windows);
        }
}

static void gather_windows(const gathering *p, int64_t kernel, int64_t vectors) {
    if (kernel == 3 && vectors == 1) {
        gather_rows(3, 0, 3, 1, p);
    } else if (kernel == 3) {
        gather_rows(3, 0, 3, GATHER_VECTORS_3, p);
    } else if (GATHER_ROWS_5 == 5) {
        gather_rows(5, 0, 5, 1, p);
    } else {
        gather_rows(5, 0, 2, 1, p);
        gather_rows(5, 2, 2, 1, p);
        gather_rows(5, 4, 1, 1, p);
    }
}
