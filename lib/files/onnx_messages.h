/* SPDX-License-Identifier: MIT */
/* The messages of which an ONNX graph consists: nodes, tensors, inputs and outputs. */
#ifndef NORMNET_FILES_ONNX_MESSAGES_H
#define NORMNET_FILES_ONNX_MESSAGES_H

#include "io/output.h"
#include "layers/onnx_graph.h"

enum { NORMNET__ONNX_NAME = 48 }; /* bytes; "2047.running_mean" and "2047.normalized" are among the longest */

/* Writes the fields of a graph. */
struct onnx_writer {
    struct output *output;
    char value[NORMNET__ONNX_NAME]; /* the name of the current value, which the next node reads */
    int64_t node;                   /* the message of the node that is being written */
};

/* A node with the current value as its first input; further inputs "<index>.<role>" and attributes follow. */
void normnet__begin_onnx_node(struct onnx_writer *writer, const char *operation);
void normnet__put_onnx_input(struct onnx_writer *writer, int32_t index, const char *role);
void normnet__put_onnx_attribute(struct onnx_writer *writer, const struct onnx_attribute *attribute);

/* Ends the node. Its output, `name` or "<index>.<role>", becomes the current value. */
void normnet__end_onnx_node(struct onnx_writer *writer, const char *name);
void normnet__end_onnx_layer_node(struct onnx_writer *writer, int32_t index, const char *role);

/* Constant tensors "<index>.<role>". */
void normnet__put_onnx_floats(struct onnx_writer *writer, int32_t index, const char *role, int32_t rank,
                              const int64_t *shape, const float *values, int64_t count);
void normnet__put_onnx_constant(struct onnx_writer *writer, int32_t index, const struct onnx_constant *constant);

/* An input or output of the graph (`field`): floats of the shape N x shape[0] x ..., where N is any number. */
void normnet__put_onnx_value(struct onnx_writer *writer, int32_t field, const char *name, int32_t rank,
                             const int64_t *shape);

#endif
