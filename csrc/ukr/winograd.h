// The one-dimensional transforms of Winograd's minimal filtering F(m, 3): m results of a correlation with 3 taps from m + 2
// multiplications instead of 3 m.
//
//     y[i] = sum_u d[i + u] * g[u]  =  (A^T [(G g) * (B^T d)])[i],  i < m
//
// Toom-Cook with the points 0, infinity, p, -p, q, -q, of which F(m, 3) takes the first m + 2: the products are values of polynomials at
// those points. What normalises a value depends on m; G has it for m = 4 and B what differs for less, so that G is the same for every m
// and the smaller tiles at the end of an image use some of the same transformed taps. Lavin and Gray, "Fast Algorithms for Convolutional
// Neural Networks", CVPR 2016, have p = 1, q = 2; with 5/8 and 3/2, found by search, float32 errors are less than half as large.

enum { MAX_TILE = 4, MAX_POINTS = MAX_TILE + 2, TAPS = 3 };

static const real P = 5 / (real)8, P2 = 25 / (real)64, Q = 3 / (real)2, Q2 = 9 / (real)4;  // and their squares

// Values of the m + 2 inputs `d` at the points.
__attribute__((always_inline)) static inline void input_points(const int m, const vreal *d, vreal *v) {
    switch (m) {
        case 1:
            v[0] = P * Q2 * (P * d[0] - d[1]);
            v[1] = d[2] - P * d[1];
            v[2] = 2 * P * (P2 - Q2) * d[1];
            break;
        case 2:
            v[0] = Q2 * (P2 * d[0] - d[2]);
            v[1] = d[3] - P2 * d[1];
            v[2] = (P2 - Q2) * (d[2] + P * d[1]);
            v[3] = (P2 - Q2) * (d[2] - P * d[1]);
            break;
        case 3:
            v[0] = Q * (P2 * Q * d[0] - P2 * d[1] - Q * d[2] + d[3]);
            v[1] = P2 * Q * d[1] - P2 * d[2] - Q * d[3] + d[4];
            v[2] = (Q + P) * (d[3] - (Q - P) * d[2] - P * Q * d[1]);
            v[3] = (Q - P) * (d[3] - (Q + P) * d[2] + P * Q * d[1]);
            v[4] = 2 * Q * (d[3] - P2 * d[1]);
            break;
        case 4: {
            const vreal even_p = d[4] - Q2 * d[2], odd_p = P * (d[3] - Q2 * d[1]);
            const vreal even_q = d[4] - P2 * d[2], odd_q = Q * (d[3] - P2 * d[1]);
            v[0] = P2 * Q2 * d[0] - (P2 + Q2) * d[2] + d[4];
            v[1] = P2 * Q2 * d[1] - (P2 + Q2) * d[3] + d[5];
            v[2] = even_p + odd_p;
            v[3] = even_p - odd_p;
            v[4] = even_q + odd_q;
            v[5] = even_q - odd_q;
            break;
        }
    }
}

// Values of the 3 taps `g` at the points that m results take.
__attribute__((always_inline)) static inline void tap_points(const int m, const vreal *g, vreal *u) {
    const real scale_p = 1 / (2 * P2 * (P2 - Q2)), scale_q = 1 / (2 * Q2 * (Q2 - P2));
    u[0] = g[0] * (1 / (P2 * Q2));
    u[1] = g[2];
    u[2] = scale_p * (g[0] + P2 * g[2] + P * g[1]);
    u[3] = scale_p * (g[0] + P2 * g[2] - P * g[1]);
    if (m <= 2) return;
    u[4] = scale_q * (g[0] + Q2 * g[2] + Q * g[1]);
    u[5] = scale_q * (g[0] + Q2 * g[2] - Q * g[1]);
}

