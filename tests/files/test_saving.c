/* SPDX-License-Identifier: MIT */
/*
 * Saving, system call by system call: a process that is killed at any of them leaves the old file or the new one, and a
 * call that fails leaves the old one and nothing else. Reading from what is no file, or changes meanwhile.
 *
 * The linker puts the functions below before the system's (--wrap). Each call is an event; what happens at which
 * event is up to the case.
 */
#if !defined(__APPLE__)
#define _GNU_SOURCE
#endif
#include "harness/allocator.h"
#include "harness/check_normnet.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Before the system ---------------------------------------------------------------------- */

static struct {
    int on, events;
    int kill_at;             /* the process ends before this event */
    int fail_at, error;      /* this event fails with errno == error */
    int interrupt;           /* every other call is interrupted by a signal */
    int64_t most;            /* bytes that a read or write moves at once; 0 = all */
    int64_t after;           /* bytes that reads find after the file, or that are missing from it if negative */
    const char *last_failed; /* the name of the call that failed */
    mode_t created;          /* the mode of the last file that openat created */
    char order[256];         /* the names of the events, each once where it repeats */
    const char *last;        /* of these */
    int64_t synchronized;    /* bytes that the file had when it was brought to the disk */
} system_calls;

static void keep_order(const char *name)
{
    const size_t length = strlen(system_calls.order);
    if (system_calls.last == NULL || strcmp(system_calls.last, name) != 0)
        snprintf(system_calls.order + length, sizeof system_calls.order - length, "%s%s", length > 0 ? ", " : "", name);
    system_calls.last = name;
}

/* Whether this call is to fail. */
static int event(const char *name)
{
    if (!system_calls.on)
        return 0;
    keep_order(name);
    system_calls.events += 1;
    if (system_calls.events == system_calls.kill_at)
        kill(getpid(), SIGKILL);
    if (system_calls.events != system_calls.fail_at)
        return 0;
    system_calls.last_failed = name;
    errno = system_calls.error;
    return 1;
}

static int interrupted(void)
{
    static int calls;
    if (!system_calls.on || !system_calls.interrupt || ++calls % 2 == 0)
        return 0;
    errno = EINTR;
    return 1;
}

static size_t at_once(size_t count)
{
    return system_calls.on && system_calls.most > 0 && (int64_t)count > system_calls.most ? (size_t)system_calls.most
                                                                                          : count;
}

int __real_openat(int directory, const char *path, int flags, ...);
int __wrap_openat(int directory, const char *path, int flags, ...);
int __real_openat64(int directory, const char *path, int flags, ...);
int __wrap_openat64(int directory, const char *path, int flags, ...);
ssize_t __real_read(int descriptor, void *bytes, size_t count);
ssize_t __wrap_read(int descriptor, void *bytes, size_t count);
ssize_t __real_write(int descriptor, const void *bytes, size_t count);
ssize_t __wrap_write(int descriptor, const void *bytes, size_t count);
int __real_fsync(int descriptor);
int __wrap_fsync(int descriptor);
int __real_fchmod(int descriptor, mode_t mode);
int __wrap_fchmod(int descriptor, mode_t mode);
int __real_close(int descriptor);
int __wrap_close(int descriptor);
int __real_renameat(int from_directory, const char *from, int to_directory, const char *to);
int __wrap_renameat(int from_directory, const char *from, int to_directory, const char *to);
int __real_unlinkat(int directory, const char *path, int flags);
int __wrap_unlinkat(int directory, const char *path, int flags);

static int open_with(int (*open_in)(int directory, const char *path, int flags, ...), int directory, const char *path,
                     int flags, mode_t mode)
{
    if (interrupted() || event("openat"))
        return -1;
    if (flags & O_CREAT)
        system_calls.created = mode;
    return open_in(directory, path, flags, mode);
}

/* The library gives a mode to every call. */
int __wrap_openat(int directory, const char *path, int flags, ...)
{
    va_list arguments;
    mode_t mode;
    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
    return open_with(__real_openat, directory, path, flags, mode);
}

int __wrap_openat64(int directory, const char *path, int flags, ...)
{
    va_list arguments;
    mode_t mode;
    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
    return open_with(__real_openat64, directory, path, flags, mode);
}

