/* SPDX-License-Identifier: MIT */
/*
 * The same bits everywhere: trains networks with each norm and prints a hash of all their state and of what they
 * predict. It may depend neither on the number of threads nor on the instruction set, and is the one recorded here on
 * every machine. check_bits.py compares the hashes of compilers and options, check_platforms.py those of machines.
 *
 * With --small as the first argument only the networks that an emulator trains in a minute.
 */
#include "harness/check_normnet.h"
#include "harness/test_random.h"

enum { IMAGES = 150, MAX_BATCH = 131, MAX_PIXELS = 2 * 17 * 18, MAX_CLASSES = 7, PREDICTED = 21 };

/* ---- What is trained --------------------------------------------------------------------------- */

struct bits_norm {
    const char *name;
    int32_t norm, affine, virtual_batch;
};

static const struct bits_norm norms[] = {
    {"none", NORMNET_NORM_NONE, NORMNET_AFFINE_DEFAULT, 0},
    {"batch", NORMNET_NORM_BATCH, NORMNET_AFFINE_DEFAULT, 0},
    {"ghost-batch", NORMNET_NORM_BATCH, NORMNET_AFFINE_DEFAULT, 16},
    {"group", NORMNET_NORM_GROUP, NORMNET_AFFINE_DEFAULT, 0},
    {"layer-channel", NORMNET_NORM_LAYER, NORMNET_AFFINE_CHANNEL, 0},
    {"layer-element", NORMNET_NORM_LAYER, NORMNET_AFFINE_ELEMENT, 0},
    {"instance", NORMNET_NORM_INSTANCE, NORMNET_AFFINE_DEFAULT, 0},
    {"rms-channel", NORMNET_NORM_RMS, NORMNET_AFFINE_CHANNEL, 0},
    {"rms-element", NORMNET_NORM_RMS, NORMNET_AFFINE_ELEMENT, 0},
};

enum { NORMS = sizeof norms / sizeof *norms };

struct bits_network {
    const char *name, *architecture;
    int32_t channels, height, width, classes;
    int norms; /* how many of those above */
    double average_decay;
    int steps, batches[6]; /* images per step, in turn */
};

/* Kernels of 1, 3 and 5, with and without padding and stride, directly and by Winograd's algorithm, and all pools. */
static const struct bits_network networks[] = {
    {.name = "small",
     .architecture = "conv3-4p1 norm relu dropout maxpool2 conv1-8b relu conv3-12 relu norm dropout conv5-6p2s2 norm "
                     "relu conv1-5b gap",
     .channels = 1,
     .height = 12,
     .width = 12,
     .classes = 5,
     .norms = NORMS,
     .steps = 10,
     .batches = {33, 9, 17, 1, 20, 5}},
    {.name = "wide", /* patches of 4x4 outputs, kernels in parts, weight gradients in two dimensions */
     .architecture = "conv1-32 norm relu conv3-32p1b norm relu maxpool2 conv5-16p2 norm relu conv1-3 gap",
     .channels = 2,
     .height = 9,
     .width = 8,
     .classes = 3,
     .norms = 1,
     .steps = 12,
     .batches = {17, 16, 9, 5, 13, 12}},
    {.name = "averaged", /* the average of the weights, with statistics of its own */
     .architecture = "conv3-6p1 norm relu maxpool2 conv3-9b norm relu flatten fc-5b",
     .channels = 1,
     .height = 12,
     .width = 12,
     .classes = 5,
     .norms = 2,
     .average_decay = 0.8,
     .steps = 40,
     .batches = {33, 9, 17, 16, 20, 5}},
    {.name = "large",
     .architecture = "conv3-4p1 norm relu dropout conv3-6 relu norm dropout maxpool2 conv1-8b norm relu conv3-16p1 "
                     "norm relu avgpool2 conv5-4p2 relu norm conv3-8p1s2b norm relu dropout flatten fc-7b",
     .channels = 2,
     .height = 17,
     .width = 18,
     .classes = 7,
     .norms = NORMS,
     .steps = 50,
     .batches = {131, 37, 5, 7, 19, 9}},
};

enum { NETWORKS = sizeof networks / sizeof *networks };

/*
 * The hashes of this version of the bits, in the order above. Whoever changes the arithmetic enters here what the test
 * says, and raises the version in normnet.h and here.
 */
