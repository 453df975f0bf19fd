/* SPDX-License-Identifier: MIT */
/* The reader of files: names of other programs' weights, with prefixes and beside other tensors. */
#include "written_weights.h"

static void common_prefix(const void *argument)
{
    const char *const *prefix = argument;
    struct reading *self = reading_open();
    struct writing how = plain;

    how.prefix = *prefix;
    read_file(self, &how, NORMNET_OK, "", "");
    expect_floats(self, 1.0f);
    CHECK_EQUAL(count_of(self), 7);
    /* A message has the name as it is in the file. */
    CHECK_OK(normnet_deserialize_weights(self->model, self->checkpoint.bytes, self->checkpoint.size));
    how.value = 0x7F800000;
    {
        char name[128];

        snprintf(name, sizeof name, "'%s0.weight' is inf", *prefix);
        read_file(self, &how, NORMNET_EVALUE, name, "");
    }
    reading_close(self);
}

/* What is not before all names, or does not end in a point, is no prefix. */
static void other_prefixes(const void *argument)
{
    static const struct {
        const char *find, *replacement, *words[2];
    } edits[] = {
        {"\"module.4.weight\"", "\"4.weight\"", {"no tensor '0.weight'", "'module.0.weight' of 2x1x3x3"}},
        {"\"module.4.weight\"", "\"model.4.weight\"", {"no tensor '0.weight'", "'module.0.weight' of 2x1x3x3"}},
        {"\"module.4.weight\"", "\"modul.4.weight\"", {"no tensor '0.weight'", "'module.0.weight'"}},
        {"\"module.4.weight\"", "\"module.\"", {"no tensor '4.weight'", "'module.' of 2x2x1x1"}},
        {"\"module.4.weight\"", "\"module.4.4.weight\"", {"no tensor '4.weight'", "'module.4.4.weight' of 2x2x1x1"}},
        {"\"module.0.weight\"", "\"module0.weight\"", {"no tensor '0.weight'", "'module0.weight' of 2x1x3x3"}},
        {"\"module.0.weight\"", "\"n_averaged\"", {"no tensor '0.weight'", "'n_averaged' of 2x1x3x3"}},
    };
    struct reading *self = reading_open();

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(edits); ++i) {
        const char *const words[] = {edits[i].words[0], edits[i].words[1], NULL};
        struct writing how = plain;
        struct file whole;
        struct outcome result = {NORMNET_OK, NORMNET_OK, "", ""};

        how.prefix = "module.";
        whole = written(&how);
        file_replace(&whole, edits[i].find, edits[i].replacement);
        offer_to_fill(self, whole.bytes, whole.size, &result);
        expect(edits[i].replacement, result.filled, result.filled_message, NORMNET_EMISMATCH, words);
        file_free(&whole);
    }
    reading_close(self);
}

/* What stands beside a network whose names have a prefix. */
struct beside_case {
    const char *prefix, *beside, *words[2];
};

static const struct beside_case beside_cases[] = {
    {"module.", "n_averaged", {"", ""}},
    {"ema.module.", "ema.n_averaged", {"", ""}},
    {"module._orig_mod.", "n_averaged", {"'module._orig_mod.0.weight' and so on", "such as 'n_averaged'"}},
    {"model.",
     "n_averaged",
     {"'model.0.weight' and so on", "such as 'n_averaged'; save those whose names begin with 'model.' alone"}},
    {"module.", "x.n_averaged", {"'module.0.weight' and so on", "such as 'x.n_averaged'"}},
    {"model.",
     "criterion.weight",
     {"'model.0.weight' and so on", "'criterion.weight'; save those whose names begin with 'model.'"}},
    {"net.", "a.b.val_acc.tp net.9.weight", {"'net.0.weight' and so on are the model's", "such as 'a.b.val_acc.tp'"}},
    {"model.",
     "ema.0.weight ema.2.weight ema.2.bias ema.2.running_mean ema.2.running_var ema.4.weight",
     {"'model.0.weight' and so on are the model's", "such as 'ema.0.weight'"}},
    {"a.model.",
     "a.loss",
     {"'a.model.0.weight' and so on", "such as 'a.loss'; save those whose names begin with 'a.model.'"}},
    {"", "module.n_averaged", {"the model has no tensor 'module.n_averaged'", ""}},
};

/* The counter of AveragedModel is left out; anything else is named, with the prefix of the network. */
static void beside_a_network(const void *argument)
{
    const struct beside_case *self = argument;
    struct reading *reading = reading_open();
    struct writing how = plain;

    how.prefix = self->prefix;
    how.beside = self->beside;
    read_file(reading, &how, *self->words[0] ? NORMNET_EMISMATCH : NORMNET_OK, self->words[0], self->words[1]);
    if (!*self->words[0])
        expect_floats(reading, 1.0f);
    reading_close(reading);
}

static void prefix_in_own_files(const void *argument)
{
    static const char *const names[] = {
        "0.weight", "2.weight", "2.bias", "2.running_mean", "2.running_var", "2.num_batches_tracked", "4.weight"};
    struct reading *self = reading_open();
    struct file changed = file_copy(&self->weights);

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(names); ++i) {
        char find[64], replacement[64];

        snprintf(find, sizeof find, "\"%s\"", names[i]);
        snprintf(replacement, sizeof replacement, "\"module.%s\"", names[i]);
        file_replace(&changed, find, replacement);
    }
    expect_signed(self, &changed, NORMNET_EMISMATCH, NORMNET_EMISMATCH, "'module.0.weight' of 2x1x3x3");
    file_free(&changed);
    reading_close(self);
}

int main(int argc, char **argv)
{
    static const char *const prefixes[] = {"module.", "_orig_mod.", "model.", "model._orig_mod.module.",
                                           "0.",      "backbone.1."};

    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(prefixes); ++i)
        check_case_named(common_prefix, &prefixes[i], "the prefix %s", prefixes[i]);
    for (int i = 0; i < CHECK_COUNT(beside_cases); ++i)
        check_case_named(beside_a_network, &beside_cases[i], "%s beside %s", beside_cases[i].beside,
                         beside_cases[i].prefix);
    check_case("what is no prefix", other_prefixes, NULL);
    check_case("a prefix in a file of the library", prefix_in_own_files, NULL);
    return check_end();
}
