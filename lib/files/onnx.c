/* SPDX-License-Identifier: MIT */
/*
 * A model as an ONNX graph, for inference elsewhere: opset 17, of IR version 8. Numbers of fields and values of enums
 * are those of onnx.proto.
 * A layer is described as nodes by its type (layers/onnx_graph.h).
 */
#include "base/message.h"
#include "files/model_files.h"
#include "io/file.h"
#include "io/protobuf.h"
#include "layers/layer_type.h"
#include "model/version.h"

#include <stdio.h>
#include <string.h>

enum { IR_VERSION = 8, OPSET = 17 };

enum { MODEL_IR_VERSION = 1, MODEL_PRODUCER = 2, MODEL_PRODUCER_VERSION = 3, MODEL_GRAPH = 7, MODEL_OPSET = 8 };
enum { OPSET_DOMAIN = 1, OPSET_VERSION = 2 };
enum { GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };
enum { NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_OPERATOR = 4, NODE_ATTRIBUTE = 5 };
enum { ATTRIBUTE_NAME = 1, ATTRIBUTE_FLOAT = 2, ATTRIBUTE_INTEGER = 3, ATTRIBUTE_INTEGERS = 8, ATTRIBUTE_TYPE = 20 };
enum { TYPE_FLOAT = 1, TYPE_INTEGER = 2, TYPE_INTEGERS = 7 };
enum { TENSOR_DIMENSION = 1, TENSOR_TYPE = 2, TENSOR_NAME = 8, TENSOR_RAW_DATA = 9 };
enum { DATA_FLOAT = 1, DATA_INT64 = 7 };
enum { VALUE_NAME = 1, VALUE_TYPE = 2, TYPE_TENSOR = 1, TENSOR_ELEMENT = 1, TENSOR_SHAPE = 2 };
enum { SHAPE_DIMENSION = 1, DIMENSION_VALUE = 1, DIMENSION_PARAMETER = 2 };

/* "2047.running_mean" and "2047.normalized" are among the longest. */
enum { NAME_BYTES = 48 };

/* The graph so far: the value that the next node reads. */
struct graph {
    struct output *output;
    const normnet_model *model;
    char value[NAME_BYTES];
    int64_t node; /* the message of the node that is being written */
};

/* ---- Nodes --------------------------------------------------------------------------------------- */

/* A node that reads the current value. Its further inputs and attributes follow, then end_node. */
static void begin_node(struct graph *graph, const char *operation)
{
    graph->node = normnet__begin_message(graph->output, GRAPH_NODE);
    normnet__put_text_field(graph->output, NODE_OPERATOR, operation);
    normnet__put_text_field(graph->output, NODE_INPUT, graph->value);
}

/* Another input: "<index>.<role>". */
static void put_input(struct graph *graph, int32_t index, const char *role)
{
    char name[NAME_BYTES];

    snprintf(name, sizeof name, "%d.%s", index, role);
    normnet__put_text_field(graph->output, NODE_INPUT, name);
}

/* The node's output, which becomes the current value. */
static void end_node(struct graph *graph, const char *name)
{
    snprintf(graph->value, sizeof graph->value, "%s", name);
    normnet__put_text_field(graph->output, NODE_OUTPUT, graph->value);
    normnet__put_text_field(graph->output, NODE_NAME, graph->value);
    normnet__end_message(graph->output, graph->node);
}

/* The same with an output "<index>.<role>". */
static void end_layer_node(struct graph *graph, int32_t index, const char *role)
{
    char name[NAME_BYTES];

    snprintf(name, sizeof name, "%d.%s", index, role);
    end_node(graph, name);
}

