/* SPDX-License-Identifier: MIT */
/* Pictures of the test images that are misclassified. */
#include "report/html.h"
#include "report/missed.h"
#include "report/pixels.h"
#include "report/sections.h"
#include "support/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* More classes than MOST_CLASSES are shown together, so that the page is not a long row of headings. */
enum { PER_CLASS = 8, PER_CLASS_ALONE = 30, TOGETHER = 60, COMMON = 40, OTHERS = 10, MOST_CLASSES = 20 };
enum { ALL_CLASSES = -1, NAME_LETTERS = 24 };

struct gallery {
    FILE *page;
    const struct material *material;
    struct pixels pixels;
    const struct panel *panel;
    const struct missed *missed;
};

static void write_percent(FILE *page, double probability)
{
    html_number(page, 100 * probability, probability >= 0.995 ? 1 : 0);
    fputs("&nbsp;%", page);
}

/* One picture: "7 → 2", how sure the network is, and with how many seeds. `seeds` 0 = one run is shown. */
static void write_digit(struct gallery *gallery, int64_t image, int32_t actual, int32_t predicted, double sure,
                        int missing, size_t seeds)
{
    char text[80];

    snprintf(text, sizeof text, "test image %" PRId64 ": %" PRId32 ", taken for %" PRId32, image, actual, predicted);
    fputs("<div class=\"digit\">", gallery->page);
    pixels_refer(gallery->page, &gallery->pixels, image, text);
    write_class_name(gallery->page, gallery->material, actual, NAME_LETTERS);
    fputs(" → <b>", gallery->page);
    write_class_name(gallery->page, gallery->material, predicted, NAME_LETTERS);
    fputs("</b><br>", gallery->page);
    write_percent(gallery->page, sure);
    if (seeds > 0)
        fprintf(gallery->page, "<br>%d of %zu", missing, seeds);
    fputs("</div>\n", gallery->page);
}

/* ---- By norm and true class -------------------------------------------------------------------- */

/* Whether `a` is worth more room: missed by more seeds, then with more certainty. */
static bool is_worse(const struct answer *a, const struct answer *b)
{
    return a->seeds != b->seeds ? a->seeds > b->seeds : a->sum > b->sum;
}

/* How many images of a class are shown: more if one network has the page for itself. */
static size_t room_of_class(const struct gallery *gallery, int32_t class_number)
{
    if (class_number == ALL_CLASSES)
        return TOGETHER;
    return gallery->material->training ? PER_CLASS_ALONE : PER_CLASS;
}

/* The worst images of a class, or of ALL_CLASSES, for a row; returns how many there are in all. */
static size_t find_worst(const struct gallery *gallery, size_t row, int32_t class_number,
                         const struct missed_image *worst[TOGETHER])
{
    const size_t room = room_of_class(gallery, class_number);
    size_t all = 0, kept = 0;

    for (size_t i = 0; i < gallery->missed->count; ++i) {
        const struct missed_image *image = &gallery->missed->images[i];
        size_t at = kept;

        if ((class_number != ALL_CLASSES && image->actual != class_number) || image->answers[row].seeds == 0)
            continue;
        ++all;
        while (at > 0 && is_worse(&image->answers[row], &worst[at - 1]->answers[row]))
            --at;
        if (at == room)
            continue;
        kept += kept < room;
        for (size_t k = kept - 1; k > at; --k)
            worst[k] = worst[k - 1];
        worst[at] = image;
    }
    return all;
}

static void write_class(struct gallery *gallery, size_t row, int32_t class_number)
{
    const struct missed_image *worst[TOGETHER];
    const size_t all = find_worst(gallery, row, class_number, worst), room = room_of_class(gallery, class_number);
    const size_t seeds = gallery->material->training ? 0 : gallery->panel->rows[row]->count;

    if (all == 0)
        return;
    fputs(class_number == ALL_CLASSES ? "<h4>All classes" : "<h4>True class ", gallery->page);
    if (class_number != ALL_CLASSES)
        write_class_name(gallery->page, gallery->material, class_number, -1);
    fputs(" <span class=\"soft\">", gallery->page);
    if (all > room)
        fprintf(gallery->page, "%zu of %zu images, those that %s", room, all,
                seeds > 0 ? "most seeds miss" : "it is most sure of");
    else
        fprintf(gallery->page, "%zu image%s", all, all == 1 ? "" : "s");
    fputs("</span></h4>\n<div class=\"digits\">\n", gallery->page);
    for (size_t i = 0; i < all && i < room; ++i) {
        const struct answer *answer = &worst[i]->answers[row];

        write_digit(gallery, worst[i]->image, worst[i]->actual, answer->predicted, answer->sum / answer->seeds,
                    answer->seeds, seeds);
    }
    fputs("</div>\n", gallery->page);
}

