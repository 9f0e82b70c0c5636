// dw of conv_pool_sparse.h where there are few input channels (a grey or a colour image): vectors run over output channels instead.
//
//     dw[u,v,c,o] += x[2i + p + u, 2j + q + v, c] * (g[o] where the argmax of o is (p, q), else 0)   for all windows (i, j), places (p, q)
//
// As many multiply-adds as the dense product, but full vectors of them and no unpooling: each pixel that a window reads, (kernel + 1)^2 of
// them, is broadcast once and meets the four parts of g, while the sums of all taps stay in registers.
//
// Loops, from the outside: shares of the images, each with a dw of its own, added up in order, x panels of output channels, which are the
// chunks; images; input channels, each copied to a plane with zeros around; rows of the kernel, as many as registers hold; windows.

enum {
    NARROW_VECTORS_3 = VREGS == 32 ? 2 : 1,
    NARROW_ROWS_5 = VREGS == 32 ? 5 : 2,
    NARROW_SHARES = 16,  // of the images, at most
};

typedef struct {
    const sparse_job *job;
    int64_t vectors, panels, shares, rows, columns;  // vectors of a panel; size of a plane
    real *partial;                                   // dw of the shares after the first
} narrow_plan;

// One plane and one panel.
typedef struct {
    const real *x;
    int64_t row;  // of x
    const real *g;
    const uint8_t *argmax;
    int64_t stride;         // elements of g and argmax from window to window; whole vectors are read
    int64_t rows, columns;  // windows
    bool accumulate;
    real *dw;
    int64_t tap, n;  // elements from tap to tap of dw; output channels, of which the last vector may have fewer than VLEN
} narrow;

static inline lanes load_places(const uint8_t *argmax) {
    places bytes;
    memcpy(&bytes, argmax, VLEN);
    return __builtin_convertvector(bytes, lanes);
}

// Rows first .. first + rows - 1 of a kernel. All but `p` are constants where this is inlined.
__attribute__((always_inline)) static inline void narrow_rows(const int kernel, const int first, const int rows, const int vectors,
                                                              const narrow *p) {
    const int64_t row = p->row, stride = p->stride;
    vreal sum[5][5][2];
#pragma GCC unroll 5
    for (int u = 0; u < rows; u++)
#pragma GCC unroll 10
        for (int v = 0; v < kernel * vectors; v++) sum[u][v / vectors][v % vectors] = v_zero();
    const real *g = p->g;
    const uint8_t *argmax = p->argmax;
    for (int64_t i = 0; i < p->rows; i++) {
        const real *x = p->x + (2 * i + first) * row;
        for (int64_t j = p->columns; j > 0; j--, x += 2, g += stride, argmax += stride) {
            vreal part[4][2];
#pragma GCC unroll 2
            for (int k = 0; k < vectors; k++) {
                const lanes of_g = (lanes)v_load(g + k * VLEN), place = load_places(argmax + k * VLEN);
#pragma GCC unroll 4
                for (int q = 0; q < 4; q++) part[q][k] = (vreal)(of_g & (lanes)(place == q));
            }
#pragma GCC unroll 6
            for (int r = 0; r <= rows; r++) {
#pragma GCC unroll 6
                for (int c = 0; c <= kernel; c++) {
                    const vreal pixel = v_set1(x[r * row + c]);
#pragma GCC unroll 4
                    for (int q = 0; q < 4; q++) {
                        const int u = r - q / 2, v = c - q % 2;
                        if (u < 0 || u >= rows || v < 0 || v >= kernel) continue;
#pragma GCC unroll 2
                        for (int k = 0; k < vectors; k++) sum[u][v][k] = v_fma(pixel, part[q][k], sum[u][v][k]);
                    }
                }
            }
        }
    }
#pragma GCC unroll 5
    for (int u = 0; u < rows; u++) {
#pragma GCC unroll 10
        for (int v = 0; v < kernel * vectors; v++) {
            const int k = v % vectors, n = k + 1 < vectors ? VLEN : (int)(p->n - k * VLEN);
            real *dw = p->dw + ((first + u) * kernel + v / vectors) * p->tap + k * VLEN;
            const vreal of_windows = sum[u][v / vectors][k];
            store_columns(dw, p->accumulate ? v_add(load_columns(dw, n), of_windows) : of_windows, n);
        }
    }
}

