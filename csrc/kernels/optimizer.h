// Optimizer steps in place on flat arrays, each one pass.

typedef struct {
    int64_t size;
    real *w, *m, *v;
    const real *g;
    real rate, momentum, one_minus_beta_1, one_minus_beta_2, epsilon;
    int nesterov;
} optimizer_job;

// w -= rate * g, or with m: m = momentum * m - rate * g, w += m (nesterov: w += momentum * m - rate * g).
static int sgd_chunk(void *context, int64_t chunk) {
    const optimizer_job *job = context;
    const range cells = chunk_range(chunk, CHUNK_WORK, job->size);
    real *restrict w = job->w, *restrict m = job->m;
    const real *restrict g = job->g;
    const real rate = job->rate, momentum = job->momentum;
    if (!m) {
        for (int64_t i = cells.begin; i < cells.end; i++) w[i] -= rate * g[i];
    } else if (!job->nesterov) {
        for (int64_t i = cells.begin; i < cells.end; i++) w[i] += m[i] = momentum * m[i] - rate * g[i];
    } else {
        for (int64_t i = cells.begin; i < cells.end; i++) {
            m[i] = momentum * m[i] - rate * g[i];
            w[i] += momentum * m[i] - rate * g[i];
        }
    }
    return TC_OK;
}

static int sgd_step(int64_t size, real *w, const real *g, real *m, double learning_rate, double momentum, int nesterov) {
    optimizer_job job = {
        .size = size, .w = w, .g = g, .m = m, .rate = (real)learning_rate, .momentum = (real)momentum, .nesterov = nesterov};
    return tc_parallel_for(ceil_div(size, CHUNK_WORK), sgd_chunk, &job);
}

// m += (g - m) * (1 - beta_1), v += (g * g - v) * (1 - beta_2), w -= alpha * m / (sqrt(v) + epsilon).
static int adam_chunk(void *context, int64_t chunk) {
    const optimizer_job *job = context;
    const range cells = chunk_range(chunk, CHUNK_WORK, job->size);
    real *restrict w = job->w, *restrict m = job->m, *restrict v = job->v;
    const real *restrict g = job->g;
    const real alpha = job->rate, b1 = job->one_minus_beta_1, b2 = job->one_minus_beta_2, epsilon = job->epsilon;
    for (int64_t i = cells.begin; i < cells.end; i++) {
        m[i] += (g[i] - m[i]) * b1;
        v[i] += (g[i] * g[i] - v[i]) * b2;
        w[i] -= alpha * m[i] / (real_sqrt(v[i]) + epsilon);
    }
    return TC_OK;
}

static int adam_step(int64_t size, real *w, const real *g, real *m, real *v, double alpha, double beta_1, double beta_2, double epsilon) {
    optimizer_job job = {
        .size = size,
        .w = w,
        .g = g,
        .m = m,
        .v = v,
        .rate = (real)alpha,
        .one_minus_beta_1 = (real)(1 - beta_1),
        .one_minus_beta_2 = (real)(1 - beta_2),
        .epsilon = (real)epsilon,
    };
    return tc_parallel_for(ceil_div(size, CHUNK_WORK), adam_chunk, &job);
}