// The m results from the m + 2 products `t`.
__attribute__((always_inline)) static inline void results(const int m, const vreal *t, vreal *y) {
    const vreal t_3 = m > 1 ? t[3] : v_zero(), t_4 = m > 2 ? t[4] : v_zero(), t_5 = m > 3 ? t[5] : v_zero();
    const vreal even_p = t[2] + t_3, odd_p = t[2] - t_3, even_q = t_4 + t_5, odd_q = t_4 - t_5;
    y[0] = t[0] + even_p + even_q;
    if (m > 1) y[1] = P * odd_p + Q * odd_q;
    if (m > 2) y[2] = P2 * even_p + Q2 * even_q;
    if (m > 3) y[3] = P * P2 * odd_p + Q * Q2 * odd_q;
    y[m - 1] += t[1];
}

// ---- the adjoints of these three: what the gradient of the taps takes, where their transposes stand in turn
//
//     dg = G^T [(A dy) * (B^T d)]

// Of `results`: the m gradients `dy` at the points.
__attribute__((always_inline)) static inline void gradient_points(const int m, const vreal *dy, vreal *t) {
    const vreal y_1 = m > 1 ? dy[1] : v_zero(), y_2 = m > 2 ? dy[2] : v_zero(), y_3 = m > 3 ? dy[3] : v_zero();
    const vreal even_p = dy[0] + P2 * y_2, odd_p = P * (y_1 + P2 * y_3), even_q = dy[0] + Q2 * y_2, odd_q = Q * (y_1 + Q2 * y_3);
    t[0] = dy[0];
    t[1] = dy[m - 1];
    t[2] = even_p + odd_p;
    if (m > 1) t[3] = even_p - odd_p;
    if (m > 2) t[4] = even_q + odd_q;
    if (m > 3) t[5] = even_q - odd_q;
}

// Of `tap_points`: the gradients of the 3 taps from those at the points that m results take, of which there are 4 or 6.
__attribute__((always_inline)) static inline void tap_gradients(const int m, const vreal *u, vreal *dg) {
    const real scale_p = 1 / (2 * P2 * (P2 - Q2)), scale_q = 1 / (2 * Q2 * (Q2 - P2));
    const vreal u_4 = m > 2 ? u[4] : v_zero(), u_5 = m > 2 ? u[5] : v_zero();
    const vreal even_p = scale_p * (u[2] + u[3]), even_q = scale_q * (u_4 + u_5);
    dg[0] = u[0] * (1 / (P2 * Q2)) + even_p + even_q;
    dg[1] = scale_p * P * (u[2] - u[3]) + scale_q * Q * (u_4 - u_5);
    dg[2] = u[1] + P2 * even_p + Q2 * even_q;
}

// ---- along both axes
//
// Two passes, with the values between them in t, (MAX_POINTS, MAX_POINTS, T_VECTORS) vectors: down the columns of a tile into rows of t,
// then across those rows; for some vectors of channels at a time.
typedef void transform(const int m, const vreal *from, vreal *to);

enum { T_VECTORS = 4, T_ITEM = T_VECTORS * VLEN, T_ROW = MAX_POINTS * T_ITEM };

// Column l has its item i at from[i] + l * from_line, a few vectors of them.
typedef struct {
    const real *from[MAX_POINTS];
    int64_t from_line, n, vectors;
} columns_of_tile;

__attribute__((always_inline)) static inline void transform_down(transform *f, const int m, const int items, const int first_result,
                                                                 const int end_result, const columns_of_tile *p, real *t) {
    const real *from[MAX_POINTS];
#pragma GCC unroll 6
    for (int i = 0; i < items; i++) from[i] = p->from[i];
    const int64_t line = p->from_line, width = p->vectors * VLEN;
    for (int64_t l = p->n, first = 0; l > 0; l--, first += line, t += T_ITEM) {
        for (int64_t at = 0; at < width; at += VLEN) {
            vreal item[MAX_POINTS], result[MAX_POINTS];
#pragma GCC unroll 6
            for (int i = 0; i < items; i++) item[i] = v_load(from[i] + first + at);
            f(m, item, result);
#pragma GCC unroll 6
            for (int r = first_result; r < end_result; r++) v_store(t + (r - first_result) * T_ROW + at, result[r]);
        }
    }
}

