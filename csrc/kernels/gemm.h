// c[m,n] = start[n] + sum_k op(a)[m,k] * op(b)[k,n]; no start means zeros.
//
// a is read where it lies: the micro-kernel broadcasts its elements, one at a time, along a row or down a column. b is packed into panels
// unless its rows serve as they are. Work is cut into blocks of rows x groups of panels; k is cut between chunks where c is small and b
// large: its parts are added up in order.

enum { GEMM_CHUNKS = 32, GEMM_ROWS = 24, GEMM_ROWS_MAX = 192 };  // chunks to aim at; rows of c that a chunk has

typedef struct {
    product product;
    operand b;
    const real *b_matrix;
    int64_t m, rows, a_row_step, panels;
    int64_t k_part;  // k of a chunk
    real *parts;     // a c for each part of k, or NULL
    bool transpose_b;
} gemm_job;

static int gemm_pack(void *context, int64_t chunk) {
    const gemm_job *job = context;
    const int64_t panels = operand_panels(job->b.columns), stride = job->transpose_b ? job->b.k : job->b.columns;
    const range k = chunk_range(chunk / panels, RUN_MAX, job->b.k);
    const real *from = job->b_matrix + (job->transpose_b ? k.begin : k.begin * stride);
    operand_pack(&job->b, chunk % panels, k.begin, k.end - k.begin, from, stride, job->transpose_b);
    return TC_OK;
}

static int gemm_chunk(void *context, int64_t chunk) {
    const gemm_job *job = context;
    const int64_t panel_groups = ceil_div(operand_panels(job->b.columns), job->panels);
    const range rows = chunk_range(chunk / panel_groups, job->rows, job->m);
    const range panels = chunk_range(chunk % panel_groups, job->panels, operand_panels(job->b.columns));
    product p = job->product;
    p.a += rows.begin * job->a_row_step;
    p.y += rows.begin * job->b.columns;
    multiply(p, &job->b, panels, rows.end - rows.begin);
    return TC_OK;
}

// ---- a short sum over the rows of a, as in the gradient of a dense layer's weights: rows a power of two apart compete for the same few
// places of the caches, so each chunk copies its columns of a side by side first
enum { SHORT = 256 };  // k, at most

static int gemm_short_chunk(void *context, int64_t chunk) {
    const gemm_job *job = context;
    const range rows = chunk_range(chunk, job->rows, job->m);
    const int64_t n = rows.end - rows.begin;
    const size_t bytes = sizeof(real) * (size_t)(job->b.k * n);
    real *columns = tc_scratch(bytes);
    if (!columns) return TC_NO_MEMORY;
    for (int64_t k = 0; k < job->b.k; k++) copy(columns + k * n, job->product.a + k * job->m + rows.begin, n);
    const run whole = {0, job->b.k};
    product p = job->product;
    p.a = columns;
    p.a_step = n;
    p.runs = &whole;
    p.n_runs = 1;
    p.y += rows.begin * job->b.columns;
    multiply(p, &job->b, (range){0, operand_panels(job->b.columns)}, n);
    tc_free_scratch(columns, bytes);
    return TC_OK;
}

// ---- few rows of c: the chunk that uses some panels of b packs them, a piece at a time that stays in L2. Where there are few panels, too,
// a chunk is a part of k
enum { PIECE = 256, PANELS_MAX = 8, K_PARTS = 8 };  // k; panels of a chunk; parts of k

static int gemm_packing_chunk(void *context, int64_t chunk) {
    const gemm_job *job = context;
    const int64_t groups = ceil_div(operand_panels(job->b.columns), job->panels), part = chunk / groups;
    const range panels = chunk_range(chunk % groups, job->panels, operand_panels(job->b.columns));
    const range of_k = chunk_range(part, job->k_part, job->b.k);
    const int64_t first = panel_columns(job->b.columns, panels.begin).begin, end = panel_columns(job->b.columns, panels.end - 1).end;
    const int64_t columns = min_i64(end, job->b.columns) - first, stride = job->transpose_b ? job->b.k : job->b.columns;
    const int64_t width = end - first;
    const size_t bytes = sizeof(real) * (size_t)(min_i64(PIECE, job->k_part) * width);
    real *packed = tc_scratch(bytes);
    if (!packed) return TC_NO_MEMORY;
    run piece;
    product p = job->product;
    p.runs = &piece;
    p.n_runs = 1;
    p.b_stride = width;
    const real *start = job->parts ? NULL : job->product.start;
    real *y = job->parts ? job->parts + part * job->m * job->b.columns : job->product.y;
    for (int64_t k = of_k.begin; k < of_k.end; k += PIECE) {
        piece = (run){k * p.a_step, min_i64(PIECE, of_k.end - k)};
        if (job->transpose_b) pack_transposed(packed, width, job->b_matrix + first * stride + k, stride, piece.length, columns);
        for (int64_t i = 0; i < piece.length; i++) {
            if (!job->transpose_b) copy(packed + i * width, job->b_matrix + (k + i) * stride + first, columns);
            clear(packed + i * width + columns, width - columns);
        }
        for (int64_t index = panels.begin; index < panels.end; index++) {
            const range c = panel_columns(job->b.columns, index);
            p.b = packed + c.begin - first;
            p.columns = min_i64(c.end, job->b.columns) - c.begin;
            p.y = y + c.begin;
            p.start = start ? start + c.begin : NULL;
            multiply_rows(&p, job->m);
        }
        p.accumulate = true;
    }
    tc_free_scratch(packed, bytes);
    return TC_OK;
}

