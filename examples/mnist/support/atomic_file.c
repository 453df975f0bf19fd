/* SPDX-License-Identifier: MIT */
#include "support/atomic_file.h"

#include "support/file_system.h"
#include "support/interrupt.h"
#include "support/leftovers.h"
#include "support/report.h"
#include "support/whole_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void free_atomic_file(struct atomic_file *file)
{
    leftover_forget(file->temporary);
    free(file->path);
    free(file->temporary);
    *file = (struct atomic_file){NULL, NULL, NULL};
}

void atomic_file_discard(struct atomic_file *file)
{
    if (file->stream) {
        fclose(file->stream);
        remove(file->temporary);
    }
    free_atomic_file(file);
}

char *atomic_file_place(const char *path)
{
    char *place = file_resolve(path);

    if (!place)
        report_error("not enough memory to write %s", path);
    else if (strcmp(path, "-") == 0)
        report_error("cannot write -: expected the name of a file, since the text for people goes to standard output");
    else if (!file_replaceable(path) || !file_replaceable(place))
        report_error("cannot write %s: it is not a regular file", path);
    else if (file_is_output(place))
        report_error("cannot write %s: the output of the program goes to it", path);
    else
        return place;
    free(place);
    return NULL;
}

/* No signal comes between the file and the note that it has to be removed. */
static FILE *create_temporary(struct atomic_file *file)
{
    interrupt_block();
    FILE *stream = file_create_beside(file->path, &file->temporary);
    const int error = errno;
    if (stream)
        leftover_note(file->temporary, -1);
    interrupt_unblock();
    errno = error;
    return stream;
}

int atomic_file_open(struct atomic_file *file, const char *path)
{
    int code = EXIT_FAILED;

    *file = (struct atomic_file){NULL, NULL, NULL};
    file->path = atomic_file_place(path);
    if (!file->path)
        goto fail;
    file->stream = create_temporary(file);
    if (!file->stream || !file_take_permissions(file->stream, file->path)) {
        code = report_error("cannot write %s: %s", path, strerror(errno));
        goto fail;
    }
    return 0;

fail:
    atomic_file_discard(file);
    return code;
}

int atomic_file_check(const char *path)
{
    struct atomic_file file;
    int code = atomic_file_open(&file, path);

    if (code == 0)
        atomic_file_discard(&file);
    return code;
}

/* Whether the first bytes of the file have the text. */
static bool begins_with_mark(const struct whole_file *file, const char *mark)
{
    enum { MARK_WITHIN = 4096 };
    const size_t length = strlen(mark), size = file->size < MARK_WITHIN ? file->size : MARK_WITHIN;

    for (size_t i = 0; i + length <= size; ++i) {
        if (memcmp(file->data + i, mark, length) == 0)
            return true;
    }
    return false;
}

int atomic_file_check_older(const char *path, const char *mark, const char *writer)
{
    struct whole_file file;

    if (!file_exists(path))
        return 0;
    int code = whole_file_open(&file, path);
    if (code != 0)
        return code;
    if (file.size > 0 && !begins_with_mark(&file, mark))
        code = report_error("%s exists and was not written by %s; choose another file, or remove it", path, writer);
    whole_file_close(&file);
    return code;
}

int atomic_file_commit(struct atomic_file *file)
{
    int code = 0;
    bool written = !ferror(file->stream) && file_sync(file->stream);

    written = fclose(file->stream) == 0 && written;

    if (!written || !file_rename(file->temporary, file->path)) {
        code = report_error("cannot write %s: %s", file->path, strerror(errno));
        remove(file->temporary);
    }
    free_atomic_file(file);
    return code;
}
