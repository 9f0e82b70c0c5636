// Everything on matrices and flat arrays.

// ---- dense algebra
static void check_gemm(void) {
    static const int64_t sizes[][3] = {{1, 1, 1},    {1, 300, 1100}, {7, 5, 3},      {33, 70, 19},  {26, 10, 1300},  {5, 131, 600},
                                       {100, 9, 40}, {3, 4, 0},      {50, 611, 300}, {900, 37, 61}, {30, 130, 2100}, {9, 70, 2500}};
    for (int s = 0; s < COUNT(sizes); s++)
        for (int ta = 0; ta < 2; ta++)
            for (int tb = 0; tb < 2; tb++) {
                const int64_t m = sizes[s][0], n = sizes[s][1], k = sizes[s][2];
                array a = operand(m * k, -1, 1), b = operand(k * n, -1, 1), c = result(m * n);
                for (int64_t i = 0; i < m; i++)
                    for (int64_t j = 0; j < n; j++)
                        for (int64_t l = 0; l < k; l++)
                            c.value[i * n + j] += a.value[ta ? l * m + i : i * k + l] * b.value[tb ? j * k + l : l * n + j];
                expect(tc_gemm(dtype, ta, tb, m, n, k, a.data, b.data, c.data) == TC_OK);
                compare(c);
            }
}

static const int64_t matrices[][2] = {{1, 1}, {17, 5}, {3, 16}, {40, 37}, {2000, 11}};  // rows, columns

static void check_sum_rows(void) {
    for (int s = 0; s < COUNT(matrices); s++) {
        const int64_t rows = matrices[s][0], columns = matrices[s][1];
        array x = operand(rows * columns, -1, 1), sums = result(columns);
        for (int64_t i = 0; i < x.size; i++) sums.value[i % columns] += x.value[i];
        expect(tc_sum_rows(dtype, rows, columns, x.data, sums.data) == TC_OK);
        compare(sums);
    }
}

static void check_affine_forward(void) {
    static const int64_t sizes[][3] = {{1, 70, 40},   {7, 5, 3}, {33, 19, 600},
                                       {50, 611, 30}, {3, 4, 0}, {30, 70, 2100}};  // rows, columns, k
    for (int s = 0; s < COUNT(sizes); s++)
        for (int kind = TC_LINEAR; kind <= TC_TANH; kind++)
            for (int with_bias = 0; with_bias < 2; with_bias++) {
                const int64_t rows = sizes[s][0], columns = sizes[s][1], k = sizes[s][2];
                const double largest = k > 1000 ? 1. / 32 : 1;  // or an error of the sum's size meets results of 1
                array x = operand(rows * k, -1, 1), w = operand(k * columns, -largest, largest);
                array b = optional(with_bias, operand(columns, -1, 1)), y = result(rows * columns);
                for (int64_t i = 0; i < y.size; i++) {
                    double sum = with_bias ? b.value[i % columns] : 0;
                    for (int64_t l = 0; l < k; l++) sum += x.value[i / columns * k + l] * w.value[l * columns + i % columns];
                    y.value[i] = activate(kind, sum);
                }
                expect(tc_affine_forward(dtype, kind, rows, columns, k, x.data, w.data, b.data, alpha, y.data) == TC_OK);
                compare(y);
            }
}

