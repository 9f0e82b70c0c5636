// A caching allocator: fresh pages cost more than the arithmetic done on them, and so do lines that have left the caches.
//
// Memory comes from the system in regions. What is free of them is in one list by address, where neighbours become one, and a request is
// cut from the first that is large enough. So a training step stays within as much memory as it needs at a time, and finds more of it in
// the caches. Small blocks are kept by size, since they are many. Callers give the size back with the block, so blocks need no header.
//
// Most of what a kernel needs until it returns does not come from there: memory that now one thread uses and now another goes from core
// to core.
// - Scratch, for one chunk, has one size for all kernels and a list for each thread of the pool: a thread gets the block that it had last,
//   whatever kernel that was for.
// - Shared scratch, for all chunks of a call, is the middle of a block of one size: of two threads each finds its half where it had it.
//
// Under AddressSanitizer nothing is rounded or cached: one byte too far is then found.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE  // madvise
#endif
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#ifdef _WIN32
#include <malloc.h>
#else
#include <sys/mman.h>
#include <unistd.h>
#endif

#include "tinycnn.h"

#if defined(__has_feature)
#define TC_HAS_FEATURE(name) __has_feature(name)
#else
#define TC_HAS_FEATURE(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || TC_HAS_FEATURE(address_sanitizer)
enum { CACHES = 0 };
#else
enum { CACHES = 1 };
#endif

enum { ALIGNMENT = 64, SMALL = 4096, OWNERS = 8 };
#define HUGE_PAGE ((size_t)2 << 20)
#define REGION (16 * HUGE_PAGE)
#define SCRATCH HUGE_PAGE
#define SHARED (2 * HUGE_PAGE)
#define MAX_CACHED ((int64_t)512 << 20)  // beyond this, regions that become free go back to the system
#define MAX_BYTES ((size_t)1 << 62)

// Something free.
typedef struct block {
    struct block *next;
    size_t bytes;  // where the list does not say so
} block;

// What the system gave, at its beginning; so two regions never touch.
typedef struct region {
    struct region *next;
    size_t bytes;
} region;

