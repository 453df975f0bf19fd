/* SPDX-License-Identifier: MIT */
#include "support/leftovers.h"

#if defined(_WIN32)
void leftover_note(const char *path, int descriptor)
{
    (void)path;
    (void)descriptor;
}

void leftover_forget(const char *path)
{
    (void)path;
}
#else

#include "support/file_system.h"
#include "support/interrupt.h"

#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

enum { MAX_NOTED = 32 }; /* more than any command has at the same time */

static struct {
    const char *_Atomic path; /* NULL = not in use */
    int descriptor;
} noted[MAX_NOTED];

/* In the handler of a signal. */
static void remove_all(void)
{
    for (int i = 0; i < MAX_NOTED; ++i) {
        const char *path = atomic_load(&noted[i].path);

        if (path && (noted[i].descriptor < 0 || file_has_name(noted[i].descriptor, path)))
            unlink(path);
    }
}

void leftover_note(const char *path, int descriptor)
{
    for (int i = 0; i < MAX_NOTED; ++i) {
        if (atomic_load(&noted[i].path))
            continue;
        noted[i].descriptor = descriptor;
        atomic_store(&noted[i].path, path);
        break;
    }
    interrupt_clean_up(remove_all);
}

void leftover_forget(const char *path)
{
    for (int i = 0; path && i < MAX_NOTED; ++i) {
        if (atomic_load(&noted[i].path) == path)
            atomic_store(&noted[i].path, NULL);
    }
}
#endif
