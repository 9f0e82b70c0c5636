// Convolution, pooling, and both as one step. The references visit every product and every cell.

// ---- convolution
// clang-format off
#define CONV(n, h, w, c, o, kh, kw, sh, sw, dh, dw, top, bottom, left, right, groups) \
    {n, h, w, c, ((h) + (top) + (bottom) - ((kh) - 1) * (dh) - 1) / (sh) + 1, ((w) + (left) + (right) - ((kw) - 1) * (dw) - 1) / (sw) + 1, \
     o, kh, kw, sh, sw, dh, dw, top, bottom, left, right, groups, TC_AUTO, NULL}
// clang-format on

static const tc_conv2d convs[] = {
    CONV(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1),     // one of everything
    CONV(3, 9, 7, 1, 19, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1),    // one input channel
    CONV(2, 9, 8, 2, 33, 5, 5, 1, 1, 1, 1, 2, 2, 2, 2, 1),    // few, and 5x5
    CONV(2, 11, 10, 5, 7, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 1),   // nothing divides a vector
    CONV(2, 6, 13, 16, 32, 3, 3, 1, 1, 1, 1, 2, 0, 1, 2, 1),  // everything does; uneven padding
    CONV(1, 8, 8, 70, 45, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1),   // several panels
    CONV(2, 25, 27, 6, 9, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1),   // many tiles
    CONV(2, 5, 3, 200, 6, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1),   // long k
    CONV(2, 9, 9, 8, 12, 5, 5, 1, 1, 1, 1, 2, 2, 2, 2, 1),    // 5x5
    CONV(2, 10, 7, 9, 20, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1),   // 1x1
    CONV(2, 9, 8, 6, 10, 1, 1, 2, 3, 1, 1, 0, 0, 0, 0, 1),    // cells that nothing reads
    CONV(2, 11, 12, 4, 9, 3, 2, 2, 3, 1, 1, 1, 1, 0, 1, 1),   // strides
    CONV(1, 12, 11, 3, 17, 3, 3, 1, 1, 2, 3, 2, 2, 3, 3, 1),  // dilation
    CONV(1, 13, 12, 6, 8, 3, 4, 2, 1, 3, 2, 3, 3, 3, 3, 2),   // all at once, in groups
    CONV(2, 8, 7, 12, 18, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 3),   // groups
    CONV(2, 9, 8, 21, 21, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 21),  // depthwise
    CONV(2, 9, 8, 5, 15, 5, 3, 2, 1, 1, 1, 2, 2, 1, 1, 5),    // depthwise with a multiplier
    CONV(0, 5, 5, 3, 4, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 1),     // an empty batch
};
static const tc_algorithm algorithms[] = {TC_AUTO, TC_DIRECT, TC_WINOGRAD2, TC_WINOGRAD4};

static int64_t size_x(const tc_conv2d *g) { return g->batch * g->in_h * g->in_w * g->in_channels; }
static int64_t size_w(const tc_conv2d *g) { return g->kernel_h * g->kernel_w * (g->in_channels / g->groups) * g->out_channels; }
static int64_t size_y(const tc_conv2d *g) { return g->batch * g->out_h * g->out_w * g->out_channels; }

// Calls f with the places of x, w and y of every product of a convolution.
typedef void product(double *x, double *w, double *y);
static void add_to_y(double *x, double *w, double *y) { *y += *x * *w; }
static void add_to_x(double *x, double *w, double *y) { *x += *y * *w; }
static void add_to_w(double *x, double *w, double *y) { *w += *x * *y; }

static void each_product(const tc_conv2d *g, product *f, double *x, double *w, double *y) {
    const int64_t channels = g->in_channels / g->groups, outputs = g->out_channels / g->groups;
    for (int64_t n = 0; n < g->batch; n++)
        for (int64_t i = 0; i < g->out_h; i++)
            for (int64_t j = 0; j < g->out_w; j++)
                for (int64_t u = 0; u < g->kernel_h; u++)
                    for (int64_t v = 0; v < g->kernel_w; v++) {
                        const int64_t row = i * g->stride_h + u * g->dilation_h - g->pad_top;
                        const int64_t column = j * g->stride_w + v * g->dilation_w - g->pad_left;
                        if (row < 0 || row >= g->in_h || column < 0 || column >= g->in_w) continue;
                        double *pixel = x + ((n * g->in_h + row) * g->in_w + column) * g->in_channels;
                        double *tap = w + (u * g->kernel_w + v) * channels * g->out_channels;
                        double *cell = y + ((n * g->out_h + i) * g->out_w + j) * g->out_channels;
                        for (int64_t c = 0; c < channels; c++)
                            for (int64_t o = 0; o < g->out_channels; o++)
                                f(pixel + o / outputs * channels + c, tap + c * g->out_channels + o, cell + o);
                    }
}

