/* SPDX-License-Identifier: MIT */
/*
 * The safetensors format: named tensors after a header in JSON.
 *
 *     | N: u64 | header: N bytes of JSON, padded with blanks | data |
 *
 * The header maps each name to dtype, shape and the place in the data, and `__metadata__` to texts. docs/format.md says
 * byte by byte what is written and which files are refused with which status.
 */
#ifndef NORMNET_IO_SAFETENSORS_H
#define NORMNET_IO_SAFETENSORS_H

#include "base/arena.h"
#include "io/output.h"

/* ---- Reading ------------------------------------------------------------------------------------- */

struct file_tensor {
    const char *name;
    int32_t dtype; /* NORMNET_F32 or NORMNET_I64 */
    int32_t rank, shape[8];
    int64_t count;      /* elements */
    int64_t begin, end; /* in the data, in bytes */
    int64_t at;         /* of its entry in the file */
};

struct file_text {
    const char *key, *value;
};

/* A file whose header has been read and found to be in order. `bytes` stay the caller's. */
struct file {
    const unsigned char *bytes, *data;
    int64_t size;
    struct file_tensor *tensors; /* in the order of the header */
    struct file_text *metadata;  /* likewise */
    int32_t tensor_count, metadata_count;
    int64_t checksum_at; /* where the eight digits of normnet.crc32c stand; 0 = nowhere */
    void *memory;        /* for all of this */
    int64_t memory_bytes;
};

/*
 * Checks header and checksum. NORMNET_ETRUNCATED, NORMNET_EFORMAT, NORMNET_EUNSUPPORTED, NORMNET_ELIMIT,
 * NORMNET_ECHECKSUM or NORMNET_ENOMEM; the sentence names the byte. End with normnet__close_safetensors.
 */
normnet_status normnet__open_safetensors(struct file *file, const void *bytes, int64_t size,
                                         const struct allocator *allocator);
void normnet__close_safetensors(struct file *file, const struct allocator *allocator);

/* Bytes after the header. */
int64_t normnet__data_bytes(const struct file *file);

/* NULL if there is none. */
const char *normnet__find_metadata(const struct file *file, const char *key);
const struct file_tensor *normnet__find_tensor(const struct file *file, const char *name);

/* One element of a tensor of the right dtype. */
float normnet__file_float(const struct file *file, const struct file_tensor *tensor, int64_t index);
int64_t normnet__file_integer(const struct file *file, const struct file_tensor *tensor, int64_t index);

/* ---- Writing ------------------------------------------------------------------------------------- */

/* Limits of readers: what is written keeps them, too. */
enum { NORMNET__MAX_TENSORS = 4096, NORMNET__MAX_HEADER = 1 << 20 };

/* A header on its way out: begin, metadata, tensors, end; then the data in the same order; then finish. */
struct header {
    struct output *output;
    int64_t data_bytes; /* of the tensors so far */
    int64_t checksum_at;
};

/* With the metadata `format` and `normnet.crc32c`. */
struct header normnet__begin_header(struct output *output);

/* Around what the value consists of: ASCII without quotation marks and backslashes. */
void normnet__begin_metadata(struct header *header, const char *key);
void normnet__end_metadata(struct header *header);

/* Any text in UTF-8, escaped where JSON asks for it. */
void normnet__put_metadata(struct header *header, const char *key, const char *text);

void normnet__end_all_metadata(struct header *header);
void normnet__put_tensor(struct header *header, const char *name, int32_t dtype, int32_t rank, const int64_t *shape,
                         int64_t count);
void normnet__end_header(struct header *header);

/* Enters the checksum, when all data are there. */
void normnet__finish_safetensors(struct header *header);

#endif
