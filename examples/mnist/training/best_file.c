/* SPDX-License-Identifier: MIT */
#include "training/best_file.h"

#include "support/file_system.h"
#include "support/report.h"
#include "support/text.h"
#include "training/model_file.h"
#include "training/results.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char note_start[] = "normnet-mnist train, best epoch ";

bool best_is_better(const struct epoch_result *result, const struct epoch_result *best)
{
    if (best->epoch == 0)
        return true;
    if (result->validation_accuracy != best->validation_accuracy)
        return result->validation_accuracy > best->validation_accuracy;
    return result->validation_loss < best->validation_loss;
}

/* The path of the best weights of a checkpoint, which may be named by a symbolic link. NULL after a report. */
static char *best_path(const char *checkpoint)
{
    char *place = file_resolve(checkpoint);
    char *path = place ? text_of("%s.best", place) : NULL;

    free(place);
    if (!path)
        report_error("not enough memory to write %s", checkpoint);
    return path;
}

static int save_best(normnet_model *model, const char *path, int64_t epoch)
{
    char note[sizeof note_start + 24];

    snprintf(note, sizeof note, "%s%" PRId64, note_start, epoch);
    return model_file_save(model, path, NORMNET_FILE_WEIGHTS, note);
}

/* The epoch in the note of a model; 0 = it is not the file of a best epoch. */
static int64_t noted_epoch(const normnet_model *model)
{
    const char *note = normnet_model_note(model);
    const size_t length = strlen(note_start);

    return strncmp(note, note_start, length) == 0 ? strtoll(note + length, NULL, 10) : 0;
}

/*
 * Loads the weights of the best epoch of `resumed`. `*model` is NULL if the file is of the epoch after the checkpoint,
 * which will be trained again.
 */
static int load_best(normnet_model **model, const char *path, const struct training_state *resumed)
{
    char hexadecimal[65];

    int code = model_file_open(model, path, MODEL_TRUSTED, 1, NULL, NULL);
    if (code != 0)
        return code;
    const int64_t epoch = noted_epoch(*model);
    results_hash_weights(*model, hexadecimal);
    if (epoch == resumed->best.epoch && strcmp(hexadecimal, resumed->best_weights) == 0)
        return 0;
    normnet_model_destroy(*model);
    *model = NULL;
    if (epoch == resumed->finished + 1)
        return 0;
    return report_error("%s does not have the weights of epoch %" PRId64
                        ", the best of the training, whose SHA-256 is %s; put them back, or begin a new training",
                        path, resumed->best.epoch, resumed->best_weights);
}

/* Without this the library would say that there is no such file, but not what it is for. */
static int check_there(const char *resumed_path, const char *checkpoint)
{
    if (file_exists(resumed_path))
        return 0;
    return report_error("%s was trained with --keep best, and needs the weights of its best epoch beside it: %s, which "
                        "does not exist; put it back, or begin a new training with --new-cycle",
                        checkpoint, resumed_path);
}

/* Checks the best weights of the resumed training, and copies them unless they are in their place. */
static int take_best(const struct best_file *file, const char *resumed_path, const char *checkpoint,
                     const struct training_state *resumed)
{
    const bool in_place = file_same(file->path, resumed_path);
    normnet_model *model = NULL;

    if (resumed->best.epoch == 0)
        return 0;
    int code = check_there(resumed_path, checkpoint);
    if (code == 0)
        code = load_best(&model, resumed_path, resumed);
    if (code == 0 && !in_place)
        code = model ? save_best(model, file->path, resumed->best.epoch)
                     : report_error("%s is of an epoch that its checkpoint does not have yet; resume it without --save",
                                    resumed_path);
    normnet_model_destroy(model);
    return code;
}

static int check_place(const struct best_file *file, const struct settings *settings)
{
    if (settings->json && file_same(settings->json, file->path))
        return report_usage("--json names %s, which is for the weights of the best epoch", settings->json);
    if (settings->report && file_same(settings->report, file->path))
        return report_usage("--report names %s, which is for the weights of the best epoch", settings->report);
    if (file_exists(file->path))
        return report_error("%s exists, and the weights of the best epoch would replace it; remove it, or choose "
                            "another file for --save",
                            file->path);
    return 0;
}

int best_file_check_older(const char *path)
{
    normnet_model *model = NULL;
    int code = 0;

    /* What cannot be loaded is something else. */
    if (normnet_model_load(&model, path, NULL) == NORMNET_OK && noted_epoch(model) > 0)
        code = report_error("%s exists and has the weights of the best epoch of a training; choose another file, or "
                            "remove it",
                            path);
    normnet_model_destroy(model);
    return code;
}

int best_file_open(struct best_file *file, const struct settings *settings, const struct training_state *resumed)
{
    char *resumed_path = NULL;

    if (settings->keep != KEEP_BEST)
        return 0;
    file->path = best_path(settings->save);
    resumed_path = file->path && resumed ? best_path(settings->resume) : NULL;
    if (!file->path || (resumed && !resumed_path))
        return EXIT_FAILED;
    int code = file_claim_take(&file->claim, file->path);
    if (code == 0 && !(resumed && file_same(file->path, resumed_path)))
        code = check_place(file, settings);
    if (code == 0 && resumed)
        code = take_best(file, resumed_path, settings->resume, resumed);
    file_claim_update(&file->claim);
    free(resumed_path);
    return code;
}

int best_file_update(struct best_file *file, normnet_model *model, const struct epoch_result *result,
                     struct training_state *training)
{
    if (!file->path || !best_is_better(result, &training->best))
        return 0;
    int code = file_claim_check(&file->claim);
    if (code == 0)
        code = save_best(model, file->path, result->epoch);
    if (code != 0)
        return code;
    file_claim_update(&file->claim);
    training->best = *result;
    results_hash_weights(model, training->best_weights);
    return 0;
}

void best_file_close(struct best_file *file)
{
    file_claim_release(&file->claim);
    free(file->path);
    file->path = NULL;
}
