// Max and average pooling: every window walks its cells (u, v) in order, each cell a vector of channels.
//
// Forward is cut by output rows. Backward is cut by images, as windows may overlap: an image's windows add to it in their own order.

enum { POOL_BLOCK = 64 };  // channels whose running maximum and its place stay in L1

// The part of a window that lies on the image: taps begin_h <= u < end_h, begin_w <= v < end_w; cell (u, v) is at (u * in_w + v) * channels
// from `origin`, all relative to the image.
typedef struct {
    int64_t begin_h, end_h, begin_w, end_w, origin;
} pool_window;

static inline pool_window window_at(const tc_pool2d *g, int64_t i, int64_t j) {
    const int64_t h = i * g->stride_h - g->pad_top, w = j * g->stride_w - g->pad_left;
    return (pool_window){
        .begin_h = max_i64(0, -h),
        .end_h = min_i64(g->window_h, g->in_h - h),
        .begin_w = max_i64(0, -w),
        .end_w = min_i64(g->window_w, g->in_w - w),
        .origin = (h * g->in_w + w) * g->channels,
    };
}

static inline int64_t cell_at(const tc_pool2d *g, pool_window w, int64_t u, int64_t v) {
    return w.origin + (u * g->in_w + v) * g->channels;
}

static inline int64_t window_cells(pool_window w) { return (w.end_h - w.begin_h) * (w.end_w - w.begin_w); }

// ---- forward
typedef void pool_window_forward(const tc_pool2d *g, pool_window w, const real *image, real *y, int32_t *argmax);

typedef struct {
    const tc_pool2d *g;
    pool_window_forward *window;
    int64_t rows_per_chunk;
    const real *x;
    real *y;
    int32_t *argmax;  // NULL for the average
} pool_forward_job;

static int pool_forward_chunk(void *context, int64_t chunk) {
    const pool_forward_job *job = context;
    const tc_pool2d *g = job->g;
    const range rows = chunk_range(chunk, job->rows_per_chunk, g->batch * g->out_h);
    for (int64_t row = rows.begin; row < rows.end; row++) {
        const real *image = job->x + row / g->out_h * (g->in_h * g->in_w * g->channels);
        for (int64_t j = 0; j < g->out_w; j++) {
            const int64_t at = (row * g->out_w + j) * g->channels;
            job->window(g, window_at(g, row % g->out_h, j), image, job->y + at, job->argmax ? job->argmax + at : NULL);
        }
    }
    return TC_OK;
}

static int pool_forward(const tc_pool2d *g, pool_window_forward *window, const real *x, real *y, int32_t *argmax) {
    pool_forward_job job = {g, window, items_per_chunk(g->window_h * g->in_w * g->channels), x, y, argmax};
    return tc_parallel_for(ceil_div(g->batch * g->out_h, job.rows_per_chunk), pool_forward_chunk, &job);
}

// Of equal cells the first stays; a NaN is larger than any number, and the first NaN stays.
static inline void take_if_larger(real cell, int32_t tap, real *best, int32_t *place) {
    const int32_t larger = -!(cell <= *best) & -(*best == *best);  // all ones or none: masks vectorise where a bool does not
    *best = larger ? cell : *best;
    *place = larger ? tap : *place;
}

static void max_window(const tc_pool2d *g, pool_window w, const real *image, real *restrict y, int32_t *restrict argmax) {
    const int32_t first = (int32_t)(w.begin_h * g->window_w + w.begin_w);
    for (int64_t begin = 0; begin < g->channels; begin += POOL_BLOCK) {
        const int64_t n = min_i64(POOL_BLOCK, g->channels - begin);
        real best[POOL_BLOCK];
        int32_t place[POOL_BLOCK];
        for (int64_t c = 0; c < n; c++) best[c] = -INFINITY, place[c] = first;
        for (int64_t u = w.begin_h; u < w.end_h; u++) {
            for (int64_t v = w.begin_w; v < w.end_w; v++) {
                const real *restrict cell = image + cell_at(g, w, u, v) + begin;
                const int32_t tap = (int32_t)(u * g->window_w + v);
                for (int64_t c = 0; c < n; c++) take_if_larger(cell[c], tap, &best[c], &place[c]);
            }
        }
        memcpy(y + begin, best, sizeof(real) * (size_t)n);
        memcpy(argmax + begin, place, sizeof(int32_t) * (size_t)n);
    }
}

