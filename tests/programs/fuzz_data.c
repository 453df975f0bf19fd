/* SPDX-License-Identifier: MIT */
/*
 * A harness for libFuzzer: bytes for the readers of data and pictures in examples/mnist/data. The first byte chooses
 * the reader. It stops where a promise is broken: pixels or labels that cannot be read, or that are left after a
 * rejection.
 *
 *     fuzz_data -max_len=2048 -len_control=0 [FOLDER FOR FINDINGS]
 *
 * There is no corpus to keep: without one, the harness begins with a small file of each kind. The checksums of PNG are
 * entered again after a mutation, which nothing else would ever hit.
 */
#include "data/array.h"
#include "data/csv.h"
#include "data/fit.h"
#include "data/idx.h"
#include "data/npy.h"
#include "data/packed_file.h"
#include "data/png.h"
#include "data/pnm.h"
#include "data/zip.h"
#include "support/checksums.h"
#include "support/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum reader { PNG, INTERLACED, PNM, IDX, NPY, CSV, ZIP, READERS };

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned random);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In the place of support/report.c: messages of millions of files are not printed, but their arguments are read. */
static int format_message(const char *format, va_list values)
{
    char text[1000];

    return vsnprintf(text, sizeof text, format, values) >= 0 ? EXIT_FAILED : EXIT_USAGE;
}

int report_error(const char *format, ...)
{
    va_list values;

    va_start(values, format);
    const int code = format_message(format, values);
    va_end(values);
    return code;
}

int report_usage(const char *format, ...)
{
    va_list values;

    va_start(values, format);
    const int code = format_message(format, values);
    va_end(values);
    return code;
}

static void require(int holds, const char *promise)
{
    if (holds)
        return;
    fprintf(stderr, "broken: %s\n", promise);
    abort();
}

/* ---- Mutations --------------------------------------------------------------------------------- */

static const struct {
    const char *bytes;
    size_t size;
} seeds[READERS] = {
    {"\211PNG\015\012\032\012\000\000\000\015IHDR\000\000\000\004\000\000\000\003\004\003\000\000\000F\332\263\365\000"
     "\000\000\013tEXtTitle\000seven\254J\344!"
     "\000\000\000\030PLTE\000\001\002\003\004\005\006\007\010\011\012\013\014\015\016\017\020\021\022\023\024\025\026"
     "\027wcp\234\000\000\000\001tRNSP+\215\211\222\000\000\000\021IDATx\332c`TfdTbb`\000\000\001\237\000K\326'"
     "u\007\000\000\000\000IEND\256B`\202",
     146},
    {"\211PNG\015\012\032\012\000\000\000\015IHDR\000\000\000\005\000\000\000\005\010\000\000\000\001\337\003"
     "I\257\000\000\000\013tEXtTitle\000seven\254J\344!\000\000\000+IDATx\332c``\320`8\361\201A\204\361\016"
     "CJE\017\003\227\034c\236\010SJ\012\203\221\215[@\024\3434. \000\000\230\005\007\314\206\005~{\000\000"
     "\000\000IEND\256B`\202",
     123},
    {"P5\012#c\0123 4 "
     "300\012\001\007\001\007\001\007\001\007\001\007\001\007\001\007\001\007\001\007\001\007\001\007\001\007",
     38},
    {"\000\000\015\003\000\000\000\003\000\000\000\002\000\000\000\002\000\000\000\000\000\000\000\000\000\000\000\000"
     "\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000"
     "\000\000\000\000\000\000\000\000",
     64},
    {"\223NUMPY\001\000t\000{'descr': '>i2', 'fortran_order': False, 'shape': (2, 3, 3,), }                            "
     "                        "
     "\012\000\001\000\001\000\001\000\001\000\001\000\001\000\001\000\001\000\001\000\001\000\001\000\001\000\001\000"
     "\001\000\001\000\001\000\001\000\001",
     162},
    {"label,a,b,c,d\0121,2,3,.5,4\0120,\0425\042,6,7,9\012", 37},
    {"PK\003\004-\000\000\000\010\000\000\000!\0004*nZ\377\377\377\377\377\377\377\377\013\000\024\000x_train."
     "npy\001\000\020\000\014\000\000\000\000\000\000\000\007\000\000\000\000\000\000\000KLJN\204!\000PK\003\004-"
     "\000\000\000\010\000\000\000!\000\315DSO\377\377\377\377\377\377\377\377\005\000\024\000y."
     "npy\001\000\020\000\002\000\000\000\000\000\000\000\004\000\000\000\000\000\000\00034\002\000PK\001\002-\003-"
     "\000\000\000\010\000\000\000!\0004*"
     "nZ\007\000\000\000\014\000\000\000\013\000\000\000\000\000\000\000\000\000\000\000\200\001\000\000\000\000x_"
     "train.npyPK\001\002-\003-\000\000\000\010\000\000\000!"
     "\000\315DSO\004\000\000\000\002\000\000\000\005\000\000\000\000\000\000\000\000\000\000\000\200\001D\000\000\000y"
     ".npyPK\005\006\000\000\000\000\002\000\002\000l\000\000\000\177\000\000\000\000\000",
     257},
};