static struct {
    pthread_mutex_t lock;
    region *regions;
    block *free;                          // by address
    block *small[SMALL / ALIGNMENT + 1];  // by size
    block *scratch[OWNERS];               // by worker
    block *shared;
    tc_memory stats;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t rounded(size_t bytes) {
    if (!CACHES) return bytes ? bytes : 1;
    return bytes <= ALIGNMENT ? ALIGNMENT : (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
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

// ---- lists of free blocks of one size, under the lock
static void count_taken(int64_t bytes) {
    cache.stats.bytes_cached -= bytes;
    cache.stats.bytes_in_use += bytes;
}

static void *take(block **list, size_t bytes) {
    block *found = *list;
    if (!found) return NULL;
    *list = found->next;
    count_taken((int64_t)bytes);
    return found;
}

static void give(block **list, void *memory, size_t bytes) {
    block *freed = memory;
    freed->next = *list;
    *list = freed;
    count_taken(-(int64_t)bytes);
}

// ---- what is free of the regions, under the lock
static void *take_first(size_t bytes) {
    for (block **at = &cache.free; *at; at = &(*at)->next) {
        block *found = *at;
        if (found->bytes < bytes) continue;
        if (found->bytes > bytes) {
            block *rest = (block *)((char *)found + bytes);
            *rest = (block){found->next, found->bytes - bytes};
            *at = rest;
        } else *at = found->next;
        count_taken((int64_t)bytes);
        return found;
    }
    return NULL;
}

static void join_next(block *b) {
    block *next = b->next;
    if (next && (char *)b + b->bytes == (char *)next) *b = (block){next->next, b->bytes + next->bytes};
}

// Returns how much is free around it.
static size_t put_back(void *memory, size_t bytes) {
    block *before = NULL, **at = &cache.free;
    for (; *at && (char *)*at < (char *)memory; at = &before->next) before = *at;
    block *freed = memory;
    *freed = (block){*at, bytes};
    *at = freed;
    join_next(freed);
    if (before) join_next(before);
    count_taken(-(int64_t)bytes);
    return before && before->next != freed ? before->bytes : freed->bytes;
}

// ---- regions
// One that holds `bytes`; NULL if there is no memory.
static region *new_region(size_t bytes) {
    size_t least = bytes + ALIGNMENT, whole = (least + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE, size = whole < REGION ? REGION : whole;
    region *fresh = system_alloc(size);
    if (!fresh) fresh = system_alloc(size = least);
    if (fresh) *fresh = (region){NULL, size};
    return fresh;
}

// Takes regions out that are wholly free, the newest first, until no more than so much is cached; under the lock.
static region *free_regions(int64_t cached) {
    region *found = NULL, **at = &cache.regions;
    while (*at && cache.stats.bytes_cached > cached) {
        region *r = *at;
        block **begin = &cache.free;
        while (*begin && (char *)*begin < (char *)r) begin = &(*begin)->next;
        if (*begin && (char *)*begin == (char *)r + ALIGNMENT && (*begin)->bytes == r->bytes - ALIGNMENT) {
            *begin = (*begin)->next;
            *at = r->next;
            r->next = found;
            found = r;
            cache.stats.bytes_cached -= (int64_t)(r->bytes - ALIGNMENT);
        } else at = &r->next;
    }
    return found;
}

// The pages of a free block, but for the one with its header; its addresses stay.
static void release_pages(block *b) {
#ifdef __linux__
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = ((uintptr_t)(b + 1) + page - 1) / page * page;
    const uintptr_t end = ((uintptr_t)b + b->bytes) / page * page;
    if (begin < end) (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
#else
    (void)b;
#endif
}

static void return_regions(region *r) {
    while (r) {
        region *next = r->next;
        system_free(r);
        r = next;
    }
}

// ----
static bool is_small(size_t bytes) { return !CACHES || bytes <= SMALL; }

// From the system: a small block by itself, another one with a region around it.
static void *fresh_block(size_t bytes) {
    region *fresh = is_small(bytes) ? NULL : new_region(bytes);
    char *memory = is_small(bytes) ? system_alloc(bytes) : fresh ? (char *)fresh + ALIGNMENT : NULL;
    if (!memory) return NULL;
    lock_cache();
    cache.stats.system_requests++;
    cache.stats.bytes_in_use += (int64_t)bytes;
    if (fresh) {
        fresh->next = cache.regions;
        cache.regions = fresh;
        const size_t rest = fresh->bytes - ALIGNMENT - bytes;
        cache.stats.bytes_in_use += (int64_t)rest;
        if (rest) put_back(memory + bytes, rest);
    }
    pthread_mutex_unlock(&cache.lock);
    return memory;
}

void *tc_alloc(size_t bytes) {
    if (bytes > MAX_BYTES) return NULL;
    bytes = rounded(bytes);
    void *found = NULL;
    lock_cache();
    cache.stats.requests++;
    if (CACHES) found = is_small(bytes) ? take(&cache.small[bytes / ALIGNMENT], bytes) : take_first(bytes);
    pthread_mutex_unlock(&cache.lock);
    if (!found) found = fresh_block(bytes);
    if (!found) {
        tc_trim();
        found = fresh_block(bytes);
    }
    return found;
}

void tc_free(void *memory, size_t bytes) {
    if (!memory) return;
    bytes = rounded(bytes);
    region *returned = NULL;
    lock_cache();
    if (!CACHES) cache.stats.bytes_in_use -= (int64_t)bytes;
    else if (is_small(bytes)) give(&cache.small[bytes / ALIGNMENT], memory, bytes);
    else if (put_back(memory, bytes) >= REGION - ALIGNMENT) returned = free_regions(MAX_CACHED);
    pthread_mutex_unlock(&cache.lock);
    if (!CACHES) system_free(memory);
    return_regions(returned);
}

// ---- scratch
// The first block of `n` lists that has one, or a new one.
static void *take_of(block **lists, int n, int first, size_t bytes) {
    void *found = NULL;
    lock_cache();
    for (int i = 0; !found && i < n; i++) found = take(&lists[(first + i) % n], bytes);
    cache.stats.requests += found != NULL;
    pthread_mutex_unlock(&cache.lock);
    return found ? found : tc_alloc(bytes);
}

static void give_to(block **list, void *memory, size_t bytes) {
    lock_cache();
    give(list, memory, bytes);
    pthread_mutex_unlock(&cache.lock);
}

static bool fits_scratch(size_t bytes, size_t scratch) { return CACHES && bytes <= scratch; }

void *tc_scratch(size_t bytes) {
    return fits_scratch(bytes, SCRATCH) ? take_of(cache.scratch, OWNERS, tc_worker(), SCRATCH) : tc_alloc(bytes);
}

void tc_free_scratch(void *memory, size_t bytes) {
    if (!fits_scratch(bytes, SCRATCH)) tc_free(memory, bytes);
    else if (memory) give_to(&cache.scratch[tc_worker() % OWNERS], memory, SCRATCH);
}

static size_t before_middle(size_t bytes) { return (SHARED - bytes) / 2 / ALIGNMENT * ALIGNMENT; }

void *tc_shared_scratch(size_t bytes) {
    if (!fits_scratch(bytes, SHARED)) return tc_alloc(bytes);
    char *found = take_of(&cache.shared, 1, 0, SHARED);
    return found ? found + before_middle(bytes) : NULL;
}

void tc_free_shared_scratch(void *memory, size_t bytes) {
    if (!fits_scratch(bytes, SHARED)) tc_free(memory, bytes);
    else if (memory) give_to(&cache.shared, (char *)memory - before_middle(bytes), SHARED);
}

void tc_trim(void) {
    block *small = NULL;  // taken out under the lock, freed without it
    lock_cache();
    for (int units = 0; units <= SMALL / ALIGNMENT; units++)
        for (void *freed; (freed = take(&cache.small[units], (size_t)units * ALIGNMENT));) {
            cache.stats.bytes_in_use -= (int64_t)units * ALIGNMENT;
            *(block *)freed = (block){small, 0};
            small = freed;
        }
    for (int owner = 0; owner < OWNERS; owner++)
        for (void *freed; (freed = take(&cache.scratch[owner], SCRATCH));) put_back(freed, SCRATCH);
    for (void *freed; (freed = take(&cache.shared, SHARED));) put_back(freed, SHARED);
    region *regions = free_regions(0);
    for (block *b = cache.free; b; b = b->next) release_pages(b);
    pthread_mutex_unlock(&cache.lock);
    return_regions(regions);
    while (small) {
        block *next = small->next;
        system_free(small);
        small = next;
    }
}

tc_memory tc_memory_stats(void) {
    lock_cache();
    tc_memory stats = cache.stats;
    pthread_mutex_unlock(&cache.lock);
    return stats;
}
