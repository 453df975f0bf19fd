/* SPDX-License-Identifier: MIT */
/* Parts of normnet-mnist: SHA-256, random numbers, angles, logarithms and JSON. The golden values hold on every
 * machine. */
#include "part_checks.h"

#include "support/angle.h"
#include "support/json.h"
#include "support/logarithm.h"
#include "support/random.h"

#include <float.h>
#include <stdbool.h>

/* ---- SHA-256, random numbers, angles ---------------------------------------------------------- */

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

static void logarithms(const void *argument)
{
    static const double special[] = {1, 2, 0.5, 10, DBL_MIN, DBL_MAX, FLT_MIN, 1 - DBL_EPSILON / 2, 1 + DBL_EPSILON};
    struct random_stream random = random_open(3, RANDOM_AUGMENT, 0, 0);
    char text[65];
    struct sha256 hash;

    (void)argument;

    for (size_t i = 0; i < sizeof special / sizeof special[0]; ++i)
        CHECK_CLOSE(logarithm(special[i]), log(special[i]), 4 * DBL_EPSILON * fabs(log(special[i])));
    CHECK(logarithm(1) == 0);
    sha256_init(&hash);
    for (int i = 0; i < 100000; ++i) {
        const double fraction = random_uniform(&random, 0.5, 1);
        const double x = ldexp(fraction, (int)random_below(&random, 600) - 400);
        const double found = logarithm(x), expected = log(x);
        uint64_t bits;

        if (!(fabs(found - expected) <= 4 * DBL_EPSILON * fmax(fabs(expected), 0.01)))
            CHECK_FAIL("logarithm(%a) is %a, expected %a", x, found, expected);
        memcpy(&bits, &found, sizeof bits);
        for (int k = 0; k < 8; ++k)
            sha256_update(&hash, &(const uint8_t){(uint8_t)(bits >> (8 * k))}, 1);
    }
    sha256_final(&hash, text);
    CHECK_TEXT(text, "ce4d1f0b5c82231a858dd70bbcf3f2bca0c2e83b8c48c03a77721d77dd2f424e");
}

/* ---- JSON ------------------------------------------------------------------------------------- */

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

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("sha256", sha256_examples, NULL);
    check_case("random numbers: golden values", random_golden, NULL);
    check_case("random numbers: distribution", random_distribution, NULL);
    check_case("angles", angles, NULL);
    check_case("logarithms", logarithms, NULL);
    check_case("json: a document", json_document, NULL);
    check_case("json: numbers read back", json_numbers, NULL);
    return check_end();
}
