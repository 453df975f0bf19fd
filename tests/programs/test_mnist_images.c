/* SPDX-License-Identifier: MIT */
/*
 * Parts of normnet-mnist: generated digits, augmentation against a plain reference, the order of the batches, and image
 * files of any contents. The golden checksums hold on every machine; where one changes, a seed leads to other weights.
 */
#include "harness/file_samples.h"
#include "part_checks.h"

#include "data/pnm.h"
#include "data/shift.h"
#include "support/angle.h"
#include "support/file_kind.h"
#include "support/random.h"

#include <float.h>
#include <stdbool.h>

/* ---- Generated digits ------------------------------------------------------------------------- */

enum { DIGITS = 2000 };

static void digits_golden(const void *argument)
{
    uint8_t *images = check_allocate(DIGITS, DIGITS_PIXELS + 1);
    uint8_t *labels = images + DIGITS * DIGITS_PIXELS;
    char text[65];

    (void)argument;

    digits_draw(DIGITS_TRAIN, 0, DIGITS, images, labels);
    checksum(images, DIGITS * (DIGITS_PIXELS + 1), text);
    CHECK_TEXT(text, "6ea38dcfcba689c70cb2a0c2a15d473d55895398af94e8e1305c65b78290732c");
    digits_draw(DIGITS_TEST, 0, DIGITS, images, labels);
    checksum(images, DIGITS * (DIGITS_PIXELS + 1), text);
    CHECK_TEXT(text, "d9833651f8eca8fea368e3f147f727e71da5bd863126e5a9f1a8249b0544c6ed");
    free(images);
}

/* Every digit occurs, is in the middle, has ink, and does not touch the border. */
static void digits_shape(const void *argument)
{
    uint8_t *images = check_allocate(DIGITS, DIGITS_PIXELS + 1);
    uint8_t *labels = images + DIGITS * DIGITS_PIXELS;
    int counts[DIGITS_CLASSES] = {0}, border = 0;

    (void)argument;

    digits_draw(DIGITS_TRAIN, 0, DIGITS, images, labels);
    for (int i = 0; i < DIGITS; ++i) {
        const uint8_t *image = images + i * DIGITS_PIXELS;
        double mass = 0, x = 0, y = 0;

        for (int k = 0; k < DIGITS_PIXELS; ++k) {
            int column = k % DIGITS_SIDE, row = k / DIGITS_SIDE;

            mass += image[k];
            x += image[k] * (column + 0.5);
            y += image[k] * (row + 0.5);
            border += image[k] && (column == 0 || row == 0 || column == DIGITS_SIDE - 1 || row == DIGITS_SIDE - 1);
        }
        ++counts[labels[i]];
        if (!(mass > 255 * 15 && mass < 255 * 350 && fabs(x / mass - 14) < 3 && fabs(y / mass - 14) < 3))
            CHECK_FAIL("image %d: ink %g, centre %g, %g", i, mass / 255, x / mass, y / mass);
    }
    for (int digit = 0; digit < DIGITS_CLASSES; ++digit)
        CHECK_CLOSE(counts[digit], DIGITS / 10, 5 * sqrt(DIGITS / 10));
    CHECK_CLOSE(border, 0, DIGITS * 108 / 1000); /* at most 0.1% of the border's pixels */
    free(images);
}

/* ---- Augmentation ----------------------------------------------------------------------------- */

/* Noise, so that a pixel taken from the wrong place shows. */
static void draw_noise(uint8_t *image, uint64_t index)
{
    struct random_stream random = random_open(99, RANDOM_DIGITS_TEST, 1, index);

    for (int i = 0; i < PIXELS; ++i)
        image[i] = (uint8_t)random_bits(&random);
}

/* What lies at column x and row y, where the centre of pixel i is i + .5; `fill` outside the image. */
typedef double reference_sampler(const uint8_t *plane, double x, double y, double fill);

static bool is_inside(double x, double y)
{
    return x >= 0 && x < WIDTH && y >= 0 && y < HEIGHT;
}

static double reference_nearest(const uint8_t *plane, double x, double y, double fill)
{
    return is_inside(x, y) ? plane[(int)y * WIDTH + (int)x] : fill;
}

