// The blocked product on top of the micro-kernel: all columns, all k.
//
//     y[r, n] = start[n] + sum_k a[r, k] * b[k, n]
//
// Loops, from the outside: blocks of K_BLOCK k (one panel of b then stays in L2), panels of at most MAX_VECTORS vectors of columns,
// tiles of rows, k. Between blocks of k the sums rest in y.

enum { K_BLOCK = 1024, RUN_MAX = 512 };  // k; no run is longer, so that blocks can be cut between runs

// A (k, columns) operand in panels: direct, where the matrix itself serves, or packed, panel after panel, each (k, its vectors) with
// zeros after the last column. A direct operand whose columns do not fill their vectors has only its last panel packed.
typedef struct {
    const real *direct;  // or NULL
    int64_t direct_stride;
    real *packed;
    int64_t k, columns;
} operand;

typedef struct {
    const real *b;
    int64_t stride, first, columns;
    bool packed;
} panel;

static int64_t whole_vectors(int64_t n) { return ceil_div(n, VLEN) * VLEN; }

static int64_t operand_panels(int64_t columns) { return ceil_div(ceil_div(columns, VLEN), MAX_VECTORS); }

// The columns of a panel, up to whole vectors.
static range panel_columns(int64_t columns, int64_t index) {
    const int64_t vectors = ceil_div(columns, VLEN), panels = operand_panels(columns);
    return (range){index * vectors / panels * VLEN, (index + 1) * vectors / panels * VLEN};
}

static panel operand_panel(const operand *b, int64_t index) {
    const range c = panel_columns(b->columns, index);
    const int64_t columns = min_i64(c.end, b->columns) - c.begin;
    if (b->direct && c.end <= b->columns) return (panel){b->direct + c.begin, b->direct_stride, c.begin, columns, false};
    return (panel){b->packed + (b->direct ? 0 : b->k * c.begin), c.end - c.begin, c.begin, columns, true};
}

// Elements to set aside for `packed`.
static int64_t operand_room(bool direct, int64_t k, int64_t columns) {
    if (direct) return columns % VLEN ? k * MAX_VECTORS * VLEN : 0;
    return k * whole_vectors(columns);
}

// These two are mostly for a few vectors; the empty statements keep the compiler from making a call of the library's memcpy or memset.
static inline void copy(real *restrict to, const real *restrict from, int64_t n) {
    int64_t i = 0;
    for (; i + VLEN <= n; i += VLEN) {
        v_store(to + i, v_load(from + i));
        __asm__("");
    }
    if (i < n) v_store_n(to + i, v_load_n(from + i, (int)(n - i)), (int)(n - i));
}

static inline void clear(real *to, int64_t n) {
    int64_t i = 0;
    for (; i + VLEN <= n; i += VLEN) {
        v_store(to + i, v_zero());
        __asm__("");
    }
    if (i < n) v_store_n(to + i, v_zero(), (int)(n - i));
}

// to[k, n] = from[n * stride + k], a vector of columns at a time so that whole lines are written.
static void pack_transposed(real *to, int64_t to_stride, const real *from, int64_t stride, int64_t k, int64_t columns) {
    const int64_t whole_k = k - k % QUAD, whole_columns = columns - columns % QUAD;
    for (int64_t first = 0; first < whole_columns; first += VLEN)
        for (int64_t i = 0; i < whole_k; i += QUAD)
            for (int64_t n = first; n < min_i64(first + VLEN, whole_columns); n += QUAD)
                transpose_quad(to + i * to_stride + n, to_stride, from + n * stride + i, stride);
    for (int64_t n = 0; n < columns; n++)
        for (int64_t i = n < whole_columns ? whole_k : 0; i < k; i++) to[i * to_stride + n] = from[n * stride + i];
}

// Packs rows k_begin .. k_begin + k - 1 of a panel, unless it is direct. `from` is that part of the matrix: (k, columns) with rows
// `stride` apart, or, transposed, (columns, k).
static void operand_pack(const operand *b, int64_t index, int64_t k_begin, int64_t k, const real *from, int64_t stride, bool transposed) {
    const panel to = operand_panel(b, index);
    if (!to.packed) return;
    real *row = b->packed + (b->direct ? 0 : b->k * to.first) + k_begin * to.stride;
    if (transposed) pack_transposed(row, to.stride, from + to.first * stride, stride, k, to.columns);
    for (int64_t i = 0; i < k; i++, row += to.stride) {
        if (!transposed) copy(row, from + i * stride + to.first, to.columns);
        clear(row + to.columns, to.stride - to.columns);
    }
}

// Appends `length` k that begin at `begin` to `n` runs, in as few runs as can be; returns their number.
static int64_t append_run(run *runs, int64_t n, int64_t begin, int64_t length, int64_t step) {
    while (length > 0) {
        run *last = runs + n - 1;
        const bool touches = n > 0 && last->length < RUN_MAX && last->begin + last->length * step == begin;
        if (!touches) *(last = runs + n++) = (run){begin, 0};
        const int64_t part = min_i64(length, RUN_MAX - last->length);
        last->length += part;
        begin += part * step;
        length -= part;
    }
    return n;
}

// `p` says everything but b; panels.begin .. panels.end - 1 of b are multiplied, `rows` rows.
static void multiply(product p, const operand *b, range panels, int64_t rows) {
    const run *runs = p.runs, *end = runs + p.n_runs;
    const real *start = p.start;
    real *y = p.y;
    int64_t k = 0;
    do {
        int64_t block = 0;
        for (p.runs = runs; runs < end && (block == 0 || block + runs->length <= K_BLOCK); runs++) block += runs->length;
        p.n_runs = runs - p.runs;
        for (int64_t index = panels.begin; index < panels.end; index++) {
            const panel at = operand_panel(b, index);
            p.b = at.b + k * at.stride;
            p.b_stride = at.stride;
            p.columns = at.columns;
            p.start = start ? start + at.first : NULL;
            p.y = y + at.first;
            multiply_rows(&p, rows);
        }
        p.accumulate = true;
        k += block;
    } while (runs < end);
}
