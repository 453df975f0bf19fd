/* SPDX-License-Identifier: MIT */
/* Single layers but norms, and the loss, each backward after its forward. */
#include "reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *reference_allocate(size_t count, size_t size)
{
    void *memory = calloc(count > 0 ? count : 1, size);

    if (memory == NULL) {
        fprintf(stderr, "reference: out of memory\n");
        exit(1);
    }
    return memory;
}

double reference_largest(const double *values, int count)
{
    double largest = 0;

    for (int i = 0; i < count; ++i)
        largest = fmax(largest, fabs(values[i]));
    return largest;
}

int reference_count(struct reference_shape shape)
{
    return shape.images * shape.channels * shape.height * shape.width;
}

int reference_at(struct reference_shape shape, int image, int channel, int row, int column)
{
    return ((image * shape.channels + channel) * shape.height + row) * shape.width + column;
}

/* ---- Convolution ----------------------------------------------------------------------------- */

struct reference_shape reference_conv_shape(struct reference_shape shape, const struct reference_conv *conv)
{
    shape.channels = conv->out;
    shape.height = (shape.height + 2 * conv->padding - conv->kernel) / conv->stride + 1;
    shape.width = (shape.width + 2 * conv->padding - conv->kernel) / conv->stride + 1;
    return shape;
}

/* The outputs first ... end - 1 of a row or column whose tap at `offset` lies inside of `size` inputs. */
struct tap_range {
    int first, end;
    int input; /* that of output `first` */
};

static struct tap_range find_range(const struct reference_conv *conv, int offset, int size, int out_size)
{
    struct tap_range range = {0, out_size, 0};

    while (range.first < out_size && range.first * conv->stride + offset - conv->padding < 0)
        ++range.first;
    while (range.end > range.first && (range.end - 1) * conv->stride + offset - conv->padding >= size)
        --range.end;
    range.input = range.first * conv->stride + offset - conv->padding;
    return range;
}

static int weight_at(const struct reference_conv *conv, int channels, int o, int c, int ky, int kx)
{
    return ((o * channels + c) * conv->kernel + ky) * conv->kernel + kx;
}

/* One weight: every output adds weight times the input that it sees. */
static void tap_forward(double weight, int count, int stride, const double *x, double *y)
{
    for (int i = 0; i < count; ++i)
        y[i] += weight * x[i * stride];
}

static double tap_backward(double weight, int count, int stride, const double *x, const double *dy, double *dx)
{
    double dweight = 0;

    for (int i = 0; i < count; ++i)
        dweight += dy[i] * x[i * stride];
    for (int i = 0; dx != NULL && i < count; ++i)
        dx[i * stride] += weight * dy[i];
    return dweight;
}

void reference_conv_forward(struct reference_shape shape, const struct reference_conv *conv, const double *x,
                            const double *weight, const double *bias, double *y)
{
    const struct reference_shape out = reference_conv_shape(shape, conv);
    const int plane = out.height * out.width;

    for (int n = 0; n < out.images; ++n)
        for (int o = 0; o < out.channels; ++o)
            for (int i = 0; i < plane; ++i)
                y[reference_at(out, n, o, 0, 0) + i] = bias == NULL ? 0 : bias[o];
    for (int o = 0; o < out.channels; ++o)
        for (int c = 0; c < shape.channels; ++c)
            for (int ky = 0; ky < conv->kernel; ++ky)
                for (int kx = 0; kx < conv->kernel; ++kx) {
                    const struct tap_range rows = find_range(conv, ky, shape.height, out.height);
                    const struct tap_range columns = find_range(conv, kx, shape.width, out.width);
                    const double w = weight[weight_at(conv, shape.channels, o, c, ky, kx)];

                    for (int n = 0; n < out.images; ++n)
                        for (int row = rows.first; row < rows.end; ++row) {
                            const int in_row = rows.input + (row - rows.first) * conv->stride;

                            tap_forward(w, columns.end - columns.first, conv->stride,
                                        x + reference_at(shape, n, c, in_row, columns.input),
                                        y + reference_at(out, n, o, row, columns.first));
                        }
                }
}