/* Every pixel is a tent over the centres around its own; what the tents leave at the border is the nearest pixel's. */
static double reference_bilinear(const uint8_t *plane, double x, double y, double fill)
{
    const double column = fmin(fmax(x - 0.5, 0), WIDTH - 1), row = fmin(fmax(y - 0.5, 0), HEIGHT - 1);
    double sum = 0;

    for (int i = 0; i < PLANE; ++i)
        sum += plane[i] * fmax(0, 1 - fabs(column - i % WIDTH)) * fmax(0, 1 - fabs(row - i / WIDTH));
    return is_inside(x, y) ? sum : fill;
}

/*
 * An output pixel looks along the inverse map for the input pixel that it falls into, with libm's functions and no
 * fixed point. Which random number is which is part of what a seed means: angle, shifts, scale, shear.
 */
static void reference_geometry(const uint8_t *in, double *out, reference_sampler *sample, uint64_t index,
                               double degrees, double shear, double translate, double low, double high, uint8_t fill)
{
    const double radian = 3.14159265358979323846 / 180;
    struct random_stream random = random_open(1, RANDOM_AUGMENT, 5, index);
    double angle = radian * random_uniform(&random, -degrees, degrees);
    double shift_x = floor(0.5 + random_uniform(&random, -translate * WIDTH, translate * WIDTH));
    double shift_y = floor(0.5 + random_uniform(&random, -translate * HEIGHT, translate * HEIGHT));
    double scale = random_uniform(&random, low, high);
    double tangent = tan(radian * random_uniform(&random, -shear, shear));

    for (int i = 0; i < PIXELS; ++i) {
        /* Undo the shift, then the rotation and the scale, then the shear (x' = x - tangent * y). */
        double x = i % WIDTH + 0.5 - WIDTH / 2.0 - shift_x;
        double y = i % PLANE / WIDTH + 0.5 - HEIGHT / 2.0 - shift_y;
        double turned_x = (x * cos(angle) + y * sin(angle)) / scale;
        double turned_y = (y * cos(angle) - x * sin(angle)) / scale;
        double column = turned_x + tangent * turned_y + WIDTH / 2.0;
        out[i] = sample(in + i / PLANE * PLANE, column, turned_y + HEIGHT / 2.0, fill);
    }
}

struct geometry {
    const char *spec;
    double degrees, shear, translate, low, high;
    uint8_t fill;
};

/* Compares `images` images. A pixel may be off by `allowed` grey levels, one of a thousand by more. */
static void check_geometry(const struct geometry *geometry, const char *options, reference_sampler *sample, int images,
                           double allowed)
{
    uint8_t image[PIXELS];
    static double expected[PIXELS];
    char spec[120];
    int differences = 0;

    snprintf(spec, sizeof spec, "%s%s", geometry->spec, options);
    for (int index = 0; index < images; ++index) {
        draw_noise(image, (uint64_t)index);
        reference_geometry(image, expected, sample, (uint64_t)index, geometry->degrees, geometry->shear,
                           geometry->translate, geometry->low, geometry->high, geometry->fill);
        augment(spec, (uint64_t)index, image);
        for (int i = 0; i < PIXELS; ++i)
            differences += fabs(image[i] - expected[i]) > allowed;
    }
    /* Where 16 bits after the point decide between neighbours: a row's error of 28 * 2^-17, twice. */
    if (differences > images * PIXELS / 1000)
        CHECK_FAIL("%s: %d of %d pixels differ", spec, differences, images * PIXELS);
}

static void augment_geometry(const void *argument)
{
    static const struct geometry cases[] = {
        {"rotate:6", 6, 0, 0, 1, 1, 0},
        {"rotate:deg=180,fill=9", 180, 0, 0, 1, 1, 9},
        {"affine:deg=20", 20, 0, 0, 1, 1, 0},
        {"affine:shear=40:fill=255", 0, 40, 0, 1, 1, 255},
        {"affine:translate=.3,fill=1", 0, 0, .3, 1, 1, 1},
        {"affine:scale=.5-2", 0, 0, 0, .5, 2, 0},
        {"affine:deg=7,shear=7,translate=.1,scale=.8-1.2", 7, 7, .1, .8, 1.2, 0},
    };

    (void)argument;

    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; ++c) {
        check_geometry(&cases[c], "", reference_nearest, 200, 0);
        check_geometry(&cases[c], ":interpolation=nearest", reference_nearest, 20, 0);
        /* Half a grey level of rounding, and 255 times the error of the coordinates. */
        check_geometry(&cases[c], ",interpolation=bilinear", reference_bilinear, 20, 0.7);
    }
}

