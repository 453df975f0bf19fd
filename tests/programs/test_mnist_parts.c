/* SPDX-License-Identifier: MIT */
/*
 * The parts of normnet-mnist that the program cannot show one by one: random numbers, angles, SHA-256,
 * JSON, generated digits, augmentation against a plain reference, the order of the batches, the notes of checkpoints
 * and images from strangers. The golden checksums hold on every machine; a change of one changes what every seed leads
 * to.
 */
#include "harness/check.h"

#include "angle.h"
#include "augment.h"
#include "checkpoint.h"
#include "dataset.h"
#include "digits.h"
#include "json.h"
#include "pgm.h"
#include "pipeline.h"
#include "random.h"
#include "sha256.h"

#include <float.h>
#include <stdbool.h>

static void checksum(const void *data, size_t size, char hexadecimal[65])
{
    struct sha256 hash;
    sha256_init(&hash);
    sha256_update(&hash, data, size);
    sha256_final(&hash, hexadecimal);
}

/* ---- SHA-256, random numbers, angles ------------------------------------------------------------- */

/* The examples of FIPS 180-4, and every way to cut a message in two. */
static void sha256_examples(const void *argument)
{
    static char million[1000000];
    char text[65], whole[65];
    struct sha256 hash;
    (void)argument;

    checksum("", 0, text);
    CHECK_TEXT(text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    checksum("abc", 3, text);
    CHECK_TEXT(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    checksum("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, text);
    CHECK_TEXT(text, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    memset(million, 'a', sizeof million);
    checksum(million, sizeof million, text);
    CHECK_TEXT(text, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");

    for (size_t length = 0; length < 200; ++length) {
        checksum(million, length, whole);
        for (size_t cut = 0; cut <= length; ++cut) {
            sha256_init(&hash);
            sha256_update(&hash, million, cut);
            sha256_update(&hash, million + cut, length - cut);
            sha256_final(&hash, text);
            if (strcmp(text, whole) != 0)
                CHECK_FAIL("%zu bytes cut at %zu hash to %s, expected %s", length, cut, text, whole);
        }
    }
}

/* SplitMix64 from state 1234567, the first outputs of the public reference implementation. */
static void random_golden(const void *argument)
{
    const uint64_t expected[] = {UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
                                 UINT64_C(9817491932198370423)};
    struct random_stream stream = {1234567, 0};
    (void)argument;

    for (int i = 0; i < 3; ++i)
        CHECK(random_bits(&stream) == expected[i]);
    struct random_stream a = random_open(1, RANDOM_AUGMENT, 2, 3);
    struct random_stream others[] = {random_open(2, RANDOM_AUGMENT, 2, 3), random_open(1, RANDOM_SHUFFLE, 2, 3),
                                     random_open(1, RANDOM_AUGMENT, 3, 3), random_open(1, RANDOM_AUGMENT, 2, 4),
                                     random_open(1, RANDOM_AUGMENT, 3, 2)};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; ++i)
        CHECK(others[i].key != a.key);
}

static void random_distribution(const void *argument)
{
    enum { DRAWS = 200000, SIDES = 7 };
    struct random_stream stream = random_open(7, RANDOM_SHUFFLE, 0, 0);
    double sum = 0, squares = 0, bell_sum = 0, bell_squares = 0;
    int counts[SIDES] = {0};
    (void)argument;

    for (int i = 0; i < DRAWS; ++i) {
        double value = random_uniform(&stream, -3, 5);
        double bell = random_bell(&stream);
        uint32_t side = random_below(&stream, SIDES);
        if (!(value >= -3 && value < 5 && bell > -3.5 && bell < 3.5 && side < SIDES)) {
            CHECK_FAIL("out of range: %g, %g or %u", value, bell, side);
            return;
        }
        sum += value, squares += value * value;
        bell_sum += bell, bell_squares += bell * bell;
        ++counts[side];
    }
    /* Five standard errors each. */
    CHECK_CLOSE(sum / DRAWS, 1.0, 5 * 8 / sqrt(12.0 * DRAWS));
    CHECK_CLOSE(squares / DRAWS - 1.0, 64 / 12.0, 0.06);
    CHECK_CLOSE(bell_sum / DRAWS, 0.0, 5 / sqrt(DRAWS));
    CHECK_CLOSE(bell_squares / DRAWS, 1.0, 0.015);
    for (int i = 0; i < SIDES; ++i)
        CHECK_CLOSE(counts[i], DRAWS / SIDES, 5 * sqrt((double)DRAWS / SIDES));
}

static void angles(const void *argument)
{
    const double radian = 3.14159265358979323846 / 180;
    double sine, cosine, worst = 0;
    (void)argument;

    for (int i = -72000; i <= 72000; ++i) {
        double degrees = i * 0.01;
        angle_sine_cosine(degrees, &sine, &cosine);
        worst = fmax(worst, fmax(fabs(sine - sin(degrees * radian)), fabs(cosine - cos(degrees * radian))));
    }
    CHECK_CLOSE(worst, 0, 2e-15); /* libm's own argument is rounded: 720 degrees * 2^-53 */
    for (int quarter = -8; quarter <= 8; ++quarter) {
        const int sines[] = {0, 1, 0, -1};
        angle_sine_cosine(90.0 * quarter, &sine, &cosine);
        CHECK(sine == sines[(quarter + 8) % 4] && cosine == sines[(quarter + 9) % 4]);
    }
}

/* ---- JSON ---------------------------------------------------------------------------------------- */

static void json_document(const void *argument)
{
    static const char expected[] = "{\n"
                                   "  \"a\\\"b\\\\c\": \"\\u000a\\u001f\\u007f \xc3\xa9\xf0\x9f\x98\x80"
                                   "\\ufffd\\ufffd\\ufffd\\ufffd\",\n"
                                   "  \"empty\": [],\n"
                                   "  \"numbers\": [\n"
                                   "    0.1,\n"
                                   "    -9223372036854775808,\n"
                                   "    null,\n"
                                   "    null,\n"
                                   "    {\n"
                                   "      \"yes\": true\n"
                                   "    }\n"
                                   "  ]\n"
                                   "}\n";
    char text[sizeof expected + 100] = "";
    FILE *file = tmpfile();
    (void)argument;

    if (!CHECK(file != NULL))
        return;
    struct json_writer json = json_open(file);
    json_begin_object(&json, NULL);
    /* Whole characters, then a lone byte, half a character, an overlong one (two bytes). */
    json_text(&json, "a\"b\\c", "\n\x1f\x7f \xc3\xa9\xf0\x9f\x98\x80\xff\xc3\xc0\x80");
    json_begin_array(&json, "empty");
    json_end_array(&json);
    json_begin_array(&json, "numbers");
    json_real(&json, NULL, 0.1);
    json_integer(&json, NULL, INT64_MIN);
    json_real(&json, NULL, NAN);
    json_real(&json, NULL, INFINITY);
    json_begin_object(&json, NULL);
    json_boolean(&json, "yes", true);
    json_end_object(&json);
    json_end_array(&json);
    json_end_object(&json);
    rewind(file);
    CHECK_EQUAL((int64_t)fread(text, 1, sizeof text - 1, file), (int64_t)sizeof expected - 1);
    fclose(file);
    CHECK_TEXT(text, expected);
}

static void json_numbers(const void *argument)
{
    const double values[] = {0, 1, -1.5, 1.0 / 3, 0.1 + 0.2, 1e300, DBL_MIN, DBL_MAX, DBL_TRUE_MIN, 6e-08};
    (void)argument;

    for (size_t i = 0; i < sizeof values / sizeof values[0]; ++i) {
        char text[64] = "";
        FILE *file = tmpfile();
        if (!CHECK(file != NULL))
            return;
        struct json_writer json = json_open(file);
        json_real(&json, NULL, values[i]);
        rewind(file);
        CHECK(fgets(text, sizeof text, file) != NULL);
        fclose(file);
        if (strtod(text, NULL) != values[i])
            CHECK_FAIL("%.17g is written as %s", values[i], text);
    }
}

/* ---- Generated digits ------------------------------------------------------------------------------ */

enum { DIGITS = 2000 };

static void digits_golden(const void *argument)
{
    uint8_t *images = check_allocate(DIGITS, DIGITS_PIXELS + 1);
    uint8_t *labels = images + DIGITS * DIGITS_PIXELS;
    char text[65];
    (void)argument;

    digits_draw(DIGITS_TRAIN, DIGITS, images, labels);
    checksum(images, DIGITS * (DIGITS_PIXELS + 1), text);
    CHECK_TEXT(text, "6ea38dcfcba689c70cb2a0c2a15d473d55895398af94e8e1305c65b78290732c");
    digits_draw(DIGITS_TEST, DIGITS, images, labels);
    checksum(images, DIGITS * (DIGITS_PIXELS + 1), text);
    CHECK_TEXT(text, "d9833651f8eca8fea368e3f147f727e71da5bd863126e5a9f1a8249b0544c6ed");
    free(images);
}

/* Every digit occurs, lies in the middle, has ink, and keeps off the border. */
static void digits_shape(const void *argument)
{
    uint8_t *images = check_allocate(DIGITS, DIGITS_PIXELS + 1);
    uint8_t *labels = images + DIGITS * DIGITS_PIXELS;
    int counts[DIGITS_CLASSES] = {0}, border = 0;
    (void)argument;

    digits_draw(DIGITS_TRAIN, DIGITS, images, labels);
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
    CHECK_CLOSE(border, 0, DIGITS * 108 / 1000); /* at most 0.1 % of the border's pixels */
    free(images);
}

/* ---- Augmentation ---------------------------------------------------------------------------------- */

enum { HEIGHT = 20, WIDTH = 28, CHANNELS = 3, PLANE = HEIGHT * WIDTH, PIXELS = CHANNELS * PLANE };

/* Noise, so that a pixel taken from the wrong place shows. */
static void draw_noise(uint8_t *image, uint64_t index)
{
    struct random_stream random = random_open(99, RANDOM_DIGITS_TEST, 1, index);
    for (int i = 0; i < PIXELS; ++i)
        image[i] = (uint8_t)random_bits(&random);
}

static void augment(const char *spec, uint64_t index, uint8_t *image)
{
    struct augment_list list;
    struct random_stream random = random_open(1, RANDOM_AUGMENT, 5, index);
    uint8_t scratch[PIXELS];

    if (CHECK(augment_parse(&list, spec) == 0))
        augment_apply(&list, &random, image, scratch, CHANNELS, HEIGHT, WIDTH);
}

/*
 * An output pixel looks along the inverse map for the input pixel that it falls into, with libm's functions and no
 * fixed point. Which random number is which is part of what a seed means: angle, shifts, scale, shear.
 */
static void reference_geometry(const uint8_t *in, uint8_t *out, uint64_t index, double degrees, double shear,
                               double translate, double low, double high, uint8_t fill)
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
        double column = floor(turned_x + tangent * turned_y + WIDTH / 2.0);
        double row = floor(turned_y + HEIGHT / 2.0);
        bool inside = column >= 0 && column < WIDTH && row >= 0 && row < HEIGHT;
        out[i] = inside ? in[i / PLANE * PLANE + (int)row * WIDTH + (int)column] : fill;
    }
}

static void augment_geometry(const void *argument)
{
    static const struct {
        const char *spec;
        double degrees, shear, translate, low, high;
        uint8_t fill;
    } cases[] = {
        {"rotate:6", 6, 0, 0, 1, 1, 0},
        {"rotate:deg=180,fill=9", 180, 0, 0, 1, 1, 9},
        {"affine:deg=20", 20, 0, 0, 1, 1, 0},
        {"affine:shear=40:fill=255", 0, 40, 0, 1, 1, 255},
        {"affine:translate=.3,fill=1", 0, 0, .3, 1, 1, 1},
        {"affine:scale=.5-2", 0, 0, 0, .5, 2, 0},
        {"affine:deg=7,shear=7,translate=.1,scale=.8-1.2", 7, 7, .1, .8, 1.2, 0},
    };
    uint8_t image[PIXELS], expected[PIXELS];
    (void)argument;

    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; ++c) {
        int differences = 0;
        for (uint64_t index = 0; index < 200; ++index) {
            draw_noise(image, index);
            reference_geometry(image, expected, index, cases[c].degrees, cases[c].shear, cases[c].translate,
                               cases[c].low, cases[c].high, cases[c].fill);
            augment(cases[c].spec, index, image);
            for (int i = 0; i < PIXELS; ++i)
                differences += image[i] != expected[i];
        }
        /* Where 16 bits after the point decide between neighbours: a row's error of 28 * 2^-17, twice. */
        if (differences > 200 * PIXELS / 1000)
            CHECK_FAIL("%s: %d of %d pixels differ", cases[c].spec, differences, 200 * PIXELS);
    }
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
static void augment_golden(const void *argument)
{
    enum { IMAGES = 500 };
    uint8_t *images = check_allocate(IMAGES, DIGITS_PIXELS + 1);
    uint8_t scratch[DIGITS_PIXELS], noise[PIXELS], same[PIXELS];
    struct augment_list list;
    char text[65];
    (void)argument;

    digits_draw(DIGITS_TRAIN, IMAGES, images, images + IMAGES * DIGITS_PIXELS);
    CHECK(augment_parse(&list, "affine") == 0 && list.count == 3);
    for (uint64_t i = 0; i < IMAGES; ++i) {
        struct random_stream random = random_open(1, RANDOM_AUGMENT, 0, i);
        augment_apply(&list, &random, images + i * DIGITS_PIXELS, scratch, 1, DIGITS_SIDE, DIGITS_SIDE);
    }
    checksum(images, IMAGES * DIGITS_PIXELS, text);
    CHECK_TEXT(text, "82f326fa72579be098d3a1b2768386ab911bebef7a61160c117d91c43460fa53");
    free(images);

    CHECK(augment_parse(&list, "none") == 0 && list.count == 0);
    draw_noise(noise, 1);
    memcpy(same, noise, PIXELS);
    augment("rotate:0,affine:deg=0,jitter:0", 1, noise);
    CHECK(memcmp(noise, same, PIXELS) == 0);
}

/* ---- Batches --------------------------------------------------------------------------------------- */

enum { SET = 103, BATCH = 10, BATCHES = 11 };

/* Images of one pixel, which says which image it is. */
static struct dataset numbered_images(uint8_t *bytes)
{
    struct dataset data = {.channels = 1, .height = 1, .width = 1, .classes = SET};
    for (int i = 0; i < SET; ++i)
        bytes[i] = (uint8_t)i;
    data.train.images = bytes;
    data.train.labels = bytes;
    data.train.count = SET;
    return data;
}

/* Writes the images of the batches first to last - 1 in their order; returns how many there are. */
static int collect(int64_t seed, int64_t first, int64_t last, uint8_t *order)
{
    uint8_t bytes[SET];
    struct dataset data = numbered_images(bytes);
    struct augment_list none = {0};
    struct pipeline_options options = {&data, &none, BATCH, seed, first, last};
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
    struct pipeline_options options = {&data, &none, BATCH, 1, 0, INT64_C(1) << 40};
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

/* ---- Notes ----------------------------------------------------------------------------------------- */

enum { NOTE_EPOCHS = 700, NOTE_IMAGES = 1000, NOTE_BATCH = 48, NOTE_BATCHES = 21, NOTE_TOTAL = 700 * 21 };

/* A training that has finished so many epochs and two batches of the next. */
static struct training_pass note_training(struct epoch_result *history, int64_t finished)
{
    struct training_pass training = {
        .images = NOTE_IMAGES,
        .history = history,
        .finished = finished,
        .done = 2 * NOTE_BATCH,
        .correct = 17,
        .loss_sum = 1.0 / 3,
        .seconds = 1e-300,
    };

    memset(training.train_data, 'a', 64);
    memset(training.test_data, '5', 64);
    for (int64_t i = 0; i < finished; ++i)
        history[i] = (struct epoch_result){i + 1, 1.0 / (double)(i + 3), 12.3, 1e300, 99.9, 5e-324, 0, 0.1};
    return training;
}

static char *write_note(struct epoch_result *history, int64_t finished)
{
    const struct settings settings = {
        .preset = 1, .limit = 5, .batch = NOTE_BATCH, .epochs = NOTE_EPOCHS, .augment = "rotate:6"};
    const struct training_pass training = note_training(history, finished);
    return checkpoint_write_note(&settings, &training);
}

/* Takes the note; the checkpoint has no model. */
static int read_note(struct checkpoint *checkpoint, char *note, int64_t step)
{
    *checkpoint = (struct checkpoint){.note = note};
    return checkpoint_read_note(checkpoint, "file", step, NOTE_TOTAL);
}

/* Also with more epochs than a note has room for: the oldest are forgotten. */
static void notes_read_back(const void *argument)
{
    static struct epoch_result history[NOTE_EPOCHS];
    struct checkpoint checkpoint;
    (void)argument;

    for (int64_t finished = 0; finished < NOTE_EPOCHS; finished += 233) {
        char *note = write_note(history, finished);
        if (!CHECK(note && strlen(note) <= 65536))
            return;
        CHECK_EQUAL(read_note(&checkpoint, note, finished * NOTE_BATCHES + 2), 0);
        const struct training_pass *training = &checkpoint.training;
        CHECK_EQUAL(checkpoint.settings.preset, 1);
        CHECK_EQUAL(checkpoint.settings.limit, 5);
        CHECK_EQUAL(checkpoint.settings.batch, NOTE_BATCH);
        CHECK_EQUAL(checkpoint.settings.epochs, NOTE_EPOCHS);
        CHECK_TEXT(checkpoint.settings.augment, "rotate:6");
        CHECK_EQUAL(training->finished, finished);
        CHECK_EQUAL(training->done, 2 * NOTE_BATCH);
        CHECK_EQUAL(training->correct, 17);
        CHECK(training->loss_sum == 1.0 / 3 && training->seconds == 1e-300);
        CHECK_EQUAL(training->forgotten > 0, finished > 600);
        CHECK(finished - training->forgotten >= (finished < 400 ? finished : 400));
        for (int64_t i = training->forgotten; i < finished; ++i) {
            history[i].images_per_second = NOTE_IMAGES / history[i].seconds;
            CHECK(memcmp(&history[i], &training->history[i], sizeof history[i]) == 0);
        }
        checkpoint_close(&checkpoint);
    }
}

/* The text of --augment has its own parser. */
static bool in_augment(const char *note, size_t place)
{
    const char *augment = strstr(note, "augment ") + strlen("augment ");
    return place >= (size_t)(augment - note) && place < (size_t)(strchr(augment, '\n') - note);
}

/* A note that is cut at any place, or has a wrong byte there, is refused. */
static void notes_are_read_strictly(const void *argument)
{
    static struct epoch_result history[NOTE_EPOCHS];
    static const char wrong[] = {0, ' ', '\n', '-', 'g', '\x80'};
    struct checkpoint checkpoint;
    char *whole = write_note(history, 2);
    (void)argument;

    for (size_t i = 0; whole && whole[i]; ++i) {
        for (size_t k = 0; k < sizeof wrong; ++k) {
            char *note = write_note(history, 2);
            if (!CHECK(note != NULL) || note[i] == wrong[k] || (in_augment(whole, i) && wrong[k] && wrong[k] != '\n')) {
                free(note);
                continue;
            }
            note[i] = wrong[k];
            if (read_note(&checkpoint, note, 2 * NOTE_BATCHES + 2) == 0)
                CHECK_FAIL("0x%02x as byte %zu is accepted", (unsigned)(unsigned char)wrong[k], i);
            checkpoint_close(&checkpoint);
        }
    }
    free(whole);
}

static void notes_of_other_trainings(const void *argument)
{
    static struct epoch_result history[NOTE_EPOCHS];
    const int64_t steps[] = {-1, 0, 2, 42, 43, 45, 65, NOTE_TOTAL, NOTE_TOTAL + 1};
    struct checkpoint checkpoint;
    (void)argument;

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; ++i) {
        char *note = steps[i] < 0 ? calloc(1, 1) : write_note(history, 2);
        int code = read_note(&checkpoint, note, steps[i]);
        /* The numbers of the epoch in progress could be those of any step but its first. */
        CHECK_EQUAL(code, steps[i] == 43 || steps[i] == 45 ? 0 : 1);
        checkpoint_close(&checkpoint);
    }
}

/* ---- Settings ---------------------------------------------------------------------------------------- */

/* The library's limit is for models of strangers. */
static void a_training_may_be_large(const void *argument)
{
    uint8_t bytes[SET];
    struct dataset data = numbered_images(bytes);
    struct settings settings;
    normnet_config config;
    (void)argument;

    settings_init(&settings);
    settings_configure(&settings, &data, &config);
    CHECK_EQUAL(config.memory_limit, 0);
}

/* ---- Pictures ------------------------------------------------------------------------------------ */

/* In memory of its own size, so that reading beyond it shows under a sanitizer. */
static int read_copy(const uint8_t *bytes, size_t size)
{
    struct picture picture = {0};
    uint8_t *copy = malloc(size ? size : 1);

    if (!CHECK(copy != NULL))
        return 1;
    memcpy(copy, bytes, size);
    int code = picture_read(&picture, copy, size, "picture");
    if (code == 0) {
        CHECK(picture.channels == 1 || picture.channels == 3);
        CHECK(picture.width >= 1 && picture.width <= PICTURE_MOST_SIDE);
        CHECK(picture.height >= 1 && picture.height <= PICTURE_MOST_SIDE);
    } else {
        CHECK(picture.pixels == NULL);
    }
    picture_free(&picture);
    free(copy);
    return code;
}

/* Every cut and a thousand random changes of an image of each of the four kinds. */
static void pictures_from_strangers(const void *argument)
{
    static const char bytes[] = "P5 #9\n2 3\n255\nabcdef", colours[] = "P6\n1 2 255\nabcdef";
    static const char text[] = "P2\n2 3 # 3\n9\n1 2 3\n4 5 6\n", colour_text[] = "P3 1 2 255 1 22 3 44 5 66\n";
    static const char *const pictures[] = {bytes, colours, text, colour_text};
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

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("sha256", sha256_examples, NULL);
    check_case("random numbers: golden values", random_golden, NULL);
    check_case("random numbers: distribution", random_distribution, NULL);
    check_case("angles", angles, NULL);
    check_case("json: a document", json_document, NULL);
    check_case("json: numbers read back", json_numbers, NULL);
    check_case("digits: golden checksums", digits_golden, NULL);
    check_case("digits: shape", digits_shape, NULL);
    check_case("augment: geometry against a reference", augment_geometry, NULL);
    check_case("augment: jitter against a reference", augment_jitter, NULL);
    check_case("augment: golden checksum", augment_golden, NULL);
    check_case("batches: every image once per epoch", batches_cover_every_epoch, NULL);
    check_case("batches: stop early", batches_stop_early, NULL);
    check_case("settings: a training may be large", a_training_may_be_large, NULL);
    check_case("notes: read back", notes_read_back, NULL);
    check_case("notes: read strictly", notes_are_read_strictly, NULL);
    check_case("notes: of other trainings", notes_of_other_trainings, NULL);
    check_case("pictures: from strangers", pictures_from_strangers, NULL);
    return check_end();
}