static void check_affine_backward(void) {
    static const int64_t sizes[][3] = {{1, 70, 40}, {7, 5, 3}, {33, 19, 600}, {50, 611, 30}, {3, 4, 0}, {90, 33, 70}};  // rows, columns, k
    for (int s = 0; s < COUNT(sizes); s++)
        for (int kind = TC_LINEAR; kind <= TC_TANH; kind++)
            for (int needs = 0; needs < 8; needs++) {
                const int64_t rows = sizes[s][0], columns = sizes[s][1], k = sizes[s][2];
                const double least = kind == TC_SIGMOID ? 0 : -1;
                array x = operand(rows * k, -1, 1), w = operand(k * columns, -1, 1), dy = operand(rows * columns, -1, 1);
                array y = optional(kind != TC_LINEAR, operand(rows * columns, least, 1));
                array dx = optional(needs & 1, result(rows * k)), dw = optional(needs & 2, result(k * columns));
                array db = optional(needs & 4, result(columns));
                for (int64_t i = 0; i < rows; i++)
                    for (int64_t j = 0; j < columns; j++) {
                        const double g = dy.value[i * columns + j] * slope(kind, y.data ? y.value[i * columns + j] : 0);
                        if (db.data) db.value[j] += g;
                        for (int64_t l = 0; l < k; l++) {
                            if (dx.data) dx.value[i * k + l] += g * w.value[l * columns + j];
                            if (dw.data) dw.value[l * columns + j] += g * x.value[i * k + l];
                        }
                    }
                expect(tc_affine_backward(dtype, kind, rows, columns, k, x.data, w.data, y.data, dy.data, alpha, dx.data, dw.data,
                                          db.data) == TC_OK);
                compare(dx), compare(dw), compare(db);
            }
}

// ---- activations
static void check_bias_activation_forward(void) {
    for (int s = 0; s < COUNT(matrices); s++)
        for (int kind = TC_LINEAR; kind <= TC_TANH; kind++)
            for (int with_bias = 0; with_bias < 2; with_bias++) {
                const int64_t rows = matrices[s][0], columns = matrices[s][1];
                array x = operand(rows * columns, -9, 9), b = optional(with_bias, operand(columns, -1, 1)), y = result(x.size);
                x.value[x.size / 2] = NAN;
                x.value[0] = kind >= TC_SIGMOID ? 200 : kind == TC_ELU ? -200 : 0;
                give(x);
                for (int64_t i = 0; i < x.size; i++) y.value[i] = activate(kind, x.value[i] + (with_bias ? b.value[i % columns] : 0));
                expect(tc_bias_activation_forward(dtype, kind, rows, columns, x.data, b.data, alpha, y.data) == TC_OK);
                compare(y);
            }
}

static void check_activation_backward(void) {
    for (int s = 0; s < COUNT(matrices); s++)
        for (int kind = TC_LINEAR; kind <= TC_TANH; kind++) {
            const int64_t size = matrices[s][0] * matrices[s][1];
            array dy = operand(size, -1, 1), y = operand(size, kind == TC_SIGMOID ? 0 : -1, 1), dx = result(size);
            for (int64_t i = 0; i < size; i++) dx.value[i] = dy.value[i] * slope(kind, y.value[i]);
            expect(tc_activation_backward(dtype, kind, size, dy.data, y.data, alpha, dx.data) == TC_OK);
            compare(dx);
        }
}

// ---- softmax and cross-entropy
static void softmax_of_row(int64_t n, const double *x, double *y) {
    double largest = -INFINITY, total = 0;
    for (int64_t i = 0; i < n; i++) largest = fmax(largest, x[i]);
    for (int64_t i = 0; i < n; i++) total += y[i] = exp(x[i] - largest);
    for (int64_t i = 0; i < n; i++) y[i] /= total;
}

static void check_softmax(void) {
    for (int s = 0; s < COUNT(matrices); s++) {
        const int64_t rows = matrices[s][0], columns = matrices[s][1];
        array x = operand(rows * columns, -20, 20), y = result(x.size);
        for (int64_t r = 0; r < rows; r++) softmax_of_row(columns, x.value + r * columns, y.value + r * columns);
        expect(tc_softmax(dtype, rows, columns, x.data, y.data) == TC_OK);
        compare(y);
    }
}

static void check_softmax_crossentropy_forward(void) {
    for (int s = 0; s < COUNT(matrices); s++) {
        const int64_t rows = matrices[s][0], columns = matrices[s][1];
        array x = operand(rows * columns, -20, 20), t = operand(x.size, 0, 1), loss = result(rows), y = result(x.size);
        for (int64_t r = 0; r < rows; r++) {
            softmax_of_row(columns, x.value + r * columns, y.value + r * columns);
            for (int64_t i = r * columns; i < (r + 1) * columns; i++) loss.value[r] -= t.value[i] * log(y.value[i]);
        }
        expect(tc_softmax_crossentropy_forward(dtype, rows, columns, x.data, t.data, loss.data, y.data) == TC_OK);
        compare(loss), compare(y);
    }
}

