// The gradient of a 3x3 convolution's kernel by Winograd's F(m x m, 3x3): the adjoint of winograd.h by the taps.
//
//     dg = G^T [ sum over tiles (B^T d B) * (A dY A^T) ] G,  d and dY the windows of a tile: (m + 2)^2 inputs, m^2 gradients
//
// For each of the (m + 2)^2 points the sum is a matrix product, (tiles, channels)^T x (tiles, output channels), and only its result is
// transformed back: once for all tiles. Tiles of fewer results have fewer points, as in the forward pass.
//
// The sums of all points outgrow L2, and tiles come by the thousand, so that either the sums or the transformed windows would go to and
// fro. So they are cut into blocks that stay in L2 while all tiles pass: two rows of points, some channels, some output channels. What that
// costs is little: a window is transformed down its columns to two rows of points at a time, not to all of them.
//
// Many tiles are cut in two halves, each with sums of its own, so that two threads, or two sets of them, share no image.
//
// Loops, from the outside: halves, pairs of rows of points, blocks of channels and output channels; chunks of tiles, whose windows of x are
// transformed to (point, tile, channel), those of dy to (point, tile, output channel); points and panels of output channels, each a product
// that adds to the block's sums (point, panel, channel, output channel of the panel). A finished block is transformed back across its rows
// of points; what is left, down their columns, follows at the end, in chunks of channels.

enum {
    HALVES = 2,
    HALF_TILES = 64,          // at least
    HALF_BYTES = 1 << 20,     // of what a half leaves, at most
    BLOCK_CHANNELS = 64,      // of a block
    BLOCK_BYTES = 400 << 10,  // of its sums, about
    TAPS_CHANNELS = 8,        // that are transformed back at a time
    GRADIENT_TILES = 48,      // of a chunk: summed up before they are added to the others; a shorter chain rounds less
};

typedef struct {
    tile_grid grid;  // of dy
    windows_of_tiles of_x, of_dy;
    const unpooling *pooled;  // instead of dy: what it is unpooled from; or NULL
    int64_t tiles, channels, outputs;
    int64_t halves, pairs, channels_per_block, panels_per_block;
    int64_t plane, halves_apart;  // elements from one to the next
    const int64_t *channel;       // 0, 1, ...
    real *rows;                   // (half, row of points, tap across, panel, channel, output channel of the panel)
    real *dw;
} winograd_gradient;

// Some of the sums, and what a chunk of tiles adds to them.
typedef struct {
    const winograd_gradient *q;
    tile_list tiles;
    range rows, channels, panels, outputs;  // rows: of points; outputs: of the panels
    int64_t half;
    real *sums, *v, *u;
    int64_t v_tile, v_point, u_tile, u_point, sums_point;  // elements from one to the next
    int64_t *sum_row;                                      // of each channel, in a panel
} sums_block;

// ---- the windows of a chunk
// As transform_window, from the windows of a pool, of which one of the four cells has a gradient. The last cells of an image may have been
// left out of the pool: there the windows are of zeros.
static void transform_pooled(const sums_block *block, const winograd_tile *tile, real *u) {
    const winograd_gradient *q = block->q;
    const unpooling *from = q->pooled;
    const int64_t top = tile->i * q->grid.m / 2, left = tile->j * q->grid.m / 2, out_h = from->pool->out_h, out_w = from->pool->out_w;
    const int64_t channels = block->outputs.end - block->outputs.begin;
    const range rows = {block->rows.begin, min_i64(block->rows.end, tile->rows + 2)};
    _Alignas(64) real t[PAIR * T_ROW];
    rows_of_tile values = {.to = u, .to_item = block->u_point, .to_line = (q->grid.m + 2) * block->u_point, .n = rows.end - rows.begin};
    if (rows.begin >= rows.end) return;
    for (int64_t c = 0, n; c < channels; c += n) {
        n = min_i64(T_ITEM, channels - c);
        values.vectors = ceil_div(n, VLEN);
        for (int64_t b = 0; 2 * b < tile->columns; b++) {
            column_of_windows windows = {.n = n};
            for (int64_t a = 0; a < 2; a++) {
                const int64_t at = ((tile->image * out_h + top + a) * out_w + left + b) * q->outputs + block->outputs.begin + c;
                const bool exists = top + a < out_h && left + b < out_w;
                windows.g[a] = exists ? from->g + at : q->of_dy.zeros;
                windows.place[a] = exists ? from->argmax + at : (const uint8_t *)q->of_dy.zeros;
            }
            pooled_down(tile->rows, rows, &windows, t + 2 * b * T_ITEM);
        }
        gradient_across(tile->columns, t, &values);
        values.to += n;
    }
}

