/* SPDX-License-Identifier: MIT */
/*
 * Training on more images than fit into memory. They are in files of some thousand images, chunks; a thread reads the
 * next chunk while the program trains on the last one, so that two are in memory. Each epoch takes the chunks in
 * another order, and the images of a chunk too: nearly as good as one order of all images if each chunk has images of
 * all classes. The last chunk is for the test. With --memory the system refuses memory beyond a limit, to show that
 * none is needed.
 */
#define _XOPEN_SOURCE 700 /* strict C11 hides setrlimit */

#include <errno.h>
#include <inttypes.h>
#include <normnet.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BATCH = 128, CLASSES = 2, IMAGE_HEADER = 16, LABEL_HEADER = 8, MAX_CHUNKS = 10000, PATH_ROOM = 4096 };

static int fail(const char *what, const char *name)
{
    fprintf(stderr, "error: %s %s: %s\n", what, name, errno ? strerror(errno) : "it is not what was expected");
    return EXIT_FAILURE;
}

/* ---- Random numbers ------------------------------------------------------------------------------ */

/* From 0 to bound - 1: splitmix64. */
static uint32_t random_below(uint64_t *state, uint32_t bound)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(((z ^ z >> 31) >> 32) * bound >> 32);
}

/* 0 to count - 1 in a random order: Fisher and Yates. */
static void shuffle(uint32_t *order, uint32_t count, uint64_t *state)
{
    for (uint32_t i = 0; i < count; ++i)
        order[i] = i;
    for (uint32_t i = count; i > 1; --i) {
        const uint32_t k = random_below(state, i), last = order[i - 1];

        order[i - 1] = order[k];
        order[k] = last;
    }
}

/* ---- Files --------------------------------------------------------------------------------------- */

/* Pairs of IDX files, as MNIST's: images, [count][side][side], and labels. */
static void chunk_path(char path[PATH_ROOM], const char *folder, int chunk, const char *kind)
{
    snprintf(path, PATH_ROOM, "%s/chunk-%04d-%s-ubyte", folder, chunk, kind);
}

static void put_big_endian(unsigned char *to, uint32_t value)
{
    for (int i = 0; i < 4; ++i)
        to[i] = (unsigned char)(value >> (24 - 8 * i));
}

