/* SPDX-License-Identifier: MIT */
/* Parts of `normnet-mnist study`: Student's t against scipy 1.18, Holm's correction, and the reader of JSON. */
#include "harness/check.h"

#include "study/statistics.h"
#include "support/json.h"
#include "support/json_reader.h"

#include <math.h>
#include <stdlib.h>

/* ---- Statistics -------------------------------------------------------------------------------- */

static void expect_near(const char *what, double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-11 * fmax(1, fabs(expected))))
        CHECK_FAIL("%s is %.17g, expected %.17g", what, value, expected);
}

/* 1 - 2 * scipy.stats.t.sf(t, n) */
static void student_distribution(const void *argument)
{
    const struct {
        double t;
        int degrees;
        double within;
    } rows[] = {
        {1, 1, 0.49999999999999989},    {2.5, 7, 0.95900778141424714}, {2, 2, 0.81649658092772603},
        {3, 4, 0.96005803192828121},    {1.5, 9, 0.83214934394292495}, {2.0, 29, 0.94505636281703287},
        {4.3, 10, 0.99843855990744468}, {0.5, 99, 0.3818153559755938}, {0, 5, 0},
    };

    (void)argument;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i)
        expect_near("P(|t| <= x)", student_within(rows[i].t, rows[i].degrees), rows[i].within);
}

/* scipy.stats.t.ppf((1 + probability) / 2, n) */
static void student_quantiles(const void *argument)
{
    const struct {
        double probability;
        int degrees;
        double t;
    } rows[] = {
        {0.95, 1, 12.706204736174694},  {0.95, 2, 4.3026527297494619},  {0.95, 3, 3.1824463052837078},
        {0.95, 4, 2.7764451051977934},  {0.95, 9, 2.2621571627982049},  {0.95, 29, 2.045229642132703},
        {0.95, 99, 1.9842169515864174}, {0.999, 4, 8.6103015813795221},
    };

    (void)argument;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i)
        expect_near("the quantile", student_quantile(rows[i].probability, rows[i].degrees), rows[i].t);
}

/* 2 * scipy.stats.t.sf(t, degrees), where 1 minus the rest is 0, or less */
static void far_tails(const void *argument)
{
    static const struct {
        int degrees;
        double t, beyond;
    } rows[] = {
        {1, 100, 0.00636598552981651},   {2, 1.5, 0.2723931248910011},      {4, 30, 7.352856097661319e-06},
        {6, 988, 7.256966161615923e-17}, {8, 226, 1.6447717747230046e-16},  {9, 1000, 5.091606607896941e-24},
        {10, 5, 0.0005373336027564527},  {10, 102, 2.0099560087492222e-16}, {14, 44, 2.0660929044213681e-16},
        {19, 60, 3.976061684707285e-23},
    };

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(rows); ++i)
        expect_near("the tail", student_beyond(rows[i].t, rows[i].degrees) / rows[i].beyond, 1);
    for (int degrees = 1; degrees < 40; ++degrees)
        for (double t = 0.01; t < 1e6; t *= 1.1) {
            const double beyond = student_beyond(t, degrees);

            CHECK(beyond >= 0 && fabs(beyond + student_within(t, degrees) - 1) < 1e-14);
        }
}

/* Of rows that have collapsed, whose p are next to nothing. */
static void correction_of_small_numbers(const void *argument)
{
    double p[] = {1e-17, 0, NAN, -2e-16, -0.0, 0.3, 1e-20};

    (void)argument;
    statistics_correct(p, CHECK_COUNT(p));
    CHECK(p[1] == 0 && p[3] == 0 && p[4] == 0 && isnan(p[2]));
    expect_near("the smallest", p[6] / 3e-20, 1);
    expect_near("the next", p[0] / 2e-17, 1);
    expect_near("the largest", p[5], 0.3);
}

