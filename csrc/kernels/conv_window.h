// Copies of parts of images with zeros around, so that no tap of a convolution needs a test.

typedef struct {
    int64_t h, w, stride;      // stride: elements from pixel to pixel
    int64_t channels, repeat;  // channels to copy of each pixel, and how many times each one
} image;

// The (rows, columns) window whose corner is pixel (row, column) of `pixels`; what lies outside of the image is zero.
static void copy_window(real *to, const image *from, const real *pixels, int64_t row, int64_t column, int64_t rows, int64_t columns) {
    const int64_t width = from->channels * from->repeat;
    const int64_t left = min_i64(columns, max_i64(0, -column));
    const int64_t right = max_i64(left, min_i64(columns, from->w - column));
    for (int64_t r = row; r < row + rows; r++, to += columns * width) {
        if (r < 0 || r >= from->h || left == right) {
            clear(to, columns * width);
            continue;
        }
        const real *at = pixels + (r * from->w + column + left) * from->stride;
        clear(to, left * width);
        clear(to + right * width, (columns - right) * width);
        if (from->repeat > 1) {
            for (int64_t c = left; c < right; c++, at += from->stride)
                for (int64_t i = 0; i < width; i++) to[c * width + i] = at[i / from->repeat];
        } else if (width == from->stride) {
            copy(to + left * width, at, (right - left) * width);
        } else {
            for (int64_t c = left; c < right; c++, at += from->stride) copy(to + c * width, at, width);
        }
    }
}

// One channel of an image, padded as the convolution is: rows x columns from its upper left corner; x is the channel's first element.
static void copy_plane(const tc_conv2d *g, const real *x, int64_t rows, int64_t columns, real *to) {
    const int64_t width = min_i64(columns - g->pad_left, g->in_w);
    clear(to, rows * columns);
    for (int64_t i = 0; i < min_i64(g->in_h, rows - g->pad_top); i++) {
        const real *from = x + i * g->in_w * g->in_channels;
        real *row = to + (i + g->pad_top) * columns + g->pad_left;
        if (g->in_channels == 1) copy(row, from, width);
        else
            for (int64_t j = 0; j < width; j++, from += g->in_channels) row[j] = *from;
    }
}