static void check_conv2d_forward(void) {
    for (int s = 0; s < COUNT(convs); s++)
        for (int with_bias = 0; with_bias < 2; with_bias++) {
            tc_conv2d g = convs[s];
            array x = operand(size_x(&g), -1, 1), w = operand(size_w(&g), -1, 1), b = optional(with_bias, operand(g.out_channels, -1, 1));
            array want = result(size_y(&g));
            for (int64_t i = 0; i < want.size; i++) want.value[i] = with_bias ? b.value[i % g.out_channels] : 0;
            each_product(&g, add_to_y, x.value, w.value, want.value);
            for (int a = 0; a < COUNT(algorithms); a++) {
                array y = {want.size, want.value, result(want.size).data};
                g.algorithm = algorithms[a];
                expect(tc_conv2d_forward(dtype, &g, x.data, w.data, b.data, y.data) == TC_OK);
                compare(y);
            }
        }
}

// A forward pass with taps that were made before gives the same as one that makes them.
static void check_conv2d_taps(void) {
    int kept = 0;
    for (int s = 0; s < COUNT(convs); s++) {
        tc_conv2d g = convs[s];
        array x = operand(size_x(&g), -1, 1), w = operand(size_w(&g), -1, 1), want = result(size_y(&g));
        each_product(&g, add_to_y, x.value, w.value, want.value);
        for (int a = 0; a < COUNT(algorithms); a++) {
            int64_t size;
            g.algorithm = algorithms[a];
            expect(tc_conv2d_taps(dtype, &g, w.data, &size, NULL) == TC_OK);
            if (size == 0) continue;
            kept++;
            void *taps = new_block(size * (int64_t)dtype);
            array y = {want.size, want.value, result(want.size).data};
            expect(tc_conv2d_taps(dtype, &g, w.data, &size, taps) == TC_OK);
            g.taps = taps;
            expect(tc_conv2d_forward(dtype, &g, x.data, w.data, NULL, y.data) == TC_OK);
            g.taps = NULL;
            compare(y);
        }
    }
    expect(kept > 0);
}

static void check_conv2d_backward_input(void) {
    for (int s = 0; s < COUNT(convs); s++) {
        tc_conv2d g = convs[s];
        array dy = operand(size_y(&g), -1, 1), w = operand(size_w(&g), -1, 1), want = result(size_x(&g));
        each_product(&g, add_to_x, want.value, w.value, dy.value);
        for (int a = 0; a < COUNT(algorithms); a++) {
            array dx = {want.size, want.value, result(want.size).data};
            g.algorithm = algorithms[a];
            expect(tc_conv2d_backward_input(dtype, &g, dy.data, w.data, dx.data) == TC_OK);
            compare(dx);
        }
    }
}

static void check_conv2d_backward_kernel(void) {
    for (int s = 0; s < COUNT(convs); s++) {
        tc_conv2d g = convs[s];
        array x = operand(size_x(&g), -1, 1), dy = operand(size_y(&g), -1, 1), want = result(size_w(&g));
        each_product(&g, add_to_w, x.value, want.value, dy.value);
        for (int a = 0; a < COUNT(algorithms); a++) {
            array dw = {want.size, want.value, result(want.size).data};
            g.algorithm = algorithms[a];
            expect(tc_conv2d_backward_kernel(dtype, &g, x.data, dy.data, dw.data) == TC_OK);
            compare(dw);
        }
    }
}

// ---- pooling
// clang-format off
#define POOL(n, h, w, c, wh, ww, sh, sw, top, bottom, left, right) \
    {n, h, w, c, ((h) + (top) + (bottom) - (wh)) / (sh) + 1, ((w) + (left) + (right) - (ww)) / (sw) + 1, wh, ww, sh, sw, \
     top, bottom, left, right}
// clang-format on

static const tc_pool2d pools[] = {
    POOL(2, 8, 6, 5, 2, 2, 2, 2, 0, 0, 0, 0),    // windows tile the image
    POOL(2, 9, 7, 70, 2, 2, 2, 2, 0, 0, 0, 0),   // cells beyond the last window
    POOL(2, 9, 7, 17, 2, 2, 2, 2, 0, 1, 0, 1),   // the same, padded
    POOL(2, 10, 9, 70, 3, 3, 2, 2, 1, 1, 1, 1),  // windows that overlap
    POOL(1, 11, 12, 3, 3, 2, 1, 3, 0, 1, 0, 1),  // nothing square
};