/* numpy.mean, numpy.std(ddof=1), scipy.stats.t.interval, and scipy.stats.ttest_rel */
static void samples(const void *argument)
{
    const double a[] = {99.5, 99.4, 99.6, 99.55, 99.45}, b[] = {99.41, 99.44, 99.49, 99.51, 99.40};
    const struct sample one = statistics_of(a, 5), pairs = statistics_of_pairs(a, b, 5, 0);

    (void)argument;

    expect_near("mean", one.mean, 99.5);
    expect_near("sd", one.sd, 0.079056941504205003);
    expect_near("low", one.low, 99.401837841926124);
    expect_near("high", one.high, 99.598162158073876);
    expect_near("mean of differences", pairs.mean, 0.05);
    expect_near("sd of differences", pairs.sd, 0.057879184513948821);
    expect_near("low of differences", pairs.low, -0.021866499656363073);
    expect_near("high of differences", pairs.high, 0.12186649965636308);
    expect_near("p of differences", pairs.p, 0.12557420517946064);
}

static void small_samples(const void *argument)
{
    const double same[] = {2, 2, 2}, zeros[] = {0, 0};

    (void)argument;

    CHECK(statistics_of(same, 0).count == 0 && isnan(statistics_of(same, 0).mean));
    CHECK(statistics_of(same, 1).mean == 2 && isnan(statistics_of(same, 1).sd) && isnan(statistics_of(same, 1).p));
    CHECK(statistics_of(same, 3).sd == 0 && statistics_of(same, 3).low == 2 && statistics_of(same, 3).p == 0);
    CHECK(statistics_of(zeros, 2).p == 1);
}

/* Two equal differences of accuracies on 10,000 images; scipy.stats.t with 1 degree of freedom. */
static void equal_differences(const void *argument)
{
    const double a[] = {99.57, 99.44}, b[] = {99.5, 99.37}, c[] = {99.57, 99.5}, wide[] = {1, 2};
    const struct sample pairs = statistics_of_pairs(a, b, 2, 0.01);

    (void)argument;

    expect_near("mean", pairs.mean, 0.07);
    expect_near("low", pairs.low, 0.03332034637595522);
    expect_near("high", pairs.high, 0.1066796536240448);
    expect_near("p", pairs.p, 0.02623888901108462);
    CHECK(statistics_of_pairs(c, c, 2, 0.01).p == 1);
    CHECK(statistics_of_pairs(wide, a, 2, 0.01).p == statistics_of_pairs(wide, a, 2, 0).p);
}

static void accuracies(const void *argument)
{
    const double wide[] = {1, 99}, few[] = {50};
    const struct sample cut = statistics_of_accuracy(statistics_of(wide, 2));

    (void)argument;

    CHECK(cut.low == 0 && cut.high == 100 && cut.mean == 50);
    CHECK(isnan(statistics_of_accuracy(statistics_of(few, 1)).low));
    CHECK(statistics_of_accuracy((struct sample){.low = 1, .high = 2}).high == 2);
}

/* Holm (1979): the smallest times their number, the next times one less, and never less than one before. */
static void correction(const void *argument)
{
    double p[] = {0.01, 0.04, NAN, 0.03, 0.005, 0};
    const double expected[] = {0.03, 0.06, NAN, 0.06, 0.02, 0};

    (void)argument;

    statistics_correct(p, 6);
    for (int i = 0; i < 6; ++i) {
        if (i == 2)
            CHECK(isnan(p[i]));
        else
            expect_near("corrected p", p[i], expected[i]);
    }
}

/* ---- JSON -------------------------------------------------------------------------------------- */

static struct json_value *parse(const char *text, struct json_problem *problem)
{
    *problem = (struct json_problem){0};
    return json_parse(text, strlen(text), problem);
}

