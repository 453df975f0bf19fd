/* SPDX-License-Identifier: MIT */
/*
 * A model as an ONNX model for inference: opset 17, IR version 8. Each layer type describes a layer as nodes
 * (layers/onnx_graph.h). Field numbers are those of onnx.proto.
 */
#include "base/message.h"
#include "files/model_files.h"
#include "files/onnx_messages.h"
#include "io/file.h"
#include "io/protobuf.h"
#include "layers/layer_type.h"
#include "model/version.h"

#include <stdio.h>
#include <string.h>

enum { IR_VERSION = 8, OPSET = 17 };

enum { MODEL_IR_VERSION = 1, MODEL_PRODUCER = 2, MODEL_PRODUCER_VERSION = 3, MODEL_GRAPH = 7, MODEL_OPSET = 8 };
enum { OPSET_DOMAIN = 1, OPSET_VERSION = 2 };
enum { GRAPH_NAME = 2, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };

/* A weight or statistic under its name in the state_dict. ONNX has no num_batches_tracked. */
static void put_entry(struct onnx_writer *writer, const struct entry *entry, const struct onnx_graph *described)
{
    const bool reshaped = described->affine_shape[0] > 0;
    const char *role = strchr(entry->name, '.') + 1;

    if (entry->values != NULL)
        normnet__put_onnx_floats(writer, entry->layer, role, reshaped ? 3 : entry->rank,
                                 reshaped ? described->affine_shape : entry->shape, entry->values, entry->count);
}

static struct onnx_graph describe(const struct layer *layer)
{
    struct onnx_graph described = {.node_count = 0};

    layer->type->to_onnx(layer, &described);
    return described;
}

static void put_entries(struct onnx_writer *writer, const normnet_model *model)
{
    for (int32_t i = 0; i < model->state.entry_count; ++i) {
        const struct entry *entry = &model->state.entries[i];
        const struct onnx_graph described = describe(&model->network.layers[entry->layer]);

        put_entry(writer, entry, &described);
    }
}

static void put_layer(struct onnx_writer *writer, const struct layer *layer)
{
    const struct onnx_graph described = describe(layer);

    for (int32_t i = 0; i < described.constant_count; ++i)
        normnet__put_onnx_constant(writer, layer->index, &described.constants[i]);
    for (int32_t i = 0; i < described.node_count; ++i) {
        const struct onnx_node *node = &described.nodes[i];

        if (node->from != NULL)
            snprintf(writer->value, sizeof writer->value, "%d.%s", layer->index, node->from);
        normnet__begin_onnx_node(writer, node->operation);
        for (int32_t j = 0; j < node->input_count; ++j)
            normnet__put_onnx_input(writer, layer->index, node->inputs[j]);
        for (int32_t j = 0; j < node->attribute_count; ++j)
            normnet__put_onnx_attribute(writer, &node->attributes[j]);
        normnet__end_onnx_layer_node(writer, layer->index, node->output);
    }
}

/* (x - mean) / std, named like the outputs of a layer -1. */
static void put_scaling(struct onnx_writer *writer, const normnet_model *model)
{
    const int64_t channels = model->config.channels, shape[3] = {channels, 1, 1};

    normnet__put_onnx_floats(writer, -1, "mean", 3, shape, model->mean, channels);
    normnet__put_onnx_floats(writer, -1, "std", 3, shape, model->std, channels);
    normnet__begin_onnx_node(writer, "Sub");
    normnet__put_onnx_input(writer, -1, "mean");
    normnet__end_onnx_layer_node(writer, -1, "centered");
    normnet__begin_onnx_node(writer, "Div");
    normnet__put_onnx_input(writer, -1, "std");
    normnet__end_onnx_layer_node(writer, -1, "output");
}

static void put_graph(struct onnx_writer *writer, const normnet_model *model)
{
    const struct network *network = &model->network;
    const int64_t image[3] = {network->input.channels, network->input.height, network->input.width};
    const int64_t classes = network->classes;

    normnet__put_text_field(writer->output, GRAPH_NAME, "normnet");
    normnet__put_onnx_value(writer, GRAPH_INPUT, "images", 3, image);
    normnet__put_onnx_value(writer, GRAPH_OUTPUT, "logits", 1, &classes);
    put_entries(writer, model);
    snprintf(writer->value, sizeof writer->value, "images");
    put_scaling(writer, model);
    for (int32_t i = 0; i < network->layer_count; ++i)
        put_layer(writer, &network->layers[i]);
    normnet__begin_onnx_node(writer, "Flatten");
    normnet__end_onnx_node(writer, "logits");
}

static void put_onnx_model(struct output *output, const void *context)
{
    struct onnx_writer writer = {.output = output};
    int64_t message;

    normnet__put_integer_field(output, MODEL_IR_VERSION, IR_VERSION);
    normnet__put_text_field(output, MODEL_PRODUCER, "normnet");
    normnet__put_text_field(output, MODEL_PRODUCER_VERSION, NORMNET__VERSION);
    message = normnet__begin_message(output, MODEL_OPSET);
    normnet__put_text_field(output, OPSET_DOMAIN, "");
    normnet__put_integer_field(output, OPSET_VERSION, OPSET);
    normnet__end_message(output, message);
    message = normnet__begin_message(output, MODEL_GRAPH);
    put_graph(&writer, context);
    normnet__end_message(output, message);
}

normnet_status normnet__export_onnx(const normnet_model *model, const char *path)
{
    struct output output = {NULL, 0, 0};

    put_onnx_model(&output, model);
    if (output.length > INT32_MAX)
        return normnet__fail(NORMNET_ELIMIT,
                             "'%.255s': the ONNX model has %lld bytes; a protocol buffer holds 2^31 - 1", path,
                             (long long)output.length);
    return normnet__write_file(path, put_onnx_model, model, &model->allocator);
}
