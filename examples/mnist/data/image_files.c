/* SPDX-License-Identifier: MIT */
#include "data/image_files.h"

#include "data/array.h"
#include "data/csv.h"
#include "data/idx.h"
#include "data/npy.h"
#include "data/packed_file.h"
#include "data/png.h"
#include "data/pnm.h"
#include "data/zip.h"
#include "support/file_kind.h"
#include "support/file_system.h"
#include "support/minmax.h"
#include "support/report.h"
#include "support/text.h"
#include "support/whole_file.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t image_files_bytes(const struct image_files *images)
{
    const struct fit_target *target = &images->target;

    return (size_t)target->channels * (size_t)target->height * (size_t)target->width;
}

/* ---- The list ---------------------------------------------------------------------------------- */

/* The parts of an argument. */
struct source {
    char *path;             /* "standard input" for - */
    struct image_name name; /* points into the argument; index -1 = the whole file */
};

/* Makes room for one more image. */
static int grow_list(struct image_files *images)
{
    const size_t bytes = image_files_bytes(images), room = images->room > 0 ? 2 * (size_t)images->room : 16;

    if (images->count < images->room)
        return 0;
    const bool fits = room <= SIZE_MAX / bytes && room <= SIZE_MAX / sizeof *images->names;
    uint8_t *pixels = fits ? realloc(images->pixels, room * bytes) : NULL;
    if (pixels)
        images->pixels = pixels;
    struct image_name *names = pixels ? realloc(images->names, room * sizeof *names) : NULL;
    if (!names)
        return report_error("not enough memory for %zu images", room);
    images->names = names;
    images->room = (int64_t)room;
    return 0;
}

/* Adds a line that says what was done to an image, if anything was. */
static int add_note(struct image_files *images, const char *name, const struct fit_result *result)
{
    char *text = fit_text(&images->target, result);
    char **notes = text ? realloc(images->notes, ((size_t)images->note_count + 1) * sizeof *notes) : NULL;
    char *note = notes ? text_of("%s: %s", name, text) : NULL;

    if (notes)
        images->notes = notes;
    if (note)
        images->notes[images->note_count++] = note;
    free(text);
    return text && !note ? report_error("not enough memory") : 0;
}

/* Fits the picture and appends it. `index` is its number in its file, -1 if it is alone. */
static int append_picture(struct image_files *images, const struct source *source, struct picture *picture,
                          int64_t index, bool inverts, struct fit_result *result)
{
    struct image_name name = source->name;
    char *text = index < 0 ? text_of("%s", source->path) : text_of("%s:%" PRId64, source->path, index);

    int code = text ? fit_picture(picture, &images->target, inverts, result, text) : report_error("not enough memory");
    free(text);
    if (code == 0)
        code = grow_list(images);
    if (code != 0)
        return code;
    name.index = index;
    name.fit = result->fit;
    name.inverted = result->inverted;
    images->names[images->count] = name;
    memcpy(images->pixels + (size_t)images->count * image_files_bytes(images), picture->pixels,
           image_files_bytes(images));
    ++images->count;
    return 0;
}

/* ---- Arrays and tables ------------------------------------------------------------------------- */

/* The images to take of a file of `all`. Returns 0, or reports that there is none. */
static int choose_images(struct image_files *images, const struct source *source, int64_t all, int64_t *first,
                         int64_t *count)
{
    const bool one = source->name.index >= 0;

    *first = one ? source->name.index : images->first;
    if (*first >= all)
        return report_error("%s: there is no image %" PRId64 "; the last of its %" PRId64 " is %" PRId64, source->path,
                            *first, all, all - 1);
    *count = one ? 1 : int64_min(all - *first, images->max_count);
    if (!one) {
        ++images->several;
        images->left_out += all - *first - *count;
    }
    return 0;
}

/* One decision about the brightness of all images of the array: those of a data set have borders of many kinds. */
static int add_images(struct image_files *images, const struct source *source, const struct image_array *array)
{
    const size_t bytes = (size_t)array->channels * (size_t)array->height * (size_t)array->width;
    const double border = picture_border(array->pixels, array->count * array->channels, array->height, array->width);
    const bool inverts = fit_inverts(&images->target, border / 255);
    int64_t first = 0, count = 0;
    struct fit_result result;

    int code = choose_images(images, source, array->count, &first, &count);
    for (int64_t i = first; i < first + count && code == 0; ++i) {
        struct picture picture;

        code = picture_create(&picture, array->channels, array->height, array->width, source->path);
        if (code != 0)
            return code;
        memcpy(picture.pixels, array->pixels + (size_t)i * bytes, bytes);
        code = append_picture(images, source, &picture, i, inverts, &result);
        picture_free(&picture);
        if (code == 0 && i == first) {
            result.border = border / 255;
            result.undecided = false;
            code = add_note(images, source->path, &result);
        }
    }
    return code;
}