static void write_total(FILE *page, const struct report_row *row)
{
    double sum = 0;

    for (size_t i = 0; i < row->count; ++i)
        sum += (double)mistakes_of(row->runs[i]);
    html_number(page, sum / (double)row->count, row->count == 1 ? 0 : 1);
    fprintf(page, " mistakes in %" PRId64 " test images%s", row->runs[0]->test_images,
            row->count > 1 ? ", mean over the seeds" : "");
}

static void write_classes(struct gallery *gallery, size_t row)
{
    const int32_t classes = gallery->panel->rows[row]->runs[0]->classes;

    if (classes == 0 || classes > MOST_CLASSES) { /* 0: not known */
        write_class(gallery, row, ALL_CLASSES);
        return;
    }
    for (int32_t class_number = 0; class_number < MOST_CLASSES; ++class_number)
        write_class(gallery, row, class_number);
}

static void write_norm(struct gallery *gallery, const struct material *material, size_t row)
{
    const struct report_row *shown = gallery->panel->rows[row];

    fprintf(gallery->page, "<details%s><summary>", row == 0 ? " open" : "");
    write_row_name(gallery->page, shown);
    fputs(": ", gallery->page);
    write_total(gallery->page, shown);
    fputs("</summary>\n<figure>\n", gallery->page);
    write_classes(gallery, row);
    end_figure(gallery->page, material, "", &shown, 1);
    fputs("</details>\n", gallery->page);
}

/* ---- What all miss ----------------------------------------------------------------------------- */

static void write_common_row(struct gallery *gallery, const struct missed_image *image)
{
    char text[60];

    snprintf(text, sizeof text, "test image %" PRId64, image->image);
    fputs("<tr><td><div class=\"digit\">", gallery->page);
    pixels_refer(gallery->page, &gallery->pixels, image->image, text);
    fprintf(gallery->page, "%" PRId64 "</div></td><td class=\"t\">", image->image);
    write_class_name(gallery->page, gallery->material, image->actual, NAME_LETTERS);
    fputs("</td>", gallery->page);
    for (size_t i = 0; i < gallery->panel->count; ++i) {
        const struct answer *answer = &image->answers[i];

        fputs("<td class=\"t\"><b>", gallery->page);
        write_class_name(gallery->page, gallery->material, answer->predicted, NAME_LETTERS);
        fputs("</b> ", gallery->page);
        write_percent(gallery->page, answer->sum / answer->seeds);
        fprintf(gallery->page, "<br><span class=\"soft\">%d of %zu</span></td>", answer->seeds,
                gallery->panel->rows[i]->count);
    }
    fputs("</tr>\n", gallery->page);
}

static void write_common_head(FILE *page, const struct panel *panel)
{
    fputs("<div class=\"wide\" tabindex=\"0\"><table>\n<thead><tr><th>image<th class=\"t\">true class", page);
    for (size_t i = 0; i < panel->count; ++i) {
        fputs("<th class=\"t\">", page);
        write_row_name(page, panel->rows[i]);
    }
    fputs("</tr></thead>\n<tbody>\n", page);
}

static void write_common(struct gallery *gallery, const struct material *material)
{
    size_t all = 0;

    fputs("<h3>Missed by all</h3>\n", gallery->page);
    for (size_t i = 0; i < gallery->missed->count; ++i)
        all += missed_by_all(gallery->missed, &gallery->missed->images[i], gallery->panel);
    fputs("<p>", gallery->page);
    if (missed_incomplete(gallery->missed))
        fprintf(gallery->page,
                "Of the first %" PRId64 " test images, up to which the mistakes of all runs are listed, ",
                gallery->missed->end);
    if (all == 0) {
        fprintf(gallery->page, "%so image is missed by every network with at least half of its seeds.</p>\n",
                missed_incomplete(gallery->missed) ? "n" : "N");
        return;
    }
    fprintf(gallery->page,
            "%zu image%s missed by every one of these networks with at least half of the seeds. The columns have what "
            "each takes the image for, how sure it is, and with how many seeds.%s</p>\n<figure>\n",
            all, all == 1 ? " is" : "s are", all > COMMON ? " The first 40:" : "");
    write_common_head(gallery->page, gallery->panel);
    for (size_t i = 0, told = 0; i < gallery->missed->count && told < COMMON; ++i) {
        if (missed_by_all(gallery->missed, &gallery->missed->images[i], gallery->panel)) {
            write_common_row(gallery, &gallery->missed->images[i]);
            ++told;
        }
    }
    html_end_table(gallery->page);
    end_figure(gallery->page, material, "", gallery->panel->rows, gallery->panel->count);
}

