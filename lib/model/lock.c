/* SPDX-License-Identifier: MIT */
#include "model/lock.h"

#include "base/forks.h"
#include "base/message.h"

enum { WRITER = -1 }; /* the value of model->users while a writer is at work */

/*
 * In a forked child, readers of the parent's other threads never end: their places are free. A writer has left the
 * model half changed, so that it stays in use.
 */
static void forget_parents_readers(normnet_model *model)
{
    if (!normnet__begin_after_fork(&model->forks))
        return;
    if (atomic_load(&model->users) != WRITER) {
        atomic_store(&model->users, 0);
        for (int32_t i = 0; i < model->config.readers; ++i)
            atomic_flag_clear(&model->readers[i].taken);
        normnet__touch_average(&model->state.average); /* one of them may have been preparing it */
    }
    normnet__end_after_fork(&model->forks);
}

normnet_status normnet__begin_writing(normnet_model *model)
{
    const struct calling_thread caller = normnet__begin_call();
    int idle = 0;

    forget_parents_readers(model);
    if (atomic_compare_exchange_strong(&model->users, &idle, WRITER)) {
        model->caller = caller;
        return NORMNET_OK;
    }
    normnet__end_call(&caller);
    return normnet__fail(NORMNET_EBUSY, "the model is in use by another call");
}

void normnet__end_writing(normnet_model *model)
{
    const struct calling_thread caller = model->caller;

    atomic_store(&model->users, 0);
    normnet__end_call(&caller);
}

/* There are as many readers as may pass the lock, so that one is free or will be in a moment. */
static struct reader *take_reader(normnet_model *model)
{
    int32_t i = 0;

    while (atomic_flag_test_and_set(&model->readers[i].taken))
        i = (i + 1) % model->config.readers;
    return &model->readers[i];
}

static normnet_status begin_reading(normnet_model *model)
{
    int users;

    forget_parents_readers(model);
    users = atomic_load(&model->users);
    do {
        if (users == WRITER)
            return normnet__fail(NORMNET_EBUSY, "the model is in use by a call that changes it");
        if (users >= model->config.readers)
            return normnet__fail(NORMNET_EBUSY, "the model already has %d readers (config.readers)", users);
    } while (!atomic_compare_exchange_weak(&model->users, &users, users + 1));
    return NORMNET_OK;
}

normnet_status normnet__begin_reading(normnet_model *model, struct reader **reader)
{
    const struct calling_thread caller = normnet__begin_call();
    const normnet_status status = begin_reading(model);

    if (status == NORMNET_OK) {
        *reader = take_reader(model);
        (*reader)->caller = caller;
        (*reader)->forks = normnet__count_forks();
    } else {
        normnet__end_call(&caller);
    }
    return status;
}

void normnet__end_reading(normnet_model *model, struct reader *reader)
{
    const struct calling_thread caller = reader->caller;

    /* In the child of a function of the host that has forked, the place is free already, or will be. */
    if (reader->forks == normnet__count_forks()) {
        atomic_flag_clear(&reader->taken);
        atomic_fetch_sub(&model->users, 1);
    }
    normnet__end_call(&caller);
}
