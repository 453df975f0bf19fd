/* SPDX-License-Identifier: MIT */
/* What saving does to permissions, links and temporary files; paths that cannot be written, and what cannot be read. */
#include "system_calls.h"

/* ---- Models and folders ----------------------------------------------------------------------- */

static mode_t mode_of(const char *name)
{
    struct stat about;

    CHECK(stat(name, &about) == 0);
    return about.st_mode & 0777;
}

/* ---- What is there already -------------------------------------------------------------------- */

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

/* A pipe is tried for all that are not regular files: a test must not risk to write to a device. */
static const char pipe_path[] = "test_places.pipe";

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
    static const char *const targets[] = {"../test_places.pipe", "..", "nowhere", "model", "../test_places.open"};
    const mode_t mask = umask(077);

    make_pipe();
    fclose(fopen("test_places.open", "wb"));
    chmod("test_places.open", 0666);
    for (int i = 0; i < CHECK_COUNT(targets); ++i) {
        struct stat about;

        empty_folder();
        CHECK(symlink(targets[i], path) == 0);
        CHECK_OK(normnet_model_save(model, path, NULL));
        CHECK(lstat(path, &about) == 0 && S_ISREG(about.st_mode));
        CHECK_EQUAL(mode_of(path), 0600);
    }
    umask(mask);
    CHECK_EQUAL(mode_of("test_places.open"), 0666);
    remove("test_places.open");
    remove_pipe();
}

static void links_are_replaced(const void *argument)
{
    normnet_model *old = draw_model(1), *new = draw_model(2);
    struct stat about;

    (void)argument;
    empty_folder();
    CHECK_OK(normnet_model_save(old, "test_places.target", NULL));
    CHECK(symlink("../test_places.target", path) == 0);
    CHECK_EQUAL(seed_in_file(), 1); /* reading follows */
    CHECK_OK(normnet_model_save(new, path, NULL));
    CHECK(lstat(path, &about) == 0 && S_ISREG(about.st_mode));
    CHECK_EQUAL(seed_in_file(), 2);
    remove("test_places.target");
    links_to_anywhere(new);
    empty_folder();
    rmdir(folder);
    normnet_model_destroy(old);
    normnet_model_destroy(new);
}

/* As many as a process can leave behind, all of whose names can be foreseen. */
static void leftovers_are_in_nobody_s_way(const void *argument)
{
    enum { LEFTOVERS = 1000 };
    normnet_model *model = draw_model(1);
    char name[128];

    (void)argument;
    empty_folder();
    for (int i = 0; i < LEFTOVERS; ++i) {
        snprintf(name, sizeof name, "%s/.normnet-%lld-%d.tmp", folder, (long long)getpid(), i);
        fclose(fopen(name, "wb"));
    }
    CHECK_OK(normnet_model_save(model, path, NULL));
    CHECK_EQUAL(files_in_folder(), LEFTOVERS + 1);
    empty_folder();
    rmdir(folder);
    normnet_model_destroy(model);
}

static void no_place_for_a_file(const void *argument)
{
    static const struct {
        const char *path, *words;
    } places[] = {
        {"test_places.folder", "directory"},           {"test_places.folder/", "test_places.folder/"},
        {"test_places.nowhere/model", "no such file"}, {"", "no such file"},
        {"test_places.pipe", "not a regular file"},    {"test_places.pipe/model", "not a directory"},
    };
    normnet_model *model = draw_model(1);
    char longer[5000];

    (void)argument;
    empty_folder();
    make_pipe();
    for (int i = 0; i < CHECK_COUNT(places); ++i) {
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
    calls_on();
    system_calls.taken = 1;
    CHECK_STATUS(normnet_model_save(model, path, NULL), NORMNET_EIO);
    calls_off();
    CHECK(strstr(normnet_error_message(), "all names that were tried for its temporary file are in use") != NULL);
    remove_pipe();
    CHECK_EQUAL(files_in_folder(), 0);
    rmdir(folder);
    normnet_model_destroy(model);
}

/* Below a missing directory, by a path of `length` bytes; the system accepts none of 4096. */
static void save_below(normnet_model *model, size_t length, const char *words, int calls)
{
    static const char name[] = "/model";
    const size_t end = length - (sizeof name - 1);
    char longer[4200];

    for (size_t i = 0; i < end; ++i)
        longer[i] = i % 100 == 50 ? '/' : 'x';
    memcpy(longer + end, name, sizeof name);
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
    save_below(model, 4100, "the name is too long", 0);
    normnet_model_destroy(model);
}

/* What can be saved can be loaded by the same path. */
static void long_paths(const void *argument)
{
    static const char name[] = "/model";
    normnet_model *model = draw_model(1), *loaded = NULL;
    char longer[4200];

    (void)argument;
    for (size_t length = 4090; length < 4100; ++length) {
        const size_t end = length - (sizeof name - 1);
        const normnet_status expected = length < 4096 ? NORMNET_OK : NORMNET_EIO;

        empty_folder();
        memset(longer, '/', end);
        longer[0] = '.';
        memcpy(longer + 2, folder, strlen(folder));
        memcpy(longer + end, name, sizeof name);
        CHECK_STATUS(normnet_model_save(model, longer, NULL), expected);
        CHECK_STATUS(normnet_model_load(&loaded, longer, NULL), expected);
        CHECK_EQUAL(files_in_folder(), expected == NORMNET_OK);
        normnet_model_destroy(loaded);
        loaded = NULL;
    }
    empty_folder();
    rmdir(folder);
    normnet_model_destroy(model);
}

/* ---- Reading ---------------------------------------------------------------------------------- */

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
    check_not_read("test_places.nowhere", NORMNET_EIO, "no such file");
    check_not_read(folder, NORMNET_EIO, "regular file");
    CHECK(mkfifo(path, 0666) == 0);
    check_not_read(path, NORMNET_EIO, "regular file"); /* and does not wait for a writer */
    remove(path);
    CHECK(symlink("model", path) == 0);
    check_not_read(path, NORMNET_EIO, "too many symbolic links");
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
    system_calls.fail_at = 3; /* the first read */
    system_calls.error = EIO;
    CHECK_STATUS(normnet_load_weights(model, path), NORMNET_EIO);
    CHECK_TEXT(system_calls.last_failed, "read");
    calls_off();
    CHECK_OK(normnet_load_weights(model, path));
    empty_folder();
    rmdir(folder);
    normnet_model_destroy(model);
}

int main(int argc, char **argv)
{
    static const struct saving_case cases[] = {
        {"saving: permissions are kept", permissions_are_kept, NULL},
        {"saving: symbolic links are replaced", links_are_replaced, NULL},
        {"saving: a temporary file is left from before", leftovers_are_in_nobody_s_way, NULL},
        {"saving: where no file can be", no_place_for_a_file, NULL},
        {"saving: long directories", long_directories, NULL},
        {"saving: long paths, which loading takes as well", long_paths, NULL},
        {"reading: anything but a regular file", what_is_no_file, NULL},
        {"reading: files that change while they are read", files_that_change_meanwhile, NULL},
    };

    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(cases); ++i)
        check_case(cases[i].name, leaves_nothing_open, &cases[i]);
    return check_end();
}
