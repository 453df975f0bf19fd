/* SPDX-License-Identifier: MIT */
/*
 * The reference: what every layer, loss, regularizer, optimizer and schedule of libnormnet is to
 * compute, written once more in double precision as plain loops, with nothing in common with the
 * library but the public configuration. Activations are arrays of [images][channels][height][width].
 *
 * Conventions: every forward has its backward after it. `dx` names the gradient of the loss by `x`.
 * A gradient by activations overwrites its target, a gradient by parameters is added to it. A NULL
 * parameter (bias, gamma, beta) or gradient target is left out.
 *
 * Three parts: layers.c has single layers, training.c what happens between two batches,
 * network.c reads an architecture and runs all of it.
 */
#ifndef REFERENCE_H
#define REFERENCE_H

#include <normnet.h>

/* Memory for the reference; a test cannot go on without it, so this ends the program instead of failing. */
void *reference_allocate(size_t count, size_t size);

/* max |value|; 0 of nothing. */
double reference_largest(const double *values, int count);

/* ---- Layers ---------------------------------------------------------------------------------- */

struct reference_shape {
    int images, channels, height, width;
};

int reference_count(struct reference_shape shape);
/* The shape of a batch of `images`. */
struct reference_shape reference_with_images(struct reference_shape shape, int images);
/* The place of one value. */
int reference_at(struct reference_shape shape, int image, int channel, int row, int column);

struct reference_conv {
    int out, kernel, stride, padding;
};

/* Cross-correlation with weight[out][in][kernel][kernel], zeros outside of the image. */
struct reference_shape reference_conv_shape(struct reference_shape shape, const struct reference_conv *conv);
void reference_conv_forward(struct reference_shape shape, const struct reference_conv *conv, const double *x,
                            const double *weight, const double *bias, double *y);
void reference_conv_backward(struct reference_shape shape, const struct reference_conv *conv, const double *x,
                             const double *weight, const double *dy, double *dx, double *dweight, double *dbias);

/* Fully connected: weight[out][in]. */
void reference_fc_forward(int images, int in, int out, const double *x, const double *weight, const double *bias,
                          double *y);
void reference_fc_backward(int images, int in, int out, const double *x, const double *weight, const double *dy,
                           double *dx, double *dweight, double *dbias);

/* With a slope other than 0 this is leaky ReLU. */
void reference_relu_forward(int count, double slope, const double *x, double *y);
void reference_relu_backward(int count, double slope, const double *x, const double *dy, double *dx);

/*
 * All normalizations are one: values fall into sets that share a mean and a variance, and into
 * classes that share a gamma and a beta. `kind`, `groups`, `dims` and `virtual_batch` choose the sets,
 * `affine` (CHANNEL, ELEMENT or NONE, not DEFAULT) the classes.
 */
struct reference_norm {
    int kind;          /* normnet_norm */
    int groups;        /* of group norm */
    int dims;          /* of layer norm: 3, 2 or 1 trailing dimensions */
    int virtual_batch; /* of batch norm; 0 = the whole batch */
    int affine;        /* normnet_affine */
    double eps;
};

/* How many sets share statistics: the length of `mean` and `variance` below. */
int reference_norm_sets(struct reference_shape shape, const struct reference_norm *norm);
/* How many gammas, and as many betas, there are. */
int reference_norm_parameters(struct reference_shape shape, const struct reference_norm *norm);
/* Mean and biased variance of every set, for RMS norm 0 and the mean square; `counts` are their numbers of values. */
void reference_norm_statistics(struct reference_shape shape, const struct reference_norm *norm, const double *x,
                               double *mean, double *variance, int *counts);
/* y = (x - mean) / sqrt(variance + eps) * gamma + beta. For batch norm in evaluation pass running statistics. */
void reference_norm_forward(struct reference_shape shape, const struct reference_norm *norm, const double *x,
                            const double *mean, const double *variance, const double *gamma, const double *beta,
                            double *y);
/* `fixed` non-zero: the statistics are constants (evaluation), not functions of x. */
void reference_norm_backward(struct reference_shape shape, const struct reference_norm *norm, const double *x,
                             const double *mean, const double *variance, const double *gamma, const double *dy,
                             int fixed, double *dx, double *dgamma, double *dbeta);
/*
 * One batch enters the running statistics; `momentum` is the weight of the newest batch, below 0 stands
 * for the plain average over all batches so far. `batches` counts them.
 */
void reference_running_statistics(int channels, const double *mean, const double *variance, int count, double momentum,
                                  double *running_mean, double *running_variance, double *batches);

/* The share of zeros and the scale of dropout: p rounded to 1/65536, and 1 / (1 - p) of that. */
double reference_dropout_share(double probability);
double reference_dropout_scale(double probability);
/* Keeps where mask is 1. Backward is the same function with dy for x. */
void reference_dropout(int count, double probability, const unsigned char *mask, const double *x, double *y);

/* Windows of size x size with stride size; one that does not fit is left out. */
struct reference_shape reference_pool_shape(struct reference_shape shape, int size);
/* winners[i] is the place, within its plane, of the value that y[i] took: the first of equal ones. */
void reference_maxpool_forward(struct reference_shape shape, int size, const double *x, double *y, int *winners);
void reference_maxpool_backward(struct reference_shape shape, int size, const int *winners, const double *dy,
                                double *dx);
/* Windows of height x width, of which gap has one. */
void reference_avgpool_forward(struct reference_shape shape, int height, int width, const double *x, double *y);
void reference_avgpool_backward(struct reference_shape shape, int height, int width, const double *dy, double *dx);

void reference_log_softmax(int images, int classes, const double *logits, double *log_probabilities);
/*
 * The sum over the images of the cross-entropy with targets (1 - smoothing) * onehot + smoothing /
 * classes, and its gradient by the logits.
 */
