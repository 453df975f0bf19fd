/* SPDX-License-Identifier: MIT */
#include "data/digits.h"

#include "support/angle.h"
#include "support/minmax.h"
#include "support/random.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Only + - * / and sqrt are used: the other functions of libm differ in their last bit between machines. */

/*
 * Ways to write each digit: points "x y" that the pen passes, x to the right and y down, 0 to 99 in both directions.
 * "|" lifts the pen. A point given twice is a corner. All shapes of a digit are equally likely.
 */
static const struct shape {
    int digit;
    const char *strokes;
} shapes[] = {
    {0, "55 5 30 14 18 48 28 84 50 95 72 85 82 50 72 14 52 5"},
    {0, "66 12 40 6 20 30 18 62 34 92 60 92 80 66 80 34 64 10 46 8"},
    {0, "40 8 20 30 20 70 45 96 72 80 80 45 66 14 44 6 34 14"},
    {0, "50 6 32 22 28 52 34 82 50 94 66 80 72 50 66 20 48 4"},
    {1, "52 4 50 34 49 66 48 96"},
    {1, "54 4 52 50 50 96"},
    {1, "34 24 44 14 54 4 54 4 53 50 52 96"},
    {1, "32 26 54 5 54 5 53 50 52 94 | 30 95 52 94 74 95"},
    {2, "20 26 34 8 58 6 74 24 66 48 42 72 18 94 18 94 50 92 84 92"},
    {2, "18 30 30 10 54 4 74 18 70 44 50 70 28 90 16 86 28 74 48 84 66 94 86 84"},
    {2, "24 18 46 6 70 12 74 32 58 56 34 78 20 92 20 92 54 94 80 86"},
    {2, "16 22 36 6 62 12 68 32 52 62 26 86 30 92 52 88 84 90"},
    {3, "22 16 44 5 68 12 70 32 44 46 44 46 72 56 78 76 54 94 22 86"},
    {3, "24 10 48 4 66 16 60 36 40 46 40 46 66 54 74 74 56 92 34 96 18 88"},
    {3, "22 8 46 7 72 6 72 6 58 24 44 42 44 42 70 50 78 72 58 92 22 90"},
    {3, "20 20 40 6 64 10 66 30 48 44 56 48 76 62 70 86 44 96 18 84"},
    {4, "30 6 26 32 20 54 20 54 48 54 82 50 | 66 8 64 50 60 96"},
    {4, "34 8 24 34 26 54 46 56 70 44 | 74 6 68 50 62 96"},
    {4, "64 5 40 34 16 64 16 64 48 64 86 62 | 64 5 63 50 62 96"},
    {4, "24 10 20 36 28 52 50 52 68 40 76 10 76 10 70 50 66 96"},
    {5, "76 8 54 8 32 9 32 9 30 26 26 44 26 44 52 38 74 52 74 76 52 94 20 88"},
    {5, "32 8 30 26 26 44 26 44 50 38 74 50 76 74 54 93 22 88 | 32 8 54 8 80 5"},
    {5, "78 8 50 8 36 14 28 40 28 40 56 42 70 60 64 84 40 95 18 84"},
    {5, "72 4 46 12 30 30 40 44 62 54 72 72 58 92 34 94 20 84"},
    {6, "64 5 40 24 24 52 24 80 46 95 70 84 70 62 48 54 28 68"},
    {6, "56 4 36 26 26 56 30 84 50 94 68 82 66 62 46 58 30 72"},
    {6, "72 10 50 12 30 36 20 66 32 92 58 94 76 78 66 58 42 58 26 74"},
    {6, "36 4 30 34 26 66 36 92 60 92 72 74 58 60 38 66 28 80"},
    {7, "20 10 48 9 78 7 78 7 64 34 50 64 42 96"},
    {7, "18 22 20 8 20 8 48 9 80 6 80 6 64 40 50 70 44 96"},
    {7, "20 10 50 8 78 8 78 8 62 36 48 64 40 96 | 34 50 52 48 74 46"},
    {7, "18 14 40 8 66 12 76 18 70 40 58 68 52 96"},
    {8, "70 16 48 5 28 18 36 38 58 52 74 74 54 95 28 82 36 60 58 42 72 22 62 8"},
    {8, "50 48 30 34 30 14 50 4 70 14 70 34 50 48 28 62 26 84 50 96 74 84 72 62 50 48"},
    {8, "76 12 54 6 32 14 34 34 56 48 68 68 58 90 36 94 24 78 38 58 62 38 78 16"},
    {8, "52 46 34 32 36 12 54 5 68 18 60 38 44 52 30 70 36 92 58 94 70 76 60 56 44 42"},
    {9, "72 16 50 5 28 20 28 42 48 52 68 38 74 12 74 12 70 50 66 96"},
    {9, "70 24 56 6 32 12 26 36 44 50 64 40 72 16 72 16 74 50 66 82 44 96 26 88"},
    {9, "66 12 44 6 26 26 34 46 58 42 70 20 70 20 66 56 54 96"},
    {9, "74 20 58 4 34 10 28 34 48 44 68 30 74 14 72 44 70 70 68 96"},
};

