// Which algorithm convolves: direct (conv_direct.h, conv_direct_gradient.h) or Winograd's (winograd.h, winograd_gradient.h), by the shape
// or as the caller wants it.

static void note_tile(int64_t tile) { tc_note_algorithm(tile == 4 ? "winograd4" : tile == 2 ? "winograd2" : "direct"); }

static int conv2d_forward(const tc_conv2d *g, const real *x, const real *w, const real *b, real *y) {
    const int64_t tile = winograd_size(g, false);
    note_tile(tile);
    return tile ? winograd_forward(tile, g, x, w, b, y) : direct_forward(g, x, w, b, y);
}

static int conv2d_backward_input(const tc_conv2d *g, const real *dy, const real *w, real *dx) {
    const int64_t tile = winograd_size(g, true);
    note_tile(tile);
    return tile ? winograd_backward_input(tile, g, dy, NULL, w, dx) : direct_backward_input(g, dy, w, dx);
}

static int conv2d_backward_kernel(const tc_conv2d *g, const real *x, const real *dy, real *dw) {
    const int64_t tile = winograd_kernel_size(g);
    note_tile(tile);
    return tile ? winograd_backward_kernel(tile, g, x, dy, NULL, dw) : direct_backward_kernel(g, x, dy, dw);
}