static void transform_tiles(const sums_block *block) {
    const winograd_gradient *q = block->q;
    windows_of_tiles x = q->of_x, dy = q->of_dy;
    x.rows = dy.rows = block->rows;
    x.images += block->channels.begin;
    x.channels = block->channels.end - block->channels.begin;
    const winograd_tile *first = block->tiles.tile, *end = first + block->tiles.n;
    for (const winograd_tile *tile = first; tile < end; tile++)
        transform_window(&x, &q->grid, tile, block->v + tile->at * block->v_tile, block->v_point);
    dy.images += block->outputs.begin;
    dy.channels = block->outputs.end - block->outputs.begin;
    for (const winograd_tile *tile = first; tile < end; tile++) {
        real *u = block->u + tile->at * block->u_tile;
        if (q->pooled) transform_pooled(block, tile, u);
        else transform_window(&dy, &q->grid, tile, u, block->u_point);
    }
}

static void add_products(const sums_block *block, bool first) {
    const winograd_gradient *q = block->q;
    const int64_t points = q->grid.m + 2, n = block->channels.end - block->channels.begin;
    int64_t width = 0;
    for (int64_t point = block->rows.begin * points, at = 0; point < block->rows.end * points; point++, at++) {
        const range with = tiles_with_point(&q->grid, &block->tiles, point / points, point % points);
        const run tiles = {0, with.end - with.begin};
        if (!tiles.length && !first) continue;
        for (int64_t index = block->panels.begin; index < block->panels.end; index++) {
            const range c = panel_columns(q->outputs, index);
            if (width != c.end - c.begin) {
                width = c.end - c.begin;
                for (int64_t i = 0; i < n; i++) block->sum_row[i] = i * width;
            }
            const product of_point = {
                .a = block->v + at * block->v_point + with.begin * block->v_tile,
                .a_row = q->channel,
                .runs = &tiles,
                .n_runs = 1,
                .a_step = block->v_tile,
                .b = block->u + at * block->u_point + with.begin * block->u_tile + c.begin - block->outputs.begin,
                .b_stride = block->u_tile,
                .accumulate = !first,
                .y = block->sums + at * block->sums_point + (c.begin - block->outputs.begin) * n,
                .y_row = block->sum_row,
                .columns = width,
            };
            multiply_rows(&of_point, n);
        }
    }
}

// Each row of 4 or 6 sums to its 3 taps across.
static void transform_sums(const sums_block *block) {
    const winograd_gradient *q = block->q;
    const int64_t points = q->grid.m + 2, n = block->channels.end - block->channels.begin;
    for (int64_t i = block->rows.begin; i < block->rows.end; i++)
        for (int64_t index = block->panels.begin; index < block->panels.end; index++) {
            const range c = panel_columns(q->outputs, index);
            const real *sums = block->sums + (i - block->rows.begin) * points * block->sums_point + (c.begin - block->outputs.begin) * n;
            real *to = q->rows + block->half * q->halves_apart + TAPS * i * q->plane + c.begin * q->channels +
                       block->channels.begin * (c.end - c.begin);
            for (int64_t at = 0; at < n * (c.end - c.begin); at += VLEN) {
                vreal taps[TAPS];
                gradients_of_taps(q->grid.m, sums + at, block->sums_point, taps);
                for (int b = 0; b < TAPS; b++) v_store(to + b * q->plane + at, taps[b]);
            }
        }
}

