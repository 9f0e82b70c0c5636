// The gradient of a convolution's kernel.
//
//     dw[u,v,c,o] = sum_{n,i,j} xpad[n, i*s+u*d, j*s+v*d, c] * dy[n,i,j,o]
//
// A matrix product whose k is the output cell: rows of the micro-kernel are (tap, input channel), each at a fixed offset in the padded
// image; k runs along the output rows; columns are output channels. So the sums stay in registers while a unit of images goes by.
//
// Loops, from the outside: shares of the images, each with a dw of its own, added up in order at the end; groups; blocks of input
// channels x panels of output channels; units (a band of output rows, or a few small images), whose block of x is copied with zeros
// around and whose panel of dy is packed unless they serve as they lie; tiles of rows; k. A block of channels is narrow, so that
// its copy, which every tap reads, stays in L1. How many shares there are follows from the shapes: few where dw is large.
// Depthwise: a block of channels is a block of both sides, on ukr/depthwise.h.

enum {
    GRADIENT_ROWS = 160,        // (tap, channel) rows of a block, about
    GRADIENT_CELLS = 200,       // output cells of a unit, about
    GRADIENT_CHUNKS = 16,       // to aim at;
    GRADIENT_SMALL = 32 << 10,  // four times as many where dw has fewer bytes than this, since shares then cost nothing
};

typedef struct {
    tc_conv2d g;  // of a depthwise convolution: as if it had one group
    bool depthwise;
    axis rows, columns;
    const real *x, *dy;
    real *dw, *partial;  // partial: dw of the shares after the first
    int64_t repeat, shares, channel_blocks, panels;
    int64_t unit_images, unit_rows, bands, units;
} gradient;

static int64_t gradient_size(const gradient *p) {
    return p->g.kernel_h * p->g.kernel_w * (p->depthwise ? 1 : p->g.in_channels / p->g.groups) * p->g.out_channels;
}

static void gradient_plan(gradient *p) {
    const tc_conv2d *g = &p->g;
    const int64_t taps = g->kernel_h * g->kernel_w, channels = g->in_channels / g->groups, cells = g->out_h * g->out_w;
    const int64_t rows = p->depthwise ? 0 : taps * channels;
    p->channel_blocks = p->depthwise ? ceil_div(g->out_channels, MAX_VECTORS * VLEN) : ceil_div(rows, GRADIENT_ROWS);
    p->channel_blocks = min_i64(channels, p->channel_blocks);
    p->panels = p->depthwise ? 1 : operand_panels(g->out_channels / g->groups);
    p->unit_images = cells <= GRADIENT_CELLS ? ceil_div(g->batch, ceil_div(g->batch, GRADIENT_CELLS / cells)) : 1;
    p->unit_rows = ceil_div(g->out_h, ceil_div(cells, GRADIENT_CELLS));
    p->bands = ceil_div(g->out_h, p->unit_rows);
    p->units = ceil_div(g->batch, p->unit_images) * p->bands;
    const bool small = gradient_size(p) * (int64_t)sizeof(real) < GRADIENT_SMALL;
    p->shares = min_i64(p->units, ceil_div(small ? 4 * GRADIENT_CHUNKS : GRADIENT_CHUNKS, g->groups * p->channel_blocks * p->panels));
}

// What one chunk works on, and its scratch.
typedef struct {
    int64_t first, channels, pixel;  // input channels of the block; elements of a pixel of its copy
    int64_t out, out_first;          // output channels of the panel
    bool plain, direct;              // x, dy serve as they lie
    int64_t copy_rows, copy_columns;
    real *copy, *packed, *dw;
    run *runs;
    int64_t *x_row, *dw_row;
} gradient_block;

static void gradient_unit(const gradient *p, const gradient_block *block, int64_t unit, bool accumulate) {
    const tc_conv2d *g = &p->g;
    const range images = chunk_range(unit / p->bands, p->unit_images, g->batch);
    const range rows = chunk_range(unit % p->bands, p->unit_rows, g->out_h);
    const int64_t taps = g->kernel_h * g->kernel_w, n_rows = rows.end - rows.begin, first_row = axis_cell(&p->rows, rows.begin);
    const int64_t cells = (images.end - images.begin) * n_rows * g->out_w;
    const int64_t x_image = g->in_h * g->in_w * g->in_channels, copy_row = block->copy_columns * block->pixel;
    const int64_t copy_image = block->copy_rows * copy_row, step = g->stride_w * block->pixel;

    const image from = {g->in_h, g->in_w, g->in_channels, block->channels, p->repeat};
    const real *x = p->x + images.begin * x_image + block->first;
    int64_t n_runs = 0;
    for (int64_t n = 0; n < images.end - images.begin; n++) {
        if (!block->plain)
            copy_window(block->copy + n * copy_image, &from, x + n * x_image, first_row + axis_origin(&p->rows), axis_origin(&p->columns),
                        axis_span(&p->rows, n_rows), block->copy_columns);
        for (int64_t i = 0; i < n_rows; i++)
            n_runs = append_run(block->runs, n_runs, n * copy_image + axis_cell(&p->rows, i) * copy_row, g->out_w, step);
    }
    x = block->plain ? x + first_row * copy_row : block->copy;
    const real *dy = p->dy + (images.begin * g->out_h + rows.begin) * g->out_w * g->out_channels + block->out_first;

    if (p->depthwise) {
        depthwise_gradient_rows(&(depthwise_gradient){x, block->x_row, block->runs, n_runs, step, dy, g->out_channels, taps, block->out,
                                                      accumulate, block->dw, g->out_channels});
        return;
    }
    const operand b = {block->direct ? dy : NULL, g->out_channels, block->packed, cells, block->out};
    if (!block->direct) operand_pack(&b, 0, 0, cells, dy, g->out_channels, false);
    const product of_unit = {
        .a = x,
        .a_row = block->x_row,
        .runs = block->runs,
        .n_runs = n_runs,
        .a_step = step,
        .accumulate = accumulate,
        .y = block->dw,
        .y_row = block->dw_row,
    };
    multiply(of_unit, &b, (range){0, 1}, taps * block->channels);
}

