/* SPDX-License-Identifier: MIT */
/* Writing protocol buffers: fields of numbers, texts and messages, each after its number and kind. */
#ifndef NORMNET_IO_PROTOBUF_H
#define NORMNET_IO_PROTOBUF_H

#include "io/output.h"

void normnet__put_integer_field(struct output *output, int32_t field, int64_t value);
void normnet__put_float_field(struct output *output, int32_t field, float value);
void normnet__put_text_field(struct output *output, int32_t field, const char *text);

/* A message, or bytes: what is put between begin and end. Begin returns what end needs. */
int64_t normnet__begin_message(struct output *output, int32_t field);
void normnet__end_message(struct output *output, int64_t begin);

#endif
