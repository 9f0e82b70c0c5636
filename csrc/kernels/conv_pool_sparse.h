// The gradients of convolution -> activation -> 2x2 max-pooling without unpooling: only the argmax of each window has a gradient.
//
//     g = dy * act'(y), at the pooled resolution
//     dw[u,v,c,o] = sum over images n and windows of g * xpad[n, argmax row + u, argmax column + v, c]     (conv_pool_sparse_kernel.h)
//     dx[n, argmax row + u - pad, argmax column + v - pad, c] += g * w[u,v,c,o]                            (conv_pool_sparse_input.h)
//
// A quarter of the dense multiply-adds, and exact: what is left out is multiplied by zero. Vectors run over input channels,
// or, where there are too few of them for that, over output channels (conv_pool_sparse_narrow.h).

typedef struct {
    tc_conv2d conv;
    tc_pool2d pool;
    const real *x, *w, *g;
    const uint8_t *argmax;
    real *dx, *dw;
} sparse_job;

// The part of the padded input that windows read: `windows` of them along an axis, and `kernel` taps.
static int64_t sparse_span(int64_t windows, int64_t kernel) { return 2 * windows + kernel - 1; }

#include "conv_pool_sparse_input.h"
#include "conv_pool_sparse_kernel.h"
#include "conv_pool_sparse_narrow.h"

// 3x3 and 5x5 kernels, whose taps' sums fit registers.
static bool sparse_backward_fits(const tc_conv2d *conv, const tc_pool2d *pool) {
    const int64_t k = conv->kernel_h, rows = sparse_span(pool->out_h, k), columns = sparse_span(pool->out_w, k);
    return conv->kernel_w == k && (k == 3 || k == 5) && conv->stride_h == 1 && conv->stride_w == 1 && conv->dilation_h == 1 &&
           conv->dilation_w == 1 && conv->groups == 1 && pool->window_h == 2 && pool->window_w == 2 && pool->stride_h == 2 &&
           pool->stride_w == 2 && pool->pad_top == 0 && pool->pad_left == 0 &&
           conv->batch * pool->out_h * pool->out_w * conv->out_channels > 0 && rows * columns < INT32_MAX / (2 * VLEN);
}

// Is it faster than to unpool and use Winograd's algorithm? That multiplies even less where tiles fit the image. Measured: a sparse
// multiply-add is worth 1.75 of a product's, and to unpool a cell 16.
static bool sparse_backward_pays(const tc_conv2d *conv, const tc_pool2d *pool) {
    if (conv->algorithm != TC_AUTO) return conv->algorithm == TC_DIRECT || !winograd_fits(conv);
    if (!winograd_kernel_size(conv) || !winograd_size(conv, true)) return true;
    const double windows = (double)conv->batch * pool->out_h * pool->out_w, unpooled = (double)conv->batch * conv->out_h * conv->out_w;
    const double sparse = 1.75 * windows * TAPS * TAPS * conv->in_channels * conv->out_channels;
    return sparse < winograd_cost(conv, true) + 16 * unpooled * conv->out_channels;
}

// Vectors of input channels would be three quarters empty.
static bool is_narrow(const tc_conv2d *conv) { return 4 * conv->in_channels <= VLEN; }

static int sparse_backward(const tc_conv2d *conv, const tc_pool2d *pool, const real *x, const real *w, const uint8_t *argmax, const real *g,
                           real *dx, real *dw) {
    sparse_job job = {*conv, *pool, x, w, g, argmax, dx, dw};
    int status = TC_OK;
    if (dw) status = is_narrow(conv) ? narrow_backward_kernel(&job, NULL, 1, NULL) : sparse_backward_kernel(&job);
    if (status == TC_OK && dx) status = sparse_backward_input(&job);
    return status;
}

// dw and db of a first layer, from dy: nobody else wants g. All of these activations are two straight lines.
static int narrow_backward(const tc_conv2d *conv, const tc_pool2d *pool, tc_activation kind, real alpha, const real *x, const real *y,
                           const uint8_t *argmax, const real *dy, real *dw, real *db) {
    const sparse_job job = {*conv, *pool, .x = x, .g = dy, .argmax = argmax, .dw = dw};
    return narrow_backward_kernel(&job, y, activation_derivative(kind, 0, alpha), db);
}
