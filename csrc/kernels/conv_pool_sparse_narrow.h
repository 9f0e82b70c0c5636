// dw of conv_pool_sparse.h where there are few input channels (a grey or a colour image): vectors run over output channels instead.
//
//     dw[u,v,c,o] += x[2i + p + u, 2j + q + v, c] * g[o]   for all windows (i, j), where (p, q) is the argmax of o
//
// For each tap the four pixels that (p, q) can choose from lie side by side, in a copy of the image of four times its size, and one
// instruction picks from them for a vector of output channels. The sums of all taps stay in registers. Where nobody else wants g, it is
// made from dy and y on the way, and so is its sum, the gradient of the bias.
//
// Loops, from the outside: shares of the images, each with a dw of its own, added up in order, which are the chunks, if need be for each
// panel of output channels; images; input channels, each copied to quads; panels; rows of the kernel, as many as registers hold; windows.

enum {
    NARROW_VECTORS_3 = VREGS == 32 ? 2 : 1,
    NARROW_ROWS_5 = VREGS == 32 ? 5 : 2,
    NARROW_SHARES = 16,  // of the images, at most
};

typedef struct {
    const sparse_job *job;
    const real *y;                                                     // or NULL, where the job has g; else it has dy there
    real slope;                                                        // of the activation where y is not above 0
    int64_t vectors, panels, panels_per_chunk, shares, rows, columns;  // vectors of a panel; size of a padded image
    real *partial;                                                     // dw of the shares after the first
    double *db;                                                        // of each share, where there is y
} narrow_plan;

// One image's channel and one panel.
typedef struct {
    const real *quads;  // of the windows at every pixel
    int64_t row;        // elements of a row of them
    const real *g, *y;  // g is dy where there is y
    real slope;
    const uint8_t *argmax;
    int64_t stride;         // elements of g, y and argmax from window to window; whole vectors are read
    int64_t rows, columns;  // windows
    bool accumulate;
    real *dw;
    double *db;      // or NULL
    int64_t tap, n;  // elements from tap to tap of dw; output channels, of which the last vector may have fewer than VLEN
} narrow;

// One channel of an image, padded (copy_plane), as the four pixels of the 2x2 window at each pixel.
static void copy_quads(const real *plane, int64_t rows, int64_t columns, real *quads) {
    for (const real *at = plane, *end = plane + (rows - 1) * columns - 1; at < end; at++, quads += 4) {
        memcpy(quads, at, 2 * sizeof(real));
        memcpy(quads + 2, at + columns, 2 * sizeof(real));
    }
}

