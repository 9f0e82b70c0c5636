// y[n,i,j,o] = b[o] + sum_{u,v,c} xpad[n, i*s+u*d, j*s+v*d, c] * w[u,v,c,o] and its two gradients, in the plainest order.

// Calls visit(context, x cell, y cell, tap) for every output position and every kernel tap that falls on the image.
typedef void conv_visit(const tc_conv2d *g, const real *const *arrays, real *result, int64_t x_cell, int64_t y_cell, int64_t tap);

static void conv_walk(const tc_conv2d *g, conv_visit *visit, const real *const *arrays, real *result) {
    for (int64_t n = 0; n < g->batch; n++)
        for (int64_t i = 0; i < g->out_h; i++)
            for (int64_t j = 0; j < g->out_w; j++)
                for (int64_t u = 0; u < g->kernel_h; u++)
                    for (int64_t v = 0; v < g->kernel_w; v++) {
                        const int64_t h = i * g->stride_h + u * g->dilation_h - g->pad_top;
                        const int64_t w = j * g->stride_w + v * g->dilation_w - g->pad_left;
                        if (h < 0 || h >= g->in_h || w < 0 || w >= g->in_w) continue;
                        visit(g, arrays, result, (n * g->in_h + h) * g->in_w + w, (n * g->out_h + i) * g->out_w + j, u * g->kernel_w + v);
                    }
}

#define CONV_CHANNELS                                                                \
    const int64_t gi = g->in_channels / g->groups, go = g->out_channels / g->groups; \
    for (int64_t o = 0; o < g->out_channels; o++)                                    \
        for (int64_t c = 0, x_at = x_cell * g->in_channels + o / go * gi; c < gi; c++, x_at++)

__attribute__((unused)) static void conv_visit_forward(const tc_conv2d *g, const real *const *a, real *y, int64_t x_cell, int64_t y_cell, int64_t tap) {
    CONV_CHANNELS y[y_cell * g->out_channels + o] += a[0][x_at] * a[1][(tap * gi + c) * g->out_channels + o];
}

__attribute__((unused)) static void conv_visit_input(const tc_conv2d *g, const real *const *a, real *dx, int64_t x_cell, int64_t y_cell, int64_t tap) {
    CONV_CHANNELS dx[x_at] += a[0][y_cell * g->out_channels + o] * a[1][(tap * gi + c) * g->out_channels + o];
}

static void conv_visit_kernel(const tc_conv2d *g, const real *const *a, real *dw, int64_t x_cell, int64_t y_cell, int64_t tap) {
    CONV_CHANNELS dw[(tap * gi + c) * g->out_channels + o] += a[0][x_at] * a[1][y_cell * g->out_channels + o];
}

static int conv2d_backward_kernel(const tc_conv2d *g, const real *x, const real *dy, real *dw) {
    memset(dw, 0, sizeof(real) * (size_t)(g->kernel_h * g->kernel_w * (g->in_channels / g->groups) * g->out_channels));
    conv_walk(g, conv_visit_kernel, (const real *const[]){x, dy}, dw);
    return TC_OK;
}
