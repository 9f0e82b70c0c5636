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
__attribute__((always_inline)) static inline void narrow_pool_windows(const int kernel, const int channels, const narrow_forward *p,
                                                                      const real *planes, const real *taps, vreal bias, real *y,
                                                                      uint8_t *argmax, int n) {
    const tc_pool2d *g = p->pool;
    const int64_t row = p->columns, plane = p->rows * p->columns;
    const vreal none = v_set1(-INFINITY), alpha = v_set1(p->alpha);
    const lanes zero = {0};
    const bool held = kernel == 3 && channels == 1;  // then the taps stay in registers
    vreal tap[3 * 3];
#pragma GCC unroll 9
    for (int k = 0; k < 3 * 3; k++) tap[k] = v_load(taps + k * VLEN);
    for (int64_t i = 0; i < g->out_h; i++) {
        const bool below = 2 * i + 1 < g->in_h;
        for (int64_t j = 0; j < g->out_w; j++, y += g->channels, argmax += argmax ? g->channels : 0) {
            const real *x = planes + 2 * (i * row + j), *w = taps;
            vreal z[4] = {bias, bias, bias, bias};
            for (int c = 0; c < channels; c++, x += plane, w += kernel * kernel * VLEN) {
                const real *from = x;
#pragma GCC unroll 6
                for (int r = 0; r <= kernel; r++, from += row) {
                    __asm__("" : "+r"(from));  // else gcc keeps an offset for every pixel
#pragma GCC unroll 6
                    for (int s = 0; s <= kernel; s++) {
                        const vreal pixel = v_set1(from[s]);
#pragma GCC unroll 4
                        for (int q = 0; q < 4; q++) {
                            const int u = r - q / 2, v = s - q % 2;
                            if (u < 0 || u >= kernel || v < 0 || v >= kernel) continue;
                            const int k = u * kernel + v;
                            z[q] = v_fma(pixel, held ? tap[k] : v_load(w + k * VLEN), z[q]);
                        }
                    }
                }
            }
            const bool right = 2 * j + 1 < g->in_w;
            if (!argmax) {
                const vreal upper = larger_value(z[0], right ? z[1] : none);
                const vreal lower = larger_value(below ? z[2] : none, below && right ? z[3] : none);
                store_columns(y, activate_vector(p->kind, larger_value(upper, lower), alpha), n);
                continue;
            }
            const maximum upper = larger((maximum){z[0], zero}, (maximum){right ? z[1] : none, zero + 1});
            const maximum lower = larger((maximum){below ? z[2] : none, zero + 2}, (maximum){below && right ? z[3] : none, zero + 3});
            const maximum best = larger(upper, lower);
            store_columns(y, activate_vector(p->kind, best.value, alpha), n);
            store_places(argmax, best.place, n);
        }
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
    real *planes = tc_alloc(bytes);
    if (!planes) return TC_NO_MEMORY;
    for (int64_t image = images.begin; image < images.end; image++) {
        for (int64_t c = 0; c < g->in_channels; c++)
            copy_plane(g, p->x + image * g->in_h * g->in_w * g->in_channels + c, p->rows, p->columns, planes + c * plane);
        for (int64_t o = outputs.begin; o < outputs.end; o += VLEN) {
            const int n = (int)min_i64(VLEN, outputs.end - o);
            const vreal bias = p->b ? load_columns(p->b + o, n) : v_zero();
            const real *w = p->w + o * taps;
            real *y = p->y + image * windows * g->out_channels + o;
            uint8_t *argmax = p->argmax ? p->argmax + image * windows * g->out_channels + o : NULL;
            if (g->kernel_h == 3 && g->in_channels == 1) narrow_pool_windows(3, 1, p, planes, w, bias, y, argmax, n);
            else if (g->kernel_h == 3) narrow_pool_windows(3, (int)g->in_channels, p, planes, w, bias, y, argmax, n);
            else narrow_pool_windows(5, (int)g->in_channels, p, planes, w, bias, y, argmax, n);
        }
    }
    tc_free(planes, bytes);
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
    p.w = tc_alloc(bytes);
    if (!p.w) return TC_NO_MEMORY;
    real *to = p.w;
    for (int64_t o = 0; o < outputs; o += VLEN)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t tap = 0; tap < taps; tap++, to += VLEN)
                v_store(to, load_columns(w + (tap * channels + c) * outputs + o, (int)min_i64(VLEN, outputs - o)));
    const int status = tc_parallel_for(chunks * ceil_div(vectors, p.vectors_per_chunk), narrow_forward_chunk, &p);
    tc_free(p.w, bytes);
    return status;
}
