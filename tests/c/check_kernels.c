// Every kernel of kernels.def, on pseudo-random inputs of awkward shapes, against plain loops in double precision.
//
//     check_kernels [level]
//
// Checks the named instruction-set level, or all that this processor has, and prints each kernel's worst error; 100 roundings are allowed.
// No Python is needed, so it also runs under an emulator (benchmarks/check_kernels.sh).
#include <float.h>

#include "check_arrays.h"
#include "check_conv.h"
#include "check_rows.h"

// A kernel without a check does not compile.
typedef struct {
    const char *name;
    void (*check)(void);
} kernel_check;

#define KERNEL(name, ...) {#name, check_##name},
static const kernel_check checks[] = {
#include "kernels.def"
};

static int check_level(int level) {  // returns the number of kernels that failed
    int failed = 0;
    tc_isa_select(level);
    printf("%-32s f32       f64\n", tc_isa_name(level));
    for (int i = 0; i < COUNT(checks); i++) {
        double error[2];
        printf("%-32s ", checks[i].name);
        fflush(stdout);  // should the kernel crash, it is the one named last
        for (int d = 0; d < 2; d++) {
            dtype = d ? TC_F64 : TC_F32;
            worst = 0;
            expect(strcmp(tc_isa_current(dtype), tc_isa_name(level)) == 0);
            checks[i].check();
            free_blocks();
            error[d] = worst;
        }
        const int good = error[0] <= 100 * FLT_EPSILON && error[1] <= 100 * DBL_EPSILON;
        failed += !good;
        printf("%-9.1e %-9.1e%s\n", error[0], error[1], good ? "passed" : "FAILED");
    }
    return failed;
}

int main(int n_arguments, char **arguments) {
    const char *wanted = n_arguments > 1 ? arguments[1] : "";
    int levels = 0, failed = 0;
    tc_set_num_threads(3);
    for (int level = 0; level < tc_isa_count(); level++) {
        if (*wanted && strcmp(wanted, tc_isa_name(level)) != 0) continue;
        if (!tc_isa_supported(level)) continue;
        failed += check_level(level);
        levels++;
    }
    if (levels == 0) return fprintf(stderr, "check_kernels: this processor cannot run level '%s'\n", wanted), 2;
    printf("%d passed, %d failed\n", levels * COUNT(checks) - failed, failed);
    return failed > 0;
}