ssize_t __wrap_read(int descriptor, void *bytes, size_t count)
{
    ssize_t done;
    if (interrupted() || event("read"))
        return -1;
    done = __real_read(descriptor, bytes, at_once(count));
    if (system_calls.on && system_calls.after < 0 && done > 0) { /* the file has shrunk */
        system_calls.after += 1;
        return done - 1;
    }
    if (system_calls.on && system_calls.after > 0 && done == 0 && count > 0) { /* it has grown */
        system_calls.after -= 1;
        *(char *)bytes = 'x';
        return 1;
    }
    return done;
}

ssize_t __wrap_write(int descriptor, const void *bytes, size_t count)
{
    if (interrupted() || event("write"))
        return -1;
    return __real_write(descriptor, bytes, at_once(count));
}

int __wrap_fsync(int descriptor)
{
    struct stat about;
    const int is_file = fstat(descriptor, &about) == 0 && S_ISREG(about.st_mode);
    if (interrupted() || event(is_file ? "fsync of the file" : "fsync of the directory"))
        return -1;
    if (is_file)
        system_calls.synchronized = about.st_size;
    return __real_fsync(descriptor);
}

int __wrap_fchmod(int descriptor, mode_t mode)
{
    return interrupted() || event("fchmod") ? -1 : __real_fchmod(descriptor, mode);
}

/* A close that fails has closed all the same. */
int __wrap_close(int descriptor)
{
    const int fails = event("close");
    const int result = __real_close(descriptor);
    if (fails)
        errno = system_calls.error;
    return fails || interrupted() ? -1 : result;
}

int __wrap_renameat(int from_directory, const char *from, int to_directory, const char *to)
{
    return event("renameat") ? -1 : __real_renameat(from_directory, from, to_directory, to);
}

int __wrap_unlinkat(int directory, const char *path, int flags)
{
    return event("unlinkat") ? -1 : __real_unlinkat(directory, path, flags);
}

static void calls_on(void)
{
    memset(&system_calls, 0, sizeof system_calls);
    system_calls.on = 1;
}

static void calls_off(void)
{
    system_calls.on = 0;
}

/* ---- Models and folders -------------------------------------------------------------------------- */

static const char folder[] = "test_saving.folder", path[] = "test_saving.folder/model";

/* The n-th of some models that differ. */
static normnet_model *draw_model(int64_t n)
{
    normnet_config config;
    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_BATCH));
    config.architecture = "conv3-4 norm relu gap conv1-3";
    config.height = config.width = 6;
    config.classes = 3;
    config.seed = n;
    return CHECK_CREATE(&config);
}

/* The seed of the model in the file, or -1 and a failure. */
static int64_t seed_in_file(void)
{
    normnet_config config = {.struct_size = sizeof config};
    normnet_model *model = NULL;
    if (!CHECK_OK(normnet_model_load(&model, path, NULL)) || !CHECK_OK(normnet_model_config(model, &config)))
        config.seed = -1;
    normnet_model_destroy(model);
    return config.seed;
}

static int files_in_folder(void)
{
    DIR *directory = opendir(folder);
    int count = 0;
    const struct dirent *entry;
    if (directory == NULL)
        return -1;
    while ((entry = readdir(directory)) != NULL)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(directory);
    return count;
}

