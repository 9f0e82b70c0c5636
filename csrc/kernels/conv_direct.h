// Convolution as it stands: every result cell collects its taps. Forward (result y) and the gradient of the input (result dx).
//
//     y[n,i,j,o]  = b[o] + sum_{u,v,c} xpad[n, i*s+u*d, j*s+v*d, c] * w[u,v,c,o]
//     dx[n,h,w,c] = sum_{u,v,o} dypad[n, (h+p-u*d)/s, (w+p-v*d)/s, o] * w[u,v,c,o], over the divisions without remainder
//
// Direct and register-blocked, without unfolding: rows of the micro-kernel are result cells, each beginning at its own window; k runs
// over rows of taps, which lie one behind the other in both the padded source and the kernel; columns are result channels.
//
// Loops, from the outside: units (a band of rows of one image, or a few small images: what fits L2 and makes enough chunks), copied
// with zeros around unless they serve as they lie; phases (conv_axis.h; one, if forward); groups; then multiply.h. Tiles of rows cross
// the ends of image rows and of images, so 7x7 images waste nothing. Depthwise convolution is the same walk on ukr/depthwise.h.

// ---- packing the kernel: (k, columns) for each phase and group, k = (tap, source channel of the group)
static int pack_taps(void *context, int64_t chunk) {
    const direct_plan *p = context;
    const int64_t source = group_source(p), result = group_result(p);
    const bool adjoint = p->rows.adjoint;
    const int64_t tap_size = source * p->result_channels, row = adjoint ? p->source_channels : p->result_channels;
    const phase *f = p->phases;
    for (; chunk >= f->taps; f++) chunk -= f->taps;
    for (int64_t group = 0; group < p->groups; group++) {
        const operand b = phase_operand(p, f, group);
        const real *w = p->w + f->tap[chunk] * tap_size + group * (adjoint ? source : result);
        for (int64_t index = 0; index < operand_panels(result); index++) operand_pack(&b, index, chunk * source, source, w, row, adjoint);
    }
    return TC_OK;
}

// ---- one chunk
static void product_of_phase(const direct_plan *p, const phase *f, const real *source, real *result, range panels, int64_t cells) {
    if (p->depthwise) {
        depthwise_rows(&(depthwise_product){source, f->source, f->tap_source, p->w, f->tap, f->taps, p->pixel, p->start, result, f->result},
                       cells);
        return;
    }
    for (int64_t group = 0; group < p->groups; group++) {
        const product of_group = {
            .a = source + group * group_source(p),
            .a_row = f->source,
            .runs = f->runs,
            .n_runs = f->n_runs,
            .a_step = 1,
            .start = p->start ? p->start + group * group_result(p) : NULL,
            .y = result + group * group_result(p),
            .y_row = f->result,
        };
        const operand b = phase_operand(p, f, group);
        multiply(of_group, &b, panels, cells);
    }
}

static void fold_channels(const real *from, real *to, int64_t n, int64_t fold) {
    for (int64_t i = 0; i < n; i++, from += fold) {
        to[i] = from[0];
        for (int64_t j = 1; j < fold; j++) to[i] += from[j];
    }
}

static int direct_chunk(void *context, int64_t chunk) {
    const direct_plan *p = context;
    const int64_t panels = operand_panels(group_result(p)), panel_chunks = ceil_div(panels, p->panels_per_chunk);
    const int64_t unit = chunk / panel_chunks, height = p->rows.result, width = p->columns.result;
    const range images = chunk_range(unit / p->bands, p->unit_images, p->images);
    const range rows = chunk_range(unit % p->bands, p->unit_rows, height);
    const int64_t n_images = images.end - images.begin, n_rows = rows.end - rows.begin, first_row = axis_cell(&p->rows, rows.begin);
    const int64_t cells = ((n_images - 1) * height + n_rows) * width;  // of the result, from the unit's first to its last

    const int64_t window = p->copy_rows * p->copy_columns * p->pixel;
    const int64_t copied = p->plain ? 0 : n_images * window, folded = p->fold > 1 ? cells * p->result_channels : 0;
    const size_t bytes = sizeof(real) * (size_t)(copied + folded);
    real *scratch = bytes ? tc_scratch(bytes) : NULL;
    if (bytes && !scratch) return TC_NO_MEMORY;

    const image from = {p->rows.source, p->columns.source, p->source_channels, p->source_channels, p->repeat};
    const real *source = p->source + images.begin * from.h * from.w * from.stride;
    if (p->plain) source += first_row * from.w * from.stride;
    for (int64_t i = 0; !p->plain && i < n_images; i++)
        copy_window(scratch + i * window, &from, source + i * from.h * from.w * from.stride, first_row + axis_origin(&p->rows),
                    axis_origin(&p->columns), axis_span(&p->rows, n_rows), p->copy_columns);

    real *result = p->result + (images.begin * height + rows.begin) * width * (p->result_channels / p->fold);
    real *target = folded ? scratch + copied : result;
    if (p->sparse) clear(target, cells * p->result_channels);
    for (const phase *f = p->phases; f < p->phases + p->n_phases; f++) {
        const int64_t phase_rows = axis_count(&p->rows, n_rows, f->row_phase);
        product_of_phase(p, f, p->plain ? source : scratch, target, chunk_range(chunk % panel_chunks, p->panels_per_chunk, panels),
                         n_images * phase_rows * f->columns);
    }
    if (folded) fold_channels(target, result, cells * (p->result_channels / p->fold), p->fold);
    if (scratch) tc_free_scratch(scratch, bytes);
    return TC_OK;
}

static int direct_run(direct_plan *p) {
    if (p->images * p->rows.result * p->columns.result * p->result_channels == 0) return TC_OK;
    if (plan(p) != TC_OK) return TC_NO_MEMORY;
    const int64_t panel_chunks = ceil_div(operand_panels(group_result(p)), p->panels_per_chunk);
    int status = TC_OK;
    if (!p->depthwise && !phase_operand(p, p->phases, 0).direct) status = tc_parallel_for(p->rows.kernel * p->columns.kernel, pack_taps, p);
    if (status == TC_OK) status = tc_parallel_for(p->units * panel_chunks, direct_chunk, p);
    tc_free_shared_scratch(p->memory, p->bytes);
    return status;
}

static int direct_forward(const tc_conv2d *g, const real *x, const real *w, const real *b, real *y) {
    const bool depthwise = conv_is_depthwise(g);
    direct_plan p = {
        .rows = conv_rows(g, false),
        .columns = conv_columns(g, false),
        .images = g->batch,
        .groups = depthwise ? 1 : g->groups,
        .source_channels = g->in_channels,
        .result_channels = g->out_channels,
        .source = x,
        .w = w,
        .start = b,
        .result = y,
        .depthwise = depthwise,
        .repeat = depthwise ? g->out_channels / g->in_channels : 1,
        .fold = 1,
    };
    return direct_run(&p);
}

static int direct_backward_input(const tc_conv2d *g, const real *dy, const real *w, real *dx) {
    const bool depthwise = conv_is_depthwise(g);
    direct_plan p = {
        .rows = conv_rows(g, true),
        .columns = conv_columns(g, true),
        .images = g->batch,
        .groups = depthwise ? 1 : g->groups,
        .source_channels = g->out_channels,
        .result_channels = depthwise ? g->out_channels : g->in_channels,
        .source = dy,
        .w = w,
        .result = dx,
        .depthwise = depthwise,
        .repeat = 1,
        .fold = depthwise ? g->out_channels / g->in_channels : 1,
    };
    return direct_run(&p);
}
