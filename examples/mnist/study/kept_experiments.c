/* SPDX-License-Identifier: MIT */
#include "study/kept_experiments.h"

#include "support/atomic_file.h"
#include "support/file_system.h"
#include "support/report.h"
#include "support/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char mark[] = "# The experiments of the last study in this directory, kept by normnet-mnist study.\n";

/* Also if there is none. */
static bool is_ours(const char *path)
{
    char start[sizeof mark] = "";
    FILE *file = fopen(path, "rb");

    if (!file)
        return errno == ENOENT;
    const size_t size = fread(start, 1, sizeof mark - 1, file);
    fclose(file);
    return size == sizeof mark - 1 && strcmp(start, mark) == 0;
}

static int write_file(const char *path, const char *text)
{
    struct atomic_file file;

    const int code = atomic_file_open(&file, path);
    if (code != 0)
        return code;
    if (strncmp(text, mark, strlen(mark)) != 0) /* else it is such a file, which was passed with --experiments */
        fputs(mark, file.stream);
    fputs(text, file.stream);
    return atomic_file_commit(&file);
}

int kept_experiments_write(const char *directory, const struct experiments *experiments)
{
    char *path = text_of("%s/experiments.txt", directory);
    int code = path ? 0 : report_error("not enough memory");

    if (code == 0 && is_ours(path)) {
        if (experiments->source)
            code = write_file(path, experiments->source);
        else if (file_exists(path) && remove(path) != 0)
            code = report_error("cannot remove %s, which an older study has kept: %s", path, strerror(errno));
    }
    free(path);
    return code;
}

int kept_experiments_find(const char *directory, char **path)
{
    *path = text_of("%s/experiments.txt", directory);
    if (!*path)
        return report_error("not enough memory");
    if (file_exists(*path) && is_ours(*path))
        return 0;
    free(*path);
    *path = NULL;
    return 0;
}