// The n rows of t, whose value r, a few vectors of it, goes to to + r * to_item + l * to_line for row l.
typedef struct {
    real *to;
    int64_t to_item, to_line, n, vectors;
} rows_of_tile;

__attribute__((always_inline)) static inline void transform_across(transform *f, const int m, const int items, const int n_results,
                                                                   const real *t, const rows_of_tile *p) {
    const int64_t width = p->vectors * VLEN, to_item = p->to_item;
    real *to = p->to;
    for (int64_t l = p->n; l > 0; l--, t += T_ROW, to += p->to_line) {
        for (int64_t at = 0; at < width; at += VLEN) {
            vreal item[MAX_POINTS], result[MAX_POINTS];
#pragma GCC unroll 6
            for (int i = 0; i < items; i++) item[i] = v_load(t + i * T_ITEM + at);
            f(m, item, result);
#pragma GCC unroll 6
            for (int r = 0; r < n_results; r++) v_store(to + r * to_item + at, result[r]);
        }
    }
}

// To all of the m + 2 rows of points, or to one of the pairs of rows that they are cut into; the last one may be alone.
enum { PAIR = 2 };

__attribute__((always_inline)) static inline void rows_down(transform *f, const int m, const int items, range rows,
                                                            const columns_of_tile *p, real *t) {
    if (rows.end - rows.begin > PAIR) transform_down(f, m, items, 0, m + 2, p, t);
    else if (rows.begin == 0) transform_down(f, m, items, 0, PAIR, p, t);
    else if (rows.begin == PAIR) transform_down(f, m, items, PAIR, m == 1 ? 3 : 2 * PAIR, p, t);
    else if (m > 2) transform_down(f, m, items, 2 * PAIR, m + 2, p, t);
}

static void input_down(int64_t m, range rows, const columns_of_tile *p, real *t) {
    switch (m) {
        case 1: rows_down(input_points, 1, 3, rows, p, t); break;
        case 2: rows_down(input_points, 2, 4, rows, p, t); break;
        case 3: rows_down(input_points, 3, 5, rows, p, t); break;
        case 4: rows_down(input_points, 4, 6, rows, p, t); break;
    }
}

static void input_across(int64_t m, const real *t, const rows_of_tile *p) {
    switch (m) {
        case 1: transform_across(input_points, 1, 3, 3, t, p); break;
        case 2: transform_across(input_points, 2, 4, 4, t, p); break;
        case 3: transform_across(input_points, 3, 5, 5, t, p); break;
        case 4: transform_across(input_points, 4, 6, 6, t, p); break;
    }
}

static void gradient_down(int64_t m, range rows, const columns_of_tile *p, real *t) {
    switch (m) {
        case 1: rows_down(gradient_points, 1, 1, rows, p, t); break;
        case 2: rows_down(gradient_points, 2, 2, rows, p, t); break;
        case 3: rows_down(gradient_points, 3, 3, rows, p, t); break;
        case 4: rows_down(gradient_points, 4, 4, rows, p, t); break;
    }
}

// A column of 2x2 windows of a pool, each of which passes its gradient g to one of its cells; n channels of them, up to T_ITEM.
typedef struct {
    const real *g[MAX_TILE / 2];
    const uint8_t *place[MAX_TILE / 2];
    int64_t n;
} column_of_windows;

