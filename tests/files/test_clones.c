/* SPDX-License-Identifier: MIT */
/* Clones: they train on as the original does; clones that are rejected. */
#include "training_runs.h"

/* ---- Clones ----------------------------------------------------------------------------------- */

static void a_clone_continues(const void *argument)
{
    const struct training_run *want = argument;
    const normnet_config config = training_config(want, 1);
    normnet_config host = config;
    normnet_model *model = CHECK_CREATE(&config), *copy = NULL, *copy_of_copy = NULL;

    train(model, 9);
    host.threads = 3;
    CHECK_OK(normnet_model_clone(&copy, model, &host));
    CHECK_EQUAL(model_config(copy).threads, 3);
    CHECK_EQUAL_MODELS(model, copy);
    CHECK_OK(normnet_model_clone(&copy_of_copy, copy, NULL));
    CHECK_EQUAL(model_config(copy_of_copy).threads, 3);
    train(model, 7);
    train(copy, 7);
    CHECK_EQUAL_MODELS(model, copy);
    CHECK_EQUAL(normnet_steps_taken(copy_of_copy), 9); /* untouched by what the others do */
    normnet_model_destroy(copy);
    train(copy_of_copy, 7);
    CHECK_EQUAL_MODELS(model, copy_of_copy);
    normnet_model_destroy(model);
    normnet_model_destroy(copy_of_copy);
}

/* Weights are packed for the instruction set of the clone, which may have other lanes than the original's. */
static void a_clone_has_its_own_instruction_set(const void *argument)
{
    const struct training_run *want = argument;
    const normnet_config config = training_config(want, 1);
    normnet_config host = config;
    normnet_model *model = CHECK_CREATE(&config), *same = NULL, *copy = NULL, *back = NULL;

    train(model, 2);
    CHECK_OK(normnet_model_clone(&same, model, NULL));
    train(same, 3);
    for (host.cpu = NORMNET_CPU_PORTABLE; host.cpu <= NORMNET_CPU_NEON; ++host.cpu) {
        const normnet_status status = normnet_model_clone(&copy, model, &host);

        if (status == NORMNET_EUNSUPPORTED && host.cpu != NORMNET_CPU_PORTABLE)
            continue;
        CHECK_STATUS(status, NORMNET_OK);
        CHECK_EQUAL(model_config(copy).cpu, host.cpu);
        CHECK_OK(normnet_model_clone(&back, copy, &config));
        train(copy, 3);
        train(back, 3);
        CHECK_EQUAL_MODELS(same, copy);
        CHECK_EQUAL_MODELS(same, back);
        normnet_model_destroy(copy);
        normnet_model_destroy(back);
    }
    normnet_model_destroy(same);
    normnet_model_destroy(model);
}

static void a_clone_has_the_pending_gradients(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    normnet_model *copy = NULL;

    (void)argument;
    twins_make_pending(pair);
    CHECK_OK(normnet_model_clone(&copy, pair->model, NULL));
    CHECK(hash_state(copy) == hash_state(pair->model));
    CHECK_OK(normnet_apply_gradients(copy, TWINS_IMAGES));
    CHECK_OK(normnet_apply_gradients(pair->model, TWINS_IMAGES));
    CHECK(hash_state(copy) == hash_state(pair->model));
    CHECK_OK(normnet_apply_gradients(pair->twin, TWINS_IMAGES));
    normnet_model_destroy(copy);
    pair->pending = 0;
    twins_close(pair);
}

static void clones_are_rejected(const void *argument)
{
    const normnet_config config = training_config(&training_runs[1], 1);
    normnet_model *model = CHECK_CREATE(&config), *copy = NULL;
    struct allocator memory = {.fill = 0xA5};
    normnet_config host = config;

    (void)argument;
    CHECK_STATUS(normnet_model_clone(NULL, model, NULL), NORMNET_EINVAL);
    CHECK_STATUS(normnet_model_clone(&copy, NULL, NULL), NORMNET_EINVAL);
    host.threads = 0;
    CHECK_STATUS(normnet_model_clone(&copy, model, &host), NORMNET_EINVAL);
    host.threads = 1;
    host.memory_limit = 1000;
    CHECK_STATUS(normnet_model_clone(&copy, model, &host), NORMNET_ELIMIT);
    host.memory_limit = 0;
    allocator_use(&memory, &host);
    for (memory.fail_at = 1; memory.fail_at <= 2; ++memory.fail_at) {
        memory.allocations = 0;
        CHECK_STATUS(normnet_model_clone(&copy, model, &host), NORMNET_ENOMEM);
        CHECK_ALL_FREED(&memory);
    }
    CHECK(copy == NULL);
    train(model, 1); /* not busy for ever */
    normnet_model_destroy(model);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*function)(const void *argument);
    } cases[] = {
        {"a clone has the pending gradients", a_clone_has_the_pending_gradients},
        {"clones that are rejected", clones_are_rejected},
    };
    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(training_runs); ++i) {
        check_case_named(a_clone_continues, &training_runs[i], "files: a clone continues like the original, %s",
                         training_runs[i].name);
        check_case_named(a_clone_has_its_own_instruction_set, &training_runs[i],
                         "files: a clone has its own instruction set, %s", training_runs[i].name);
    }
    for (int i = 0; i < CHECK_COUNT(cases); ++i)
        check_case_named(cases[i].function, NULL, "files: %s", cases[i].name);
    return check_end();
}
