# cython: language_level=3, freethreading_compatible=True, embedsignature=False
"""The binding of csrc/tinycnn.h: the bare functions behind `native`, one call into C each, made without the GIL.

`checked.CheckedKernels` has brought every operand into normal form before. Pointers are taken through the buffer protocol (in the limited
API since Python 3.11) rather than typed memoryviews, which cost a microsecond each and two copies of every function; `data` still checks
that an operand is as large as the geometry says, so that a mistake above cannot become a write outside of an array.
"""

import sys
import weakref

import numpy as np

from tinycnn.config import CONV_ALGORITHMS, conv_algorithm

from libc.string cimport memcmp, memcpy
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_FillInfo, PyBuffer_Release, PyObject_GetBuffer

# ---- memory
cdef class Buffer:
    """A block of the caching allocator; it goes back there when the last array over it is gone."""

    cdef void *block
    cdef Py_ssize_t size

    def __cinit__(self, Py_ssize_t size):
        self.size = size
        self.block = tc_alloc(size)
        if self.block is NULL:
            raise MemoryError(f"no memory for an array of {size} bytes")

    def __dealloc__(self):
        tc_free(self.block, self.size)

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.block, self.size, 0, flags)


def empty(shape, dtype):
    """An uninitialised C-contiguous array over a block of the caching allocator, 64-byte aligned."""
    dtype = np.dtype(dtype)
    cdef object size = dtype.itemsize
    for n in shape:
        size *= n
    if size > sys.maxsize:
        raise MemoryError(f"no memory for an array of {size} bytes")
    return np.ndarray(shape, dtype, Buffer(size))


def allocator_stats():
    cdef tc_memory stats = tc_memory_stats()
    return {
        "bytes_in_use": stats.bytes_in_use,
        "bytes_cached": stats.bytes_cached,
        "requests": stats.requests,
        "system_requests": stats.system_requests,
    }


def trim():
    with nogil:
        tc_trim()


# ---- instruction sets and threads
def isa():
    """What the tables in force say they were compiled for; both of them say the same."""
    return tc_isa_current(TC_F32).decode()


def isas():
    return {tc_isa_name(level).decode(): bool(tc_isa_supported(level)) for level in range(tc_isa_count())}


def set_isa(name):
    if tc_isa_select(list(isas()).index(name)):
        raise ValueError(f"{name} does not run on this processor")


def noted_algorithm():
    return tc_noted_algorithm().decode()


def set_num_threads(int n):
    with nogil:  # waits for the job that runs
        tc_set_num_threads(n)


def get_num_threads():
    return tc_num_threads()


# ---- operands
cdef enum:  # the sizes of an argmax's elements
    UINT8 = 1
    INT32 = 4


cdef void *pointer(array, Py_ssize_t elements, int item, int flags) except? NULL:
    """Where the data of `array` lie; the caller's reference keeps them there."""
    cdef Py_buffer view
    PyObject_GetBuffer(array, &view, flags)
    cdef void *found = view.buf
    cdef Py_ssize_t size = view.len
    PyBuffer_Release(&view)
    if size != elements * item:
        raise BufferError(f"an operand has {size} bytes where the kernel expects {elements * item}")
    return found


cdef const void *data(array, Py_ssize_t elements, int item) except? NULL:
    return pointer(array, elements, item, PyBUF_SIMPLE)


cdef const void *optional(array, Py_ssize_t elements, int item) except? NULL:
    return NULL if array is None else pointer(array, elements, item, PyBUF_SIMPLE)


cdef void *writable(array, Py_ssize_t elements, int item) except? NULL:
    return pointer(array, elements, item, PyBUF_WRITABLE)


cdef tc_dtype real_of(array) except *:
    return TC_F32 if array.itemsize == 4 else TC_F64


cdef int check(int status) except -1 nogil:
    if status != TC_OK:
        with gil:
            raise MemoryError("no memory for the scratch of a kernel")
    return 0


# ---- convolution
ALGORITHMS = {name: code for code, name in enumerate(CONV_ALGORITHMS)}  # tc_algorithm


cdef int unpack(bytes packed, void *fields, Py_ssize_t size) except -1:
    if len(packed) != size:
        raise BufferError("a geometry has other fields than the kernels")
    memcpy(fields, <const char *>packed, size)
    return 0


