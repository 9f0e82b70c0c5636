// One axis (rows or columns) of a convolution, seen from its result: which cells of the other side does result cell d read?
//
// Forward, the result is y and the source is x:     tap u reads x[d * stride + u * dilation - pad].
// Adjoint, the result is dx and the source is dy:   tap u reads dy[(d + pad - u * dilation) / stride], where that division leaves no
// remainder. So result cells fall into `stride` phases, (d + pad) mod stride, and a phase knows only the taps with
// (u * dilation) mod stride equal to it: within one phase the adjoint is again a plain convolution of stride 1.
//
// Sources are copied with zeros around, so that no tap needs a test. Cells below are counted in that copy, from the first one that
// result cell 0 may read; they only grow with d and, in the adjoint, fall with u.

typedef struct {
    bool adjoint;
    int64_t source, result;  // cells
    int64_t kernel, stride, dilation, pad;
} axis;

// Every group is one input channel; the result may have several per group.
static bool conv_is_depthwise(const tc_conv2d *g) { return g->groups > 1 && g->groups == g->in_channels; }

static axis conv_rows(const tc_conv2d *g, bool adjoint) {
    const int64_t source = adjoint ? g->out_h : g->in_h, result = adjoint ? g->in_h : g->out_h;
    return (axis){adjoint, source, result, g->kernel_h, g->stride_h, g->dilation_h, g->pad_top};
}

static axis conv_columns(const tc_conv2d *g, bool adjoint) {
    const int64_t source = adjoint ? g->out_w : g->in_w, result = adjoint ? g->in_w : g->out_w;
    return (axis){adjoint, source, result, g->kernel_w, g->stride_w, g->dilation_w, g->pad_left};
}

// Result cells from one of a phase to the next.
static int64_t axis_step(const axis *a) { return a->adjoint ? a->stride : 1; }

static int64_t axis_reach(const axis *a) { return (a->kernel - 1) * a->dilation / axis_step(a); }

// The source cell that cell 0 of the copy holds; negative where it is padding.
static int64_t axis_origin(const axis *a) { return a->adjoint ? a->pad / a->stride - axis_reach(a) : -a->pad; }

// Where the window of result cell d begins, and how far behind that tap u reads.
static int64_t axis_cell(const axis *a, int64_t d) { return a->adjoint ? (d + a->pad) / a->stride - a->pad / a->stride : d * a->stride; }
static int64_t axis_tap(const axis *a, int64_t u) { return a->adjoint ? axis_reach(a) - u * a->dilation / a->stride : u * a->dilation; }

// Cells of the copy that result cells 0 .. n - 1 read.
static int64_t axis_span(const axis *a, int64_t n) { return axis_cell(a, n - 1) + axis_reach(a) + 1; }

static int64_t axis_phase(const axis *a, int64_t d) { return a->adjoint ? (d + a->pad) % a->stride : 0; }
static int64_t axis_tap_phase(const axis *a, int64_t u) { return a->adjoint ? u * a->dilation % a->stride : 0; }

// Does tap u open a phase that no tap before it is in?
static bool axis_opens_phase(const axis *a, int64_t u) {
    for (int64_t before = 0; before < u; before++)
        if (axis_tap_phase(a, before) == axis_tap_phase(a, u)) return false;
    return true;
}

// Phases that have taps; the result cells of the others are zero.
static int64_t axis_phases(const axis *a) {
    int64_t n = 0;
    for (int64_t u = 0; u < a->kernel; u++) n += axis_opens_phase(a, u);
    return n;
}

// May the source be read as it lies, without zeros around it?
static bool axis_is_plain(const axis *a) { return axis_origin(a) == 0 && axis_span(a, a->result) <= a->source; }

// Result cells d < n of a phase.
static int64_t axis_count(const axis *a, int64_t n, int64_t phase) {
    if (!a->adjoint) return n;
    const int64_t first = (phase - a->pad % a->stride + a->stride) % a->stride;
    return n > first ? (n - first - 1) / a->stride + 1 : 0;
}