enum {
    SHAPES = sizeof shapes / sizeof shapes[0],
    MAX_POINTS = 20, /* of a shape */
    SPAN_PIECES = 5, /* straight segments between two points */
    MAX_INK_POINTS = MAX_POINTS * SPAN_PIECES + 1
};

struct point {
    double x, y;
    double pressure; /* 1 = the pen's usual width */
    bool lifted;     /* no ink between the previous point and this one */
};

struct line {
    int count;
    struct point points[MAX_INK_POINTS];
};

/* An elastic deformation: shifts at 4 x 4 knots over the unit square, interpolated smoothly between them. */
enum { KNOTS = 4 };

struct bends {
    double x[KNOTS][KNOTS];
    double y[KNOTS][KNOTS];
};

/* ---- From a shape to random points ------------------------------------------------------------- */

static const char *read_coordinate(const char *text, double *value)
{
    int number = 0;

    for (; *text >= '0' && *text <= '9'; ++text)
        number = 10 * number + (*text - '0');
    *value = number / 100.0;
    return text;
}

static void read_shape(struct line *line, const char *text)
{
    bool lifted = true;

    line->count = 0;
    while (*text) {
        if (*text == ' ') {
            ++text;
        } else if (*text == '|') {
            lifted = true;
            ++text;
        } else {
            struct point *point = &line->points[line->count++];

            text = read_coordinate(text, &point->x);
            text = read_coordinate(text + 1, &point->y); /* after one space */
            point->lifted = lifted;
            point->pressure = 1;
            lifted = false;
        }
    }
}

/* Moves the points by random shifts. Both points of a corner get the same shift. */
static void shake_points(struct line *line, struct random_stream *random)
{
    double unsteadiness = random_uniform(random, 0.017, 0.067);

    for (int i = 0; i < line->count; ++i) {
        struct point *point = &line->points[i];
        bool corner = i > 0 && !point->lifted && point->x == point[-1].x && point->y == point[-1].y;

        if (corner)
            continue; /* moved together with the previous point */
        double dx = unsteadiness * random_bell(random);
        double dy = unsteadiness * random_bell(random);
        double pressure = 1 + 0.14 * random_bell(random);
        bool twin = i + 1 < line->count && !point[1].lifted && point[1].x == point->x && point[1].y == point->y;
        for (int k = 0; k <= (twin ? 1 : 0); ++k) {
            point[k].x += dx;
            point[k].y += dy;
            point[k].pressure = double_max(pressure, 0.6);
        }
        i += twin ? 1 : 0;
    }
}

/* ---- From points to a curve -------------------------------------------------------------------- */

/* Catmull-Rom: passes b at t = 0 and c at t = 1, with the slopes (c - a) / 2 and (d - b) / 2 there. */
static double spline(double a, double b, double c, double d, double t)
{
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}

