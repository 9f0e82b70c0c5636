// For sanitize.sh: three callers use, and a fourth resizes, the pool; what the tasks write is checked at the end.
#include <pthread.h>
#include <stdio.h>
#include "tinycnn.h"

enum { CHUNKS = 100, ROUNDS = 2000 };

// Each chunk has its own place, so a plain increment is no race unless a chunk is handed out twice.
static int count(void *context, int64_t chunk) {
    ((int64_t *)context)[chunk]++;
    void *scratch = tc_alloc(1000);
    tc_free(scratch, 1000);
    return TC_OK;
}

static void *call(void *counts) {
    for (int i = 0; i < ROUNDS; i++) tc_parallel_for(CHUNKS, count, counts);
    return NULL;
}

int main(void) {
    static int64_t counts[3][CHUNKS];
    pthread_t callers[3];
    tc_set_num_threads(4);
    for (int c = 0; c < 3; c++) pthread_create(&callers[c], NULL, call, counts[c]);
    for (int i = 0; i < 20; i++) tc_set_num_threads(1 + i % 4);
    for (int c = 0; c < 3; c++) pthread_join(callers[c], NULL);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < CHUNKS; i++)
            if (counts[c][i] != ROUNDS) return puts("a chunk was lost or run twice"), 1;
    return puts("the pool is clean"), 0;
}
