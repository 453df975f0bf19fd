/* SPDX-License-Identifier: MIT */
/* Everything that saves: a model's old file, the new one that takes its place, and what is there in the meantime. */
#ifndef SAVED_FILES_H
#define SAVED_FILES_H

#include "system_calls.h"

static inline normnet_status save_model(normnet_model *model)
{
    return normnet_model_save(model, path, NULL);
}

static inline normnet_status save_weights(normnet_model *model)
{
    normnet_save_options options;

    normnet_save_options_init(&options);
    options.kind = NORMNET_FILE_WEIGHTS;
    return normnet_model_save(model, path, &options);
}

static inline normnet_status export_model(normnet_model *model)
{
    return normnet_model_export_onnx(model, path);
}

/* The file that is loaded is the one that is replaced. */
static inline normnet_status load_and_save(normnet_model *model)
{
    const normnet_status status = access(path, F_OK) == 0 ? normnet_load_weights(model, path) : NORMNET_OK;

    return status == NORMNET_OK ? normnet_model_save(model, path, NULL) : status;
}

/* The same function writes an old file and, for another model, the new one in its place. */
struct writer {
    const char *name;
    normnet_status (*write)(normnet_model *model);
    int reads; /* the old file first, so that the new one has its weights */
};

static const struct writer writers[] = {
    {"a checkpoint", save_model, 0},
    {"weights", save_weights, 0},
    {"ONNX", export_model, 0},
    {"what was loaded", load_and_save, 1},
};

/* What is at the path. */
enum place { NOTHING, OLD_FILE, NEW_FILE, HALF_A_FILE };

/* Two models, and hashes of their files. */
struct pair_of_files {
    const struct writer *writer;
    normnet_model *old, *new;
    uint64_t old_hash, new_hash;
};

static inline uint64_t hash_path(void)
{
    FILE *stream = fopen(path, "rb");
    uint64_t hash = 0xcbf29ce484222325u;
    int byte;

    if (stream == NULL)
        return 0;
    while ((byte = getc(stream)) != EOF)
        hash = (hash ^ (uint64_t)byte) * 0x100000001b3u;
    fclose(stream);
    return hash;
}

static inline void begin_with(const struct pair_of_files *files, int old)
{
    empty_folder();
    if (old)
        CHECK_OK(files->writer->write(files->old));
}

static inline struct pair_of_files open_files(const struct writer *writer, int replaces)
{
    struct pair_of_files files = {writer, draw_model(1), draw_model(2), 0, 0};

    begin_with(&files, 1);
    files.old_hash = hash_path();
    if (!replaces)
        empty_folder();
    CHECK_OK(writer->write(files.new));
    files.new_hash = hash_path();
    CHECK(files.old_hash != files.new_hash && files.old_hash != 0 && files.new_hash != 0);
    return files;
}

static inline void close_files(struct pair_of_files *files)
{
    normnet_model_destroy(files->old);
    normnet_model_destroy(files->new);
    empty_folder();
    rmdir(folder);
}

static inline enum place look(const struct pair_of_files *files)
{
    const uint64_t hash = hash_path();

    if (hash == 0)
        return NOTHING;
    return hash == files->old_hash ? OLD_FILE : hash == files->new_hash ? NEW_FILE : HALF_A_FILE;
}

#endif
