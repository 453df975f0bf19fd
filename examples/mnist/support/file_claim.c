/* SPDX-License-Identifier: MIT */
#if !defined(_WIN32)
#define _POSIX_C_SOURCE 200809L /* strict C11 hides fcntl */
#endif

#include "support/file_claim.h"

#include "support/atomic_file.h"
#include "support/interrupt.h"
#include "support/leftovers.h"
#include "support/report.h"
#include "support/sha256.h"
#include "support/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#include <windows.h>
#else
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

/* The claims of this process: no file that it writes may have the name of a lock. */
enum { MAX_HELD = 16 }; /* more than any command claims */
static struct {
    const char *place, *lock; /* NULL = not in use */
} held[MAX_HELD];

static void hold(const struct file_claim *claim)
{
    for (int i = 0; i < MAX_HELD; ++i) {
        if (held[i].lock)
            continue;
        held[i].place = claim->place;
        held[i].lock = claim->lock;
        break;
    }
}

static void stop_holding(const struct file_claim *claim)
{
    for (int i = 0; i < MAX_HELD; ++i) {
        if (held[i].lock == claim->lock)
            held[i].lock = NULL;
    }
}

/* `path` is what the user calls the file. */
static int check_names(const struct file_claim *claim, const char *path)
{
    for (int i = 0; i < MAX_HELD; ++i) {
        const char *lock = held[i].lock;

        if (lock && file_same(claim->place, lock))
            return report_usage("%s is the name of the lock of %s, which is written, too; choose another file", path,
                                held[i].place);
        if (lock && file_same(claim->lock, held[i].place))
            return report_usage("%s is written, and is the name of the lock of %s; choose another file", held[i].place,
                                path);
    }
    return 0;
}

#if defined(_WIN32)
/* Windows deletes the file when its only handle is closed, even by the end of the process. */
static int lock_file(struct file_claim *claim, const char *path)
{
    HANDLE handle = CreateFileA(claim->lock, GENERIC_WRITE, 0, NULL, CREATE_NEW,
                                FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE, NULL);
    const DWORD error = GetLastError();

    claim->handle = (intptr_t)handle;
    if (handle != INVALID_HANDLE_VALUE)
        return 0;
    if (error == ERROR_FILE_EXISTS || error == ERROR_SHARING_VIOLATION || error == ERROR_ACCESS_DENIED)
        return report_error("%s is being written by another process, which holds %s; choose another file", path,
                            claim->lock);
    return report_error("cannot create %s: system error %lu", claim->lock, (unsigned long)error);
}

static void unlock_file(struct file_claim *claim)
{
    CloseHandle((HANDLE)claim->handle);
}
#else
static int reject_locked(int descriptor, const char *path)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(descriptor, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0)
        return report_error("%s is being written by the process %ld; choose another file", path, (long)lock.l_pid);
    return report_error("%s is being written by another process; choose another file", path);
}

static int lock_descriptor(int descriptor, const char *path, const char *name)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat status;

    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > 0)
        return report_error("cannot write %s: %s, the name of its lock, is another file", path, name);
    if (fcntl(descriptor, F_SETLK, &lock) != 0 && (errno == EACCES || errno == EAGAIN))
        return reject_locked(descriptor, path);
    return 0;
}

static int take_lock(struct file_claim *claim, const char *path)
{
    const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    int descriptor;

    for (;;) {
        descriptor = open(claim->lock, flags, 0666);
        if (descriptor < 0)
            return report_error("cannot create %s: %s", claim->lock, strerror(errno));
        const int code = lock_descriptor(descriptor, path, claim->lock);
        if (code == 0 && file_has_name(descriptor, claim->lock))
            break;
        close(descriptor);
        if (code != 0)
            return code;
    }
    claim->handle = descriptor;
    leftover_note(claim->lock, descriptor);
    return 0;
}

/* No signal comes between the lock and the note that it has to be removed. */
static int lock_file(struct file_claim *claim, const char *path)
{
    interrupt_block();
    const int code = take_lock(claim, path);
    interrupt_unblock();
    return code;
}

/* Forgotten before the file is removed: one of that name is then another process's. */
static void unlock_file(struct file_claim *claim)
{
    leftover_forget(claim->lock);
    if (file_has_name((int)claim->handle, claim->lock))
        unlink(claim->lock);
    close((int)claim->handle);
}
#endif

/* The name of a file may have 255 bytes: where the ending finds no room, a digest takes the place of the name. */
static char *lock_path(const char *place)
{
    enum { MAX_NAME = 255 };
    const int folder = file_folder_length(place);
    const char *name = place + folder;
    struct sha256 hash;
    char digest[65];

    if (strlen(name) + strlen(".lock") <= MAX_NAME)
        return text_of("%s.lock", place);
    sha256_init(&hash);
    sha256_update(&hash, name, strlen(name));
    sha256_final(&hash, digest);
    return text_of("%.*s.normnet-mnist-%s.lock", folder, place, digest);
}

/* `claim->place` has been set. */
static int lock_place(struct file_claim *claim, const char *path)
{
    int code;

    claim->lock = lock_path(claim->place);
    if (!claim->lock)
        return report_error("not enough memory to write %s", path);
    code = check_names(claim, path);
    if (code == 0)
        code = lock_file(claim, path);
    if (code == 0)
        hold(claim);
    else
        free(claim->lock);
    return code;
}

int file_claim_take(struct file_claim *claim, const char *path)
{
    *claim = (struct file_claim){.lock = NULL};
    int code = atomic_file_check(path);
    if (code != 0)
        return code;
    claim->place = atomic_file_place(path);
    if (!claim->place)
        return EXIT_FAILED;
    code = lock_place(claim, path);
    if (code != 0) {
        free(claim->place);
        *claim = (struct file_claim){.lock = NULL};
        return code;
    }
    file_claim_update(claim);
    return 0;
}

int file_claim_check(const struct file_claim *claim)
{
    const struct file_stamp now = file_stamp(claim->place), *then = &claim->stamp;
    const bool same = now.device == then->device && now.number == then->number && now.size == then->size &&
                      now.seconds == then->seconds;

    if (same || !file_exists(claim->place))
        return 0;
    return report_error("%s was changed by another program while this one ran, and is not replaced", claim->place);
}

void file_claim_update(struct file_claim *claim)
{
    claim->stamp = file_stamp(claim->place);
}

void file_claim_release(struct file_claim *claim)
{
    if (!claim->place)
        return;
    stop_holding(claim);
    unlock_file(claim);
    free(claim->lock);
    free(claim->place);
    claim->place = NULL;
}
