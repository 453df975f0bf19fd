/* SPDX-License-Identifier: MIT */
/*
 * Training in the background: a thread trains, and every 20 steps gives a copy of the model to the main thread, which
 * predicts with it all the time. Neither waits for the other, and no call is made on the same model at the same time.
 */
#include "bars.h"

#include <pthread.h>
#include <stdbool.h>

enum { STEPS_PER_COPY = 20 };

/* What the threads share, under the mutex. */
struct exchange {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    normnet_model *newest; /* a copy that was not taken yet, or NULL */
    bool finished, failed;
};

struct trainer {
    struct exchange *exchange;
    normnet_model *model;
    struct bars bars;
};

static struct trainer trainer;
static struct bars unseen; /* the images of the main thread */

/* Puts a copy into the exchange, in the place of one that nobody has taken. */
static normnet_status publish(struct trainer *self)
{
    normnet_model *copy = NULL, *old;
    normnet_config host;

    normnet_status status = normnet_config_init(&host, NORMNET_NORM_NONE); /* the norm is the model's */
    host.max_batch = 1; /* it will not train, and so needs less memory */
    if (status == NORMNET_OK)
        status = normnet_model_clone(&copy, self->model, &host);
    if (status != NORMNET_OK)
        return status;
    pthread_mutex_lock(&self->exchange->mutex);
    old = self->exchange->newest;
    self->exchange->newest = copy;
    pthread_cond_signal(&self->exchange->changed);
    pthread_mutex_unlock(&self->exchange->mutex);
    normnet_model_destroy(old);
    return NORMNET_OK;
}

static void *train(void *context)
{
    struct trainer *self = context;
    normnet_status status = NORMNET_OK;
    normnet_tensor images, labels;

    bars_tensors(&self->bars, &images, &labels);
    for (int step = 1; step <= BARS_STEPS && status == NORMNET_OK; ++step) {
        bars_draw(&self->bars);
        status = normnet_train_step(self->model, &images, &labels, NULL);
        if (status == NORMNET_OK && step % STEPS_PER_COPY == 0)
            status = publish(self);
    }
    if (status != NORMNET_OK) /* the message is that of this thread */
        fprintf(stderr, "error: %s\n", normnet_error_message());
    pthread_mutex_lock(&self->exchange->mutex);
    self->exchange->finished = true;
    self->exchange->failed = status != NORMNET_OK;
    pthread_cond_signal(&self->exchange->changed);
    pthread_mutex_unlock(&self->exchange->mutex);
    return NULL;
}

/* Replaces `*model` by a newer copy if there is one; waits for the first. False at the end of the training. */
static bool renew(struct exchange *exchange, normnet_model **model)
{
    normnet_model *copy;
    bool finished;

    pthread_mutex_lock(&exchange->mutex);
    while (*model == NULL && exchange->newest == NULL && !exchange->finished)
        pthread_cond_wait(&exchange->changed, &exchange->mutex);
    copy = exchange->newest;
    exchange->newest = NULL;
    finished = exchange->finished;
    pthread_mutex_unlock(&exchange->mutex);
    if (copy != NULL) {
        normnet_model_destroy(*model);
        *model = copy;
    }
    return copy != NULL || !finished;
}

/* Tests the newest copy again and again while the training lasts. */
static normnet_status predict(struct exchange *exchange)
{
    normnet_status status = NORMNET_OK;
    normnet_model *model = NULL;
    normnet_tensor images, labels;
    normnet_metrics metrics;
    int64_t copies = 0, images_in_all = 0, step = 0;

    unseen.state = 1;
    normnet_metrics_init(&metrics);
    bars_tensors(&unseen, &images, &labels);
    while (status == NORMNET_OK && renew(exchange, &model) && model != NULL) {
        bars_draw(&unseen);
        status = normnet_evaluate(model, &images, &labels, &metrics, NULL, NULL);
        images_in_all += BARS_BATCH;
        if (status == NORMNET_OK && metrics.step != step) {
            step = metrics.step;
            ++copies;
            printf("after %d steps: %d of %d new images recognized\n", (int)step, (int)metrics.correct, BARS_BATCH);
        }
    }
    if (status == NORMNET_OK && model != NULL)
        printf("%d images recognized with %d copies\nweights %08x\n", (int)images_in_all, (int)copies,
               (unsigned)bars_hash(model));
    normnet_model_destroy(model);
    return status;
}

int main(int argc, char **argv)
{
    const int usage = bars_usage(argc, argv, "background");
    struct exchange exchange = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL, false, false};
    normnet_config config;
    pthread_t thread;

    if (usage >= 0)
        return usage;
    normnet_status status = bars_config(&config);
    if (status == NORMNET_OK)
        status = normnet_model_create(&trainer.model, &config);
    trainer.exchange = &exchange;
    if (status == NORMNET_OK && pthread_create(&thread, NULL, train, &trainer) == 0) {
        status = predict(&exchange);
        pthread_join(thread, NULL);
    } else {
        exchange.failed = true;
    }
    if (status != NORMNET_OK)
        fprintf(stderr, "error: %s\n", normnet_error_message());
    normnet_model_destroy(exchange.newest);
    normnet_model_destroy(trainer.model);
    return status == NORMNET_OK && !exchange.failed ? EXIT_SUCCESS : EXIT_FAILURE;
}
