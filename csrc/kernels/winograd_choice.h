// When Winograd's algorithm pays: its costs and those of the direct one, by the shape alone, so that the choice is the same everywhere.

static bool winograd_fits(const tc_conv2d *g) {
    const int64_t pad = max_i64(max_i64(g->pad_top, g->pad_bottom), max_i64(g->pad_left, g->pad_right));
    return g->kernel_h == TAPS && g->kernel_w == TAPS && g->stride_h == 1 && g->stride_w == 1 && g->dilation_h == 1 && g->dilation_w == 1 &&
           g->groups == 1 && pad < TAPS;
}

// Costs are counted in multiply-adds of a product. Measured: to transform a tap is worth 8, or 32 where the taps outgrow L2; to transform
// one back from its sums 8, or 20.
static double taps_cost(const tc_conv2d *g, bool back) {
    const double taps = MAX_POINTS * MAX_POINTS * (double)g->in_channels * (double)g->out_channels;
    return (taps * sizeof(real) <= 1 << 20 ? 8 : back ? 20 : 32) * taps;
}

// Of F(4x4), but for the taps. Measured: the transforms are worth about 14 for each value of a tile.
static double tiles_cost(const tc_conv2d *g, bool adjoint) {
    const int64_t m = MAX_TILE, height = adjoint ? g->in_h : g->out_h, width = adjoint ? g->in_w : g->out_w;
    const double sources = adjoint ? g->out_channels : g->in_channels;
    const double results = whole_vectors(adjoint ? g->in_channels : g->out_channels);
    const double values = (double)g->batch * (height + 2 * ceil_div(height, m)) * (width + 2 * ceil_div(width, m));
    return values * sources * results + 14 * values * (whole_vectors((int64_t)sources) + results);
}

static double winograd_cost(const tc_conv2d *g, bool adjoint) { return tiles_cost(g, adjoint) + taps_cost(g, false); }

// Measured: a multiply-add of a direct convolution is worth 1.1, or 1.5 where it fills one vector of results only.
static double direct_cost(const tc_conv2d *g, bool adjoint) {
    const double cells = (double)g->batch * (adjoint ? g->in_h * g->in_w : g->out_h * g->out_w);
    const int64_t sources = adjoint ? g->out_channels : g->in_channels, results = whole_vectors(adjoint ? g->in_channels : g->out_channels);
    return (results > VLEN ? 1.1 : 1.5) * TAPS * TAPS * cells * sources * results;
}

static int64_t forced_size(const tc_conv2d *g) { return g->algorithm == TC_WINOGRAD2 ? 2 : 4; }

// The tile size to run a convolution, or the gradient of its input (adjoint), with; 0 where it is to be direct.
static int64_t winograd_size(const tc_conv2d *g, bool adjoint) {
    if (g->algorithm == TC_DIRECT || !winograd_fits(g)) return 0;
    if (g->algorithm != TC_AUTO) return forced_size(g);
    return (!adjoint && g->taps) || winograd_cost(g, adjoint) < direct_cost(g, adjoint) ? 4 : 0;
}

// The same of the gradient of the kernel. Measured: a multiply-add of the direct one is worth 1.4.
static int64_t winograd_kernel_size(const tc_conv2d *g) {
    const double cells = (double)g->batch * g->out_h * g->out_w, taps = (double)TAPS * TAPS * g->in_channels * g->out_channels;
    if (g->algorithm == TC_DIRECT || !winograd_fits(g) || cells * taps == 0) return 0;
    if (g->algorithm != TC_AUTO) return forced_size(g);
    return tiles_cost(g, false) + taps_cost(g, true) < 1.4 * cells * taps ? 4 : 0;
}
