// Convolution 3x3 of stride 1 by Winograd's F(m x m, 3x3), m = 4 or 2: forward (result y) and the gradient of the input (result dx).
//
//     Y = A^T [ sum_c (G g_c G^T) * (B^T d_c B) ] A      for each tile Y of m x m results, d its window of (m + 2) x (m + 2) sources
//
// The transforms (ukr/winograd.h) run along both axes, on vectors of channels. In between, the sum over source channels is a matrix
// product (tiles, channels) x (channels, result channels) for each of the (m + 2)^2 points: m = 4 multiplies 36 times where the direct
// way multiplies 144 times. A last tile with only r < m results along an axis has r + 2 points there, and leaves the others out.
//
// Loops, from the outside: chunks of tiles; transform their inputs to (tile, point, channel); panels of result channels; points, each a
// product by ukr/tile.h to (tile, point, result channel); tiles, transformed back and finished (stored, or pooled: winograd_pool.h).
// A chunk has enough tiles to use a point's panel of taps, which comes from L2 or beyond, often, and few enough for L2.

typedef struct winograd winograd;

// Ends the transform back, along the columns, and stores what becomes of a tile; `t` holds its (rows, MAX_POINTS) vectors, T_ITEM apart, of
// the n result channels from `first` on.
typedef void winograd_finish(const winograd *p, const winograd_tile *tile, int64_t first, int n, const real *t);

struct winograd {
    tile_grid grid;  // of the results
    int64_t source_h, source_w, source_channels;
    int64_t result_h, result_w, result_channels;
    int64_t pad_top, pad_left;
    bool adjoint;  // the kernel is turned around, and its channels exchanged
    const real *source, *w, *start;
    const unpooling *pooled;  // instead of source: what it is unpooled from
    real *result;
    winograd_finish *finish;

    // pooled only
    const tc_pool2d *pool;
    tc_activation kind;
    real alpha;
    uint8_t *argmax;  // or NULL

    // follows from the above
    int64_t shares, chunks_per_share, panels_per_chunk;  // shares of the tiles
    int64_t copies;                                      // of the taps: one, or one for each thread
    real *taps;                                          // (panel, point, source channel, result channel of the panel); may be given
    bool *made;                                          // each thread's copy; or NULL, where there is one
};

enum {
    WINOGRAD_TILES = 24,    // of a chunk: rows for whole tiles of ukr/tile.h
    WINOGRAD_TAPS = 32,     // source channels whose taps are transformed at a time
    WINOGRAD_CHAIN = 128,   // source channels that are summed up before they are added to the others: a shorter chain rounds less
    COPY_TILES = 128,       // of a thread, at least, for which its own taps pay
    COPY_BYTES = 16 << 20,  // of all copies, at most
};

// Between the taps of two points; an odd number of vectors, so that the points do not compete for the same sets of L1.
static int64_t taps_of_point(const winograd *p, int64_t columns) { return p->source_channels * columns + VLEN; }

static int64_t taps_size(const winograd *p) {
    return points_of_tile(&p->grid) * (p->source_channels * whole_vectors(p->result_channels) + operand_panels(p->result_channels) * VLEN);
}

static real *taps_of_panel(const winograd *p, int64_t copy, int64_t index) {
    return p->taps + copy * taps_size(p) +
           points_of_tile(&p->grid) * (p->source_channels * panel_columns(p->result_channels, index).begin + index * VLEN);
}

// ---- the taps, once for all tiles
static void winograd_taps(const winograd *p, int64_t copy_index, int64_t index, range k) {
    const range columns = panel_columns(p->result_channels, index);
    const int64_t width = columns.end - columns.begin, used = min_i64(columns.end, p->result_channels) - columns.begin;
    const int64_t n = k.end - k.begin, tap_size = p->source_channels * p->result_channels;
    _Alignas(64) real g[TAPS * TAPS][WINOGRAD_TAPS * MAX_VECTORS * VLEN], t[MAX_POINTS * T_ROW];
    for (int64_t tap = 0; tap < TAPS * TAPS; tap++) {
        const real *w = p->w + (p->adjoint ? TAPS * TAPS - 1 - tap : tap) * tap_size;
        if (p->adjoint) pack_transposed(g[tap], width, w + columns.begin * p->source_channels + k.begin, p->source_channels, n, used);
        for (int64_t i = 0; i < n; i++) {
            if (!p->adjoint) copy(g[tap] + i * width, w + (k.begin + i) * p->result_channels + columns.begin, used);
            clear(g[tap] + i * width + used, width - used);
        }
    }
    const int64_t point = taps_of_point(p, width);
    real *to = taps_of_panel(p, copy_index, index) + k.begin * width;
    for (int64_t i = 0; i < n * width; i += T_ITEM) {
        const int64_t vectors = min_i64(T_ITEM, n * width - i) / VLEN;
        taps_down(p->grid.m, &(columns_of_tile){{g[0] + i, g[3] + i, g[6] + i}, g[1] - g[0], TAPS, vectors}, t);
        taps_across(p->grid.m, t, &(rows_of_tile){to + i, point, (p->grid.m + 2) * point, p->grid.m + 2, vectors});
    }
}

