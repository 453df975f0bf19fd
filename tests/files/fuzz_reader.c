/* SPDX-License-Identifier: MIT */
/*
 * A harness for libFuzzer: bytes for the two functions that read files from memory. Beyond what sanitizers see, it
 * stops where a promise is broken: a rejection that changes the model or writes *model, and a model that is made from a
 * file but not of the file that it makes.
 *
 *     fuzz_reader -max_len=8192 -len_control=0 [FOLDER FOR FINDINGS]
 *
 * There is no corpus to keep: the harness begins with files for its own model. Every second mutation enters the
 * checksum again, which nothing else would ever hit, and every second one the length of the header.
 */
#include "harness/crafted.h"

#include <normnet.h>

#include <stdio.h>
#include <stdlib.h>

enum { SEEDS = 3, MAX_SEED = 4096 };

static normnet_config config;
static normnet_model *model;

struct seed {
    unsigned char bytes[MAX_SEED];
    int64_t size;
};

/* The model as a checkpoint and as a file of weights, and weights as other programs write them. */
static struct seed seeds[SEEDS];

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned random);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *promise)
{
    if (holds)
        return;
    fprintf(stderr, "broken: %s; the last message is \"%s\"\n", promise, normnet_error_message());
    abort();
}

static void serialize(normnet_model *from, int32_t kind, struct seed *to)
{
    normnet_save_options options;

    normnet_save_options_init(&options);
    options.kind = kind;
    require(normnet_model_serialize(from, to->bytes, MAX_SEED, &to->size, &options) == NORMNET_OK, "a model is saved");
}

/* A state_dict of the model in other types, with a prefix, and all zeros. */
static void write_weights_of_others(struct seed *to)
{
    static const char header[] =
        "{\"module.0.weight\":{\"dtype\":\"F16\",\"shape\":[2,1,3,3],\"data_offsets\":[0,36]},"
        "\"module.2.weight\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[36,40]},"
        "\"module.2.bias\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[40,56]},"
        "\"module.2.running_mean\":{\"dtype\":\"F8_E4M3\",\"shape\":[2],\"data_offsets\":[56,58]},"
        "\"module.2.running_var\":{\"dtype\":\"F8_E5M2\",\"shape\":[2],\"data_offsets\":[58,60]},"
        "\"module.2.num_batches_tracked\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[60,64]},"
        "\"module.4.weight\":{\"dtype\":\"U8\",\"shape\":[2,2,1,1],\"data_offsets\":[64,68]}}";

    crafted_put_little(to->bytes, sizeof header - 1);
    memcpy(to->bytes + CRAFTED_LENGTH, header, sizeof header - 1);
    to->size = CRAFTED_LENGTH + (int64_t)sizeof header - 1 + 68;
    require(normnet_deserialize_weights(model, to->bytes, to->size) == NORMNET_OK, "weights of others are read");
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    require(normnet_config_init(&config, NORMNET_NORM_BATCH) == NORMNET_OK, "defaults");
    config.height = config.width = 6;
    config.classes = 2;
    config.max_batch = 4;
    config.memory_limit = 1 << 20;
    config.architecture = "conv3-2 relu norm gap conv1-2";
    require(normnet_model_create(&model, &config) == NORMNET_OK, "a model is created");
    write_weights_of_others(&seeds[SEEDS - 1]);
    serialize(model, NORMNET_FILE_CHECKPOINT, &seeds[NORMNET_FILE_CHECKPOINT]);
    serialize(model, NORMNET_FILE_WEIGHTS, &seeds[NORMNET_FILE_WEIGHTS]);
    return 0;
}

/* ---- Mutations --------------------------------------------------------------------------------- */

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned random)
{
    const struct seed *from = &seeds[random / 4 % SEEDS];
    uint64_t header;
    size_t changed;

    if (size < CRAFTED_LENGTH + 2 && (size_t)from->size <= most) {
        memcpy(data, from->bytes, (size_t)from->size);
        return (size_t)from->size;
    }
    if (size < CRAFTED_LENGTH)
        return LLVMFuzzerMutate(data, size, most);
    header = crafted_read_little(data);
    changed = LLVMFuzzerMutate(data, size, most);
    if (random % 2 != 0 && changed >= CRAFTED_LENGTH)
        crafted_put_little(data, header + (uint64_t)changed - (uint64_t)size);
    if (random / 2 % 2 != 0)
        (void)crafted_enter_checksum(data, (int64_t)changed);
    return changed;
}

/* ---- One file ---------------------------------------------------------------------------------- */

/* A model from a file can be saved and loaded again, to the same bytes. Larger models have larger files than a seed's.
 */
static void require_round_trip(normnet_model *created)
{
    normnet_model *again = NULL;
    unsigned char *bytes;
    int64_t size = 0, size_again = 0;

    require(normnet_model_serialize(created, NULL, 0, &size, NULL) == NORMNET_OK, "a loaded model has a size");
    bytes = malloc(2 * (size_t)size);
    require(bytes != NULL, "there is memory");
    require(normnet_model_serialize(created, bytes, size, &size, NULL) == NORMNET_OK, "a loaded model is saved");
    require(normnet_model_deserialize(&again, bytes, size, &config) == NORMNET_OK, "a loaded model is loaded again");
    require(normnet_model_serialize(again, bytes + size, size, &size_again, NULL) == NORMNET_OK, "and saved again");
    require(size_again == size && memcmp(bytes, bytes + size, (size_t)size) == 0, "to the same bytes");
    normnet_model_destroy(again);
    free(bytes);
}

static void create(const uint8_t *data, size_t size)
{
    normnet_model *const untouched = model;
    normnet_model *created = untouched;

    if (normnet_model_deserialize(&created, data, (int64_t)size, &config) == NORMNET_OK) {
        require_round_trip(created);
        normnet_model_destroy(created);
    } else {
        require(created == untouched, "a rejection leaves *model");
    }
}

static void fill(const uint8_t *data, size_t size)
{
    static struct seed after;
    const struct seed *before = &seeds[NORMNET_FILE_CHECKPOINT];
    const normnet_status status = normnet_deserialize_weights(model, data, (int64_t)size);

    serialize(model, NORMNET_FILE_CHECKPOINT, &after);
    if (status != NORMNET_OK)
        require(after.size == before->size && memcmp(after.bytes, before->bytes, (size_t)after.size) == 0,
                "a rejection leaves the model");
    else
        require(normnet_deserialize_weights(model, before->bytes, before->size) == NORMNET_OK, "the model is filled");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t nothing;

    create(size > 0 ? data : &nothing, size);
    fill(size > 0 ? data : &nothing, size);
    return 0;
}
