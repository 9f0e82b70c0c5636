// c[m,n] = sum_k op(a)[m,k] * op(b)[k,n], in the plainest order.

static int gemm(int transpose_a, int transpose_b, int64_t m, int64_t n, int64_t k, const real *a, const real *b, real *c) {
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) c[i * n + j] = 0;
        for (int64_t p = 0; p < k; p++) {
            const real a_ip = transpose_a ? a[p * m + i] : a[i * k + p];
            for (int64_t j = 0; j < n; j++) c[i * n + j] += a_ip * (transpose_b ? b[j * k + p] : b[p * n + j]);
        }
    }
    return TC_OK;
}