static int64_t size_source(const tc_pool2d *g) { return g->batch * g->in_h * g->in_w * g->channels; }
static int64_t size_pooled(const tc_pool2d *g) { return g->batch * g->out_h * g->out_w * g->channels; }

// Where in x cell `tap` of the window of result `at` lies, or -1 in the padding.
static int64_t cell_of_window(const tc_pool2d *g, int64_t at, int64_t tap) {
    const int64_t c = at % g->channels, j = at / g->channels % g->out_w, i = at / g->channels / g->out_w % g->out_h;
    const int64_t n = at / g->channels / g->out_w / g->out_h;
    const int64_t row = i * g->stride_h + tap / g->window_w - g->pad_top, column = j * g->stride_w + tap % g->window_w - g->pad_left;
    if (row < 0 || row >= g->in_h || column < 0 || column >= g->in_w) return -1;
    return ((n * g->in_h + row) * g->in_w + column) * g->channels + c;
}

// The first of the largest cells; a NaN is larger than any number.
static int32_t largest_tap(const tc_pool2d *g, const double *x, int64_t at) {
    int32_t best = -1;
    for (int32_t tap = 0; tap < g->window_h * g->window_w; tap++) {
        const int64_t cell = cell_of_window(g, at, tap);
        if (cell < 0) continue;
        const double largest = best < 0 ? -INFINITY : x[cell_of_window(g, at, best)];
        if (best < 0 || (!isnan(largest) && !(x[cell] <= largest))) best = tap;
    }
    return best;
}

static int valid_cells(const tc_pool2d *g, int64_t at) {
    int cells = 0;
    for (int64_t tap = 0; tap < g->window_h * g->window_w; tap++) cells += cell_of_window(g, at, tap) >= 0;
    return cells;
}

static void check_max_pool2d_forward(void) {
    for (int s = 0; s < COUNT(pools); s++) {
        const tc_pool2d *g = &pools[s];
        array x = operand(size_source(g), -1, 1), y = result(size_pooled(g));
        int32_t *argmax = new_block(y.size * 4);
        for (int64_t i = 0; i < x.size; i++) x.value[i] = round(4 * x.value[i]);  // many ties
        x.value[x.size / 2] = NAN;
        give(x);
        expect(tc_max_pool2d_forward(dtype, g, x.data, y.data, argmax) == TC_OK);
        for (int64_t i = 0; i < y.size; i++) {
            const int32_t tap = largest_tap(g, x.value, i);
            y.value[i] = x.value[cell_of_window(g, i, tap)];
            expect(argmax[i] == tap);
        }
        compare(y);
    }
}

static void check_max_pool2d_backward(void) {
    for (int s = 0; s < COUNT(pools); s++) {
        const tc_pool2d *g = &pools[s];
        array x = operand(size_source(g), -1, 1), dy = operand(size_pooled(g), -1, 1), dx = result(x.size);
        int32_t *argmax = new_block(dy.size * 4);
        for (int64_t i = 0; i < dy.size; i++) {
            argmax[i] = largest_tap(g, x.value, i);
            dx.value[cell_of_window(g, i, argmax[i])] += dy.value[i];
        }
        expect(tc_max_pool2d_backward(dtype, g, dy.data, argmax, dx.data) == TC_OK);
        compare(dx);
    }
}

static void check_avg_pool2d_forward(void) {
    for (int s = 0; s < COUNT(pools); s++) {
        const tc_pool2d *g = &pools[s];
        array x = operand(size_source(g), -1, 1), y = result(size_pooled(g));
        for (int64_t i = 0; i < y.size; i++)
            for (int64_t tap = 0; tap < g->window_h * g->window_w; tap++) {
                const int64_t cell = cell_of_window(g, i, tap);
                if (cell >= 0) y.value[i] += x.value[cell] / valid_cells(g, i);
            }
        expect(tc_avg_pool2d_forward(dtype, g, x.data, y.data) == TC_OK);
        compare(y);
    }
}

static void check_avg_pool2d_backward(void) {
    for (int s = 0; s < COUNT(pools); s++) {
        const tc_pool2d *g = &pools[s];
        array dy = operand(size_pooled(g), -1, 1), dx = result(size_source(g));
        for (int64_t i = 0; i < dy.size; i++)
            for (int64_t tap = 0; tap < g->window_h * g->window_w; tap++) {
                const int64_t cell = cell_of_window(g, i, tap);
                if (cell >= 0) dx.value[cell] += dy.value[i] / valid_cells(g, i);
            }
        expect(tc_avg_pool2d_backward(dtype, g, dy.data, dx.data) == TC_OK);
        compare(dx);
    }
}

