/* SPDX-License-Identifier: MIT */
/*
 * Direct convolution; included by kernel_table.c only. Terms whose x is known to be 0, in a border or between dilated
 * rows and columns, are left out: a sum that is not -0 stays as it is when 0 is added. (A sum becomes -0 if a negative
 * product is too small for a float. With a border, 0 is added at last, so that which terms were left out is not seen.)
 */
#ifndef NORMNET_KERNELS_DIRECT_KERNELS_H
#define NORMNET_KERNELS_DIRECT_KERNELS_H

#include "kernels/kernels.h"
#include "kernels/lanes.h"
#include "kernels/long_sums.h"
#include "kernels/relu_kernels.h"
#include "kernels/tiles.h"

/* ---- Terms --------------------------------------------------------------------------------------- */

/*
 * The terms of a tile's sums: three nested loops, and how far x and the weights advance at the end of each turn, in
 * floats; the turns of an outer loop begin where the last one of the inner loop has ended. The channels are the first
 * loop, or the last one.
 *
 * A long sum has several pieces (long_sums.h), which a tile adds if they are whole channels and not many: each begins
 * where the one before it has ended. The last one may have fewer turns of the first and the last loop.
 */
struct term_loop {
    int32_t count;
    int64_t x, weights;
};
struct terms {
    struct term_loop loops[3];
    int32_t pieces, last_outer, last_inner;
};

/* The taps of the kernel, in one direction, that read x from some outputs: count of them, from `first`, every nth. */
struct taps {
    int32_t first, count;
    int64_t at; /* the row or column of the map that the first one reads */
};

/* a / b rounded up, b > 0. */
LANES_INLINE int64_t divide_up(int64_t a, int64_t b)
{
    return a > 0 ? (a - 1) / b + 1 : -(-a / b);
}

/*
 * The taps for outputs `from` to `last` of a row or column, which are `dilation` apart: those that read x, of `size`
 * rows or columns with the border, for at least one of them. Tap u reads X[from * stride + u - padding], which has to
 * be a multiple of the dilation.
 */
static struct taps find_dilated_taps(const struct convolution *convolution, int64_t size, int64_t from, int64_t last)
{
    const int64_t dilation = convolution->dilation, origin = from * convolution->stride - convolution->padding;
    const int64_t last_origin = last * convolution->stride - convolution->padding;
    const int64_t inside = size - 2 * convolution->border;
    /* u >= -last_origin and origin + u <= (inside - 1) * dilation, in steps of the dilation. */
    const int64_t low = last_origin < 0 ? -last_origin : 0;
    const int64_t first = divide_up(origin + low, dilation) * dilation - origin;
    const int64_t limit = (inside - 1) * dilation - origin;
    const int64_t end = limit < convolution->kernel - 1 ? limit : convolution->kernel - 1;
    const int64_t count = end < first ? 0 : (end - first) / dilation + 1;

    return (struct taps){(int32_t)first, (int32_t)count, (origin + first) / dilation + convolution->border};
}

/* Whether the taps depend on the outputs. */
LANES_INLINE bool leaves_out_terms(const struct convolution *convolution)
{
    return convolution->border > 0 || convolution->dilation > 1 || convolution->padding != 0;
}

/* find_dilated_taps() without its divisions for outputs that read x with all taps, which most do. */
LANES_INLINE struct taps find_taps(const struct convolution *convolution, int64_t size, int64_t from, int64_t last)
{
    const int64_t origin = from * convolution->stride - convolution->padding;
    const int64_t last_origin = last * convolution->stride - convolution->padding;
    const int64_t inside = size - 2 * convolution->border;

    if (convolution->dilation == 1 && last_origin >= 0 && origin + convolution->kernel <= inside)
        return (struct taps){0, convolution->kernel, origin + convolution->border};
    return find_dilated_taps(convolution, size, from, last);
}

/* ---- One tile ------------------------------------------------------------------------------------ */

