// The plan of a direct convolution (conv_direct.h): its units, phases and offsets, all of which follow from the geometry.

// The result cells of a unit that read the same taps, and those taps in the order of k.
typedef struct {
    int64_t row_phase, column_phase, columns;  // columns: result cells in a row of them
    int64_t *source, *result;                  // offsets of each result cell's window in the copy, and of the cell itself
    int64_t taps, *tap, *tap_source;           // u * kernel_w + v, and its offset in the copy
    run *runs;
    int64_t n_runs;
    real *packed;
} phase;

typedef struct {
    axis rows, columns;
    int64_t images, groups, source_channels, result_channels;
    const real *source, *w, *start;
    real *result;

    bool depthwise;
    int64_t repeat, fold;  // depthwise: copies made of each source channel; neighbours summed into one result channel
    bool plain, sparse;    // the source needs no copy; some result cells have no taps
    int64_t unit_images, unit_rows, bands, units, panels_per_chunk;
    int64_t copy_rows, copy_columns, pixel;  // of one image of a unit; elements of a pixel of it
    phase *phases;
    int64_t n_phases;
    void *memory;
    size_t bytes;
} direct_plan;

enum {
    UNIT_CELLS_MIN = 48,     // result cells: fewer make poor tiles
    UNIT_CELLS_MAX = 1024,   // more gain nothing
    UNIT_BYTES = 256 << 10,  // of the source of a unit: a part of L2
    CONV_CHUNKS = 64,        // chunks to aim at, so that any number of threads is kept busy
    FEW_CELLS = 48,          // result cells, for which to pack the kernel costs more than to read it where it lies
};

static int64_t group_source(const direct_plan *p) { return p->source_channels / p->groups; }
static int64_t group_result(const direct_plan *p) { return p->result_channels / p->groups; }
static int64_t phase_k(const direct_plan *p, const phase *f) { return f->taps * group_source(p); }

// How many images, or which rows of one image, make a unit.
static void plan_units(direct_plan *p) {
    const int64_t height = p->rows.result, width = p->columns.result, cells = height * width;
    const int64_t align = axis_step(&p->rows);  // of bands: all begin in the same phase
    const int64_t window = axis_span(&p->rows, height) * axis_span(&p->columns, width) * p->pixel * (int64_t)sizeof(real);
    const int64_t by_chunks = min_i64(UNIT_CELLS_MAX, p->images * cells / CONV_CHUNKS);
    const int64_t wanted = max_i64(UNIT_CELLS_MIN, min_i64(by_chunks, UNIT_BYTES / max_i64(1, window / cells)));
    p->unit_images = 1;
    p->unit_rows = height;
    if (cells <= wanted) p->unit_images = ceil_div(p->images, ceil_div(p->images, wanted / cells));
    else p->unit_rows = min_i64(height, ceil_div(ceil_div(height, ceil_div(cells, wanted)), align) * align);
    p->bands = ceil_div(height, p->unit_rows);
    p->units = ceil_div(p->images, p->unit_images) * p->bands;
    p->plain = axis_is_plain(&p->rows) && axis_is_plain(&p->columns) && p->repeat == 1;
    p->copy_rows = p->plain ? p->rows.source : axis_span(&p->rows, p->unit_rows);
    p->copy_columns = p->plain ? p->columns.source : axis_span(&p->columns, width);
}

// A chunk is one unit x some panels of columns: all of them unless there are few units.
static void plan_panels(direct_plan *p) {
    const int64_t panels = operand_panels(group_result(p));
    const bool whole = p->depthwise || p->sparse || p->units >= CONV_CHUNKS / 4;
    p->panels_per_chunk = whole ? panels : ceil_div(panels, min_i64(panels, ceil_div(CONV_CHUNKS / 4, p->units)));
}

// Returns the number of cells.
static int64_t plan_cells(const direct_plan *p, phase *f) {
    int64_t n = 0;
    for (int64_t image = 0; image < p->unit_images; image++)
        for (int64_t i = 0; i < p->unit_rows; i++)
            for (int64_t j = 0; axis_phase(&p->rows, i) == f->row_phase && j < p->columns.result; j++) {
                if (axis_phase(&p->columns, j) != f->column_phase) continue;
                const int64_t source_row = image * p->copy_rows + axis_cell(&p->rows, i);
                f->source[n] = (source_row * p->copy_columns + axis_cell(&p->columns, j)) * p->pixel;
                f->result[n++] = ((image * p->rows.result + i) * p->columns.result + j) * p->result_channels;
            }
    f->columns = axis_count(&p->columns, p->columns.result, f->column_phase);
    return n;
}

