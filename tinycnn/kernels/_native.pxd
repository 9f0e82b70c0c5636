# csrc/tinycnn.h as Cython sees it: arrays are void pointers, whose real type the leading tc_dtype gives.

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

cdef extern from "tinycnn.h" nogil:
    enum:
        TC_OK
    ctypedef enum tc_dtype:
        TC_F32
        TC_F64
    ctypedef int tc_activation
    ctypedef int tc_algorithm
    ctypedef struct tc_conv2d:
        int64_t batch, in_h, in_w, in_channels, out_h, out_w, out_channels
        int64_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w
        int64_t pad_top, pad_bottom, pad_left, pad_right, groups
        tc_algorithm algorithm
        const void *taps
    ctypedef struct tc_pool2d:
        int64_t batch, in_h, in_w, channels, out_h, out_w
        int64_t window_h, window_w, stride_h, stride_w
        int64_t pad_top, pad_bottom, pad_left, pad_right
    ctypedef struct tc_memory:
        int64_t bytes_in_use, bytes_cached, requests, system_requests

    int tc_isa_count()
    const char *tc_isa_name(int)
    int tc_isa_supported(int)
    int tc_isa_select(int)
    const char *tc_isa_current(tc_dtype)
    const char *tc_noted_algorithm()
    ctypedef int tc_task(void *, int64_t)
    int tc_parallel_for(int64_t, tc_task *, void *)
    void tc_set_num_threads(int)
    int tc_num_threads()
    void *tc_alloc(size_t)
    void tc_free(void *, size_t)
    void tc_trim()
    tc_memory tc_memory_stats()

    int tc_conv2d_forward(tc_dtype, const tc_conv2d *, const void *x, const void *w, const void *b, void *y)
    int tc_conv2d_taps(tc_dtype, const tc_conv2d *, const void *w, int64_t *size, void *taps)
    int tc_conv2d_backward_input(tc_dtype, const tc_conv2d *, const void *dy, const void *w, void *dx)
    int tc_conv2d_backward_kernel(tc_dtype, const tc_conv2d *, const void *x, const void *dy, void *dw)
    int tc_max_pool2d_forward(tc_dtype, const tc_pool2d *, const void *x, void *y, int32_t *argmax)
    int tc_max_pool2d_backward(tc_dtype, const tc_pool2d *, const void *dy, const int32_t *argmax, void *dx)
    int tc_avg_pool2d_forward(tc_dtype, const tc_pool2d *, const void *x, void *y)
    int tc_avg_pool2d_backward(tc_dtype, const tc_pool2d *, const void *dy, void *dx)
    int tc_conv2d_pool_forward(
        tc_dtype, const tc_conv2d *, const tc_pool2d *, tc_activation, double alpha, const void *x, const void *w, const void *b, void *y,
        uint8_t *argmax)
    int tc_conv2d_pool_backward(
        tc_dtype, const tc_conv2d *, const tc_pool2d *, tc_activation, double alpha, const void *x, const void *w, const void *y,
        const uint8_t *argmax, const void *dy, void *dx, void *dw, void *db)
    int tc_gemm(tc_dtype, int transpose_a, int transpose_b, int64_t m, int64_t n, int64_t k, const void *a, const void *b, void *c)
    int tc_sum_rows(tc_dtype, int64_t rows, int64_t columns, const void *x, void *sums)
    int tc_affine_forward(
        tc_dtype, tc_activation, int64_t rows, int64_t columns, int64_t k, const void *x, const void *w, const void *b, double alpha, void *y)
    int tc_affine_backward(
        tc_dtype, tc_activation, int64_t rows, int64_t columns, int64_t k, const void *x, const void *w, const void *y, const void *dy,
        double alpha, void *dx, void *dw, void *db)
    int tc_bias_activation_forward(tc_dtype, tc_activation, int64_t rows, int64_t columns, const void *x, const void *b, double alpha, void *y)
    int tc_activation_backward(tc_dtype, tc_activation, int64_t size, const void *dy, const void *y, double alpha, void *dx)
    int tc_softmax(tc_dtype, int64_t rows, int64_t columns, const void *x, void *y)
    int tc_softmax_crossentropy_forward(
        tc_dtype, int64_t rows, int64_t columns, const void *logits, const void *targets, void *loss, void *probabilities)
    int tc_softmax_crossentropy_backward(
        tc_dtype, int64_t rows, int64_t columns, const void *dloss, const void *probabilities, const void *targets, void *dlogits)
    int tc_batch_norm_moments(tc_dtype, int64_t rows, int64_t columns, const void *x, void *mean, void *variance)
    int tc_batch_norm_forward(
        tc_dtype, int64_t rows, int64_t columns, const void *x, const void *mean, const void *variance, const void *gamma,
        const void *beta, double epsilon, void *y)
    int tc_batch_norm_backward(
        tc_dtype, int64_t rows, int64_t columns, const void *dy, const void *x, const void *mean, const void *variance,
        const void *gamma, double epsilon, int training, void *dx, void *dgamma, void *dbeta)
    int tc_dropout_mask(tc_dtype, int64_t size, uint32_t threshold, double scale, uint64_t seed, void *mask)
    int tc_sgd_step(tc_dtype, int64_t size, void *w, const void *g, void *m, double learning_rate, double momentum, int nesterov)
    int tc_adam_step(
        tc_dtype, int64_t size, void *w, const void *g, void *m, void *v, double alpha, double beta_1, double beta_2, double epsilon)
    int tc_fma_peak(tc_dtype, int64_t iterations, double *flop)