void reference_conv_backward(struct reference_shape shape, const struct reference_conv *conv, const double *x,
                             const double *weight, const double *dy, double *dx, double *dweight, double *dbias)
{
    const struct reference_shape out = reference_conv_shape(shape, conv);
    const int plane = out.height * out.width;

    if (dx != NULL)
        memset(dx, 0, (size_t)reference_count(shape) * sizeof *dx);
    for (int n = 0; dbias != NULL && n < out.images; ++n)
        for (int o = 0; o < out.channels; ++o)
            for (int i = 0; i < plane; ++i)
                dbias[o] += dy[reference_at(out, n, o, 0, 0) + i];
    for (int o = 0; o < out.channels; ++o)
        for (int c = 0; c < shape.channels; ++c)
            for (int ky = 0; ky < conv->kernel; ++ky)
                for (int kx = 0; kx < conv->kernel; ++kx) {
                    const struct tap_range rows = find_range(conv, ky, shape.height, out.height);
                    const struct tap_range columns = find_range(conv, kx, shape.width, out.width);
                    const int w = weight_at(conv, shape.channels, o, c, ky, kx);

                    for (int n = 0; n < out.images; ++n)
                        for (int row = rows.first; row < rows.end; ++row) {
                            const int in_row = rows.input + (row - rows.first) * conv->stride;
                            const int place = reference_at(shape, n, c, in_row, columns.input);

                            dweight[w] += tap_backward(weight[w], columns.end - columns.first, conv->stride, x + place,
                                                       dy + reference_at(out, n, o, row, columns.first),
                                                       dx == NULL ? NULL : dx + place);
                        }
                }
}

/* ---- Fully connected ------------------------------------------------------------------------- */

void reference_fc_forward(int images, int in, int out, const double *x, const double *weight, const double *bias,
                          double *y)
{
    for (int n = 0; n < images; ++n) {
        for (int o = 0; o < out; ++o) {
            double sum = bias == NULL ? 0 : bias[o];

            for (int i = 0; i < in; ++i)
                sum += weight[o * in + i] * x[n * in + i];
            y[n * out + o] = sum;
        }
    }
}

void reference_fc_backward(int images, int in, int out, const double *x, const double *weight, const double *dy,
                           double *dx, double *dweight, double *dbias)
{
    if (dx != NULL)
        memset(dx, 0, (size_t)images * (size_t)in * sizeof *dx);
    for (int n = 0; n < images; ++n) {
        for (int o = 0; o < out; ++o) {
            double d = dy[n * out + o];

            if (dbias != NULL)
                dbias[o] += d;
            for (int i = 0; i < in; ++i)
                dweight[o * in + i] += d * x[n * in + i];
            for (int i = 0; dx != NULL && i < in; ++i)
                dx[n * in + i] += d * weight[o * in + i];
        }
    }
}

/* ---- ReLU ------------------------------------------------------------------------------------ */

void reference_relu_forward(int count, double slope, const double *x, double *y)
{
    for (int i = 0; i < count; ++i)
        y[i] = x[i] > 0 ? x[i] : slope * x[i];
}

void reference_relu_backward(int count, double slope, const double *x, const double *dy, double *dx)
{
    for (int i = 0; i < count; ++i)
        dx[i] = x[i] > 0 ? dy[i] : slope * dy[i];
}

/* ---- Dropout --------------------------------------------------------------------------------- */

double reference_dropout_share(double probability)
{
    return floor(probability * 65536 + 0.5) / 65536;
}

double reference_dropout_scale(double probability)
{
    double share = reference_dropout_share(probability);

    return share < 1 ? 1 / (1 - share) : 0;
}

void reference_dropout(int count, double probability, const unsigned char *mask, const double *x, double *y)
{
    double scale = reference_dropout_scale(probability);

    for (int i = 0; i < count; ++i)
        y[i] = mask[i] ? x[i] * scale : 0;
}

/* ---- Pools ----------------------------------------------------------------------------------- */

struct reference_shape reference_pool_shape(struct reference_shape shape, int size)
{
    shape.height /= size;
    shape.width /= size;
    return shape;
}