static void winograd_taps_of_panel(const winograd *p, int64_t copy_index, int64_t index) {
    for (int64_t k = 0; k < ceil_div(p->source_channels, WINOGRAD_TAPS); k++)
        winograd_taps(p, copy_index, index, chunk_range(k, WINOGRAD_TAPS, p->source_channels));
}

static int winograd_taps_chunk(void *context, int64_t chunk) {
    const winograd *p = context;
    const int64_t parts = ceil_div(p->source_channels, WINOGRAD_TAPS);
    winograd_taps(p, 0, chunk / parts, chunk_range(chunk % parts, WINOGRAD_TAPS, p->source_channels));
    return TC_OK;
}

// ---- a chunk of tiles
typedef struct {
    const winograd *p;
    tile_list tiles;
    int64_t v_point, v_tile, y_tile;
    int64_t *v_row, *y_row;
    real *v, *y;
} winograd_block;

static windows_of_tiles winograd_windows(const winograd *p, const real *zeros) {
    return (windows_of_tiles){
        .images = p->source,
        .h = p->source_h,
        .w = p->source_w,
        .pixel = p->source_channels,
        .channels = p->source_channels,
        .pad_top = p->pad_top,
        .pad_left = p->pad_left,
        .margin = 2,
        .rows = {0, p->grid.m + 2},
        .down = input_down,
        .across = input_across,
        .zeros = zeros,
    };
}

// Room for the images of some tiles side by side, where they have to be unpooled; what lies behind it stays aligned.
static int64_t unpooled_room(const winograd *p, int64_t tiles) {
    return p->pooled ? whole_vectors(unpooled_size(p->pooled) * ((tiles - 2) / (p->grid.tiles_h * p->grid.tiles_w) + 2)) : 0;
}

// What the windows of these tiles, which follow one another, need.
static void unpool_for(const winograd *p, const tile_list *list, real *images, windows_of_tiles *s) {
    if (!p->pooled) return;
    const winograd_tile *first = list->tile, *last = first + list->n - 1;
    s->images = images;
    s->first_image = first->image;
    for (int64_t image = first->image; image <= last->image; image++, images += unpooled_size(p->pooled)) {
        const range tiles = {image == first->image ? first->i : 0, image == last->image ? last->i + 1 : p->grid.tiles_h};
        const range rows = {tiles.begin * p->grid.m - p->pad_top, tiles.end * p->grid.m - p->pad_top + 2};
        unpool_rows(p->pooled, image, rows, images);
    }
}

static void transform_back(const winograd_block *block, const winograd_tile *tile, const real *y, int64_t width, range columns) {
    const winograd *p = block->p;
    _Alignas(64) real t[MAX_TILE * T_ROW];
    columns_of_tile products = {.from_line = width, .n = tile->columns + 2, .vectors = width / VLEN};
    for (int64_t i = 0; i < tile->rows + 2; i++) products.from[i] = y + i * (p->grid.m + 2) * width;
    results_down(tile->rows, &products, t);
    for (int64_t c = columns.begin, at = 0; c < columns.end; c += VLEN, at += VLEN)
        p->finish(p, tile, c, (int)min_i64(VLEN, columns.end - c), t + at);
}

// Whole chunks, as far as a share goes: the last one of it may have fewer tiles, or none.
static range tiles_of_chunk(const winograd *p, int64_t chunk) {
    const int64_t all = number_of_tiles(&p->grid), share = chunk / p->chunks_per_share;
    const int64_t begin = share * all / p->shares + chunk % p->chunks_per_share * WINOGRAD_TILES, end = (share + 1) * all / p->shares;
    return (range){min_i64(begin, end), min_i64(begin + WINOGRAD_TILES, end)};
}

// The products of all points for one panel of taps.
static void multiply_points(const winograd_block *block, const real *taps, int64_t width) {
    const winograd *p = block->p;
    for (int64_t point = 0; point < points_of_tile(&p->grid); point++, taps += taps_of_point(p, width)) {
        const range with = tiles_with_point(&p->grid, &block->tiles, point / (p->grid.m + 2), point % (p->grid.m + 2));
        for (int64_t c = 0; c < p->source_channels; c += WINOGRAD_CHAIN) {
            const run chain = {0, min_i64(WINOGRAD_CHAIN, p->source_channels - c)};
            const product of_point = {
                .a = block->v + point * block->v_point + c,
                .a_row = block->v_row + with.begin,
                .runs = &chain,
                .n_runs = 1,
                .a_step = 1,
                .b = taps + c * width,
                .b_stride = width,
                .accumulate = c > 0,
                .y = block->y + point * width,
                .y_row = block->y_row + with.begin,
                .columns = width,
            };
            multiply_rows(&of_point, with.end - with.begin);
        }
    }
}

