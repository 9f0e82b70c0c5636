// The gradient of a 3x3 convolution's kernel by Winograd's F(m x m, 3x3): the adjoint of winograd.h by the taps.
//
//     dg = G^T [ sum over tiles (B^T d B) * (A dY A^T) ] G,  d and dY the windows of a tile: (m + 2)^2 inputs, m^2 gradients
//
// For each of the (m + 2)^2 points the sum is a matrix product, (tiles, channels)^T x (tiles, output channels), and only its result is
// transformed back: once for all tiles. Tiles of fewer results have fewer points, as in the forward pass.
//
// Many tiles of few channels are cut in two halves, each with sums of its own, so that two threads, or two sets of them, meet only at the
// end: cores that share no cache wait long for what the other one wrote.
//
// Loops, from the outside: groups of tiles, as many as the last caches hold when transformed; halves; windows of x to (point, tile,
// channel) and of dy to (point, panel, tile, channel of the panel), in chunks of tiles; products, a chunk for each point and panel, which
// add to the half's sums (point, channel, output channel); and at the end the transform back, in chunks of channels. The sums grow in the
// order of the groups.

enum {
    HALVES = 2,
    HALF_TILES = 64,        // at least
    HALF_BYTES = 2 << 20,   // of a half's sums, at most
    GROUP_BYTES = 4 << 20,  // of the groups' transformed windows, about
    GROUP_TILES = 512,      // of the groups, at most
    GROUP_CHUNK = 8,        // tiles that are transformed in one chunk
    CHAIN = 64,             // tiles that are summed up before they are added to the others: a shorter chain rounds less
};

typedef struct {
    winograd_block group;
    int64_t tiles;  // of the group
    real *v, *u, *sums;
} gradient_half;

typedef struct {
    winograd p;  // its results are the tiles of dy
    windows_of_tiles of_x, of_dy;
    int64_t channels, outputs, width;              // width: outputs in whole vectors
    int64_t v_tile, v_point, u_point, sums_point;  // elements from one to the next of v, u and sums
    int64_t halves, largest;                       // largest: tiles of a group
    gradient_half half[HALVES];
    bool accumulate;
    const int64_t *v_row, *sum_row;  // of each channel
    real *dw;
} winograd_gradient;

// The transform of a window, which goes to every point's place of its tile. All of these are far from each other, and may be far from the
// caches: those of the next tile of the kind are fetched ahead, or its stores would wait for one after the other.
static void transform_apart(const winograd_gradient *q, const windows_of_tiles *s, const winograd_tile *tile, real *to, int64_t to_tile,
                            int64_t to_point) {
    enum { LINE = 64 / sizeof(real) };
    const real *next = to + (tile->at + 1) * to_tile;
    for (int64_t point = 0; point < winograd_points(&q->p); point++, next += to_point)
        for (int64_t c = 0; c < s->channels; c += LINE) __builtin_prefetch(next + c, 1);
    transform_window(s, &q->p, tile, to + tile->at * to_tile, to_point);
}

static int gradient_transform(void *context, int64_t chunk) {
    const winograd_gradient *q = context;
    const int64_t chunks = ceil_div(q->largest, GROUP_CHUNK);
    const gradient_half *h = q->half + chunk / chunks;
    const range tiles = chunk_range(chunk % chunks, GROUP_CHUNK, h->tiles);
    const int64_t n = tiles.end - tiles.begin;
    if (n <= 0) return TC_OK;
    const size_t bytes = sizeof(real) * (size_t)unpooled_room(&q->p, n);
    real *images = bytes ? tc_alloc(bytes) : NULL;
    if (bytes && !images) return TC_NO_MEMORY;
    windows_of_tiles of_dy = q->of_dy;
    unpool_for(&q->p, h->group.tile + tiles.begin, n, images, &of_dy);
    for (int64_t t = tiles.begin; t < tiles.end; t++) transform_apart(q, &q->of_x, h->group.tile + t, h->v, q->v_tile, q->v_point);
    windows_of_tiles of_panel = of_dy;
    for (int64_t index = 0; index < operand_panels(q->outputs); index++) {
        const range c = panel_columns(q->outputs, index);
        of_panel.images = of_dy.images + c.begin;
        of_panel.channels = min_i64(c.end, q->outputs) - c.begin;
        real *u = h->u + q->largest * c.begin;
        for (int64_t t = tiles.begin; t < tiles.end; t++) transform_apart(q, &of_panel, h->group.tile + t, u, c.end - c.begin, q->u_point);
    }
    if (bytes) tc_free(images, bytes);
    return TC_OK;
}

static int gradient_product(void *context, int64_t chunk) {
    const winograd_gradient *q = context;
    const int64_t panels = operand_panels(q->outputs), points = winograd_points(&q->p), point = chunk / panels % points;
    const gradient_half *h = q->half + chunk / panels / points;
    const range c = panel_columns(q->outputs, chunk % panels);
    const range with = tiles_with_point(&h->group, point / (q->p.m + 2), point % (q->p.m + 2));
    run tiles = {0};
    product of_point = {
        .a_row = q->v_row,
        .runs = &tiles,
        .n_runs = 1,
        .a_step = q->v_tile,
        .b_stride = c.end - c.begin,
        .accumulate = q->accumulate,
        .y = h->sums + point * q->sums_point + c.begin,
        .y_row = q->sum_row,
        .columns = c.end - c.begin,
    };
    int64_t first = with.begin;
    do {
        tiles.length = min_i64(CHAIN, with.end - first);
        of_point.a = h->v + point * q->v_point + first * q->v_tile;
        of_point.b = h->u + point * q->u_point + q->largest * c.begin + first * of_point.b_stride;
        multiply_rows(&of_point, q->channels);
        of_point.accumulate = true;
        first += CHAIN;
    } while (first < with.end);
    return TC_OK;
}