static int64_t image_pixels(const struct image_files *images)
{
    return (int64_t)images->target.height * images->target.width;
}

/* Makes the array a set of one image. */
static void make_single(struct array *array)
{
    memmove(array->shape + 1, array->shape, (size_t)array->rank * sizeof *array->shape);
    array->shape[0] = 1;
    ++array->rank;
}

/* The shape H x W in the place of the last dimension, which has the model's pixels. */
static void split_pixels(struct array *array, const struct image_files *images)
{
    array->shape[array->rank - 1] = images->target.height;
    array->shape[array->rank++] = images->target.width;
}

/*
 * Gives an array of the model's pixels in a row, P or N x P, the shape N x H x W, and one that can only be an image the
 * shape of one in a set: H x W, H x W x 3, and for a model of three channels 3 x H x W. Other squares are images in a
 * row for array_images(), unless they are as many as the rows: N x N.
 */
static void take_shape_of_images(struct array *array, const struct image_files *images)
{
    const int64_t pixels = image_pixels(images), *shape = array->shape;
    bool single = false;

    if (array->rank <= 2 && shape[array->rank - 1] == pixels) {
        split_pixels(array, images);
        single = array->rank == 2;
    } else if (array->rank == 2) {
        single = array_may_be_picture(shape[0], shape[1]) && shape[1] != pixels + 1 &&
                 (shape[0] == shape[1] || !array_is_square(shape[1]));
    } else if (array->rank == 3) {
        single = (array_may_be_picture(shape[0], shape[1]) && shape[0] > 3 && (shape[2] == 1 || shape[2] == 3)) ||
                 (shape[0] == 3 && images->target.channels == 3);
    }
    if (single)
        make_single(array);
}

static int add_array(struct image_files *images, const struct source *source, const struct whole_file *file)
{
    struct image_array block = {0};
    struct array array;
    int code = npy_begins(file->data, file->size) ? npy_read(&array, file, source->path)
                                                  : idx_read(&array, file, source->path);

    if (code == 0)
        take_shape_of_images(&array, images);
    if (code == 0)
        code = array_images(&block, &array, source->path);
    if (code == 0)
        code = add_images(images, source, &block);
    free(block.converted);
    return code;
}

/* With or without labels. */
static int add_table(struct image_files *images, const struct source *source, const struct whole_file *file)
{
    struct image_array block = {0};
    struct csv_table table;
    int code = csv_read(&table, file, source->path, image_pixels(images));

    if (code == 0)
        take_shape_of_images(&table.images, images);
    if (code == 0)
        code = array_images(&block, &table.images, source->path);
    if (code == 0)
        code = add_images(images, source, &block);
    free(block.converted);
    free(table.memory);
    return code;
}

/* ---- Pictures ---------------------------------------------------------------------------------- */

static int add_picture(struct image_files *images, const struct source *source, struct picture *picture, int64_t index)
{
    const double border = picture_border(picture->pixels, picture->channels, picture->height, picture->width);
    const bool inverts = fit_inverts(&images->target, border / 255);
    char *name = index < 0 ? text_of("%s", source->path) : text_of("%s:%" PRId64, source->path, index);
    struct fit_result result;
    int code = name ? 0 : report_error("not enough memory");

    if (code == 0 && fit_takes_drawings(&images->target) && images->target.fit != FIT_NONE && picture_is_blank(picture))
        code = report_error("%s is empty: nothing in it differs from its border", name);
    if (code == 0)
        code = append_picture(images, source, picture, index, inverts, &result);
    if (code == 0)
        code = add_note(images, name, &result);
    free(name);
    return code;
}

static int check_single(const struct source *source)
{
    if (source->name.index < 0)
        return 0;
    return report_error("%s holds one image; the index %" PRId64 " is for files of several", source->path,
                        source->name.index);
}