static uint32_t get_big_endian(const unsigned char *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

/* Noise, and a brighter bar: vertical, 0, or horizontal, 1. */
static void draw_bar(unsigned char *image, int side, int label, uint64_t *state)
{
    const int width = side / 6, middle = (int)random_below(state, (uint32_t)side);

    for (int y = 0; y < side; ++y)
        for (int x = 0; x < side; ++x) {
            const bool lit = abs((label == 0 ? x : y) - middle) * 2 <= width;

            image[y * side + x] = (unsigned char)(random_below(state, 128) + (lit ? 127 : 0));
        }
}

static int write_chunk(const char *folder, int chunk, uint32_t count, uint32_t side, unsigned char *image)
{
    unsigned char header[IMAGE_HEADER] = {0, 0, 8, 3}, label_header[LABEL_HEADER] = {0, 0, 8, 1};
    uint64_t state = (uint64_t)chunk + 1;
    char images_path[PATH_ROOM], labels_path[PATH_ROOM];
    bool good;

    chunk_path(images_path, folder, chunk, "images-idx3");
    chunk_path(labels_path, folder, chunk, "labels-idx1");
    FILE *images = fopen(images_path, "wb"), *labels = images ? fopen(labels_path, "wb") : NULL;
    put_big_endian(header + 4, count);
    put_big_endian(header + 8, side);
    put_big_endian(header + 12, side);
    put_big_endian(label_header + 4, count);
    good = images && labels && fwrite(header, 1, sizeof header, images) == sizeof header &&
           fwrite(label_header, 1, sizeof label_header, labels) == sizeof label_header;
    for (uint32_t i = 0; good && i < count; ++i) {
        const int label = (int)random_below(&state, CLASSES);

        draw_bar(image, (int)side, label, &state);
        good = fwrite(image, side, side, images) == side && fputc(label, labels) == label;
    }
    good = (!labels || fclose(labels) == 0) && good;
    good = (!images || fclose(images) == 0) && good;
    return good ? 0 : fail("cannot write", labels ? labels_path : images_path);
}

static int write_chunks(const char *folder, int chunks, uint32_t count, uint32_t side)
{
    unsigned char *image = malloc((size_t)side * side);
    int code = 0;

    if (!image || (mkdir(folder, 0777) != 0 && errno != EEXIST))
        code = fail("cannot make", folder);
    for (int chunk = 0; code == 0 && chunk < chunks; ++chunk) {
        code = write_chunk(folder, chunk, count, side, image);
        if (isatty(STDERR_FILENO))
            fprintf(stderr, "\rchunk %d of %d%s", chunk + 1, chunks, chunk + 1 == chunks ? "\n" : "");
    }
    free(image);
    return code;
}

/* ---- Reading ahead --------------------------------------------------------------------------------- */

struct chunk {
    unsigned char *images, *labels;
    uint32_t count;
};

/* All chunks have at most as many images as the first, and the same side. */
struct reader {
    const char *folder;
    int chunks;
    uint32_t side, max_count;
    struct chunk memory[2]; /* one in use, one that is read */
    pthread_t thread;
    int next; /* the chunk that the thread reads */
    int code; /* of the thread */
};

static int read_header(FILE *file, unsigned char *header, size_t size)
{
    return file && fread(header, 1, size, file) == size && header[2] == 8 ? 0 : 1;
}

static int count_chunks(struct reader *self)
{
    unsigned char header[IMAGE_HEADER] = {0};
    char path[PATH_ROOM];

    for (self->chunks = 0; self->chunks < MAX_CHUNKS; ++self->chunks) {
        errno = 0;
        chunk_path(path, self->folder, self->chunks, "images-idx3");
        FILE *file = fopen(path, "rb");
        if (!file)
            break;
        const int code = self->chunks == 0 ? read_header(file, header, sizeof header) : 0;
        fclose(file);
        if (code != 0)
            return fail("cannot read", path);
    }
    if (self->chunks < 2)
        return fail("expected two chunks or more: cannot read", path);
    self->max_count = get_big_endian(header + 4);
    self->side = get_big_endian(header + 8);
    return 0;
}

static int open_reader(struct reader *self)
{
    const int code = count_chunks(self);
    const size_t bytes = (size_t)self->max_count * self->side * self->side;

    if (code != 0)
        return code;
    if (bytes == 0 || self->side < 16 || self->side > 4096) {
        errno = 0;
        return fail("cannot use the first chunk in", self->folder);
    }
    for (int i = 0; i < 2; ++i) {
        self->memory[i].images = malloc(bytes);
        self->memory[i].labels = malloc(self->max_count);
        if (!self->memory[i].images || !self->memory[i].labels)
            return fail("cannot hold two chunks of", self->folder);
    }
    return 0;
}

static void close_reader(struct reader *self)
{
    for (int i = 0; i < 2; ++i) {
        free(self->memory[i].images);
        free(self->memory[i].labels);
    }
}

/* Into memory[1]. */
static void *read_chunk(void *argument)
{
    struct reader *self = argument;
    struct chunk *to = &self->memory[1];
    unsigned char header[IMAGE_HEADER], label_header[LABEL_HEADER];
    char images_path[PATH_ROOM], labels_path[PATH_ROOM];
    const size_t pixels = (size_t)self->side * self->side;

    errno = 0;
    chunk_path(images_path, self->folder, self->next, "images-idx3");
    chunk_path(labels_path, self->folder, self->next, "labels-idx1");
    FILE *images = fopen(images_path, "rb"), *labels = fopen(labels_path, "rb");
    bool good =
        read_header(images, header, sizeof header) == 0 && read_header(labels, label_header, sizeof label_header) == 0;
    to->count = good ? get_big_endian(header + 4) : 0;
    good = good && to->count <= self->max_count && get_big_endian(label_header + 4) == to->count &&
           get_big_endian(header + 8) == self->side && get_big_endian(header + 12) == self->side &&
           fread(to->images, pixels, to->count, images) == to->count &&
           fread(to->labels, 1, to->count, labels) == to->count;
    self->code = good ? 0 : fail("cannot read", images ? images_path : labels_path);
    if (images)
        fclose(images);
    if (labels)
        fclose(labels);
    return NULL;
}

static int start_reading(struct reader *self, int chunk)
{
    self->next = chunk;
    errno = pthread_create(&self->thread, NULL, read_chunk, self);
    return errno == 0 ? 0 : fail("cannot start a thread that reads", self->folder);
}

/* Waits for the chunk that is read: it is memory[0] then. */
static int finish_reading(struct reader *self)
{
    const struct chunk used = self->memory[0];

    pthread_join(self->thread, NULL);
    self->memory[0] = self->memory[1];
    self->memory[1] = used;
    return self->code;
}

/* ---- Training -------------------------------------------------------------------------------------- */

struct trainer {
    struct reader reader;
    normnet_model *model;
    uint64_t state;        /* of the random numbers */
    uint32_t *order;       /* of the images of a chunk */
    unsigned char *images; /* of a batch, in this order */
    unsigned char labels[BATCH];
    int64_t seen, correct;
};

static normnet_status create_model(struct trainer *self, int32_t threads)
{
    normnet_config config;
    const normnet_status status = normnet_config_init(&config, NORMNET_NORM_BATCH);

    if (status != NORMNET_OK)
        return status;
    config.height = config.width = (int32_t)self->reader.side;
    config.classes = CLASSES;
    config.architecture = "conv5-8s4 norm relu conv3-16s2 norm relu gap conv1-2";
    config.max_batch = BATCH;
    config.threads = threads;
    config.lr = 0.05;
    config.momentum = 0.9;
    return normnet_model_create(&self->model, &config);
}

/* The batch of the images order[first], order[first + 1], ... */
static uint32_t gather(struct trainer *self, uint32_t first, normnet_tensor *images, normnet_tensor *labels)
{
    const struct chunk *chunk = &self->reader.memory[0];
    const size_t side = self->reader.side, pixels = side * side;
    const uint32_t count = chunk->count - first < BATCH ? chunk->count - first : BATCH;
    const int64_t shape[4] = {count, 1, (int64_t)side, (int64_t)side};

    for (uint32_t i = 0; i < count; ++i) {
        memcpy(self->images + i * pixels, chunk->images + self->order[first + i] * pixels, pixels);
        self->labels[i] = chunk->labels[self->order[first + i]];
    }
    normnet_tensor_init(images, NORMNET_U8, self->images, 4, shape);
    normnet_tensor_init(labels, NORMNET_U8, self->labels, 1, shape);
    return count;
}

/* Trains with the chunk in memory[0], or tests. */
static normnet_status use_chunk(struct trainer *self, bool test)
{
    normnet_status status = NORMNET_OK;
    normnet_tensor images, labels;
    normnet_metrics metrics;

    normnet_metrics_init(&metrics);
    shuffle(self->order, self->reader.memory[0].count, &self->state);
    for (uint32_t i = 0, count; status == NORMNET_OK && i < self->reader.memory[0].count; i += count) {
        count = gather(self, i, &images, &labels);
        status = test ? normnet_evaluate(self->model, &images, &labels, &metrics, NULL, NULL)
                      : normnet_train_step(self->model, &images, &labels, &metrics);
        self->seen += count;
        self->correct += metrics.correct;
    }
    if (status != NORMNET_OK)
        fprintf(stderr, "error: %s\n", normnet_error_message());
    return status;
}

static int train_epoch(struct trainer *self, int epoch)
{
    struct reader *reader = &self->reader;
    const int chunks = reader->chunks - 1; /* but the last */
    uint32_t *order = malloc((size_t)reader->chunks * sizeof *order);
    int code;

    if (order == NULL)
        return fail("not enough memory for", reader->folder);
    self->seen = self->correct = 0;
    shuffle(order, (uint32_t)chunks, &self->state);
    order[chunks] = (uint32_t)chunks; /* the test */
    code = start_reading(reader, (int)order[0]);
    for (int i = 0; code == 0 && i <= chunks; ++i) {
        if (i == chunks) {
            printf("epoch %d: %" PRId64 " images, %.2f%% recognized\n", epoch, self->seen,
                   100.0 * (double)self->correct / (double)self->seen);
            self->seen = self->correct = 0;
        }
        code = finish_reading(reader);
        if (code == 0 && i < chunks)
            code = start_reading(reader, (int)order[i + 1]);
        if (code == 0 && use_chunk(self, i == chunks) != NORMNET_OK) {
            code = EXIT_FAILURE;
            if (i < chunks)
                finish_reading(reader);
        }
    }
    free(order);
    return code;
}

static int train(const char *folder, int epochs, int32_t threads)
{
    struct trainer self = {.reader = {.folder = folder}};
    struct rusage usage;
    int code = open_reader(&self.reader);

    if (code == 0) {
        self.order = malloc((size_t)self.reader.max_count * sizeof *self.order);
        self.images = malloc((size_t)BATCH * self.reader.side * self.reader.side);
        if (!self.order || !self.images)
            code = fail("not enough memory for a batch of", folder);
    }
    if (code == 0 && create_model(&self, threads) != NORMNET_OK) {
        fprintf(stderr, "error: %s\n", normnet_error_message());
        code = EXIT_FAILURE;
    }
    for (int epoch = 1; code == 0 && epoch <= epochs; ++epoch)
        code = train_epoch(&self, epoch);
    if (code == 0) {
        const double megabyte = 1e6, image = (double)self.reader.side * self.reader.side;

        getrusage(RUSAGE_SELF, &usage);
        printf("%" PRId64 " of %" PRId64 " test images recognized\n", self.correct, self.seen);
        printf("%.0f MB of images, at most %.0f MB of memory\n",
               image * self.reader.max_count * self.reader.chunks / megabyte,
               (double)usage.ru_maxrss * 1024 / megabyte);
    }
    normnet_model_destroy(self.model);
    free(self.order);
    free(self.images);
    close_reader(&self.reader);
    return code;
}

/* ---- The command line ------------------------------------------------------------------------------ */

static int print_usage(FILE *to)
{
    fprintf(to, "usage: chunked_files write FOLDER CHUNKS IMAGES SIDE\n"
                "       chunked_files train FOLDER [--epochs N] [--threads N] [--memory MB]\n"
                "       chunked_files -h | --help\n"
                "\n"
                "write  makes CHUNKS files of IMAGES images of SIDE x SIDE pixels\n"
                "train  trains with them; with --memory the system allows the process no more\n"
                "\n"
                "example: 4 GB of images with 512 MB of memory\n"
                "  chunked_files write /tmp/chunks 64 4096 128\n"
                "  chunked_files train /tmp/chunks --memory 512\n");
    return to == stdout ? EXIT_SUCCESS : 2;
}

/* A whole number from min to max, or -1 after a message. */
static int read_number(const char *name, const char *text, int min, int max)
{
    char *end;
    const long value = strtol(text, &end, 10);

    if (*text && !*end && value >= min && value <= max)
        return (int)value;
    fprintf(stderr, "error: %s is '%s'; expected a whole number from %d to %d\n", name, text, min, max);
    return -1;
}

static int run_write(char **arguments)
{
    const int chunks = read_number("CHUNKS", arguments[1], 2, MAX_CHUNKS);
    const int count = chunks < 0 ? -1 : read_number("IMAGES", arguments[2], 1, 1 << 24);
    const int side = count < 0 ? -1 : read_number("SIDE", arguments[3], 16, 4096);

    return side < 0 ? 2 : write_chunks(arguments[0], chunks, (uint32_t)count, (uint32_t)side);
}

/* The threads' stacks and the program count, too. */
static int limit_memory(int megabytes)
{
    const struct rlimit limit = {(rlim_t)megabytes * 1000000, (rlim_t)megabytes * 1000000};

    return setrlimit(RLIMIT_AS, &limit) == 0 ? 0 : fail("cannot limit the memory of", "this process");
}

static int run_train(int count, char **arguments)
{
    int epochs = 1, threads = 1, memory = 0;

    for (int i = 1; i < count; i += 2) {
        int *target = strcmp(arguments[i], "--epochs") == 0    ? &epochs
                      : strcmp(arguments[i], "--threads") == 0 ? &threads
                      : strcmp(arguments[i], "--memory") == 0  ? &memory
                                                               : NULL;

        if (!target || i + 1 == count) {
            fprintf(stderr, target ? "error: %s needs a number\n" : "error: unknown argument '%s'\n", arguments[i]);
            return print_usage(stderr);
        }
        *target = read_number(arguments[i], arguments[i + 1], 1, target == &threads ? 1024 : 1000000);
        if (*target < 0)
            return 2;
    }
    if (memory > 0 && limit_memory(memory) != 0)
        return EXIT_FAILURE;
    return train(arguments[0], epochs, threads);
}

int main(int argc, char **argv)
{
    if (argc == 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0))
        return print_usage(stdout);
    if (argc == 6 && strcmp(argv[1], "write") == 0)
        return run_write(argv + 2);
    if (argc > 2 && strcmp(argv[1], "train") == 0)
        return run_train(argc - 2, argv + 2);
    fprintf(stderr, "error: expected write FOLDER CHUNKS IMAGES SIDE or train FOLDER\n");
    return print_usage(stderr);
}