double reference_loss(int images, int classes, const double *logits, const int *labels, double smoothing,
                      double *dlogits);

/* ---- Training -------------------------------------------------------------------------------- */

/* The defaults that normnet.h documents. */
void reference_config_init(normnet_config *config, int norm);

/* factor * sum |p|, and its gradient added. */
double reference_l1(int count, double factor, const double *parameters, double *gradient);
/* factor / 2 * sum p^2, and its gradient added. */
double reference_l2(int count, double factor, const double *parameters, double *gradient);
/* Scales a gradient longer than `limit` down to it (0 = never). The length before that. */
double reference_clip(int count, double limit, double *gradient);

struct reference_sgd {
    double lr, momentum, dampening;
    int nesterov;
    int first; /* the first step fills the buffer */
};

void reference_sgd_step(int count, const struct reference_sgd *sgd, const double *gradient, double *buffer,
                        double *parameters);

/* Learning rate and momentum of step 0, 1, ...; under the schedule that the configuration names. */
void reference_one_cycle(const normnet_config *config, int64_t step, double *lr, double *momentum);
void reference_step_schedule(const normnet_config *config, int64_t step, double *lr, double *momentum);
void reference_schedule(const normnet_config *config, int64_t step, double *lr, double *momentum);

/* ---- Networks -------------------------------------------------------------------------------- */

typedef enum reference_kind {
    REFERENCE_CONV,
    REFERENCE_FC,
    REFERENCE_RELU,
    REFERENCE_NORM,
    REFERENCE_IDENTITY,
    REFERENCE_DROPOUT,
    REFERENCE_MAXPOOL,
    REFERENCE_AVGPOOL,
    REFERENCE_GAP,
    REFERENCE_FLATTEN
} reference_kind;

struct reference_layer {
    reference_kind kind;
    struct reference_shape in, out; /* of one image */
    struct reference_conv conv;
    struct reference_norm norm;
    int pool;
    double probability;
    double slope; /* of ReLU: 0 unless leaky */
    /* Where its parameters begin in the array of all, and how many there are. */
    int weight, weight_count;
    int bias, bias_count;
    /* Of batch norm: running mean, running variance and count begin here in the array of statistics; else -1. */
    int statistics;
};

enum { REFERENCE_MOST_LAYERS = 2048 };

/* Parameters and statistics lie in the order of the equivalent state_dict. */
struct reference_network {
    normnet_config config;
    int layer_count;
    int parameter_count;
    int statistics_count;
    struct reference_layer layers[REFERENCE_MOST_LAYERS];
};

/* Reads the architecture. NULL if it is not one, with a message on stderr. free() it. */
struct reference_network *reference_network_create(const normnet_config *config);
/* Initial running statistics: 0, 1 and no batch. */
void reference_initial_statistics(const struct reference_network *network, double *statistics);

typedef enum reference_mode {
    REFERENCE_EVALUATION, /* running statistics, no dropout */
    REFERENCE_TRAINING    /* statistics of the batch, dropout where masks are given */
} reference_mode;

/* One batch on its way through a network. */
struct reference_pass {
    const struct reference_network *network;
    int images;
    double **outputs; /* [layer_count + 1]; outputs[i] enters layer i, outputs[0] is the scaled input */
    int **winners;    /* [layer_count] of max pools */
    double **means;   /* [layer_count] of normalizations, as used */
    double **variances;
    int **set_counts;
    unsigned char **masks; /* [layer_count] of dropouts, all 1 at first; the caller's to change */
    double loss;           /* the sum over the images */
    int correct;
    double *gradient;       /* sum over the images, [parameter_count] */
    double *input_gradient; /* of the same sum, by outputs[0] */
};

struct reference_pass *reference_pass_create(const struct reference_network *network, int images);
void reference_pass_destroy(struct reference_pass *pass);
struct reference_shape reference_input_shape(const struct reference_pass *pass);
/* The scaled images, [images][channels][height][width], with mean and std of the configuration applied. */
void reference_set_images(struct reference_pass *pass, const double *images);
const double *reference_logits(const struct reference_pass *pass);

void reference_forward(struct reference_pass *pass, const double *parameters, const double *statistics,
                       reference_mode mode);
/* One layer of it, from pass->outputs[layer] to pass->outputs[layer + 1]. */
void reference_layer_forward(struct reference_pass *pass, int layer, const double *parameters, const double *statistics,
                             reference_mode mode);
/* Loss, correct and the gradient after a forward in training. */
void reference_backward(struct reference_pass *pass, const double *parameters, const int *labels);
/*
 * What a gradient would typically be if nothing cancelled: backward with the statistics of all
 * normalizations held constant, |normalized| in the gradient of gamma, and means of |x| instead of x after
 * averages. The scale for errors where the true gradient is zero. [parameter_count]
 */
void reference_typical_gradient(const struct reference_pass *pass, const double *parameters, const int *labels,
                                double *gradient);
/* The batch of the last forward in training enters the running statistics. */
void reference_update_statistics(const struct reference_pass *pass, double *statistics);

/* A network in training. */
struct reference_trainer {
    const struct reference_network *network;
    double *parameters, *statistics, *buffer;
    int64_t step;
};

struct reference_metrics {
    double loss, penalty, lr, momentum, gradient_norm; /* as normnet_metrics */
};

struct reference_trainer *reference_trainer_create(const struct reference_network *network, const double *parameters);
void reference_trainer_destroy(struct reference_trainer *trainer);
/* What a step does with a pass that was forward in training and backward: penalties, update, statistics. */
struct reference_metrics reference_apply(struct reference_trainer *trainer, const struct reference_pass *pass);

#endif
