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

// One axis of a two-dimensional transform: n lines, each of which a transform of this file takes from items to results.
typedef struct {
    int64_t n;
    const real *from[MAX_POINTS];  // item i of line l is the vector at from[i] + l * from_line
    int64_t from_line;
    real *to;  // result r of line l goes to to + r * to_item + l * to_line
    int64_t to_item, to_line;
} lines;

typedef void transform(const int m, const vreal *from, vreal *to);

__attribute__((always_inline)) static inline void transform_lines(transform *f, const int m, const int items, const int n_results,
                                                                  const lines *p) {
    const real *from[MAX_POINTS];
    real *to[MAX_POINTS];
    const int64_t from_line = p->from_line, to_line = p->to_line;
#pragma GCC unroll 6
    for (int i = 0; i < items; i++) from[i] = p->from[i];
#pragma GCC unroll 6
    for (int r = 0; r < n_results; r++) to[r] = p->to + r * p->to_item;
    for (int64_t l = p->n, from_at = 0, to_at = 0; l > 0; l--, from_at += from_line, to_at += to_line) {
        vreal item[MAX_POINTS], result[MAX_POINTS];
#pragma GCC unroll 6
        for (int i = 0; i < items; i++) item[i] = v_load(from[i] + from_at);
        f(m, item, result);
#pragma GCC unroll 6
        for (int r = 0; r < n_results; r++) v_store(to[r] + to_at, result[r]);
    }
}

static void input_lines(int64_t m, const lines *p) {
    switch (m) {
        case 1: transform_lines(input_points, 1, 3, 3, p); break;
        case 2: transform_lines(input_points, 2, 4, 4, p); break;
        case 3: transform_lines(input_points, 3, 5, 5, p); break;
        case 4: transform_lines(input_points, 4, 6, 6, p); break;
    }
}

static void tap_lines(int64_t m, const lines *p) {
    if (m > 2) transform_lines(tap_points, 4, 3, 6, p);
    else transform_lines(tap_points, 2, 3, 4, p);
}

static void result_lines(int64_t m, const lines *p) {
    switch (m) {
        case 1: transform_lines(results, 1, 3, 1, p); break;
        case 2: transform_lines(results, 2, 4, 2, p); break;
        case 3: transform_lines(results, 3, 5, 3, p); break;
        case 4: transform_lines(results, 4, 6, 4, p); break;
    }
}

// The second axis of the transform back, one line at a time: its m + 2 products stand side by side.
__attribute__((always_inline)) static inline void result_line(const int m, const real *products, vreal *y) {
    vreal t[MAX_POINTS];
#pragma GCC unroll 6
    for (int i = 0; i < m + 2; i++) t[i] = v_load(products + i * VLEN);
    results(m, t, y);
}