static int gradient_transform_back(void *context, int64_t chunk) {
    const winograd_gradient *q = context;
    const int64_t points = q->p.m + 2;
    const bool halves = q->halves > 1;
    const int64_t block = halves ? T_ITEM : VLEN;  // measured: one vector at a time where the sums come from memory
    _Alignas(64) real sum[MAX_POINTS * MAX_POINTS * T_ITEM], t[TAPS * T_ROW], taps[TAPS * TAPS * T_ITEM];
    columns_of_tile sums = {.from_line = halves ? T_ITEM : q->sums_point, .n = points};
    for (int64_t o = 0; o < q->outputs; o += block) {
        const int64_t at = chunk * q->width + o;
        sums.vectors = min_i64(block, q->width - o) / VLEN;
        for (int64_t point = 0; halves && point < points * points; point++)
            for (int64_t i = 0; i < sums.vectors * VLEN; i += VLEN) {
                const int64_t place = point * q->sums_point + at + i;
                v_store(sum + point * T_ITEM + i, v_add(v_load(q->half[0].sums + place), v_load(q->half[1].sums + place)));
            }
        for (int64_t i = 0; i < points; i++)
            sums.from[i] = halves ? sum + i * points * T_ITEM : q->half[0].sums + i * points * q->sums_point + at;
        tap_gradients_down(q->p.m, &sums, t);
        tap_gradients_across(q->p.m, t, &(rows_of_tile){taps, T_ITEM, TAPS * T_ITEM, TAPS, sums.vectors});
        for (int64_t tap = 0; tap < TAPS * TAPS; tap++)
            copy(q->dw + (tap * q->channels + chunk) * q->outputs + o, taps + tap * T_ITEM, min_i64(block, q->outputs - o));
    }
    return TC_OK;
}

// Either dy is given, or what it is unpooled from.
static int winograd_backward_kernel(int64_t m, const tc_conv2d *g, const real *x, const real *dy, const unpooling *pooled, real *dw) {
    winograd_gradient q = {
        .p = winograd_of_forward(m, g, x, NULL, NULL, NULL), .channels = g->in_channels, .outputs = g->out_channels, .dw = dw};
    q.p.pooled = pooled;
    const int64_t tiles = winograd_cut(&q.p), points = winograd_points(&q.p), panels = operand_panels(q.outputs);
    q.width = whole_vectors(q.outputs);
    q.v_tile = whole_vectors(q.channels) + VLEN;  // so that tiles do not compete for the same sets of L1
    const int64_t window_bytes = points * (q.v_tile + q.width) * (int64_t)sizeof(real);
    const bool in_halves = tiles >= HALVES * HALF_TILES && points * q.channels * q.width * (int64_t)sizeof(real) <= HALF_BYTES;
    q.halves = in_halves ? HALVES : 1;
    const int64_t of_half = ceil_div(tiles, q.halves), fitting = min_i64(GROUP_TILES, GROUP_BYTES / window_bytes) / q.halves;
    const int64_t groups = ceil_div(of_half, max_i64(GROUP_CHUNK, fitting));
    q.largest = ceil_div(of_half, groups);
    q.v_point = q.largest * q.v_tile + 2 * VLEN;  // likewise
    q.u_point = q.largest * q.width + 2 * VLEN;
    q.sums_point = q.channels * q.width + (in_halves ? 2 * VLEN : 0);
    const int64_t zeros = MAX_POINTS * max_i64(q.v_tile, q.width), reals = points * (q.v_point + q.u_point + q.sums_point);
    const size_t bytes = sizeof(real) * (size_t)(q.halves * reals + zeros) + sizeof(int64_t) * (size_t)(2 * q.channels) +
                         sizeof(winograd_tile) * (size_t)(q.halves * q.largest);
    real *memory = tc_alloc(bytes), *none = memory + q.halves * reals;
    if (!memory) return TC_NO_MEMORY;
    int64_t *rows = (int64_t *)(none + zeros);
    clear(none, zeros);
    for (int64_t c = 0; c < q.channels; c++) rows[c] = c, rows[q.channels + c] = c * q.width;
    q.v_row = rows;
    q.sum_row = rows + q.channels;
    for (int64_t i = 0; i < q.halves; i++) {
        gradient_half *h = q.half + i;
        h->v = memory + i * reals;
        h->u = h->v + points * q.v_point;
        h->sums = h->u + points * q.u_point;
        h->group = (winograd_block){.p = &q.p, .tile = (winograd_tile *)(rows + 2 * q.channels) + i * q.largest};
    }
    q.of_x = winograd_windows(&q.p, none);
    q.of_dy = (windows_of_tiles){
        .images = dy, .h = g->out_h, .w = g->out_w, .pixel = q.outputs, .down = gradient_down, .across = gradient_across, .zeros = none};

    int status = TC_OK;
    for (int64_t index = 0; status == TC_OK && index < groups; index++) {
        for (int64_t i = 0; i < q.halves; i++) {
            const int64_t begin = i * tiles / q.halves, n = (i + 1) * tiles / q.halves - begin;
            const range of_group = {begin + index * n / groups, begin + (index + 1) * n / groups};
            q.half[i].tiles = of_group.end - of_group.begin;
            number_tiles(&q.half[i].group, of_group);
        }
        q.accumulate = index > 0;
        status = tc_parallel_for(q.halves * ceil_div(q.largest, GROUP_CHUNK), gradient_transform, &q);
        if (status == TC_OK) status = tc_parallel_for(q.halves * points * panels, gradient_product, &q);
    }
    if (status == TC_OK) status = tc_parallel_for(q.channels, gradient_transform_back, &q);
    tc_free(memory, bytes);
    return status;
}