/* ---- All other experiments --------------------------------------------------------------------- */

static bool is_in_panel(const struct panel *panel, const struct report_row *row)
{
    for (size_t i = 0; i < panel->count; ++i) {
        if (panel->rows[i] == row)
            return true;
    }
    return false;
}

/* The mistakes of the first seed that it is most sure of. */
static void write_sure(struct gallery *gallery, const struct run *run)
{
    double below = INFINITY;

    fputs("<div class=\"digits\">\n", gallery->page);
    for (int told = 0; told < OTHERS; ++told) {
        const struct run_mistake *next = NULL;

        for (size_t i = 0; i < run->mistake_count; ++i) {
            const struct run_mistake *mistake = &run->mistakes[i];

            if (mistake->probability < below && (!next || mistake->probability > next->probability))
                next = mistake;
        }
        if (!next)
            break;
        write_digit(gallery, next->image, next->actual, next->predicted, next->probability, 0, 0);
        below = next->probability;
    }
    fputs("</div>\n", gallery->page);
}

static void write_others(struct gallery *gallery, const struct material *material)
{
    size_t told = 0;

    for (size_t i = 0; i < material->row_count; ++i) {
        const struct report_row *row = &material->rows[i];

        if (is_in_panel(gallery->panel, row) || row->runs[0]->mistake_count == 0)
            continue;
        if (told++ == 0)
            fputs("<h3>The other experiments</h3>\n<p>Ten mistakes of the first seed, those that it is most sure "
                  "of.</p>\n",
                  gallery->page);
        fputs("<details><summary>", gallery->page);
        write_row_name(gallery->page, row);
        fputs(" <span class=\"soft\">", gallery->page);
        html_text(gallery->page, row->experiment->id);
        fputs("</span>: ", gallery->page);
        write_total(gallery->page, row);
        fputs("</summary>\n<figure>\n", gallery->page);
        write_sure(gallery, row->runs[0]);
        end_figure(gallery->page, material, "", &row, 1);
        fputs("</details>\n", gallery->page);
    }
}

static void write_incomplete(const struct gallery *gallery)
{
    if (missed_incomplete(gallery->missed))
        fputs("<p class=\"soft\">A run lists its first 300 mistakes at most; here some have more, of which the last "
              "are neither shown nor counted below.</p>\n",
              gallery->page);
}

/* Of one training, whose images are at hand. */
static void write_alone(struct gallery *gallery, const struct material *material)
{
    fputs("<p>", gallery->page);
    write_total(gallery->page, &material->rows[0]);
    fputs(". Below each picture: its true class, what it is taken for, and how sure the network is.</p>\n",
          gallery->page);
    write_incomplete(gallery);
    fputs("<figure>\n", gallery->page);
    write_classes(gallery, 0);
    end_figure(gallery->page, material, "", gallery->panel->rows, 1);
}

static void write_parts(struct gallery *gallery, const struct material *material)
{
    if (!material->has_images)
        fputs("<p class=\"notice\">The test images of these runs could not be found, so there are no pictures: "
              "<code>normnet-mnist report DIR --data DATA</code> names their directory.</p>\n",
              gallery->page);
    fputs(
        "<p>Below each picture: its true class, what it is taken for, how sure the network is (the mean over the seeds "
        "that miss it), and how many seeds miss it.</p>\n",
        gallery->page);
    write_incomplete(gallery);
    write_panel_title(gallery->page, gallery->panel);
    for (size_t i = 0; i < gallery->panel->count; ++i)
        write_norm(gallery, material, i);
    write_common(gallery, material);
    write_others(gallery, material);
}

int section_gallery(FILE *page, const struct material *material)
{
    struct panel panel;
    struct missed missed;
    struct gallery gallery = {.page = page, .material = material, .panel = &panel, .missed = &missed};

    leading_rows(&panel, material);
    int code = missed_make(&missed, &panel);
    if (code == 0)
        code = pixels_open(&gallery.pixels, material->has_images ? &material->data : NULL);
    if (code == 0) {
        html_begin_section(page, "gallery", "Misclassified images");
        if (material->training)
            write_alone(&gallery, material);
        else
            write_parts(&gallery, material);
        code = pixels_write(page, &gallery.pixels);
        html_end_section(page);
    }
    pixels_close(&gallery.pixels);
    missed_free(&missed);
    return code;
}
