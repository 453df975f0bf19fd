/* SPDX-License-Identifier: MIT */
/*
 * Trains as the page of examples/browser does, natively (or in node, to measure WebAssembly):
 *
 *     page_twin NORM EPOCHS SEED TRAIN TEST [TRAIN-FILE TEST-FILE]
 *
 * TRAIN and TEST are numbers of generated images or, with files, of those in them: 784 bytes per image, then a byte per
 * label. Prints the SHA-256 of the checkpoint, the recognized test images, and the images per second in training.
 */
#include "trainer.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void fail(const char *what)
{
    fprintf(stderr, "error: %s: %s\n", what, trainer_message());
    exit(EXIT_FAILURE);
}

static void load(struct trainer *trainer, int32_t set, int32_t count, const char *path)
{
    uint8_t *room = trainer_room(trainer, set, count);
    const size_t size = (size_t)count * (TRAINER_PIXELS + 1);

    if (!room)
        fail("memory");
    if (!path) {
        trainer_generate(trainer, set, 0, count);
        return;
    }
    FILE *file = fopen(path, "rb");
    if (!file || fread(room, 1, size, file) != size)
        fail(path);
    fclose(file);
}

int main(int argc, char **argv)
{
    struct trainer *trainer = trainer_create();
    int32_t numbers[5];

    if (!trainer || (argc != 6 && argc != 8))
        return 2;
    for (int i = 0; i < 5; ++i)
        numbers[i] = (int32_t)strtol(argv[i + 1], NULL, 10);
    load(trainer, TRAINER_TRAIN, numbers[3], argc == 8 ? argv[6] : NULL);
    load(trainer, TRAINER_TEST, numbers[4], argc == 8 ? argv[7] : NULL);
    if (trainer_begin(trainer, numbers[0], numbers[1], numbers[2]) != NORMNET_OK)
        fail("begin");
    const double *progress = trainer_progress(trainer);
    const clock_t begin = clock();
    double images = 0;
    while (progress[0] < progress[1]) {
        if (trainer_step(trainer) != NORMNET_OK)
            fail("step");
        images += progress[3];
    }
    const double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    printf("%s\n%d of %d recognized\n%.0f images/s (%s)\n", trainer_hash(trainer),
           (int)trainer_test(trainer, 0, numbers[4]), (int)numbers[4], images / seconds, normnet_cpu_name(NULL));
    trainer_destroy(trainer);
    return EXIT_SUCCESS;
}
