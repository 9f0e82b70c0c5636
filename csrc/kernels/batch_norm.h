// Batch normalisation over the rows of (R, C): Ioffe & Szegedy 2015, algorithm 1 and the gradients below it.

typedef struct {
    const real *x, *dy;  // (R, C)
    const real *mean;    // (C,)
} moments_operands;

static void terms_squared_deviation(const void *operands, int64_t begin, int64_t end, int64_t columns, real *restrict sums) {
    const moments_operands *o = operands;
    const real *restrict mean = o->mean;
    for (int64_t row = begin; row < end; row++) {
        const real *restrict x = o->x + row * columns;
        for (int64_t c = 0; c < columns; c++) sums[c] += (x[c] - mean[c]) * (x[c] - mean[c]);
    }
}

// Two sums: dy and dy * (x - mean).
static void terms_gradients(const void *operands, int64_t begin, int64_t end, int64_t columns, real *restrict sums) {
    const moments_operands *o = operands;
    const real *restrict mean = o->mean;
    for (int64_t row = begin; row < end; row++) {
        const real *restrict x = o->x + row * columns, *restrict dy = o->dy + row * columns;
        for (int64_t c = 0; c < columns; c++) {
            sums[c] += dy[c];
            sums[columns + c] += dy[c] * (x[c] - mean[c]);
        }
    }
}

static int batch_norm_moments(int64_t rows, int64_t columns, const real *x, real *mean, real *variance) {
    const size_t bytes = sizeof(double) * (size_t)(2 * columns);
    double *sums = tc_alloc(bytes), *squares = sums + columns;
    if (!sums) return TC_NO_MEMORY;
    const double n = rows > 0 ? (double)rows : 1;
    int status = column_sums(rows, columns, 1, terms_x, x, sums);
    for (int64_t c = 0; c < columns; c++) mean[c] = (real)(sums[c] / n);
    if (status == TC_OK)
        status = column_sums(rows, columns, 1, terms_squared_deviation, &(moments_operands){.x = x, .mean = mean}, squares);
    for (int64_t c = 0; c < columns; c++) {
        const double rounding = sums[c] / n - mean[c];  // the deviations were taken from the rounded mean
        variance[c] = (real)(squares[c] / n - rounding * rounding);
    }
    tc_free(sums, bytes);
    return status;
}

// y = (x - mean) * scale + shift and dx = scale * (dy - shift - (x - mean) * slope): all rows with the same per-column coefficients.
// Where mean and variance are constants, dx = scale * dy: not with a slope of 0, since an x may be infinite.
typedef struct {
    int64_t rows, columns, rows_per_chunk;
    const real *x, *dy, *mean, *scale, *shift, *slope;
    real *result;
} normalize_job;

static int batch_norm_forward_chunk(void *context, int64_t chunk) {
    const normalize_job *job = context;
    const real *restrict mean = job->mean, *restrict scale = job->scale, *restrict shift = job->shift;
    const range rows = chunk_range(chunk, job->rows_per_chunk, job->rows);
    for (int64_t row = rows.begin; row < rows.end; row++) {
        const real *restrict x = job->x + row * job->columns;
        real *restrict y = job->result + row * job->columns;
        for (int64_t c = 0; c < job->columns; c++) y[c] = (x[c] - mean[c]) * scale[c] + shift[c];
    }
    return TC_OK;
}

static int batch_norm_forward(int64_t rows, int64_t columns, const real *x, const real *mean, const real *variance, const real *gamma,
                              const real *beta, double epsilon, real *y) {
    const size_t bytes = sizeof(real) * (size_t)columns;
    real *scale = tc_alloc(bytes);
    if (!scale) return TC_NO_MEMORY;
    for (int64_t c = 0; c < columns; c++) scale[c] = (real)(gamma[c] / sqrt(variance[c] + epsilon));
    normalize_job job = {rows, columns, items_per_chunk(columns), x, NULL, mean, scale, beta, NULL, y};
    const int status = tc_parallel_for(ceil_div(rows, job.rows_per_chunk), batch_norm_forward_chunk, &job);
    tc_free(scale, bytes);
    return status;
}

static int batch_norm_backward_chunk(void *context, int64_t chunk) {
    const normalize_job *job = context;
    const real *restrict mean = job->mean, *restrict scale = job->scale, *restrict shift = job->shift, *restrict slope = job->slope;
    const range rows = chunk_range(chunk, job->rows_per_chunk, job->rows);
    for (int64_t row = rows.begin; row < rows.end; row++) {
        const real *restrict x = job->x + row * job->columns, *restrict dy = job->dy + row * job->columns;
        real *restrict dx = job->result + row * job->columns;
        for (int64_t c = 0; c < job->columns; c++) dx[c] = scale[c] * (dy[c] - shift[c] - (x[c] - mean[c]) * slope[c]);
    }
    return TC_OK;
}

static int scale_rows_chunk(void *context, int64_t chunk) {
    const normalize_job *job = context;
    const real *restrict scale = job->scale;
    const range rows = chunk_range(chunk, job->rows_per_chunk, job->rows);
    for (int64_t row = rows.begin; row < rows.end; row++) {
        const real *restrict dy = job->dy + row * job->columns;
        real *restrict dx = job->result + row * job->columns;
        for (int64_t c = 0; c < job->columns; c++) dx[c] = scale[c] * dy[c];
    }
    return TC_OK;
}

static int batch_norm_backward(int64_t rows, int64_t columns, const real *dy, const real *x, const real *mean, const real *variance,
                               const real *gamma, double epsilon, int training, real *dx, real *dgamma, real *dbeta) {
    const size_t bytes = (2 * sizeof(double) + 3 * sizeof(real)) * (size_t)columns;
    double *sums = tc_alloc(bytes);
    if (!sums) return TC_NO_MEMORY;
    real *scale = (real *)(sums + 2 * columns), *shift = scale + columns, *slope = shift + columns;
    int status = column_sums(rows, columns, 2, terms_gradients, &(moments_operands){.x = x, .dy = dy, .mean = mean}, sums);
    for (int64_t c = 0; c < columns && status == TC_OK; c++) {
        const double inverse_std = 1 / sqrt(variance[c] + epsilon), n = rows > 0 ? (double)rows : 1;
        dbeta[c] = (real)sums[c];
        dgamma[c] = (real)(sums[columns + c] * inverse_std);
        scale[c] = (real)(gamma[c] * inverse_std);
        shift[c] = (real)(sums[c] / n);
        slope[c] = (real)(sums[columns + c] * inverse_std * inverse_std / n);
    }
    normalize_job job = {rows, columns, items_per_chunk(columns), x, dy, mean, scale, shift, slope, dx};
    tc_task *const of_rows = training ? batch_norm_backward_chunk : scale_rows_chunk;
    if (status == TC_OK) status = tc_parallel_for(ceil_div(rows, job.rows_per_chunk), of_rows, &job);
    tc_free(sums, bytes);
    return status;
}