static void narrow_windows(const narrow *p, int64_t kernel) {
    if (kernel == 3 && p->n <= VLEN) {
        narrow_rows(3, 0, 3, 1, p);
    } else if (kernel == 3) {
        narrow_rows(3, 0, 3, NARROW_VECTORS_3, p);
    } else if (NARROW_ROWS_5 == 5) {
        narrow_rows(5, 0, 5, 1, p);
    } else {
        narrow_rows(5, 0, 2, 1, p);
        narrow_rows(5, 2, 2, 1, p);
        narrow_rows(5, 4, 1, 1, p);
    }
}

// g and argmax of a panel that does not fill its vectors, with zeros behind.
static void narrow_pad(const real *g, const uint8_t *argmax, int64_t channels, int64_t n, int64_t windows, int64_t width, real *to_g,
                       uint8_t *to_argmax) {
    memset(to_argmax, 0, (size_t)(windows * width));
    for (int64_t k = 0; k < windows; k++) {
        copy(to_g + k * width, g + k * channels, n);
        clear(to_g + k * width + n, width - n);
        memcpy(to_argmax + k * width, argmax + k * channels, (size_t)n);
    }
}

static int narrow_chunk(void *context, int64_t chunk) {
    const narrow_plan *p = context;
    const sparse_job *job = p->job;
    const tc_conv2d *g = &job->conv;
    const tc_pool2d *pool = &job->pool;
    const int64_t share = chunk / p->panels, width = p->vectors * VLEN, first = chunk % p->panels * width;
    const int64_t n = min_i64(width, g->out_channels - first), windows = pool->out_h * pool->out_w, size = p->rows * p->columns;
    const int64_t tap = g->in_channels * g->out_channels, begin = share * g->batch / p->shares, end = (share + 1) * g->batch / p->shares;
    const int64_t padded = n < width ? windows * width : 0;
    const size_t bytes = sizeof(real) * (size_t)(size + padded) + (size_t)padded;
    real *plane = tc_alloc(bytes);
    if (!plane) return TC_NO_MEMORY;
    real *padded_g = plane + size, *dw = (share ? p->partial + (share - 1) * g->kernel_h * g->kernel_w * tap : job->dw) + first;
    uint8_t *padded_argmax = (uint8_t *)(padded_g + padded);
    narrow at = {.x = plane, .row = p->columns, .rows = pool->out_h, .columns = pool->out_w, .tap = tap, .n = n};
    for (int64_t image = begin; image < end; image++) {
        const int64_t offset = image * windows * g->out_channels + first;
        if (padded) narrow_pad(job->g + offset, job->argmax + offset, g->out_channels, n, windows, width, padded_g, padded_argmax);
        at.g = padded ? padded_g : job->g + offset;
        at.argmax = padded ? padded_argmax : job->argmax + offset;
        at.stride = padded ? width : g->out_channels;
        at.accumulate = image > begin;
        for (int64_t c = 0; c < g->in_channels; c++) {
            copy_plane(g, job->x + image * g->in_h * g->in_w * g->in_channels + c, p->rows, p->columns, plane);
            at.dw = dw + c * g->out_channels;
            narrow_windows(&at, g->kernel_h);
        }
    }
    tc_free(plane, bytes);
    return TC_OK;
}

static int narrow_backward_kernel(const sparse_job *job) {
    const tc_conv2d *g = &job->conv;
    const int64_t size = g->kernel_h * g->kernel_w * g->in_channels * g->out_channels, out_vectors = ceil_div(g->out_channels, VLEN);
    narrow_plan p = {.job = job, .shares = min_i64(g->batch, NARROW_SHARES)};
    p.vectors = min_i64(out_vectors, g->kernel_h == 3 ? NARROW_VECTORS_3 : 1);
    p.panels = ceil_div(out_vectors, p.vectors);
    p.rows = sparse_span(job->pool.out_h, g->kernel_h);
    p.columns = sparse_span(job->pool.out_w, g->kernel_w);
    const size_t bytes = sizeof(real) * (size_t)((p.shares - 1) * size);
    p.partial = bytes ? tc_alloc(bytes) : NULL;
    if (bytes && !p.partial) return TC_NO_MEMORY;
    const int status = tc_parallel_for(p.shares * p.panels, narrow_chunk, &p);
    for (int64_t share = 1; share < p.shares; share++)
        for (int64_t i = 0; i < size; i++) job->dw[i] += p.partial[(share - 1) * size + i];
    if (bytes) tc_free(p.partial, bytes);
    return status;
}
