// A dense layer: y = act(x @ w + b). The product starts from the bias, and the activation goes over the result where it lies.

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
