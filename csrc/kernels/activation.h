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

// result = act(x + other) where other is a bias (or NULL), or x * act'(other) where it is the activation's output.
typedef void activation_row(int64_t n, const real *restrict x, const real *restrict other, real alpha, real *restrict result);

static inline void activate_row(tc_activation kind, int64_t n, const real *restrict x, const real *restrict b, real alpha,
                                real *restrict y) {
    if (b) {
        for (int64_t i = 0; i < n; i++) y[i] = activate(kind, x[i] + b[i], alpha);
    } else {
        for (int64_t i = 0; i < n; i++) y[i] = activate(kind, x[i], alpha);
    }
}

static inline void backward_row(tc_activation kind, int64_t n, const real *restrict dy, const real *restrict y, real alpha,
                                real *restrict dx) {
    for (int64_t i = 0; i < n; i++) dx[i] = dy[i] * activation_derivative(kind, y[i], alpha);
}

// One function per kind, in which the kind is a constant and the loop has no branch.
#define ROW(name, row, kind) \
    static void name(int64_t n, const real *x, const real *other, real alpha, real *result) { row(kind, n, x, other, alpha, result); }
ROW(linear_forward, activate_row, TC_LINEAR)
ROW(relu_forward, activate_row, TC_RELU)
ROW(leaky_relu_forward, activate_row, TC_LEAKY_RELU)
ROW(elu_forward, activate_row, TC_ELU)
ROW(sigmoid_forward, activate_row, TC_SIGMOID)
ROW(tanh_forward, activate_row, TC_TANH)
ROW(linear_backward, backward_row, TC_LINEAR)
ROW(relu_backward, backward_row, TC_RELU)
ROW(leaky_relu_backward, backward_row, TC_LEAKY_RELU)
ROW(elu_backward, backward_row, TC_ELU)
ROW(sigmoid_backward, backward_row, TC_SIGMOID)
ROW(tanh_backward, backward_row, TC_TANH)
#undef ROW

typedef void activation_in_place(int64_t n, real alpha, real *y);
#define IN_PLACE(name, kind)                                                \
    static void name(int64_t n, real alpha, real *y) {                      \
        for (int64_t i = 0; i < n; i++) y[i] = activate(kind, y[i], alpha); \
    }
IN_PLACE(linear_in_place, TC_LINEAR)
IN_PLACE(relu_in_place, TC_RELU)
IN_PLACE(leaky_relu_in_place, TC_LEAKY_RELU)
IN_PLACE(elu_in_place, TC_ELU)
IN_PLACE(sigmoid_in_place, TC_SIGMOID)
IN_PLACE(tanh_in_place, TC_TANH)
#undef IN_PLACE

static activation_in_place *const in_place[] = {linear_in_place, relu_in_place,    leaky_relu_in_place,
                                                elu_in_place,    sigmoid_in_place, tanh_in_place};
static activation_row *const forward_rows[] = {linear_forward, relu_forward,    leaky_relu_forward,
                                               elu_forward,    sigmoid_forward, tanh_forward};
static activation_row *const backward_rows[] = {linear_backward, relu_backward,    leaky_relu_backward,
                                                elu_backward,    sigmoid_backward, tanh_backward};

typedef struct {
    activation_row *row;
    int64_t rows, columns, rows_per_chunk;  // with a bias, which every row meets anew
    int64_t size;                           // without
    const real *x, *other;
    real alpha;
    real *result;
} activation_job;

enum { BIAS_TILE = 512 };  // narrow rows are done several at a time, with the bias repeated: long loops vectorise better than short ones

static int bias_rows_chunk(void *context, int64_t chunk) {
    const activation_job *job = context;
    const range rows = chunk_range(chunk, job->rows_per_chunk, job->rows);
    const int64_t at_a_time = max_i64(1, BIAS_TILE / job->columns);
    real tile[BIAS_TILE];
    for (int64_t r = 0; at_a_time > 1 && r < at_a_time; r++)
        memcpy(tile + r * job->columns, job->other, sizeof(real) * (size_t)job->columns);
    for (int64_t row = rows.begin; row < rows.end; row += at_a_time) {
        const int64_t at = row * job->columns, n = min_i64(at_a_time, rows.end - row) * job->columns;
        job->row(n, job->x + at, at_a_time > 1 ? tile : job->other, job->alpha, job->result + at);
    }
    return TC_OK;
}

static int cells_chunk(void *context, int64_t chunk) {
    const activation_job *job = context;
    const range cells = chunk_range(chunk, CHUNK_WORK, job->size);
    const int64_t at = cells.begin;
    job->row(cells.end - at, job->x + at, job->other ? job->other + at : NULL, job->alpha, job->result + at);
    return TC_OK;
}

static int bias_activation_forward(tc_activation kind, int64_t rows, int64_t columns, const real *x, const real *b, double alpha, real *y) {
    activation_job job = {forward_rows[kind], rows, columns, items_per_chunk(columns), rows * columns, x, b, (real)alpha, y};
    if (b) return tc_parallel_for(ceil_div(rows, job.rows_per_chunk), bias_rows_chunk, &job);
    return tc_parallel_for(ceil_div(job.size, CHUNK_WORK), cells_chunk, &job);
}

static int activation_backward(tc_activation kind, int64_t size, const real *dy, const real *y, double alpha, real *dx) {
    activation_job job = {.row = backward_rows[kind], .size = size, .x = dy, .other = y, .alpha = (real)alpha, .result = dx};
    return tc_parallel_for(ceil_div(size, CHUNK_WORK), cells_chunk, &job);
}