static void interpolate_strokes(struct line *ink, const struct line *line)
{
    ink->count = 0;
    for (int i = 0; i < line->count; ++i) {
        const struct point *c = &line->points[i];

        if (c->lifted) {
            ink->points[ink->count++] = *c;
            continue;
        }
        const struct point *b = c - 1;
        const struct point *a = b->lifted ? b : b - 1;
        const struct point *d = i + 1 < line->count && !c[1].lifted ? c + 1 : c;
        if (b->x == c->x && b->y == c->y)
            continue; /* a corner: nothing to draw */
        for (int piece = 1; piece <= SPAN_PIECES; ++piece) {
            double t = (double)piece / SPAN_PIECES;

            ink->points[ink->count++] = (struct point){
                spline(a->x, b->x, c->x, d->x, t),
                spline(a->y, b->y, c->y, d->y, t),
                b->pressure + t * (c->pressure - b->pressure),
                false,
            };
        }
    }
}

/* ---- Deformation ------------------------------------------------------------------------------- */

static double interpolate_bend(const double knots[KNOTS][KNOTS], double x, double y)
{
    double column = x * (KNOTS - 1), row = y * (KNOTS - 1);
    int i = column < 1 ? 0 : column < KNOTS - 2 ? (int)column : KNOTS - 2;
    int j = row < 1 ? 0 : row < KNOTS - 2 ? (int)row : KNOTS - 2;
    double u = column - i, v = row - j;

    u = double_clamp(u, 0, 1);
    v = double_clamp(v, 0, 1);
    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    double above = knots[j][i] + u * (knots[j][i + 1] - knots[j][i]);
    double below = knots[j + 1][i] + u * (knots[j + 1][i + 1] - knots[j + 1][i]);
    return above + v * (below - above);
}

static void bend_strokes(struct line *line, struct random_stream *random)
{
    double strength = random_uniform(random, 0.018, 0.072);
    struct bends bends;

    for (int j = 0; j < KNOTS; ++j) {
        for (int i = 0; i < KNOTS; ++i) {
            bends.x[j][i] = strength * random_bell(random);
            bends.y[j][i] = strength * random_bell(random);
        }
    }
    for (int i = 0; i < line->count; ++i) {
        struct point *point = &line->points[i];
        double x = point->x, y = point->y;

        point->x = x + interpolate_bend((const double(*)[KNOTS])bends.x, x, y);
        point->y = y + interpolate_bend((const double(*)[KNOTS])bends.y, x, y);
    }
}

/* Proportions, then slant, then rotation. */
static void tilt_strokes(struct line *line, struct random_stream *random)
{
    double narrow = random_uniform(random, 0.58, 1.15);
    double slant = 0.08 + 0.26 * random_bell(random);
    double sine, cosine;

    angle_sine_cosine(7 * random_bell(random), &sine, &cosine);

    for (int i = 0; i < line->count; ++i) {
        struct point *point = &line->points[i];
        double y = point->y - 0.5;
        double x = narrow * (point->x - 0.5) - slant * y;

        point->x = cosine * x - sine * y;
        point->y = sine * x + cosine * y;
    }
}

/* As in MNIST: scales the larger side to 20 pixels and moves the centre of mass, here of the strokes, to the centre. */
static void fit_into_box(struct line *line, double pen, struct random_stream *random)
{
    double left = 1e9, right = -1e9, top = 1e9, bottom = -1e9;
    double mass = 0, mass_x = 0, mass_y = 0;

    for (int i = 0; i < line->count; ++i) {
        const struct point *point = &line->points[i];

        left = double_min(left, point->x);
        right = double_max(right, point->x);
        top = double_min(top, point->y);
        bottom = double_max(bottom, point->y);
        if (!point->lifted) {
            double dx = point->x - point[-1].x, dy = point->y - point[-1].y;
            double length = sqrt(dx * dx + dy * dy);

            mass += length;
            mass_x += length * 0.5 * (point->x + point[-1].x);
            mass_y += length * 0.5 * (point->y + point[-1].y);
        }
    }
    double side = double_max(right - left, bottom - top);
    double scale = (20 - pen) * random_uniform(random, 0.9, 1.02) / side;
    double shift_x = 14 + 0.4 * random_bell(random) - scale * mass_x / mass;
    double shift_y = 14 + 0.4 * random_bell(random) - scale * mass_y / mass;
    for (int i = 0; i < line->count; ++i) {
        line->points[i].x = scale * line->points[i].x + shift_x;
        line->points[i].y = scale * line->points[i].y + shift_y;
    }
}

