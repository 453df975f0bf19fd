/* SPDX-License-Identifier: MIT */
#include "data/set_files.h"

#include "data/missing_file.h"
#include "data/packed_file.h"
#include "data/zip.h"
#include "support/file_kind.h"
#include "support/file_system.h"
#include "support/folder.h"
#include "support/report.h"
#include "support/text.h"
#include "support/whole_file.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 2, MAX_CANDIDATES = 10000, MAX_LISTED = 6 };

/* ---- Candidates -------------------------------------------------------------------------------- */

/* A file whose name is known. Files of one set have the same kind, home and prefix. */
struct candidate {
    char *path, *home;
    struct set_name name;
    int32_t set; /* the index of the first candidate of its set */
};

struct candidates {
    struct candidate *list;
    int32_t count;
};

/* The directory that a set is in. Some archives of MNIST put each file into a directory with the file's name. */
static char *home_of(const char *folder)
{
    const char *slash = strrchr(folder, '/');

    if (slash && set_name_read(slash + 1).known)
        return text_of("%.*s", (int)(slash - folder), folder);
    return text_of("%s", folder);
}

static bool same_set(const struct candidate *a, const struct candidate *b)
{
    return a->name.kind == b->name.kind && strcmp(a->home, b->home) == 0 && strcmp(a->name.prefix, b->name.prefix) == 0;
}

/* Returns 0, or reports that there is no memory. */
static int add_candidate(struct candidates *all, const char *folder, const char *file_name)
{
    struct candidate candidate = {.name = set_name_read(file_name), .set = all->count};

    if (!candidate.name.known || all->count == MAX_CANDIDATES)
        return 0;
    struct candidate *list = realloc(all->list, ((size_t)all->count + 1) * sizeof *list);
    if (list)
        all->list = list;
    candidate.path = text_of("%s/%s", folder, file_name);
    candidate.home = home_of(folder);
    if (!list || !candidate.path || !candidate.home) {
        free(candidate.path);
        free(candidate.home);
        return report_error("not enough memory");
    }
    for (int32_t i = all->count - 1; i >= 0; --i) {
        if (same_set(&list[i], &candidate))
            candidate.set = list[i].set;
    }
    list[all->count++] = candidate;
    return 0;
}

/* Adds the files of a directory, `depth` levels below. */
static int search_folder(struct candidates *all, const char *path, int depth)
{
    struct folder folder;
    int code = folder_open(&folder, path) == ENOMEM ? report_error("not enough memory") : 0;

    for (size_t i = 0; i < folder.count && code == 0; ++i) {
        const struct folder_entry *entry = &folder.entries[i];

        if (depth == 0 && !entry->is_folder)
            code = add_candidate(all, path, entry->name);
        if (depth > 0 && entry->is_folder && strncmp(entry->name, "__", 2) != 0) {
            char *below = text_of("%s/%s", path, entry->name);

            code = below ? search_folder(all, below, depth - 1) : report_error("not enough memory");
            free(below);
        }
    }
    folder_close(&folder);
    return code;
}

/* Adds the files of a zip archive, whatever their directory is. Returns 0, or reports what is wrong. */
static int search_archive(struct candidates *all, const char *path)
{
    struct whole_file file;
    struct zip zip = {0};

    int code = whole_file_open(&file, path);
    if (code == 0)
        code = zip_open(&zip, &file, path);
    for (size_t i = 0; i < zip.count && code == 0; ++i) {
        const char *name = zip.entries[i].name, *slash = strrchr(name, '/');
        char *folder = slash ? text_of("%s/%.*s", path, (int)(slash - name), name) : text_of("%s", path);

        code = folder ? add_candidate(all, folder, slash ? slash + 1 : name) : report_error("not enough memory");
        free(folder);
    }
    zip_close(&zip);
    whole_file_close(&file);
    return code;
}

static void free_candidates(struct candidates *all)
{
    for (int32_t i = 0; i < all->count; ++i) {
        free(all->list[i].path);
        free(all->list[i].home);
    }
    free(all->list);
    *all = (struct candidates){0};
}

/* ---- Sets -------------------------------------------------------------------------------------- */

/* Unpacked files and the usual spelling come first. */
static int spelling(const struct candidate *candidate)
{
    const char *slash = strrchr(candidate->path, '/');

    return 2 * candidate->name.packed + (strcmp(slash + 1, candidate->name.plain) != 0);
}

static const struct candidate *find_part(const struct candidates *all, int32_t set, enum set_part part)
{
    const struct candidate *best = NULL;

    for (int32_t i = set; i < all->count; ++i) {
        const struct candidate *candidate = &all->list[i];

        if (candidate->set == set && candidate->name.part == part && (!best || spelling(candidate) < spelling(best)))
            best = candidate;
    }
    return best;
}

static bool needs_part(enum set_kind kind, enum set_part part, bool test_only)
{
    if (kind == SET_ARCHIVE)
        return part == TRAIN_IMAGES;
    return (part >= TEST_IMAGES || !test_only) && (kind == SET_ARRAYS || part == TRAIN_IMAGES || part == TEST_IMAGES);
}