// As transform_down of two columns of gradients.
__attribute__((always_inline)) static inline void unpool_down(const int m, const int first_result, const int end_result,
                                                              const column_of_windows *p, real *t) {
    for (int64_t at = 0; at < p->n; at += VLEN, t += VLEN) {
        const int n = p->n - at < VLEN ? (int)(p->n - at) : VLEN;
        vreal left[MAX_TILE], right[MAX_TILE], of_left[MAX_POINTS], of_right[MAX_POINTS];
#pragma GCC unroll 2
        for (int a = 0; 2 * a < m; a++) {
            const lanes g = (lanes)load_columns(p->g[a] + at, n), place = load_places(p->place[a] + at, n);
            left[2 * a] = (vreal)(g & (place == 0));
            right[2 * a] = (vreal)(g & (place == 1));
            left[2 * a + 1] = (vreal)(g & (place == 2));
            right[2 * a + 1] = (vreal)(g & (place == 3));
        }
        gradient_points(m, left, of_left);
        gradient_points(m, right, of_right);
#pragma GCC unroll 2
        for (int r = first_result; r < end_result; r++) {
            v_store(t + (r - first_result) * T_ROW, of_left[r]);
            v_store(t + (r - first_result) * T_ROW + T_ITEM, of_right[r]);
        }
    }
}

__attribute__((always_inline)) static inline void unpool_rows_down(const int m, range rows, const column_of_windows *p, real *t) {
    if (rows.begin == 0) unpool_down(m, 0, PAIR, p, t);
    else if (rows.begin == PAIR) unpool_down(m, PAIR, m == 1 ? 3 : 2 * PAIR, p, t);
    else if (m > 2) unpool_down(m, 2 * PAIR, m + 2, p, t);
}

static void pooled_down(int64_t m, range rows, const column_of_windows *p, real *t) {
    switch (m) {
        case 1: unpool_rows_down(1, rows, p, t); break;
        case 2: unpool_rows_down(2, rows, p, t); break;
        case 3: unpool_rows_down(3, rows, p, t); break;
        case 4: unpool_rows_down(4, rows, p, t); break;
    }
}

static void gradient_across(int64_t m, const real *t, const rows_of_tile *p) {
    switch (m) {
        case 1: transform_across(gradient_points, 1, 1, 3, t, p); break;
        case 2: transform_across(gradient_points, 2, 2, 4, t, p); break;
        case 3: transform_across(gradient_points, 3, 3, 5, t, p); break;
        case 4: transform_across(gradient_points, 4, 4, 6, t, p); break;
    }
}

static void taps_down(int64_t m, const columns_of_tile *p, real *t) {
    if (m > 2) transform_down(tap_points, 4, TAPS, 0, 6, p, t);
    else transform_down(tap_points, 2, TAPS, 0, 4, p, t);
}

static void taps_across(int64_t m, const real *t, const rows_of_tile *p) {
    if (m > 2) transform_across(tap_points, 4, TAPS, 6, t, p);
    else transform_across(tap_points, 2, TAPS, 4, t, p);
}

static void results_down(int64_t m, const columns_of_tile *p, real *t) {
    switch (m) {
        case 1: transform_down(results, 1, 3, 0, 1, p, t); break;
        case 2: transform_down(results, 2, 4, 0, 2, p, t); break;
        case 3: transform_down(results, 3, 5, 0, 3, p, t); break;
        case 4: transform_down(results, 4, 6, 0, 4, p, t); break;
    }
}

// Across one row, whose results are stored or pooled at once.
__attribute__((always_inline)) static inline void result_row(const int m, const real *t, vreal *y) {
    vreal products[MAX_POINTS];
#pragma GCC unroll 6
    for (int i = 0; i < m + 2; i++) products[i] = v_load(t + i * T_ITEM);
    results(m, products, y);
}

// The gradients of 3 taps from those at the points, which are `apart` from each other.
__attribute__((always_inline)) static inline void gradients_of_taps(int64_t m, const real *from, int64_t apart, vreal *taps) {
    vreal points[MAX_POINTS];
#pragma GCC unroll 6
    for (int i = 0; i < MAX_POINTS; i++) points[i] = i < 4 || m > 2 ? v_load(from + i * apart) : v_zero();
    if (m > 2) tap_gradients(4, points, taps);
    else tap_gradients(2, points, taps);
}
