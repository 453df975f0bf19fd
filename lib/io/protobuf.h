/* SPDX-License-Identifier: MIT */
/* Writing protocol buffers: each field begins with its number and its wire type. */
#ifndef NORMNET_IO_PROTOBUF_H
#define NORMNET_IO_PROTOBUF_H

#include "io/output.h"

void normnet__put_integer_field(struct output *output, int32_t field, int64_t value);
void normnet__put_float_field(struct output *output, int32_t field, float value);
void normnet__put_text_field(struct output *output, int32_t field, const char *text);

/* A field that is a message or bytes, written in between. `begin` is what normnet__begin_message returned. */
int64_t normnet__begin_message(struct output *output, int32_t field);
void normnet__end_message(struct output *output, int64_t begin);

#endif