/* The first part that is missing, or NO_PART. */
static enum set_part missing_part(const struct candidates *all, int32_t set, bool test_only)
{
    for (enum set_part part = 0; part < SET_PARTS; ++part) {
        if (needs_part(all->list[set].name.kind, part, test_only) && !find_part(all, set, part))
            return part;
    }
    return NO_PART;
}

/* Whether it is the set of the four plain names, which other sets in the same directory leave alone. */
static bool is_plain(const struct candidates *all, int32_t set)
{
    return all->list[set].name.kind == SET_ARRAYS && !*all->list[set].name.prefix;
}

/* The only complete set, or the plain one; -1 if there is none, -2 if there are several. */
static int32_t choose_set(const struct candidates *all, bool test_only)
{
    int32_t found = -1;

    for (int32_t i = 0; i < all->count; ++i) {
        if (all->list[i].set != i || missing_part(all, i, test_only) != NO_PART)
            continue;
        if (found < 0)
            found = i;
        else if (is_plain(all, i) == is_plain(all, found))
            return -2;
        else
            found = is_plain(all, i) ? i : found;
    }
    return found;
}

/* Two files of one part with different words, such as test- and t10k-, may be different data. */
static int check_unique(const struct candidates *all, int32_t set, enum set_part part)
{
    const struct candidate *best = find_part(all, set, part);

    for (int32_t i = set; best && i < all->count; ++i) {
        const struct candidate *other = &all->list[i];

        if (other->set == set && other->name.part == part && strcmp(other->name.plain, best->name.plain) != 0)
            return report_error("%s and %s both have %s; move one of them away", best->path, other->path,
                                part == TRAIN_IMAGES || part == TEST_IMAGES ? "the images" : "the labels");
    }
    return 0;
}

static int take_set(struct set_files *files, const struct candidates *all, int32_t set, bool test_only)
{
    files->kind = all->list[set].name.kind;
    for (enum set_part part = 0; part < SET_PARTS; ++part) {
        const struct candidate *candidate = find_part(all, set, part);

        if (!candidate)
            continue;
        int code = needs_part(files->kind, part, test_only) ? check_unique(all, set, part) : 0;
        if (code != 0)
            return code;
        files->paths[part] = text_of("%s", candidate->path);
        if (!files->paths[part])
            return report_error("not enough memory");
    }
    return 0;
}

/* ---- What is missing --------------------------------------------------------------------------- */

/* The usual name of the part that a set lacks. */
static int report_incomplete(const struct candidates *all, int32_t set, bool test_only)
{
    static const char *const arrays[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
                                         "t10k-labels-idx1-ubyte"};
    const struct candidate *first = &all->list[set];
    const enum set_part part = missing_part(all, set, test_only);
    const char *prefix = first->name.prefix;
    char *name = first->name.kind == SET_TABLES
                     ? text_of("%s%s%s.csv", prefix, *prefix ? "_" : "", part == TRAIN_IMAGES ? "train" : "test")
                     : text_of("%s%s%s", prefix, *prefix ? "-" : "", arrays[part]);

    if (!name)
        return report_error("not enough memory");
    int code = missing_file_report(first->home, name);
    free(name);
    return code;
}

/* Lists a file of each complete set; any of them names its set. */
static int report_several(const struct candidates *all, const char *place, bool test_only)
{
    char list[1000] = "";
    int listed = 0;

    for (int32_t i = 0; i < all->count; ++i) {
        const char *path = all->list[i].path;

        if (all->list[i].set != i || missing_part(all, i, test_only) != NO_PART)
            continue;
        if (listed++ < MAX_LISTED && strlen(list) + strlen(path) + 20 < sizeof list) {
            strcat(list, listed == 1 ? "" : ", ");
            strcat(list, path);
        } else if (listed == MAX_LISTED + 1) {
            strcat(list, ", ...");
        }
    }
    return report_error("%s has %d data sets; choose one by naming one of its files: %s", place, listed, list);
}

/* The largest incomplete set is the one that was meant. */
static int32_t fullest_set(const struct candidates *all)
{
    int32_t best = 0, most = 0;

    for (int32_t i = 0; i < all->count; ++i) {
        int32_t parts = 0;

        for (enum set_part part = 0; part < SET_PARTS; ++part)
            parts += all->list[i].set == i && find_part(all, i, part) != NULL;
        if (parts > most) {
            best = i;
            most = parts;
        }
    }
    return best;
}

/* ---- The search -------------------------------------------------------------------------------- */