static void put_attribute(struct graph *graph, const struct onnx_attribute *attribute)
{
    static const int32_t types[] = {
        [NORMNET__ONNX_FLOAT] = TYPE_FLOAT,
        [NORMNET__ONNX_INTEGER] = TYPE_INTEGER,
        [NORMNET__ONNX_INTEGERS] = TYPE_INTEGERS,
    };
    const int64_t message = normnet__begin_message(graph->output, NODE_ATTRIBUTE);

    normnet__put_text_field(graph->output, ATTRIBUTE_NAME, attribute->name);
    normnet__put_integer_field(graph->output, ATTRIBUTE_TYPE, types[attribute->type]);
    switch (attribute->type) {
    case NORMNET__ONNX_FLOAT:
        normnet__put_float_field(graph->output, ATTRIBUTE_FLOAT, attribute->number);
        break;
    case NORMNET__ONNX_INTEGER:
        normnet__put_integer_field(graph->output, ATTRIBUTE_INTEGER, attribute->integers[0]);
        break;
    case NORMNET__ONNX_INTEGERS:
        for (int32_t i = 0; i < attribute->count; ++i)
            normnet__put_integer_field(graph->output, ATTRIBUTE_INTEGERS, attribute->integers[i]);
        break;
    }
    normnet__end_message(graph->output, message);
}

/* ---- Initializers -------------------------------------------------------------------------------- */

struct tensor_messages {
    int64_t tensor, data;
};

/* Begins the tensor "<index>.<role>"; its elements follow, little-endian, then end_tensor. */
static struct tensor_messages begin_tensor(struct graph *graph, int32_t index, const char *role, int32_t type,
                                           int32_t rank, const int64_t *shape)
{
    struct tensor_messages messages = {normnet__begin_message(graph->output, GRAPH_INITIALIZER), 0};
    char name[NAME_BYTES];

    snprintf(name, sizeof name, "%d.%s", index, role);
    normnet__put_text_field(graph->output, TENSOR_NAME, name);
    normnet__put_integer_field(graph->output, TENSOR_TYPE, type);
    for (int32_t i = 0; i < rank; ++i)
        normnet__put_integer_field(graph->output, TENSOR_DIMENSION, shape[i]);
    messages.data = normnet__begin_message(graph->output, TENSOR_RAW_DATA);
    return messages;
}

static void end_tensor(struct graph *graph, struct tensor_messages messages)
{
    normnet__end_message(graph->output, messages.data);
    normnet__end_message(graph->output, messages.tensor);
}

static void put_floats(struct graph *graph, int32_t index, const char *role, int32_t rank, const int64_t *shape,
                       const float *values, int64_t count)
{
    const struct tensor_messages messages = begin_tensor(graph, index, role, DATA_FLOAT, rank, shape);

    normnet__put_floats(graph->output, values, count);
    end_tensor(graph, messages);
}

static void put_constant(struct graph *graph, int32_t index, const struct onnx_constant *constant)
{
    const struct tensor_messages messages =
        begin_tensor(graph, index, constant->role, constant->is_float ? DATA_FLOAT : DATA_INT64, 1, &constant->count);

    for (int64_t i = 0; i < constant->count; ++i)
        if (constant->is_float)
            normnet__put_float(graph->output, constant->value);
        else
            normnet__put_little(graph->output, (uint64_t)constant->integers[i], 8);
    end_tensor(graph, messages);
}

/* A weight or statistic under its own name. */
static void put_entry(struct graph *graph, const struct entry *entry, bool broadcast)
{
    const int64_t shape[3] = {entry->count, 1, 1};
    const char *role = strchr(entry->name, '.') + 1;

    if (entry->values != NULL)
        put_floats(graph, entry->layer, role, broadcast ? 3 : entry->rank, broadcast ? shape : entry->shape,
                   entry->values, entry->count);
}

/* ---- Layers -------------------------------------------------------------------------------------- */

static struct onnx_graph describe(const struct layer *layer)
{
    struct onnx_graph described = {.node_count = 0};

    layer->type->to_onnx(layer, &described);
    return described;
}

static void put_entries(struct graph *graph)
{
    const struct state *state = &graph->model->state;

    for (int32_t i = 0; i < state->entry_count; ++i) {
        const struct onnx_graph described = describe(&graph->model->network.layers[state->entries[i].layer]);

        put_entry(graph, &state->entries[i], described.broadcast);
    }
}

static void put_layer(struct graph *graph, const struct layer *layer)
{
    const struct onnx_graph described = describe(layer);
    char input[NAME_BYTES];

    strcpy(input, graph->value);
    for (int32_t i = 0; i < described.constant_count; ++i)
        put_constant(graph, layer->index, &described.constants[i]);
    for (int32_t i = 0; i < described.node_count; ++i) {
        const struct onnx_node *node = &described.nodes[i];

        if (node->restart)
            strcpy(graph->value, input);
        begin_node(graph, node->operation);
        for (int32_t j = 0; j < node->input_count; ++j)
            put_input(graph, layer->index, node->inputs[j]);
        for (int32_t j = 0; j < node->attribute_count; ++j)
            put_attribute(graph, &node->attributes[j]);
        end_layer_node(graph, layer->index, node->output);
    }
}

