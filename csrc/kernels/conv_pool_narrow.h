// The forward pass of conv_pool.h where there are few input channels (a grey or a colour image): a window of results stays in registers.
//
//     y[i, j] = act(max over p, q < 2 of z[2i+p, 2j+q]),  z[m, n] = b + sum_{c,u,v} xpad[m + u, n + v, c] * w[u,v,c]
//
// k is short, so a product of matrices would store and load its results more often than it multiplies. Here the four sums of a window, for
// a vector of output channels, are finished and pooled where they are: each pixel that the window reads, (kernel + 1)^2 of them, is
// broadcast once and meets the taps of up to four cells. Sums run in the order of a direct convolution, from the bias.
//
// Loops, from the outside: chunks of images, of a few images also of output channels; images, each copied to planes with zeros around;
// vectors of output channels; rows of windows; windows; input channels; rows of pixels.

enum { NARROW_CHANNELS = 4, NARROW_BYTES = 64 << 10, NARROW_CHUNKS = 4 };  // input channels, at most; of a chunk's results; to aim at

typedef struct {
    const tc_conv2d *conv;
    const tc_pool2d *pool;
    tc_activation kind;
    real alpha;
    const real *x, *b;
    real *y;
    uint8_t *argmax;  // or NULL
    int64_t images_per_chunk, vectors_per_chunk;
    int64_t rows, columns;  // size of a plane
    real *w;                // (vector of o, c, tap, o)
} narrow_forward;

// One vector of output channels of one image.
typedef struct {
    const narrow_forward *plan;
    const real *planes, *taps;
    vreal bias;
    real *y;
    uint8_t *argmax;  // or NULL
    int n;
} narrow_vector;

// Some windows of row i from j on: two whole ones, whose sums are enough to hide the latency of an addition, or one at an edge.
__attribute__((always_inline)) static inline void narrow_pool_windows(const int kernel, const int channels, const int windows,
                                                                      const narrow_vector *p, int64_t i, int64_t j) {
    const tc_pool2d *g = p->plan->pool;
    const int64_t row = p->plan->columns, plane = p->plan->rows * row, at = (i * g->out_w + j) * g->channels;
    const vreal none = v_set1(-INFINITY), alpha = v_set1(p->plan->alpha);
    const real *x = p->planes + 2 * (i * row + j), *w = p->taps;
    vreal z[2][2 * 2];
#pragma GCC unroll 4
    for (int q = 0; q < 2 * windows; q++) z[0][q] = z[1][q] = p->bias;
    for (int c = 0; c < channels; c++, x += plane, w += kernel * kernel * VLEN) {
        const real *from = x, *tap = w;
#pragma GCC unroll 6
        for (int r = 0; r <= kernel; r++, from += row) {
            __asm__("" : "+r"(from), "+r"(tap));  // else gcc keeps an offset for every pixel, and taps where sums should stay
#pragma GCC unroll 8
            for (int s = 0; s <= kernel + 2 * (windows - 1); s++) {
                const vreal pixel = v_set1(from[s]);
#pragma GCC unroll 8
                for (int q = 0; q < 4 * windows; q++) {
                    const int below = q / (2 * windows), right = q % (2 * windows), u = r - below, v = s - right;
                    if (u < 0 || u >= kernel || v < 0 || v >= kernel) continue;
                    z[below][right] = v_fma(pixel, v_load(tap + (u * kernel + v) * VLEN), z[below][right]);
                }
            }
        }
    }
    const bool below = windows == 2 || 2 * i + 1 < g->in_h, right = windows == 2 || 2 * j + 1 < g->in_w;
#pragma GCC unroll 2
    for (int k = 0; k < windows; k++) {
        const vreal cell[4] = {z[0][2 * k], right ? z[0][2 * k + 1] : none, below ? z[1][2 * k] : none,
                               below && right ? z[1][2 * k + 1] : none};
        real *y = p->y + at + k * g->channels;
        const maximum best = largest(cell, p->argmax != NULL);
        store_columns(y, activate_vector(p->plan->kind, best.value, alpha), p->n);
        if (p->argmax) store_places(p->argmax + at + k * g->channels, best.place, p->n);
    }
}

