// Convolution -> bias -> activation -> 2x2 max-pooling by Winograd: a tile of results is a few whole windows, so only pooled values are
// ever stored.
//
//     y[p, q] = act(max_{u,v} conv[2 p + u, 2 q + v] + b),  argmax = 2 u + v
//
// The maximum comes first, then bias and activation once per window: both are monotone (leaky relu where its slope is >= 0).
// A NaN or an infinity among the inputs of a tile makes a NaN of all of its results.

static inline vreal activate_vector(tc_activation kind, vreal x, vreal alpha) {
    const vreal negative = (vreal)(x < v_zero());
    if (kind == TC_RELU) return v_select(negative, v_zero(), x);
    return kind == TC_LEAKY_RELU ? v_select(negative, v_mul(x, alpha), x) : x;
}

// Cells that do not exist, right of and below the last results, are -infinity: never larger than one that does.
__attribute__((always_inline)) static inline void pool_rows(const int m, const winograd *p, const winograd_tile *tile, int64_t first, int n,
                                                            const real *t) {
    const tc_pool2d *g = p->pool;
    const vreal start = p->start ? load_columns(p->start + first, n) : v_zero(), alpha = v_set1(p->alpha), none = v_set1(-INFINITY);
    for (int64_t i = 0; i < tile->rows; i += 2, t += 2 * T_ROW) {
        const int64_t row = tile->image * g->out_h + (tile->i * p->grid.m + i) / 2;
        const int64_t at = (row * g->out_w + tile->j * p->grid.m / 2) * p->result_channels + first;
        vreal top[MAX_TILE], bottom[MAX_TILE] = {none, none, none, none};
        result_row(m, t, top);
        if (i + 1 < tile->rows) result_row(m, t + T_ROW, bottom);
#pragma GCC unroll 2
        for (int j = 0; j < m; j += 2) {
            const bool whole = j + 1 < m;
            const int64_t window = at + j / 2 * p->result_channels;
            const vreal cell[4] = {top[j], whole ? top[j + 1] : none, bottom[j], whole ? bottom[j + 1] : none};
            const maximum best = largest(cell, p->argmax != NULL);
            store_columns(p->result + window, activate_vector(p->kind, v_add(best.value, start), alpha), n);
            if (p->argmax) store_places(p->argmax + window, best.place, n);
        }
    }
}

static void pool_tile(const winograd *p, const winograd_tile *tile, int64_t first, int n, const real *t) {
    switch (tile->columns) {
        case 1: pool_rows(1, p, tile, first, n, t); break;
        case 2: pool_rows(2, p, tile, first, n, t); break;
        case 3: pool_rows(3, p, tile, first, n, t); break;
        case 4: pool_rows(4, p, tile, first, n, t); break;
    }
}

static bool winograd_pool_fits(const tc_conv2d *g, const tc_pool2d *pool, tc_activation kind) {
    return winograd_fits(g) && (kind == TC_LINEAR || kind == TC_RELU || kind == TC_LEAKY_RELU) && pool->window_h == 2 &&
           pool->window_w == 2 && pool->stride_h == 2 && pool->stride_w == 2 && pool->pad_top == 0 && pool->pad_left == 0;
}

static int winograd_pool_forward(int64_t m, const tc_conv2d *g, const tc_pool2d *pool, tc_activation kind, real alpha, const real *x,
                                 const real *w, const real *b, real *y, uint8_t *argmax) {
    winograd p = winograd_of_forward(m, g, x, w, b, y);
    p.result_h = min_i64(g->out_h, 2 * pool->out_h);
    p.result_w = min_i64(g->out_w, 2 * pool->out_w);
    p.grid = cut_into_tiles(m, g->batch, p.result_h, p.result_w);
    p.finish = pool_tile;
    p.pool = pool;
    p.kind = kind;
    p.alpha = alpha;
    p.argmax = argmax;
    return winograd_run(&p);
}