/* ---- Ink --------------------------------------------------------------------------------------- */

static int clamp_pixel(double position)
{
    return (int)double_clamp(position, 0, DIGITS_SIDE - 1);
}

/*
 * Draws one straight segment: depth[y][x] is the distance of a pixel's centre from the ink, negative inside, and
 * becomes the minimum with that of the segment.
 */
static void draw_segment(double depth[DIGITS_SIDE][DIGITS_SIDE], const struct point *from, const struct point *to,
                         double radius, double softness)
{
    double reach = radius * double_max(from->pressure, to->pressure) + softness;
    double dx = to->x - from->x, dy = to->y - from->y;
    double square = dx * dx + dy * dy;
    double inverse = square > 0 ? 1 / square : 0;
    int left = clamp_pixel(double_min(from->x, to->x) - reach);
    int right = clamp_pixel(double_max(from->x, to->x) + reach);
    int top = clamp_pixel(double_min(from->y, to->y) - reach);
    int bottom = clamp_pixel(double_max(from->y, to->y) + reach);

    for (int row = top; row <= bottom; ++row) {
        for (int column = left; column <= right; ++column) {
            double x = column + 0.5 - from->x, y = row + 0.5 - from->y;
            double t = (x * dx + y * dy) * inverse;

            t = double_clamp(t, 0, 1);
            x -= t * dx;
            y -= t * dy;
            if (x * x + y * y >= reach * reach)
                continue;
            double outside = sqrt(x * x + y * y) - radius * (from->pressure + t * (to->pressure - from->pressure));
            depth[row][column] = double_min(depth[row][column], outside);
        }
    }
}

static void draw_ink(const struct line *line, double radius, double softness, struct random_stream *random,
                     uint8_t *image)
{
    double depth[DIGITS_SIDE][DIGITS_SIDE];
    double ink = 255 * random_uniform(random, 0.88, 1.12); /* above 255, the middle of a stroke is saturated */
    double grain = random_uniform(random, 0, 0.12);

    for (int i = 0; i < DIGITS_PIXELS; ++i)
        depth[i / DIGITS_SIDE][i % DIGITS_SIDE] = softness;
    for (int i = 1; i < line->count; ++i) {
        if (!line->points[i].lifted)
            draw_segment(depth, &line->points[i - 1], &line->points[i], radius, softness);
    }
    for (int i = 0; i < DIGITS_PIXELS; ++i) {
        double cover = 0.5 - 0.5 * depth[i / DIGITS_SIDE][i % DIGITS_SIDE] / softness;

        image[i] = 0;
        if (cover > 0) {
            double value = ink * double_min(cover, 1) * (1 + grain * random_bell(random));

            image[i] = (uint8_t)double_clamp(value, 0, 255);
        }
    }
}

static uint8_t draw_digit(enum digits_set set, int64_t index, uint8_t *image)
{
    enum random_purpose purpose = set == DIGITS_TRAIN ? RANDOM_DIGITS_TRAIN : RANDOM_DIGITS_TEST;
    struct random_stream random = random_open(0, purpose, 0, (uint64_t)index);
    int digit = (int)random_below(&random, DIGITS_CLASSES);
    int first = 0, count = 0;

    while (shapes[first].digit != digit)
        ++first;
    while (first + count < SHAPES && shapes[first + count].digit == digit)
        ++count;
    const struct shape *shape = &shapes[first + (int)random_below(&random, (uint32_t)count)];
    double radius = random_uniform(&random, 0.75, 1.75);
    double softness = random_uniform(&random, 0.5, 0.9);

    struct line points, ink;
    read_shape(&points, shape->strokes);
    shake_points(&points, &random);
    interpolate_strokes(&ink, &points);
    bend_strokes(&ink, &random);
    tilt_strokes(&ink, &random);
    fit_into_box(&ink, 2 * radius, &random);
    draw_ink(&ink, radius, softness, &random, image);
    return (uint8_t)digit;
}

void digits_draw(enum digits_set set, int64_t first, int64_t count, uint8_t *images, uint8_t *labels)
{
    for (int64_t i = 0; i < count; ++i)
        labels[i] = draw_digit(set, first + i, images + i * DIGITS_PIXELS);
}
