/* SPDX-License-Identifier: MIT */
#include "atomic_file.h"

#include "platform.h"
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void forget(struct atomic_file *file)
{
    free(file->path);
    free(file->temporary);
    *file = (struct atomic_file){NULL, NULL, NULL};
}

int atomic_file_open(struct atomic_file *file, const char *path)
{
    int code = 0;

    *file = (struct atomic_file){NULL, NULL, NULL};
    file->path = file_resolve(path);
    if (file->path)
        file->temporary = text_of("%s.%" PRId64 ".tmp", file->path, process_id());
    if (!file->temporary) {
        code = report_error("not enough memory to write %s", path);
        goto fail;
    }
    if (!file_replaceable(file->path)) {
        code = report_error("cannot write %s: it is not a regular file", path);
        goto fail;
    }
    file->stream = fopen(file->temporary, "wb");
    if (!file->stream) {
        code = report_error("cannot write %s: %s", path, strerror(errno));
        goto fail;
    }
    return 0;

fail:
    forget(file);
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

int atomic_file_commit(struct atomic_file *file)
{
    int code = 0;
    bool written = !ferror(file->stream) && file_sync(file->stream);
    written = fclose(file->stream) == 0 && written;

    if (!written || !file_rename(file->temporary, file->path)) {
        code = report_error("cannot write %s: %s", file->path, strerror(errno));
        remove(file->temporary);
    }
    forget(file);
    return code;
}

void atomic_file_discard(struct atomic_file *file)
{
    if (file->stream) {
        fclose(file->stream);
        remove(file->temporary);
    }
    forget(file);
}