/* The pixel that is seen at a coordinate between two mirrors, on the first and on the last pixel. */
static int reflected(int index, int side)
{
    while (index < 0 || index >= side)
        index = index < 0 ? -index : 2 * (side - 1) - index;
    return index;
}

/* Displacements in double, each as one sum over the square of the Gaussian. */
static void reference_displacements(struct random_stream *random, double alpha, double sigma, double *out)
{
    const int radius = (int)(8 * sigma + 1) / 2;
    static double noise[PLANE];
    double total = 0;

    for (int i = 0; i < PLANE; ++i)
        noise[i] = random_uniform(random, -1, 1);
    for (int i = -radius; i <= radius; ++i)
        total += exp(-i * i / (2 * sigma * sigma));
    for (int pixel = 0; pixel < PLANE; ++pixel) {
        double sum = 0;

        for (int i = -radius; i <= radius; ++i) {
            for (int j = -radius; j <= radius; ++j)
                sum += exp(-(i * i + j * j) / (2 * sigma * sigma)) *
                       noise[reflected(pixel / WIDTH + i, HEIGHT) * WIDTH + reflected(pixel % WIDTH + j, WIDTH)];
        }
        out[pixel] = alpha / 2 * sum / (total * total);
    }
}

static void check_elastic(const char *spec, double alpha, double sigma, uint8_t fill, reference_sampler *sample,
                          double allowed)
{
    enum { IMAGES = 5 };
    static double right[PLANE], down[PLANE];
    uint8_t image[PIXELS], original[PIXELS];
    int differences = 0;

    for (uint64_t index = 0; index < IMAGES; ++index) {
        struct random_stream random = random_open(1, RANDOM_AUGMENT, 5, index);

        draw_noise(image, index);
        memcpy(original, image, PIXELS);
        reference_displacements(&random, alpha, sigma, right);
        reference_displacements(&random, alpha, sigma, down);
        augment(spec, index, image);
        for (int i = 0; i < PIXELS; ++i) {
            const double x = i % WIDTH + 0.5 + right[i % PLANE], y = i % PLANE / WIDTH + 0.5 + down[i % PLANE];

            differences += fabs(image[i] - sample(original + i / PLANE * PLANE, x, y, fill)) > allowed;
        }
    }
    if (differences > IMAGES * PIXELS / 1000)
        CHECK_FAIL("%s: %d of %d pixels differ", spec, differences, IMAGES * PIXELS);
}

/* With torchvision's formula. Of the first case, alpha is given and sigma is the default. */
static void augment_elastic(const void *argument)
{
    (void)argument;

    check_elastic("elastic:alpha=50", 50, 5, 0, reference_bilinear, 0.7);
    check_elastic("elastic:sigma=3,alpha=200:fill=9", 200, 3, 9, reference_bilinear, 0.7);
    check_elastic("elastic:sigma=.5,alpha=3", 3, .5, 0, reference_bilinear, 0.7);
    check_elastic("elastic:interpolation=nearest,sigma=4,alpha=68", 68, 4, 0, reference_nearest, 0);
}

static double stretched(double value, double centre, double factor)
{
    double result = floor(centre + factor * (value - centre) + 1e-9);

    return result < 0 ? 0 : result > 255 ? 255 : result;
}

static double reference_mean(const uint8_t *image)
{
    double sum = 0;

    for (int i = 0; i < PIXELS; ++i)
        sum += image[i];
    return floor(sum / PIXELS + 0.5);
}