// What chunk number `chunk` is to sum up; its memory is still to come.
static sums_block block_of_chunk(const winograd_gradient *q, int64_t chunk) {
    const int64_t panels = operand_panels(q->outputs), panel_blocks = ceil_div(panels, q->panels_per_block);
    const int64_t channel_blocks = ceil_div(q->channels, q->channels_per_block), pair = chunk / panel_blocks / channel_blocks % q->pairs;
    sums_block block = {
        .q = q,
        .rows = {PAIR * pair, PAIR * (pair + 1)},
        .channels = chunk_range(chunk / panel_blocks % channel_blocks, q->channels_per_block, q->channels),
        .panels = chunk_range(chunk % panel_blocks, q->panels_per_block, panels),
        .half = chunk / panel_blocks / channel_blocks / q->pairs,
    };
    block.outputs.begin = panel_columns(q->outputs, block.panels.begin).begin;
    block.outputs.end = min_i64(q->outputs, panel_columns(q->outputs, block.panels.end - 1).end);
    const int64_t channels = block.channels.end - block.channels.begin;
    const int64_t vectors = ceil_div(block.outputs.end - block.outputs.begin, VLEN);
    // So that neither tiles nor points compete for the same sets of L1.
    block.v_tile = whole_vectors(channels) + VLEN;
    block.u_tile = (vectors + (vectors % 2 == 0)) * VLEN;
    block.v_point = GRADIENT_TILES * block.v_tile;
    block.u_point = GRADIENT_TILES * block.u_tile;
    block.sums_point = channels * vectors * VLEN + 2 * VLEN;
    return block;
}

static int sums_chunk(void *context, int64_t chunk) {
    const winograd_gradient *q = context;
    sums_block block = block_of_chunk(q, chunk);
    const int64_t points = PAIR * (q->grid.m + 2), channels = block.channels.end - block.channels.begin;
    const size_t bytes = sizeof(real) * (size_t)(points * (block.sums_point + block.v_point + block.u_point)) +
                         sizeof(winograd_tile) * GRADIENT_TILES + sizeof(int64_t) * (size_t)channels;
    block.sums = tc_scratch(bytes);
    if (!block.sums) return TC_NO_MEMORY;
    block.v = block.sums + points * block.sums_point;
    block.u = block.v + points * block.v_point;
    winograd_tile *tile = (winograd_tile *)(block.u + points * block.u_point);
    block.sum_row = (int64_t *)(tile + GRADIENT_TILES);

    const int64_t begin = block.half * q->tiles / q->halves, end = (block.half + 1) * q->tiles / q->halves;
    for (int64_t first = begin; first < end; first += GRADIENT_TILES) {
        block.tiles = list_tiles(&q->grid, (range){first, min_i64(first + GRADIENT_TILES, end)}, tile);
        transform_tiles(&block);
        add_products(&block, first == begin);
    }
    transform_sums(&block);
    tc_free_scratch(block.sums, bytes);
    return TC_OK;
}

// ---- the transform back down the columns
// The 3 taps down that column of the rows, of both halves.
static void taps_of_rows(const winograd_gradient *q, const real *rows, vreal *taps) {
    const int64_t apart = TAPS * q->plane;
    _Alignas(64) real both[MAX_POINTS * VLEN];
    if (q->halves == 1) {
        gradients_of_taps(q->grid.m, rows, apart, taps);
        return;
    }
    for (int64_t i = 0; i < q->grid.m + 2; i++, rows += apart)
        v_store(both + i * VLEN, v_add(v_load(rows), v_load(rows + q->halves_apart)));
    gradients_of_taps(q->grid.m, both, VLEN, taps);
}

