// A caching allocator: the same sizes come back in every training step, and fresh pages cost more than the arithmetic done on them.
//
// Sizes are rounded up to classes, eight to a doubling (at most 1/8 is wasted); each class keeps a list of free blocks, linked
// through their first word. Callers give the size back with the block, so blocks need no header. Blocks of 2 MiB and more are
// aligned to, and asked to be backed by, huge pages.
//
// Scratch, what one chunk of a kernel needs for itself, has one size for all kernels and a list for each thread of the pool: a thread gets
// the block that it had last, which still lies in the caches of its core, whatever kernel that was for.
//
// Under AddressSanitizer nothing is rounded or cached: one byte too far is then found.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE  // madvise
#endif
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#ifdef _WIN32
#include <malloc.h>
#else
#include <sys/mman.h>
#endif

#include "tinycnn.h"

#if defined(__SANITIZE_ADDRESS__)
#define TC_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TC_ASAN 1
#endif
#endif

enum { ALIGNMENT = 64, STEPS = 8, CLASSES = 64 * STEPS, OWNERS = 8 };
#define HUGE_PAGE ((size_t)2 << 20)
#define SCRATCH HUGE_PAGE
#define MAX_CACHED ((int64_t)512 << 20)  // beyond this, freed blocks go back to the system
#define MAX_BYTES ((size_t)1 << 62)

typedef struct block {
    struct block *next;
} block;

static struct {
    pthread_mutex_t lock;
    block *free[CLASSES];
    block *scratch[OWNERS];  // by worker
    tc_memory stats;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

// ---- size classes: number STEPS * e + s holds blocks of (STEPS + s) << e units of 64 bytes
typedef struct {
    int number;
    size_t bytes;
} size_class;

static size_class class_of(size_t bytes) {
    size_t units = bytes <= ALIGNMENT ? 1 : (bytes + ALIGNMENT - 1) / ALIGNMENT;
#ifdef TC_ASAN
    return (size_class){0, bytes ? bytes : 1};
#endif
    if (units < STEPS) return (size_class){(int)units, units * ALIGNMENT};
    int exponent = 0;
    while ((units - 1) >> exponent >= 2 * STEPS) exponent++;
    size_t mantissa = ((units - 1) >> exponent) + 1;  // rounded up: from STEPS to 2 * STEPS
    return (size_class){STEPS * exponent + (int)mantissa, (mantissa << exponent) * ALIGNMENT};
}

// ---- the system's allocator
static void *system_alloc(size_t bytes) {
#ifdef _WIN32
    return _aligned_malloc(bytes, ALIGNMENT);
#else
    void *memory = NULL;
    bool huge = bytes >= HUGE_PAGE;
    if (posix_memalign(&memory, huge ? HUGE_PAGE : ALIGNMENT, bytes) != 0) return NULL;
#ifdef MADV_HUGEPAGE
    if (huge) (void)madvise(memory, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);  // advice: refusing it is no error
#endif
    return memory;
#endif
}

static void system_free(void *memory) {
#ifdef _WIN32
    _aligned_free(memory);
#else
    free(memory);
#endif
}

// ---- fork: the child must not inherit a locked or half-changed cache
#ifndef _WIN32
static void before_fork(void) { pthread_mutex_lock(&cache.lock); }
static void after_fork(void) { pthread_mutex_unlock(&cache.lock); }
static void register_fork_handlers(void) { pthread_atfork(before_fork, after_fork, after_fork); }
#endif

static void lock_cache(void) {
#ifndef _WIN32
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_fork_handlers);
#endif
    pthread_mutex_lock(&cache.lock);
}

// ---- lists of free blocks, under the lock
static void *take(block **list, size_t bytes) {
    block *found = *list;
    if (!found) return NULL;
    *list = found->next;
    cache.stats.bytes_cached -= (int64_t)bytes;
    cache.stats.bytes_in_use += (int64_t)bytes;
    return found;
}

static bool give(block **list, void *memory, size_t bytes) {
    cache.stats.bytes_in_use -= (int64_t)bytes;
#ifdef TC_ASAN
    return false;
#endif
    if (cache.stats.bytes_cached + (int64_t)bytes > MAX_CACHED) return false;
    block *freed = memory;
    freed->next = *list;
    *list = freed;
    cache.stats.bytes_cached += (int64_t)bytes;
    return true;
}

static void move_all(block **from, block **to) {
    while (*from) {
        block *freed = *from;
        *from = freed->next;
        freed->next = *to;
        *to = freed;
    }
}

// ----
void *tc_alloc(size_t bytes) {
    if (bytes > MAX_BYTES) return NULL;
    size_class c = class_of(bytes);
    lock_cache();
    cache.stats.requests++;
    void *found = take(&cache.free[c.number], c.bytes);
    pthread_mutex_unlock(&cache.lock);
    if (found) return found;

    void *fresh = system_alloc(c.bytes);
    if (!fresh) {
        tc_trim();
        fresh = system_alloc(c.bytes);
    }
    if (!fresh) return NULL;
    lock_cache();
    cache.stats.system_requests++;
    cache.stats.bytes_in_use += (int64_t)c.bytes;
    pthread_mutex_unlock(&cache.lock);
    return fresh;
}

static void free_to(block **list, void *memory, size_t bytes) {
    lock_cache();
    bool kept = give(list, memory, bytes);
    pthread_mutex_unlock(&cache.lock);
    if (!kept) system_free(memory);
}

void tc_free(void *memory, size_t bytes) {
    size_class c = class_of(bytes);
    if (memory) free_to(&cache.free[c.number], memory, c.bytes);
}

void *tc_scratch(size_t bytes) {
#ifndef TC_ASAN
    if (bytes <= SCRATCH) {
        void *found = NULL;
        lock_cache();
        for (int i = 0; !found && i < OWNERS; i++) found = take(&cache.scratch[(tc_worker() + i) % OWNERS], SCRATCH);
        cache.stats.requests += found != NULL;
        pthread_mutex_unlock(&cache.lock);
        return found ? found : tc_alloc(SCRATCH);
    }
#endif
    return tc_alloc(bytes);
}

void tc_free_scratch(void *memory, size_t bytes) {
#ifndef TC_ASAN
    if (bytes <= SCRATCH) {
        if (memory) free_to(&cache.scratch[tc_worker() % OWNERS], memory, SCRATCH);
        return;
    }
#endif
    tc_free(memory, bytes);
}

void tc_trim(void) {
    block *all = NULL;  // taken out under the lock, freed without it
    lock_cache();
    for (int number = 0; number < CLASSES; number++) move_all(&cache.free[number], &all);
    for (int owner = 0; owner < OWNERS; owner++) move_all(&cache.scratch[owner], &all);
    cache.stats.bytes_cached = 0;
    pthread_mutex_unlock(&cache.lock);
    while (all) {
        block *next = all->next;
        system_free(all);
        all = next;
    }
}

tc_memory tc_memory_stats(void) {
    lock_cache();
    tc_memory stats = cache.stats;
    pthread_mutex_unlock(&cache.lock);
    return stats;
}