static void augment_jitter(const void *argument)
{
    uint8_t image[PIXELS], expected[PIXELS];
    int brightness_first = 0;

    (void)argument;

    for (uint64_t index = 0; index < 200; ++index) {
        struct random_stream random = random_open(1, RANDOM_AUGMENT, 5, index);
        double brightness = floor(random_uniform(&random, 0.6, 1.4) * 16384 + 0.5) / 16384;
        double contrast = floor(random_uniform(&random, 0.2, 1.8) * 16384 + 0.5) / 16384;
        bool first = random_bits(&random) >> 63;

        draw_noise(image, index);
        memcpy(expected, image, PIXELS);
        for (int turn = 0; turn < 2; ++turn) {
            bool brighten = (turn == 0) == first;
            double centre = brighten ? 0 : reference_mean(expected);

            for (int i = 0; i < PIXELS; ++i)
                expected[i] = (uint8_t)stretched(expected[i], centre, brighten ? brightness : contrast);
        }
        augment("jitter:brightness=.4,contrast=.8", index, image);
        if (memcmp(image, expected, PIXELS) != 0)
            CHECK_FAIL("image %" PRIu64 " differs", index);
        brightness_first += first;
    }
    CHECK(brightness_first > 60 && brightness_first < 140);
}

/* A list is its operations one after another, with one stream of random numbers. */
static void check_golden(const char *spec, int operations, const char *expected)
{
    enum { IMAGES = 500 };
    uint8_t *images = check_allocate(IMAGES, DIGITS_PIXELS + 1);
    struct augment_list list;
    void *scratch;
    char text[65];

    digits_draw(DIGITS_TRAIN, 0, IMAGES, images, images + IMAGES * DIGITS_PIXELS);
    CHECK(augment_parse(&list, spec, "--augment") == 0 && list.count == operations);
    scratch = check_allocate(augment_scratch_bytes(&list, 1, DIGITS_SIDE, DIGITS_SIDE), 1);
    for (uint64_t i = 0; i < IMAGES; ++i) {
        struct random_stream random = random_open(1, RANDOM_AUGMENT, 0, i);

        augment_apply(&list, &random, images + i * DIGITS_PIXELS, scratch, 1, DIGITS_SIDE, DIGITS_SIDE);
    }
    checksum(images, IMAGES * DIGITS_PIXELS, text);
    CHECK_TEXT(text, expected);
    free(scratch);
    free(images);
}

static void augment_golden(const void *argument)
{
    uint8_t noise[PIXELS], same[PIXELS];
    struct augment_list list;

    (void)argument;

    check_golden("affine", 3, "82f326fa72579be098d3a1b2768386ab911bebef7a61160c117d91c43460fa53");
    check_golden("rotate:6:fill=1:interpolation=bilinear,affine:deg=7,shear=7,translate=.1,scale=.8-1.2,"
                 "interpolation=bilinear",
                 2, "9bc85db1ebe5d294425a520953b53ce390e1d35147236ab62df7baaee9ec2db0");
    check_golden("elastic:alpha=60:sigma=4,jitter:.4", 2,
                 "512d508a67762d916a6997bfc7a7a8dd85dd7e101c566221e8feddf47355c5e1");
    CHECK(augment_parse(&list, "none", "--augment") == 0 && list.count == 0);
    draw_noise(noise, 1);
    memcpy(same, noise, PIXELS);
    augment("rotate:0,affine:deg=0,jitter:0", 1, noise);
    CHECK(memcmp(noise, same, PIXELS) == 0);
    augment("rotate:0:interpolation=bilinear,affine:interpolation=bilinear,elastic:alpha=0", 1, noise);
    CHECK(memcmp(noise, same, PIXELS) == 0);
}