static int count_pictures(struct pnm_file file, int64_t *count)
{
    int code = 0;

    *count = 0;
    do {
        struct picture picture;

        code = pnm_read(&file, &picture);
        picture_free(&picture);
        ++*count;
    } while (code == 0 && pnm_follows(&file));
    return code;
}

static int add_pnm(struct image_files *images, const struct source *source, const struct whole_file *file)
{
    struct pnm_file pnm = {file->data, file->data + file->size, source->path};
    int64_t all = 0, first = 0, count = 1;

    int code = count_pictures(pnm, &all);
    if (code == 0)
        code = all == 1 ? check_single(source) : choose_images(images, source, all, &first, &count);
    for (int64_t i = 0; i < first + count && code == 0; ++i) {
        struct picture picture;

        code = pnm_read(&pnm, &picture);
        if (code == 0 && i >= first)
            code = add_picture(images, source, &picture, all == 1 ? -1 : i);
        picture_free(&picture);
    }
    return code;
}

static int add_png(struct image_files *images, const struct source *source, const struct whole_file *file)
{
    struct picture picture;

    int code = check_single(source);
    if (code != 0)
        return code;
    code = png_read(&picture, file->data, file->size, source->path);
    if (code == 0)
        code = add_picture(images, source, &picture, -1);
    picture_free(&picture);
    return code;
}

/* ---- Files ------------------------------------------------------------------------------------- */

/* An archive of several files is no image, but its files may be. */
static int reject_archive(const struct source *source, const struct whole_file *file)
{
    struct zip zip;

    int code = zip_open(&zip, file, source->path);
    if (code == 0)
        code = report_error("%s holds %zu files; name one of them, e.g. %s/%s", source->path, zip.count, source->path,
                            zip.count > 0 ? zip.entries[0].name : "NAME");
    zip_close(&zip);
    return code;
}

static int add_contents(struct image_files *images, const struct source *source, const struct whole_file *file)
{
    if (idx_begins(file->data, file->size) || npy_begins(file->data, file->size))
        return add_array(images, source, file);
    if (png_begins(file->data, file->size))
        return add_png(images, source, file);
    if (pnm_begins(file->data, file->size))
        return add_pnm(images, source, file);
    if (zip_begins(file->data, file->size))
        return reject_archive(source, file);
    if (csv_begins(file->data, file->size))
        return add_table(images, source, file);
    return file_kind_reject(source->path, file->data, file->size,
                            "a PNG, PBM, PGM or PPM picture or an IDX, NumPy or CSV file");
}

static bool is_standard_input(const struct image_name *name)
{
    return name->path_length == 1 && *name->path == *STANDARD_INPUT;
}

static int add_image_file(struct image_files *images, const struct source *source)
{
    struct whole_file file;
    int code = is_standard_input(&source->name) ? whole_file_read(&file, stdin, source->path)
                                                : packed_file_find(&file, source->path);

    if (code == 0)
        code = packed_file_unpack(&file, source->path);
    if (code == 0)
        code = add_contents(images, source, &file);
    whole_file_close(&file);
    return code;
}

/* The colon before the index in FILE:INDEX; NULL if there is none or if a file has the whole name. */
static const char *find_index(const char *argument)
{
    const char *colon = strrchr(argument, ':');
    size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;

    return digits > 0 && digits <= 18 && !colon[1 + digits] && !file_exists(argument) ? colon : NULL;
}

int image_files_add(struct image_files *images, const char *argument)
{
    const char *colon = find_index(argument);
    const int length = colon ? (int)(colon - argument) : (int)strlen(argument);
    struct source source = {
        .name = {.path = argument, .path_length = length, .index = colon ? (int64_t)strtoll(colon + 1, NULL, 10) : -1},
    };
    source.path = is_standard_input(&source.name) ? text_of("standard input") : text_of("%.*s", length, argument);

    if (!source.path)
        return report_error("not enough memory");
    if (is_standard_input(&source.name) && images->input_read) {
        free(source.path);
        return report_usage("standard input is named twice; it can be read once");
    }
    images->input_read = images->input_read || is_standard_input(&source.name);
    int code = add_image_file(images, &source);
    free(source.path);
    return code;
}

void image_files_free(struct image_files *images)
{
    for (int64_t i = 0; i < images->note_count; ++i)
        free(images->notes[i]);
    free(images->notes);
    free(images->names);
    free(images->pixels);
    *images = (struct image_files){0};
}
