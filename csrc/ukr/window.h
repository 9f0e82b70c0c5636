// A 2x2 window of max-pooling, a lane for each of some channels: the largest of its cells, and which of them, its place 2 u + v, that is.

#ifdef TC_DOUBLE
typedef int64_t lane;
#else
typedef int32_t lane;
#endif
typedef lane lanes __attribute__((vector_size(sizeof(vreal))));

typedef struct {
    vreal value;
    lanes place;
} maximum;

// All ones where b is larger than a, in the sense that a NaN is larger than any number.
static inline vreal is_larger(vreal b, vreal a) { return (vreal)(~(lanes)(b <= a) & (lanes)(a == a)); }

static inline vreal larger_value(vreal a, vreal b) { return v_select(is_larger(b, a), b, a); }

// The larger of two cells, or the first one of equals.
static inline maximum larger(maximum a, maximum b) {
    const vreal take = is_larger(b.value, a.value);
    return (maximum){v_select(take, b.value, a.value), (lanes)v_select(take, (vreal)b.place, (vreal)a.place)};
}

// The largest of the four cells; its place only where it is wanted.
__attribute__((always_inline)) static inline maximum largest(const vreal *cell, bool with_place) {
    const lanes zero = {0};
    if (!with_place) return (maximum){larger_value(larger_value(cell[0], cell[1]), larger_value(cell[2], cell[3])), zero};
    return larger(larger((maximum){cell[0], zero}, (maximum){cell[1], zero + 1}),
                  larger((maximum){cell[2], zero + 2}, (maximum){cell[3], zero + 3}));
}

static inline void store_places(uint8_t *to, lanes place, int n) {
    uint8_t all[VLEN];
    v_store_bytes(n == VLEN ? to : all, (vreal)place);
    if (n < VLEN) memcpy(to, all, (size_t)n);
}

static inline lanes load_places(const uint8_t *from, int n) {
    uint8_t all[VLEN] = {0};
    if (n < VLEN) memcpy(all, from, (size_t)n);
    return (lanes)v_load_bytes(n == VLEN ? from : all);
}
