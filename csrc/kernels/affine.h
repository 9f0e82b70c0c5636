// A dense layer: y = act(x @ w + b), and its gradients.
//
// Forward, the product starts from the bias, and the activation goes over the result where it lies. Backward, what passes the activation,
// g = dy * act'(y), is made first, with its sums: db = sum of the rows of g, dw = x^T @ g, dx = g @ w^T.

typedef struct {
    activation_in_place *activate;
    int64_t size;
    real alpha;
    real *y;
} affine_job;

static int affine_activate_chunk(void *context, int64_t chunk) {
    const affine_job *job = context;
    const range cells = chunk_range(chunk, CHUNK_WORK, job->size);
    job->activate(cells.end - cells.begin, job->alpha, job->y + cells.begin);
    return TC_OK;
}

static int affine_forward(tc_activation kind, int64_t rows, int64_t columns, int64_t k, const real *x, const real *w, const real *b,
                          double alpha, real *y) {
    const int status = product_of(0, 0, rows, columns, k, x, w, b, y);
    if (status != TC_OK || kind == TC_LINEAR) return status;
    affine_job job = {in_place[kind], rows * columns, (real)alpha, y};
    return tc_parallel_for(ceil_div(job.size, CHUNK_WORK), affine_activate_chunk, &job);
}

// dx, dw and db may be NULL, and y where nothing is read off it.
static int affine_backward(tc_activation kind, int64_t rows, int64_t columns, int64_t k, const real *x, const real *w, const real *y,
                           const real *dy, double alpha, real *dx, real *dw, real *db) {
    passed_gradient passed;
    int status = pass_activation(kind, rows, columns, dy, y, alpha, db, &passed);
    if (status == TC_OK && dw) status = product_of(1, 0, k, columns, rows, x, passed.g, NULL, dw);
    if (status == TC_OK && dx) status = product_of(0, 1, rows, k, columns, passed.g, w, NULL, dx);
    free_passed(&passed);
    return status;
}
