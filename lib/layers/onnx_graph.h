/* SPDX-License-Identifier: MIT */
/*
 * The ONNX nodes of one layer, as data: a layer type describes itself with these functions, files/onnx.c writes the
 * result. Each node reads the output of the node before it, the first the layer's input, followed by further inputs.
 * Layers are made of old operations, in an order that no runtime takes for something else (test_onnx_runtimes).
 *
 * Values and constants are named by their role; in the file the name is "<index of the layer>.<role>", and so the roles
 * "weight", "bias", "running_mean" and "running_var" are the layer's entries of the state_dict.
 */
#ifndef NORMNET_LAYERS_ONNX_GRAPH_H
#define NORMNET_LAYERS_ONNX_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

enum { NORMNET__MAX_ONNX_NODES = 8, NORMNET__MAX_ONNX_ITEMS = 5 };

enum onnx_attribute_type { NORMNET__ONNX_FLOAT, NORMNET__ONNX_INTEGER, NORMNET__ONNX_INTEGERS };

struct onnx_attribute {
    const char *name;
    enum onnx_attribute_type type;
    float number;
    int64_t integers[4];
    int32_t count;
};

struct onnx_node {
    const char *operation; /* of opset 17 */
    const char *output;    /* role */
    const char *from;      /* role of the value that it reads instead of the output of the node before it, or NULL */
    const char *inputs[NORMNET__MAX_ONNX_ITEMS]; /* roles of further inputs */
    int32_t input_count;
    struct onnx_attribute attributes[NORMNET__MAX_ONNX_ITEMS];
    int32_t attribute_count;
};

/* A vector that is no entry of the state_dict: `count` integers, or a float repeated `count` times. */
struct onnx_constant {
    const char *role;
    bool is_float;
    float value;
    int64_t integers[4];
    int64_t count;
};

struct onnx_graph {
    struct onnx_node nodes[NORMNET__MAX_ONNX_NODES];
    struct onnx_constant constants[NORMNET__MAX_ONNX_ITEMS];
    int32_t node_count, constant_count;
    int64_t affine_shape[3]; /* weight and bias are written in this shape; 0, ... = in that of the state_dict */
};

/* Begins a node; what follows adds to it. `output` is the role of its output. */
void normnet__onnx_node(struct onnx_graph *graph, const char *operation, const char *output);
/* Makes the node read the value `role` instead of the output of the node before it. */
void normnet__onnx_from(struct onnx_graph *graph, const char *role);

void normnet__onnx_input(struct onnx_graph *graph, const char *role);
void normnet__onnx_float(struct onnx_graph *graph, const char *name, float number);
void normnet__onnx_integer(struct onnx_graph *graph, const char *name, int64_t number);
void normnet__onnx_integers(struct onnx_graph *graph, const char *name, int32_t count, const int64_t *numbers);

/* `count` times the same, at most 4. */
void normnet__onnx_repeated(struct onnx_graph *graph, const char *name, int32_t count, int64_t number);

void normnet__onnx_float_constant(struct onnx_graph *graph, const char *role, int64_t count, float value);
void normnet__onnx_integer_constant(struct onnx_graph *graph, const char *role, int32_t count, const int64_t *numbers);

#endif
