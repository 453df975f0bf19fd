/* SPDX-License-Identifier: MIT */
/*
 * The fields of normnet_config on their way through checkpoints and clones: each comes back, from the file or from the
 * host. An old checkpoint, golden.safetensors, must always load.
 *
 * With --make FILE as its arguments the program writes such a file: golden.safetensors is what it wrote at version
 * 0.1.0, bits version 1.
 */
#include "reading.h"

#include <stddef.h>

/* ---- Configurations ------------------------------------------------------------------------------ */

static const double mean[] = {0.25, -1.0 / 3}, deviation[] = {0.5, 1.0 / 7};

/* The host's fields, which no file holds; the others are not. */
static const size_t host_fields[] = {
    offsetof(normnet_config, struct_size),  offsetof(normnet_config, threads),
    offsetof(normnet_config, readers),      offsetof(normnet_config, max_batch),
    offsetof(normnet_config, cpu),          offsetof(normnet_config, reserved),
    offsetof(normnet_config, memory_limit), offsetof(normnet_config, allocate),
    offsetof(normnet_config, deallocate),   offsetof(normnet_config, allocator_user),
    offsetof(normnet_config, reduce),       offsetof(normnet_config, reduce_user),
    offsetof(normnet_config, parallel_for), offsetof(normnet_config, parallel_user),
};

static int is_host_field(size_t offset)
{
    for (int i = 0; i < CHECK_COUNT(host_fields); ++i)
        if (host_fields[i] == offset)
            return 1;
    return 0;
}

/* Of the field that begins at `offset`: integers up to the seed, then 64 bits each, but for the pointers. */
static size_t field_size(size_t offset)
{
    if (offset < offsetof(normnet_config, seed))
        return sizeof(int32_t);
    return offset < offsetof(normnet_config, architecture) || offset >= offsetof(normnet_config, average_decay)
               ? sizeof(double)
               : sizeof(void *);
}

static int same_field(const normnet_config *a, const normnet_config *b, size_t offset)
{
    return memcmp((const char *)a + offset, (const char *)b + offset, field_size(offset)) == 0;
}

static normnet_config defaults(void)
{
    normnet_config config;

    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_NONE));
    return config;
}

/* What golden.safetensors holds: not to be changed. A field that comes later belongs into second_config(). */
static normnet_config golden_config(void)
{
    normnet_config config = defaults();

    config.norm = NORMNET_NORM_BATCH;
    config.channels = 2;
    config.height = 5;
    config.width = 6;
    config.classes = 3;
    config.groups = 1;
    config.layer_dims = 2;
    config.affine = NORMNET_AFFINE_CHANNEL;
    config.virtual_batch = 16;
    config.cumulative_statistics = 1;
    config.penalty_on = NORMNET_PENALTY_WEIGHTS;
    config.schedule = NORMNET_SCHEDULE_ONE_CYCLE;
    config.anneal = NORMNET_ANNEAL_LINEAR;
    config.three_phase = 1;
    config.cycle_momentum = 0;
    config.nesterov = 1;
    config.seed = -9007199254740995;
    config.total_steps = 1000;
    config.step_size = 7;
    config.eps = 1e-3;
    config.batchnorm_momentum = 0.2;
    config.dropout = 0.3;
    config.l1 = 1e-4;
    config.l2 = 2e-4;
    config.label_smoothing = 0.05;
    config.lr = 0.02;
    config.momentum = 0.8;
    config.step_gamma = 0.4;
    config.max_lr = 0.06;
    config.base_momentum = 0.7;
    config.max_momentum = 0.75;
    config.pct_start = 0.6;
    config.div_factor = 5.0;
    config.final_div_factor = 50.0;
    config.clip_norm = 1.25;
    config.architecture = "conv3-2b norm relu dropout flatten fc-3b";
    config.input_mean = mean;
    config.input_std = deviation;
    return config;
}