cdef tc_conv2d conv2d_of(g) except *:
    cdef tc_conv2d c
    unpack(g.packed, &c, <char *>&c.algorithm - <char *>&c)
    c.algorithm = ALGORITHMS[conv_algorithm()]
    c.taps = NULL
    return c


cdef Py_ssize_t conv2d_inputs(tc_conv2d *c) noexcept:
    return c.batch * c.in_h * c.in_w * c.in_channels


cdef Py_ssize_t conv2d_outputs(tc_conv2d *c) noexcept:
    return c.batch * c.out_h * c.out_w * c.out_channels


cdef Py_ssize_t conv2d_weights(tc_conv2d *c) noexcept:
    return c.kernel_h * c.kernel_w * (c.in_channels // c.groups) * c.out_channels


cdef enum:
    COMPARED = 32768  # bytes at a time


cdef struct Pair:
    const char *a
    const char *b
    Py_ssize_t size


cdef int differ_in_part(void *context, int64_t part) noexcept nogil:
    cdef Pair *p = <Pair *>context
    cdef Py_ssize_t begin = part * COMPARED
    return memcmp(p.a + begin, p.b + begin, min(COMPARED, p.size - begin)) != 0


cdef bint differ(const void *a, const void *b, Py_ssize_t size) noexcept nogil:
    """Whether two blocks of memory hold other bytes; looked at by all threads."""
    cdef Pair pair = Pair(<const char *>a, <const char *>b, size)
    return tc_parallel_for((size + COMPARED - 1) // COMPARED, differ_in_part, &pair) != 0


cdef dict kept_taps = {}  # id of w -> (weak reference to w, its values then, what else they follow from, taps)


cdef object set_taps(tc_conv2d *g, w, tc_dtype dtype):
    """Let a forward pass use the taps that an earlier one made of the same values of `w`; returns their owner.

    Only for the shapes where making them is a large part of the work: predictions of one or a few images. A kernel that has changed is
    noticed by its values, however it was changed.
    """
    cdef int64_t size = 0
    cdef const void *w_data = data(w, conv2d_weights(g), dtype)
    check(tc_conv2d_taps(dtype, g, w_data, &size, NULL))
    if size == 0:
        return None
    ident, key = id(w), (size, g.algorithm, tc_isa_current(dtype))
    known = kept_taps.get(ident)
    if known is None or known[0]() is not w or known[2] != key or differ(w_data, data(known[1], conv2d_weights(g), dtype), w.nbytes):
        taps, values = empty((size,), w.dtype), w.copy()  # of the copy: another thread may write to `w` meanwhile
        check(tc_conv2d_taps(dtype, g, data(values, conv2d_weights(g), dtype), &size, writable(taps, size, dtype)))
        known = weakref.ref(w, lambda _: kept_taps.pop(ident, None)), values, key, taps
        kept_taps[ident] = known
    g.taps = data(known[3], size, dtype)
    return known


def conv2d_forward(geometry, x, w, b):
    cdef tc_dtype dtype = real_of(x)
    cdef tc_conv2d g = conv2d_of(geometry)
    owner = set_taps(&g, w, dtype)
    y = empty(geometry.out_shape, x.dtype)
    cdef const void *x_data = data(x, conv2d_inputs(&g), dtype)
    cdef const void *w_data = data(w, conv2d_weights(&g), dtype)
    cdef const void *b_data = optional(b, g.out_channels, dtype)
    cdef void *y_data = writable(y, conv2d_outputs(&g), dtype)
    with nogil:
        check(tc_conv2d_forward(dtype, &g, x_data, w_data, b_data, y_data))
    return y


def conv2d_backward_input(geometry, dy, w):
    cdef tc_dtype dtype = real_of(dy)
    cdef tc_conv2d g = conv2d_of(geometry)
    dx = empty(geometry.in_shape, dy.dtype)
    cdef const void *dy_data = data(dy, conv2d_outputs(&g), dtype)
    cdef const void *w_data = data(w, conv2d_weights(&g), dtype)
    cdef void *dx_data = writable(dx, conv2d_inputs(&g), dtype)
    with nogil:
        check(tc_conv2d_backward_input(dtype, &g, dy_data, w_data, dx_data))
    return dx


def conv2d_backward_kernel(geometry, x, dy, *, into=None):
    cdef tc_dtype dtype = real_of(x)
    cdef tc_conv2d g = conv2d_of(geometry)
    dw = empty(geometry.kernel_shape, x.dtype) if into is None else into
    cdef const void *x_data = data(x, conv2d_inputs(&g), dtype)
    cdef const void *dy_data = data(dy, conv2d_outputs(&g), dtype)
    cdef void *dw_data = writable(dw, conv2d_weights(&g), dtype)
    with nogil:
        check(tc_conv2d_backward_kernel(dtype, &g, x_data, dy_data, dw_data))
    return dw


# ---- pooling
cdef tc_pool2d pool2d_of(g) except *:
    cdef tc_pool2d c
    unpack(g.packed, &c, sizeof(c))
    return c


cdef Py_ssize_t pool2d_inputs(tc_pool2d *c) noexcept:
    return c.batch * c.in_h * c.in_w * c.channels


cdef Py_ssize_t pool2d_outputs(tc_pool2d *c) noexcept:
    return c.batch * c.out_h * c.out_w * c.channels


def max_pool2d_forward(geometry, x):
    cdef tc_dtype dtype = real_of(x)
    cdef tc_pool2d g = pool2d_of(geometry)
    y, argmax = empty(geometry.out_shape, x.dtype), empty(geometry.out_shape, np.int32)
    cdef const void *x_data = data(x, pool2d_inputs(&g), dtype)
    cdef void *y_data = writable(y, pool2d_outputs(&g), dtype)
    cdef void *argmax_data = writable(argmax, pool2d_outputs(&g), INT32)
    with nogil:
        check(tc_max_pool2d_forward(dtype, &g, x_data, y_data, <int32_t *>argmax_data))
    return y, argmax


def max_pool2d_backward(geometry, dy, argmax):
    cdef tc_dtype dtype = real_of(dy)
    cdef tc_pool2d g = pool2d_of(geometry)
    dx = empty(geometry.in_shape, dy.dtype)
    cdef const void *dy_data = data(dy, pool2d_outputs(&g), dtype)
    cdef const void *argmax_data = data(argmax, pool2d_outputs(&g), INT32)
    cdef void *dx_data = writable(dx, pool2d_inputs(&g), dtype)
    with nogil:
        check(tc_max_pool2d_backward(dtype, &g, dy_data, <const int32_t *>argmax_data, dx_data))
    return dx


def avg_pool2d_forward(geometry, x):
    cdef tc_dtype dtype = real_of(x)
    cdef tc_pool2d g = pool2d_of(geometry)
    y = empty(geometry.out_shape, x.dtype)
    cdef const void *x_data = data(x, pool2d_inputs(&g), dtype)
    cdef void *y_data = writable(y, pool2d_outputs(&g), dtype)
    with nogil:
        check(tc_avg_pool2d_forward(dtype, &g, x_data, y_data))
    return y


def avg_pool2d_backward(geometry, dy):
    cdef tc_dtype dtype = real_of(dy)
    cdef tc_pool2d g = pool2d_of(geometry)
    dx = empty(geometry.in_shape, dy.dtype)
    cdef const void *dy_data = data(dy, pool2d_outputs(&g), dtype)
    cdef void *dx_data = writable(dx, pool2d_inputs(&g), dtype)
    with nogil:
        check(tc_avg_pool2d_backward(dtype, &g, dy_data, dx_data))
    return dx


# ---- convolution to pooling
def conv2d_pool_forward(geometry, kind, x, w, b, double alpha, bint wants_argmax):
    cdef tc_dtype dtype = real_of(x)
    cdef int code = ACTIVATIONS[kind]
    cdef tc_conv2d conv = conv2d_of(geometry.conv)
    cdef tc_pool2d pool = pool2d_of(geometry.pool)
    owner = set_taps(&conv, w, dtype)
    y, argmax = empty(geometry.out_shape, x.dtype), empty(geometry.out_shape, np.uint8) if wants_argmax else None
    cdef const void *x_data = data(x, conv2d_inputs(&conv), dtype)
    cdef const void *w_data = data(w, conv2d_weights(&conv), dtype)
    cdef const void *b_data = optional(b, conv.out_channels, dtype)
    cdef void *y_data = writable(y, pool2d_outputs(&pool), dtype)
    cdef void *argmax_data = writable(argmax, pool2d_outputs(&pool), UINT8) if wants_argmax else NULL
    with nogil:
        check(tc_conv2d_pool_forward(dtype, &conv, &pool, code, alpha, x_data, w_data, b_data, y_data, <uint8_t *>argmax_data))
    return y, argmax


def conv2d_pool_backward(geometry, kind, x, w, y, argmax, dy, double alpha, needs, dw_into):
    cdef tc_dtype dtype = real_of(x)
    cdef int code = ACTIVATIONS[kind]
    cdef tc_conv2d conv = conv2d_of(geometry.conv)
    cdef tc_pool2d pool = pool2d_of(geometry.pool)
    dx = empty(x.shape, x.dtype) if needs[0] else None
    dw = (empty(w.shape, x.dtype) if dw_into is None else dw_into) if needs[1] else None
    db = empty((geometry.conv.out_channels,), x.dtype) if needs[2] else None
    cdef const void *x_data = data(x, conv2d_inputs(&conv), dtype)
    cdef const void *w_data = data(w, conv2d_weights(&conv), dtype)
    cdef const void *y_data = data(y, pool2d_outputs(&pool), dtype)
    cdef const void *argmax_data = data(argmax, pool2d_outputs(&pool), UINT8)
    cdef const void *dy_data = data(dy, pool2d_outputs(&pool), dtype)
    cdef void *dx_data = NULL if dx is None else writable(dx, conv2d_inputs(&conv), dtype)
    cdef void *dw_data = NULL if dw is None else writable(dw, conv2d_weights(&conv), dtype)
    cdef void *db_data = NULL if db is None else writable(db, conv.out_channels, dtype)
    with nogil:
        check(tc_conv2d_pool_backward(
            dtype, &conv, &pool, code, alpha, x_data, w_data, y_data, <const uint8_t *>argmax_data, dy_data, dx_data, dw_data, db_data))
    return dx, dw, db


# ---- dense algebra
def matmul(a, b, bint transpose_a, bint transpose_b, *, into=None):
    cdef tc_dtype dtype = real_of(a)
    cdef int64_t m = a.shape[1 if transpose_a else 0]
    cdef int64_t k = a.shape[0 if transpose_a else 1]
    cdef int64_t n = b.shape[0 if transpose_b else 1]
    c = empty((m, n), a.dtype) if into is None else into
    cdef const void *a_data = data(a, m * k, dtype)
    cdef const void *b_data = data(b, k * n, dtype)
    cdef void *c_data = writable(c, m * n, dtype)
    with nogil:
        check(tc_gemm(dtype, transpose_a, transpose_b, m, n, k, a_data, b_data, c_data))
    return c


def affine_forward(kind, x, w, b, double alpha):
    cdef tc_dtype dtype = real_of(x)
    cdef int code = ACTIVATIONS[kind]
    cdef int64_t rows = x.shape[0], k = x.shape[1], columns = w.shape[1]
    y = empty((rows, columns), x.dtype)
    cdef const void *x_data = data(x, rows * k, dtype)
    cdef const void *w_data = data(w, k * columns, dtype)
    cdef const void *b_data = optional(b, columns, dtype)
    cdef void *y_data = writable(y, rows * columns, dtype)
    with nogil:
        check(tc_affine_forward(dtype, code, rows, columns, k, x_data, w_data, b_data, alpha, y_data))
    return y


def affine_backward(kind, x, w, y, dy, double alpha, needs, dw_into):
    cdef tc_dtype dtype = real_of(x)
    cdef int code = ACTIVATIONS[kind]
    cdef int64_t rows = x.shape[0], k = x.shape[1], columns = w.shape[1]
    dx = empty((rows, k), x.dtype) if needs[0] else None
    dw = (empty((k, columns), x.dtype) if dw_into is None else dw_into) if needs[1] else None
    db = empty((columns,), x.dtype) if needs[2] else None
    cdef const void *x_data = data(x, rows * k, dtype)
    cdef const void *w_data = data(w, k * columns, dtype)
    cdef const void *y_data = optional(y, rows * columns, dtype)
    cdef const void *dy_data = data(dy, rows * columns, dtype)
    cdef void *dx_data = NULL if dx is None else writable(dx, rows * k, dtype)
    cdef void *dw_data = NULL if dw is None else writable(dw, k * columns, dtype)
    cdef void *db_data = NULL if db is None else writable(db, columns, dtype)
    with nogil:
        check(tc_affine_backward(dtype, code, rows, columns, k, x_data, w_data, y_data, dy_data, alpha, dx_data, dw_data, db_data))
    return dx, dw, db


def sum_rows(x):
    cdef tc_dtype dtype = real_of(x)
    cdef int64_t rows = x.shape[0], columns = x.shape[1]
    sums = empty((columns,), x.dtype)
    cdef const void *x_data = data(x, rows * columns, dtype)
    cdef void *sums_data = writable(sums, columns, dtype)
    with nogil:
        check(tc_sum_rows(dtype, rows, columns, x_data, sums_data))
    return sums


# ---- bias + activation
ACTIVATIONS = {"linear": 0, "relu": 1, "leaky_relu": 2, "elu": 3, "sigmoid": 4, "tanh": 5}  # tc_activation


def bias_activation_forward(kind, x, b, double alpha):
    cdef tc_dtype dtype = real_of(x)
    cdef int code = ACTIVATIONS[kind]
    cdef int64_t size = x.size
    cdef int64_t columns = size if b is None else b.size
    y = empty(x.shape, x.dtype)
    cdef const void *x_data = data(x, size, dtype)
    cdef const void *b_data = optional(b, columns, dtype)
    cdef void *y_data = writable(y, size, dtype)
    with nogil:
        check(tc_bias_activation_forward(dtype, code, size // columns if columns else 0, columns, x_data, b_data, alpha, y_data))
    return y


def activation_backward(kind, dy, y, double alpha):
    cdef tc_dtype dtype = real_of(dy)
    cdef int code = ACTIVATIONS[kind]
    cdef int64_t size = dy.size
    dx = empty(dy.shape, dy.dtype)
    cdef const void *dy_data = data(dy, size, dtype)
    cdef const void *y_data = data(y, size, dtype)
    cdef void *dx_data = writable(dx, size, dtype)
    with nogil:
        check(tc_activation_backward(dtype, code, size, dy_data, y_data, alpha, dx_data))
    return dx


# ---- softmax + cross-entropy
def softmax(x):
    cdef tc_dtype dtype = real_of(x)
    cdef int64_t rows = x.shape[0], columns = x.shape[1]
    y = empty(x.shape, x.dtype)
    cdef const void *x_data = data(x, rows * columns, dtype)
    cdef void *y_data = writable(y, rows * columns, dtype)
    with nogil:
        check(tc_softmax(dtype, rows, columns, x_data, y_data))
    return y


def softmax_crossentropy_forward(logits, targets):
    cdef tc_dtype dtype = real_of(logits)
    cdef int64_t rows = logits.shape[0], columns = logits.shape[1]
    loss, probabilities = empty((rows,), logits.dtype), empty(logits.shape, logits.dtype)
    cdef const void *logits_data = data(logits, rows * columns, dtype)
    cdef const void *targets_data = data(targets, rows * columns, dtype)
    cdef void *loss_data = writable(loss, rows, dtype)
    cdef void *probabilities_data = writable(probabilities, rows * columns, dtype)
    with nogil:
        check(tc_softmax_crossentropy_forward(dtype, rows, columns, logits_data, targets_data, loss_data, probabilities_data))
    return loss, probabilities


def softmax_crossentropy_backward(dloss, probabilities, targets):
    cdef tc_dtype dtype = real_of(probabilities)
    cdef int64_t rows = probabilities.shape[0], columns = probabilities.shape[1]
    dlogits = empty(probabilities.shape, probabilities.dtype)
    cdef const void *dloss_data = data(dloss, rows, dtype)
    cdef const void *probabilities_data = data(probabilities, rows * columns, dtype)
    cdef const void *targets_data = data(targets, rows * columns, dtype)
    cdef void *dlogits_data = writable(dlogits, rows * columns, dtype)
    with nogil:
        check(tc_softmax_crossentropy_backward(dtype, rows, columns, dloss_data, probabilities_data, targets_data, dlogits_data))
    return dlogits


# ---- batch normalisation
def batch_norm_moments(x):
    cdef tc_dtype dtype = real_of(x)
    cdef int64_t rows = x.shape[0], columns = x.shape[1]
    mean, variance = empty((columns,), x.dtype), empty((columns,), x.dtype)
    cdef const void *x_data = data(x, rows * columns, dtype)
    cdef void *mean_data = writable(mean, columns, dtype)
    cdef void *variance_data = writable(variance, columns, dtype)
    with nogil:
        check(tc_batch_norm_moments(dtype, rows, columns, x_data, mean_data, variance_data))
    return mean, variance


def batch_norm_forward(x, mean, variance, gamma, beta, double epsilon):
    cdef tc_dtype dtype = real_of(x)
    cdef int64_t rows = x.shape[0], columns = x.shape[1]
    y = empty(x.shape, x.dtype)
    cdef const void *x_data = data(x, rows * columns, dtype)
    cdef const void *mean_data = data(mean, columns, dtype)
    cdef const void *variance_data = data(variance, columns, dtype)
    cdef const void *gamma_data = data(gamma, columns, dtype)
    cdef const void *beta_data = data(beta, columns, dtype)
    cdef void *y_data = writable(y, rows * columns, dtype)
    with nogil:
        check(tc_batch_norm_forward(dtype, rows, columns, x_data, mean_data, variance_data, gamma_data, beta_data, epsilon, y_data))
    return y


def batch_norm_backward(dy, x, mean, variance, gamma, double epsilon, bint training):
    cdef tc_dtype dtype = real_of(x)
    cdef int64_t rows = x.shape[0], columns = x.shape[1]
    dx, dgamma, dbeta = empty(x.shape, x.dtype), empty((columns,), x.dtype), empty((columns,), x.dtype)
    cdef const void *dy_data = data(dy, rows * columns, dtype)
    cdef const void *x_data = data(x, rows * columns, dtype)
    cdef const void *mean_data = data(mean, columns, dtype)
    cdef const void *variance_data = data(variance, columns, dtype)
    cdef const void *gamma_data = data(gamma, columns, dtype)
    cdef void *dx_data = writable(dx, rows * columns, dtype)
    cdef void *dgamma_data = writable(dgamma, columns, dtype)
    cdef void *dbeta_data = writable(dbeta, columns, dtype)
    with nogil:
        check(tc_batch_norm_backward(
            dtype, rows, columns, dy_data, x_data, mean_data, variance_data, gamma_data, epsilon, training, dx_data, dgamma_data, dbeta_data))
    return dx, dgamma, dbeta


# ---- dropout
def dropout_mask(shape, uint32_t threshold, double scale, uint64_t seed, dtype):
    mask = empty(shape, dtype)
    cdef tc_dtype real = real_of(mask)
    cdef int64_t size = mask.size
    cdef void *mask_data = writable(mask, size, real)
    with nogil:
        check(tc_dropout_mask(real, size, threshold, scale, seed, mask_data))
    return mask


# ---- optimizer steps, in place
def sgd_step(w, g, m, double learning_rate, double momentum, bint nesterov):
    cdef tc_dtype dtype = real_of(w)
    cdef int64_t size = w.size
    cdef void *w_data = writable(w, size, dtype)
    cdef const void *g_data = data(g, size, dtype)
    cdef void *m_data = NULL if m is None else writable(m, size, dtype)
    with nogil:
        check(tc_sgd_step(dtype, size, w_data, g_data, m_data, learning_rate, momentum, nesterov))


def adam_step(w, g, m, v, double alpha, double beta_1, double beta_2, double epsilon):
    cdef tc_dtype dtype = real_of(w)
    cdef int64_t size = w.size
    cdef void *w_data = writable(w, size, dtype)
    cdef const void *g_data = data(g, size, dtype)
    cdef void *m_data = writable(m, size, dtype)
    cdef void *v_data = writable(v, size, dtype)
    with nogil:
        check(tc_adam_step(dtype, size, w_data, g_data, m_data, v_data, alpha, beta_1, beta_2, epsilon))


# ---- a yardstick
def fma_peak(dtype, int64_t iterations):
    """The floating-point operations that `iterations` rounds of independent multiply-adds make on all threads; time the call."""
    cdef tc_dtype real = real_of(empty((0,), dtype))
    cdef double flop
    with nogil:
        check(tc_fma_peak(real, iterations, &flop))
    return flop