// The usual window, with all four cells in registers.
static void max_window_2x2(const tc_pool2d *g, pool_window w, const real *image, real *restrict y, int32_t *restrict argmax) {
    if (window_cells(w) < 4) {
        max_window(g, w, image, y, argmax);
        return;
    }
    const real *restrict x00 = image + cell_at(g, w, 0, 0), *restrict x01 = image + cell_at(g, w, 0, 1);
    const real *restrict x10 = image + cell_at(g, w, 1, 0), *restrict x11 = image + cell_at(g, w, 1, 1);
    for (int64_t c = 0; c < g->channels; c++) {
        real best = x00[c];
        int32_t place = 0;
        take_if_larger(x01[c], 1, &best, &place);
        take_if_larger(x10[c], 2, &best, &place);
        take_if_larger(x11[c], 3, &best, &place);
        y[c] = best;
        argmax[c] = place;
    }
}

static int max_pool2d_forward(const tc_pool2d *g, const real *x, real *y, int32_t *argmax) {
    const bool is_2x2 = g->window_h == 2 && g->window_w == 2;
    return pool_forward(g, is_2x2 ? max_window_2x2 : max_window, x, y, argmax);
}

static void avg_window(const tc_pool2d *g, pool_window w, const real *image, real *restrict y, int32_t *unused) {
    (void)unused;
    const real cells = (real)window_cells(w);
    for (int64_t c = 0; c < g->channels; c++) y[c] = 0;
    for (int64_t u = w.begin_h; u < w.end_h; u++) {
        for (int64_t v = w.begin_w; v < w.end_w; v++) {
            const real *restrict cell = image + cell_at(g, w, u, v);
            for (int64_t c = 0; c < g->channels; c++) y[c] += cell[c];
        }
    }
    for (int64_t c = 0; c < g->channels; c++) y[c] /= cells;
}

static int avg_pool2d_forward(const tc_pool2d *g, const real *x, real *y) { return pool_forward(g, avg_window, x, y, NULL); }

// ---- backward
typedef struct {
    const tc_pool2d *g;
    int64_t images_per_chunk;
    const real *dy;
    const int32_t *argmax;  // NULL for the average
    real *dx;
} pool_backward_job;

// Is every cell of the image in exactly one window? Then cells are written once, and need not be cleared before.
static bool windows_tile(const tc_pool2d *g) {
    return g->stride_h == g->window_h && g->out_h * g->stride_h >= g->pad_top + g->in_h &&  //
           g->stride_w == g->window_w && g->out_w * g->stride_w >= g->pad_left + g->in_w;
}

static inline void max_cell_backward(int64_t n, const real *restrict dy, const int32_t *restrict argmax, int32_t tap, bool add,
                                     real *restrict dx) {
    if (add) {
        for (int64_t c = 0; c < n; c++) dx[c] += argmax[c] == tap ? dy[c] : 0;
    } else {
        for (int64_t c = 0; c < n; c++) dx[c] = argmax[c] == tap ? dy[c] : 0;
    }
}

static inline void avg_cell_backward(int64_t n, const real *restrict dy, real cells, bool add, real *restrict dx) {
    if (add) {
        for (int64_t c = 0; c < n; c++) dx[c] += dy[c] / cells;
    } else {
        for (int64_t c = 0; c < n; c++) dx[c] = dy[c] / cells;
    }
}

static int pool_backward_chunk(void *context, int64_t chunk) {
    const pool_backward_job *job = context;
    const tc_pool2d *g = job->g;
    const int64_t image_size = g->in_h * g->in_w * g->channels;
    const bool add = !windows_tile(g);
    const range images = chunk_range(chunk, job->images_per_chunk, g->batch);
    for (int64_t n = images.begin; n < images.end; n++) {
        real *image = job->dx + n * image_size;
        if (add) memset(image, 0, sizeof(real) * (size_t)image_size);
        for (int64_t i = 0; i < g->out_h; i++) {
            for (int64_t j = 0; j < g->out_w; j++) {
                const int64_t at = ((n * g->out_h + i) * g->out_w + j) * g->channels;
                const pool_window w = window_at(g, i, j);
                const real cells = (real)window_cells(w);
                for (int64_t u = w.begin_h; u < w.end_h; u++) {
                    for (int64_t v = w.begin_w; v < w.end_w; v++) {
                        real *dx = image + cell_at(g, w, u, v);
                        const int32_t tap = (int32_t)(u * g->window_w + v);
                        if (job->argmax) max_cell_backward(g->channels, job->dy + at, job->argmax + at, tap, add, dx);
                        else avg_cell_backward(g->channels, job->dy + at, cells, add, dx);
                    }
                }
            }
        }
    }
    return TC_OK;
}

static int max_pool2d_backward(const tc_pool2d *g, const real *dy, const int32_t *argmax, real *dx) {
    pool_backward_job job = {g, items_per_chunk(g->in_h * g->in_w * g->channels), dy, argmax, dx};
    return tc_parallel_for(ceil_div(g->batch, job.images_per_chunk), pool_backward_chunk, &job);
}

static int avg_pool2d_backward(const tc_pool2d *g, const real *dy, real *dx) { return max_pool2d_backward(g, dy, NULL, dx); }
