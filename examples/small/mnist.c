/* SPDX-License-Identifier: MIT */
/* Trains the default network on MNIST and tests it after each epoch: mnist FOLDER NORM [EPOCHS] */
#include <normnet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 100, SIDE = 28, PIXELS = SIDE * SIDE, NORMS = 6 };
static const char *const norms[NORMS] = {"none", "batch", "group", "layer", "instance", "rms"}; /* as in normnet_norm */

/* Reads *count items of `size` bytes from an IDX file. If *count is 0, reads all and stores their number there. */
static unsigned char *read_idx(const char *folder, const char *name, size_t header, size_t size, int64_t *count)
{
    unsigned char head[16], *items = NULL;
    char path[1024];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file && fread(head, 1, header, file) == header) {
        if (*count == 0)
            *count = (int64_t)head[4] << 24 | head[5] << 16 | head[6] << 8 | head[7];
        items = malloc((size_t)*count * size);
    }
    if (!items || fread(items, size, (size_t)*count, file) != (size_t)*count) {
        fprintf(stderr, "error: cannot read %s\n", path);
        exit(EXIT_FAILURE);
    }
    fclose(file);
    return items;
}

int main(int argc, char **argv)
{
    int epochs = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 3, norm = 0;
    const double mean = 0.1307, std = 0.3081; /* of MNIST's pixels, scaled to 0..1 */
    int64_t count = 0, test_count = 0;
    normnet_model *model = NULL;
    normnet_metrics metrics;
    normnet_tensor x, y;
    normnet_config config;

    while (argc > 2 && norm < NORMS && strcmp(norms[norm], argv[2]) != 0)
        ++norm;
    int help = argc == 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0);
    if (argc < 3 || norm == NORMS || epochs < 1) {
        fprintf(help ? stdout : stderr,
                "usage: mnist FOLDER none|batch|group|layer|instance|rms [EPOCHS] | -h | --help\n");
        return help ? EXIT_SUCCESS : 2;
    }
    unsigned char *images = read_idx(argv[1], "train-images-idx3-ubyte", 16, PIXELS, &count);
    unsigned char *labels = read_idx(argv[1], "train-labels-idx1-ubyte", 8, 1, &count);
    unsigned char *test_images = read_idx(argv[1], "t10k-images-idx3-ubyte", 16, PIXELS, &test_count);
    unsigned char *test_labels = read_idx(argv[1], "t10k-labels-idx1-ubyte", 8, 1, &test_count);
    normnet_metrics_init(&metrics);
    normnet_config_init(&config, norm);
    config.input_mean = &mean;
    config.input_std = &std;
    config.schedule = NORMNET_SCHEDULE_ONE_CYCLE;
    config.total_steps = epochs * ((count + BATCH - 1) / BATCH);
    normnet_status status = normnet_model_create(&model, &config);
    for (int epoch = 1; status == NORMNET_OK && epoch <= epochs; ++epoch) {
        for (int64_t i = 0, n; status == NORMNET_OK && i < count; i += n) { /* MNIST's images are in random order */
            n = count - i < BATCH ? count - i : BATCH;
            normnet_tensor_init(&x, NORMNET_U8, images + i * PIXELS, 4, (const int64_t[]){n, 1, SIDE, SIDE});
            normnet_tensor_init(&y, NORMNET_U8, labels + i, 1, &n);
            status = normnet_train_step(model, &x, &y, NULL);
        }
        normnet_tensor_init(&x, NORMNET_U8, test_images, 4, (const int64_t[]){test_count, 1, SIDE, SIDE});
        normnet_tensor_init(&y, NORMNET_U8, test_labels, 1, &test_count);
        if (status == NORMNET_OK)
            status = normnet_evaluate(model, &x, &y, &metrics, NULL, NULL);
        if (status == NORMNET_OK)
            printf("epoch %d: test accuracy %.2f%%\n", epoch, 100.0 * (double)metrics.correct / (double)test_count);
    }
    if (status != NORMNET_OK)
        fprintf(stderr, "error: %s\n", normnet_error_message());
    normnet_model_destroy(model);
    free(images);
    free(labels);
    free(test_images);
    free(test_labels);
    return status == NORMNET_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