static int winograd_chunk(void *context, int64_t chunk) {
    const winograd *p = context;
    const int64_t panels = operand_panels(p->result_channels), panel_chunks = ceil_div(panels, p->panels_per_chunk);
    const int64_t of_tiles = chunk / panel_chunks;
    const range tiles = tiles_of_chunk(p, of_tiles);
    const range panel = chunk_range(chunk % panel_chunks, p->panels_per_chunk, panels);
    const int64_t n = tiles.end - tiles.begin, points = points_of_tile(&p->grid);
    const int64_t widest = min_i64(MAX_VECTORS * VLEN, whole_vectors(p->result_channels));
    if (n == 0) return TC_OK;

    winograd_block block = {.p = p, .v_point = whole_vectors(p->source_channels)};
    block.v_tile = points * block.v_point + VLEN;
    block.y_tile = points * widest + VLEN;
    const int64_t zeros = MAX_POINTS * block.v_point, unpooled = unpooled_room(p, n);
    const size_t bytes = sizeof(real) * (size_t)(n * (block.v_tile + block.y_tile) + zeros + unpooled) +
                         (sizeof(winograd_tile) + 2 * sizeof(int64_t)) * (size_t)n;
    real *scratch = tc_scratch(bytes);
    if (!scratch) return TC_NO_MEMORY;
    block.v = scratch;
    block.y = block.v + n * block.v_tile;
    real *none = block.y + n * block.y_tile, *images = none + zeros;
    winograd_tile *tile = (winograd_tile *)(images + unpooled);
    block.v_row = (int64_t *)(tile + n);
    block.y_row = block.v_row + n;
    clear(none, zeros);
    block.tiles = list_tiles(&p->grid, tiles, tile);
    windows_of_tiles inputs = winograd_windows(p, none);
    unpool_for(p, &block.tiles, images, &inputs);
    for (int64_t t = 0; t < n; t++) {
        block.v_row[t] = t * block.v_tile;
        block.y_row[t] = t * block.y_tile;
        transform_window(&inputs, &p->grid, tile + t, block.v + tile[t].at * block.v_tile, block.v_point);
    }
    const int64_t copy_index = tc_worker() % p->copies;
    const bool makes_taps = p->made && !p->made[copy_index];  // the first chunk of a thread, panel by panel
    for (int64_t index = panel.begin; index < panel.end; index++) {
        const range columns = panel_columns(p->result_channels, index);
        const int64_t width = columns.end - columns.begin;
        if (makes_taps) winograd_taps_of_panel(p, copy_index, index);
        multiply_points(&block, taps_of_panel(p, copy_index, index), width);
        const range used = {columns.begin, min_i64(columns.end, p->result_channels)};
        for (int64_t t = 0; t < n; t++) transform_back(&block, tile + t, block.y + tile[t].at * block.y_tile, width, used);
    }
    if (makes_taps) p->made[copy_index] = true;
    tc_free_scratch(scratch, bytes);
    return TC_OK;
}

static int transform_taps(winograd *p) {
    const int64_t parts = operand_panels(p->result_channels) * ceil_div(p->source_channels, WINOGRAD_TAPS);
    return tc_parallel_for(parts, winograd_taps_chunk, p);
}

static int winograd_run(winograd *p) {
    const int64_t tiles = number_of_tiles(&p->grid), panels = operand_panels(p->result_channels);
    if (tiles * panels == 0) return TC_OK;
    const int64_t threads = tc_num_threads();
    p->shares = min_i64(threads, ceil_div(tiles, WINOGRAD_TILES));
    p->chunks_per_share = ceil_div(ceil_div(tiles, p->shares), WINOGRAD_TILES);
    const int64_t chunks = p->shares * p->chunks_per_share;
    // Few tiles are shared out by panels, too, and each of these chunks transforms them anew: so no more of them than the threads need.
    // No sum depends on this cut.
    p->panels_per_chunk = ceil_div(panels, min_i64(panels, ceil_div(2 * threads, chunks)));
    // Taps that another core wrote are slow to read where the two share no cache, so each thread has its own. It makes them as it comes to
    // them: were they shared out, one that is a little faster would write to the other's, and find them far away the next time. With so
    // many tiles no chunk has only some of the panels.
    const int64_t taps_bytes = taps_size(p) * (int64_t)sizeof(real);
    const bool apart = !p->taps && threads > 1 && tiles >= threads * COPY_TILES && threads * taps_bytes <= COPY_BYTES;
    p->copies = apart ? threads : 1;
    const size_t bytes = p->taps ? 0 : (size_t)(p->copies * (taps_bytes + (int64_t)sizeof(bool)));
    int status = TC_OK;
    if (bytes) {
        p->taps = tc_shared_scratch(bytes);
        if (!p->taps) return TC_NO_MEMORY;
        p->made = apart ? (bool *)(p->taps + p->copies * taps_size(p)) : NULL;
        for (int64_t i = 0; apart && i < p->copies; i++) p->made[i] = false;
        if (!apart) status = transform_taps(p);
    }
    if (status == TC_OK) status = tc_parallel_for(chunks * ceil_div(panels, p->panels_per_chunk), winograd_chunk, p);
    if (bytes) tc_free_shared_scratch(p->taps, bytes);
    return status;
}

