/* SPDX-License-Identifier: MIT */
#include "data/image_set.h"

#include "support/file_system.h"
#include "support/report.h"
#include "support/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* The two files of a set. Images have three dimensions, or four with channels. */
enum content { IMAGES, LABELS };

static const struct {
    const char *word;
    int32_t min_rank, max_rank;
} contents[] = {{"images", 3, 4}, {"labels", 1, 1}};

/*
 * The path of a file such as "train-images-idx3-ubyte" or, as some mirrors write it, "train-images.idx3-ubyte". If
 * there is no such file, the first of these names, for the error message. free() it. NULL without memory.
 */
static char *find_set_file(const char *directory, const char *set, enum content content)
{
    const char *word = contents[content].word;
    char *first = NULL;

    for (int32_t rank = contents[content].min_rank; rank <= contents[content].max_rank; ++rank) {
        for (int dot = 0; dot <= 1; ++dot) {
            char *path = text_of("%s/%s-%s%cidx%" PRId32 "-ubyte", directory, set, word, dot ? '.' : '-', rank);

            if (!path || file_exists(path)) {
                free(first);
                return path;
            }
            if (first)
                free(path);
            else
                first = path;
        }
    }
    return first;
}

static int open_set_file(struct idx_file *idx, const char *directory, const char *set, enum content content)
{
    char *path = find_set_file(directory, set, content);

    if (!path)
        return report_error("not enough memory");
    int code = idx_open(idx, path, contents[content].min_rank, contents[content].max_rank);
    free(path);
    return code;
}

int image_set_open(struct image_set *set, const char *directory, const char *name)
{
    struct idx_file *images = &set->image_file, *labels = &set->label_file;

    int code = open_set_file(images, directory, name, IMAGES);
    if (code == 0)
        code = open_set_file(labels, directory, name, LABELS);
    if (code != 0)
        return code;
    if (images->shape[0] != labels->shape[0])
        return report_error("%s: %" PRId64 " images in %s-images, but %" PRId64 " labels in %s-labels", directory,
                            images->shape[0], name, labels->shape[0], name);
    set->images = images->values;
    set->labels = labels->values;
    set->count = images->shape[0];
    return 0;
}

void image_set_close(struct image_set *set)
{
    idx_close(&set->image_file);
    idx_close(&set->label_file);
    free(set->generated);
    *set = (struct image_set){0};
}

bool image_set_has_file(const char *directory, const char *name, const char *path)
{
    bool found = false;

    for (int i = 0; i < 2 && !found; ++i) {
        char *file = find_set_file(directory, name, i == 0 ? IMAGES : LABELS);

        found = file && file_same(file, path);
        free(file);
    }
    return found;
}
