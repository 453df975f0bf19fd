/* SPDX-License-Identifier: MIT */
#include "data/image_files.h"

#include "data/array.h"
#include "data/idx.h"
#include "data/npy.h"
#include "data/packed_file.h"
#include "data/pgm.h"
#include "support/file_kind.h"
#include "support/file_system.h"
#include "support/mapped_file.h"
#include "support/minmax.h"
#include "support/report.h"
#include "support/text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

size_t image_files_bytes(const struct image_files *images)
{
    return (size_t)images->channels * (size_t)images->height * (size_t)images->width;
}

static int check_image_shape(const struct image_files *images, const char *path, int64_t channels, int64_t height,
                             int64_t width)
{
    if (channels == images->channels && height == images->height && width == images->width)
        return 0;
    return report_error("%s: its size is %" PRId64 " x %" PRId64 " x %" PRId64 " (channels, height, width); the model "
                        "takes %" PRId32 " x %" PRId32 " x %" PRId32,
                        path, channels, height, width, images->channels, images->height, images->width);
}

/* ---- The list ---------------------------------------------------------------------------------- */

/* Appends `count` images. For an IDX file their indices begin with name.index. */
static int append_images(struct image_files *images, struct image_name name, const uint8_t *pixels, int64_t count)
{
    const size_t bytes = image_files_bytes(images), total = (size_t)images->count + (size_t)count;
    const bool fits = total <= SIZE_MAX / bytes && total <= SIZE_MAX / sizeof *images->names;
    uint8_t *larger = fits ? realloc(images->pixels, total * bytes) : NULL;

    if (larger)
        images->pixels = larger;
    struct image_name *names = larger ? realloc(images->names, total * sizeof *names) : NULL;
    if (!names)
        return report_error("not enough memory for %zu images", total);
    images->names = names;
    memcpy(images->pixels + (size_t)images->count * bytes, pixels, (size_t)count * bytes);
    for (int64_t i = 0; i < count; ++i) {
        names[images->count + i] = name;
        ++name.index;
    }
    images->count += count;
    return 0;
}

/* The parts of an argument. */
struct source {
    char *path;
    struct image_name name; /* points into the argument; index -1 = the whole file */
};

static int take_images(struct image_files *images, const struct source *source, const struct image_array *array)
{
    const bool one = source->name.index >= 0;
    const int64_t all = array->count, first = one ? source->name.index : images->first;
    struct image_name name = source->name;

    if (first >= all)
        return report_error("%s: there is no image %" PRId64 "; the last of its %" PRId64 " is %" PRId64, source->path,
                            first, all, all - 1);
    const int64_t max_count = one ? 1 : images->max_count;
    const int64_t count = int64_min(all - first, max_count);
    if (!one) {
        ++images->idx_files;
        images->left_out += all - first - count;
    }
    name.index = first;
    return append_images(images, name, array->pixels + (size_t)first * image_files_bytes(images), count);
}

static int add_array(struct image_files *images, const struct source *source, const struct mapped_file *file)
{
    struct image_array block = {0};
    struct array array;
    int code = npy_begins(file->data, file->size) ? npy_read(&array, file, source->path)
                                                  : idx_read(&array, file, source->path);

    if (code == 0)
        code = array_images(&block, &array, source->path);
    if (code == 0)
        code = check_image_shape(images, source->path, block.channels, block.height, block.width);
    if (code == 0)
        code = take_images(images, source, &block);
    free(block.converted);
    return code;
}

static int add_picture(struct image_files *images, const struct source *source, const struct mapped_file *file)
{
    struct picture picture;

    if (source->name.index >= 0)
        return report_error("%s holds one image; the index %" PRId64 " is for IDX files", source->path,
                            source->name.index);
    int code = picture_read(&picture, file->data, file->size, source->path);
    if (code != 0)
        return code;
    code = check_image_shape(images, source->path, picture.channels, picture.height, picture.width);
    if (code == 0)
        code = append_images(images, source->name, picture.pixels, 1);
    picture_free(&picture);
    return code;
}

static int add_image_file(struct image_files *images, const struct source *source)
{
    struct mapped_file file;
    int code = packed_file_open(&file, source->path);

    if (code != 0)
        return code;
    const uint8_t first = file.size > 0 ? file.data[0] : 0;
    if (first == 'P')
        code = add_picture(images, source, &file);
    else if (first == 0 || npy_begins(file.data, file.size)) /* also an empty file, which idx_read() reports */
        code = add_array(images, source, &file);
    else
        code = file_kind_reject(source->path, file.data, file.size, "a PGM or PPM image or an IDX file");
    mapped_file_close(&file);
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
        .path = text_of("%.*s", length, argument),
        .name = {argument, length, colon ? (int64_t)strtoll(colon + 1, NULL, 10) : -1},
    };

    if (!source.path)
        return report_error("not enough memory");
    int code = add_image_file(images, &source);
    free(source.path);
    return code;
}

void image_files_free(struct image_files *images)
{
    free(images->names);
    free(images->pixels);
    *images = (struct image_files){0};
}
