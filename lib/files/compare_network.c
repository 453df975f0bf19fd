/* SPDX-License-Identifier: MIT */
#include "files/compare_network.h"

#include "base/message.h"
#include "files/config_fields.h"
#include "model/config.h"

#include <string.h>

/* The configuration of the file's network, for the model's images. */
static normnet_status read_network_config(const struct safetensors *file, const normnet_model *model,
                                          normnet_config *config)
{
    const char *architecture = normnet__find_metadata(file, "normnet.architecture");
    normnet_config merged = model->config;
    const normnet_status status = normnet__read_fields(file, NORMNET__NETWORK_FIELDS, false, &merged);

    if (status != NORMNET_OK)
        return status;
    merged.channels = model->config.channels;
    merged.height = model->config.height;
    merged.width = model->config.width;
    if (architecture != NULL)
        merged.architecture = architecture;
    return normnet__read_config(config, &merged, NULL);
}

static void alloc_network(struct arena *arena, const char *architecture, int32_t layer_count, struct network *network,
                          char **tokens)
{
    network->layers = normnet__arena_alloc(arena, layer_count, sizeof *network->layers);
    *tokens = normnet__arena_alloc(arena, (int64_t)strlen(architecture) + 1, 1);
}

static const char *word(const struct network *network, int32_t layer)
{
    return layer < network->layer_count ? network->layers[layer].token : "missing";
}

/* The class of PyTorch, if the words are the same: `norm` may mean one in the file and another in the model. */
static const char *class_of(const struct network *network, int32_t layer, const struct network *other)
{
    return strcmp(word(network, layer), word(other, layer)) == 0 ? network->layers[layer].module : "";
}

static normnet_status compare_networks(const struct network *theirs, const normnet_config *config,
                                       const normnet_model *model)
{
    const struct network *ours = &model->network;
    const int32_t layer = normnet__first_difference(theirs, ours);
    const char *as;

    if (layer < 0)
        return NORMNET_OK;
    as = *class_of(ours, layer, theirs) != '\0' ? " as " : "";
    return normnet__fail(NORMNET_EMISMATCH,
                         "layer %d is %.64s%s%s in the file and %.64s%s%s in the model; the file's network is "
                         "'%.250s' with norm %d, groups %d, layer_dims %d, and the model's '%.250s' with norm %d, "
                         "groups %d, layer_dims %d",
                         layer, word(theirs, layer), as, class_of(theirs, layer, ours), word(ours, layer), as,
                         class_of(ours, layer, theirs), config->architecture, config->norm, config->groups,
                         config->layer_dims, model->config.architecture, model->config.norm, model->config.groups,
                         model->config.layer_dims);
}

normnet_status normnet__compare_network(const struct safetensors *file, const normnet_model *model)
{
    normnet_config config;
    struct network network;
    struct arena arena = {0};
    int32_t layer_count;
    char *tokens;
    void *block;
    normnet_status status = read_network_config(file, model, &config);

    if (status == NORMNET_OK)
        status = normnet__count_tokens(config.architecture, &layer_count);
    if (status != NORMNET_OK)
        return status;
    alloc_network(&arena, config.architecture, layer_count, &network, &tokens);
    status = normnet__allocate(&model->allocator, arena.used, &block);
    if (status != NORMNET_OK)
        return status;
    arena = (struct arena){.memory = block};
    alloc_network(&arena, config.architecture, layer_count, &network, &tokens);
    if (normnet__read_architecture(&network, &config, NORMNET__MAX_LANES, tokens) == NORMNET_OK)
        status = compare_networks(&network, &config, model);
    else
        status = normnet__fail(NORMNET_EMISMATCH,
                               "the file's architecture '%.250s' is not valid for the images of the model, whose "
                               "architecture is '%.250s'",
                               config.architecture, model->config.architecture);
    normnet__deallocate(&model->allocator, block, arena.used);
    return status;
}
