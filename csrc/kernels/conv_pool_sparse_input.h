// dx of conv_pool_sparse.h.
//
// Loops, from the outside: units (some images) x blocks of a few vectors of input channels, which are the chunks; sets of 64 output
// channels; images; rows of taps, or all of them, whose part of w stays in L1; rows of windows; windows; places; channels of the set. w is
// packed once as (block, rows of taps, o, tap, c). The sums rest in a copy of dx with room for taps beyond the image, and go to dx at the
// end.

enum {
    SCATTER_BYTES = 128 << 10,  // of dx's copy per chunk: a part of L2
    SCATTER_CHUNKS = 16,        // to aim at, so that any number of threads is kept busy
};

typedef struct {
    const sparse_job *job;
    int64_t vectors, blocks, unit_images, rows, columns;  // vectors of input channels of a block; size of an image of the copy
    real *w;
} scatter_plan;

// The vectors of a block: the last one may have fewer.
static int64_t block_vectors(const scatter_plan *p, int64_t block) {
    return min_i64(p->vectors, ceil_div(p->job->conv.in_channels, VLEN) - block * p->vectors);
}

static int64_t block_taps(const scatter_plan *p, int64_t block) {  // elements of w before it
    const tc_conv2d *g = &p->job->conv;
    return block * p->vectors * VLEN * g->out_channels * g->kernel_h * g->kernel_w;
}

static int scatter_pack(void *context, int64_t block) {
    const scatter_plan *p = context;
    const tc_conv2d *g = &p->job->conv;
    const int64_t width = block_vectors(p, block) * VLEN, c = block * p->vectors * VLEN, channels = min_i64(width, g->in_channels - c);
    const int64_t rows = scatter_rows((int)g->kernel_h, (int)(width / VLEN)), of_o = rows * g->kernel_w * width;
    real *to = p->w + block_taps(p, block);
    if (channels < width) clear(to, g->kernel_h / rows * g->out_channels * of_o);
    for (int64_t u = 0; u < g->kernel_h; u++)
        for (int64_t v = 0; v < g->kernel_w; v++)
            pack_transposed(to + u / rows * g->out_channels * of_o + (u % rows * g->kernel_w + v) * width, of_o,
                            p->job->w + ((u * g->kernel_w + v) * g->in_channels + c) * g->out_channels, g->out_channels, g->out_channels,
                            channels);
    return TC_OK;
}

// One image of the copy, one block of channels, to dx.
static void scatter_store(const scatter_plan *p, const real *copied, int64_t width, real *dx, int64_t channels) {
    const tc_conv2d *g = &p->job->conv;
    for (int64_t i = 0; i < g->in_h; i++) {
        const int64_t row = i + g->pad_top;
        for (int64_t j = 0; j < g->in_w; j++, dx += g->in_channels) {
            const int64_t column = j + g->pad_left;
            if (row < p->rows && column < p->columns) copy(dx, copied + (row * p->columns + column) * width, channels);
            else clear(dx, channels);
        }
    }
}

static int scatter_chunk(void *context, int64_t chunk) {
    const scatter_plan *p = context;
    const sparse_job *job = p->job;
    const tc_conv2d *g = &job->conv;
    const tc_pool2d *pool = &job->pool;
    const int64_t block = chunk % p->blocks, vectors = block_vectors(p, block), width = vectors * VLEN, size = p->rows * p->columns * width;
    const int64_t rows = scatter_rows((int)g->kernel_h, (int)vectors), of_o = rows * g->kernel_w * width;
    const int64_t windows = pool->out_h * pool->out_w;
    const range images = chunk_range(chunk / p->blocks, p->unit_images, g->batch);
    const size_t bytes = sizeof(real) * (size_t)((images.end - images.begin) * size) + sizeof(channel_sets) * (size_t)windows;
    channel_sets *sets = tc_scratch(bytes);
    if (!sets) return TC_NO_MEMORY;
    real *copied = (real *)(sets + windows);
    clear(copied, (images.end - images.begin) * size);

    scattering at = {.channels = g->out_channels, .windows = pool->out_w, .row = p->columns * width};
    for (int64_t o = 0; o < g->out_channels; o += SCATTER_SET) {
        for (int64_t n = images.begin; n < images.end; n++) {
            const int64_t first = n * windows * g->out_channels + o;
            for (int64_t k = 0; k < windows; k++)
                sets[k] = sets_of(job->argmax + first + k * g->out_channels, min_i64(SCATTER_SET, g->out_channels - o));
            for (int64_t u = 0; u < g->kernel_h; u += rows) {
                at.w = p->w + block_taps(p, block) + (u / rows * g->out_channels + o) * of_o;
                for (int64_t i = 0; i < pool->out_h; i++) {
                    at.g = job->g + first + i * pool->out_w * g->out_channels;
                    at.sets = sets + i * pool->out_w;
                    at.dx = copied + (n - images.begin) * size + (2 * i + u) * at.row;
                    scatter_windows(&at, g->kernel_h, vectors);
                }
            }
        }
    }
    const int64_t c = block * p->vectors * VLEN, channels = min_i64(width, g->in_channels - c);
    for (int64_t n = images.begin; n < images.end; n++)
        scatter_store(p, copied + (n - images.begin) * size, width, job->dx + n * g->in_h * g->in_w * g->in_channels + c, channels);
    tc_free_scratch(sets, bytes);
    return TC_OK;
}

static int sparse_backward_input(const sparse_job *job) {
    const tc_conv2d *g = &job->conv;
    const int64_t vectors = ceil_div(g->in_channels, VLEN);
    scatter_plan p = {.job = job, .vectors = min_i64(vectors, g->kernel_h == 3 ? SCATTER_VECTORS_3 : SCATTER_VECTORS_5)};
    p.blocks = ceil_div(vectors, p.vectors);
    p.rows = sparse_span(job->pool.out_h, g->kernel_h);
    p.columns = sparse_span(job->pool.out_w, g->kernel_w);
    const int64_t by_bytes = SCATTER_BYTES / (p.rows * p.columns * p.vectors * VLEN * (int64_t)sizeof(real));
    p.unit_images = max_i64(1, min_i64(by_bytes, g->batch * p.blocks / SCATTER_CHUNKS));
    const size_t bytes = sizeof(real) * (size_t)(vectors * g->out_channels * g->kernel_h * g->kernel_w * VLEN);
    p.w = tc_shared_scratch(bytes);
    if (!p.w) return TC_NO_MEMORY;
    int status = tc_parallel_for(p.blocks, scatter_pack, &p);
    if (status == TC_OK) status = tc_parallel_for(ceil_div(g->batch, p.unit_images) * p.blocks, scatter_chunk, &p);
    tc_free_shared_scratch(p.w, bytes);
    return status;
}
