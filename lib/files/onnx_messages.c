/* SPDX-License-Identifier: MIT */
#include "files/onnx_messages.h"

#include "io/protobuf.h"

#include <stdio.h>

/* Numbers of fields and values of enums, from onnx.proto. */
enum { GRAPH_NODE = 1, GRAPH_INITIALIZER = 5 };
enum { NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_OPERATOR = 4, NODE_ATTRIBUTE = 5 };
enum { ATTRIBUTE_NAME = 1, ATTRIBUTE_FLOAT = 2, ATTRIBUTE_INTEGER = 3, ATTRIBUTE_INTEGERS = 8, ATTRIBUTE_TYPE = 20 };
enum { TYPE_FLOAT = 1, TYPE_INTEGER = 2, TYPE_INTEGERS = 7 };
enum { TENSOR_DIMENSION = 1, TENSOR_TYPE = 2, TENSOR_NAME = 8, TENSOR_RAW_DATA = 9 };
enum { DATA_FLOAT = 1, DATA_INT64 = 7 };
enum { VALUE_NAME = 1, VALUE_TYPE = 2, TYPE_TENSOR = 1, TENSOR_ELEMENT = 1, TENSOR_SHAPE = 2 };
enum { SHAPE_DIMENSION = 1, DIMENSION_VALUE = 1, DIMENSION_PARAMETER = 2 };

/* ---- Nodes --------------------------------------------------------------------------------------- */

void normnet__begin_onnx_node(struct onnx_writer *writer, const char *operation)
{
    writer->node = normnet__begin_message(writer->output, GRAPH_NODE);
    normnet__put_text_field(writer->output, NODE_OPERATOR, operation);
    normnet__put_text_field(writer->output, NODE_INPUT, writer->value);
}

void normnet__put_onnx_input(struct onnx_writer *writer, int32_t index, const char *role)
{
    char name[NORMNET__ONNX_NAME];

    snprintf(name, sizeof name, "%d.%s", index, role);
    normnet__put_text_field(writer->output, NODE_INPUT, name);
}

void normnet__end_onnx_node(struct onnx_writer *writer, const char *name)
{
    snprintf(writer->value, sizeof writer->value, "%s", name);
    normnet__put_text_field(writer->output, NODE_OUTPUT, writer->value);
    normnet__put_text_field(writer->output, NODE_NAME, writer->value);
    normnet__end_message(writer->output, writer->node);
}

void normnet__end_onnx_layer_node(struct onnx_writer *writer, int32_t index, const char *role)
{
    char name[NORMNET__ONNX_NAME];

    snprintf(name, sizeof name, "%d.%s", index, role);
    normnet__end_onnx_node(writer, name);
}

void normnet__put_onnx_attribute(struct onnx_writer *writer, const struct onnx_attribute *attribute)
{
    static const int32_t types[] = {
        [NORMNET__ONNX_FLOAT] = TYPE_FLOAT,
        [NORMNET__ONNX_INTEGER] = TYPE_INTEGER,
        [NORMNET__ONNX_INTEGERS] = TYPE_INTEGERS,
    };
    const int64_t message = normnet__begin_message(writer->output, NODE_ATTRIBUTE);

    normnet__put_text_field(writer->output, ATTRIBUTE_NAME, attribute->name);
    normnet__put_integer_field(writer->output, ATTRIBUTE_TYPE, types[attribute->type]);
    switch (attribute->type) {
    case NORMNET__ONNX_FLOAT:
        normnet__put_float_field(writer->output, ATTRIBUTE_FLOAT, attribute->number);
        break;
    case NORMNET__ONNX_INTEGER:
        normnet__put_integer_field(writer->output, ATTRIBUTE_INTEGER, attribute->integers[0]);
        break;
    case NORMNET__ONNX_INTEGERS:
        for (int32_t i = 0; i < attribute->count; ++i)
            normnet__put_integer_field(writer->output, ATTRIBUTE_INTEGERS, attribute->integers[i]);
        break;
    }
    normnet__end_message(writer->output, message);
}

/* ---- Tensors -------------------------------------------------------------------------------- */

struct tensor_messages {
    int64_t tensor, data;
};

/* Begins the tensor "<index>.<role>". Its elements follow, little-endian; then end_tensor. */
static struct tensor_messages begin_tensor(struct onnx_writer *writer, int32_t index, const char *role, int32_t type,
                                           int32_t rank, const int64_t *shape)
{
    struct tensor_messages messages = {normnet__begin_message(writer->output, GRAPH_INITIALIZER), 0};
    char name[NORMNET__ONNX_NAME];

    snprintf(name, sizeof name, "%d.%s", index, role);
    normnet__put_text_field(writer->output, TENSOR_NAME, name);
    normnet__put_integer_field(writer->output, TENSOR_TYPE, type);
    for (int32_t i = 0; i < rank; ++i)
        normnet__put_integer_field(writer->output, TENSOR_DIMENSION, shape[i]);
    messages.data = normnet__begin_message(writer->output, TENSOR_RAW_DATA);
    return messages;
}

static void end_tensor(struct onnx_writer *writer, struct tensor_messages messages)
{
    normnet__end_message(writer->output, messages.data);
    normnet__end_message(writer->output, messages.tensor);
}

void normnet__put_onnx_floats(struct onnx_writer *writer, int32_t index, const char *role, int32_t rank,
                              const int64_t *shape, const float *values, int64_t count)
{
    const struct tensor_messages messages = begin_tensor(writer, index, role, DATA_FLOAT, rank, shape);

    normnet__put_floats(writer->output, values, count);
    end_tensor(writer, messages);
}

void normnet__put_onnx_constant(struct onnx_writer *writer, int32_t index, const struct onnx_constant *constant)
{
    const struct tensor_messages messages =
        begin_tensor(writer, index, constant->role, constant->is_float ? DATA_FLOAT : DATA_INT64, 1, &constant->count);

    for (int64_t i = 0; i < constant->count; ++i)
        if (constant->is_float)
            normnet__put_float(writer->output, constant->value);
        else
            normnet__put_little(writer->output, (uint64_t)constant->integers[i], 8);
    end_tensor(writer, messages);
}

/* ---- Inputs and outputs of the graph --------------------------------------------------------------- */

void normnet__put_onnx_value(struct onnx_writer *writer, int32_t field, const char *name, int32_t rank,
                             const int64_t *shape)
{
    struct output *output = writer->output;
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
