// What the checks of check_kernels.c share: arrays that the kernel and its reference see alike, and their comparison.
//
// An error is the largest difference over the largest value of the result. Each array ends where a page begins that may not be touched:
// what reads or writes beyond the end stops the program. What writes before the beginning hits a guard of NaN.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tinycnn.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))
enum { GUARD = 17 };  // elements

static tc_dtype dtype;
static double worst;  // error of the kernel that is being checked

static void expect(int holds) {
    if (!holds) worst = INFINITY;
}

// ---- memory, all of it given back after each kernel
static struct {
    void *start;
    size_t bytes;
} mapped[10000];
static int n_mapped;

// Zeros; one page more than needed is mapped, and forbidden.
static void *new_block(int64_t bytes) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), usable = ((size_t)bytes + page - 1) / page * page;
    char *start = mmap(NULL, usable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED || n_mapped == COUNT(mapped) || mprotect(start + usable, page, PROT_NONE) != 0) {
        perror("check_kernels: no memory");
        exit(2);
    }
    mapped[n_mapped].start = start;
    mapped[n_mapped++].bytes = usable + page;
    return start + usable - bytes;
}

static void free_blocks(void) {
    for (; n_mapped > 0; n_mapped--) munmap(mapped[n_mapped - 1].start, mapped[n_mapped - 1].bytes);
}

// ---- arrays: `value` for the reference, `data` (of type dtype) for the kernel
typedef struct {
    int64_t size;
    double *value;
    void *data;
} array;

static double element(array a, int64_t i) { return dtype == TC_F32 ? ((float *)a.data)[i] : ((double *)a.data)[i]; }

static void set_element(array a, int64_t i, double x) {
    if (dtype == TC_F32) ((float *)a.data)[i] = (float)x;
    else ((double *)a.data)[i] = x;
}

// A result: zeros for the reference to add to, NaN for the kernel to overwrite.
static array result(int64_t size) {
    array a = {size, new_block(size * 8), (char *)new_block((size + GUARD) * dtype) + GUARD * dtype};
    for (int64_t i = -GUARD; i < size; i++) set_element(a, i, NAN);
    return a;
}

// Makes the values those of the kernel's array, to the last bit.
static void give(array a) {
    for (int64_t i = 0; i < a.size; i++) {
        set_element(a, i, a.value[i]);
        a.value[i] = element(a, i);
    }
}

static array operand(int64_t size, double low, double high) {
    static uint64_t state = 1;  // Knuth's linear congruential generator, MMIX
    array a = result(size);
    for (int64_t i = 0; i < size; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        a.value[i] = low + (high - low) * (double)(state >> 11) / 9007199254740992.0;
    }
    give(a);
    return a;
}

static array optional(int wanted, array a) { return wanted ? a : (array){0, NULL, NULL}; }

static void compare(array a) {
    if (!a.data) return;
    double largest = 0, error = 0;
    for (int64_t i = 0; i < a.size; i++) {
        const double got = element(a, i), want = a.value[i];
        expect(isnan(got) == isnan(want));
        if (isnan(want)) continue;
        largest = fmax(largest, fabs(want));
        error = fmax(error, fabs(got - want));
    }
    for (int i = 0; i < GUARD; i++) expect(isnan(element(a, -1 - i)));
    if (error > 0) worst = fmax(worst, error / largest);
}

// ---- activations, which the fused step has too
static const double alpha = 0.25;

static double activate(tc_activation kind, double x) {
    switch (kind) {
        case TC_LINEAR: return x;
        case TC_RELU: return x < 0 ? 0 : x;
        case TC_LEAKY_RELU: return x < 0 ? alpha * x : x;
        case TC_ELU: return x < 0 ? alpha * expm1(x) : x;
        case TC_SIGMOID: return 1 / (1 + exp(-x));
        case TC_TANH: return tanh(x);
    }
    return NAN;
}

static double slope(tc_activation kind, double y) {  // from the output
    switch (kind) {
        case TC_LINEAR: return 1;
        case TC_RELU: return y > 0;
        case TC_LEAKY_RELU: return y > 0 ? 1 : alpha;
        case TC_ELU: return y > 0 ? 1 : y + alpha;
        case TC_SIGMOID: return y * (1 - y);
        case TC_TANH: return 1 - y * y;
    }
    return NAN;
}
