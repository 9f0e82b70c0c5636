// y = act(x + b), and its gradient read off y.

static inline real activate(tc_activation kind, real x, real alpha) {
    switch (kind) {
        case TC_RELU: return x < 0 ? 0 : x;  // a NaN is not below 0
        case TC_LEAKY_RELU: return x > 0 ? x : alpha * x;
        case TC_ELU: return x > 0 ? x : alpha * real_expm1(x > 0 ? 0 : x);
        case TC_SIGMOID: return real_sigmoid(x);
        case TC_TANH: return real_tanh(x);
        case TC_LINEAR: break;
    }
    return x;
}

static inline real activation_derivative(tc_activation kind, real y, real alpha) {
    switch (kind) {
        case TC_RELU: return y > 0 ? 1 : 0;
        case TC_LEAKY_RELU: return y > 0 ? 1 : alpha;
        case TC_ELU: return y > 0 ? 1 : y + alpha;
        case TC_SIGMOID: return y * (1 - y);
        case TC_TANH: return 1 - y * y;
        case TC_LINEAR: break;
    }
    return 1;
}

typedef struct {
    tc_activation kind;
    int64_t rows, columns, rows_per_chunk;
    const real *x, *b, *y;
    real alpha;
    real *result;
} activation_job;

// One row for a `kind` known at compile time, so that the loops have no branch.
static inline void activate_row(tc_activation kind, int64_t n, const real *restrict x, const real *restrict b, real alpha,
                                real *restrict y) {
    if (b) {
        for (int64_t i = 0; i < n; i++) y[i] = activate(kind, x[i] + b[i], alpha);
    } else {
        for (int64_t i = 0; i < n; i++) y[i] = activate(kind, x[i], alpha);
    }
}

static inline void derivative_row(tc_activation kind, int64_t n, const real *restrict dy, const real *restrict y, real alpha,
                                  real *restrict dx) {
    for (int64_t i = 0; i < n; i++) dx[i] = dy[i] * activation_derivative(kind, y[i], alpha);
}

#define FOR_KIND(kind, row_of)                            \
    switch (kind) {                                       \
        case TC_LINEAR: row_of(TC_LINEAR); break;         \
        case TC_RELU: row_of(TC_RELU); break;             \
        case TC_LEAKY_RELU: row_of(TC_LEAKY_RELU); break; \
        case TC_ELU: row_of(TC_ELU); break;               \
        case TC_SIGMOID: row_of(TC_SIGMOID); break;       \
        case TC_TANH: row_of(TC_TANH); break;             \
    }

static int bias_activation_chunk(void *context, int64_t chunk) {
    const activation_job *job = context;
    const range rows = chunk_range(chunk, job->rows_per_chunk, job->rows);
    for (int64_t row = rows.begin; row < rows.end; row++) {
        const int64_t at = row * job->columns;
#define ROW(kind) activate_row(kind, job->columns, job->x + at, job->b, job->alpha, job->result + at)
        FOR_KIND(job->kind, ROW)
#undef ROW
    }
    return TC_OK;
}

static int bias_activation_forward(tc_activation kind, int64_t rows, int64_t columns, const real *x, const real *b, double alpha, real *y) {
    activation_job job = {kind, rows, columns, items_per_chunk(columns), x, b, NULL, (real)alpha, y};
    return tc_parallel_for(ceil_div(rows, job.rows_per_chunk), bias_activation_chunk, &job);
}

static int activation_backward_chunk(void *context, int64_t chunk) {
    const activation_job *job = context;
    const range cells = chunk_range(chunk, CHUNK_WORK, job->columns);
#define ROW(kind) \
    derivative_row(kind, cells.end - cells.begin, job->x + cells.begin, job->y + cells.begin, job->alpha, job->result + cells.begin)
    FOR_KIND(job->kind, ROW)
#undef ROW
    return TC_OK;
}

static int activation_backward(tc_activation kind, int64_t size, const real *dy, const real *y, double alpha, real *dx) {
    activation_job job = {kind, 1, size, 1, dy, NULL, y, (real)alpha, dx};
    return tc_parallel_for(ceil_div(size, CHUNK_WORK), activation_backward_chunk, &job);
}