/* The outputs of a tile, which begin at channel k of the convolution. */
struct tile_output {
    const struct epilogue *epilogue;
    const float *before; /* of pieces by themselves: the sums to which the last one is added; else NULL */
    float *sums;         /* where the sums of any other piece are stored; else NULL */
    float *recent;       /* room for the sums of earlier pieces, if the tile has several */
    bool border;
    int32_t k, output_count;
    int64_t channel_stride; /* groups */
    int64_t x_step, y_step; /* from a pixel to the next, in floats */
    float *y;
};

/* What happens to the sums of channel k before they are stored at y. */
LANES_INLINE lanes apply_epilogue(const struct tile_output *to, int32_t k, lanes sum, const float *y)
{
    const struct epilogue *epilogue = to->epilogue;

    if (to->border)
        sum += lanes_splat(0.0f);
    if (epilogue->bias != NULL)
        sum += lanes_splat(epilogue->bias[k]);
    if (epilogue->relu)
        sum = lanes_max_zero(sum);
    if (epilogue->relu_mask)
        sum = mask_gradient(y, sum);
    return sum;
}

/*
 * One tile: the sums over the terms of its pieces and, unless to->sums takes them, their epilogue. `x` and `weights`
 * are at the first term, of the tile's first pixel and channel.
 */
LANES_INLINE void convolve_tile(const struct terms *terms, const float *x, const float *weights,
                                const struct tile_output *to, const int lane, const int outputs, const int pixels)
{
    const struct term_loop *loops = terms->loops;
    const int64_t channel = to->channel_stride * LANES, x_step = to->x_step, y_step = to->y_step;
    const struct epilogue *epilogue = to->epilogue;
    float *y = to->sums == NULL ? to->y + lane : NULL, *y_mask = y; /* else there is no y */
    float *recent = terms->pieces > 1 ? to->recent + lane : NULL;
    lanes sum[COLUMN_OUTPUTS][TILE_PIXELS];

    x += lane;
    for (int32_t piece = 1;; ++piece) {
        const bool last = piece == terms->pieces;
        const int32_t outer = last ? terms->last_outer : loops[0].count;
        const int32_t inner = last ? terms->last_inner : loops[2].count;

        LANES_FOR (k, outputs)
            LANES_FOR (p, pixels)
                sum[k][p] = lanes_splat(0.0f);
        for (int32_t a = 0; a < outer; ++a, x += loops[0].x, weights += loops[0].weights)
            for (int32_t b = 0; b < loops[1].count; ++b, x += loops[1].x, weights += loops[1].weights)
                for (int32_t i = 0; i < inner; ++i, x += loops[2].x, weights += loops[2].weights) {
                    lanes value[TILE_PIXELS];

                    LANES_FOR (p, pixels)
                        value[p] = lanes_load(x + p * x_step);
                    LANES_FOR (k, outputs) {
                        const lanes weight = lanes_splat(weights[k]);

                        LANES_FOR (p, pixels)
                            sum[k][p] = lanes_fma(weight, value[p], sum[k][p]);
                    }
                }
        if (piece > 1)
            LANES_FOR (k, outputs)
                LANES_FOR (p, pixels)
                    sum[k][p] += lanes_load(recent + (k * pixels + p) * LANES);
        if (last)
            break;
        LANES_FOR (k, outputs)
            LANES_FOR (p, pixels)
                lanes_store(recent + (k * pixels + p) * LANES, sum[k][p]);
    }
    if (to->sums != NULL) {
        LANES_FOR (k, outputs)
            LANES_FOR (p, pixels)
                lanes_store(to->sums + (k * pixels + p) * LANES + lane, sum[k][p]);
        return;
    }
    if (to->before != NULL)
        LANES_FOR (k, outputs)
            LANES_FOR (p, pixels)
                sum[k][p] += lanes_load(to->before + (k * pixels + p) * LANES + lane);
    if (to->border)
        LANES_FOR (k, outputs)
            LANES_FOR (p, pixels)
                sum[k][p] += lanes_splat(0.0f);
    if (epilogue->bias != NULL)
        LANES_FOR (k, outputs)
            LANES_FOR (p, pixels)
                sum[k][p] += lanes_splat(epilogue->bias[to->k + k]);
    if (epilogue->relu)
        LANES_FOR (k, outputs)
            LANES_FOR (p, pixels)
                sum[k][p] = lanes_max_zero(sum[k][p]);
    if (epilogue->relu_mask)
        LANES_FOR (k, outputs) {
            keep_address(&y_mask);
            LANES_FOR (p, pixels)
                sum[k][p] = mask_gradient(y_mask + p * y_step, sum[k][p]);
            y_mask += channel;
        }
    LANES_FOR (k, outputs) {
        keep_address(&y);
        LANES_FOR (p, pixels)
            lanes_store(y + p * y_step, sum[k][p]);
        y += channel;
    }
}

