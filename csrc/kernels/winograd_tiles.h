// How the results of a convolution are cut into tiles of m x m for Winograd's algorithm, the order in which tiles stand side by side, and
// the windows that they are transformed from.

typedef struct {
    int64_t m, images;
    int64_t tiles_h, tiles_w;         // of an image
    int64_t last_rows, last_columns;  // of results, in the last tiles
} tile_grid;

static tile_grid cut_into_tiles(int64_t m, int64_t images, int64_t h, int64_t w) {
    const int64_t tiles_h = ceil_div(h, m), tiles_w = ceil_div(w, m);
    return (tile_grid){m, images, tiles_h, tiles_w, h - (tiles_h - 1) * m, w - (tiles_w - 1) * m};
}

static int64_t number_of_tiles(const tile_grid *g) { return g->images * g->tiles_h * g->tiles_w; }

static int64_t points_of_tile(const tile_grid *g) { return (g->m + 2) * (g->m + 2); }

typedef struct {
    int64_t image, i, j;    // i, j: in tiles
    int64_t rows, columns;  // of results: m, or fewer in the last tiles
    int64_t at;             // among the tiles of a list, by kind
} winograd_tile;

enum { EDGE_COLUMN, INNER, EDGE_ROW, CORNER, KINDS };  // which axes have only the results of a last tile

// Some tiles that follow one another.
typedef struct {
    winograd_tile *tile;
    int64_t n;
    int64_t begin[KINDS + 1];  // by kind
} tile_list;

static int tile_kind(const tile_grid *g, const winograd_tile *t) {
    const bool row = t->rows < g->m, column = t->columns < g->m;
    return row ? (column ? CORNER : EDGE_ROW) : (column ? EDGE_COLUMN : INNER);
}

// Lists tiles, for which `tile` has room, and numbers them by kind, so that those with a given point stand side by side.
static tile_list list_tiles(const tile_grid *g, range tiles, winograd_tile *tile) {
    const int64_t of_image = g->tiles_h * g->tiles_w, image = tiles.begin / of_image, of_first = tiles.begin % of_image;
    tile_list list = {.tile = tile, .n = tiles.end - tiles.begin};
    winograd_tile next = {.image = image, .i = of_first / g->tiles_w, .j = of_first % g->tiles_w};
    int64_t of_kind[KINDS] = {0};
    for (int64_t t = 0; t < list.n; t++) {
        next.rows = next.i + 1 < g->tiles_h ? g->m : g->last_rows;
        next.columns = next.j + 1 < g->tiles_w ? g->m : g->last_columns;
        next.at = of_kind[tile_kind(g, &next)]++;
        tile[t] = next;
        if (++next.j == g->tiles_w) next.j = 0, next.i++;
        if (next.i == g->tiles_h) next.i = 0, next.image++;
    }
    for (int kind = 0; kind < KINDS; kind++) list.begin[kind + 1] = list.begin[kind] + of_kind[kind];
    for (int64_t t = 0; t < list.n; t++) tile[t].at += list.begin[tile_kind(g, tile + t)];
    return list;
}

// The tiles that have point (i, j), by their numbers.
static range tiles_with_point(const tile_grid *g, const tile_list *list, int64_t i, int64_t j) {
    const bool all_rows = i < g->last_rows + 2, all_columns = j < g->last_columns + 2;
    return (range){list->begin[all_columns ? EDGE_COLUMN : INNER], list->begin[!all_rows ? EDGE_ROW : all_columns ? KINDS : CORNER]};
}

// What tiles are transformed from: windows of images, `margin` rows and columns larger than the tile's results.
typedef struct {
    const real *images;
    int64_t first_image;
    int64_t h, w, pixel;  // pixel: elements from one to the next
    int64_t channels;     // to transform
    int64_t pad_top, pad_left, margin;
    range rows;  // of points, to transform to
    void (*down)(int64_t m, range rows, const columns_of_tile *p, real *t);
    void (*across)(int64_t m, const real *t, const rows_of_tile *p);
    const real *zeros;  // MAX_POINTS pixels: a row that does not exist
} windows_of_tiles;

// The window of one tile, to v + its point * v_point.
static void transform_window(const windows_of_tiles *s, const tile_grid *g, const winograd_tile *tile, real *v, int64_t v_point) {
    const int64_t top = tile->i * g->m - s->pad_top, left = tile->j * g->m - s->pad_left;
    const int64_t rows = tile->rows + s->margin, columns = tile->columns + s->margin;
    const range points = {s->rows.begin, min_i64(s->rows.end, tile->rows + 2)};
    if (points.begin >= points.end) return;
    const int64_t begin = min_i64(columns, max_i64(0, -left)), end = max_i64(begin, min_i64(columns, s->w - left));
    _Alignas(64) real t[MAX_POINTS * T_ROW], partial[MAX_POINTS * MAX_POINTS * VLEN];
    columns_of_tile d = {.from_line = s->pixel, .n = end - begin};
    rows_of_tile values = {.to = v, .to_item = v_point, .to_line = (g->m + 2) * v_point, .n = points.end - points.begin};
    for (int64_t i = 0; i < rows; i++) {
        const bool exists = top + i >= 0 && top + i < s->h;
        d.from[i] = exists ? s->images + (((tile->image - s->first_image) * s->h + top + i) * s->w + left + begin) * s->pixel : s->zeros;
    }
    for (int64_t i = 0; i < values.n; i++) {
        clear(t + i * T_ROW, begin * T_ITEM);
        clear(t + i * T_ROW + end * T_ITEM, (columns - end) * T_ITEM);
    }
    for (int64_t c = 0; c < s->channels; c += d.vectors * VLEN) {
        const int64_t whole = (s->channels - c) / VLEN;
        d.vectors = values.vectors = max_i64(1, min_i64(T_VECTORS, whole));
        if (!whole) {
            for (int64_t i = 0; i < rows; i++) {
                real *row = partial + i * MAX_POINTS * VLEN;
                for (int64_t j = 0; j < d.n; j++) v_store(row + j * VLEN, v_load_n(d.from[i] + j * s->pixel, (int)(s->channels - c)));
                d.from[i] = row;
            }
            d.from_line = VLEN;
        }
        s->down(tile->rows, points, &d, t + begin * T_ITEM);
        s->across(tile->columns, t, &values);
        for (int64_t i = 0; i < rows; i++) d.from[i] += d.vectors * VLEN;
        values.to += d.vectors * VLEN;
    }
}