enum { RECORDED_VERSION = 4 };
static const uint64_t recorded[NETWORKS][NORMS] = {
    {0xcfa72a41f436fb25, 0x112c7a84d7741f50, 0x6879202319ee3d1e, 0x73e3245b67d1decb, 0x77b816eccb650f63,
     0x8e9cfed4d407183b, 0x6daa38899439b699, 0x84693eca26c9c0ac, 0x3d3a33709af3f46a},
    {0x2e10b1dd5604f126},
    {0x2be9bf90c12fc588, 0xf6730cb2755a4ba3},
    {0x53022465270d153f, 0x70dc2fa65c1ff475, 0x083fe8c472270270, 0x1d340595e4b6b7df, 0x8e844bc6b2766199,
     0x55796fd964f6c317, 0x099d2069bb4ff4b4, 0x19f266282d8f25c7, 0x8b0fa61b71cbabf3},
};

struct bits_case {
    const struct bits_norm *norm;
    const struct bits_network *network;
    uint64_t recorded;
    uint64_t *hash; /* with one thread and the best instruction set; 0 until it is asked for */
    uint64_t *file; /* that of the model's checkpoint then */
};

static normnet_config case_config(const struct bits_case *want, int threads, int32_t cpu)
{
    static const double mean[] = {0.4, 0.5}, deviation[] = {0.3, 0.25};
    normnet_config config;

    CHECK_OK(normnet_config_init(&config, want->norm->norm));
    config.architecture = want->network->architecture;
    config.channels = want->network->channels;
    config.height = want->network->height;
    config.width = want->network->width;
    config.classes = want->network->classes;
    config.input_mean = mean;
    config.input_std = deviation;
    config.affine = want->norm->affine;
    config.virtual_batch = want->norm->virtual_batch;
    config.groups = want->norm->norm == NORMNET_NORM_GROUP ? 2 : 0;
    config.max_batch = MAX_BATCH;
    config.threads = threads;
    config.cpu = cpu;
    config.seed = 2024;
    config.dropout = 0.15;
    config.l1 = 1e-5;
    config.l2 = 1e-4;
    config.label_smoothing = 0.1;
    config.schedule = NORMNET_SCHEDULE_ONE_CYCLE;
    config.max_lr = 0.05;
    config.total_steps = want->network->steps;
    config.average_decay = want->network->average_decay;
    config.average_from = 3;
    return config;
}

/* ---- Images, in integers alone ----------------------------------------------------------------- */

struct bits_data {
    uint8_t pixels[IMAGES * MAX_PIXELS], labels[IMAGES];
    uint8_t batch_pixels[MAX_BATCH * MAX_PIXELS], batch_labels[MAX_BATCH];
};

/* Stripes whose direction and distance tell the class, under noise. */
static void draw_images(struct bits_data *data, const struct bits_network *network)
{
    struct random_stream random = {7};
    uint8_t *pixel = data->pixels;

    for (int image = 0; image < IMAGES; ++image) {
        const int label = data->labels[image] = (uint8_t)random_below(&random, network->classes);

        for (int channel = 0; channel < network->channels; ++channel)
            for (int row = 0; row < network->height; ++row)
                for (int column = 0; column < network->width; ++column) {
                    const int phase = (row * (3 + 7 * label) + column * (11 + 5 * label + channel)) % 64;

                    *pixel++ = (uint8_t)(2 * phase + random_below(&random, 128));
                }
    }
}

/* One image, shifted by up to two pixels and at times mirrored; 0 where there was nothing. */
static void shift_image(const struct bits_network *network, struct random_stream *random, const uint8_t *from,
                        uint8_t *to)
{
    const int height = network->height, width = network->width;
    const int down = random_below(random, 5) - 2, right = random_below(random, 5) - 2;
    const int mirrored = random_below(random, 2);

    for (int channel = 0; channel < network->channels; ++channel, from += height * width)
        for (int row = 0; row < height; ++row)
            for (int column = 0; column < width; ++column) {
                const int i = row - down, j = (mirrored ? width - 1 - column : column) - right;
                const int inside = i >= 0 && i < height && j >= 0 && j < width;

                *to++ = inside ? from[i * width + j] : 0;
            }
}

static void draw_batch(struct bits_data *data, const struct bits_network *network, int step, int images)
{
    const int size = network->channels * network->height * network->width;
    struct random_stream random = {(uint64_t)step};

    for (int i = 0; i < images; ++i) {
        const int image = random_below(&random, IMAGES);

        shift_image(network, &random, data->pixels + image * size, data->batch_pixels + i * size);
        data->batch_labels[i] = data->labels[image];
    }
}

