/* SPDX-License-Identifier: MIT */
/* A program that opens the shared library, uses it and closes it, again and again: nothing is left of it. Linux only.
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "harness/process.h"

#include <dlfcn.h>
#include <normnet.h>

enum { TURNS = 50, IMAGES = 8, SIDE = 12, PIXELS = SIDE * SIDE, SLACK_KIB = 1024 };

/* Stores the address of a function of the opened library in the pointer to a function at `pointer`. */
static void find(void *library, const char *name, void *pointer)
{
    void *found = dlsym(library, name);

    if (found == NULL)
        CHECK_FAIL("the library has no %s", name);
    memcpy(pointer, &found, sizeof found); /* C has no conversion from one kind of pointer to the other */
}

/* A model with a thread of its own that learns one batch. */
static void train(void *library)
{
    static unsigned char pixels[IMAGES * PIXELS];
    static const unsigned char digits[IMAGES] = {0, 1, 2, 3, 4, 5, 6, 7};
    static const int64_t shape[] = {IMAGES, 1, SIDE, SIDE}, count = IMAGES;
    normnet_status (*init)(normnet_config * config, int32_t struct_size, int32_t norm);
    normnet_status (*create)(normnet_model * *model, const normnet_config *config);
    normnet_status (*step)(normnet_model * model, const normnet_tensor *images, const normnet_tensor *labels,
                           normnet_metrics *metrics);
    void (*destroy)(normnet_model * model);
    normnet_config config;
    normnet_tensor images, labels;
    normnet_model *model = NULL;

    find(library, "normnet_config_init_size", &init);
    find(library, "normnet_model_create", &create);
    find(library, "normnet_train_step", &step);
    find(library, "normnet_model_destroy", &destroy);
    for (int i = 0; i < IMAGES * PIXELS; ++i)
        pixels[i] = (unsigned char)(i * 7);
    CHECK(init(&config, (int32_t)sizeof config, NORMNET_NORM_BATCH) == NORMNET_OK);
    config.architecture = "conv3-4 norm relu gap conv1-10";
    config.height = config.width = SIDE;
    config.max_batch = IMAGES;
    config.threads = 2;
    normnet_tensor_init(&images, NORMNET_U8, pixels, 4, shape);
    normnet_tensor_init(&labels, NORMNET_U8, digits, 1, &count);
    CHECK(create(&model, &config) == NORMNET_OK);
    CHECK(step(model, &images, &labels, NULL) == NORMNET_OK);
    destroy(model);
}

static void open_use_close(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (library == NULL) {
        CHECK_FAIL("%s", dlerror());
        return;
    }
    train(library);
    CHECK_EQUAL(dlclose(library), 0);
}

static void again_and_again(const void *argument)
{
    struct process first;

    open_use_close(argument);
    first = process_now();
    for (int turn = 1; turn < TURNS && check_state()->failures == 0; ++turn)
        open_use_close(argument);
    check_process(&first, SLACK_KIB);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("dlopen: opened, used and closed 50 times, the library leaves nothing", again_and_again, LIBRARY);
    return check_end();
}
