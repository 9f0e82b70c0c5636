// dx of conv_pool_sparse.h.
//
// Loops, from the outside: units (some images) x vectors of input channels, which are the chunks; sets of 64 output channels, whose part
// of w stays in L1; images; rows of windows; windows; places; channels of the set. w is packed once as (vector of c, o, tap, c).
// The sums rest in a copy of dx with room for taps beyond the image, and go to dx at the end.

enum { SCATTER_BYTES = 128 << 10 };  // of dx's copy per chunk: a part of L2

typedef struct {
    const sparse_job *job;
    int64_t vectors, unit_images, rows, columns;  // vectors of input channels; size of an image of the copy
    real *w;
} scatter_plan;

static int scatter_pack(void *context, int64_t vector) {
    const scatter_plan *p = context;
    const tc_conv2d *g = &p->job->conv;
    const int64_t taps = g->kernel_h * g->kernel_w, pixel = taps * VLEN, c = vector * VLEN, channels = min_i64(VLEN, g->in_channels - c);
    real *to = p->w + vector * g->out_channels * pixel;
    if (channels < VLEN) clear(to, g->out_channels * pixel);
    for (int64_t tap = 0; tap < taps; tap++)
        pack_transposed(to + tap * VLEN, pixel, p->job->w + (tap * g->in_channels + c) * g->out_channels, g->out_channels, g->out_channels,
                        channels);
    return TC_OK;
}

// One image of the copy, one vector of channels, to dx.
static void scatter_store(const scatter_plan *p, const real *copied, real *dx, int channels) {
    const tc_conv2d *g = &p->job->conv;
    for (int64_t i = 0; i < g->in_h; i++) {
        const int64_t row = i + g->pad_top;
        for (int64_t j = 0; j < g->in_w; j++, dx += g->in_channels) {
            const int64_t column = j + g->pad_left;
            const bool inside = row < p->rows && column < p->columns;
            store_columns(dx, inside ? v_load(copied + (row * p->columns + column) * VLEN) : v_zero(), channels);
        }
    }
}

static int scatter_chunk(void *context, int64_t chunk) {
    const scatter_plan *p = context;
    const sparse_job *job = p->job;
    const tc_conv2d *g = &job->conv;
    const tc_pool2d *pool = &job->pool;
    const int64_t vector = chunk % p->vectors, pixel = g->kernel_h * g->kernel_w * VLEN, size = p->rows * p->columns * VLEN;
    const range images = chunk_range(chunk / p->vectors, p->unit_images, g->batch);
    const size_t bytes = sizeof(real) * (size_t)((images.end - images.begin) * size);
    real *copied = tc_alloc(bytes);
    if (!copied) return TC_NO_MEMORY;
    clear(copied, (images.end - images.begin) * size);

    scattering row = {.channels = g->out_channels, .windows = pool->out_w, .row = p->columns * VLEN};
    for (int64_t o = 0; o < g->out_channels; o += SCATTER_SET) {
        row.n = min_i64(SCATTER_SET, g->out_channels - o);
        row.w = p->w + (vector * g->out_channels + o) * pixel;
        for (int64_t n = images.begin; n < images.end; n++) {
            for (int64_t i = 0; i < pool->out_h; i++) {
                const int64_t at = (n * pool->out_h + i) * pool->out_w * g->out_channels + o;
                row.g = job->g + at;
                row.argmax = job->argmax + at;
                row.dx = copied + (n - images.begin) * size + 2 * i * row.row;
                scatter_windows(&row, g->kernel_h);
            }
        }
    }
    const int channels = (int)min_i64(VLEN, g->in_channels - vector * VLEN);
    for (int64_t n = images.begin; n < images.end; n++)
        scatter_store(p, copied + (n - images.begin) * size, job->dx + n * g->in_h * g->in_w * g->in_channels + vector * VLEN, channels);
    tc_free(copied, bytes);
    return TC_OK;
}

static int sparse_backward_input(const sparse_job *job) {
    const tc_conv2d *g = &job->conv;
    scatter_plan p = {.job = job, .vectors = ceil_div(g->in_channels, VLEN)};
    p.rows = sparse_span(job->pool.out_h, g->kernel_h);
    p.columns = sparse_span(job->pool.out_w, g->kernel_w);
    const int64_t by_bytes = SCATTER_BYTES / (p.rows * p.columns * VLEN * (int64_t)sizeof(real));
    p.unit_images = max_i64(1, min_i64(by_bytes, g->batch * p.vectors / SPARSE_CHUNKS));
    const size_t bytes = sizeof(real) * (size_t)(p.vectors * g->out_channels * g->kernel_h * g->kernel_w * VLEN);
    p.w = tc_alloc(bytes);
    if (!p.w) return TC_NO_MEMORY;
    int status = tc_parallel_for(p.vectors, scatter_pack, &p);
    if (status == TC_OK) status = tc_parallel_for(ceil_div(g->batch, p.unit_images) * p.vectors, scatter_chunk, &p);
    tc_free(p.w, bytes);
    return status;
}
