/* SPDX-License-Identifier: MIT */
#include "layers/onnx_graph.h"

#include <assert.h>
#include <string.h>

void normnet__onnx_node(struct onnx_graph *graph, const char *operation, const char *output)
{
    assert(graph->node_count < NORMNET__MAX_ONNX_NODES);
    graph->nodes[graph->node_count++] = (struct onnx_node){.operation = operation, .output = output};
}

static struct onnx_node *last_node(struct onnx_graph *graph)
{
    assert(graph->node_count > 0);
    return &graph->nodes[graph->node_count - 1];
}

void normnet__onnx_from(struct onnx_graph *graph, const char *role)
{
    last_node(graph)->from = role;
}

void normnet__onnx_input(struct onnx_graph *graph, const char *role)
{
    struct onnx_node *node = last_node(graph);

    assert(node->input_count < NORMNET__MAX_ONNX_ITEMS);
    node->inputs[node->input_count++] = role;
}

static struct onnx_attribute *add_attribute(struct onnx_graph *graph, const char *name, enum onnx_attribute_type type)
{
    struct onnx_node *node = last_node(graph);
    struct onnx_attribute *attribute = &node->attributes[node->attribute_count++];

    assert(node->attribute_count <= NORMNET__MAX_ONNX_ITEMS);
    *attribute = (struct onnx_attribute){.name = name, .type = type, .count = 1};
    return attribute;
}

void normnet__onnx_float(struct onnx_graph *graph, const char *name, float number)
{
    add_attribute(graph, name, NORMNET__ONNX_FLOAT)->number = number;
}

void normnet__onnx_integer(struct onnx_graph *graph, const char *name, int64_t number)
{
    add_attribute(graph, name, NORMNET__ONNX_INTEGER)->integers[0] = number;
}

void normnet__onnx_integers(struct onnx_graph *graph, const char *name, int32_t count, const int64_t *numbers)
{
    struct onnx_attribute *attribute = add_attribute(graph, name, NORMNET__ONNX_INTEGERS);

    assert(count <= 4);
    attribute->count = count;
    memcpy(attribute->integers, numbers, (size_t)count * sizeof *numbers);
}

void normnet__onnx_repeated(struct onnx_graph *graph, const char *name, int32_t count, int64_t number)
{
    const int64_t numbers[4] = {number, number, number, number};

    normnet__onnx_integers(graph, name, count, numbers);
}

static struct onnx_constant *add_constant(struct onnx_graph *graph, const char *role, int64_t count)
{
    struct onnx_constant *constant = &graph->constants[graph->constant_count++];

    assert(graph->constant_count <= NORMNET__MAX_ONNX_ITEMS);
    *constant = (struct onnx_constant){.role = role, .count = count};
    return constant;
}

void normnet__onnx_float_constant(struct onnx_graph *graph, const char *role, int64_t count, float value)
{
    struct onnx_constant *constant = add_constant(graph, role, count);

    constant->is_float = true;
    constant->value = value;
}

void normnet__onnx_integer_constant(struct onnx_graph *graph, const char *role, int32_t count, const int64_t *numbers)
{
    assert(count <= 4);
    memcpy(add_constant(graph, role, count)->integers, numbers, (size_t)count * sizeof *numbers);
}
