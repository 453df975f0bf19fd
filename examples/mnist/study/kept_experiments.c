/* SPDX-License-Identifier: MIT */
#include "study/kept_experiments.h"

#include "support/atomic_file.h"
#include "support/file_system.h"
#include "support/report.h"
#include "support/text.h"
#include "support/whole_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char mark[] = "# The experiments of the last study in this directory, kept by normnet-mnist study.\n";

/* Whose file it is. The user may have it in the directory and name it with --experiments, which needs no copy. */
enum owner { NOBODY, OURS, THE_STUDYS, ANOTHER };

static int find_owner(enum owner *owner, const char *path, const char *source)
{
    struct whole_file file;

    *owner = NOBODY;
    if (!file_exists(path))
        return 0;
    int code = atomic_file_check(path); /* also whether it is a regular file, which can be read without waiting */
    if (code == 0)
        code = whole_file_open(&file, path);
    if (code != 0)
        return code;
    const size_t marked = sizeof mark - 1;
    if (file.size >= marked && memcmp(file.data, mark, marked) == 0)
        *owner = OURS;
    else if (source && file.size == strlen(source) && (file.size == 0 || memcmp(file.data, source, file.size) == 0))
        *owner = THE_STUDYS;
    else
        *owner = ANOTHER;
    whole_file_close(&file);
    return 0;
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

static int check_owner(enum owner *owner, const char *path, const char *source)
{
    const int code = find_owner(owner, path, source);

    if (code != 0 || *owner != ANOTHER)
        return code;
    return report_error("%s exists and is not this study's file of experiments; name it with --experiments, or choose "
                        "another directory",
                        path);
}

static int write_or_remove(const char *path, const char *source)
{
    enum owner owner;

    const int code = check_owner(&owner, path, source);
    if (code != 0 || owner == THE_STUDYS)
        return code;
    if (source)
        return write_file(path, source);
    if (owner == OURS && remove(path) != 0)
        return report_error("cannot remove %s, which an older study has kept: %s", path, strerror(errno));
    return 0;
}

static char *path_in(const char *directory)
{
    char *path = text_of("%s/experiments.txt", directory);

    if (!path)
        report_error("not enough memory");
    return path;
}

int kept_experiments_check(const char *directory, const struct experiments *experiments)
{
    enum owner owner;
    char *path = path_in(directory);

    const int code = path ? check_owner(&owner, path, experiments->source) : EXIT_FAILED;
    free(path);
    return code;
}

int kept_experiments_write(const char *directory, const struct experiments *experiments)
{
    char *path = path_in(directory);

    const int code = path ? write_or_remove(path, experiments->source) : EXIT_FAILED;
    free(path);
    return code;
}

int kept_experiments_find(const char *directory, char **path)
{
    *path = path_in(directory);
    if (!*path)
        return EXIT_FAILED;
    int code = 0;
    if (file_exists(*path)) {
        if (file_replaceable(*path))
            return 0;
        code = report_error("cannot read %s: it is not a regular file", *path);
    }
    free(*path);
    *path = NULL;
    return code;
}
