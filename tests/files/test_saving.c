/* SPDX-License-Identifier: MIT */
/*
 * Saving, system call by system call: a process that is killed at any of them leaves the old file or the new one, and a
 * call that fails leaves the old file and nothing else.
 */
#include "system_calls.h"

#include <sys/resource.h>

/* ---- Killed ----------------------------------------------------------------------------------- */

/* Saves in another process that is killed before event `kill_at`; returns whether it was. */
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

/* ---- In which order --------------------------------------------------------------------------- */

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

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(writers); ++i) {
        empty_folder();
        check_order(writers[i], "openat, write, fsync of the file, close, renameat, fsync of the directory, close");
        check_order(writers[i],
                    "openat, fchmod, write, fsync of the file, close, renameat, fsync of the directory, close");
    }
    empty_folder();
    rmdir(folder);
}

/* ---- Failing ---------------------------------------------------------------------------------- */

/*
 * Each call in turn fails with each error: the old file is as it was, the message has the reason, and saving works
 * again.
 */
static void fails_at_any_call(const void *argument)
{
    static const struct {
        int error;
        const char *words;
    } errors[] = {{ENOSPC, "no space"}, {EIO, "device"}, {EACCES, "permission"}, {EROFS, "read-only"}, {121, "121"}};
    normnet_model *old = draw_model(1), *new = draw_model(2);
    int failed = 0;

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(errors); ++i)
        for (int fail_at = 1;; ++fail_at) {
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
                const int renamed = strstr(normnet_error_message(), "was replaced") != NULL;

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

/* With and without the rule of normnet.h for a host under a limit of file sizes; 0, or the signal that ends it. */
static int save_under_a_limit(normnet_model *model, int ignores)
{
    int status = 0;
    const pid_t child = fork();

    if (child == 0) {
        const struct rlimit limit = {100, 100};

        signal(SIGXFSZ, ignores ? SIG_IGN : SIG_DFL);
        setrlimit(RLIMIT_FSIZE, &limit);
        _exit(normnet_model_save(model, path, NULL) != NORMNET_EIO ||
              strstr(normnet_error_message(), "larger than allowed") == NULL || files_in_folder() != 1);
    }
    waitpid(child, &status, 0);
    CHECK(!ignores || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void a_limit_of_file_sizes(const void *argument)
{
    normnet_model *old = draw_model(1), *new = draw_model(2);

    (void)argument;
    empty_folder();
    CHECK_OK(normnet_model_save(old, path, NULL));
    CHECK_EQUAL(save_under_a_limit(new, 1), 0);
    CHECK_EQUAL(save_under_a_limit(new, 0), SIGXFSZ);
    CHECK_EQUAL(seed_in_file(), 1);
    empty_folder();
    rmdir(folder);
    normnet_model_destroy(old);
    normnet_model_destroy(new);
}

static void memory_runs_out(const void *argument)
{
    struct allocator memory = {.fill = 0xA5};
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

int main(int argc, char **argv)
{
    static const struct saving_case cases[] = {
        {"saving: killed at any call, an old file is there", killed_at_any_call, "an old file"},
        {"saving: killed at any call, no file is there", killed_at_any_call, NULL},
        {"saving: the order of the calls", order_of_calls, NULL},
        {"saving: any call fails", fails_at_any_call, NULL},
        {"saving: short and interrupted reads and writes", short_and_interrupted, NULL},
        {"saving: a limit of file sizes", a_limit_of_file_sizes, NULL},
        {"saving: memory runs out", memory_runs_out, NULL},
    };

    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(cases); ++i)
        check_case(cases[i].name, leaves_nothing_open, &cases[i]);
    return check_end();
}