static void empty_folder(void)
{
    DIR *directory;
    const struct dirent *entry;
    mkdir(folder, 0777);
    directory = opendir(folder);
    while ((entry = readdir(directory)) != NULL) {
        char name[512];
        snprintf(name, sizeof name, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.' || entry->d_name[1] == 'n') /* ours among the hidden ones */
            remove(name);
    }
    closedir(directory);
}

/* Files, folders and pipes that this process has open. */
static int open_descriptors(void)
{
    int descriptor, count = 0;
    for (descriptor = 0; descriptor < 256; ++descriptor)
        count += fcntl(descriptor, F_GETFD) >= 0;
    return count;
}

static mode_t mode_of(const char *name)
{
    struct stat about;
    CHECK(stat(name, &about) == 0);
    return about.st_mode & 0777;
}

/* ---- Killed ---------------------------------------------------------------------------------------- */

/* Saves in a process of its own that is killed before event `kill_at`; whether it was. */
static int killed_while_saving(normnet_model *model, int kill_at)
{
    int status = 0;
    const pid_t child = fork();
    if (child == 0) {
        calls_on();
        system_calls.kill_at = kill_at;
        system_calls.most = 700; /* several writes */
        _exit(normnet_model_save(model, path, NULL) != NORMNET_OK);
    }
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        CHECK_FAIL("saving fails in the other process");
    return WIFSIGNALED(status);
}

static void killed_at_any_call(const void *argument)
{
    const int replaces = argument != NULL;
    normnet_model *old = draw_model(1), *new = draw_model(2);
    int kill_at, old_files = 0, new_files = 0, none = 0;
    for (kill_at = 1;; ++kill_at) {
        int killed;
        empty_folder();
        if (replaces)
            CHECK_OK(normnet_model_save(old, path, NULL));
        killed = killed_while_saving(new, kill_at);
        if (access(path, F_OK) != 0)
            ++none;
        else if (seed_in_file() == 1)
            ++old_files;
        else
            ++new_files;
        if (!killed)
            break;
    }
    /* At least: two opens, some writes, two syncs, two closes, a rename, each before and after it matters. */
    CHECK(kill_at > 9);
    CHECK(new_files >= 2 && (replaces ? old_files >= 7 && none == 0 : none >= 7 && old_files == 0));
    empty_folder();
    rmdir(folder);
    normnet_model_destroy(old);
    normnet_model_destroy(new);
}

/* ---- In which order -------------------------------------------------------------------------------- */

/* Nothing takes the old file's place before it is on the disk, and then the new name is brought there too. */
static void check_order(normnet_status (*write_model)(normnet_model *model), const char *expected)
{
    normnet_model *model = draw_model(1);
    struct stat about;
    calls_on();
    system_calls.most = 700; /* several writes */
    CHECK_OK(write_model(model));
    calls_off();
    CHECK_TEXT(system_calls.order, expected);
    CHECK(stat(path, &about) == 0);
    CHECK_EQUAL(system_calls.synchronized, about.st_size);
    normnet_model_destroy(model);
}

static normnet_status save_model(normnet_model *model)
{
    return normnet_model_save(model, path, NULL);
}

static normnet_status export_model(normnet_model *model)
{
    return normnet_model_export_onnx(model, path);
}

static void order_of_calls(const void *argument)
{
    normnet_status (*const writers[])(normnet_model *) = {save_model, export_model};
    int i;
    (void)argument;
    for (i = 0; i < CHECK_COUNT(writers); ++i) {
        empty_folder();
        check_order(writers[i], "openat, write, fsync of the file, close, renameat, fsync of the directory, close");
        check_order(writers[i],
                    "openat, fchmod, write, fsync of the file, close, renameat, fsync of the directory, close");
    }
    empty_folder();
    rmdir(folder);
}

/* ---- Failing ---------------------------------------------------------------------------------------- */

/* Each call in turn fails with each error: the old file is as it was, the sentence says why, and saving works again. */
static void fails_at_any_call(const void *argument)
{
    static const struct {
        int error;
        const char *words;
    } errors[] = {{ENOSPC, "no space"}, {EIO, "device"}, {EACCES, "permission"}, {EROFS, "read-only"}, {121, "121"}};
    normnet_model *old = draw_model(1), *new = draw_model(2);
    int i, fail_at, failed = 0;
    (void)argument;
    for (i = 0; i < CHECK_COUNT(errors); ++i)
        for (fail_at = 1;; ++fail_at) {
            normnet_status status;
            empty_folder();
            CHECK_OK(normnet_model_save(old, path, NULL));
            calls_on();
            system_calls.fail_at = fail_at;
            system_calls.error = errors[i].error;
            status = normnet_model_save(new, path, NULL);
            calls_off();
            if (system_calls.last_failed == NULL)
                break;
            ++failed;
            if (status == NORMNET_OK) { /* closing what has been read or synchronized loses nothing */
                CHECK_TEXT(system_calls.last_failed, "close");
                CHECK_EQUAL(seed_in_file(), 2);
            } else {
                const int renamed = strstr(normnet_error_message(), "has been written") != NULL;
                CHECK_STATUS(status, NORMNET_EIO);
                CHECK(strstr(normnet_error_message(), path) != NULL);
                CHECK(renamed || strstr(normnet_error_message(), errors[i].words) != NULL);
                CHECK_EQUAL(seed_in_file(), renamed ? 2 : 1);
            }
            CHECK_EQUAL(files_in_folder(), 1);
        }
    CHECK(failed >= CHECK_COUNT(errors) * 8);
    empty_folder();
    CHECK_OK(normnet_model_save(new, path, NULL));
    CHECK_EQUAL(seed_in_file(), 2);
    empty_folder();
    rmdir(folder);
    normnet_model_destroy(old);
    normnet_model_destroy(new);
}

static void short_and_interrupted(const void *argument)
{
    normnet_model *model = draw_model(5);
    (void)argument;
    empty_folder();
    calls_on();
    system_calls.most = 13;
    system_calls.interrupt = 1;
    CHECK_OK(normnet_model_save(model, path, NULL));
    CHECK(system_calls.events > 100);
    CHECK_EQUAL(seed_in_file(), 5);
    CHECK_OK(normnet_model_save(model, path, NULL)); /* with permissions to take over */
    calls_off();
    empty_folder();
    rmdir(folder);
    normnet_model_destroy(model);
}

static void memory_runs_out(const void *argument)
{
    allocator memory = {.fill = 0xA5};
    normnet_config config;
    normnet_model *model = NULL;
    (void)argument;
    empty_folder();
    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_NONE));
    config.architecture = "gap";
    config.channels = config.classes = 2;
    allocator_use(&memory, &config);
    CHECK_OK(normnet_model_create(&model, &config));
    memory.allocations = 0;
    memory.fail_at = 1;
    CHECK_STATUS(normnet_model_save(model, path, NULL), NORMNET_ENOMEM);
    CHECK_EQUAL(files_in_folder(), 0);
    memory.allocations = 0;
    CHECK_STATUS(normnet_model_export_onnx(model, path), NORMNET_ENOMEM);
    CHECK_EQUAL(files_in_folder(), 0);
    normnet_model_destroy(model);
    CHECK_ALL_FREED(&memory);
    rmdir(folder);
}