/* ---- Hashes: FNV-1a over words whose low byte comes first -------------------------------------- */

static uint64_t hash_word(uint64_t hash, uint32_t word)
{
    for (int byte = 0; byte < 4; ++byte)
        hash = (hash ^ (word >> 8 * byte & 0xFF)) * 0x100000001b3u;
    return hash;
}

static uint64_t hash_floats(uint64_t hash, const float *values, int64_t count)
{
    uint32_t word;

    for (int64_t i = 0; i < count; ++i) {
        memcpy(&word, values + i, sizeof word);
        hash = hash_word(hash, word);
    }
    return hash;
}

static uint64_t hash_integers(uint64_t hash, const int64_t *values, int64_t count)
{
    for (int64_t i = 0; i < count; ++i)
        hash = hash_word(hash_word(hash, (uint32_t)values[i]), (uint32_t)((uint64_t)values[i] >> 32));
    return hash;
}

static uint64_t hash_entry(uint64_t hash, const normnet_state_info *info, const void *data)
{
    return info->dtype == NORMNET_I64 ? hash_integers(hash, data, state_length(info))
                                      : hash_floats(hash, data, state_length(info));
}

static uint64_t hash_state(uint64_t hash, const normnet_model *model)
{
    for (int32_t i = 0; i < normnet_state_count(model); ++i) {
        const normnet_state_info info = state_info(model, i);

        hash = hash_entry(hash, &info, info.data);
        if (info.average != NULL)
            hash = hash_entry(hash, &info, info.average);
    }
    return hash;
}

/* The probabilities of some images: more than a block, so that images that are left over are among them. */
static uint64_t hash_predictions(uint64_t hash, normnet_model *model, const normnet_config *config,
                                 const struct bits_data *data)
{
    const normnet_predict_options average = {.struct_size = sizeof average, .weights = NORMNET_WEIGHTS_AVERAGE};
    float scores[PREDICTED * MAX_CLASSES];
    const normnet_tensor images = tensor_images(NORMNET_U8, data->pixels, PREDICTED, config);
    normnet_tensor output = tensor_2d(NORMNET_F32, scores, PREDICTED, config->classes);

    CHECK_OK(normnet_predict(model, &images, &output, NULL, NULL));
    hash = hash_floats(hash, scores, (int64_t)PREDICTED * config->classes);
    if (config->average_decay == 0.0)
        return hash;
    CHECK_OK(normnet_predict(model, &images, &output, NULL, &average));
    return hash_floats(hash, scores, (int64_t)PREDICTED * config->classes);
}

/*
 * Of a checkpoint: the bytes of a file depend on the machine no more than the weights. Compared between builds, but not
 * recorded: the library's version is among them. test_settings holds a file to what was recorded.
 */
static uint64_t hash_file(normnet_model *model)
{
    const normnet_save_options options = {.struct_size = sizeof options, .note = "\"of\" the caller\n"};
    int64_t size = 0;
    uint64_t hash = 0xcbf29ce484222325u;
    unsigned char *bytes;

    CHECK_OK(normnet_model_serialize(model, NULL, 0, &size, &options));
    bytes = check_allocate((size_t)size, 1);
    CHECK_OK(normnet_model_serialize(model, bytes, size, &size, &options));
    for (int64_t i = 0; i < size; ++i)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    free(bytes);
    return hash;
}

/* ---- Training ---------------------------------------------------------------------------------- */

static void update_average(normnet_model *model, const struct bits_data *data, const normnet_config *config)
{
    const normnet_tensor images = tensor_images(NORMNET_U8, data->pixels, PREDICTED, config);

    CHECK_OK(normnet_update_average_statistics(model, &images, 1));
}