// ---- convolution, bias, activation and pooling as one step
static tc_pool2d pool_after(const tc_conv2d *g, int same) {
    const int64_t below = same ? g->out_h % 2 : 0, right = same ? g->out_w % 2 : 0;
    return (tc_pool2d)POOL(g->batch, g->out_h, g->out_w, g->out_channels, 2, 2, 2, 2, 0, below, 0, right);
}

// Each place must hold a cell that is the largest of its window but for rounding: nearly equal ones may change order.
static void compare_places(const tc_pool2d *g, array z, int64_t windows, const uint8_t *argmax) {
    for (int64_t i = 0; i < windows; i++) {
        const int64_t cell = argmax[i] < 4 ? cell_of_window(g, i, argmax[i]) : -1;
        expect(cell >= 0);
        if (cell < 0) continue;
        const double largest = z.value[cell_of_window(g, i, largest_tap(g, z.value, i))];
        worst = fmax(worst, (largest - z.value[cell]) / fmax(1, fabs(largest)));
    }
}

static void check_conv2d_pool_forward(void) {
    for (int s = 0; s < COUNT(convs); s++)
        for (int variant = 0; variant < 12; variant++) {  // 3 activations x pooling 'valid' or 'same' x bias or none
            const tc_activation kind = variant % 3;
            const int with_bias = variant / 6;
            tc_conv2d g = convs[s];
            const tc_pool2d pool = pool_after(&g, variant / 3 % 2);
            array x = operand(size_x(&g), -1, 1), w = operand(size_w(&g), -1, 1), b = optional(with_bias, operand(g.out_channels, -1, 1));
            array z = result(size_y(&g)), want = result(size_pooled(&pool));
            for (int64_t i = 0; i < z.size; i++) z.value[i] = with_bias ? b.value[i % g.out_channels] : 0;
            each_product(&g, add_to_y, x.value, w.value, z.value);
            for (int64_t i = 0; i < want.size; i++)
                want.value[i] = activate(kind, z.value[cell_of_window(&pool, i, largest_tap(&pool, z.value, i))]);
            for (int a = 0; a < COUNT(algorithms); a++) {
                array y = {want.size, want.value, result(want.size).data};
                uint8_t *argmax = memset(new_block(want.size), 255, (size_t)want.size);
                g.algorithm = algorithms[a];
                expect(tc_conv2d_pool_forward(dtype, &g, &pool, kind, alpha, x.data, w.data, b.data, y.data, argmax) == TC_OK);
                compare(y);
                compare_places(&pool, z, want.size, argmax);
                expect(tc_conv2d_pool_forward(dtype, &g, &pool, kind, alpha, x.data, w.data, b.data, y.data, NULL) == TC_OK);
                compare(y);
            }
        }
}

static void check_conv2d_pool_backward(void) {
    static const int needs[][3] = {{1, 1, 1}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}};  // dx, dw, db
    for (int s = 0; s < COUNT(convs); s++)
        for (int variant = 0; variant < 6; variant++) {
            const tc_activation kind = variant % 3;
            tc_conv2d g = convs[s];
            const tc_pool2d pool = pool_after(&g, variant / 3);
            array x = operand(size_x(&g), -1, 1), w = operand(size_w(&g), -1, 1);
            array y = operand(size_pooled(&pool), -1, 1), dy = operand(y.size, -1, 1), dz = result(size_y(&g));
            array want_dx = result(x.size), want_dw = result(w.size), want_db = result(g.out_channels);
            array z = operand(dz.size, -1, 1);  // whose only use is to have a largest cell in each window
            uint8_t *argmax = new_block(y.size);
            for (int64_t i = 0; i < y.size; i++) {
                const double gradient = dy.value[i] * slope(kind, y.value[i]);
                argmax[i] = (uint8_t)largest_tap(&pool, z.value, i);
                dz.value[cell_of_window(&pool, i, argmax[i])] = gradient;
                want_db.value[i % g.out_channels] += gradient;
            }
            each_product(&g, add_to_x, want_dx.value, w.value, dz.value);
            each_product(&g, add_to_w, x.value, want_dw.value, dz.value);
            for (int a = 0; a < COUNT(algorithms); a++) {
                array dx = optional(needs[a][0], (array){x.size, want_dx.value, result(x.size).data});
                array dw = optional(needs[a][1], (array){w.size, want_dw.value, result(w.size).data});
                array db = optional(needs[a][2], (array){want_db.size, want_db.value, result(want_db.size).data});
                g.algorithm = algorithms[a];
                expect(tc_conv2d_pool_backward(dtype, &g, &pool, kind, alpha, x.data, w.data, y.data, argmax, dy.data, dx.data, dw.data,
                                               db.data) == TC_OK);
                compare(dx), compare(dw), compare(db);
            }
        }
}
