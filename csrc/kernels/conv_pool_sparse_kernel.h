// dw of conv_pool_sparse.h.
//
// Loops, from the outside: shares of the units, each with a dw of its own, added up in order at the end, x groups of blocks, which are the
// chunks; units (some small images, or a band of windows of a large one), whose g and offsets are laid out window by window; blocks of one
// or two vectors of input channels, whose part of x is copied with zeros around, so that it stays in L1; output channels; windows.
// A share's dw lies as (block, o, tap, c): the sums of one o are one stretch of memory. How many shares there are follows from the shapes;
// each group lays its share out anew, so there are no more of them than the threads need. No sum depends on the groups.

enum {
    GATHER_BYTES = 20 << 10,  // of the copy of x: with an output channel's g and offsets it stays in an L1 of 32 KB
    GATHER_SHARES = 4,        // at most
    SHARES_BYTES = 4 << 20,   // of all dw, about
};

typedef struct {
    const sparse_job *job;
    int64_t vectors, blocks, o_size;                                // vectors of input channels of a block; elements of one o of it
    int64_t unit_images, unit_rows, bands, units, shares, columns;  // rows of windows; columns of the copy
    int64_t groups;                                                 // of blocks
    real *partial;                                                  // (shares, blocks, out_channels, taps, vectors * VLEN)
} gather_plan;

static int64_t gather_taps(const gather_plan *p) { return p->job->conv.kernel_h * p->job->conv.kernel_w; }

static real *gather_partial(const gather_plan *p, int64_t share, int64_t block) {
    return p->partial + (share * p->blocks + block) * p->job->conv.out_channels * p->o_size;
}

// `rows` rows of the padded input from `first` on: `channels` channels of each pixel, and zeros up to the vectors of a block.
static void gather_copy(const gather_plan *p, const real *image, int64_t first, int64_t rows, int64_t channels, real *to) {
    const tc_conv2d *g = &p->job->conv;
    const int64_t pixel = p->vectors * VLEN, right = min_i64(p->columns, g->pad_left + g->in_w);
    for (int64_t i = first - g->pad_top; i < first - g->pad_top + rows; i++, to += p->columns * pixel) {
        if (i < 0 || i >= g->in_h || right <= g->pad_left) {
            clear(to, p->columns * pixel);
            continue;
        }
        const real *from = image + i * g->in_w * g->in_channels;
        clear(to, g->pad_left * pixel);
        for (int64_t j = g->pad_left; j < right; j++, from += g->in_channels) {
            for (int64_t c = 0; c < pixel; c += VLEN)
                v_store(to + j * pixel + c, c < channels ? load_columns(from + c, (int)min_i64(VLEN, channels - c)) : v_zero());
        }
        clear(to + right * pixel, (p->columns - right) * pixel);
    }
}

// What a unit needs in one chunk.
typedef struct {
    range images, band;
    int64_t windows, first_window;
    int64_t row, image;  // elements of the copy
    real *x, *g;
    lane *at;
} gather_unit;

// g and the offsets of n output channels in one window.
static inline void layout_window(int64_t n, const real *from, const uint8_t *argmax, lane corner, lane right, lane below, real *g,
                                 lane *at) {
    const lanes place = load_places(argmax, (int)n), offset = corner + (-(place & 1) & right) + (-(place >> 1) & below);
    v_store(g, load_columns(from, (int)n));
    memcpy(at, &offset, sizeof(offset));
}

// Those of up to VLEN output channels from o on, window by window; the kernel fetches one window too many, so there is one.
static void gather_layout(const gather_plan *p, const gather_unit *unit, int64_t o, real *g, lane *at) {
    const tc_pool2d *pool = &p->job->pool;
    const int64_t n = min_i64(VLEN, pool->channels - o), images = unit->images.end - unit->images.begin;
    const lane pixel = (lane)(p->vectors * VLEN), row = (lane)unit->row;
    for (int64_t image = 0; image < images; image++) {
        for (int64_t i = 0; i < unit->band.end - unit->band.begin; i++) {
            const int64_t first = (unit->first_window + (image * pool->out_h + i) * pool->out_w) * pool->channels + o;
            const real *from = p->job->g + first;
            const uint8_t *argmax = p->job->argmax + first;
            lane corner = (lane)(image * unit->image + 2 * i * unit->row);
            for (int64_t j = 0; j < pool->out_w; j++, from += pool->channels, argmax += pool->channels, corner += 2 * pixel) {
                layout_window(n, from, argmax, corner, pixel, row, g, at);
                g += VLEN;
                at += VLEN;
            }
        }
    }
    for (int64_t l = 0; l < VLEN; l++) g[l] = 0, at[l] = 0;
}

static void gather_block(const gather_plan *p, const gather_unit *unit, int64_t block, bool accumulate, real *dw) {
    const tc_conv2d *g = &p->job->conv;
    const int64_t c = block * p->vectors * VLEN, channels = min_i64(p->vectors * VLEN, g->in_channels - c);
    const int64_t rows = sparse_span(unit->band.end - unit->band.begin, g->kernel_h), laid_out = (unit->windows + 1) * VLEN;
    for (int64_t n = unit->images.begin; n < unit->images.end; n++)
        gather_copy(p, p->job->x + n * g->in_h * g->in_w * g->in_channels + c, 2 * unit->band.begin, rows, channels,
                    unit->x + (n - unit->images.begin) * unit->image);
    for (int64_t o = 0; o < g->out_channels; o++) {
        const int64_t at = o / VLEN * laid_out + o % VLEN;
        const gathering of_channel = {
            .x = unit->x,
            .row = unit->row,
            .g = unit->g + at,
            .at = unit->at + at,
            .windows = unit->windows,
            .accumulate = accumulate,
            .dw = dw + o * p->o_size,
        };
        gather_windows(&of_channel, g->kernel_h, p->vectors);
    }
}

