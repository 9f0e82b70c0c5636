// The micro-kernel of every convolution and matrix product: a tile of the result stays in registers while k runs.
//
//     y[r, :] = start[r, :] + sum_k a[r, k] * b[k, :]
//
// The rows of `a` may begin anywhere (at a pixel of an image, a row or a column of a matrix), so nothing is unfolded or packed on
// that side; k walks through `runs` that all rows share (a row of kernel taps, a row of pixels, a whole matrix row).
//
// Per k: one load for each vector of b's row, one broadcast for each row of a, rows * vectors multiply-adds. With 32 registers a tile of
// 6 rows x 4 vectors needs 10 loads for 24 multiply-adds, below the two loads a cycle that the load ports give to two multiply-adds.

// k = begin, begin + step, ...: `length` of them. The step is the product's.
typedef struct {
    int64_t begin, length;
} run;

typedef struct {
    const real *a;
    const int64_t *a_row;  // row r of a begins at a + a_row[r]
    const run *runs;
    int64_t n_runs, a_step;
    const real *b;  // row k begins at b + k * b_stride; whole vectors are read
    int64_t b_stride;
    const real *start;  // the first value of every row (a bias), or NULL for zeros
    bool accumulate;    // add to y instead: chains of sums stay short, and so does their rounding error
    real *y;
    const int64_t *y_row;  // row r of y begins at y + y_row[r]
    int64_t columns;       // of y; the last vector may be partial
} product;

enum { MAX_VECTORS = VREGS == 32 ? 4 : 2, MAX_ROWS = 12 };

// Rows of a tile: as many as leave registers for a row of b and a broadcast.
static inline int tile_rows(int vectors) {
    const int rows = (VREGS - 1) / vectors - 1;
    return rows < MAX_ROWS ? rows : MAX_ROWS;
}

static inline vreal load_columns(const real *p, int n) { return n == VLEN ? v_load(p) : v_load_n(p, n); }

static inline void store_columns(real *p, vreal a, int n) {
    if (n == VLEN) v_store(p, a);
    else v_store_n(p, a, n);
}

// One tile from row `first` on. `rows` and `vectors` are constants where this is inlined; the loops over them unroll into registers.
__attribute__((always_inline)) static inline void tile(const int rows, const int vectors, const product *p, int64_t first) {
    const int last = (int)(p->columns - (vectors - 1) * VLEN);
    const int64_t *y_row = p->y_row + first, step = p->a_step, b_stride = p->b_stride;
    const real *a[MAX_ROWS], *b = p->b;
    vreal sum[MAX_ROWS][MAX_VECTORS];
    const real *start = p->accumulate ? NULL : p->start;
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) sum[0][v] = start ? load_columns(start + v * VLEN, v + 1 < vectors ? VLEN : last) : v_zero();
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) {
        a[r] = p->a + p->a_row[first + r];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) sum[r][v] = sum[0][v];
    }
    for (const run *at = p->runs, *end = at + p->n_runs; at < end; at++) {
        int64_t i = at->begin;
        for (int64_t k = at->length; k > 0; k--, i += step, b += b_stride) {
            vreal b_row[MAX_VECTORS];
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) b_row[v] = v_load(b + v * VLEN);
#pragma GCC unroll 12
            for (int r = 0; r < rows; r++) {
                const vreal a_rk = v_set1(a[r][i]);
#pragma GCC unroll 4
                for (int v = 0; v < vectors; v++) sum[r][v] = v_fma(a_rk, b_row[v], sum[r][v]);
            }
        }
    }
    if (last == VLEN && !p->accumulate) {  // as nearly always
#pragma GCC unroll 12
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) v_store(p->y + y_row[r] + v * VLEN, sum[r][v]);
        return;
    }
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            const int n = v + 1 < vectors ? VLEN : last;
            real *y = p->y + y_row[r] + v * VLEN;
            store_columns(y, p->accumulate ? v_add(load_columns(y, n), sum[r][v]) : sum[r][v], n);
        }
}

// All rows, in tiles as even as can be: 49 rows are 4 tiles of 6 and 5 of 5, not 8 of 6 and one of 1.
__attribute__((always_inline)) static inline void tiles(const int vectors, const product *p, int64_t rows) {
    const int64_t n = (rows + tile_rows(vectors) - 1) / tile_rows(vectors), size = n ? rows / n : 0, larger = rows - n * size;
    for (int64_t t = 0, first = 0; t < n; t++) {
        const int64_t end = first + size + (t < larger);
        switch (end - first) {
#define TILE(r)                                                  \
    case r:                                                      \
        if (r <= tile_rows(vectors)) tile(r, vectors, p, first); \
        break;
            TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12)
#undef TILE
        }
        first = end;
    }
}

static void multiply_rows(const product *p, int64_t rows) {
    switch ((p->columns + VLEN - 1) / VLEN) {
        case 1: tiles(1, p, rows); break;
        case 2: tiles(2, p, rows); break;
        case 3:
            if (MAX_VECTORS >= 3) tiles(3, p, rows);
            break;
        case 4:
            if (MAX_VECTORS >= 4) tiles(4, p, rows);
            break;
    }
}
