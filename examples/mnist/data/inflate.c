/* SPDX-License-Identifier: MIT */
#include "data/inflate.h"

#include "support/checksums.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char cut_off[] = "is cut off: its compressed data end too early";
static const char no_memory[] = "needs more memory to unpack than there is";

/* ---- Input and output -------------------------------------------------------------------------- */

struct inflater {
    const uint8_t *cursor, *end;
    uint64_t bits; /* taken from the input and not used yet, the first one lowest; zeros above */
    int bit_count;

    uint8_t *data;
    size_t size, room, limit;
    size_t first; /* where the current member begins: distances do not reach behind it */
};

static void refill(struct inflater *in)
{
    while (in->bit_count <= 56 && in->cursor < in->end) {
        in->bits |= (uint64_t)*in->cursor++ << in->bit_count;
        in->bit_count += 8;
    }
}

/* The caller has made sure that they are there. */
static uint32_t drop_bits(struct inflater *in, int count)
{
    const uint32_t value = (uint32_t)(in->bits & ((UINT64_C(1) << count) - 1));

    in->bits >>= count;
    in->bit_count -= count;
    return value;
}

/* The next 0 to 32 bits as a number. */
static const char *take_bits(struct inflater *in, int count, uint32_t *value)
{
    refill(in);
    if (in->bit_count < count)
        return cut_off;
    *value = drop_bits(in, count);
    return NULL;
}

/* Goes to the next whole byte and gives back the bytes that were taken in advance. */
static void align_to_byte(struct inflater *in)
{
    in->cursor -= in->bit_count / 8;
    in->bits = 0;
    in->bit_count = 0;
}

/* Makes room for `count` more bytes. */
static const char *make_room(struct inflater *in, size_t count)
{
    if (count <= in->room - in->size)
        return NULL;
    if (count > in->limit - in->size)
        return "unpacks to more data than expected";
    size_t room = in->room > in->limit / 2 ? in->limit : 2 * in->room;
    if (room < in->size + count)
        room = in->size + count;
    if (room < 4096 && in->limit >= 4096)
        room = 4096;
    uint8_t *larger = realloc(in->data, room);
    if (!larger)
        return no_memory;
    in->data = larger;
    in->room = room;
    return NULL;
}

/* ---- Huffman codes ----------------------------------------------------------------------------- */

enum {
    MAX_BITS = 15,
    FAST_BITS = 9, /* codes up to this length are found with one look */
    LITERALS = 288,
    DISTANCES = 32,
    END_OF_BLOCK = 256
};

/*
 * Canonical codes: those of a length are consecutive numbers, in the order of their symbols. Their bits come highest
 * first, although everything else in the format comes lowest first.
 */
struct huffman {
    uint16_t count[MAX_BITS + 1];  /* codes per length */
    uint16_t symbols[LITERALS];    /* sorted by code */
    uint16_t fast[1 << FAST_BITS]; /* by the next bits: 16 * symbol + length; 0 = a longer code or none */
};

/* Enters a code in all places whose lowest bits it is, reversed. */
static void enter_fast(struct huffman *code, uint32_t value, int length, uint16_t symbol)
{
    uint32_t reversed = 0;

    for (int i = 0; i < length; ++i)
        reversed |= (value >> i & 1) << (length - 1 - i);
    for (uint32_t place = reversed; place < 1 << FAST_BITS; place += UINT32_C(1) << length)
        code->fast[place] = (uint16_t)(16 * symbol + length);
}

/*
 * Makes the codes of symbols 0 to n - 1 from their lengths; 0 = the symbol does not occur. As in zlib, there may be too
 * few codes only if there is at most one, of one bit, and `may_be_incomplete`.
 */
static bool make_codes(struct huffman *code, const uint8_t *lengths, int n, bool may_be_incomplete)
{
    uint16_t next[MAX_BITS + 2] = {0}; /* where the symbols of each length begin */
    uint32_t value = 0;
    int32_t left = 1; /* codes of the current length that are still free */
    int longest = 0;

    memset(code, 0, sizeof *code);
    for (int i = 0; i < n; ++i)
        ++code->count[lengths[i]];
    code->count[0] = 0;
    for (int length = 1; length <= MAX_BITS; ++length) {
        left = 2 * left - code->count[length];
        if (left < 0)
            return false;
        longest = code->count[length] > 0 ? length : longest;
        next[length + 1] = (uint16_t)(next[length] + code->count[length]);
    }
    if (left > 0 && (!may_be_incomplete || longest > 1))
        return false;
    for (int i = 0; i < n; ++i) {
        if (lengths[i] > 0)
            code->symbols[next[lengths[i]]++] = (uint16_t)i;
    }
    const uint16_t *symbol = code->symbols;
    for (int length = 1; length <= FAST_BITS; ++length) {
        for (int i = 0; i < code->count[length]; ++i)
            enter_fast(code, value++, length, *symbol++);
        value *= 2;
    }
    return true;
}