/* The hash, or 0 and a failure. */
static uint64_t train(const struct bits_case *want, int threads, int32_t cpu, uint64_t *file)
{
    const struct bits_network *network = want->network;
    const normnet_config config = case_config(want, threads, cpu);
    normnet_model *model = CHECK_CREATE(&config);
    struct bits_data *data = check_allocate(1, sizeof *data);
    double losses[2] = {0, 0};
    uint64_t hash = 0;

    draw_images(data, network);
    for (int step = 0; step < network->steps && model != NULL; ++step) {
        const int images = network->batches[step % CHECK_COUNT(network->batches)];
        const normnet_tensor pixels = tensor_images(NORMNET_U8, data->batch_pixels, images, &config);
        const normnet_tensor labels = tensor_1d(NORMNET_U8, data->batch_labels, images);
        normnet_metrics metrics = metrics_init();

        draw_batch(data, network, step, images);
        CHECK_OK(normnet_train_step(model, &pixels, &labels, &metrics));
        losses[step >= network->steps / 2] += metrics.loss;
    }
    if (!(losses[1] < losses[0])) /* bits of a network that does not learn prove nothing */
        CHECK_FAIL("the loss does not fall: %g in the first half, %g in the second", losses[0], losses[1]);
    if (model != NULL && config.average_decay > 0.0)
        update_average(model, data, &config);
    if (model != NULL && file != NULL)
        *file = hash_file(model);
    if (model != NULL)
        hash = hash_predictions(hash_state(0xcbf29ce484222325u, model), model, &config, data);
    free(data);
    normnet_model_destroy(model);
    return hash;
}

static uint64_t hash_of(const struct bits_case *one)
{
    if (*one->hash == 0)
        *one->hash = train(one, 1, NORMNET_CPU_BEST, one->file);
    return *one->hash;
}

/* Can this machine and build do it, and is it not what they do anyway? */
static int is_another(const struct bits_case *one, int32_t cpu)
{
    const normnet_config config = case_config(one, 1, cpu);
    normnet_model *model = NULL;
    const int works = normnet_model_create(&model, &config) == NORMNET_OK;
    const int another = works && strcmp(normnet_cpu_name(model), normnet_cpu_name(NULL)) != 0;

    normnet_model_destroy(model);
    return another;
}

/* ---- Cases ------------------------------------------------------------------------------------- */

static void print_hash(const void *argument)
{
    const struct bits_case *one = argument;

    printf("%s-%s %016" PRIx64 "\n", one->network->name, one->norm->name, hash_of(one));
    printf("%s-%s-file %016" PRIx64 "\n", one->network->name, one->norm->name, *one->file);
}

static void threads(const void *argument)
{
    static const int counts[] = {2, 3, 5, 8};
    const struct bits_case *one = argument;

    for (int i = 0; i < CHECK_COUNT(counts); ++i)
        if (train(one, counts[i], NORMNET_CPU_BEST, NULL) != hash_of(one))
            CHECK_FAIL("%d threads lead to other bits than one", counts[i]);
}

static void instruction_sets(const void *argument)
{
    const struct bits_case *one = argument;

    for (int32_t cpu = NORMNET_CPU_PORTABLE; cpu <= NORMNET_CPU_NEON; ++cpu)
        if (is_another(one, cpu) && train(one, 1, cpu, NULL) != hash_of(one))
            CHECK_FAIL("instruction set %d leads to other bits than %s", cpu, normnet_cpu_name(NULL));
}

static void as_recorded(const void *argument)
{
    const struct bits_case *one = argument;

    if (hash_of(one) != one->recorded)
        CHECK_FAIL("the hash is 0x%016" PRIx64 ", recorded is 0x%016" PRIx64
                   "; if other bits are wanted, enter it and raise NORMNET_BITS_VERSION",
                   hash_of(one), one->recorded);
}

static void version(const void *argument)
{
    (void)argument;
    CHECK_EQUAL(normnet_bits_version(), RECORDED_VERSION);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*function)(const void *argument);
    } kinds[] = {
        {"hash", print_hash},
        {"threads", threads},
        {"instruction sets", instruction_sets},
        {"as recorded", as_recorded},
    };
    static uint64_t hashes[NETWORKS][NORMS], files[NETWORKS][NORMS];
    const int small = argc > 1 && strcmp(argv[1], "--small") == 0;
    if (!check_begin(argc - small, argv + small))
        return check_end();
    for (int network = 0; network < NETWORKS - small; ++network)
        for (int norm = 0; norm < networks[network].norms; ++norm)
            for (int kind = 0; kind < CHECK_COUNT(kinds); ++kind) {
                const struct bits_case one = {&norms[norm], &networks[network], recorded[network][norm],
                                              &hashes[network][norm], &files[network][norm]};

                check_case_named(kinds[kind].function, &one, "bits: %s, %s %s", kinds[kind].name, one.network->name,
                                 one.norm->name);
            }
    check_case("bits: the version that is recorded", version, NULL);
    return check_end();
}
