// How work is cut: by shape, so that no result depends on the number of threads.

enum { CHUNK_WORK = 16384 };  // elements a chunk should touch at least: some microseconds, well above the cost of handing it out

static inline int64_t min_i64(int64_t a, int64_t b) { return a < b ? a : b; }

static inline int64_t max_i64(int64_t a, int64_t b) { return a > b ? a : b; }

static inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Items (rows, images, ...) per chunk where each item touches `work` elements.
static inline int64_t items_per_chunk(int64_t work) { return work >= CHUNK_WORK ? 1 : CHUNK_WORK / (work > 0 ? work : 1); }

// The part of 0 .. total - 1 that chunk number `chunk` covers.
typedef struct {
    int64_t begin, end;
} range;

static inline range chunk_range(int64_t chunk, int64_t per_chunk, int64_t total) {
    return (range){chunk * per_chunk, min_i64((chunk + 1) * per_chunk, total)};
}