/* Finds a code bit by bit: among those of each length, the number is below first + count. */
static const char *take_long_symbol(struct inflater *in, const struct huffman *code, uint32_t *symbol)
{
    uint32_t value = 0, first = 0, index = 0;

    for (int length = 1; length <= MAX_BITS; ++length) {
        const uint32_t count = code->count[length];

        if (length > in->bit_count)
            return cut_off;
        value |= (uint32_t)(in->bits >> (length - 1) & 1);
        if (value - first < count) {
            *symbol = code->symbols[index + value - first];
            drop_bits(in, length);
            return NULL;
        }
        index += count;
        first = 2 * (first + count);
        value *= 2;
    }
    return "is damaged: it has an invalid Huffman code";
}

static const char *take_symbol(struct inflater *in, const struct huffman *code, uint32_t *symbol)
{
    refill(in);
    const uint32_t entry = code->fast[in->bits & ((1 << FAST_BITS) - 1)];
    const int length = (int)(entry % 16);
    if (length == 0 || length > in->bit_count)
        return take_long_symbol(in, code, symbol);
    drop_bits(in, length);
    *symbol = entry / 16;
    return NULL;
}

/* ---- Blocks ------------------------------------------------------------------------------------ */

struct codes {
    struct huffman literals, distances;
};

static const char *copy_stored_block(struct inflater *in)
{
    align_to_byte(in);
    if (in->end - in->cursor < 4)
        return cut_off;
    const size_t length = (size_t)(in->cursor[0] | in->cursor[1] << 8);
    const size_t complement = (size_t)(in->cursor[2] | in->cursor[3] << 8);
    if ((length ^ complement) != 0xffff)
        return "is damaged: the length of a stored block differs from its copy";
    in->cursor += 4;
    if ((size_t)(in->end - in->cursor) < length)
        return cut_off;
    const char *wrong = make_room(in, length);
    if (wrong || length == 0)
        return wrong;
    memcpy(in->data + in->size, in->cursor, length);
    in->cursor += length;
    in->size += length;
    return NULL;
}

/* Copies bytes that were written before. The copy may begin with bytes that it has just written. */
static const char *copy_match(struct inflater *in, size_t length, size_t distance)
{
    if (distance > in->size - in->first)
        return "is damaged: a distance reaches behind the beginning";
    const char *wrong = make_room(in, length);
    if (wrong)
        return wrong;
    uint8_t *to = in->data + in->size;
    const uint8_t *from = to - distance;
    if (distance >= length)
        memcpy(to, from, length);
    else
        for (size_t i = 0; i < length; ++i)
            to[i] = from[i];
    in->size += length;
    return NULL;
}

/* A length or distance: the base of its symbol plus the number in its extra bits. */
static const char *take_number(struct inflater *in, uint16_t base, uint8_t extra, size_t *number)
{
    uint32_t rest = 0;
    const char *wrong = take_bits(in, extra, &rest);

    *number = base + (size_t)rest;
    return wrong;
}

