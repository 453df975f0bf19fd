/* SPDX-License-Identifier: MIT */
/*
 * Saving where the system has no room or gives no permission, and several processes that save to one name: the old file
 * or a new one is there, whole, and nothing else.
 */
#include "saved_files.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

/* ---- Several processes ------------------------------------------------------------------------------ */

/* Saves its model again and again. */
static pid_t start_saving(int64_t seed, int rounds)
{
    const pid_t child = fork();

    if (child == 0) {
        normnet_model *model = draw_model(seed);
        int failed = 0;

        for (int i = 0; i < rounds; ++i)
            failed += normnet_model_save(model, path, NULL) != NORMNET_OK;
        normnet_model_destroy(model);
        _exit(failed > 0);
    }
    return child;
}

/* Whoever reads finds one of the models, whole; nobody's temporary file is in another's way, and none is left. */
static void processes_save_to_one_name(const void *argument)
{
    enum { PROCESSES = 3, ROUNDS = LONG_TESTS ? 20000 : 300 };
    pid_t children[PROCESSES];
    normnet_model *first = draw_model(0);
    int running = PROCESSES;

    (void)argument;
    empty_folder();
    CHECK_OK(normnet_model_save(first, path, NULL));
    for (int i = 0; i < PROCESSES; ++i)
        children[i] = start_saving(1 + i, ROUNDS);
    while (running > 0) {
        const int64_t seed = seed_in_file();
        int status;

        CHECK(seed >= 0 && seed <= PROCESSES);
        for (int i = 0; i < PROCESSES; ++i)
            if (children[i] != 0 && waitpid(children[i], &status, WNOHANG) == children[i]) {
                CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
                children[i] = 0;
                --running;
            }
    }
    CHECK(seed_in_file() > 0);
    CHECK_EQUAL(files_in_folder(), 1);
    normnet_model_destroy(first);
    empty_folder();
    rmdir(folder);
}

/* ---- Places that take no file ----------------------------------------------------------------------- */

/* Codes of a child that tries one. */
enum { WENT_WELL, WENT_WRONG, NOT_POSSIBLE = 77 };

static void try_in_child(int (*try)(const struct pair_of_files *files), const char *impossible)
{
    struct pair_of_files files = open_files(&writers[0], 1);
    int status = 0;
    pid_t child;

    begin_with(&files, 1);
    fflush(NULL);
    child = fork();
    if (child == 0)
        _exit(try(&files));
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    if (WEXITSTATUS(status) == NOT_POSSIBLE)
        check_skip(impossible);
    else
        CHECK_EQUAL(WEXITSTATUS(status), WENT_WELL);
    chmod(folder, 0777);
    CHECK_EQUAL(look(&files), OLD_FILE);
    close_files(&files);
}

/* Whether saving fails for this reason, and leaves the old file alone in its folder. */
static int is_refused(const struct pair_of_files *files, const char *words)
{
    const int before = files_in_folder();
    const normnet_status status = files->writer->write(files->new);

    if (status == NORMNET_EIO && strstr(normnet_error_message(), words) != NULL && look(files) == OLD_FILE &&
        files_in_folder() == before)
        return 1;
    printf("    %s; the message is \"%s\"\n", normnet_status_string((int32_t)status), normnet_error_message());
    return 0;
}

static int try_without_permission(const struct pair_of_files *files)
{
    enum { NOBODY = 65534 };

    if (chmod(folder, 0555) != 0 || (geteuid() == 0 && seteuid(NOBODY) != 0))
        return NOT_POSSIBLE;
    return is_refused(files, "permission denied") ? WENT_WELL : WENT_WRONG;
}

static void a_folder_without_permission(const void *argument)
{
    (void)argument;
    try_in_child(try_without_permission, "this process may not become another user");
}

/* A file system of this process alone, of this many bytes, in the place of the folder. */
static int mount_small(const char *size)
{
    const unsigned user = geteuid();
    FILE *map;

    if (unshare(CLONE_NEWNS) != 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
            return 0;
        map = fopen("/proc/self/uid_map", "w");
        if (map == NULL)
            return 0;
        fprintf(map, "0 %u 1", user);
        if (fclose(map) != 0)
            return 0;
    }
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mount("none", folder, "tmpfs", 0, size) == 0;
}

/* Fills the file system but for `left` bytes. */
static void leave_room(int64_t left)
{
    static const char filler[] = FOLDER "/filler";
    static const char zeros[1024];
    FILE *stream = fopen(filler, "wb");
    int64_t size = 0;

    while (fwrite(zeros, 1, sizeof zeros, stream) == sizeof zeros && fflush(stream) == 0)
        size += (int64_t)sizeof zeros;
    fclose(stream);
    if (truncate(filler, size > left ? size - left : 0) != 0)
        perror(filler);
}

static int try_full(const struct pair_of_files *files)
{
    enum { PAGE = 65536 }; /* of any system */
    normnet_model *large = NULL;
    normnet_config config = model_config(files->old);
    int64_t left = 0, refused = 0;

    config.architecture = "flatten fc-1500 fc-3"; /* of several pages */
    if (!mount_small("size=1m") || normnet_model_create(&large, &config) != NORMNET_OK)
        return NOT_POSSIBLE;
    CHECK_OK(files->writer->write(files->old));
    for (; left < 16 * PAGE; left += PAGE / 4) {
        leave_room(left);
        if (normnet_model_save(large, FOLDER "/large", NULL) == NORMNET_OK)
            break;
        refused += strstr(normnet_error_message(), "no space") != NULL && files_in_folder() == 2;
    }
    normnet_model_destroy(large);
    if (left < 2 * PAGE || refused != left / (PAGE / 4) || remove(FOLDER "/large") != 0)
        return WENT_WRONG;
    leave_room(0);
    if (!is_refused(files, "no space") || remove(FOLDER "/filler") != 0)
        return WENT_WRONG;
    if (mount(NULL, folder, NULL, MS_REMOUNT | MS_RDONLY, NULL) != 0)
        return NOT_POSSIBLE;
    return is_refused(files, "read-only") ? WENT_WELL : WENT_WRONG;
}

static void a_full_file_system(const void *argument)
{
    (void)argument;
    try_in_child(try_full, "this process may not mount a file system");
}

/* ---- Limits ---------------------------------------------------------------------------------------- */

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

int main(int argc, char **argv)
{
    static const struct saving_case cases[] = {
        {"saving: three processes and a reader, one name", processes_save_to_one_name, NULL},
        {"saving: a folder without permission", a_folder_without_permission, NULL},
        {"saving: a full and a read-only file system", a_full_file_system, NULL},
        {"saving: a limit of file sizes", a_limit_of_file_sizes, NULL},
    };

    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(cases); ++i)
        check_case(cases[i].name, leaves_nothing_open, &cases[i]);
    return check_end();
}
