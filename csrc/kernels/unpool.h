// The gradient of what was pooled 2x2, from that of the maxima.

typedef struct {
    const tc_pool2d *pool;
    const real *g;
    const uint8_t *argmax;
} unpooling;

static int64_t unpooled_size(const unpooling *p) { return p->pool->in_h * p->pool->in_w * p->pool->channels; }  // of an image

// One window: the gradient goes to the cell that was the largest, the three others get 0.
static void unpool_window(const unpooling *p, real *image, int64_t i, int64_t j, int64_t at) {
    const tc_pool2d *pool = p->pool;
    for (int64_t begin = 0; begin < pool->channels; begin += POOL_BLOCK) {
        const int64_t n = min_i64(POOL_BLOCK, pool->channels - begin);
        const real *restrict g = p->g + at + begin;
        const uint8_t *restrict argmax = p->argmax + at + begin;
        int32_t place[POOL_BLOCK];
        for (int64_t c = 0; c < n; c++) place[c] = argmax[c];
        for (int32_t cell = 0; cell < 4; cell++) {
            const int64_t row = 2 * i + cell / 2, column = 2 * j + cell % 2;
            if (row >= pool->in_h || column >= pool->in_w) continue;
            real *restrict dz = image + (row * pool->in_w + column) * pool->channels + begin;
            for (int64_t c = 0; c < n; c++) dz[c] = place[c] == cell ? g[c] : 0;
        }
    }
}

// Those windows of image n that touch some rows of it; what no window has is 0 everywhere.
static void unpool_rows(const unpooling *p, int64_t n, range rows, real *image) {
    const tc_pool2d *pool = p->pool;
    if (!windows_tile(pool)) clear(image, unpooled_size(p));
    for (int64_t i = max_i64(0, rows.begin) / 2; i < min_i64(pool->out_h, ceil_div(rows.end, 2)); i++)
        for (int64_t j = 0; j < pool->out_w; j++) unpool_window(p, image, i, j, ((n * pool->out_h + i) * pool->out_w + j) * pool->channels);
}
