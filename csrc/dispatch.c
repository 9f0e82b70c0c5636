// Which table of kernels is in force. Compiled with the platform's baseline flags; TC_LEVELS, from setup.py, lists the levels
// compiled in, best first: LEVEL(x86_v4) LEVEL(x86_v3) LEVEL(baseline).
#include <stdatomic.h>

#include "tinycnn.h"

#define LEVEL(isa) extern const tc_kernels_f32 tc_kernels_##isa##_f32;
TC_LEVELS
#undef LEVEL
#define LEVEL(isa) extern const tc_kernels_f64 tc_kernels_##isa##_f64;
TC_LEVELS
#undef LEVEL

typedef struct {
    const char *name;
    int (*supported)(void);
    const tc_kernels_f32 *f32;
    const tc_kernels_f64 *f64;
} level_entry;

#define LEVEL(isa) {#isa, tc_cpu_has_##isa, &tc_kernels_##isa##_f32, &tc_kernels_##isa##_f64},
static const level_entry levels[] = {TC_LEVELS};
#undef LEVEL

enum { LEVELS = sizeof levels / sizeof levels[0] };

static _Atomic(const level_entry *) selected = NULL;

static const level_entry *current(void) {
    const level_entry *level = atomic_load_explicit(&selected, memory_order_relaxed);
    if (level) return level;
    for (level = levels; !level->supported(); level++) {}  // ends: the last level is always supported
    atomic_store_explicit(&selected, level, memory_order_relaxed);
    return level;
}

int tc_isa_count(void) { return LEVELS; }

const char *tc_isa_name(int level) { return levels[level].name; }

int tc_isa_supported(int level) { return levels[level].supported(); }

int tc_isa_select(int level) {
    if (level < 0 || level >= LEVELS || !levels[level].supported()) return -1;
    atomic_store_explicit(&selected, &levels[level], memory_order_relaxed);
    return 0;
}

const char *tc_isa_current(tc_dtype dtype) { return dtype == TC_F32 ? current()->f32->isa : current()->f64->isa; }

static _Thread_local const char *noted = "";

void tc_note_algorithm(const char *name) { noted = name; }

const char *tc_noted_algorithm(void) { return noted; }

// The kernels as functions: a void pointer converts to the real type that `dtype` promises.
#define real void
#define KERNEL(name, arguments, ...) \
    int tc_##name(tc_dtype dtype, __VA_ARGS__) { return dtype == TC_F32 ? current()->f32->name arguments : current()->f64->name arguments; }
#include "kernels.def"