/*
 * One function per size of a tile, since the sizes must be compile-time constants. A switch over calls of convolve_tile
 * is not enough: before clang inlines them, it merges calls that differ only in a constant.
 */
typedef void direct_tile_function(const struct terms *terms, const float *x, const float *weights,
                                  const struct tile_output *to);

#define DEFINE_TILE(outputs, pixels)                                                                                   \
    static void KERNEL(direct_tile_##outputs##x##pixels)(const struct terms *terms, const float *x,                    \
                                                         const float *weights, const struct tile_output *to)           \
    {                                                                                                                  \
        for (int lane = 0; lane < LANES; lane += VECTOR_LANES)                                                         \
            convolve_tile(terms, x, weights, to, lane, outputs, pixels);                                               \
    }
#define DEFINE_TILES(outputs) DEFINE_TILE(outputs, 1) DEFINE_TILE(outputs, 2) DEFINE_TILE(outputs, 3)
#define TILES(outputs)                                                                                                 \
    {                                                                                                                  \
        KERNEL(direct_tile_##outputs##x1), KERNEL(direct_tile_##outputs##x2), KERNEL(direct_tile_##outputs##x3)        \
    }

DEFINE_TILES(1)
#if VECTOR_REGISTERS >= 16
DEFINE_TILES(2)
DEFINE_TILES(3)
DEFINE_TILES(4)
#endif
#if VECTOR_REGISTERS >= 32
DEFINE_TILES(5)
DEFINE_TILES(6)
DEFINE_TILES(7)
DEFINE_TILES(8)
#endif

#if VECTOR_REGISTERS >= 32
DEFINE_TILE(16, 1)
#elif VECTOR_REGISTERS >= 16
DEFINE_TILE(8, 1)
#endif

/* direct_tiles[outputs - 1][pixels - 1] */
static direct_tile_function *const direct_tiles[COLUMN_OUTPUTS][TILE_PIXELS] = {
    TILES(1),
#if VECTOR_REGISTERS >= 16
    TILES(2), TILES(3), TILES(4),
#endif
#if VECTOR_REGISTERS >= 32
    TILES(5), TILES(6), TILES(7), TILES(8), [15] = {KERNEL(direct_tile_16x1)},
#elif VECTOR_REGISTERS >= 16
    [7] = {KERNEL(direct_tile_8x1)},
#endif
};

/* ---- Sums of several pieces ---------------------------------------------------------------------- */

/* The epilogue of sums in memory. */
static void KERNEL(finish_long_tile)(const struct tile_output *to, const float *sums, int32_t outputs, int32_t pixels)
{
    for (int32_t k = 0; k < outputs; ++k)
        for (int32_t p = 0; p < pixels; ++p)
            for (int lane = 0; lane < LANES; lane += VECTOR_LANES) {
                float *y = to->y + k * to->channel_stride * LANES + p * to->y_step + lane;
                const lanes sum = lanes_load(sums + (k * pixels + p) * LANES + lane);

                lanes_store(y, apply_epilogue(to, to->k + k, sum, y));
            }
}

/* A part of the kernel, in one channel or in some: what the sums of a tile or of a piece go over. */
struct tap_window {
    int32_t channels;
    struct taps rows, columns;
};

/* A loop whose turns begin `x` and `weights` floats apart, and the loop inside it. */
static struct term_loop loop_around(struct term_loop loop, struct term_loop inner)
{
    return (struct term_loop){loop.count, loop.x - inner.count * inner.x, loop.weights - inner.count * inner.weights};
}

/*
 * Those of a window in pieces of up to `piece` channels. The channels are the innermost loop if there is one tap: a
 * loop of one costs more than its multiply-adds.
 */
static struct terms find_terms(const struct convolution *convolution, const struct tap_window *window, int32_t piece)
{
    const int64_t kernel = convolution->kernel, dilation = convolution->dilation;
    const struct term_loop channels = {min_int(window->channels, piece), convolution->x.channel_stride * LANES,
                                       kernel * kernel * LANES};
    const struct term_loop rows = {window->rows.count, convolution->x.row_stride * LANES, dilation * kernel * LANES};
    const struct term_loop columns = {window->columns.count, LANES, dilation * LANES}, once = {1, 0, 0};
    const int32_t pieces = window->channels <= piece ? 1 : (window->channels + piece - 1) / piece;
    const int32_t rest = window->channels - (pieces - 1) * piece;

    if (rows.count == 1 && columns.count == 1)
        return (struct terms){{once, once, channels}, pieces, 1, rest};
    return (struct terms){
        {loop_around(channels, rows), loop_around(rows, columns), columns}, pieces, rest, columns.count};
}

/*
 * The pieces of a sum: as many whole channels as have up to 96 terms; of a larger kernel each row, or parts of a row.
 */
struct pieces {
    int32_t channels, rows, columns;
};

static struct pieces cut_pieces(int32_t kernel)
{
    if (kernel * kernel <= PIECE_TERMS)
        return (struct pieces){PIECE_TERMS / (kernel * kernel), kernel, kernel};
    return (struct pieces){1, 1, min_int(PIECE_TERMS, kernel)};
}

/* Those of some taps that are among `from` to `end` - 1. */
static struct taps taps_between(const struct convolution *convolution, struct taps taps, int32_t from, int32_t end)
{
    while (taps.count > 0 && taps.first < from) {
        taps.first += convolution->dilation;
        ++taps.at;
        --taps.count;
    }
    while (taps.count > 0 && taps.first + (taps.count - 1) * convolution->dilation >= end)
        --taps.count;
    return taps;
}

/* The offsets of the x and of the weights of a window's first term. */
static int64_t window_x(const struct convolution *convolution, const struct tap_window *window)
{
    return (window->rows.at * convolution->x.row_stride + window->columns.at) * LANES;
}

static int64_t window_weights(const struct convolution *convolution, const struct tap_window *window)
{
    return ((int64_t)window->rows.first * convolution->kernel + window->columns.first) * LANES;
}

/* Whether a tile adds the pieces: they are whole channels, and so few that all their sums are floats. */
static bool fit_one_call(int32_t channels, int32_t kernel)
{
    const struct pieces pieces = cut_pieces(kernel);

    return pieces.rows == kernel && pieces.columns == kernel && channels <= MAX_FLOAT_PIECES * pieces.channels;
}

/* One tile whose pieces are added here; x is at the first term of the whole window. */
static void convolve_long_tile(const struct convolution *convolution, const struct tap_window *whole, const float *x,
                               const float *weights, struct tile_output to, int32_t outputs, int32_t pixels)
{
    const int32_t kernel = convolution->kernel, inputs = whole->channels;
    const struct pieces pieces = cut_pieces(kernel);
    struct long_sums sums;

    begin_long_sums(&sums, outputs * pixels * LANES);
    for (int32_t c = 0; c < inputs; c += pieces.channels)
        for (int32_t u = 0; u < kernel; u += pieces.rows)
            for (int32_t v = 0; v < kernel; v += pieces.columns) {
                const struct tap_window window = {min_int(inputs - c, pieces.channels),
                                                  taps_between(convolution, whole->rows, u, u + pieces.rows),
                                                  taps_between(convolution, whole->columns, v, v + pieces.columns)};
                const struct terms terms = find_terms(convolution, &window, window.channels);
                const bool last =
                    c + pieces.channels >= inputs && u + pieces.rows == kernel && v + pieces.columns >= kernel;

                to.before = last ? KERNEL(begin_last_piece)(&sums) : NULL;
                to.sums = to.before == NULL ? KERNEL(begin_piece)(&sums) : NULL;
                direct_tiles[outputs - 1][pixels - 1](
                    &terms,
                    x + (window_x(convolution, &window) - window_x(convolution, whole)) +
                        c * convolution->x.channel_stride * LANES,
                    weights + (int64_t)c * kernel * kernel * LANES + window_weights(convolution, &window), &to);
            }
    if (to.before == NULL)
        KERNEL(finish_long_tile)(&to, KERNEL(finish_long_sums)(&sums), outputs, pixels);
}

/* ---- The convolution ----------------------------------------------------------------------------- */

/* Outputs of a row that read the same columns if x is dilated: every `dilation`th, from `phase`. */
struct pixel_row {
    struct taps rows;
    int32_t phase;
};

/* The terms of a tile, and where they begin. */
struct tile_terms {
    struct tap_window window;
    struct terms terms;
    const float *x;
    int64_t weights;
};

/*
 * Sets those of the tile of outputs `from` to `last` of a pixel row, in pieces of `piece` channels. It has those of
 * another tile of the row, whose loops are kept if they have as many columns; or, with a count of -1, none yet.
 */
LANES_INLINE void find_tile_terms(const struct convolution *convolution, const struct pixel_row *row, const float *x,
                                  int32_t piece, int32_t from, int32_t last, struct tile_terms *tile)
{
    const int64_t dilation = convolution->dilation;
    const struct taps columns =
        find_taps(convolution, convolution->x.width, row->phase + from * dilation, row->phase + last * dilation);
    const bool same_count = columns.count == tile->window.columns.count;

    tile->window.columns = columns;
    if (!same_count)
        tile->terms = find_terms(convolution, &tile->window, piece);
    tile->x = x + window_x(convolution, &tile->window);
    tile->weights = window_weights(convolution, &tile->window);
}

/* Pixels `begin` to `end` - 1 of a pixel row in all outputs: for each tile of outputs all tiles of pixels. */
static void convolve_pixels(const struct convolution *convolution, const struct pixel_row *row, const float *x,
                            const float *weights, struct tile_output to, int32_t begin, int32_t end)
{
    const bool one_call = fit_one_call(convolution->x.channels, convolution->kernel);
    const int32_t piece = cut_pieces(convolution->kernel).channels;
    const bool same_terms = !leaves_out_terms(convolution);
    const int64_t panel = (int64_t)convolution->x.channels * convolution->kernel * convolution->kernel * LANES;
    const int64_t x_pixel = to.x_step * (same_terms ? 1 : 0), channel = to.channel_stride * LANES;
    const bool one_pixel = end - begin == 1;
    _Alignas(64) float recent[MAX_TILE_SUMS * LANES];
    struct tile_terms tile = {.window = {.channels = convolution->x.channels, .rows = row->rows, .columns.count = -1}};
    float *y = to.y;

    to.recent = recent;
    if (same_terms)
        find_tile_terms(convolution, row, x, piece, begin, begin, &tile);
    for (int32_t outputs; to.k < to.output_count; to.k += outputs) {
        const float *own = weights + panel_at(panel, to.k), *first_x = tile.x;

        outputs = one_pixel ? column_outputs(to.k, to.output_count) : tile_outputs(to.k, to.output_count);
        to.y = y + to.k * channel;
        for (int32_t t = begin, pixels; t < end; t += pixels) {
            pixels = next_pixels(end - t);
            if (!same_terms)
                find_tile_terms(convolution, row, x, piece, t, t + pixels - 1, &tile);
            if (one_call)
                direct_tiles[outputs - 1][pixels - 1](&tile.terms, tile.x, own + tile.weights, &to);
            else
                convolve_long_tile(convolution, &tile.window, tile.x, own, to, outputs, pixels);
            tile.x += pixels * x_pixel;
            to.y += pixels * to.y_step;
        }
        tile.x = first_x;
    }
}

/* Whether the rows are contiguous for a 1 x 1 kernel with stride 1, which treats them as one long row. */
static bool can_merge_rows(const struct convolution *convolution)
{
    const struct map *x = &convolution->x, *y = &convolution->y;

    return convolution->kernel == 1 && convolution->stride == 1 && convolution->dilation == 1 &&
           convolution->border == 0 && convolution->padding == 0 && x->width == y->width && x->row_stride == x->width &&
           y->row_stride == y->width;
}

static struct convolution merge_rows(struct convolution merged, int32_t count)
{
    merged.x.width = merged.y.width = merged.y.width * count;
    merged.x.row_stride = merged.y.row_stride = merged.y.width;
    merged.x.height = merged.y.height = 1;
    return merged;
}

/*
 * How many pixels of a row go through all outputs together: as many as leave half of a small L1 cache for the rows of x
 * that they read. If the weights do not stay there either, they are read once for more pixels.
 */
enum { CACHED_FLOATS = 4096, MIN_WIDE_PIXELS = 24 };

static int32_t choose_chunk(const struct convolution *convolution)
{
    const int64_t rows = (int64_t)convolution->x.channels * convolution->kernel;
    const int64_t weights = rows * convolution->kernel * convolution->y.channels;
    const int64_t pixels = CACHED_FLOATS / (rows * LANES) / TILE_PIXELS * TILE_PIXELS;
    const int64_t min = weights > CACHED_FLOATS ? MIN_WIDE_PIXELS : TILE_PIXELS;

    return (int32_t)(pixels < min ? min : pixels);
}

static void convolve_rows(const struct convolution *convolution, const float *x, const float *weights,
                          const struct epilogue *epilogue, struct units rows, float *y)
{
    const int32_t max_chunk = choose_chunk(convolution), dilation = convolution->dilation;
    struct tile_output to = {.epilogue = epilogue,
                             .border = convolution->border > 0,
                             .output_count = convolution->y.channels,
                             .channel_stride = convolution->y.channel_stride,
                             .x_step = (int64_t)convolution->stride * LANES,
                             .y_step = (int64_t)dilation * LANES};

    for (int32_t i = rows.begin; i < rows.end; ++i) {
        struct pixel_row row = {.rows = find_taps(convolution, convolution->x.height, i, i)};

        for (; row.phase < dilation && row.phase < convolution->y.width; ++row.phase) {
            const int32_t left = convolution->y.width - row.phase;
            const int32_t count = dilation == 1 ? left : (left + dilation - 1) / dilation;

            to.y = y + (i * convolution->y.row_stride + row.phase) * LANES;
            for (int32_t t = 0, chunk; t < count; t += chunk) {
                chunk = count - t == max_chunk + 1 ? max_chunk - 1 : min_int(count - t, max_chunk);
                convolve_pixels(convolution, &row, x, weights, to, t, t + chunk);
                to.y += chunk * to.y_step;
            }
        }
    }
}

static void direct_convolve(const struct convolution *convolution, const float *x, const float *weights,
                            const struct epilogue *epilogue, struct units rows, float *y)
{
    if (can_merge_rows(convolution)) {
        const struct convolution merged = merge_rows(*convolution, rows.end - rows.begin);
        const int64_t first = (int64_t)rows.begin * convolution->y.width * LANES;

        convolve_rows(&merged, x + first, weights, epilogue, (struct units){0, 1}, y + first);
    } else {
        convolve_rows(convolution, x, weights, epilogue, rows, y);
    }
}

#endif
