// Dropout's mask from the counter-based generator Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"):
// any block of four numbers comes from its index and the seed alone, so blocks can be made in any order and number at once.

enum { PHILOX_BLOCKS = 64 };  // blocks made side by side; enough of them that the compiler keeps the loop, and vectorises it

// words[l][i] = number l of the block with index first + i; `first` is a multiple of PHILOX_BLOCKS.
static void philox4x32(uint64_t first, uint64_t seed, uint32_t words[4][PHILOX_BLOCKS]) {
    uint32_t *restrict c0 = words[0], *restrict c1 = words[1], *restrict c2 = words[2], *restrict c3 = words[3];
    for (int i = 0; i < PHILOX_BLOCKS; i++) {
        c0[i] = (uint32_t)first + (uint32_t)i;
        c1[i] = (uint32_t)(first >> 32);
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
    const uint32_t threshold = job->threshold;
    const real scale = job->scale;
    for (int64_t begin = cells.begin; begin < cells.end; begin += 4 * PHILOX_BLOCKS) {
        uint32_t words[4][PHILOX_BLOCKS];
        real kept[4 * PHILOX_BLOCKS];
        philox4x32((uint64_t)begin / 4, job->seed, words);
        for (int i = 0; i < PHILOX_BLOCKS; i++)
            for (int l = 0; l < 4; l++) kept[4 * i + l] = words[l][i] >= threshold ? scale : 0;
        memcpy(job->mask + begin, kept, sizeof(real) * (size_t)min_i64(4 * PHILOX_BLOCKS, cells.end - begin));
    }
    return TC_OK;
}

static int dropout_mask(int64_t size, uint32_t threshold, double scale, uint64_t seed, real *mask) {
    dropout_job job = {size, threshold, (real)scale, seed, mask};
    return tc_parallel_for(ceil_div(size, CHUNK_WORK), dropout_chunk, &job);
}