// c from its parts, a row of it.
static int gemm_add_parts(void *context, int64_t row) {
    const gemm_job *job = context;
    const int64_t n = job->b.columns, parts = ceil_div(job->b.k, job->k_part);
    real *c = job->product.y + row * n;
    for (int64_t i = 0; i < n; i += VLEN) {
        const int length = (int)min_i64(VLEN, n - i);
        vreal sum = job->product.start ? load_columns(job->product.start + i, length) : v_zero();
        for (int64_t part = 0; part < parts; part++) sum = v_add(sum, load_columns(job->parts + (part * job->m + row) * n + i, length));
        store_columns(c + i, sum, length);
    }
    return TC_OK;
}

// ---- one row of c, as a dense layer has it that predicts a single image: b is read once, a wide stretch of each of its rows
enum { WIDE = 8 };  // vectors of a stretch

typedef struct {
    int64_t n, k;
    const real *a, *b, *start;
    real *c;
} one_row_job;

// c += the sum over `length` k, for WIDE vectors of columns of which the last ones may be partial or missing.
static void one_row_stretch(const real *a, const real *b, int64_t stride, int64_t length, int columns, real *c) {
    vreal sum[WIDE];
    for (int v = 0; v < WIDE; v++) sum[v] = v_zero();
    if (columns == WIDE * VLEN) {
        for (int64_t k = 0; k < length; k++, b += stride) {
            const vreal a_k = v_set1(a[k]);
#pragma GCC unroll 8
            for (int v = 0; v < WIDE; v++) sum[v] = v_fma(a_k, v_load(b + v * VLEN), sum[v]);
        }
    } else {
        for (int64_t k = 0; k < length; k++, b += stride)
            for (int v = 0; v * VLEN < columns; v++)
                sum[v] = v_fma(v_set1(a[k]), load_columns(b + v * VLEN, (int)min_i64(VLEN, columns - v * VLEN)), sum[v]);
    }
    for (int v = 0; v * VLEN < columns; v++) {
        const int n = (int)min_i64(VLEN, columns - v * VLEN);
        store_columns(c + v * VLEN, v_add(load_columns(c + v * VLEN, n), sum[v]), n);
    }
}

static int one_row_chunk(void *context, int64_t chunk) {
    const one_row_job *job = context;
    const range columns = chunk_range(chunk, WIDE * VLEN, job->n);
    const int64_t n = columns.end - columns.begin;
    if (job->start) copy(job->c + columns.begin, job->start + columns.begin, n);
    else clear(job->c + columns.begin, n);
    for (int64_t k = 0; k < job->k; k += RUN_MAX)
        one_row_stretch(job->a + k, job->b + k * job->n + columns.begin, job->n, min_i64(RUN_MAX, job->k - k), (int)n,
                        job->c + columns.begin);
    return TC_OK;
}

// ---- which of these ways
typedef enum {
    ONE_ROW,
    PARTS_OF_K,     // each packs its part of b
    PACKED_PIECES,  // a chunk packs the panels of b that it uses
    SHORT_SUM,      // a chunk copies its columns of a
    PLAIN,          // b as it lies, or packed before
} gemm_way;

// Whether the rows of b serve as they are.
static bool reads_b(int transpose_b, int64_t m, int64_t n) { return !transpose_b && (m <= GEMM_ROWS || n <= MAX_VECTORS * VLEN); }