// Rows first .. first + rows - 1 of a kernel. All but `p` are constants where this is inlined.
__attribute__((always_inline)) static inline void narrow_rows(const int kernel, const int first, const int rows, const int vectors,
                                                              const bool with_y, const narrow *p) {
    const int64_t row = p->row, stride = p->stride;
    const vreal slope = v_set1(p->slope);
    vreal sum[5][5][2], sum_g[2] = {v_zero(), v_zero()};
#pragma GCC unroll 5
    for (int u = 0; u < rows; u++)
#pragma GCC unroll 10
        for (int v = 0; v < kernel * vectors; v++) sum[u][v / vectors][v % vectors] = v_zero();
    const real *g = p->g, *y = p->y;
    const uint8_t *argmax = p->argmax;
    for (int64_t i = 0; i < p->rows; i++) {
        const real *quads = p->quads + (2 * i + first) * row;
        for (int64_t j = p->columns; j > 0; j--, quads += 2 * 4, g += stride, y += with_y ? stride : 0, argmax += stride) {
            vreal of_g[2], place[2];
#pragma GCC unroll 2
            for (int k = 0; k < vectors; k++) {
                of_g[k] = v_load(g + k * VLEN);
                if (with_y) of_g[k] = v_select((vreal)(v_load(y + k * VLEN) > v_zero()), of_g[k], v_mul(slope, of_g[k]));
                if (with_y && first == 0) sum_g[k] = v_add(sum_g[k], of_g[k]);
                place[k] = (vreal)load_places(argmax + k * VLEN, VLEN);
            }
#pragma GCC unroll 5
            for (int u = 0; u < rows; u++)
#pragma GCC unroll 10
                for (int v = 0; v < kernel * vectors; v++) {
                    const int k = v % vectors;
                    const vreal pixel = v_pick(quads + u * row + v / vectors * 4, place[k]);
                    sum[u][v / vectors][k] = v_fma(pixel, of_g[k], sum[u][v / vectors][k]);
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
    if (with_y && first == 0 && p->db) {
        real total[2 * VLEN] = {0};
        for (int k = 0; k < vectors; k++) v_store(total + k * VLEN, sum_g[k]);
        for (int64_t o = 0; o < p->n; o++) p->db[o] += (double)total[o];
    }
}

__attribute__((always_inline)) static inline void narrow_kernel(int64_t kernel, const bool with_y, const narrow *p) {
    if (kernel == 3 && p->n <= VLEN) {
        narrow_rows(3, 0, 3, 1, with_y, p);
    } else if (kernel == 3) {
        narrow_rows(3, 0, 3, NARROW_VECTORS_3, with_y, p);
    } else if (NARROW_ROWS_5 == 5) {
        narrow_rows(5, 0, 5, 1, with_y, p);
    } else {
        narrow_rows(5, 0, 2, 1, with_y, p);
        narrow_rows(5, 2, 2, 1, with_y, p);
        narrow_rows(5, 4, 1, 1, with_y, p);
    }
}

static void narrow_windows(int64_t kernel, const narrow *p) {
    if (p->y) narrow_kernel(kernel, true, p);
    else narrow_kernel(kernel, false, p);
}

// The windows of a panel that does not fill its vectors, with zeros behind each; `room` is for three times as many reals.
static void narrow_pad(narrow *p, int64_t windows, int64_t width, real *room) {
    real *g = room, *y = room + windows * width;
    uint8_t *argmax = (uint8_t *)(y + windows * width);
    memset(argmax, 0, (size_t)(windows * width));
    for (int64_t k = 0; k < windows; k++) {
        copy(g + k * width, p->g + k * p->stride, p->n);
        clear(g + k * width + p->n, width - p->n);
        if (p->y) copy(y + k * width, p->y + k * p->stride, p->n);
        clear(y + k * width + p->n, width - p->n);
        memcpy(argmax + k * width, p->argmax + k * p->stride, (size_t)p->n);
    }
    p->g = g;
    p->y = p->y ? y : NULL;
    p->argmax = argmax;
    p->stride = width;
}

static int narrow_chunk(void *context, int64_t chunk) {
    const narrow_plan *p = context;
    const sparse_job *job = p->job;
    const tc_conv2d *g = &job->conv;
    const tc_pool2d *pool = &job->pool;
    const int64_t groups = ceil_div(p->panels, p->panels_per_chunk), share = chunk / groups, width = p->vectors * VLEN;
    const range panels = chunk_range(chunk % groups, p->panels_per_chunk, p->panels);
    const range images = {share * g->batch / p->shares, (share + 1) * g->batch / p->shares};
    const int64_t windows = pool->out_h * pool->out_w, size = p->rows * p->columns, tap = g->in_channels * g->out_channels;
    const int64_t padded = panels.end * width > g->out_channels ? 3 * windows * width : 0;
    const size_t bytes = sizeof(real) * (size_t)((1 + 4 * g->in_channels) * size + padded);
    real *plane = tc_scratch(bytes);
    if (!plane) return TC_NO_MEMORY;
    real *quads = plane + size, *room = quads + 4 * g->in_channels * size;
    for (int64_t image = images.begin; image < images.end; image++) {
        for (int64_t c = 0; c < g->in_channels; c++) {
            copy_plane(g, job->x + image * g->in_h * g->in_w * g->in_channels + c, p->rows, p->columns, plane);
            copy_quads(plane, p->rows, p->columns, quads + 4 * c * size);
        }
        for (int64_t panel = panels.begin; panel < panels.end; panel++) {
            const int64_t first = panel * width, at = image * windows * g->out_channels + first;
            narrow of_panel = {
                .row = 4 * p->columns,
                .g = job->g + at,
                .y = p->y ? p->y + at : NULL,
                .slope = p->slope,
                .argmax = job->argmax + at,
                .stride = g->out_channels,
                .rows = pool->out_h,
                .columns = pool->out_w,
                .accumulate = image > images.begin,
                .tap = tap,
                .n = min_i64(width, g->out_channels - first),
            };
            if (of_panel.n < width) narrow_pad(&of_panel, windows, width, room);
            for (int64_t c = 0; c < g->in_channels; c++) {
                of_panel.quads = quads + 4 * c * size;
                of_panel.dw = (share ? p->partial + (share - 1) * g->kernel_h * g->kernel_w * tap : job->dw) + c * g->out_channels + first;
                of_panel.db = c == 0 && p->y ? p->db + share * g->out_channels + first : NULL;
                narrow_windows(g->kernel_h, &of_panel);
            }
        }
    }
    tc_free_scratch(plane, bytes);
    return TC_OK;
}

// With y, of which job->g is then the gradient, also db.
static int narrow_backward_kernel(const sparse_job *job, const real *y, real slope, real *db) {
    const tc_conv2d *g = &job->conv;
    const int64_t size = g->kernel_h * g->kernel_w * g->in_channels * g->out_channels, out_vectors = ceil_div(g->out_channels, VLEN);
    narrow_plan p = {.job = job, .y = y, .slope = slope, .shares = min_i64(g->batch, NARROW_SHARES)};
    p.vectors = min_i64(out_vectors, g->kernel_h == 3 ? NARROW_VECTORS_3 : 1);
    p.panels = ceil_div(out_vectors, p.vectors);
    p.panels_per_chunk = p.shares < NARROW_SHARES ? 1 : p.panels;
    p.rows = sparse_span(job->pool.out_h, g->kernel_h);
    p.columns = sparse_span(job->pool.out_w, g->kernel_w);
    const int64_t sums = y ? p.shares * g->out_channels : 0;
    const size_t bytes = sizeof(double) * (size_t)sums + sizeof(real) * (size_t)((p.shares - 1) * size);
    p.db = bytes ? tc_shared_scratch(bytes) : NULL;
    if (bytes && !p.db) return TC_NO_MEMORY;
    p.partial = (real *)(p.db + sums);
    for (int64_t i = 0; i < sums; i++) p.db[i] = 0;
    const int status = tc_parallel_for(p.shares * ceil_div(p.panels, p.panels_per_chunk), narrow_chunk, &p);
    for (int64_t share = 1; share < p.shares; share++) {
        for (int64_t i = 0; i < size; i++) job->dw[i] += p.partial[(share - 1) * size + i];
        for (int64_t o = 0; y && o < g->out_channels; o++) p.db[o] += p.db[share * g->out_channels + o];
    }
    for (int64_t o = 0; y && o < g->out_channels; o++) db[o] = (real)p.db[o];
    if (bytes) tc_free_shared_scratch(p.db, bytes);
    return status;
}
