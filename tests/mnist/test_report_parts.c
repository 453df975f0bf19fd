/* SPDX-License-Identifier: MIT */
/* Parts of `normnet-mnist report`: axes, and text in HTML. */
#include "harness/check.h"

#include "report/axis.h"
#include "report/html.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Axes -------------------------------------------------------------------------------------- */

static const struct {
    double low, high;
    bool logarithmic;
    double least_step;
    const char *ticks;
} axes[] = {
    {0, 10, false, 0, "0 2 4 6 8 10"},
    {98.9, 99.6, false, 0, "99.0 99.2 99.4 99.6"},
    {-8, 0.4, false, 0, "−8 −6 −4 −2 0"},
    {1, 3, false, 1, "1 2 3"},
    {1, 3, false, 0, "1.0 1.5 2.0 2.5 3.0"},
    {1, 20, false, 1, "5 10 15 20"},
    {0.0091, 0.0109, false, 0, "0.0095 0.0100 0.0105"},
    {0, 60000, false, 0, "0 20000 40000 60000"},
    {0.012, 2.4, true, 0, "0.02 0.05 0.1 0.2 0.5 1 2"},
    {0.0009, 20, true, 0, "0.001 0.01 0.1 1 10"},
    {0.5, 3e6, true, 0, "1 10 100 1000 10000 1e+05 1e+06"},
    {0.2, 1e14, true, 0, "10 1000 1e+05 1e+07 1e+09 1e+11 1e+13"},
    {2, 2, false, 0, ""},
    {3, 2, false, 0, ""},
};

static void ticks_are_round(const void *argument)
{
    (void)argument;

    for (size_t i = 0; i < sizeof axes / sizeof axes[0]; ++i) {
        const struct axis axis = {axes[i].low, axes[i].high, 0, 100, axes[i].logarithmic, axes[i].least_step};
        double ticks[MOST_TICKS];
        char text[MOST_TICKS * TICK_ROOM] = "", tick[TICK_ROOM];
        const int count = axis_ticks(&axis, 5, ticks);

        for (int k = 0; k < count; ++k) {
            axis_tick_text(&axis, ticks, count, k, tick);
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", k > 0 ? " " : "", tick);
        }
        CHECK_TEXT(text, axes[i].ticks);
    }
}

/* For any range: a few ticks, all inside, with texts that differ and are the value. */
static void ticks_of_any_range(const void *argument)
{
    double low = -3.7e-9;

    (void)argument;

    for (int i = 0; i < 2000; ++i) {
        const struct axis axis = {low, low + fabs(low) * (0.001 + 0.37 * (i % 97)), 0, 100, false, 0};
        double ticks[MOST_TICKS];
        char text[TICK_ROOM], before[TICK_ROOM] = "";
        const int count = axis_ticks(&axis, 5, ticks);

        CHECK(count >= 2 && count <= 7);
        for (int k = 0; k < count; ++k) {
            CHECK(ticks[k] >= axis.low - 1e-6 * fabs(low) && ticks[k] <= axis.high + 1e-6 * fabs(axis.high));
            axis_tick_text(&axis, ticks, count, k, text);
            CHECK(strcmp(text, before) != 0);
            memcpy(before, text, sizeof text);
        }
        low *= -1.013;
    }
}

static void ranges(const void *argument)
{
    double values[] = {99.4, 9.8, 99.5, 99.3, 11.35};
    double two[] = {9.8, 99.5};
    struct range range = range_begin();

    (void)argument;

    CHECK(range.low > range.high);
    range_add(&range, NAN);
    range_add(&range, INFINITY);
    range_add(&range, -1e308);
    CHECK(range.low > range.high);
    range_add(&range, 3);
    CHECK(range.low == 3 && range.high == 3);
    range = range_widen(range, 0.1, 2);
    CHECK(range.low == 2 && range.high == 4);
    range = range_of_most(values, 5);
    CHECK(range.low == 99.3 && range.high == 99.5);
    range = range_of_most(two, 2); /* none of two is the exception */
    CHECK(range.low == 9.8 && range.high == 99.5);
    range = range_of_most(two, 0);
    CHECK(range.low > range.high);
    const struct axis axis = {1, 100, 0, 10, true, 0};
    CHECK(axis_place(&axis, 1) == 0 && fabs(axis_place(&axis, 10) - 5) < 1e-12 && axis_place(&axis, 100) == 10);
}

/* ---- HTML -------------------------------------------------------------------------------------- */

enum { TEXT_ROOM = 400 };

static void written(FILE *file, char text[TEXT_ROOM])
{
    rewind(file);
    text[fread(text, 1, TEXT_ROOM - 1, file)] = '\0';
    fclose(file);
}

static void texts(const void *argument)
{
    const struct {
        const char *text, *html;
    } rows[] = {
        {"a < b && \"c\" > 'd'", "a &lt; b &amp;&amp; &quot;c&quot; &gt; &#39;d&#39;"},
        {"</script>", "&lt;/script&gt;"},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\xff\xc3", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* a surrogate */
        {"\xc0\xbc", "\xef\xbf\xbd\xef\xbf\xbd"},                 /* < in two bytes */
        {"a\tb\nc\x01\x7f", "a\tb\nc\xef\xbf\xbd\xef\xbf\xbd"},
        {"", ""},
    };

    (void)argument;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
        char text[TEXT_ROOM];
        FILE *file = tmpfile();

        if (!CHECK(file != NULL))
            return;
        html_text(file, rows[i].text);
        written(file, text);
        CHECK_TEXT(text, rows[i].html);
    }
}

static void short_texts_and_numbers(const void *argument)
{
    char text[TEXT_ROOM];
    FILE *file = tmpfile();

    (void)argument;

    if (!CHECK(file != NULL))
        return;
    html_short_text(file, "\xc3\xa9<b", 2);
    html_short_text(file, "ab", 2);
    fputc(' ', file);
    html_number(file, -1.25, 1);
    fputc(' ', file);
    html_number(file, -0.001, 2);
    fputc(' ', file);
    html_signed(file, 0.256, 2);
    fputc(' ', file);
    html_number(file, NAN, 2);
    written(file, text);
    CHECK_TEXT(text, "\xc3\xa9&lt;…ab −1.2 0.00 +0.26 –");
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("ticks are round", ticks_are_round, NULL);
    check_case("ticks of any range", ticks_of_any_range, NULL);
    check_case("ranges", ranges, NULL);
    check_case("texts", texts, NULL);
    check_case("short texts and numbers", short_texts_and_numbers, NULL);
    return check_end();
}