static int gradient_chunk(void *context, int64_t chunk) {
    const gradient *p = context;
    const tc_conv2d *g = &p->g;
    const int64_t in = g->in_channels / g->groups, out = g->out_channels / g->groups;
    const range panel = panel_columns(out, chunk % p->panels);
    const int64_t index = (chunk /= p->panels) % p->channel_blocks;
    const int64_t group = (chunk /= p->channel_blocks) % g->groups, share = chunk / g->groups;

    gradient_block block = {.first = index * in / p->channel_blocks};
    block.channels = (index + 1) * in / p->channel_blocks - block.first;
    block.out_first = p->depthwise ? block.first * p->repeat : panel.begin;
    block.out = p->depthwise ? block.channels * p->repeat : min_i64(panel.end, out) - panel.begin;
    block.dw = (share ? p->partial + (share - 1) * gradient_size(p) : p->dw) + group * out + block.out_first;
    const int64_t first = block.first;
    block.first += group * in;
    block.out_first += group * out;
    block.pixel = block.channels * p->repeat;
    block.plain = axis_is_plain(&p->rows) && axis_is_plain(&p->columns) && block.channels == g->in_channels && p->repeat == 1;
    block.direct = block.out == g->out_channels && block.out % VLEN == 0;
    block.copy_rows = block.plain ? g->in_h : axis_span(&p->rows, p->unit_rows);
    block.copy_columns = block.plain ? g->in_w : axis_span(&p->columns, g->out_w);

    const int64_t taps = g->kernel_h * g->kernel_w, n_rows = taps * block.channels, unit_rows = p->unit_images * p->unit_rows;
    const int64_t copied = block.plain ? 0 : p->unit_images * block.copy_rows * block.copy_columns * block.pixel;
    const int64_t packed = block.direct || p->depthwise ? 0 : operand_room(false, unit_rows * g->out_w, block.out);
    const int64_t runs = unit_rows * ceil_div(g->out_w, RUN_MAX);
    const size_t bytes = sizeof(run) * (size_t)runs + sizeof(int64_t) * (size_t)(2 * n_rows) + sizeof(real) * (size_t)(copied + packed);
    void *scratch = tc_scratch(bytes);
    if (!scratch) return TC_NO_MEMORY;
    block.packed = scratch;
    block.runs = (run *)(block.packed + packed);
    block.x_row = (int64_t *)(block.runs + runs);
    block.dw_row = block.x_row + n_rows;
    block.copy = (real *)(block.dw_row + n_rows);

    const int64_t rows_per_tap = p->depthwise ? 1 : block.channels;
    for (int64_t tap = 0; tap < taps; tap++) {
        const int64_t row = axis_tap(&p->rows, tap / g->kernel_w), column = axis_tap(&p->columns, tap % g->kernel_w);
        for (int64_t c = 0; c < rows_per_tap; c++) {
            block.x_row[tap * rows_per_tap + c] = (row * block.copy_columns + column) * block.pixel + c;
            block.dw_row[tap * rows_per_tap + c] = (tap * in + first + c) * g->out_channels;
        }
    }
    const int64_t begin = share * p->units / p->shares, end = (share + 1) * p->units / p->shares;
    for (int64_t unit = begin; unit < end; unit++) gradient_unit(p, &block, unit, unit > begin);
    tc_free_scratch(scratch, bytes);
    return TC_OK;
}

static int gradient_sum(void *context, int64_t chunk) {
    const gradient *p = context;
    const int64_t size = gradient_size(p);
    const range part = chunk_range(chunk, items_per_chunk(p->shares), size);
    for (int64_t share = 1; share < p->shares; share++) {
        const real *from = p->partial + (share - 1) * size;
        for (int64_t i = part.begin; i < part.end; i++) p->dw[i] += from[i];
    }
    return TC_OK;
}

static int direct_backward_kernel(const tc_conv2d *g, const real *x, const real *dy, real *dw) {
    const bool depthwise = conv_is_depthwise(g);
    gradient p = {
        .g = *g, .depthwise = depthwise, .rows = conv_rows(g, false), .columns = conv_columns(g, false), .x = x, .dy = dy, .dw = dw};
    p.g.groups = depthwise ? 1 : g->groups;
    p.repeat = depthwise ? g->out_channels / g->in_channels : 1;
    const int64_t size = gradient_size(&p);
    if (size == 0 || g->batch * g->out_h * g->out_w == 0) {
        clear(dw, size);
        return TC_OK;
    }
    gradient_plan(&p);
    const size_t bytes = sizeof(real) * (size_t)((p.shares - 1) * size);
    p.partial = bytes ? tc_shared_scratch(bytes) : NULL;
    if (bytes && !p.partial) return TC_NO_MEMORY;
    int status = tc_parallel_for(p.shares * p.g.groups * p.channel_blocks * p.panels, gradient_chunk, &p);
    if (status == TC_OK && bytes) status = tc_parallel_for(ceil_div(size, items_per_chunk(p.shares)), gradient_sum, &p);
    if (bytes) tc_free_shared_scratch(p.partial, bytes);
    return status;
}
