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
// Two passes, with the values between them in t, (MAX_POINTS, MAX_POINTS) vectors: down the columns of a tile into rows of t, then across
// those rows. A pass does n lines, each a transform of this file.
typedef void transform(const int m, const vreal *from, vreal *to);

enum { T_ROW = MAX_POINTS * VLEN };

// Column l has its item i at from[i] + l * from_line.
typedef struct {
    const real *from[MAX_POINTS];
    int64_t from_line, n;
} columns_of_tile;

__attribute__((always_inline)) static inline void transform_down(transform *f, const int m, const int items, const int n_results,
                                                                 const columns_of_tile *p, real *t) {
    const real *from[MAX_POINTS];
#pragma GCC unroll 6
    for (int i = 0; i < items; i++) from[i] = p->from[i];
    for (int64_t l = p->n, at = 0, line = p->from_line; l > 0; l--, at += line, t += VLEN) {
        vreal item[MAX_POINTS], result[MAX_POINTS];
#pragma GCC unroll 6
        for (int i = 0; i < items; i++) item[i] = v_load(from[i] + at);
        f(m, item, result);
#pragma GCC unroll 6
        for (int r = 0; r < n_results; r++) v_store(t + r * T_ROW, result[r]);
    }
}

// Value r of row l goes to to + r * to_item + l * to_line.
__attribute__((always_inline)) static inline void transform_across(transform *f, const int m, const int items, const int n_results,
                                                                   int64_t n, const real *t, real *to, int64_t to_item, int64_t to_line) {
    for (; n > 0; n--, t += T_ROW, to += to_line) {
        vreal item[MAX_POINTS], result[MAX_POINTS];
#pragma GCC unroll 6
        for (int i = 0; i < items; i++) item[i] = v_load(t + i * VLEN);
        f(m, item, result);
#pragma GCC unroll 6
        for (int r = 0; r < n_results; r++) v_store(to + r * to_item, result[r]);
    }
}

static void input_down(int64_t m, const columns_of_tile *p, real *t) {
    switch (m) {
        case 1: transform_down(input_points, 1, 3, 3, p, t); break;
        case 2: transform_down(input_points, 2, 4, 4, p, t); break;
        case 3: transform_down(input_points, 3, 5, 5, p, t); break;
        case 4: transform_down(input_points, 4, 6, 6, p, t); break;
    }
}

static void input_across(int64_t m, int64_t n, const real *t, real *to, int64_t to_item, int64_t to_line) {
    switch (m) {
        case 1: transform_across(input_points, 1, 3, 3, n, t, to, to_item, to_line); break;
        case 2: transform_across(input_points, 2, 4, 4, n, t, to, to_item, to_line); break;
        case 3: transform_across(input_points, 3, 5, 5, n, t, to, to_item, to_line); break;
        case 4: transform_across(input_points, 4, 6, 6, n, t, to, to_item, to_line); break;
    }
}

static void gradient_down(int64_t m, const columns_of_tile *p, real *t) {
    switch (m) {
        case 1: transform_down(gradient_points, 1, 1, 3, p, t); break;
        case 2: transform_down(gradient_points, 2, 2, 4, p, t); break;
        case 3: transform_down(gradient_points, 3, 3, 5, p, t); break;
        case 4: transform_down(gradient_points, 4, 4, 6, p, t); break;
    }
}

static void gradient_across(int64_t m, int64_t n, const real *t, real *to, int64_t to_item, int64_t to_line) {
    switch (m) {
        case 1: transform_across(gradient_points, 1, 1, 3, n, t, to, to_item, to_line); break;
        case 2: transform_across(gradient_points, 2, 2, 4, n, t, to, to_item, to_line); break;
        case 3: transform_across(gradient_points, 3, 3, 5, n, t, to, to_item, to_line); break;
        case 4: transform_across(gradient_points, 4, 4, 6, n, t, to, to_item, to_line); break;
    }
}

static void tap_gradients_down(int64_t m, const columns_of_tile *p, real *t) {
    if (m > 2) transform_down(tap_gradients, 4, 6, TAPS, p, t);
    else transform_down(tap_gradients, 2, 4, TAPS, p, t);
}

static void tap_gradients_across(int64_t m, const real *t, real *to) {
    if (m > 2) transform_across(tap_gradients, 4, 6, TAPS, TAPS, t, to, VLEN, TAPS * VLEN);
    else transform_across(tap_gradients, 2, 4, TAPS, TAPS, t, to, VLEN, TAPS * VLEN);
}

static void taps_down(int64_t m, const columns_of_tile *p, real *t) {
    if (m > 2) transform_down(tap_points, 4, TAPS, 6, p, t);
    else transform_down(tap_points, 2, TAPS, 4, p, t);
}

static void taps_across(int64_t m, const real *t, real *to, int64_t to_item, int64_t to_line) {
    if (m > 2) transform_across(tap_points, 4, TAPS, 6, 6, t, to, to_item, to_line);
    else transform_across(tap_points, 2, TAPS, 4, 4, t, to, to_item, to_line);
}

static void results_down(int64_t m, const columns_of_tile *p, real *t) {
    switch (m) {
        case 1: transform_down(results, 1, 3, 1, p, t); break;
        case 2: transform_down(results, 2, 4, 2, p, t); break;
        case 3: transform_down(results, 3, 5, 3, p, t); break;
        case 4: transform_down(results, 4, 6, 4, p, t); break;
    }
}

// Across one row, whose results are stored or pooled at once.
__attribute__((always_inline)) static inline void result_row(const int m, const real *t, vreal *y) {
    vreal products[MAX_POINTS];
#pragma GCC unroll 6
    for (int i = 0; i < m + 2; i++) products[i] = v_load(t + i * VLEN);
    results(m, products, y);
}