/* ---- The model ----------------------------------------------------------------------------------- */

/* A value of floats: N, which is any number, and the dimensions after it. */
static void put_value(struct graph *graph, int32_t field, const char *name, int32_t rank, const int64_t *shape)
{
    struct output *output = graph->output;
    const int64_t value = normnet__begin_message(output, field);
    int64_t type, tensor, dimensions;

    normnet__put_text_field(output, VALUE_NAME, name);
    type = normnet__begin_message(output, VALUE_TYPE);
    tensor = normnet__begin_message(output, TYPE_TENSOR);
    normnet__put_integer_field(output, TENSOR_ELEMENT, DATA_FLOAT);
    dimensions = normnet__begin_message(output, TENSOR_SHAPE);
    for (int32_t i = -1; i < rank; ++i) {
        const int64_t dimension = normnet__begin_message(output, SHAPE_DIMENSION);

        if (i < 0)
            normnet__put_text_field(output, DIMENSION_PARAMETER, "N");
        else
            normnet__put_integer_field(output, DIMENSION_VALUE, shape[i]);
        normnet__end_message(output, dimension);
    }
    normnet__end_message(output, dimensions);
    normnet__end_message(output, tensor);
    normnet__end_message(output, type);
    normnet__end_message(output, value);
}

/* (x - mean) / std, as the images are packed. Named like the outputs of a layer -1. */
static void put_scaling(struct graph *graph)
{
    const normnet_model *model = graph->model;
    const int64_t channels = model->config.channels, shape[3] = {channels, 1, 1};

    put_floats(graph, -1, "mean", 3, shape, model->mean, channels);
    put_floats(graph, -1, "std", 3, shape, model->std, channels);
    begin_node(graph, "Sub");
    put_input(graph, -1, "mean");
    end_layer_node(graph, -1, "centered");
    begin_node(graph, "Div");
    put_input(graph, -1, "std");
    end_layer_node(graph, -1, "output");
}

static void put_graph(struct graph *graph)
{
    const normnet_model *model = graph->model;
    const struct network *network = &model->network;
    const int64_t image[3] = {network->input.channels, network->input.height, network->input.width};
    const int64_t classes = network->classes;

    normnet__put_text_field(graph->output, GRAPH_NAME, "normnet");
    put_value(graph, GRAPH_INPUT, "images", 3, image);
    put_value(graph, GRAPH_OUTPUT, "logits", 1, &classes);
    put_entries(graph);
    snprintf(graph->value, sizeof graph->value, "images");
    put_scaling(graph);
    for (int32_t i = 0; i < network->layer_count; ++i)
        put_layer(graph, &network->layers[i]);
    begin_node(graph, "Flatten");
    end_node(graph, "logits");
}

static void put_model(struct output *output, const void *context)
{
    struct graph graph = {.output = output, .model = context};
    int64_t message;

    normnet__put_integer_field(output, MODEL_IR_VERSION, IR_VERSION);
    normnet__put_text_field(output, MODEL_PRODUCER, "normnet");
    normnet__put_text_field(output, MODEL_PRODUCER_VERSION, NORMNET__VERSION);
    message = normnet__begin_message(output, MODEL_OPSET);
    normnet__put_text_field(output, OPSET_DOMAIN, "");
    normnet__put_integer_field(output, OPSET_VERSION, OPSET);
    normnet__end_message(output, message);
    message = normnet__begin_message(output, MODEL_GRAPH);
    put_graph(&graph);
    normnet__end_message(output, message);
}

normnet_status normnet__export_onnx(const normnet_model *model, const char *path)
{
    struct output output = {NULL, 0};

    put_model(&output, model);
    if (output.length > INT32_MAX)
        return normnet__fail(NORMNET_ELIMIT, "the ONNX model has %lld bytes; a protocol buffer holds 2^31 - 1",
                             (long long)output.length);
    return normnet__write_file(path, put_model, model, &model->allocator);
}
