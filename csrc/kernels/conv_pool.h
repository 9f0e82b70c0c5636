// Convolution, bias, activation and 2x2 max-pooling as one step, whose operands and results are at the pooled resolution.
//
//     y[n,i,j,o] = act(max over u, v < 2 of z[n, 2i+u, 2j+v, o]),  z = conv(x, w) + b
//     g = dy * act'(y) at the argmax of each window, 0 elsewhere;  db = sum g, dw and dx those of the convolution for g
//
// The maximum comes first: the activations allowed here never fall, so it is the same value with a quarter of the work.
//
// Winograd's algorithm does the forward pass where it pays, conv_pool_narrow.h that of images. Here is the way for any convolution.
// Forward: some images at a time are convolved into scratch that stays in L2, and pooled from there. Backward: without unpooling
// (conv_pool_sparse.h) where that pays, else the gradient is spread over the convolution's output once, for the dense kernels.

enum { CONV_POOL_BYTES = 256 << 10 };  // of the convolution's output per chunk, about: a part of L2

// ---- forward
typedef struct {
    const tc_conv2d *conv;
    const tc_pool2d *pool;
    tc_activation kind;
    real alpha;
    const real *x, *w, *b;
    real *y;
    uint8_t *argmax;  // or NULL
    int64_t images_per_chunk;
} conv_pool_job;

// The four cells of a window; those beyond the image stand for the first one, which never displaces itself.
typedef struct {
    const real *cell[4];
} pool_cells;

static inline pool_cells cells_of_window(const tc_pool2d *g, const real *image, int64_t i, int64_t j) {
    const real *first = image + (2 * i * g->in_w + 2 * j) * g->channels;
    const bool right = 2 * j + 1 < g->in_w, below = 2 * i + 1 < g->in_h;
    const int64_t row = g->in_w * g->channels;
    return (pool_cells){
        {first, right ? first + g->channels : first, below ? first + row : first, right && below ? first + row + g->channels : first}};
}

__attribute__((always_inline)) static inline void pool_and_activate(tc_activation kind, real alpha, int64_t channels, pool_cells cells,
                                                                    real *restrict y, uint8_t *restrict argmax) {
    const real *restrict x0 = cells.cell[0], *restrict x1 = cells.cell[1], *restrict x2 = cells.cell[2], *restrict x3 = cells.cell[3];
    for (int64_t c = 0; c < channels; c++) {
        real best = x0[c];
        int32_t place = 0;
        take_if_larger(x1[c], 1, &best, &place);
        take_if_larger(x2[c], 2, &best, &place);
        take_if_larger(x3[c], 3, &best, &place);
        y[c] = activate(kind, best, alpha);
        if (argmax) argmax[c] = (uint8_t)place;
    }
}

static void pool_window_activated(const conv_pool_job *job, pool_cells cells, int64_t at) {
    const int64_t channels = job->pool->channels;
    real *y = job->y + at;
    uint8_t *argmax = job->argmax ? job->argmax + at : NULL;
    switch (job->kind) {  // a constant in each case: no branch in the loop
        case TC_RELU: pool_and_activate(TC_RELU, 0, channels, cells, y, argmax); break;
        case TC_LEAKY_RELU: pool_and_activate(TC_LEAKY_RELU, job->alpha, channels, cells, y, argmax); break;
        default: pool_and_activate(TC_LINEAR, 0, channels, cells, y, argmax);
    }
}

static int conv_pool_chunk(void *context, int64_t chunk) {
    const conv_pool_job *job = context;
    const tc_pool2d *pool = job->pool;
    const range images = chunk_range(chunk, job->images_per_chunk, pool->batch);
    tc_conv2d conv = *job->conv;
    conv.batch = images.end - images.begin;
    const int64_t image_size = pool->in_h * pool->in_w * pool->channels;
    const size_t bytes = sizeof(real) * (size_t)(conv.batch * image_size);
    real *z = tc_scratch(bytes);
    if (!z) return TC_NO_MEMORY;
    const int status = direct_forward(&conv, job->x + images.begin * conv.in_h * conv.in_w * conv.in_channels, job->w, job->b, z);
    for (int64_t n = images.begin; status == TC_OK && n < images.end; n++) {
        const real *image = z + (n - images.begin) * image_size;
        for (int64_t i = 0; i < pool->out_h; i++)
            for (int64_t j = 0; j < pool->out_w; j++)
                pool_window_activated(job, cells_of_window(pool, image, i, j), ((n * pool->out_h + i) * pool->out_w + j) * pool->channels);
    }
    tc_free_scratch(z, bytes);
    return status;
}