static int gather_chunk_of_windows(void *context, int64_t chunk) {
    const gather_plan *p = context;
    const tc_conv2d *g = &p->job->conv;
    const tc_pool2d *pool = &p->job->pool;
    const int64_t group = chunk % p->groups, share = chunk / p->groups;
    gather_unit unit = {.row = p->columns * p->vectors * VLEN};
    unit.image = sparse_span(p->unit_rows, g->kernel_h) * unit.row;
    const int64_t windows = p->unit_images * p->unit_rows * pool->out_w, room = ceil_div(g->out_channels, VLEN) * (windows + 1) * VLEN;
    const size_t bytes = sizeof(real) * (size_t)(p->unit_images * unit.image) + (sizeof(real) + sizeof(lane)) * (size_t)room;
    unit.x = tc_scratch(bytes);
    if (!unit.x) return TC_NO_MEMORY;
    unit.g = unit.x + p->unit_images * unit.image;
    unit.at = (lane *)(unit.g + room);

    const int64_t begin = share * p->units / p->shares, end = (share + 1) * p->units / p->shares;
    for (int64_t index = begin; index < end; index++) {
        unit.images = chunk_range(index / p->bands, p->unit_images, g->batch);
        unit.band = chunk_range(index % p->bands, p->unit_rows, pool->out_h);
        unit.windows = (unit.images.end - unit.images.begin) * (unit.band.end - unit.band.begin) * pool->out_w;
        unit.first_window = (unit.images.begin * pool->out_h + unit.band.begin) * pool->out_w;
        for (int64_t o = 0; o < g->out_channels; o += VLEN)
            gather_layout(p, &unit, o, unit.g + o * (unit.windows + 1), unit.at + o * (unit.windows + 1));
        for (int64_t block = group * p->blocks / p->groups; block < (group + 1) * p->blocks / p->groups; block++)
            gather_block(p, &unit, block, index > begin, gather_partial(p, share, block));
    }
    tc_free_scratch(unit.x, bytes);
    return TC_OK;
}

// Adds up one tap of one block over the shares, and lays it out as dw is.
static int gather_sum(void *context, int64_t chunk) {
    const gather_plan *p = context;
    const tc_conv2d *g = &p->job->conv;
    const int64_t taps = gather_taps(p), tap = chunk % taps, block = chunk / taps, width = p->vectors * VLEN;
    const int64_t c = block * p->vectors * VLEN, channels = min_i64(width, g->in_channels - c);
    real *sum = gather_partial(p, 0, block) + tap * width;
    for (int64_t share = 1; share < p->shares; share++) {
        const real *from = gather_partial(p, share, block) + tap * width;
        for (int64_t o = 0; o < g->out_channels; o++)
            for (int64_t i = 0; i < width; i += VLEN)
                v_store(sum + o * p->o_size + i, v_add(v_load(sum + o * p->o_size + i), v_load(from + o * p->o_size + i)));
    }
    pack_transposed(p->job->dw + (tap * g->in_channels + c) * g->out_channels, g->out_channels, sum, p->o_size, channels, g->out_channels);
    return TC_OK;
}

static int sparse_backward_kernel(const sparse_job *job) {
    const tc_conv2d *g = &job->conv;
    const tc_pool2d *pool = &job->pool;
    gather_plan p = {.job = job, .columns = sparse_span(pool->out_w, g->kernel_w), .unit_images = 1, .unit_rows = pool->out_h};
    const int64_t in_vectors = ceil_div(g->in_channels, VLEN);
    p.vectors = min_i64(in_vectors, g->kernel_h == 3 ? GATHER_VECTORS_3 : 1);
    p.blocks = ceil_div(in_vectors, p.vectors);
    p.o_size = gather_taps(&p) * p.vectors * VLEN;
    const int64_t rows = GATHER_BYTES / (p.columns * p.vectors * VLEN * (int64_t)sizeof(real));  // of the copy, that fit
    const int64_t image_rows = sparse_span(pool->out_h, g->kernel_h);
    if (rows >= image_rows) p.unit_images = min_i64(g->batch, rows / image_rows);
    else p.unit_rows = ceil_div(pool->out_h, ceil_div(pool->out_h, max_i64(1, (rows - g->kernel_h + 1) / 2)));
    p.bands = ceil_div(pool->out_h, p.unit_rows);
    p.units = ceil_div(g->batch, p.unit_images) * p.bands;
    const int64_t size = p.blocks * g->out_channels * p.o_size, fitting = SHARES_BYTES / (size * (int64_t)sizeof(real));
    p.shares = min_i64(p.units, max_i64(1, min_i64(GATHER_SHARES, fitting)));
    p.groups = min_i64(p.blocks, ceil_div(2 * tc_num_threads(), p.shares));
    const size_t bytes = sizeof(real) * (size_t)(p.shares * size);
    p.partial = tc_shared_scratch(bytes);
    if (!p.partial) return TC_NO_MEMORY;
    int status = tc_parallel_for(p.shares * p.groups, gather_chunk_of_windows, &p);
    if (status == TC_OK) status = tc_parallel_for(p.blocks * gather_taps(&p), gather_sum, &p);
    tc_free_shared_scratch(p.partial, bytes);
    return status;
}