static void json_values(const void *argument)
{
    struct json_problem problem;
    struct json_value *value =
        parse(" {\"a\": [1, -2.5e3, true, false, null], \"b\": {\"c\": \"x\\n\\u00e9\\ud83d\\ude00\\\"\"}, \"d\": []} ",
              &problem);

    (void)argument;

    if (!CHECK(value != NULL))
        return;
    const struct json_value *item = json_member(value, "a")->first;
    CHECK(json_number(item) == 1);
    CHECK(json_number(item->next) == -2500);
    CHECK(item->next->next->kind == JSON_TRUE && item->next->next->next->kind == JSON_FALSE);
    CHECK(item->next->next->next->next->kind == JSON_NULL && !item->next->next->next->next->next);
    CHECK_TEXT(json_string(json_member(json_member(value, "b"), "c")), "x\n\xc3\xa9\xf0\x9f\x98\x80\"");
    CHECK(json_member(value, "d")->kind == JSON_ARRAY && !json_member(value, "d")->first);
    CHECK(!json_member(value, "e") && !json_member(item, "a") && !json_member(NULL, "a"));
    CHECK(isnan(json_number(json_member(value, "b"))) && !json_string(item) && isnan(json_number(NULL)));
    json_free(value);
}

static void json_mistakes(const void *argument)
{
    const struct {
        const char *text;
        size_t offset;
    } rows[] = {
        {"", 0},
        {"{", 1},
        {"[1,]", 3},
        {"[1 2]", 3},
        {"{\"a\" 1}", 5},
        {"{a:1}", 1},
        {"01", 2},
        {"1.", 2},
        {"-", 1},
        {"1e", 2},
        {"tru", 0},
        {"\"abc", 4},
        {"\"\\x\"", 2},
        {"\"\\u12\"", 5},
        {"\"\\ud800\"", 7},
        {"1 2", 2},
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]", 32},
        {"NaN", 0},
        {"\"\\u0000\"", 7},
    };

    (void)argument;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
        struct json_problem problem;
        struct json_value *value = parse(rows[i].text, &problem);

        if (value || !problem.expected || problem.offset != rows[i].offset)
            CHECK_FAIL("%s: %s at %zu, expected a problem at %zu", rows[i].text, value ? "is taken" : "is rejected",
                       problem.offset, rows[i].offset);
        json_free(value);
    }
}

/* What the writer writes in one line is read back. */
static void json_round_trip(const void *argument)
{
    char text[200] = "";
    struct json_problem problem;
    FILE *file = tmpfile();

    (void)argument;

    if (!CHECK(file != NULL))
        return;
    struct json_writer json = json_open_line(file);
    json_begin_object(&json, NULL);
    json_text(&json, "text", "a \"b\" \\ \t \xc3\xa9");
    json_begin_array(&json, "numbers");
    json_real(&json, NULL, 0.1);
    json_integer(&json, NULL, INT64_C(-9007199254740993));
    json_end_array(&json);
    json_boolean(&json, "yes", true);
    json_end_object(&json);
    rewind(file);
    CHECK(fgets(text, sizeof text, file) != NULL);
    CHECK(fgetc(file) == EOF); /* one line */
    fclose(file);
    CHECK_TEXT(text,
               "{\"text\":\"a \\\"b\\\" \\\\ \\u0009 \xc3\xa9\",\"numbers\":[0.1,-9007199254740993],\"yes\":true}\n");
    struct json_value *value = parse(text, &problem);
    if (!CHECK(value != NULL))
        return;
    CHECK_TEXT(json_string(json_member(value, "text")), "a \"b\" \\ \t \xc3\xa9");
    CHECK(json_number(json_member(value, "numbers")->first) == 0.1);
    json_free(value);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("student's t: distribution", student_distribution, NULL);
    check_case("student's t: quantiles", student_quantiles, NULL);
    check_case("student's t: tails", far_tails, NULL);
    check_case("samples", samples, NULL);
    check_case("samples: small ones", small_samples, NULL);
    check_case("samples: equal differences", equal_differences, NULL);
    check_case("samples: accuracies", accuracies, NULL);
    check_case("correction of p", correction, NULL);
    check_case("correction of p: small numbers", correction_of_small_numbers, NULL);
    check_case("json reader: values", json_values, NULL);
    check_case("json reader: mistakes", json_mistakes, NULL);
    check_case("json reader: what was written", json_round_trip, NULL);
    return check_end();
}