// Of c, for a chunk: as many for each thread. No sum depends on it.
static int64_t rows_of_chunk(int64_t m, int64_t panels) {
    const int64_t fewest = ceil_div(m, min_i64(GEMM_ROWS_MAX, GEMM_ROWS * ceil_div(m * panels, GEMM_ROWS * GEMM_CHUNKS)));
    const int64_t threads = tc_num_threads(), chunks = fewest < threads ? fewest : ceil_div(fewest, threads) * threads;
    return min_i64(m, whole_vectors(ceil_div(m, chunks)));
}

static gemm_way gemm_way_of(int transpose_a, int transpose_b, int64_t m, int64_t n, int64_t k) {
    const int64_t panels = operand_panels(n);
    const bool few_rows = k > 0 && m <= GEMM_ROWS_MAX && !reads_b(transpose_b, m, n);
    if (m == 1 && !transpose_b) return ONE_ROW;
    if (few_rows && panels <= PANELS_MAX && k >= K_PARTS * PIECE) return PARTS_OF_K;
    if (few_rows && panels >= GEMM_CHUNKS / 4) return PACKED_PIECES;
    const bool is_short = transpose_a && k > 0 && k <= SHORT && ceil_div(m, rows_of_chunk(m, panels)) >= GEMM_CHUNKS / 4;
    return is_short ? SHORT_SUM : PLAIN;
}

static int product_of(int transpose_a, int transpose_b, int64_t m, int64_t n, int64_t k, const real *a, const real *b, const real *start,
                      real *c) {
    if (m == 0 || n == 0) return TC_OK;
    const gemm_way way = gemm_way_of(transpose_a, transpose_b, m, n, k);
    if (way == ONE_ROW) {
        one_row_job row = {n, k, a, b, start, c};
        return tc_parallel_for(ceil_div(n, WIDE * VLEN), one_row_chunk, &row);
    }
    const bool in_parts = way == PARTS_OF_K, in_pieces = in_parts || way == PACKED_PIECES, direct = reads_b(transpose_b, m, n);
    const int64_t panels = operand_panels(n), rows = in_pieces ? m : rows_of_chunk(m, panels), n_runs = ceil_div(k, RUN_MAX);
    const int64_t room = in_parts ? K_PARTS * m * n : in_pieces ? 0 : operand_room(direct, k, n);
    const size_t bytes = sizeof(run) * (size_t)n_runs + sizeof(int64_t) * (size_t)(2 * rows) + sizeof(real) * (size_t)room;
    char *scratch = tc_shared_scratch(bytes);
    if (!scratch) return TC_NO_MEMORY;
    real *packed = (real *)scratch;
    run *runs = (run *)(scratch + sizeof(real) * (size_t)room);
    int64_t *a_row = (int64_t *)(runs + n_runs), *c_row = a_row + rows;
    gemm_job job = {
        .product = {.a = a, .a_row = a_row, .runs = runs, .a_step = transpose_a ? m : 1, .start = start, .y = c, .y_row = c_row},
        .b = {direct ? b : NULL, n, packed, k, n},
        .b_matrix = b,
        .m = m,
        .rows = rows,
        .a_row_step = transpose_a ? 1 : k,
        .panels = way == PACKED_PIECES ? min_i64(PANELS_MAX, ceil_div(panels, 4))
                  : in_parts           ? panels
                                       : 1,
        .k_part = in_parts ? ceil_div(k, K_PARTS) : k,
        .parts = in_parts ? packed : NULL,
        .transpose_b = transpose_b,
    };
    job.product.n_runs = append_run(runs, 0, 0, k, job.product.a_step);
    for (int64_t i = 0; i < rows; i++) a_row[i] = i * job.a_row_step, c_row[i] = i * n;
    const int64_t row_chunks = ceil_div(m, rows), panel_chunks = ceil_div(panels, job.panels);
    int status = room && !in_pieces ? tc_parallel_for(n_runs * panels, gemm_pack, &job) : TC_OK;
    if (status == TC_OK && in_pieces) status = tc_parallel_for(ceil_div(k, job.k_part) * panel_chunks, gemm_packing_chunk, &job);
    else if (status == TC_OK && way == SHORT_SUM) status = tc_parallel_for(row_chunks, gemm_short_chunk, &job);
    else if (status == TC_OK) status = tc_parallel_for(row_chunks * panel_chunks, gemm_chunk, &job);
    if (status == TC_OK && in_parts) status = tc_parallel_for(m, gemm_add_parts, &job);
    tc_free_shared_scratch(scratch, bytes);
    return status;
}

static int gemm(int transpose_a, int transpose_b, int64_t m, int64_t n, int64_t k, const real *a, const real *b, real *c) {
    return product_of(transpose_a, transpose_b, m, n, k, a, b, NULL, c);
}