/* ---- What is there already --------------------------------------------------------------------------- */

static void permissions_are_kept(const void *argument)
{
    const mode_t mask = umask(027);
    normnet_model *model = draw_model(1);
    (void)argument;
    empty_folder();
    CHECK_OK(normnet_model_save(model, path, NULL));
    CHECK_EQUAL(mode_of(path), 0640); /* a new file: the process's umask */
    chmod(path, 0604);
    CHECK_OK(normnet_model_save(model, path, NULL));
    CHECK_EQUAL(mode_of(path), 0604);
    chmod(path, 0600);
    calls_on();
    CHECK_OK(normnet_model_save(model, path, NULL));
    calls_off();
    CHECK_EQUAL(system_calls.created, 0600); /* others see it at no time */
    CHECK_EQUAL(mode_of(path), 0600);
    umask(mask);
    empty_folder();
    rmdir(folder);
    normnet_model_destroy(model);
}

/* A pipe stands for every file that is none, devices among them: those must not be at risk in a test. */
static const char pipe_path[] = "test_saving.pipe";

static void make_pipe(void)
{
    remove(pipe_path);
    CHECK(mkfifo(pipe_path, 0666) == 0);
}

static void remove_pipe(void)
{
    struct stat about;
    CHECK(lstat(pipe_path, &about) == 0 && S_ISFIFO(about.st_mode));
    remove(pipe_path);
}

/* Where a link leads does not matter, and neither do the permissions there. */
static void links_to_anywhere(normnet_model *model)
{
    static const char *const targets[] = {"../test_saving.pipe", "..", "nowhere", "model", "../test_saving.open"};
    const mode_t mask = umask(077);
    int i;
    make_pipe();
    fclose(fopen("test_saving.open", "wb"));
    chmod("test_saving.open", 0666);
    for (i = 0; i < CHECK_COUNT(targets); ++i) {
        struct stat about;
        empty_folder();
        CHECK(symlink(targets[i], path) == 0);
        CHECK_OK(normnet_model_save(model, path, NULL));
        CHECK(lstat(path, &about) == 0 && S_ISREG(about.st_mode));
        CHECK_EQUAL(mode_of(path), 0600);
    }
    umask(mask);
    CHECK_EQUAL(mode_of("test_saving.open"), 0666);
    remove("test_saving.open");
    remove_pipe();
}

