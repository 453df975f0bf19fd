/* SPDX-License-Identifier: MIT */
/* All norms are one: values fall into sets that share a mean and a variance, and into sets that share gamma and beta.
 */
#include "reference.h"

#include <math.h>
#include <stdlib.h>

/* Batches of batch norm: floor(images / virtual_batch), at least one. */
static int ghost_batches(struct reference_shape shape, const struct reference_norm *norm)
{
    int batches = norm->virtual_batch > 0 ? shape.images / norm->virtual_batch : 1;

    return batches > 0 ? batches : 1;
}

/* The set of values that a value shares its mean and variance with. */
static int set_of(struct reference_shape shape, const struct reference_norm *norm, int image, int channel, int row)
{
    int plane = image * shape.channels + channel;
    int batch;

    switch (norm->kind) {
    case NORMNET_NORM_BATCH:
        batch = norm->virtual_batch > 0 ? image / norm->virtual_batch : 0;
        if (batch > ghost_batches(shape, norm) - 1)
            batch = ghost_batches(shape, norm) - 1; /* the rest belongs to the last */
        return batch * shape.channels + channel;
    case NORMNET_NORM_GROUP:
        return image * norm->groups + channel / (shape.channels / norm->groups);
    case NORMNET_NORM_INSTANCE:
        return plane;
    default: /* layer and RMS norm */
        return norm->dims == 3 ? image : norm->dims == 2 ? plane : plane * shape.height + row;
    }
}

int reference_norm_sets(struct reference_shape shape, const struct reference_norm *norm)
{
    return set_of(shape, norm, shape.images - 1, shape.channels - 1, shape.height - 1) + 1;
}

/* The gamma and beta that belong to a value. */
static int parameter_of(struct reference_shape shape, const struct reference_norm *norm, int channel, int row,
                        int column)
{
    if (norm->affine == NORMNET_AFFINE_CHANNEL)
        return channel;
    return norm->dims == 3   ? (channel * shape.height + row) * shape.width + column
           : norm->dims == 2 ? row * shape.width + column
                             : column;
}

int reference_norm_parameters(struct reference_shape shape, const struct reference_norm *norm)
{
    if (norm->affine == NORMNET_AFFINE_NONE)
        return 0;
    return parameter_of(shape, norm, shape.channels - 1, shape.height - 1, shape.width - 1) + 1;
}

void reference_norm_statistics(struct reference_shape shape, const struct reference_norm *norm, const double *x,
                               double *mean, double *variance, int *counts)
{
    int sets = reference_norm_sets(shape, norm);
    int s;

    for (s = 0; s < sets; ++s) {
        mean[s] = variance[s] = 0;
        counts[s] = 0;
    }
    for (int n = 0; n < shape.images; ++n)
        for (int c = 0; c < shape.channels; ++c)
            for (int h = 0; h < shape.height; ++h)
                for (int w = 0; w < shape.width; ++w) {
                    s = set_of(shape, norm, n, c, h);
                    if (norm->kind != NORMNET_NORM_RMS)
                        mean[s] += x[reference_at(shape, n, c, h, w)];
                    ++counts[s];
                }
    for (s = 0; s < sets; ++s)
        mean[s] /= counts[s];
    for (int n = 0; n < shape.images; ++n)
        for (int c = 0; c < shape.channels; ++c)
            for (int h = 0; h < shape.height; ++h)
                for (int w = 0; w < shape.width; ++w) {
                    double distance;

                    s = set_of(shape, norm, n, c, h);
                    distance = x[reference_at(shape, n, c, h, w)] - mean[s];
                    variance[s] += distance * distance;
                }
    for (s = 0; s < sets; ++s)
        variance[s] /= counts[s];
}

static double inverse_deviation(const struct reference_norm *norm, double variance)
{
    return variance + norm->eps > 0 ? 1 / sqrt(variance + norm->eps) : 0;
}

void reference_norm_forward(struct reference_shape shape, const struct reference_norm *norm, const double *x,
                            const double *mean, const double *variance, const double *gamma, const double *beta,
                            double *y)
{
    for (int n = 0; n < shape.images; ++n)
        for (int c = 0; c < shape.channels; ++c)
            for (int h = 0; h < shape.height; ++h)
                for (int w = 0; w < shape.width; ++w) {
                    int s = set_of(shape, norm, n, c, h);
                    int p = parameter_of(shape, norm, c, h, w);
                    int i = reference_at(shape, n, c, h, w);

                    y[i] = (x[i] - mean[s]) * inverse_deviation(norm, variance[s]);
                    if (gamma != NULL)
                        y[i] = y[i] * gamma[p] + (beta != NULL ? beta[p] : 0);
                }
}

/*
 * With xhat = (x - mean) * invstd and q = dy * gamma, the averages taken over the set:
 * dx = invstd * (q - avg(q) - xhat * avg(q * xhat)), for RMS norm without avg(q), since its mean is constantly 0.
 */
void reference_norm_backward(struct reference_shape shape, const struct reference_norm *norm, const double *x,
                             const double *mean, const double *variance, const double *gamma, const double *dy,
                             int fixed, double *dx, double *dgamma, double *dbeta)
{
    int sets = reference_norm_sets(shape, norm);
    double *sum_q = reference_allocate((size_t)sets, sizeof *sum_q);
    double *sum_qx = reference_allocate((size_t)sets, sizeof *sum_qx);
    int *counts = reference_allocate((size_t)sets, sizeof *counts);

    for (int pass = 0; pass < 2; ++pass) { /* first the sums, then dx */
        for (int n = 0; n < shape.images; ++n)
            for (int c = 0; c < shape.channels; ++c)
                for (int h = 0; h < shape.height; ++h)
                    for (int w = 0; w < shape.width; ++w) {
                        int s = set_of(shape, norm, n, c, h);
                        int p = parameter_of(shape, norm, c, h, w);
                        int i = reference_at(shape, n, c, h, w);
                        double invstd = inverse_deviation(norm, variance[s]);
                        double xhat = (x[i] - mean[s]) * invstd;
                        double q = gamma == NULL ? dy[i] : dy[i] * gamma[p];

                        if (pass == 0) {
                            if (norm->kind != NORMNET_NORM_RMS)
                                sum_q[s] += q;
                            sum_qx[s] += q * xhat;
                            ++counts[s];
                            if (dgamma != NULL) {
                                dgamma[p] += dy[i] * xhat;
                                if (dbeta != NULL)
                                    dbeta[p] += dy[i];
                            }
                        } else if (fixed) {
                            dx[i] = invstd * q;
                        } else {
                            dx[i] = invstd * (q - sum_q[s] / counts[s] - xhat * sum_qx[s] / counts[s]);
                        }
                    }
        if (dx == NULL)
            break;
    }
    free(sum_q);
    free(sum_qx);
    free(counts);
}

void reference_running_statistics(int channels, const double *mean, const double *variance, int count, double momentum,
                                  double *running_mean, double *running_variance, double *batches)
{
    double factor = momentum;

    *batches += 1;
    if (momentum < 0)
        factor = 1 / *batches;
    for (int c = 0; c < channels; ++c) {
        double unbiased = variance[c] * count / (count - 1);

        running_mean[c] = factor * mean[c] + (1 - factor) * running_mean[c];
        running_variance[c] = factor * unbiased + (1 - factor) * running_variance[c];
    }
}
