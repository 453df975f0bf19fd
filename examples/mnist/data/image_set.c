/* SPDX-License-Identifier: MIT */
#include "data/image_set.h"

#include "data/array.h"
#include "data/csv.h"
#include "data/idx.h"
#include "data/npy.h"
#include "data/packed_file.h"
#include "data/zip.h"
#include "support/report.h"
#include "support/text.h"

#include <inttypes.h>
#include <stdlib.h>

static int take_images(struct image_set *set, const struct array *array, const char *path)
{
    struct image_array images;

    int code = array_images(&images, array, path);
    if (code != 0)
        return code;
    set->images = images.pixels;
    set->memory[0] = images.converted;
    set->count = images.count;
    set->channels = images.channels;
    set->height = images.height;
    set->width = images.width;
    return 0;
}

static int take_labels(struct image_set *set, const struct array *array, const char *path, const char *images_path)
{
    struct label_array labels;

    int code = array_labels(&labels, array, path);
    if (code != 0)
        return code;
    set->labels = labels.labels;
    set->memory[1] = labels.converted;
    if (labels.count == set->count)
        return 0;
    return report_error("%" PRId64 " images in %s, but %" PRId64 " labels in %s", set->count, images_path, labels.count,
                        path);
}

/* ---- A file per part --------------------------------------------------------------------------- */

/* An array in a file of IDX or NumPy, which may be packed. */
static int open_array(struct array *array, struct whole_file *file, const char *path)
{
    int code = packed_file_open(file, path);

    if (code != 0)
        return code;
    return npy_begins(file->data, file->size) ? npy_read(array, file, path) : idx_read(array, file, path);
}

static int open_arrays(struct image_set *set, const char *images_path, const char *labels_path)
{
    struct array array;

    int code = open_array(&array, &set->files[0], images_path);
    if (code == 0)
        code = take_images(set, &array, images_path);
    if (code == 0)
        code = open_array(&array, &set->files[1], labels_path);
    return code == 0 ? take_labels(set, &array, labels_path, images_path) : code;
}

/* ---- A table ----------------------------------------------------------------------------------- */

static int take_table(struct image_set *set, struct csv_table *table, const char *path)
{
    int code = take_images(set, &table->images, path);

    if (code == 0 && table->labels.values)
        code = take_labels(set, &table->labels, path, path);
    if (code != 0)
        return code;
    if (set->images == table->images.values || set->labels == table->labels.values) {
        set->files[0] = (struct whole_file){table->memory, 1}; /* keeps the memory */
        table->memory = NULL;
    }
    return 0;
}

static int open_table(struct image_set *set, const char *path, bool test)
{
    struct csv_table table = {0};
    struct whole_file file;

    int code = packed_file_open(&file, path);
    if (code != 0)
        return code;
    code = csv_read(&table, &file, path, 0);
    whole_file_close(&file);
    if (code == 0 && !table.labels.values && !test)
        code = report_error("%s has no labels: all of its %" PRId64 " columns are pixels", path, table.images.shape[1]);
    if (code == 0)
        code = take_table(set, &table, path);
    free(table.memory);
    return code;
}

/* ---- An archive -------------------------------------------------------------------------------- */

/* Reports the arrays that an archive has instead. */
static int report_no_member(const struct zip *zip, const char *wanted, const char *path)
{
    enum { LISTED = 6 };
    char *list = text_of("%s", zip->count == 0 ? "no file" : "");

    for (size_t i = 0; i < zip->count && i < LISTED && list; ++i) {
        char *longer = text_of("%s%s%s", list, i == 0 ? "" : ", ", zip->entries[i].name);

        free(list);
        list = longer;
    }
    int code = report_error("%s has no array %s; it has %s%s", path, wanted, list ? list : "others",
                            zip->count > LISTED ? ", ..." : "");
    free(list);
    return code;
}

/* The file of a part in an archive. Returns 0, or reports what is wrong. */
static int find_member(const struct zip_entry **found, const struct zip *zip, enum set_part part, const char *path)
{
    static const char *const names[] = {"x_train", "y_train", "x_test", "y_test"};

    *found = NULL;
    for (size_t i = 0; i < zip->count; ++i) {
        if (set_name_part(zip->entries[i].name) != part)
            continue;
        if (*found)
            return report_error("%s: %s and %s could both be %s", path, (*found)->name, zip->entries[i].name,
                                names[part]);
        *found = &zip->entries[i];
    }
    return *found ? 0 : report_no_member(zip, names[part], path);
}

/* Takes images or labels; `name` is for messages: "mnist.npz: x_train.npy" */
static int take_member(struct image_set *set, const struct whole_file *file, bool labels, const char *name,
                       const char *path)
{
    struct array array;
    int code = npy_read(&array, file, name);

    if (code != 0)
        return code;
    return labels ? take_labels(set, &array, name, path) : take_images(set, &array, name);
}

static int open_member(struct image_set *set, const struct zip *zip, enum set_part part, const char *path)
{
    const bool labels = part == TRAIN_LABELS || part == TEST_LABELS;
    struct whole_file *file = &set->files[labels];
    const struct zip_entry *entry = NULL;

    int code = find_member(&entry, zip, part, path);
    if (code != 0 || !entry)
        return code;
    code = zip_unpack(zip, entry, path, file);
    if (code != 0)
        return code;
    char *name = text_of("%s: %s", path, entry->name);
    code = name ? take_member(set, file, labels, name, path) : report_error("not enough memory");
    free(name);
    return code;
}

static int open_archive(struct image_set *set, const char *path, bool test)
{
    struct whole_file file;
    struct zip zip = {0};

    int code = packed_file_find(&file, path);
    if (code != 0)
        return code;
    if (!zip_begins(file.data, file.size))
        code = report_error("%s is not an archive of NumPy: it does not begin with PK", path);
    if (code == 0)
        code = zip_open(&zip, &file, path);
    if (code == 0)
        code = open_member(set, &zip, test ? TEST_IMAGES : TRAIN_IMAGES, path);
    if (code == 0)
        code = open_member(set, &zip, test ? TEST_LABELS : TRAIN_LABELS, path);
    zip_close(&zip);
    whole_file_close(&file);
    return code;
}

/* ---- The set ----------------------------------------------------------------------------------- */

int image_set_open(struct image_set *set, const struct set_files *files, bool test)
{
    char *const *paths = files->paths;
    const enum set_part images = test ? TEST_IMAGES : TRAIN_IMAGES, labels = test ? TEST_LABELS : TRAIN_LABELS;

    if (files->kind == SET_ARCHIVE)
        return open_archive(set, paths[TRAIN_IMAGES], test);
    return files->kind == SET_TABLES ? open_table(set, paths[images], test)
                                     : open_arrays(set, paths[images], paths[labels]);
}

void image_set_close(struct image_set *set)
{
    for (int i = 0; i < 2; ++i) {
        whole_file_close(&set->files[i]);
        free(set->memory[i]);
    }
    *set = (struct image_set){0};
}