/* Fields that exclude what the first has. */
static normnet_config second_config(void)
{
    normnet_config config = golden_config();

    config.schedule = NORMNET_SCHEDULE_STEP;
    config.nesterov = 0;
    config.virtual_batch = 0;
    config.dampening = -0.125;
    config.average_decay = 0.875;
    config.average_from = 3;
    return config;
}

/* Of one rank alone: counts its calls. */
static int32_t reduce_nothing(void *user, double *values, int64_t count)
{
    int *calls = user;

    ++*calls;
    (void)values;
    (void)count;
    return 0;
}

static void run_in_turn(void *user, int32_t count, normnet_task *task, void *context)
{
    (void)user;
    for (int32_t i = 0; i < count; ++i)
        task(context, i);
}

/* The host's fields of `host` become other ones. Ghost batch norm takes no reduce. */
static void enter_host(normnet_config *host, struct allocator *memory, int *reductions)
{
    memory->fill = 0xA5;
    host->threads = 2;
    host->readers = 3;
    host->max_batch = 7;
    host->cpu = NORMNET_CPU_PORTABLE;
    host->memory_limit = 1 << 26;
    allocator_use(memory, host);
    host->reduce = reductions != NULL ? reduce_nothing : NULL;
    host->reduce_user = reductions;
    host->parallel_for = run_in_turn;
    host->parallel_user = memory;
}

/* A new field is found missing here until it is in a configuration above, or the host's. */
static void away_from_their_defaults(const void *argument)
{
    const normnet_config nothing = defaults(), first = golden_config(), second = second_config();
    normnet_config host = defaults();
    struct allocator memory = {0};
    int reductions = 0;

    (void)argument;
    enter_host(&host, &memory, &reductions);
    for (size_t offset = 0; offset < sizeof nothing; offset += field_size(offset)) {
        const int ours = !same_field(&first, &nothing, offset) || !same_field(&second, &nothing, offset);
        const int is_size = offset == offsetof(normnet_config, struct_size);
        const int is_reserved = offset == offsetof(normnet_config, reserved);

        if (is_host_field(offset) ? same_field(&host, &nothing, offset) && !is_size && !is_reserved : !ours)
            CHECK_FAIL("the field at byte %d of normnet_config is at its default", (int)offset);
    }
}

/* ---- Comparing ------------------------------------------------------------------------------------- */

static int points_to_text(size_t offset)
{
    return offset == offsetof(normnet_config, architecture) || offset == offsetof(normnet_config, input_mean) ||
           offset == offsetof(normnet_config, input_std);
}

/* The model has the host's fields from `host`, all others from `stored`. */
static void check_fields(const char *place, const normnet_model *model, const normnet_config *stored,
                         const normnet_config *host)
{
    const normnet_config config = model_config(model);

    for (size_t offset = 0; offset < sizeof config; offset += field_size(offset))
        if (!points_to_text(offset) && !same_field(&config, is_host_field(offset) ? host : stored, offset))
            CHECK_FAIL("%s: the field at byte %d of normnet_config is another", place, (int)offset);
    CHECK_TEXT(config.architecture, stored->architecture);
    CHECK(memcmp(config.input_mean, stored->input_mean, sizeof mean) == 0);
    CHECK(memcmp(config.input_std, stored->input_std, sizeof deviation) == 0);
}

/* ---- Training -------------------------------------------------------------------------------------- */

enum { IMAGES = 5, PIXELS = 2 * 5 * 6 };

static void train(normnet_model *model, int steps)
{
    static const uint8_t digits[IMAGES] = {0, 1, 2, 1, 0};
    const normnet_config config = model_config(model);
    uint8_t pixels[IMAGES * PIXELS];
    const normnet_tensor images = tensor_images(NORMNET_U8, pixels, IMAGES, &config);
    const normnet_tensor labels = tensor_1d(NORMNET_U8, digits, IMAGES);

    for (int i = 0; i < CHECK_COUNT(pixels); ++i)
        pixels[i] = (uint8_t)(i * i % 251);
    for (; steps > 0; --steps)
        CHECK_OK(normnet_train_step(model, &images, &labels, NULL));
}

