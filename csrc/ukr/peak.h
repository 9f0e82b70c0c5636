// What the processor could do at best: multiply-adds that wait for nothing but each other, on every thread. The yardstick of benchmarks.

enum { PEAK_CHAINS = 12 };  // independent sums: more than latency x multiply-adds per cycle of any processor so far

static int peak_chunk(void *context, int64_t chunk) {
    (void)chunk;
    vreal sum[PEAK_CHAINS], a = v_set1((real)0.5), b = v_set1((real)1);
    for (int i = 0; i < PEAK_CHAINS; i++) sum[i] = v_set1((real)i);
    for (int64_t n = *(const int64_t *)context; n > 0; n--) {
#pragma GCC unroll 12
        for (int i = 0; i < PEAK_CHAINS; i++) sum[i] = v_fma(sum[i], a, b);
    }
    for (int i = 1; i < PEAK_CHAINS; i++) sum[0] = v_add(sum[0], sum[i]);
    real lanes[VLEN];
    v_store(lanes, sum[0]);
    volatile real keep = lanes[0];  // so that the compiler may not drop the sums
    (void)keep;
    return TC_OK;
}

static int fma_peak(int64_t iterations, double *flop) {
    *flop = 2.0 * PEAK_CHAINS * VLEN * (double)iterations * tc_num_threads();
    return tc_parallel_for(tc_num_threads(), peak_chunk, &iterations);
}
