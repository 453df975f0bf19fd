/* SPDX-License-Identifier: MIT */
/*
 * Saving, system call by system call: a process that is killed at any of them leaves the old file or the new one, and a
 * call that fails leaves the old file and nothing else. Beside that, several processes that save to one name, and
 * places that take no file.
 */
#include "saved_files.h"

/* ---- Killed ----------------------------------------------------------------------------------- */

/* Saves in another process that is killed before event `kill_at`; returns whether it was. */
static int killed_while_saving(const struct pair_of_files *files, int kill_at)
{
    int status = 0;
    const pid_t child = fork();

    if (child == 0) {
        calls_on();
        system_calls.kill_at = kill_at;
        system_calls.most = 700; /* several writes */
        _exit(files->writer->write(files->new) != NORMNET_OK);
    }
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        CHECK_FAIL("saving fails in the other process");
    return WIFSIGNALED(status);
}

static void killed_at_any_call(const struct writer *writer, int replaces)
{
    struct pair_of_files files = open_files(writer, replaces);
    int kill_at = 0, seen[HALF_A_FILE + 1] = {0};

    do {
        begin_with(&files, replaces);
        ++kill_at;
        if (killed_while_saving(&files, kill_at)) {
            ++seen[look(&files)];
        } else {
            CHECK_EQUAL(look(&files), NEW_FILE);
            kill_at = -kill_at;
        }
    } while (kill_at > 0);
    /* At least: two opens, some writes, two syncs, two closes, a rename, each before and after it matters. */
    CHECK(-kill_at > 9);
    CHECK_EQUAL(seen[HALF_A_FILE], 0);
    CHECK_EQUAL(seen[replaces ? NOTHING : OLD_FILE], 0);
    CHECK(seen[replaces ? OLD_FILE : NOTHING] >= 6 && seen[NEW_FILE] >= 2);
    close_files(&files);
}

static void killed_with_an_old_file(const void *argument)
{
    killed_at_any_call(argument, 1);
}

