// For sanitize.sh: three callers use, and a fourth resizes, the pool, whose tasks take and give back memory of every kind; what they
// write is checked, in their blocks as long as they have them and at the end.
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "tinycnn.h"

enum { CHUNKS = 100, ROUNDS = 2000, SIZES = 6 };

static const size_t sizes[SIZES] = {1000, 4096, 5000, 70001, 300000, 3 << 20};

// A block must hold what its owner wrote until it is given back: nobody else may have a part of it.
static int use(unsigned char *block, size_t bytes, unsigned char value) {
    if (!block) return TC_NO_MEMORY;
    block[0] = block[bytes / 2] = block[bytes - 1] = value;
    memset(block, value, bytes < 200 ? bytes : 200);
    return block[0] == value && block[bytes / 2] == value && block[bytes - 1] == value ? TC_OK : -1;
}

// Each chunk has its own place, so a plain increment is no race unless a chunk is handed out twice.
static int count(void *context, int64_t chunk) {
    ((int64_t *)context)[chunk]++;
    const size_t first = sizes[chunk % SIZES], second = sizes[chunk / SIZES % SIZES];
    unsigned char *a = tc_alloc(first), *b = tc_alloc(second), *scratch = tc_scratch(first), *shared = tc_shared_scratch(second);
    unsigned char *blocks[] = {a, b, scratch, shared};
    const size_t bytes[] = {first, second, first, second};
    int status = TC_OK;
    for (int i = 0; i < 4; i++) status |= use(blocks[i], bytes[i], (unsigned char)(chunk + i));
    for (int i = 0; i < 4; i++) status |= blocks[i][bytes[i] / 2] != (unsigned char)(chunk + i);
    tc_free(a, first);
    tc_free_shared_scratch(shared, second);
    tc_free_scratch(scratch, first);
    tc_free(b, second);
    return status;
}

static void *call(void *counts) {
    for (int i = 0; i < ROUNDS; i++)
        if (tc_parallel_for(CHUNKS, count, counts) != TC_OK) return counts;
    return NULL;
}

int main(void) {
    static int64_t counts[3][CHUNKS];
    pthread_t callers[3];
    void *failed[3];
    tc_set_num_threads(4);
    for (int c = 0; c < 3; c++) pthread_create(&callers[c], NULL, call, counts[c]);
    for (int i = 0; i < 20; i++) tc_set_num_threads(1 + i % 4), tc_trim();
    for (int c = 0; c < 3; c++) pthread_join(callers[c], &failed[c]);
    for (int c = 0; c < 3; c++) {
        if (failed[c]) return puts("a block was not its owner's alone"), 1;
        for (int i = 0; i < CHUNKS; i++)
            if (counts[c][i] != ROUNDS) return puts("a chunk was lost or run twice"), 1;
    }
    if (tc_memory_stats().bytes_in_use) return puts("memory was not given back"), 1;
    tc_trim();
    if (tc_memory_stats().bytes_cached) return puts("free memory was kept"), 1;
    return puts("the pool and the memory are clean"), 0;
}
