/* SPDX-License-Identifier: MIT */
/* Writing a safetensors file: begin, the metadata, the tensors, end; then the data in the same order; then finish. */
#ifndef NORMNET_IO_SAFETENSORS_WRITER_H
#define NORMNET_IO_SAFETENSORS_WRITER_H

#include "io/output.h"
#include "io/safetensors.h"

/* A header that is being written. */
struct header {
    struct output *output;
    int64_t data_bytes; /* of the tensors so far */
    int64_t checksum_at;
};

/* Begins with the metadata `format` and NORMNET__CHECKSUM_KEY. */
struct header normnet__begin_header(struct output *output);

/* A value that is written in between: ASCII without quotation marks and backslashes. */
void normnet__begin_metadata(struct header *header, const char *key);
void normnet__end_metadata(struct header *header);

/* A text in UTF-8, escaped as JSON requires. What is not, as memory that somebody changes may be, becomes '?'. */
void normnet__put_metadata(struct header *header, const char *key, const char *text, int64_t length);

void normnet__end_all_metadata(struct header *header);
void normnet__put_tensor(struct header *header, const char *name, const struct element_type *type, int32_t rank,
                         const int64_t *shape, int64_t count);
void normnet__end_header(struct header *header);

/* Writes the checksum, after all data. */
void normnet__finish_safetensors(struct header *header);

#endif