static void links_are_replaced(const void *argument)
{
    normnet_model *old = draw_model(1), *new = draw_model(2);
    struct stat about;
    (void)argument;
    empty_folder();
    CHECK_OK(normnet_model_save(old, "test_saving.target", NULL));
    CHECK(symlink("../test_saving.target", path) == 0);
    CHECK_EQUAL(seed_in_file(), 1); /* reading follows */
    CHECK_OK(normnet_model_save(new, path, NULL));
    CHECK(lstat(path, &about) == 0 && S_ISREG(about.st_mode));
    CHECK_EQUAL(seed_in_file(), 2);
    remove("test_saving.target");
    links_to_anywhere(new);
    empty_folder();
    rmdir(folder);
    normnet_model_destroy(old);
    normnet_model_destroy(new);
}

static void leftovers_are_in_nobody_s_way(const void *argument)
{
    normnet_model *model = draw_model(1);
    char name[128];
    (void)argument;
    empty_folder();
    snprintf(name, sizeof name, "%s/.normnet-%lld-0.tmp", folder, (long long)getpid());
    fclose(fopen(name, "wb"));
    CHECK_OK(normnet_model_save(model, path, NULL));
    CHECK_EQUAL(files_in_folder(), 2);
    empty_folder();
    rmdir(folder);
    normnet_model_destroy(model);
}

static void no_place_for_a_file(const void *argument)
{
    static const struct {
        const char *path, *words;
    } places[] = {
        {"test_saving.folder", "directory"},           {"test_saving.folder/", "test_saving.folder/"},
        {"test_saving.nowhere/model", "no such file"}, {"", "no such file"},
        {"test_saving.pipe", "not a regular file"},    {"test_saving.pipe/model", "not a directory"},
    };
    normnet_model *model = draw_model(1);
    char longer[5000];
    int i;
    (void)argument;
    empty_folder();
    make_pipe();
    for (i = 0; i < CHECK_COUNT(places); ++i) {
        CHECK_STATUS(normnet_model_save(model, places[i].path, NULL), NORMNET_EIO);
        if (strstr(normnet_error_message(), places[i].words) == NULL)
            CHECK_FAIL("'%s': %s", places[i].path, normnet_error_message());
        CHECK_STATUS(normnet_model_export_onnx(model, places[i].path), NORMNET_EIO);
    }
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    CHECK_STATUS(normnet_model_save(model, longer, NULL), NORMNET_EIO);
    longer[4200] = '/';
    CHECK_STATUS(normnet_model_save(model, longer, NULL), NORMNET_EIO);
    remove_pipe();
    CHECK_EQUAL(files_in_folder(), 0);
    rmdir(folder);
    normnet_model_destroy(model);
}

/* Below a directory that is not there, whose path has `length` bytes; the system knows none of 4096. */
static void save_below(normnet_model *model, size_t length, const char *words, int calls)
{
    char longer[4200];
    size_t i;
    for (i = 0; i < length; ++i)
        longer[i] = i % 100 == 50 ? '/' : 'x';
    snprintf(longer + length, sizeof longer - length, "/model");
    calls_on();
    CHECK_STATUS(normnet_model_save(model, longer, NULL), NORMNET_EIO);
    calls_off();
    CHECK(strstr(normnet_error_message(), words) != NULL);
    CHECK_EQUAL(system_calls.events, calls);
    CHECK_STATUS(normnet_model_export_onnx(model, longer), NORMNET_EIO);
}

static void long_directories(const void *argument)
{
    normnet_model *model = draw_model(1);
    (void)argument;
    save_below(model, 4094, "no such file", 1);
    save_below(model, 4095, "no such file", 1);
    save_below(model, 4096, "the name is too long", 0);
    save_below(model, 4097, "the name is too long", 0);
    normnet_model_destroy(model);
}

/* ---- Reading ------------------------------------------------------------------------------------------ */