static void check_softmax_crossentropy_backward(void) {
    for (int s = 0; s < COUNT(matrices); s++) {
        const int64_t rows = matrices[s][0], columns = matrices[s][1];
        array dloss = operand(rows, -1, 1), p = operand(rows * columns, 0, 1), t = operand(p.size, 0, 1), dx = result(p.size);
        for (int64_t r = 0; r < rows; r++) {
            double total = 0;
            for (int64_t i = r * columns; i < (r + 1) * columns; i++) total += t.value[i];
            for (int64_t i = r * columns; i < (r + 1) * columns; i++) dx.value[i] = dloss.value[r] * (p.value[i] * total - t.value[i]);
        }
        expect(tc_softmax_crossentropy_backward(dtype, rows, columns, dloss.data, p.data, t.data, dx.data) == TC_OK);
        compare(dx);
    }
}

// ---- batch normalisation
static const double epsilon = 1e-3;

static void check_batch_norm_moments(void) {
    for (int s = 0; s < COUNT(matrices); s++) {
        const int64_t rows = matrices[s][0], columns = matrices[s][1];
        array x = operand(rows * columns, 2, 4), mean = result(columns), variance = result(columns);
        for (int64_t i = 0; i < x.size; i++) mean.value[i % columns] += x.value[i] / (double)rows;
        for (int64_t i = 0; i < x.size; i++) variance.value[i % columns] += pow(x.value[i] - mean.value[i % columns], 2) / (double)rows;
        expect(tc_batch_norm_moments(dtype, rows, columns, x.data, mean.data, variance.data) == TC_OK);
        compare(mean), compare(variance);
    }
}

static void check_batch_norm_forward(void) {
    for (int s = 0; s < COUNT(matrices); s++) {
        const int64_t rows = matrices[s][0], columns = matrices[s][1];
        array x = operand(rows * columns, -1, 1), mean = operand(columns, -1, 1), variance = operand(columns, 0.1, 1);
        array gamma = operand(columns, -1, 1), beta = operand(columns, -1, 1), y = result(x.size);
        for (int64_t i = 0; i < x.size; i++) {
            const int64_t c = i % columns;
            y.value[i] = gamma.value[c] * (x.value[i] - mean.value[c]) / sqrt(variance.value[c] + epsilon) + beta.value[c];
        }
        expect(tc_batch_norm_forward(dtype, rows, columns, x.data, mean.data, variance.data, gamma.data, beta.data, epsilon, y.data) ==
               TC_OK);
        compare(y);
    }
}

static void check_batch_norm_backward(void) {
    for (int s = 0; s < COUNT(matrices); s++)
        for (int training = 0; training < 2; training++) {
            const int64_t rows = matrices[s][0], columns = matrices[s][1];
            array dy = operand(rows * columns, -1, 1), x = operand(dy.size, -1, 1), mean = operand(columns, -1, 1);
            array variance = operand(columns, 0.1, 1), gamma = operand(columns, 0.5, 1);
            array dx = result(x.size), dgamma = result(columns), dbeta = result(columns);
            for (int pass = 0; pass < 2; pass++)  // the sums, then what needs them
                for (int64_t i = 0; i < x.size; i++) {
                    const int64_t c = i % columns;
                    const double std = sqrt(variance.value[c] + epsilon), x_hat = (x.value[i] - mean.value[c]) / std;
                    if (pass == 0) {
                        dbeta.value[c] += dy.value[i];
                        dgamma.value[c] += dy.value[i] * x_hat;
                    } else {
                        const double n = training ? (double)rows : INFINITY;
                        dx.value[i] = gamma.value[c] / std * (dy.value[i] - dbeta.value[c] / n - x_hat * dgamma.value[c] / n);
                    }
                }
            expect(tc_batch_norm_backward(dtype, rows, columns, dy.data, x.data, mean.data, variance.data, gamma.data, epsilon, training,
                                          dx.data, dgamma.data, dbeta.data) == TC_OK);
            compare(dx), compare(dgamma), compare(dbeta);
        }
}