// ---- without a pool behind it
__attribute__((always_inline)) static inline void store_rows(const int m, const winograd *p, const winograd_tile *tile, int64_t first,
                                                             int n, const real *t) {
    const int64_t pixel = p->result_channels, row = p->result_w * pixel;
    real *to = p->result + (tile->image * p->result_h + tile->i * p->grid.m) * row + tile->j * p->grid.m * pixel + first;
    const vreal start = p->start ? load_columns(p->start + first, n) : v_zero();
    for (int64_t i = tile->rows; i > 0; i--, t += T_ROW, to += row) {
        vreal y[MAX_TILE];
        result_row(m, t, y);
#pragma GCC unroll 4
        for (int j = 0; j < m; j++) store_columns(to + j * pixel, v_add(y[j], start), n);
    }
}

static void store_tile(const winograd *p, const winograd_tile *tile, int64_t first, int n, const real *t) {
    switch (tile->columns) {
        case 1: store_rows(1, p, tile, first, n, t); break;
        case 2: store_rows(2, p, tile, first, n, t); break;
        case 3: store_rows(3, p, tile, first, n, t); break;
        case 4: store_rows(4, p, tile, first, n, t); break;
    }
}

// ---- the two products
static winograd winograd_of_forward(int64_t m, const tc_conv2d *g, const real *x, const real *w, const real *b, real *y) {
    return (winograd){
        .grid = cut_into_tiles(m, g->batch, g->out_h, g->out_w),
        .source_h = g->in_h,
        .source_w = g->in_w,
        .source_channels = g->in_channels,
        .result_h = g->out_h,
        .result_w = g->out_w,
        .result_channels = g->out_channels,
        .pad_top = g->pad_top,
        .pad_left = g->pad_left,
        .source = x,
        .w = w,
        .start = b,
        .result = y,
        .finish = store_tile,
        .taps = (real *)g->taps,
    };
}

// The taps alone, for a caller who keeps them from one call to the next. That pays where a few small images meet many taps; elsewhere, and
// where the convolution is direct in any case, their size is 0.
enum { KEPT_TAPS_BYTES = 16 << 20 };  // at most

static int conv2d_taps(const tc_conv2d *g, const real *w, int64_t *size, real *taps) {
    const double rest = tiles_cost(g, false);
    const bool pays = g->algorithm != TC_AUTO || rest < direct_cost(g, false);
    winograd p = winograd_of_forward(forced_size(g), g, NULL, w, NULL, NULL);
    *size = g->algorithm != TC_DIRECT && winograd_fits(g) && pays && 4 * taps_cost(g, false) > rest ? taps_size(&p) : 0;
    if (*size * (int64_t)sizeof(real) > KEPT_TAPS_BYTES) *size = 0;
    p.copies = 1;
    p.taps = taps;
    return *size && taps ? transform_taps(&p) : TC_OK;
}

static int winograd_forward(int64_t m, const tc_conv2d *g, const real *x, const real *w, const real *b, real *y) {
    winograd p = winograd_of_forward(m, g, x, w, b, y);
    return winograd_run(&p);
}

// Either dy is given, or what it is unpooled from.
static int winograd_backward_input(int64_t m, const tc_conv2d *g, const real *dy, const unpooling *pooled, const real *w, real *dx) {
    winograd p = {
        .grid = cut_into_tiles(m, g->batch, g->in_h, g->in_w),
        .source_h = g->out_h,
        .source_w = g->out_w,
        .source_channels = g->out_channels,
        .result_h = g->in_h,
        .result_w = g->in_w,
        .result_channels = g->in_channels,
        .pad_top = 2 - g->pad_top,
        .pad_left = 2 - g->pad_left,
        .adjoint = true,
        .source = dy,
        .pooled = pooled,
        .w = w,
        .result = dx,
        .finish = store_tile,
    };
    return winograd_run(&p);
}
