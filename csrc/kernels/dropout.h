// Dropout's mask from the counter-based generator Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"):
// any block of four numbers comes from its index and the seed alone, so blocks can be made in any order and number at once.

enum { PHILOX_BLOCKS = 16 };  // blocks made side by side, one per lane of a vector

// words[i][l] = number l of the block with index first + i.
static void philox4x32(uint64_t first, uint64_t seed, uint32_t words[PHILOX_BLOCKS][4]) {
    uint32_t c0[PHILOX_BLOCKS], c1[PHILOX_BLOCKS], c2[PHILOX_BLOCKS], c3[PHILOX_BLOCKS];
    for (int i = 0; i < PHILOX_BLOCKS; i++) {
        c0[i] = (uint32_t)(first + (uint64_t)i);
        c1[i] = (uint32_t)((first + (uint64_t)i) >> 32);
        c2[i] = c3[i] = 0;
    }
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < PHILOX_BLOCKS; i++) {
            const uint64_t p0 = (uint64_t)0xD2511F53 * c0[i], p1 = (uint64_t)0xCD9E8D57 * c2[i];
            c0[i] = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0;
            c1[i] = (uint32_t)p1;
            c2[i] = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
            c3[i] = (uint32_t)p0;
        }
        k0 += 0x9E3779B9;  // the golden ratio
        k1 += 0xBB67AE85;  // sqrt(3) - 1
    }
    for (int i = 0; i < PHILOX_BLOCKS; i++) {
        words[i][0] = c0[i];
        words[i][1] = c1[i];
        words[i][2] = c2[i];
        words[i][3] = c3[i];
    }
}

typedef struct {
    int64_t size;
    uint32_t threshold;
    real scale;
    uint64_t seed;
    real *mask;
} dropout_job;

static int dropout_chunk(void *context, int64_t chunk) {
    const dropout_job *job = context;
    const range cells = chunk_range(chunk, CHUNK_WORK, job->size);  // CHUNK_WORK is a multiple of 4 * PHILOX_BLOCKS
    for (int64_t begin = cells.begin; begin < cells.end; begin += 4 * PHILOX_BLOCKS) {
        uint32_t words[PHILOX_BLOCKS][4];
        philox4x32((uint64_t)begin / 4, job->seed, words);
        const int64_t n = min_i64(4 * PHILOX_BLOCKS, cells.end - begin);
        for (int64_t i = 0; i < n; i++) job->mask[begin + i] = words[i / 4][i % 4] >= job->threshold ? job->scale : 0;
    }
    return TC_OK;
}

static int dropout_mask(int64_t size, uint32_t threshold, double scale, uint64_t seed, real *mask) {
    dropout_job job = {size, threshold, (real)scale, seed, mask};
    return tc_parallel_for(ceil_div(size, CHUNK_WORK), dropout_chunk, &job);
}