void reference_maxpool_forward(struct reference_shape shape, int size, const double *x, double *y, int *winners)
{
    struct reference_shape out = reference_pool_shape(shape, size);

    for (int n = 0; n < out.images; ++n)
        for (int c = 0; c < out.channels; ++c)
            for (int h = 0; h < out.height; ++h)
                for (int w = 0; w < out.width; ++w) {
                    const double *plane = x + reference_at(shape, n, c, 0, 0);
                    int winner = h * size * shape.width + w * size;
                    int place = reference_at(out, n, c, h, w);

                    for (int i = 0; i < size; ++i)
                        for (int j = 0; j < size; ++j) {
                            int other = (h * size + i) * shape.width + w * size + j;

                            if (plane[other] > plane[winner] || isnan(plane[other]))
                                winner = other;
                        }
                    y[place] = plane[winner];
                    winners[place] = winner;
                }
}

void reference_maxpool_backward(struct reference_shape shape, int size, const int *winners, const double *dy,
                                double *dx)
{
    struct reference_shape out = reference_pool_shape(shape, size);

    memset(dx, 0, (size_t)reference_count(shape) * sizeof *dx);
    for (int n = 0; n < out.images; ++n)
        for (int c = 0; c < out.channels; ++c)
            for (int i = 0; i < out.height * out.width; ++i) {
                int place = reference_at(out, n, c, 0, 0) + i;

                dx[reference_at(shape, n, c, 0, 0) + winners[place]] += dy[place];
            }
}

void reference_avgpool_forward(struct reference_shape shape, int height, int width, const double *x, double *y)
{
    struct reference_shape out = {shape.images, shape.channels, shape.height / height, shape.width / width};

    for (int n = 0; n < out.images; ++n)
        for (int c = 0; c < out.channels; ++c)
            for (int h = 0; h < out.height; ++h)
                for (int w = 0; w < out.width; ++w) {
                    double sum = 0;

                    for (int i = 0; i < height; ++i)
                        for (int j = 0; j < width; ++j)
                            sum += x[reference_at(shape, n, c, h * height + i, w * width + j)];
                    y[reference_at(out, n, c, h, w)] = sum / (height * width);
                }
}

void reference_avgpool_backward(struct reference_shape shape, int height, int width, const double *dy, double *dx)
{
    struct reference_shape out = {shape.images, shape.channels, shape.height / height, shape.width / width};

    memset(dx, 0, (size_t)reference_count(shape) * sizeof *dx);
    for (int n = 0; n < out.images; ++n)
        for (int c = 0; c < out.channels; ++c)
            for (int h = 0; h < out.height; ++h)
                for (int w = 0; w < out.width; ++w)
                    for (int i = 0; i < height; ++i)
                        for (int j = 0; j < width; ++j)
                            dx[reference_at(shape, n, c, h * height + i, w * width + j)] =
                                dy[reference_at(out, n, c, h, w)] / (height * width);
}

/* ---- Loss ------------------------------------------------------------------------------------ */

void reference_log_softmax(int images, int classes, const double *logits, double *log_probabilities)
{
    for (int n = 0; n < images; ++n) {
        const double *x = logits + n * classes;
        double highest = x[0], sum = 0;

        for (int k = 1; k < classes; ++k)
            highest = x[k] > highest ? x[k] : highest;
        for (int k = 0; k < classes; ++k)
            sum += exp(x[k] - highest);
        for (int k = 0; k < classes; ++k)
            log_probabilities[n * classes + k] = x[k] - highest - log(sum);
    }
}

double reference_loss(int images, int classes, const double *logits, const int *labels, double smoothing,
                      double *dlogits)
{
    double *logp = reference_allocate((size_t)images * (size_t)classes, sizeof *logp);
    double loss = 0;

    reference_log_softmax(images, classes, logits, logp);
    for (int n = 0; n < images; ++n) {
        for (int k = 0; k < classes; ++k) {
            double target = (labels[n] == k ? 1 - smoothing : 0) + smoothing / classes;

            loss -= target * logp[n * classes + k];
            dlogits[n * classes + k] = exp(logp[n * classes + k]) - target;
        }
    }
    free(logp);
    return loss;
}