static int conv2d_pool_forward(const tc_conv2d *conv, const tc_pool2d *pool, tc_activation kind, double alpha, const real *x, const real *w,
                               const real *b, real *y, uint8_t *argmax) {
    const int64_t tile = winograd_pool_fits(conv, pool, kind) ? winograd_size(conv, false) : 0;
    note_tile(tile);
    if (tile) return winograd_pool_forward(tile, conv, pool, kind, (real)alpha, x, w, b, y, argmax);
    if (narrow_forward_fits(conv, pool)) return narrow_pool_forward(conv, pool, kind, (real)alpha, x, w, b, y, argmax);
    conv_pool_job job = {conv, pool, kind, (real)alpha, x, w, b, y, argmax, 1};
    const int64_t image_bytes = pool->in_h * pool->in_w * pool->channels * (int64_t)sizeof(real);
    job.images_per_chunk = max_i64(1, CONV_POOL_BYTES / max_i64(1, image_bytes));
    return tc_parallel_for(ceil_div(pool->batch, job.images_per_chunk), conv_pool_chunk, &job);
}

// ---- backward
typedef struct {
    const unpooling *from;
    real *dz;
    int64_t images_per_chunk;
} unpool_job;

static int unpool_chunk(void *context, int64_t chunk) {
    const unpool_job *job = context;
    const range images = chunk_range(chunk, job->images_per_chunk, job->from->pool->batch);
    for (int64_t n = images.begin; n < images.end; n++)
        unpool_rows(job->from, n, (range){0, job->from->pool->in_h}, job->dz + n * unpooled_size(job->from));
    return TC_OK;
}

// Winograd's algorithm unpools images as it comes to them, direct kernels take all of them.
static int dense_backward(const tc_conv2d *conv, const tc_pool2d *pool, const real *x, const real *w, const uint8_t *argmax, const real *g,
                          real *dx, real *dw) {
    const unpooling from = {pool, g, argmax};
    const int64_t dw_tile = winograd_kernel_size(conv), dx_tile = winograd_size(conv, true), image_size = unpooled_size(&from);
    int status = TC_OK;
    if (dw_tile && dx_tile) {
        note_tile(dx_tile);
        if (dw) status = winograd_backward_kernel(dw_tile, conv, x, NULL, &from, dw);
        if (status == TC_OK && dx) status = winograd_backward_input(dx_tile, conv, NULL, &from, w, dx);
        return status;
    }
    const size_t bytes = sizeof(real) * (size_t)(pool->batch * image_size);
    unpool_job job = {&from, tc_alloc(bytes), items_per_chunk(image_size)};
    if (!job.dz) return TC_NO_MEMORY;
    status = tc_parallel_for(ceil_div(pool->batch, job.images_per_chunk), unpool_chunk, &job);
    if (status == TC_OK && dw) status = conv2d_backward_kernel(conv, x, job.dz, dw);
    if (status == TC_OK && dx) status = conv2d_backward_input(conv, job.dz, w, dx);
    tc_free(job.dz, bytes);
    return status;
}

static int conv2d_pool_backward(const tc_conv2d *conv, const tc_pool2d *pool, tc_activation kind, double alpha, const real *x,
                                const real *w, const real *y, const uint8_t *argmax, const real *dy, real *dx, real *dw, real *db) {
    const int64_t windows = pool->batch * pool->out_h * pool->out_w;
    const bool sparse = (dx || dw) && sparse_backward_fits(conv, pool) && sparse_backward_pays(conv, pool);
    if (sparse) tc_note_algorithm("pool-sparse");
    if (sparse && dw && db && !dx && is_narrow(conv)) return narrow_backward(conv, pool, kind, (real)alpha, x, y, argmax, dy, dw, db);

    passed_gradient passed;
    int status = pass_activation(kind, windows, pool->channels, dy, y, alpha, db, &passed);
    if (status == TC_OK && (dx || dw)) status = (sparse ? sparse_backward : dense_backward)(conv, pool, x, w, argmax, passed.g, dx, dw);
    free_passed(&passed);
    return status;
}