// ---- dropout: Philox4x32-10, one block at a time (Salmon et al. 2011, figures 1 and 2)
static uint32_t philox(uint64_t seed, uint64_t at) {
    uint32_t c[4] = {(uint32_t)(at / 4), (uint32_t)(at / 4 >> 32), 0, 0}, k[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (int i = 0; i < 10; i++, k[0] += 0x9E3779B9, k[1] += 0xBB67AE85) {
        const uint64_t p = (uint64_t)0xD2511F53 * c[0], q = (uint64_t)0xCD9E8D57 * c[2];
        const uint32_t next[4] = {(uint32_t)(q >> 32) ^ c[1] ^ k[0], (uint32_t)q, (uint32_t)(p >> 32) ^ c[3] ^ k[1], (uint32_t)p};
        memcpy(c, next, sizeof c);
    }
    return c[at % 4];
}

static void check_dropout_mask(void) {
    static const int64_t sizes[] = {0, 1, 7, 257, 50001};
    const double rate = 0.3;
    const uint32_t threshold = (uint32_t)round(rate * 4294967296.0);
    const uint64_t seed = 0x123456789ABCDEF0u;
    for (int s = 0; s < COUNT(sizes); s++) {
        array mask = result(sizes[s]);
        double kept = 0;
        expect(tc_dropout_mask(dtype, mask.size, threshold, 1 / (1 - rate), seed, mask.data) == TC_OK);
        for (int64_t i = 0; i < mask.size; i++) {
            mask.value[i] = philox(seed, (uint64_t)i) >= threshold ? 1 / (1 - rate) : 0;
            kept += element(mask, i) != 0;
        }
        compare(mask);
        expect(fabs(kept - (1 - rate) * (double)mask.size) <= 5 * sqrt(rate * (1 - rate) * (double)mask.size) + 1);  // standard deviations
    }
}

// ---- optimizers
static const int64_t parameters[] = {0, 1, 37, 40000};

static void check_sgd_step(void) {
    const double rate = 0.1, momentum = 0.9;
    for (int s = 0; s < COUNT(parameters); s++)
        for (int method = 0; method < 3; method++) {  // plain, with momentum, Nesterov's
            array w = operand(parameters[s], -1, 1), g = operand(w.size, -1, 1), m = optional(method > 0, operand(w.size, -1, 1));
            expect(tc_sgd_step(dtype, w.size, w.data, g.data, m.data, rate, momentum, method == 2) == TC_OK);
            for (int64_t i = 0; i < w.size; i++) {
                const double step = -rate * g.value[i];
                if (method > 0) m.value[i] = momentum * m.value[i] + step;
                w.value[i] += method == 0 ? step : method == 1 ? m.value[i] : momentum * m.value[i] + step;
            }
            compare(w), compare(m);
        }
}

static void check_adam_step(void) {
    const double rate = 0.01, beta_1 = 0.9, beta_2 = 0.999, tiny = 1e-7;
    for (int s = 0; s < COUNT(parameters); s++) {
        array w = operand(parameters[s], -1, 1), g = operand(w.size, -1, 1), m = operand(w.size, -1, 1), v = operand(w.size, 0, 1);
        expect(tc_adam_step(dtype, w.size, w.data, g.data, m.data, v.data, rate, beta_1, beta_2, tiny) == TC_OK);
        for (int64_t i = 0; i < w.size; i++) {
            m.value[i] += (g.value[i] - m.value[i]) * (1 - beta_1);
            v.value[i] += (g.value[i] * g.value[i] - v.value[i]) * (1 - beta_2);
            w.value[i] -= rate * m.value[i] / (sqrt(v.value[i]) + tiny);
        }
        compare(w), compare(m), compare(v);
    }
}

static void check_fma_peak(void) {
    double once = 0, twice = 0;
    expect(tc_fma_peak(dtype, 100, &once) == TC_OK && tc_fma_peak(dtype, 200, &twice) == TC_OK);
    expect(once > 0 && twice == 2 * once);
}
