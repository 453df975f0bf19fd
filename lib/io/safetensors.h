/* SPDX-License-Identifier: MIT */
/*
 * The safetensors format: named tensors after a header in JSON.
 *
 *     | N: u64 | header: N bytes of JSON, padded with spaces | data |
 *
 * The header maps each name to dtype, shape and offsets in the data, and `__metadata__` to an object of strings.
 * docs/format.md describes the files that are written byte by byte, and the status of each file that is rejected.
 *
 * safetensors_reader.h opens a file, safetensors_writer.h writes one.
 */
#ifndef NORMNET_IO_SAFETENSORS_H
#define NORMNET_IO_SAFETENSORS_H

#include "io/element_type.h"
#include "normnet.h"

/* The bytes of N, and the hexadecimal digits of the checksum. */
enum { NORMNET__LENGTH_BYTES = 8, NORMNET__CHECKSUM_DIGITS = 8 };

/* Limits of the reader, which the writer must not exceed. */
enum { NORMNET__MAX_HEADER = 1 << 20, NORMNET__MAX_TENSORS = 4096, NORMNET__MAX_METADATA = 256 };

/* Metadata with this prefix is libnormnet's. The first is the checksum of the whole file. */
#define NORMNET__KEY_PREFIX "normnet."
#define NORMNET__CHECKSUM_KEY NORMNET__KEY_PREFIX "crc32c"

struct file_tensor {
    const char *name;
    const struct element_type *type;
    int32_t rank, shape[8];
    int64_t count;      /* elements */
    int64_t begin, end; /* in the data, in bytes */
    int64_t at;         /* the offset of its entry in the file, for messages */
};

struct metadata_entry {
    const char *key, *value;
};

/* A file whose header is valid. `bytes` belong to the caller. */
struct safetensors {
    const unsigned char *bytes, *data;
    int64_t size;
    struct file_tensor *tensors;     /* in the order of the header */
    struct metadata_entry *metadata; /* likewise */
    int32_t tensor_count, metadata_count;
    int64_t checksum_at; /* the offset of the checksum's digits; 0 if there is none */
    int32_t prefix;      /* the length of what stands before each tensor's name: see normnet__strip_prefix() */
    void *memory;        /* of the tables and their strings */
    int64_t memory_bytes;
};

/* The bytes after the header. */
int64_t normnet__data_bytes(const struct safetensors *file);

/* NULL if there is none. */
const char *normnet__find_metadata(const struct safetensors *file, const char *key);
const struct file_tensor *normnet__find_tensor(const struct safetensors *file, const char *name);

/* Whether libnormnet wrote the file: it has a checksum. */
bool normnet__is_own_file(const struct safetensors *file);

/*
 * Modules around a network put their names before those of its tensors: "module._orig_mod.0.weight". What all names
 * have in common is removed if "0.weight", with a single point, remains of the first. Two names stay different. The
 * number "n_averaged" that PyTorch's AveragedModel keeps beside "module.0.weight" is left out.
 */
void normnet__strip_prefix(struct safetensors *file);

/* The bytes of one element of a tensor. */
const unsigned char *normnet__file_element(const struct safetensors *file, const struct file_tensor *tensor,
                                           int64_t index);

/* `size` bytes, the lowest first. */
uint64_t normnet__read_little_endian(const unsigned char *bytes, int size);

/* The checksum of a file: CRC-32C of all bytes with zeros for the digits at `digits_at`. */
void normnet__checksum_digits(const unsigned char *bytes, int64_t size, int64_t digits_at,
                              unsigned char digits[NORMNET__CHECKSUM_DIGITS]);

#endif
