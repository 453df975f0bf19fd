/* SPDX-License-Identifier: MIT */
#include "net/pack.h"

void normnet__fill_scaling_table(const float *mean, const float *std, int32_t channels, float *table)
{
    for (int32_t c = 0; c < channels; ++c)
        for (int value = 0; value < 256; ++value)
            table[c * 256 + value] = ((float)value / 255.0f - mean[c]) / std[c];
}

/* One row of as many samples as lanes, whose elements lie `stride` apart. */
static void pack_bytes(const uint8_t *const *rows, int64_t stride, int32_t width, const float *table, int32_t lanes,
                       float *packed)
{
    for (int32_t j = 0; j < width; ++j, packed += lanes)
        for (int lane = 0; lane < lanes; ++lane)
            packed[lane] = table[rows[lane][j * stride]];
}

static void pack_floats(const float *const *rows, int64_t stride, int32_t width, float mean, float std, int32_t lanes,
                        float *packed)
{
    for (int32_t j = 0; j < width; ++j, packed += lanes)
        for (int lane = 0; lane < lanes; ++lane)
            packed[lane] = (rows[lane][j * stride] - mean) / std;
}

void normnet__pack(const struct images *images, const struct scaling *scaling, int64_t first, int32_t lanes,
                   float *packed)
{
    const struct shape shape = images->shape;
    const struct map map = normnet__shape_map(shape, lanes);

    for (int32_t c = 0; c < shape.channels; ++c)
        for (int32_t i = 0; i < shape.height; ++i) {
            float *row = packed + (c * map.channel_stride + i * map.row_stride) * lanes;
            const uint8_t *byte_rows[NORMNET__MAX_LANES];
            const float *float_rows[NORMNET__MAX_LANES];

            for (int lane = 0; lane < lanes; ++lane) {
                const int64_t sample = first + lane < images->count ? first + lane : images->count - 1;
                const int64_t at = sample * images->strides[0] + c * images->strides[1] + i * images->strides[2];

                if (images->bytes)
                    byte_rows[lane] = (const uint8_t *)images->data + at;
                else
                    float_rows[lane] = (const float *)images->data + at;
            }
            if (images->bytes)
                pack_bytes(byte_rows, images->strides[3], shape.width, scaling->table + (int64_t)c * 256, lanes, row);
            else
                pack_floats(float_rows, images->strides[3], shape.width, scaling->mean[c], scaling->std[c], lanes, row);
        }
}

void normnet__pack_single(const struct images *images, const struct scaling *scaling, int64_t index, int32_t lanes,
                          float *packed)
{
    const struct shape shape = images->shape;
    const struct map map = normnet__layout_map(shape, NORMNET__LAYOUT_SINGLE, lanes);

    for (int32_t c = 0; c < shape.channels; ++c) {
        float *plane = packed + normnet__channel_at(map, c);

        for (int32_t i = 0; i < shape.height; ++i)
            for (int32_t j = 0; j < shape.width; ++j) {
                const int64_t at = index * images->strides[0] + c * images->strides[1] + i * images->strides[2] +
                                   j * images->strides[3];

                plane[(i * map.row_stride + j) * lanes] =
                    images->bytes ? scaling->table[(int64_t)c * 256 + ((const uint8_t *)images->data)[at]]
                                  : (((const float *)images->data)[at] - scaling->mean[c]) / scaling->std[c];
            }
    }
}