/* A step of the model calls the host's reduce, if there is one. */
static void check_reduces(normnet_model *model, const normnet_config *host)
{
    const int *reductions = host->reduce_user;
    const int before = reductions != NULL ? *reductions : 0;

    train(model, 1);
    CHECK(reductions == NULL || *reductions > before);
}

/* ---- Every field ----------------------------------------------------------------------------------- */

static void clones_keep_every_field(normnet_model *model, const normnet_config *stored, const normnet_config *host)
{
    const normnet_config other = defaults();
    normnet_model *copy = NULL;

    CHECK_OK(normnet_model_clone(&copy, model, NULL));
    check_fields("a clone", copy, stored, host);
    check_reduces(copy, host);
    normnet_model_destroy(copy);
    CHECK_OK(normnet_model_clone(&copy, model, &other));
    check_fields("a clone for another host", copy, stored, &other);
    normnet_model_destroy(copy);
}

static void every_field_comes_back(const void *argument)
{
    const normnet_config stored = argument == NULL ? golden_config() : second_config(), nothing = defaults();
    normnet_config host = defaults(), created = stored;
    struct allocator memory = {0};
    normnet_model *model, *loaded = NULL;
    struct file checkpoint;
    int reductions = 0;

    enter_host(&host, &memory, argument != NULL ? &reductions : NULL);
    host.norm = NORMNET_NORM_GROUP; /* not the host's */
    host.lr = 123.0;
    host.architecture = "nonsense";
    created.threads = 4;
    created.max_batch = 9;
    model = CHECK_CREATE(&created);
    train(model, 2);
    checkpoint = serialized(model, NORMNET_FILE_CHECKPOINT);
    CHECK_OK(normnet_model_deserialize(&loaded, checkpoint.bytes, checkpoint.size, &host));
    check_fields("for a host", loaded, &stored, &host);
    check_reduces(loaded, &host);
    clones_keep_every_field(loaded, &stored, &host);
    normnet_model_destroy(loaded);
    CHECK_ALL_FREED(&memory);
    CHECK_OK(normnet_model_deserialize(&loaded, checkpoint.bytes, checkpoint.size, NULL));
    check_fields("without a host", loaded, &stored, &nothing);
    normnet_model_destroy(loaded);
    normnet_model_destroy(model);
    file_free(&checkpoint);
}

/* ---- The golden checkpoint --------------------------------------------------------------------------- */

static const char golden_note[] = "gr\xc3\xbc\xc3\x9f \"dich\"\n";

static int make_golden(const char *path)
{
    const normnet_config config = golden_config();
    const normnet_save_options options = {.struct_size = sizeof options, .note = golden_note};
    normnet_model *model = CHECK_CREATE(&config);

    train(model, 3);
    CHECK_OK(normnet_model_save(model, path, &options));
    normnet_model_destroy(model);
    return check_state()->failures != 0;
}

static struct file read_golden(void)
{
    unsigned char bytes[8192];
    struct file self = {NULL, 0, 0};
    FILE *stream = fopen(GOLDEN, "rb");

    if (stream == NULL) {
        CHECK_FAIL("%s is not there", GOLDEN);
        return self;
    }
    file_put(&self, bytes, (int64_t)fread(bytes, 1, sizeof bytes, stream));
    fclose(stream);
    return self;
}