static int taps_chunk(void *context, int64_t chunk) {
    const winograd_gradient *q = context;
    const range channels = chunk_range(chunk, TAPS_CHANNELS, q->channels);
    const int64_t tap = q->channels * q->outputs;
    for (int64_t index = 0; index < operand_panels(q->outputs); index++) {
        const range c = panel_columns(q->outputs, index);
        for (int b = 0; b < TAPS; b++) {
            const real *rows = q->rows + b * q->plane + c.begin * q->channels + channels.begin * (c.end - c.begin);
            for (int64_t channel = channels.begin; channel < channels.end; channel++)
                for (int64_t at = c.begin; at < c.end; at += VLEN, rows += VLEN) {
                    real *to = q->dw + b * tap + channel * q->outputs + at;
                    vreal taps[TAPS];
                    taps_of_rows(q, rows, taps);
                    for (int a = 0; a < TAPS; a++) store_columns(to + TAPS * a * tap, taps[a], (int)min_i64(VLEN, q->outputs - at));
                }
        }
    }
    return TC_OK;
}

// Either dy is given, or what it is unpooled from.
static int winograd_backward_kernel(int64_t m, const tc_conv2d *g, const real *x, const real *dy, const unpooling *pooled, real *dw) {
    winograd_gradient q = {.grid = cut_into_tiles(m, g->batch, g->out_h, g->out_w),
                           .pooled = pooled,
                           .channels = g->in_channels,
                           .outputs = g->out_channels,
                           .dw = dw};
    q.tiles = number_of_tiles(&q.grid);
    q.pairs = ceil_div(m + 2, PAIR);
    const int64_t panels = operand_panels(q.outputs), width = whole_vectors(q.outputs);
    q.plane = q.channels * width + 2 * VLEN;  // so that planes do not compete for the same sets of L1
    q.halves_apart = (m + 2) * TAPS * q.plane;
    q.halves = q.tiles >= HALVES * HALF_TILES && q.halves_apart * (int64_t)sizeof(real) <= HALF_BYTES ? HALVES : 1;
    const int64_t channel_blocks = ceil_div(q.channels, BLOCK_CHANNELS);
    q.channels_per_block = ceil_div(q.channels, channel_blocks);
    const int64_t of_panel = PAIR * (m + 2) * q.channels_per_block * panel_columns(q.outputs, panels - 1).end / panels * sizeof(real);
    // Few blocks are cut further, each of which transforms its windows anew: no more of them than the threads need. No sum depends on this.
    const int64_t panel_blocks = min_i64(
        panels, max_i64(ceil_div(panels, max_i64(1, BLOCK_BYTES / of_panel)), tc_num_threads() / (q.halves * q.pairs * channel_blocks)));
    q.panels_per_block = ceil_div(panels, panel_blocks);
    const int64_t zeros = MAX_POINTS * max_i64(q.channels, q.outputs);
    const size_t bytes = sizeof(real) * (size_t)(q.halves * q.halves_apart + zeros) + sizeof(int64_t) * (size_t)q.channels;
    q.rows = tc_shared_scratch(bytes);
    if (!q.rows) return TC_NO_MEMORY;
    real *none = q.rows + q.halves * q.halves_apart;
    int64_t *channel = (int64_t *)(none + zeros);
    clear(none, zeros);
    for (int64_t c = 0; c < q.channels; c++) channel[c] = c;
    q.channel = channel;
    q.of_x = (windows_of_tiles){
        .images = x,
        .h = g->in_h,
        .w = g->in_w,
        .pixel = q.channels,
        .pad_top = g->pad_top,
        .pad_left = g->pad_left,
        .margin = 2,
        .down = input_down,
        .across = input_across,
        .zeros = none,
    };
    q.of_dy = (windows_of_tiles){
        .images = dy, .h = g->out_h, .w = g->out_w, .pixel = q.outputs, .down = gradient_down, .across = gradient_across, .zeros = none};

    const int64_t blocks = channel_blocks * ceil_div(panels, q.panels_per_block);
    int status = tc_parallel_for(q.halves * q.pairs * blocks, sums_chunk, &q);
    if (status == TC_OK) status = tc_parallel_for(ceil_div(q.channels, TAPS_CHANNELS), taps_chunk, &q);
    tc_free_shared_scratch(q.rows, bytes);
    return status;
}
