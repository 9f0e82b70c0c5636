// Sums over the rows of (R, C) matrices: the gradient of a bias, and what batch normalisation needs.
//
// Rows are cut into chunks; a chunk adds ROWS_PER_BLOCK rows at a time in `real` (vectorised over columns), then the block onto sums
// in double. The chunks' sums are added in their order. So the error is that of some 16 additions, however many rows there are.

enum { ROWS_PER_BLOCK = 16 };

// Adds the terms of rows begin .. end - 1 onto sums[0 .. n_sums * columns - 1].
typedef void column_terms(const void *operands, int64_t begin, int64_t end, int64_t columns, real *sums);

typedef struct {
    int64_t rows, columns, width, rows_per_chunk;  // width = n_sums * columns
    column_terms *terms;
    const void *operands;
    double *partial;  // (chunks, width)
} column_job;

static int column_sums_chunk(void *context, int64_t chunk) {
    const column_job *job = context;
    const range rows = chunk_range(chunk, job->rows_per_chunk, job->rows);
    const size_t bytes = sizeof(real) * (size_t)job->width;
    real *block = tc_scratch(bytes);
    if (!block) return TC_NO_MEMORY;
    double *sums = job->partial + chunk * job->width;
    for (int64_t i = 0; i < job->width; i++) sums[i] = 0;
    for (int64_t row = rows.begin; row < rows.end; row += ROWS_PER_BLOCK) {
        memset(block, 0, bytes);
        job->terms(job->operands, row, min_i64(row + ROWS_PER_BLOCK, rows.end), job->columns, block);
        for (int64_t i = 0; i < job->width; i++) sums[i] += (double)block[i];
    }
    tc_free_scratch(block, bytes);
    return TC_OK;
}

// totals[s * columns + c] = sum over rows of the s-th term in column c, in double.
static int column_sums(int64_t rows, int64_t columns, int64_t n_sums, column_terms *terms, const void *operands, double *totals) {
    column_job job = {rows, columns, n_sums * columns, items_per_chunk(columns), terms, operands, NULL};
    const int64_t chunks = ceil_div(rows, job.rows_per_chunk);
    const size_t bytes = sizeof(double) * (size_t)(chunks * job.width);
    job.partial = tc_alloc(bytes);
    if (!job.partial) return TC_NO_MEMORY;
    const int status = tc_parallel_for(chunks, column_sums_chunk, &job);
    for (int64_t i = 0; i < job.width; i++) totals[i] = 0;
    for (int64_t chunk = 0; status == TC_OK && chunk < chunks; chunk++)
        for (int64_t i = 0; i < job.width; i++) totals[i] += job.partial[chunk * job.width + i];
    tc_free(job.partial, bytes);
    return status;
}

// The same of one term, rounded.
static int rounded_column_sums(int64_t rows, int64_t columns, column_terms *terms, const void *operands, real *sums) {
    const size_t bytes = sizeof(double) * (size_t)columns;
    double *totals = tc_alloc(bytes);
    if (!totals) return TC_NO_MEMORY;
    const int status = column_sums(rows, columns, 1, terms, operands, totals);
    for (int64_t c = 0; c < columns; c++) sums[c] = (real)totals[c];
    tc_free(totals, bytes);
    return status;
}

static void terms_x(const void *x, int64_t begin, int64_t end, int64_t columns, real *restrict sums) {
    for (int64_t row = begin; row < end; row++) {
        const real *restrict x_row = (const real *)x + row * columns;
        for (int64_t c = 0; c < columns; c++) sums[c] += x_row[c];
    }
}

static int sum_rows(int64_t rows, int64_t columns, const real *x, real *sums) {
    return rounded_column_sums(rows, columns, terms_x, x, sums);
}

// ---- g = dy * act'(y) and its sums, the gradient of a bias in front of the activation, in one pass
typedef struct {
    activation_row *row;
    const real *dy, *y;
    real alpha;
    real *g;
} activation_gradient;

static void terms_gradient(const void *operands, int64_t begin, int64_t end, int64_t columns, real *restrict sums) {
    const activation_gradient *p = operands;
    const int64_t at = begin * columns;
    p->row((end - begin) * columns, p->dy + at, p->y + at, p->alpha, p->g + at);
    terms_x(p->g, begin, end, columns, sums);
}

static int activation_backward_sums(int64_t rows, int64_t columns, const activation_gradient *p, real *sums) {
    return rounded_column_sums(rows, columns, terms_gradient, p, sums);
}

// What passes an activation on its way back: g, and the memory that it may lie in. Of a linear one it is dy itself.
typedef struct {
    const real *g;
    real *memory;  // or NULL
    size_t bytes;
} passed_gradient;

// With its sums, where db is not NULL.
static int pass_activation(tc_activation kind, int64_t rows, int64_t columns, const real *dy, const real *y, double alpha, real *db,
                           passed_gradient *passed) {
    const size_t bytes = kind == TC_LINEAR ? 0 : sizeof(real) * (size_t)(rows * columns);
    *passed = (passed_gradient){dy, NULL, bytes};
    if (!bytes) return db ? sum_rows(rows, columns, dy, db) : TC_OK;
    real *g = tc_alloc(bytes);
    if (!g) return TC_NO_MEMORY;
    passed->g = passed->memory = g;
    if (!db) return activation_backward(kind, rows * columns, dy, y, alpha, g);
    return activation_backward_sums(rows, columns, &(activation_gradient){backward_rows[kind], dy, y, (real)alpha, g}, db);
}

static void free_passed(const passed_gradient *passed) { tc_free(passed->memory, passed->bytes); }