/* The first value of each tensor, as the file was written with them. */
static void values_are_the_golden_ones(const struct file *checkpoint)
{
    static const struct {
        const char *tensor;
        uint32_t bits;
    } values[] = {
        {"0.weight", 0x3DA3E6AC},
        {"0.bias", 0x3C985E8E},
        {"1.weight", 0x3F7EF6C3},
        {"1.bias", 0x3B8F700C},
        {"1.running_mean", 0xBF121B80},
        {"1.running_var", 0x3F9856D8},
        {"1.num_batches_tracked", 0x00000003},
        {"5.weight", 0x3E250B7A},
        {"5.bias", 0x3C86388C},
        {"optim.0.weight", 0xBE54EDB3},
        {"optim.0.bias", 0xAF7CC6A2},
        {"optim.1.weight", 0x3DF9B2FB},
        {"optim.1.bias", 0xBDF9714C},
        {"optim.5.weight", 0xBDAB0BC2},
        {"optim.5.bias", 0xBDCB88FF},
    };
    for (int i = 0; i < CHECK_COUNT(values); ++i) {
        const unsigned char *data = file_data(checkpoint, values[i].tensor);
        const uint32_t bits = data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;

        if (bits != values[i].bits)
            CHECK_FAIL("%s begins with %08x, not with %08x", values[i].tensor, bits, values[i].bits);
    }
}

/* Without the library's strings: the versions, the checksum over them and the spaces after the header. */
static struct file without_versions(const struct file *from)
{
    static const char *const keys[] = {"normnet.version", "normnet.bits_version", "normnet.crc32c"};
    struct file self = file_copy(from);
    int64_t end, blanks = 0;

    for (int i = 0; i < CHECK_COUNT(keys); ++i)
        file_set_string(&self, keys[i], "");
    end = crafted_header_end(self.bytes, self.size);
    while (self.bytes[end - 1 - blanks] == ' ')
        ++blanks;
    file_splice(&self, end - blanks, blanks, "");
    return self;
}

static struct file serialized_with_note(normnet_model *model, const char *note)
{
    const normnet_save_options options = {.struct_size = sizeof options, .note = note};
    struct file self = {NULL, 0, 0};

    CHECK_OK(normnet_model_serialize(model, NULL, 0, &self.size, &options));
    self.room = self.size;
    self.bytes = check_allocate((size_t)self.room, 1);
    CHECK_OK(normnet_model_serialize(model, self.bytes, self.room, &self.size, &options));
    return self;
}

static void serializes_as_it_was(normnet_model *model, const struct file *golden)
{
    struct file again = serialized_with_note(model, normnet_model_note(model));
    struct file expected = without_versions(golden), result = without_versions(&again);

    values_are_the_golden_ones(&again);
    CHECK_EQUAL(result.size, expected.size);
    CHECK(result.size == expected.size && memcmp(result.bytes, expected.bytes, (size_t)result.size) == 0);
    file_free(&again);
    file_free(&expected);
    file_free(&result);
}

static void the_golden_checkpoint(const void *argument)
{
    const normnet_config stored = golden_config(), nothing = defaults();
    struct file golden = read_golden();
    normnet_model *model = NULL;

    (void)argument;
    if (CHECK_OK(normnet_model_load(&model, GOLDEN, NULL))) {
        check_fields("the golden checkpoint", model, &stored, &nothing);
        CHECK_TEXT(normnet_model_note(model), golden_note);
        CHECK_EQUAL(normnet_steps_taken(model), 3);
        serializes_as_it_was(model, &golden);
        train(model, 1);
    }
    normnet_model_destroy(model);
    file_free(&golden);
}

int main(int argc, char **argv)
{
    static const int32_t second = 1;

    if (argc == 3 && strcmp(argv[1], "--make") == 0)
        return make_golden(argv[2]);
    if (!check_begin(argc, argv))
        return check_end();
    check_case("settings: the tests change every field", away_from_their_defaults, NULL);
    check_case("settings: every field comes back, one-cycle and Nesterov", every_field_comes_back, NULL);
    check_case("settings: every field comes back, dampening and a reduce", every_field_comes_back, &second);
    check_case("settings: the golden checkpoint", the_golden_checkpoint, NULL);
    return check_end();
}