/* Names without parameters, alone and in lists. */
static void augment_short_names(const void *argument)
{
    static const char affine[] = "rotate:6:fill=1,affine:deg=7,shear=7,translate=.1,scale=.8-1.2,jitter:.4";
    static const char *const pairs[][2] = {
        {"rotate", "rotate:7:fill=1"},
        {"affine", affine},
        {"elastic", "elastic:alpha=50,sigma=5"},
        {"elastic,rotate", "elastic:alpha=50,rotate:7:fill=1"},
        {"rotate,elastic,jitter:.1", "rotate:7:fill=1,elastic:sigma=5,jitter:.1"},
        {"rotate,6", "rotate:6"},
        {"jitter:.2,affine", "jitter:.2,rotate:6:fill=1,affine:deg=7,shear=7,translate=.1,scale=.8-1.2,jitter:.4"},
    };

    (void)argument;

    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; ++i) {
        struct augment_list brief, full;

        CHECK(augment_parse(&brief, pairs[i][0], "--augment") == 0);
        CHECK(augment_parse(&full, pairs[i][1], "--augment") == 0);
        CHECK_EQUAL(brief.count, full.count);
        for (int k = 0; k < full.count; ++k) {
            const struct augment_operation *a = &brief.operations[k], *b = &full.operations[k];

            if (a->kind != b->kind ||
                memcmp(&a->degrees, &b->degrees, sizeof *a - offsetof(struct augment_operation, degrees)) != 0)
                CHECK_FAIL("operation %d of %s differs from that of %s", k, pairs[i][0], pairs[i][1]);
        }
    }
}

/* ---- Shifts ----------------------------------------------------------------------------------- */

static void shifts(const void *argument)
{
    uint8_t image[PIXELS], out[PIXELS];
    int wrong = 0;

    (void)argument;

    draw_noise(image, 7);
    for (int right = -WIDTH - 1; right <= WIDTH + 1; right += right < -2 || right > 1 ? 3 : 1) {
        for (int down = -HEIGHT - 1; down <= HEIGHT + 1; ++down) {
            memset(out, 0, sizeof out);
            shift_planes(out, image, CHANNELS, HEIGHT, WIDTH, right, down);
            for (int i = 0; i < PIXELS; ++i) {
                const int row = i % PLANE / WIDTH - down, column = i % WIDTH - right;
                const int inside = (row < 0 ? 0 : row > HEIGHT - 1 ? HEIGHT - 1 : row) * WIDTH;
                const int source = inside + (column < 0 ? 0 : column > WIDTH - 1 ? WIDTH - 1 : column);
                wrong += out[i] != image[i / PLANE * PLANE + source];
            }
        }
    }
    CHECK_EQUAL(wrong, 0);
}

/* ---- Batches ---------------------------------------------------------------------------------- */

/* Writes the images of the batches first to last - 1 in their order; returns how many there are. */
static int collect(int64_t seed, int64_t first, int64_t last, uint8_t *order)
{
    uint8_t bytes[SET];
    struct dataset data = numbered_images(bytes);
    struct augment_list none = {0};
    struct pipeline_options options = {
        .data = &data, .augment = &none, .batch = BATCH, .seed = seed, .first_batch = first, .last_batch = last};
    struct pipeline *pipeline = NULL;
    const uint8_t *images, *labels;
    int count = 0;

    if (!CHECK(pipeline_open(&pipeline, &options) == 0))
        return 0;
    for (int64_t batch = first; batch < last; ++batch) {
        int64_t got = pipeline_next(pipeline, &images, &labels);

        CHECK_EQUAL(got, batch % BATCHES == BATCHES - 1 ? SET % BATCH : BATCH);
        CHECK(memcmp(images, labels, (size_t)got) == 0);
        memcpy(order + count, images, (size_t)got);
        count += (int)got;
    }
    CHECK_EQUAL(pipeline_next(pipeline, &images, &labels), 0);
    pipeline_close(pipeline);
    return count;
}