/* Enters the checksums of the chunks of a PNG, which begins at `data`. */
static void enter_checksums(uint8_t *data, size_t size)
{
    size_t place = 8;

    while (place + 12 <= size) {
        const size_t length = (size_t)data[place + 2] << 8 | data[place + 3];

        if (data[place] || data[place + 1] || length > size - place - 12)
            return;
        const uint32_t crc = crc32_of(data + place + 4, length + 4);
        for (size_t i = 0; i < 4; ++i)
            data[place + 8 + length + i] = (uint8_t)(crc >> (24 - 8 * i));
        place += 12 + length;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned random)
{
    const unsigned reader = random / 2 % READERS;

    if (size < 2 && seeds[reader].size < most) {
        data[0] = (uint8_t)reader;
        memcpy(data + 1, seeds[reader].bytes, seeds[reader].size);
        return 1 + seeds[reader].size;
    }
    const size_t changed = LLVMFuzzerMutate(data, size, most);
    if (changed > 0 && data[0] % READERS <= INTERLACED && random % 2 != 0)
        enter_checksums(data + 1, changed - 1);
    return changed;
}

/* ---- Readers ----------------------------------------------------------------------------------- */

/* Reads all of the bytes, so that a sanitizer sees those that are not there. */
static void touch(const uint8_t *bytes, size_t size)
{
    volatile uint8_t sum = 0;

    for (size_t i = 0; i < size; ++i)
        sum = (uint8_t)(sum + bytes[i]);
}

static void use_array(const struct array *array)
{
    struct image_array images = {0};
    struct label_array labels = {0};

    if (array_images(&images, array, "file") == 0)
        touch(images.pixels,
              (size_t)images.count * (size_t)images.channels * (size_t)images.height * (size_t)images.width);
    else
        require(images.converted == NULL, "a rejection leaves no images");
    free(images.converted);
    if (array_labels(&labels, array, "file") == 0)
        touch(labels.labels, (size_t)labels.count);
    else
        require(labels.converted == NULL, "a rejection leaves no labels");
    free(labels.converted);
}

static void use_picture(struct picture *picture, int code)
{
    const struct fit_target targets[] = {{1, 8, 8, 0.1, FIT_AUTO, INVERT_AUTO},
                                         {3, 5, 9, 0.1, FIT_STRETCH, INVERT_YES}};
    const struct fit_target *target = &targets[code == 0 && picture->width % 2];
    struct fit_result result;

    if (code == 0 && (int64_t)picture->height * picture->width < 1 << 16 &&
        fit_picture(picture, target, fit_inverts(target, 0.7), &result, "file") == 0) {
        require(picture->channels == target->channels && picture->height == target->height &&
                    picture->width == target->width,
                "a picture fits");
        touch(picture->pixels, (size_t)picture->channels * (size_t)picture->height * (size_t)picture->width);
        free(fit_text(target, &result));
    }
    require(code == 0 || picture->pixels == NULL, "a rejection leaves no picture");
    picture_free(picture);
}

static void use_archive(const struct whole_file *file)
{
    struct zip zip;

    if (zip_open(&zip, file, "file") == 0) {
        for (size_t i = 0; i < zip.count && i < 8; ++i) {
            struct whole_file member;

            if (zip_unpack(&zip, &zip.entries[i], "file", &member) == 0)
                touch(member.data, member.size);
            else
                require(member.data == NULL, "a rejection leaves no file");
            whole_file_close(&member);
        }
    }
    zip_close(&zip);
}

static void use_table(const struct whole_file *file)
{
    struct csv_table table;

    if (csv_read(&table, file, "file", file->size % 2 == 0 ? 0 : 9) == 0) {
        use_array(&table.images);
        if (table.labels.values)
            use_array(&table.labels);
    } else {
        require(table.memory == NULL, "a rejection leaves no table");
    }
    free(table.memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const struct whole_file file = {data + 1, size - 1};
    struct pnm_file pnm = {file.data, file.data + file.size, "file"};
    struct picture picture = {0};
    struct array array;

    switch ((enum reader)(data[0] % READERS)) {
    case PNG:
    case INTERLACED:
        use_picture(&picture, png_read(&picture, file.data, file.size, "file"));
        break;
    case PNM:
        use_picture(&picture, pnm_read(&pnm, &picture));
        break;
    case IDX:
        if (idx_read(&array, &file, "file") == 0)
            use_array(&array);
        break;
    case NPY:
        if (npy_read(&array, &file, "file") == 0)
            use_array(&array);
        break;
    case CSV:
        use_table(&file);
        break;
    default:
        use_archive(&file);
    }
    return 0;
}