__attribute__((always_inline)) static inline void narrow_pool_image(const int kernel, const int channels, const narrow_vector *p) {
    const tc_pool2d *g = p->plan->pool;
    for (int64_t i = 0; i < g->out_h; i++) {
        const int64_t whole = 2 * i + 1 < g->in_h ? g->in_w / 2 : 0;
        int64_t j = 0;
        for (; j + 2 <= whole; j += 2) narrow_pool_windows(kernel, channels, 2, p, i, j);
        for (; j < g->out_w; j++) narrow_pool_windows(kernel, channels, 1, p, i, j);
    }
}

static int narrow_forward_chunk(void *context, int64_t chunk) {
    const narrow_forward *p = context;
    const tc_conv2d *g = p->conv;
    const int64_t vectors = ceil_div(g->out_channels, VLEN), groups = ceil_div(vectors, p->vectors_per_chunk);
    const range images = chunk_range(chunk / groups, p->images_per_chunk, g->batch);
    const range outputs = chunk_range(chunk % groups, p->vectors_per_chunk * VLEN, g->out_channels);
    const int64_t plane = p->rows * p->columns, taps = g->kernel_h * g->kernel_w * g->in_channels,
                  windows = p->pool->out_h * p->pool->out_w;
    const size_t bytes = sizeof(real) * (size_t)(plane * g->in_channels);
    real *planes = tc_scratch(bytes);
    if (!planes) return TC_NO_MEMORY;
    for (int64_t image = images.begin; image < images.end; image++) {
        for (int64_t c = 0; c < g->in_channels; c++)
            copy_plane(g, p->x + image * g->in_h * g->in_w * g->in_channels + c, p->rows, p->columns, planes + c * plane);
        for (int64_t o = outputs.begin; o < outputs.end; o += VLEN) {
            const int n = (int)min_i64(VLEN, outputs.end - o);
            const int64_t at = image * windows * g->out_channels + o;
            const narrow_vector vector = {
                .plan = p,
                .planes = planes,
                .taps = p->w + o * taps,
                .bias = p->b ? load_columns(p->b + o, n) : v_zero(),
                .y = p->y + at,
                .argmax = p->argmax ? p->argmax + at : NULL,
                .n = n,
            };
            if (g->kernel_h == 3 && g->in_channels == 1) narrow_pool_image(3, 1, &vector);
            else if (g->kernel_h == 3) narrow_pool_image(3, (int)g->in_channels, &vector);
            else narrow_pool_image(5, (int)g->in_channels, &vector);
        }
    }
    tc_free_scratch(planes, bytes);
    return TC_OK;
}

static bool narrow_forward_fits(const tc_conv2d *conv, const tc_pool2d *pool) {
    return conv->in_channels <= NARROW_CHANNELS && sparse_backward_fits(conv, pool);
}

static int narrow_pool_forward(const tc_conv2d *conv, const tc_pool2d *pool, tc_activation kind, real alpha, const real *x, const real *w,
                               const real *b, real *y, uint8_t *argmax) {
    const int64_t taps = conv->kernel_h * conv->kernel_w, channels = conv->in_channels, outputs = conv->out_channels;
    const int64_t image_bytes = pool->out_h * pool->out_w * outputs * (int64_t)sizeof(real), vectors = ceil_div(outputs, VLEN);
    narrow_forward p = {.conv = conv, .pool = pool, .kind = kind, .alpha = alpha, .x = x, .b = b, .y = y, .argmax = argmax};
    p.images_per_chunk = max_i64(1, NARROW_BYTES / image_bytes);
    const int64_t chunks = ceil_div(conv->batch, p.images_per_chunk);
    p.vectors_per_chunk = ceil_div(vectors, min_i64(vectors, ceil_div(NARROW_CHUNKS, chunks)));
    p.rows = sparse_span(pool->out_h, conv->kernel_h);
    p.columns = sparse_span(pool->out_w, conv->kernel_w);
    const size_t bytes = sizeof(real) * (size_t)(taps * channels * vectors * VLEN);
    p.w = tc_shared_scratch(bytes);
    if (!p.w) return TC_NO_MEMORY;
    real *to = p.w;
    for (int64_t o = 0; o < outputs; o += VLEN)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t tap = 0; tap < taps; tap++, to += VLEN)
                v_store(to, load_columns(w + (tap * channels + c) * outputs + o, (int)min_i64(VLEN, outputs - o)));
    const int status = tc_parallel_for(chunks * ceil_div(vectors, p.vectors_per_chunk), narrow_forward_chunk, &p);
    tc_free_shared_scratch(p.w, bytes);
    return status;
}
