// softmax(x)[c] = exp(x[c] - max x) / sum_c exp(x[c] - max x), row by row, and the cross-entropy on it.

// A row's maximum and sum are kept in LANES accumulators, so that the loops vectorise and the order of the sum is fixed.
static real row_max(int64_t n, const real *x) {
    real lane[LANES];
    for (int l = 0; l < LANES; l++) lane[l] = -INFINITY;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++) lane[l] = x[i + l] > lane[l] ? x[i + l] : lane[l];
    for (int l = 0; i < n; i++, l++) lane[l] = x[i] > lane[l] ? x[i] : lane[l];
    real best = lane[0];
    for (int l = 1; l < LANES; l++) best = lane[l] > best ? lane[l] : best;
    return best;
}

static real sum_lanes(real *lane) {
    for (int width = LANES / 2; width >= 1; width /= 2)
        for (int l = 0; l < width; l++) lane[l] += lane[l + width];
    return lane[0];
}

static real row_sum(int64_t n, const real *x) {
    real lane[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++) lane[l] += x[i + l];
    for (int l = 0; i < n; i++, l++) lane[l] += x[i];
    return sum_lanes(lane);
}

typedef struct {
    int64_t rows, columns, rows_per_chunk;
    const real *x, *targets, *dloss;
    real *loss, *result;
} softmax_job;

// Leaves exp(x - max) in y; returns its sum. A NaN or an infinite maximum makes all of the row NaN.
static real exponentials(int64_t n, const real *restrict x, real max, real *restrict y) {
    for (int64_t i = 0; i < n; i++) y[i] = real_exp(x[i] - max);
    return row_sum(n, y);
}

static int softmax_chunk(void *context, int64_t chunk) {
    const softmax_job *job = context;
    const int64_t n = job->columns;
    const range rows = chunk_range(chunk, job->rows_per_chunk, job->rows);
    for (int64_t row = rows.begin; row < rows.end; row++) {
        const real *restrict x = job->x + row * n;
        real *restrict y = job->result + row * n;
        const real max = row_max(n, x);
        const real total = exponentials(n, x, max, y);
        for (int64_t i = 0; i < n; i++) y[i] /= total;
        if (!job->loss) continue;

        const real *restrict targets = job->targets + row * n;
        const real log_total = real_log(total);
        real lane[LANES] = {0};
        for (int64_t i = 0; i < n; i++) lane[i % LANES] += targets[i] * ((x[i] - max) - log_total);
        job->loss[row] = -sum_lanes(lane);
    }
    return TC_OK;
}

static int softmax(int64_t rows, int64_t columns, const real *x, real *y) {
    softmax_job job = {rows, columns, items_per_chunk(8 * columns), x, NULL, NULL, NULL, y};
    return tc_parallel_for(ceil_div(rows, job.rows_per_chunk), softmax_chunk, &job);
}

static int softmax_crossentropy_forward(int64_t rows, int64_t columns, const real *logits, const real *targets, real *loss,
                                        real *probabilities) {
    softmax_job job = {rows, columns, items_per_chunk(8 * columns), logits, targets, NULL, loss, probabilities};
    return tc_parallel_for(ceil_div(rows, job.rows_per_chunk), softmax_chunk, &job);
}

static int softmax_crossentropy_backward_chunk(void *context, int64_t chunk) {
    const softmax_job *job = context;
    const int64_t n = job->columns;
    const range rows = chunk_range(chunk, job->rows_per_chunk, job->rows);
    for (int64_t row = rows.begin; row < rows.end; row++) {
        const real *restrict p = job->x + row * n, *restrict t = job->targets + row * n;
        real *restrict dlogits = job->result + row * n;
        const real dloss = job->dloss[row], total = row_sum(n, t);
        for (int64_t i = 0; i < n; i++) dlogits[i] = dloss * (p[i] * total - t[i]);
    }
    return TC_OK;
}

static int softmax_crossentropy_backward(int64_t rows, int64_t columns, const real *dloss, const real *probabilities, const real *targets,
                                         real *dlogits) {
    softmax_job job = {rows, columns, items_per_chunk(columns), probabilities, targets, dloss, NULL, dlogits};
    return tc_parallel_for(ceil_div(rows, job.rows_per_chunk), softmax_crossentropy_backward_chunk, &job);
}