static void check_not_read(const char *name, normnet_status expected, const char *words)
{
    normnet_model *const untouched = (normnet_model *)(uintptr_t)8;
    normnet_model *model = untouched, *filled = draw_model(1);
    CHECK_STATUS(normnet_model_load(&model, name, NULL), expected);
    if (strstr(normnet_error_message(), words) == NULL)
        CHECK_FAIL("'%s': %s", name, normnet_error_message());
    CHECK(model == untouched);
    CHECK_STATUS(normnet_load_weights(filled, name), expected);
    normnet_model_destroy(filled);
}

static void what_is_no_file(const void *argument)
{
    normnet_model *model = draw_model(1);
    normnet_config host;
    normnet_model *loaded = NULL;
    (void)argument;
    empty_folder();
    check_not_read("test_saving.nowhere", NORMNET_EIO, "no such file");
    check_not_read(folder, NORMNET_EIO, "regular file");
    CHECK(mkfifo(path, 0666) == 0);
    check_not_read(path, NORMNET_EIO, "regular file"); /* and does not wait for a writer */
    remove(path);
    fclose(fopen(path, "wb"));
    check_not_read(path, NORMNET_ETRUNCATED, "0 bytes");
    remove(path);
    CHECK_OK(normnet_model_save(model, path, NULL));
    CHECK_OK(normnet_config_init(&host, NORMNET_NORM_NONE));
    host.memory_limit = 1000;
    CHECK_STATUS(normnet_model_load(&loaded, path, &host), NORMNET_ELIMIT);
    empty_folder();
    rmdir(folder);
    normnet_model_destroy(model);
}

static void files_that_change_meanwhile(const void *argument)
{
    normnet_model *model = draw_model(1);
    (void)argument;
    empty_folder();
    CHECK_OK(normnet_model_save(model, path, NULL));
    calls_on();
    system_calls.after = -1;
    CHECK_STATUS(normnet_load_weights(model, path), NORMNET_ETRUNCATED);
    calls_on();
    system_calls.after = 1;
    CHECK_STATUS(normnet_load_weights(model, path), NORMNET_EFORMAT);
    calls_on();
    system_calls.fail_at = 2; /* the first read */
    system_calls.error = EIO;
    CHECK_STATUS(normnet_load_weights(model, path), NORMNET_EIO);
    CHECK_TEXT(system_calls.last_failed, "read");
    calls_off();
    CHECK_OK(normnet_load_weights(model, path));
    empty_folder();
    rmdir(folder);
    normnet_model_destroy(model);
}

/* ---- All of them ------------------------------------------------------------------------------------ */

typedef struct saving_case {
    const char *name;
    void (*function)(const void *argument);
    const char *argument;
} saving_case;

/* Whatever comes of it, nothing is left open. */
static void leaves_nothing_open(const void *argument)
{
    const saving_case *want = argument;
    const int before = open_descriptors();
    want->function(want->argument);
    CHECK_EQUAL(open_descriptors(), before);
}

int main(int argc, char **argv)
{
    static const saving_case cases[] = {
        {"saving: killed at any call, an old file is there", killed_at_any_call, "an old file"},
        {"saving: killed at any call, no file is there", killed_at_any_call, NULL},
        {"saving: the order of the calls", order_of_calls, NULL},
        {"saving: any call fails", fails_at_any_call, NULL},
        {"saving: short and interrupted reads and writes", short_and_interrupted, NULL},
        {"saving: memory runs out", memory_runs_out, NULL},
        {"saving: permissions are kept", permissions_are_kept, NULL},
        {"saving: symbolic links are replaced", links_are_replaced, NULL},
        {"saving: a temporary file is left from before", leftovers_are_in_nobody_s_way, NULL},
        {"saving: where no file can be", no_place_for_a_file, NULL},
        {"saving: long directories", long_directories, NULL},
        {"reading: what is no regular file", what_is_no_file, NULL},
        {"reading: files that change meanwhile", files_that_change_meanwhile, NULL},
    };
    int i;
    if (!check_begin(argc, argv))
        return check_end();
    for (i = 0; i < CHECK_COUNT(cases); ++i)
        check_case(cases[i].name, leaves_nothing_open, &cases[i]);
    return check_end();
}