// Taps in the order in which they lie in the source; those that touch there share a run.
static void plan_taps(const direct_plan *p, phase *f) {
    const int64_t kernel_h = p->rows.kernel, kernel_w = p->columns.kernel;
    f->taps = f->n_runs = 0;
    for (int64_t i = 0; i < kernel_h; i++)
        for (int64_t j = 0; j < kernel_w; j++) {
            const int64_t u = p->rows.adjoint ? kernel_h - 1 - i : i, v = p->columns.adjoint ? kernel_w - 1 - j : j;
            if (axis_tap_phase(&p->rows, u) != f->row_phase || axis_tap_phase(&p->columns, v) != f->column_phase) continue;
            const int64_t at = (axis_tap(&p->rows, u) * p->copy_columns + axis_tap(&p->columns, v)) * p->pixel;
            f->tap[f->taps] = u * kernel_w + v;
            f->tap_source[f->taps++] = at;
            f->n_runs = append_run(f->runs, f->n_runs, at, group_source(p), 1);
        }
}

static operand phase_operand(const direct_plan *p, const phase *f, int64_t group) {
    const int64_t k = phase_k(p, f), columns = group_result(p);
    const bool once = operand_panels(columns) == 1 || p->images * p->rows.result * p->columns.result <= FEW_CELLS;
    const bool direct = !p->rows.adjoint && p->groups == 1 && columns % VLEN == 0 && once;
    return (operand){direct ? p->w : NULL, columns, f->packed + group * operand_room(direct, k, columns), k, columns};
}

// Sets everything that follows from the geometry; the caller gives `memory` back. TC_NO_MEMORY leaves nothing behind.
static int plan(direct_plan *p) {
    p->pixel = p->source_channels * p->repeat;
    p->n_phases = axis_phases(&p->rows) * axis_phases(&p->columns);
    p->sparse = p->n_phases < axis_step(&p->rows) * axis_step(&p->columns);
    plan_units(p);
    plan_panels(p);

    const int64_t taps = p->rows.kernel * p->columns.kernel, cells = p->unit_images * p->unit_rows * p->columns.result;
    const int64_t runs = taps * ceil_div(group_source(p), RUN_MAX);
    const int64_t room = p->depthwise ? 0 : p->groups * operand_room(false, taps * group_source(p), group_result(p));
    p->bytes = sizeof(real) * (size_t)room + sizeof(phase) * (size_t)p->n_phases + sizeof(run) * (size_t)runs +
               sizeof(int64_t) * (size_t)(2 * (taps + cells));
    p->memory = tc_shared_scratch(p->bytes);
    if (!p->memory) return TC_NO_MEMORY;
    real *packed = p->memory;
    p->phases = (phase *)(packed + room);
    run *run_at = (run *)(p->phases + p->n_phases);
    int64_t *tap = (int64_t *)(run_at + runs), *tap_source = tap + taps, *source = tap_source + taps, *result = source + cells;

    phase *f = p->phases;
    for (int64_t u = 0; u < p->rows.kernel; u++)
        for (int64_t v = 0; v < p->columns.kernel; v++) {
            if (!axis_opens_phase(&p->rows, u) || !axis_opens_phase(&p->columns, v)) continue;
            *f = (phase){.row_phase = axis_tap_phase(&p->rows, u), .column_phase = axis_tap_phase(&p->columns, v), .packed = packed};
            f->tap = tap, f->tap_source = tap_source, f->runs = run_at, f->source = source, f->result = result;
            const int64_t n = plan_cells(p, f);
            plan_taps(p, f);
            source += n, result += n, tap += f->taps, tap_source += f->taps, run_at += f->n_runs;
            packed += p->depthwise ? 0 : p->groups * operand_room(false, phase_k(p, f), group_result(p));
            f++;
        }
    return TC_OK;
}