static void killed_without(const void *argument)
{
    killed_at_any_call(argument, 0);
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

static void order_of_calls(const void *argument)
{
    const struct writer *writer = argument;

    empty_folder();
    check_order(writer->write, "openat, write, fsync of the file, close, renameat, fsync of the directory, close");
    check_order(writer->write,
                writer->reads
                    ? "openat, fstat, read, close, openat, fchmod, write, fsync of the file, close, renameat, "
                      "fsync of the directory, close"
                    : "openat, fchmod, write, fsync of the file, close, renameat, fsync of the directory, "
                      "close");
    empty_folder();
    rmdir(folder);
}

/* ---- Failing ---------------------------------------------------------------------------------- */

static const struct {
    int error;
    const char *words;
} errors[] = {{ENOSPC, "no space"},   {EIO, "device"},      {EDQUOT, "quota"},
              {EACCES, "permission"}, {EROFS, "read-only"}, {EMFILE, "too many files"},
              {EINTR, "error 4"},     {121, "121"},         {EINVAL, "error 22"},
              {EPERM, "permission"},  {EFBIG, "larger"},    {ENFILE, "too many files"}};

/*
 * A call that is interrupted is made again, closing what has been read or synchronized loses nothing, and some file
 * systems cannot synchronize directories.
 */
static void check_success(const struct pair_of_files *files, int error)
{
    CHECK(error == EINTR || strcmp(system_calls.last_failed, "close") == 0 ||
          (error == EINVAL && strcmp(system_calls.last_failed, "fsync of the directory") == 0));
    CHECK_EQUAL(look(files), NEW_FILE);
}

static void check_failure(const struct pair_of_files *files, normnet_status status, const char *words)
{
    const int renamed = strstr(normnet_error_message(), "was replaced") != NULL;

    CHECK_STATUS(status, NORMNET_EIO);
    CHECK(strstr(normnet_error_message(), path) != NULL);
    if (strstr(normnet_error_message(), words) == NULL)
        CHECK_FAIL("%s fails: %s", system_calls.last_failed, normnet_error_message());
    CHECK_EQUAL(look(files), renamed ? NEW_FILE : OLD_FILE);
    CHECK_EQUAL(renamed, strcmp(system_calls.last_failed, "fsync of the directory") == 0);
}

/* The old file is as it was, the message has the reason, and nothing else is left. 0 if there is no such call. */
static int fails_at(const struct pair_of_files *files, int fail_at, int error, const char *words)
{
    normnet_status status;

    begin_with(files, 1);
    calls_on();
    system_calls.fail_at = fail_at;
    system_calls.error = error;
    system_calls.most = 700;
    status = files->writer->write(files->new);
    calls_off();
    if (system_calls.last_failed == NULL)
        return 0;
    if (status == NORMNET_OK)
        check_success(files, error);
    else
        check_failure(files, status, words);
    CHECK_EQUAL(files_in_folder(), 1);
    return 1;
}

/* Each call in turn fails with each error, and then saving works again. */
static void fails_at_any_call(const void *argument)
{
    struct pair_of_files files = open_files(argument, 1);

    for (int i = 0; i < CHECK_COUNT(errors); ++i) {
        int fail_at = 1;

        while (fails_at(&files, fail_at, errors[i].error, errors[i].words))
            ++fail_at;
        CHECK(fail_at > 8);
        begin_with(&files, 1);
        CHECK_OK(files.writer->write(files.new));
        CHECK_EQUAL(look(&files), NEW_FILE);
    }
    close_files(&files);
}

/* A device that takes no more bytes and gives no reason. */
static void writes_that_write_nothing(const void *argument)
{
    struct pair_of_files files = open_files(argument, 1);

    begin_with(&files, 1);
    calls_on();
    system_calls.most = 400;
    system_calls.room = 500;
    CHECK_STATUS(files.writer->write(files.new), NORMNET_EIO);
    calls_off();
    CHECK(strstr(normnet_error_message(), "no space") != NULL);
    CHECK_EQUAL(look(&files), OLD_FILE);
    CHECK_EQUAL(files_in_folder(), 1);
    close_files(&files);
}

/* ---- Reading -------------------------------------------------------------------------------------- */

static normnet_model *loaded;

static normnet_status load_model(normnet_model *model)
{
    (void)model;
    return normnet_model_load(&loaded, path, NULL);
}

static normnet_status fill_model(normnet_model *model)
{
    return normnet_load_weights(model, path);
}

struct loading {
    const char *name;
    normnet_status (*load)(normnet_model *model);
};

static const struct loading loadings[] = {{"load", load_model}, {"load_weights", fill_model}};

struct checkpoint {
    unsigned char bytes[8192];
    int64_t size;
};

static void serialize(normnet_model *model, struct checkpoint *to)
{
    CHECK_OK(normnet_model_serialize(model, to->bytes, sizeof to->bytes, &to->size, NULL));
}

/* One of the calls of a reader: open, some reads, and the close, which may fail. 0 if there is no such call. */
static int reading_fails_at(const struct loading *loading, int fail_at, int error, const char *words)
{
    static struct checkpoint before, after;
    normnet_model *const untouched = draw_model(3);
    normnet_model *model = draw_model(2);
    normnet_status status;

    serialize(model, &before);
    loaded = untouched;
    calls_on();
    system_calls.fail_at = fail_at;
    system_calls.error = error;
    system_calls.most = 700;
    status = loading->load(model);
    calls_off();
    if (status != NORMNET_OK) {
        CHECK_STATUS(status, NORMNET_EIO);
        /* No signal interrupts fstat. */
        CHECK(error != EINTR || strcmp(system_calls.last_failed, "fstat") == 0);
        CHECK(strstr(normnet_error_message(), words) != NULL);
        CHECK(loaded == untouched);
        serialize(model, &after);
        CHECK(before.size == after.size && memcmp(before.bytes, after.bytes, (size_t)after.size) == 0);
    } else if (system_calls.last_failed != NULL) {
        CHECK(error == EINTR || strcmp(system_calls.last_failed, "close") == 0);
    }
    if (loaded != untouched)
        normnet_model_destroy(loaded);
    normnet_model_destroy(untouched);
    normnet_model_destroy(model);
    return system_calls.last_failed != NULL;
}

static void reading_fails_at_any_call(const void *argument)
{
    normnet_model *saved = draw_model(1);

    empty_folder();
    CHECK_OK(normnet_model_save(saved, path, NULL));
    for (int i = 0; i < CHECK_COUNT(errors); ++i) {
        int fail_at = 1;

        while (reading_fails_at(argument, fail_at, errors[i].error, errors[i].words))
            ++fail_at;
        CHECK(fail_at > 5);
    }
    normnet_model_destroy(saved);
    empty_folder();
    rmdir(folder);
}

/* ---- Short, limited --------------------------------------------------------------------------------- */

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
        {"saving: short and interrupted reads and writes", short_and_interrupted, NULL},
        {"saving: memory runs out", memory_runs_out, NULL},
    };
    static const struct saving_case of_writers[] = {
        {"killed at any call, an old file is there", killed_with_an_old_file, NULL},
        {"killed at any call, no file is there", killed_without, NULL},
        {"the order of the calls", order_of_calls, NULL},
        {"any call fails", fails_at_any_call, NULL},
        {"writes that write nothing", writes_that_write_nothing, NULL},
    };

    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(cases); ++i)
        check_case(cases[i].name, leaves_nothing_open, &cases[i]);
    for (int i = 0; i < CHECK_COUNT(of_writers); ++i)
        for (int j = 0; j < CHECK_COUNT(writers); ++j) {
            const struct saving_case one = {of_writers[i].name, of_writers[i].function, &writers[j]};

            check_case_named(leaves_nothing_open, &one, "saving %s: %s", writers[j].name, one.name);
        }
    for (int i = 0; i < CHECK_COUNT(loadings); ++i) {
        const struct saving_case one = {"", reading_fails_at_any_call, &loadings[i]};

        check_case_named(leaves_nothing_open, &one, "%s: any call fails", loadings[i].name);
    }
    return check_end();
}