static int find_in_folder(struct set_files *files, const char *place, bool test_only)
{
    struct candidates all = {0}, partial = {0};
    int32_t set = -1;
    int code = 0;

    for (int depth = 0; depth <= MAX_DEPTH && code == 0 && set == -1; ++depth) {
        code = search_folder(&all, place, depth);
        set = code == 0 ? choose_set(&all, test_only) : -1;
        if (set != -1 || code != 0)
            break;
        if (partial.count == 0)
            partial = all;
        else
            free_candidates(&all);
        all = (struct candidates){0};
    }
    if (code == 0 && set >= 0)
        code = take_set(files, &all, set, test_only);
    else if (code == 0 && set == -2)
        code = report_several(&all, place, test_only);
    else if (code == 0 && partial.count > 0)
        code = report_incomplete(&partial, fullest_set(&partial), test_only);
    else if (code == 0)
        code = missing_file_report(place, test_only ? "t10k-images-idx3-ubyte" : "train-images-idx3-ubyte");
    free_candidates(&all);
    free_candidates(&partial);
    return code;
}

/* Takes the set of the candidate `path`. */
static int take_set_of(struct set_files *files, const struct candidates *all, const char *path, bool test_only)
{
    int32_t set = -1;

    for (int32_t i = 0; i < all->count; ++i) {
        if (strcmp(all->list[i].path, path) == 0)
            set = all->list[i].set;
    }
    if (set < 0)
        return report_error("the name of %s is not that of a file of a data set, such as train-images-idx3-ubyte, "
                            "train.csv or mnist.npz",
                            path);
    return missing_part(all, set, test_only) == NO_PART ? take_set(files, all, set, test_only)
                                                        : report_incomplete(all, set, test_only);
}

/* The set of a file that is named itself, in the file's directory. */
static int find_beside(struct set_files *files, const char *path, bool test_only)
{
    const char *slash = strrchr(path, '/');
#if defined(_WIN32)
    const char *back = strrchr(path, '\\');

    slash = back && (!slash || back > slash) ? back : slash;
#endif
    char *folder = slash ? text_of("%.*s", slash > path ? (int)(slash - path) : 1, path) : text_of(".");
    char *member = folder ? text_of("%s/%s", folder, slash ? slash + 1 : path) : NULL;
    struct candidates all = {0};

    int code = member ? search_folder(&all, folder, 0) : report_error("not enough memory");
    if (code == 0)
        code = take_set_of(files, &all, member, test_only);
    free_candidates(&all);
    free(member);
    free(folder);
    return code;
}

/* The set in a zip archive; that of the file `place` if it is one in the archive. */
static int find_in_archive(struct set_files *files, const char *archive, const char *place, bool test_only)
{
    struct candidates all = {0};
    int code = search_archive(&all, archive);

    if (code == 0 && strcmp(archive, place) != 0) {
        code = take_set_of(files, &all, place, test_only);
    } else if (code == 0) {
        const int32_t set = choose_set(&all, test_only);

        code = set >= 0        ? take_set(files, &all, set, test_only)
               : set == -2     ? report_several(&all, place, test_only)
               : all.count > 0 ? report_incomplete(&all, fullest_set(&all), test_only)
                               : report_error("%s has no file of a data set, such as train-images-idx3-ubyte, "
                                              "train.csv or x_train.npy",
                                              place);
    }
    free_candidates(&all);
    return code;
}

/* A file whose name says nothing: an archive, or a file of another kind. */
static int find_in_file(struct set_files *files, const char *path, bool test_only)
{
    static const char expected[] = "a directory of a data set, or a file of one such as train.csv";
    struct whole_file file;

    int code = packed_file_find(&file, path);
    if (code != 0)
        return code;
    const bool archive = zip_begins(file.data, file.size);
    if (!archive)
        code = packed_file_unpack(&file, path);
    if (code == 0 && archive)
        code = find_in_archive(files, path, path, test_only);
    else if (code == 0 && (file.size == 0 || file_kind_name(file.data, file.size)))
        code = file_kind_reject(path, file.data, file.size, expected);
    else if (code == 0)
        code = take_set_of(files, &(struct candidates){0}, path, test_only);
    whole_file_close(&file);
    return code;
}

/* A place that is no directory. */
static int find_by_file(struct set_files *files, const char *place, bool test_only)
{
    const char *slash = strrchr(place, '/');
    char *holder = file_holder(place);
    int code;

    if (!holder)
        code = report_error("not enough memory");
    else if (strcmp(holder, place) != 0)
        code = find_in_archive(files, holder, place, test_only);
    else if (!file_exists(place))
        code = missing_place_report(place);
    else if (set_name_read(slash ? slash + 1 : place).known)
        code = find_beside(files, place, test_only);
    else
        code = find_in_file(files, place, test_only);
    free(holder);
    return code;
}

int set_files_find(struct set_files *files, const char *place, bool test_only)
{
    struct folder folder;
    const int error = folder_open(&folder, place);

    folder_close(&folder);
    *files = (struct set_files){0};
    const bool no_folder = error == ENOENT || error == ENOTDIR;
    int code = error == 0  ? find_in_folder(files, place, test_only)
               : no_folder ? find_by_file(files, place, test_only)
                           : report_error("cannot read %s: %s", place, strerror(error));
    if (code != 0)
        set_files_free(files);
    return code;
}

void set_files_free(struct set_files *files)
{
    for (int i = 0; i < SET_PARTS; ++i)
        free(files->paths[i]);
    *files = (struct set_files){0};
}