/* Each rank has its share of a batch, or a short one whole, and the rest of the memory is left alone. */
static void ranks_share_batches(const void *argument)
{
    uint8_t bytes[SET];
    struct dataset data = numbered_images(bytes);
    struct augment_list none = {0};
    const uint8_t *images, *labels;

    (void)argument;
    for (int32_t ranks = 1; ranks <= 4; ++ranks) {
        uint8_t order[SET], shared[SET];
        int64_t shares = 0;

        CHECK_EQUAL(collect(1, 0, BATCHES, order), SET);
        memset(shared, 0, sizeof shared);
        for (int32_t rank = 0; rank < ranks; ++rank) {
            struct pipeline_options options = {.data = &data,
                                               .augment = &none,
                                               .batch = BATCH,
                                               .seed = 1,
                                               .last_batch = BATCHES,
                                               .ranks = ranks,
                                               .rank = rank};
            struct pipeline *pipeline = NULL;

            if (!CHECK(pipeline_open(&pipeline, &options) == 0))
                return;
            for (int64_t batch = 0, count; batch < BATCHES; ++batch) {
                count = pipeline_next(pipeline, &images, &labels);
                const struct batch_part part = pipeline_part(&options, count);

                CHECK(part.count > 0 && part.whole == (part.count == count));
                CHECK(memcmp(images + part.first, order + batch * BATCH + part.first, (size_t)part.count) == 0);
                memcpy(shared + batch * BATCH + part.first, images + part.first, (size_t)part.count);
                shares += part.whole && rank > 0 ? 0 : part.count;
            }
            pipeline_close(pipeline);
        }
        CHECK_EQUAL(shares, SET);
        CHECK(memcmp(shared, order, SET) == 0);
    }
}

static void batches_cover_every_epoch(const void *argument)
{
    uint8_t order[3 * SET], again[3 * SET];
    int equal = 0;

    (void)argument;

    CHECK_EQUAL(collect(1, 0, 3 * BATCHES, order), 3 * SET);
    for (int epoch = 0; epoch < 3; ++epoch) {
        int seen[SET] = {0}, moved = 0;

        for (int i = 0; i < SET; ++i) {
            ++seen[order[epoch * SET + i]];
            moved += order[epoch * SET + i] != i;
        }
        for (int i = 0; i < SET; ++i)
            CHECK_EQUAL(seen[i], 1);
        CHECK(moved > SET / 2);
    }
    for (int i = 0; i < SET; ++i)
        equal += order[i] == order[SET + i];
    CHECK(equal < SET / 4); /* another epoch, another order */

    CHECK_EQUAL(collect(1, 0, 3 * BATCHES, again), 3 * SET);
    CHECK(memcmp(order, again, 3 * SET) == 0);
    CHECK_EQUAL(collect(2, 0, BATCHES, again), SET);
    CHECK(memcmp(order, again, SET) != 0);
    /* Beginning in the middle of the second epoch is the same as never having stopped. */
    CHECK_EQUAL(collect(1, BATCHES + 5, 3 * BATCHES, again), 2 * SET - 5 * BATCH);
    CHECK(memcmp(order + SET + 5 * BATCH, again, 2 * SET - 5 * BATCH) == 0);
}

static void batches_stop_early(const void *argument)
{
    uint8_t bytes[SET];
    struct dataset data = numbered_images(bytes);
    struct augment_list none = {0};
    struct pipeline_options options = {
        .data = &data, .augment = &none, .batch = BATCH, .seed = 1, .last_batch = INT64_C(1) << 40};
    const uint8_t *images, *labels;

    (void)argument;

    for (int taken = 0; taken < 8; ++taken) {
        struct pipeline *pipeline = NULL;

        if (!CHECK(pipeline_open(&pipeline, &options) == 0))
            return;
        for (int i = 0; i < taken; ++i)
            CHECK_EQUAL(pipeline_next(pipeline, &images, &labels), BATCH);
        pipeline_close(pipeline);
    }
    pipeline_close(NULL);
}

/* ---- Pictures --------------------------------------------------------------------------------- */

/* In memory of exactly its size, so that reading beyond it shows under a sanitizer. */
static int read_copy(const uint8_t *bytes, size_t size)
{
    struct picture picture = {0};
    uint8_t *copy = malloc(size ? size : 1);

    if (!CHECK(copy != NULL))
        return 1;
    memcpy(copy, bytes, size);
    struct pnm_file file = {copy, copy + size, "picture"};
    int code = pnm_read(&file, &picture);
    if (code == 0) {
        CHECK(picture.channels == 1 || picture.channels == 3);
        CHECK(picture.width >= 1 && picture.width <= PICTURE_MAX_SIDE);
        CHECK(picture.height >= 1 && picture.height <= PICTURE_MAX_SIDE);
    } else {
        CHECK(picture.pixels == NULL);
    }
    picture_free(&picture);
    free(copy);
    return code;
}