static const char *take_match(struct inflater *in, const struct codes *codes, uint32_t symbol)
{
    static const uint16_t length_bases[] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                            31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
    static const uint8_t length_extras[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                            2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
    static const uint16_t distance_bases[] = {1,    2,    3,    4,    5,    7,    9,    13,    17,    25,
                                              33,   49,   65,   97,   129,  193,  257,  385,   513,   769,
                                              1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
    static const uint8_t distance_extras[] = {0, 0, 0, 0, 1, 1, 2, 2,  3,  3,  4,  4,  5,  5,  6,
                                              6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13};
    size_t length = 0, distance = 0;

    symbol -= END_OF_BLOCK + 1;
    if (symbol >= sizeof length_extras)
        return "is damaged: it has an invalid length";
    const char *wrong = take_number(in, length_bases[symbol], length_extras[symbol], &length);
    if (!wrong)
        wrong = take_symbol(in, &codes->distances, &symbol);
    if (wrong)
        return wrong;
    if (symbol >= sizeof distance_extras)
        return "is damaged: it has an invalid distance";
    wrong = take_number(in, distance_bases[symbol], distance_extras[symbol], &distance);
    return wrong ? wrong : copy_match(in, length, distance);
}

static const char *inflate_coded_block(struct inflater *in, const struct codes *codes)
{
    for (;;) {
        uint32_t symbol = 0;
        const char *wrong = take_symbol(in, &codes->literals, &symbol);

        if (!wrong && symbol == END_OF_BLOCK)
            return NULL;
        if (!wrong)
            wrong = symbol > END_OF_BLOCK ? take_match(in, codes, symbol) : make_room(in, 1);
        if (wrong)
            return wrong;
        if (symbol < END_OF_BLOCK)
            in->data[in->size++] = (uint8_t)symbol;
    }
}

static void make_fixed_codes(struct codes *codes)
{
    uint8_t lengths[LITERALS];

    for (int i = 0; i < LITERALS; ++i)
        lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    make_codes(&codes->literals, lengths, LITERALS, false);
    memset(lengths, 5, DISTANCES);
    make_codes(&codes->distances, lengths, DISTANCES, false);
}

/* The code lengths of literals and distances, which are themselves coded, with repetitions. */
static const char *take_code_lengths(struct inflater *in, const struct huffman *code, uint8_t *lengths, uint32_t total)
{
    enum { REPEAT = 16, ZEROS = 17, MANY_ZEROS = 18 };
    uint32_t symbol = 0, times = 0;

    for (uint32_t i = 0; i < total;) {
        const char *wrong = take_symbol(in, code, &symbol);

        if (wrong)
            return wrong;
        if (symbol < REPEAT) {
            lengths[i++] = (uint8_t)symbol;
            continue;
        }
        wrong = take_bits(in, symbol == REPEAT ? 2 : symbol == ZEROS ? 3 : 7, &times);
        if (wrong)
            return wrong;
        times += symbol == MANY_ZEROS ? 11 : 3;
        if ((symbol == REPEAT && i == 0) || times > total - i)
            return "is damaged: its code lengths repeat wrongly";
        memset(lengths + i, symbol == REPEAT ? lengths[i - 1] : 0, times);
        i += times;
    }
    return NULL;
}

static const char *take_codes(struct inflater *in, struct codes *codes)
{
    static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    uint8_t lengths[LITERALS + DISTANCES] = {0};
    uint32_t literals = 0, distances = 0, kept = 0, length = 0;
    const char *wrong = take_bits(in, 5, &literals);

    if (!wrong)
        wrong = take_bits(in, 5, &distances);
    if (!wrong)
        wrong = take_bits(in, 4, &kept);
    literals += 257;
    distances += 1;
    for (uint32_t i = 0; i < kept + 4 && !wrong; ++i) {
        wrong = take_bits(in, 3, &length);
        lengths[order[i]] = (uint8_t)length;
    }
    if (wrong)
        return wrong;
    if (literals > 286 || distances > 30)
        return "is damaged: a block has too many codes";
    if (!make_codes(&codes->literals, lengths, 19, false))
        return "is damaged: it has impossible code lengths";
    memset(lengths, 0, sizeof lengths);
    wrong = take_code_lengths(in, &codes->literals, lengths, literals + distances);
    if (wrong)
        return wrong;
    if (lengths[END_OF_BLOCK] == 0 || !make_codes(&codes->literals, lengths, (int)literals, true) ||
        !make_codes(&codes->distances, lengths + literals, (int)distances, true))
        return "is damaged: it has impossible code lengths";
    return NULL;
}

static const char *inflate_blocks(struct inflater *in)
{
    enum { STORED, FIXED, DYNAMIC };
    struct codes codes;
    uint32_t last = 0, kind = 0;

    while (!last) {
        const char *wrong = take_bits(in, 1, &last);

        if (!wrong)
            wrong = take_bits(in, 2, &kind);
        if (!wrong && kind > DYNAMIC)
            wrong = "is damaged: a block has an unknown kind";
        if (!wrong && kind == STORED)
            wrong = copy_stored_block(in);
        else if (!wrong) {
            if (kind == FIXED)
                make_fixed_codes(&codes);
            else
                wrong = take_codes(in, &codes);
            if (!wrong)
                wrong = inflate_coded_block(in, &codes);
        }
        if (wrong)
            return wrong;
    }
    align_to_byte(in);
    return NULL;
}

/* ---- zlib and gzip ----------------------------------------------------------------------------- */

static const char *inflate_zlib(struct inflater *in)
{
    if (in->end - in->cursor < 2)
        return cut_off;
    const uint32_t method = in->cursor[0], flags = in->cursor[1];
    if (method % 16 != 8 || method / 16 > 7 || (256 * method + flags) % 31 != 0)
        return "is damaged: it does not begin as data of zlib do";
    if (flags & 32)
        return "needs a dictionary to unpack";
    in->cursor += 2;
    const char *wrong = inflate_blocks(in);
    if (wrong)
        return wrong;
    if (in->end - in->cursor < 4)
        return cut_off;
    const uint8_t *sum = in->cursor;
    in->cursor += 4;
    if (((uint32_t)sum[0] << 24 | (uint32_t)sum[1] << 16 | (uint32_t)sum[2] << 8 | sum[3]) !=
        adler32_of(in->data, in->size))
        return "is damaged: its checksum is wrong";
    return NULL;
}

static uint32_t little_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 | bytes[0];
}

/* The name of the packed file, or a comment. */
static const char *skip_gzip_text(struct inflater *in)
{
    const uint8_t *end = in->cursor < in->end ? memchr(in->cursor, 0, (size_t)(in->end - in->cursor)) : NULL;

    if (!end)
        return cut_off;
    in->cursor = end + 1;
    return NULL;
}

static const char *skip_gzip_header(struct inflater *in)
{
    enum { HEADER_CRC = 2, EXTRA = 4, NAME = 8, COMMENT = 16, RESERVED = 0xe0, HEADER = 10 };
    const uint8_t *start = in->cursor;
    const char *wrong = NULL;

    if (in->end - start < HEADER)
        return cut_off;
    if (start[0] != 0x1f || start[1] != 0x8b)
        return "is damaged: it does not begin as data of gzip do";
    if (start[2] != 8 || start[3] & RESERVED)
        return "is packed in an unknown way";
    in->cursor += HEADER;
    if (start[3] & EXTRA) {
        if (in->end - in->cursor < 2 || in->end - in->cursor - 2 < (in->cursor[0] | in->cursor[1] << 8))
            return cut_off;
        in->cursor += 2 + (in->cursor[0] | in->cursor[1] << 8);
    }
    if (start[3] & NAME)
        wrong = skip_gzip_text(in);
    if (!wrong && start[3] & COMMENT)
        wrong = skip_gzip_text(in);
    if (wrong || !(start[3] & HEADER_CRC))
        return wrong;
    if (in->end - in->cursor < 2)
        return cut_off;
    const uint32_t crc = crc32_of(start, (size_t)(in->cursor - start)) & 0xffff;
    in->cursor += 2;
    return crc == (in->cursor[-2] | (uint32_t)in->cursor[-1] << 8) ? NULL : "is damaged: its checksum is wrong";
}

static const char *inflate_gzip_member(struct inflater *in)
{
    const char *wrong = skip_gzip_header(in);

    in->first = in->size;
    if (!wrong)
        wrong = inflate_blocks(in);
    if (wrong)
        return wrong;
    if (in->end - in->cursor < 8)
        return cut_off;
    const size_t size = in->size - in->first;
    const uint32_t crc = crc32_of(size > 0 ? in->data + in->first : NULL, size);
    if (little_endian(in->cursor) != crc)
        return "is damaged: its checksum is wrong";
    if (little_endian(in->cursor + 4) != (uint32_t)size)
        return "is damaged: its length is wrong";
    in->cursor += 8;
    return NULL;
}

static const char *inflate_gzip(struct inflater *in)
{
    const char *wrong = inflate_gzip_member(in);

    while (!wrong && in->end - in->cursor >= 2 && in->cursor[0] == 0x1f && in->cursor[1] == 0x8b)
        wrong = inflate_gzip_member(in);
    while (in->cursor < in->end && *in->cursor == 0)
        ++in->cursor;
    return wrong;
}

/* ---- All of it --------------------------------------------------------------------------------- */

const char *inflate_data(enum inflate_format format, const uint8_t *input, size_t input_size, size_t limit,
                         uint8_t **data, size_t *size)
{
    static const uint8_t nothing;
    struct inflater in = {.cursor = input_size > 0 ? input : &nothing, .limit = limit};

    in.end = in.cursor + input_size;
    const char *wrong = format == INFLATE_RAW    ? inflate_blocks(&in)
                        : format == INFLATE_ZLIB ? inflate_zlib(&in)
                                                 : inflate_gzip(&in);
    if (!wrong && in.cursor != in.end)
        wrong = "is too long: something else follows its compressed data";
    if (wrong) {
        free(in.data);
        in = (struct inflater){0};
    }
    *data = in.data;
    *size = in.size;
    return wrong;
}

size_t inflate_limit(size_t input_size)
{
    enum { SMALL = 64 << 20, RATIO = 100 };
    const size_t most = SIZE_MAX / 4;

    return input_size > most / RATIO ? most : input_size > SMALL / RATIO ? input_size * RATIO : SMALL;
}