/* Every cut and a thousand random changes of an image of each of the six kinds. */
static void pictures_with_any_contents(const void *argument)
{
    static const char bytes[] = "P5 #9\n2 3\n255\nabcdef", colours[] = "P6\n1 2 255\nabcdef";
    static const char text[] = "P2\n2 3 # 3\n9\n1 2 3\n4 5 6\n", colour_text[] = "P3 1 2 255 1 22 3 44 5 66\n";
    static const char bits[] = "P1 3 2\n101 0 1 0\n", packed_bits[] = "P4 3 2 ab";
    static const char *const pictures[] = {bytes, colours, text, colour_text, bits, packed_bits};
    static const char likely[] = "0123456789 #\nP-";
    struct random_stream random = random_open(1, RANDOM_AUGMENT, 0, 0);

    (void)argument;

    for (size_t i = 0; i < sizeof pictures / sizeof pictures[0]; ++i) {
        const size_t size = strlen(pictures[i]);
        uint8_t changed[64];

        CHECK_EQUAL(read_copy((const uint8_t *)pictures[i], size), 0);
        for (size_t cut = 0; cut + 2 < size; ++cut)
            CHECK(read_copy((const uint8_t *)pictures[i], cut) != 0);
        for (int trial = 0; trial < 1000; ++trial) {
            memcpy(changed, pictures[i], size);
            for (uint32_t k = 0; k <= random_below(&random, 3); ++k) {
                uint32_t place = random_below(&random, (uint32_t)size);

                changed[place] = random_below(&random, 2) ? (uint8_t)likely[random_below(&random, sizeof likely - 1)]
                                                          : (uint8_t)random_below(&random, 256);
            }
            read_copy(changed, size);
        }
    }
}

/* ---- Kinds of files --------------------------------------------------------------------------- */

/* The messages are on standard error; what they say is tested where the program runs. */
static void kinds_of_files(const void *argument)
{
    (void)argument;
    for (size_t i = 0; i < sizeof file_samples / sizeof file_samples[0]; ++i) {
        for (size_t size = 0; size <= file_samples[i].size; ++size) {
            uint8_t *copy = malloc(size ? size : 1);

            if (!CHECK(copy != NULL))
                return;
            memcpy(copy, file_samples[i].bytes, size);
            CHECK_EQUAL(file_kind_reject("file", copy, size, "an IDX file"), 1);
            free(copy);
        }
        const char *name = file_kind_name((const uint8_t *)file_samples[i].bytes, file_samples[i].size);
        if (!name || (!strstr(name, file_samples[i].words) && !strstr(name, "zip")))
            CHECK_FAIL("'%s' is told to be %s", file_samples[i].words, name ? name : "unknown");
    }
    for (int first = 2; first < 256; ++first) {
        char model[sizeof sample_safetensors];

        memcpy(model, sample_safetensors, sizeof model);
        model[0] = (char)first;
        CHECK_TEXT(file_kind_name((const uint8_t *)model, sizeof model), "a model (safetensors)");
    }
    CHECK_TEXT(file_kind_name((const uint8_t *)sample_safetensors, sizeof sample_safetensors), "a model (safetensors)");
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("digits: golden checksums", digits_golden, NULL);
    check_case("digits: shape", digits_shape, NULL);
    check_case("augment: geometry against a reference", augment_geometry, NULL);
    check_case("augment: elastic against a reference", augment_elastic, NULL);
    check_case("augment: jitter against a reference", augment_jitter, NULL);
    check_case("augment: golden checksum", augment_golden, NULL);
    check_case("augment: names without parameters", augment_short_names, NULL);
    check_case("shifts: with any distance", shifts, NULL);
    check_case("batches: every image once per epoch", batches_cover_every_epoch, NULL);
    check_case("batches: ranks have their shares, or a short batch whole", ranks_share_batches, NULL);
    check_case("batches: stop early", batches_stop_early, NULL);
    check_case("file kinds: as the library knows them", kinds_of_files, NULL);
    check_case("pictures: with any contents", pictures_with_any_contents, NULL);
    return check_end();
}
