/* SPDX-License-Identifier: MIT */
/*
 * libnormnet: train small image-classification networks from C.
 *
 * A network is a sentence of layers in which the word `norm` stands for the normalization that an
 * enum names. A complete program:
 *
 *     #include <normnet.h>
 *     ...
 *     normnet_config config;
 *     normnet_config_init(&config, NORMNET_NORM_GROUP);
 *     normnet_model *model = NULL;
 *     if (normnet_model_create(&model, &config) != NORMNET_OK)
 *         return puts(normnet_error_message());
 *     normnet_tensor images, labels;
 *     normnet_tensor_init(&images, NORMNET_U8, pixels, 4, (const int64_t[]){128, 1, 28, 28});
 *     normnet_tensor_init(&labels, NORMNET_U8, digits, 1, (const int64_t[]){128});
 *     normnet_metrics metrics = {sizeof metrics};
 *     normnet_train_step(model, &images, &labels, &metrics);
 *     normnet_model_destroy(model);
 *
 * What holds for every function below, unless its comment says otherwise:
 *
 * - Errors. A function that can fail returns a normnet_status; NORMNET_OK is 0. After a failure every
 *   output is untouched, the model is bit for bit as it was, and normnet_error_message() says in one
 *   sentence what was wrong, with the value. The library never aborts, exits, prints, raises a
 *   signal, reads the environment or changes the locale or the floating-point mode.
 * - Ownership. The library keeps no pointer that a caller passes, except the functions and user
 *   pointers of the configuration. What it hands out belongs to the model and lives until
 *   normnet_model_destroy().
 * - Threads. Calls on different models are independent. On one model, normnet_config.readers calls
 *   of the reading kind (evaluate, predict, layer_output, save, serialize, export, clone) may run at the same
 *   time; one more reader, or one beside a call of the writing kind (training, statistics, set_..., load_weights),
 *   or two of the writing kind, is NORMNET_EBUSY. Calls that describe (config, layers, state, summary, gradients) are
 *   always allowed; what they point to changes while a writing call runs.
 * - Structs begin with their size, a multiple of 8. An input struct may be shorter than the library's (missing
 *   fields take their defaults) or longer (the unknown tail must be zero: NORMNET_EINVAL otherwise).
 *   An output struct is written up to the smaller of the two sizes; what lies beyond is set to zero.
 * - NULL. A pointer that may be NULL is said to be; any other NULL is NORMNET_EINVAL.
 */
#ifndef NORMNET_H
#define NORMNET_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NORMNET_VERSION_MAJOR 0
#define NORMNET_VERSION_MINOR 1
#define NORMNET_VERSION_PATCH 0
/* The number in the soname; it changes when a program built against an older header could break. */
#define NORMNET_ABI_VERSION 0
/* Rises whenever the weights that a given configuration, seed and data lead to can change by a bit. */
#define NORMNET_BITS_VERSION 1

#if defined(_WIN32) && defined(NORMNET_SHARED)
#define NORMNET_API __declspec(dllimport)
#elif defined(__GNUC__)
#define NORMNET_API __attribute__((visibility("default")))
#else
#define NORMNET_API
#endif

/* ---- Status ---------------------------------------------------------------------------------- */

/* Values are never renumbered; the list grows. Treat an unknown non-zero value as a failure. */
typedef enum normnet_status {
    NORMNET_OK = 0,
    NORMNET_EINVAL = 1,       /* a documented precondition is broken */
    NORMNET_ENOMEM = 2,       /* the allocator returned NULL */
    NORMNET_EIO = 3,          /* open, read, write, sync or rename failed */
    NORMNET_ETRUNCATED = 4,   /* a file is shorter than it says */
    NORMNET_EFORMAT = 5,      /* a file breaks its format */
    NORMNET_ELIMIT = 6,       /* a documented limit is exceeded */
    NORMNET_EUNSUPPORTED = 7, /* valid, but this version or machine cannot do it */
    NORMNET_EARCH = 8,        /* the architecture string is refused; the sentence gives the column */
    NORMNET_EMISMATCH = 9,    /* names or shapes differ from those of the network */
    NORMNET_EVALUE = 10,      /* a value is not finite or out of its range */
    NORMNET_ECHECKSUM = 11,   /* a stored checksum differs */
    NORMNET_ELABEL = 12,      /* a class label lies outside [0, classes) */
    NORMNET_EBUSY = 13,       /* the model is in use by another call */
    NORMNET_ESTATE = 14       /* the call does not fit the state, e.g. a step past the schedule's end */
} normnet_status;

/* The name of a status, e.g. "NORMNET_ELABEL"; a constant string for unknown values too. */
NORMNET_API const char *normnet_status_string(int32_t status);

/*
 * One sentence about the last failure of the calling thread, with the offending values; "" before
 * the first. Valid until the next failing call of the same thread. A success does not clear it.
 */
NORMNET_API const char *normnet_error_message(void);

/* "0.1.0": of the library that runs, where the macros are those of the header compiled against. */
NORMNET_API const char *normnet_version(void);
NORMNET_API int32_t normnet_abi_version(void);
NORMNET_API int32_t normnet_bits_version(void);

/* ---- Configuration --------------------------------------------------------------------------- */

/* What the word `norm` in an architecture stands for. */
typedef enum normnet_norm {
    NORMNET_NORM_NONE = 0,    /* nothing (torch.nn.Identity) */
    NORMNET_NORM_BATCH = 1,   /* per channel over the batch and its pixels */
    NORMNET_NORM_GROUP = 2,   /* per sample over groups of channels */
    NORMNET_NORM_LAYER = 3,   /* per sample over all channels and pixels, or see layer_dims */
    NORMNET_NORM_INSTANCE = 4 /* per sample and channel: GroupNorm(C, C) */
} normnet_norm;

/* Which values of a normalization share a gamma and a beta. */
typedef enum normnet_affine {
    NORMNET_AFFINE_DEFAULT = 0, /* per channel; none for layer norm over two dimensions or one */
    NORMNET_AFFINE_CHANNEL = 1, /* one pair per channel; not for layer_dims 1 and 2 */
    NORMNET_AFFINE_ELEMENT = 2, /* one pair per normalized element (torch.nn.LayerNorm); layer norm only */
    NORMNET_AFFINE_NONE = 3
} normnet_affine;

typedef enum normnet_penalty {
    NORMNET_PENALTY_ALL = 0,    /* l1 and l2 apply to every parameter, as SGD's weight_decay does */
    NORMNET_PENALTY_WEIGHTS = 1 /* to the weights of conv and fc only: no bias, gamma or beta */
} normnet_penalty;

typedef enum normnet_schedule {
    NORMNET_SCHEDULE_CONSTANT = 0, /* lr and momentum, changed by normnet_set_learning_rate() */
    NORMNET_SCHEDULE_STEP = 1,     /* lr * step_gamma^(step / step_size), as torch's StepLR */
    NORMNET_SCHEDULE_ONE_CYCLE = 2 /* over total_steps, as torch's OneCycleLR */
} normnet_schedule;

typedef enum normnet_anneal { NORMNET_ANNEAL_COSINE = 0, NORMNET_ANNEAL_LINEAR = 1 } normnet_anneal;

/* The instruction set of the kernels. All of them compute the same bits. */
typedef enum normnet_cpu {
    NORMNET_CPU_BEST = 0,     /* the fastest that this machine and build have */
    NORMNET_CPU_PORTABLE = 1, /* plain C, with the fused multiply-add computed exactly in software */
    NORMNET_CPU_AVX2 = 2,     /* x86-64 with AVX2 and FMA */
    NORMNET_CPU_AVX512 = 3,   /* x86-64 with AVX-512 F, BW, DQ and VL */
    NORMNET_CPU_NEON = 4      /* AArch64 (little-endian), whose baseline it is */
} normnet_cpu;

/*
 * Everything that describes a model. Fill it with normnet_config_init(), change what differs, pass it
 * to normnet_model_create(), which copies it (the strings and arrays too). Hyper-parameters bear the
 * names of PyTorch where it has one. Defaults stand in brackets.
 */
typedef struct normnet_config {
    int32_t struct_size; /* sizeof(normnet_config) as the caller was compiled */
    int32_t norm;        /* normnet_norm */

    /* The images and the task. */
    int32_t channels; /* [1] 1 to 4096 */
    int32_t height;   /* [28] pixels, 1 to 4096 */
    int32_t width;    /* [28] pixels, 1 to 4096 */
    int32_t classes;  /* [10] 2 to 65536 */

    /* The normalization. */
    int32_t groups;                /* [0] of group norm; 0 = one group per four channels */
    int32_t layer_dims;            /* [3] trailing dimensions of layer norm: 3, 2 or 1 (the width) */
    int32_t affine;                /* [default] normnet_affine */
    int32_t virtual_batch;         /* [0] ghost batch norm: a multiple of 16, 0 = off. A batch of N falls into
                                      floor(N / virtual_batch) groups, at least one; the rest joins the last.
                                      Not together with reduce (NORMNET_EUNSUPPORTED) */
    int32_t cumulative_statistics; /* [0] 1 = running statistics are plain averages (torch's momentum=None) */

    /* Regularization and optimization. */
    int32_t penalty_on;     /* [all] normnet_penalty */
    int32_t schedule;       /* [constant] normnet_schedule */
    int32_t anneal;         /* [cosine] normnet_anneal, of one-cycle */
    int32_t three_phase;    /* [0] of one-cycle */
    int32_t cycle_momentum; /* [1] of one-cycle; 0 leaves momentum as it is */
    int32_t nesterov;       /* [0] needs momentum > 0 and dampening 0 */

    /* What belongs to the host program and is never stored with a model. */
    int32_t threads; /* [1] at most this many OpenMP threads, 1 to 1024; the bits do not depend on it. Where other work
                        competes for the cores, set OMP_WAIT_POLICY=passive for the process: the OpenMP runtime's
                        waiting threads may otherwise spin for milliseconds */
    int32_t readers; /* [1] simultaneous calls of the reading kind, 1 to 1024 */
    int32_t max_batch; /* [128] most images of one training call, 1 to 1048576 */
    int32_t cpu;       /* [best] normnet_cpu */
    int32_t reserved;  /* 0 */

    int64_t seed;         /* [1] of the initial weights and of dropout */
    int64_t total_steps;  /* [0] of one-cycle: at least 1 there */
    int64_t step_size;    /* [1] of the step schedule, in training steps, not epochs */
    int64_t memory_limit; /* [2^30] bytes; a model that needs more is NORMNET_ELIMIT; 0 = no limit */

    double eps;                /* [1e-5] added to variances */
    double batchnorm_momentum; /* [0.1] weight of the newest batch in running statistics, 0 to 1 */
    double dropout;            /* [0.03] of the token `dropout`: the share set to zero, 0 to 1 */
    double l1;                 /* [0] adds l1 * sum |p| to the loss, once per step */
    double l2;                 /* [0] adds l2 * p to the gradient (torch's weight_decay) */
    double label_smoothing;    /* [0] 0 to 1 */
    double lr;                 /* [0.01] of the constant and the step schedule */
    double momentum;           /* [0.9] of the constant and the step schedule */
    double dampening;          /* [0] */
    double step_gamma;         /* [0.1] of the step schedule */
    double max_lr;             /* [0.015] of one-cycle, as are the following five */
    double base_momentum;      /* [0.85] */
    double max_momentum;       /* [0.95] */
    double pct_start;          /* [0.3] share of the steps in which lr rises, 0 to 1 */
    double div_factor;         /* [25] lr starts at max_lr / div_factor */
    double final_div_factor;   /* [1e4] and ends at max_lr / div_factor / final_div_factor */
    double clip_norm;          /* [0] gradients longer than this are scaled down to it; 0 = off */

    /*
     * The network: layers separated by blanks, each the child of the same index of a
     * torch.nn.Sequential. [NULL = a network of 7,704 parameters for images from 18x18]
     *
     *     conv<k>-<out>   k x k convolution to <out> channels; append s<stride>, p<padding>, b (bias)
     *     fc-<out>        fully connected, after flatten; append b for a bias
     *     relu  norm  flatten
     *     leakyrelu<s>    x where x > 0 and s x elsewhere; leakyrelu alone has the slope 0.01
     *     dropout         with probability `dropout`; dropout0.1 or dropout.1 with its own
     *     maxpool<k>  avgpool<k>   k x k (maxpool up to 16), stride k; an incomplete window is left out
     *     gap             mean over all pixels (AdaptiveAvgPool2d(1))
     *     batchnorm  groupnorm<g>  layernorm  instancenorm     whatever `norm` stands for
     *
     * It must end in `classes` values per image. Over 4,096 bytes: NORMNET_ELIMIT.
     */
    const char *architecture;
    const double *input_mean; /* [NULL = 0] one per channel, in the units of the scaled images */
    const double *input_std;  /* [NULL = 1] one per channel; the network sees (x - mean) / std */

    /*
     * Memory. Both or neither; NULL = malloc and free. Called where models are created, destroyed, saved, loaded and
     * exported, in the thread of that call, never by a training step or a prediction. `allocate` returns `size` bytes
     * aligned to `alignment`, or NULL.
     */
    void *(*allocate)(void *user, int64_t size, int64_t alignment);
    void (*deallocate)(void *user, void *block, int64_t size);
    void *allocator_user;

    /*
     * Synchronized batch norm: called wherever batch norm combines a batch, forward and backward, by
     * the calling thread, to replace values[0..count) by their sums over all ranks. Non-zero fails
     * the step (NORMNET_EIO). [NULL = this process alone]
     */
    int32_t (*reduce)(void *user, double *values, int64_t count);
    void *reduce_user;
} normnet_config;

/*
 * Writes the defaults for `norm`, up to `struct_size` bytes, zero beyond what the library knows. For
 * bindings; C and C++ call normnet_config_init(). NORMNET_EINVAL for a size that is no config's,
 * NORMNET_EUNSUPPORTED for an unknown norm.
 */
NORMNET_API normnet_status normnet_config_init_size(normnet_config *config, int32_t struct_size, int32_t norm);

static inline normnet_status normnet_config_init(normnet_config *config, int32_t norm)
{
    return normnet_config_init_size(config, (int32_t)sizeof *config, norm);
}

/* ---- Tensors --------------------------------------------------------------------------------- */

typedef enum normnet_dtype { NORMNET_U8 = 1, NORMNET_F32 = 2, NORMNET_I32 = 3, NORMNET_I64 = 4 } normnet_dtype;

/*
 * A view of the caller's memory. Strides count elements, not bytes; all strides 0 means contiguous in
 * the order of the shape. Otherwise, for inputs only, a stride of 0 repeats and a negative one walks
 * backwards from `data`; outputs may not overlap themselves or an input. `data` is aligned to its
 * element and may be read-only for inputs.
 *
 * Images are rank 4 in the order N, C, H, W (so NHWC data is a matter of strides), u8 (scaled by
 * 1/255) or f32 (taken as they are; must be finite). Labels are rank 1 of u8, i32 or i64.
 */
typedef struct normnet_tensor {
    int32_t struct_size; /* sizeof(normnet_tensor) */
    int32_t dtype;       /* normnet_dtype */
    int32_t rank;        /* 0 to 8 */
    int32_t reserved;    /* 0 */
    int64_t shape[8];
    int64_t strides[8];
    void *data;
#if UINTPTR_MAX <= 0xffffffffu
    int32_t reserved_pointer; /* 0; fills the pointer up to 64 bits */
#endif
} normnet_tensor;

/* A contiguous tensor over `data`; `rank` entries of `shape` are copied (at most 8). */
static inline void normnet_tensor_init(normnet_tensor *tensor, int32_t dtype, const void *data, int32_t rank,
                                       const int64_t *shape)
{
    int32_t i;
    tensor->struct_size = (int32_t)sizeof *tensor;
    tensor->dtype = dtype;
    tensor->rank = rank;
    tensor->reserved = 0;
    for (i = 0; i < 8; ++i) {
        tensor->shape[i] = i < rank ? shape[i] : 0;
        tensor->strides[i] = 0;
    }
    tensor->data = (void *)(uintptr_t)data;
#if UINTPTR_MAX <= 0xffffffffu
    tensor->reserved_pointer = 0;
#endif
}

/* ---- Models ---------------------------------------------------------------------------------- */

/* A network with its weights, running statistics, optimizer state and memory. */
typedef struct normnet_model normnet_model;

/*
 * Builds the network of `config` (NULL = all defaults, without normalization), plans and allocates
 * all memory that training and prediction will ever use, and draws the initial weights as PyTorch
 * does: uniform within 1 / sqrt(fan-in) for conv and fc, gamma 1, beta 0. *model is written on success only.
 *
 * NORMNET_EARCH for a sentence that is no network of this task (the message names the token, its
 * column and the shape that reached it), NORMNET_EUNSUPPORTED for a normalization and affine form
 * that do not go together or an instruction set that the machine lacks, NORMNET_EVALUE for a
 * hyper-parameter out of range, NORMNET_ELIMIT, NORMNET_ENOMEM.
 */
NORMNET_API normnet_status normnet_model_create(normnet_model **model, const normnet_config *config);

/* Frees everything. NULL is allowed. No other call on the model may be running. */
NORMNET_API void normnet_model_destroy(normnet_model *model);

/*
 * The configuration in force: what create was given, with the defaults filled in and the current lr
 * and momentum where normnet_set_learning_rate() changed them. Strings and arrays belong to the model.
 */
NORMNET_API normnet_status normnet_model_config(const normnet_model *model, normnet_config *config);

/* The instruction set in use, e.g. "avx2"; for NULL the best that this machine and build have. */
NORMNET_API const char *normnet_cpu_name(const normnet_model *model);

/*
 * A table of the layers with their outputs, parameters and receptive fields, followed by warnings
 * about normalizations that destroy what they normalize: one whose statistics lie inside the pool
 * after it, instance norm before gap, a statistic over a single value. Manners of snprintf: at most
 * `size` bytes with the final 0 are written to `text` (NULL if size is 0), and the length without it
 * that would have been needed is returned; 0 if `model` is NULL.
 */
NORMNET_API int64_t normnet_model_summary(const normnet_model *model, char *text, int64_t size);

typedef struct normnet_layer_info {
    int32_t struct_size;     /* sizeof(normnet_layer_info) */
    int32_t channels;        /* of the output; the features after flatten */
    int32_t height;          /* of the output; 1 after flatten */
    int32_t width;           /* of the output; 1 after flatten */
    int32_t receptive_field; /* side, in input pixels, of what one output depends on through conv and pool */
    int32_t reserved;
    int64_t parameters;    /* trained scalars of this layer */
    int64_t multiply_adds; /* of the forward pass of one image through conv and fc */
    const char *token;     /* as written in the architecture, e.g. "conv3-8" */
    const char *module;    /* the equivalent module, e.g. "Conv2d", "GroupNorm" */
} normnet_layer_info;

/* Layers are counted from 0, one per token. 0 layers if `model` is NULL. */
NORMNET_API int32_t normnet_layer_count(const normnet_model *model);
NORMNET_API normnet_status normnet_layer(const normnet_model *model, int32_t layer, normnet_layer_info *info);

/* ---- State: weights and running statistics --------------------------------------------------- */

/* Trained scalars: 7,704 for the default network with a per-channel normalization. 0 if `model` is NULL. */
NORMNET_API int64_t normnet_parameter_count(const normnet_model *model);

typedef struct normnet_state_info {
    int32_t struct_size; /* sizeof(normnet_state_info) */
    int32_t dtype;       /* NORMNET_F32; NORMNET_I64 for num_batches_tracked */
    int32_t rank;        /* 0 for num_batches_tracked */
    int32_t trained;     /* 1 for a parameter, 0 for a running statistic */
    int64_t shape[8];
    const char *name; /* the key of the equivalent state_dict, e.g. "2.running_mean" */
    const void *data; /* contiguous; unmoved until destroy, stable while no writing call runs */
} normnet_state_info;

/*
 * The entries of the equivalent torch.nn.Sequential's state_dict, in its order. The parameters
 * (trained = 1) are contiguous in one array of normnet_parameter_count() floats, which
 * begins at the first parameter's data.
 */
NORMNET_API int32_t normnet_state_count(const normnet_model *model);
NORMNET_API normnet_status normnet_state(const normnet_model *model, int32_t index, normnet_state_info *info);

/*
 * Overwrites one entry. NORMNET_EMISMATCH for an unknown name or another shape or dtype, NORMNET_EVALUE for
 * a value that is not finite, a negative variance or a negative count. Gradients that wait to be
 * applied, momentum and the step stay as they are.
 */
NORMNET_API normnet_status normnet_set_state(normnet_model *model, const char *name, const normnet_tensor *tensor);

/*
 * Overwrites all parameters from one array of normnet_parameter_count() finite floats: NORMNET_EMISMATCH for
 * another count, NORMNET_EVALUE.
 */
NORMNET_API normnet_status normnet_set_parameters(normnet_model *model, const float *values, int64_t count);

/* ---- Training -------------------------------------------------------------------------------- */

typedef struct normnet_metrics {
    int32_t struct_size; /* sizeof(normnet_metrics) */
    int32_t reserved;
    double loss;          /* mean data loss (cross-entropy) of the images, without penalty */
    double penalty;       /* l1 * sum |p| + l2 / 2 * sum p^2, before the update; 0 from evaluate and
                             compute_gradients */
    int64_t count;        /* images */
    int64_t correct;      /* whose highest score (the first of equals) was the label */
    int64_t step;         /* training steps the model has taken, this one included */
    double lr;            /* of this step; 0 from evaluate and compute_gradients */
    double momentum;      /* of this step; 0 likewise */
    double gradient_norm; /* Euclidean norm of the mean gradient, penalty included, before clipping; 0 likewise */
} normnet_metrics;

/*
 * One step of stochastic gradient descent on a batch of 1 to max_batch images: forward, loss,
 * backward, penalty, update, running statistics, schedule. `metrics` may be NULL. Allocates nothing.
 *
 * NORMNET_ELABEL, NORMNET_EVALUE (a pixel, or a loss, gradient or new weight that is not finite),
 * NORMNET_EINVAL (shapes; batch norm over a single value), NORMNET_ESTATE (a one-cycle model at its
 * last step; gradients of compute_gradients that wait to be applied).
 */
NORMNET_API normnet_status normnet_train_step(normnet_model *model, const normnet_tensor *images,
                                              const normnet_tensor *labels, normnet_metrics *metrics);

/* Where the images of a compute_gradients call stand in a larger batch. */
typedef struct normnet_batch {
    int32_t struct_size; /* sizeof(normnet_batch) */
    int32_t reserved;
    int64_t first_sample;  /* [0] index of the first image in the whole batch, which has up to 2^32 - 1; dropout counts
                              with it */
    int64_t images_in_all; /* [0 = only these] images of the whole batch, over all calls and ranks */
} normnet_batch;

/*
 * The first half of a step: adds the sum over the images (not the mean) of the gradient of the data
 * loss to the model's gradients. Calls may follow each other for a batch larger than max_batch. With batch
 * norm each call normalizes its own images. `batch` and `metrics` may be NULL. Errors as train_step.
 */
NORMNET_API normnet_status normnet_compute_gradients(normnet_model *model, const normnet_tensor *images,
                                                     const normnet_tensor *labels, const normnet_batch *batch,
                                                     normnet_metrics *metrics);

/*
 * The gradients between compute and apply: normnet_parameter_count() doubles in the order of the
 * parameters, the caller's to read, sum over machines or change until the next call on the model.
 * Double, so that the order in which shards are added hardly ever reaches the float weights. All
 * zero before the first compute. Either output may be NULL.
 */
NORMNET_API normnet_status normnet_gradients(normnet_model *model, double **values, int64_t *count);

/*
 * The second half: divides by `images_in_all`, adds l1, then l2, clips, updates the weights,
 * commits the running statistics, advances the schedule and clears the gradients. NORMNET_ESTATE
 * without a compute before it.
 */
NORMNET_API normnet_status normnet_apply_gradients(normnet_model *model, int64_t images_in_all);

/* Forgets computed gradients and the running statistics that came with them. */
NORMNET_API normnet_status normnet_discard_gradients(normnet_model *model);

/*
 * Sets lr and momentum from the next step on. NORMNET_ESTATE unless the schedule is constant, NORMNET_EVALUE outside of
 * what create accepts, NORMNET_EINVAL for a momentum of 0 where config.nesterov needs more.
 */
NORMNET_API normnet_status normnet_set_learning_rate(normnet_model *model, double lr, double momentum);

/*
 * Recomputes the running statistics of batch norm, as torch.optim.swa_utils.update_bn does: forward in
 * training mode over up to max_batch images, averaging all calls since the last with `reset` non-zero. NORMNET_ESTATE
 * while gradients wait to be applied; NORMNET_EVALUE and NORMNET_EINVAL as train_step.
 */
NORMNET_API normnet_status normnet_update_statistics(normnet_model *model, const normnet_tensor *images, int32_t reset);

/* ---- Prediction ------------------------------------------------------------------------------ */

typedef enum normnet_scores {
    NORMNET_SCORES_PROBABILITIES = 0,
    NORMNET_SCORES_LOG_PROBABILITIES = 1,
    NORMNET_SCORES_LOGITS = 2
} normnet_scores;

typedef enum normnet_statistics {
    NORMNET_STATISTICS_RUNNING = 0, /* batch norm uses its running statistics */
    NORMNET_STATISTICS_BATCH = 1    /* those of the images given: at most max_batch, and the call is of the
                                       writing kind as far as other threads are concerned */
} normnet_statistics;

typedef struct normnet_predict_options {
    int32_t struct_size; /* sizeof(normnet_predict_options) */
    int32_t scores;      /* [probabilities] normnet_scores, of predict */
    int32_t statistics;  /* [running] normnet_statistics */
    int32_t reserved;    /* 0 */
} normnet_predict_options;

/*
 * Loss (with label smoothing, as in training) and accuracy over any number of images, without dropout. `confusion`, if
 * not NULL, receives classes x classes counts, row = label, column = prediction. `metrics` and `options` may be NULL.
 */
NORMNET_API normnet_status normnet_evaluate(normnet_model *model, const normnet_tensor *images,
                                            const normnet_tensor *labels, normnet_metrics *metrics, int64_t *confusion,
                                            const normnet_predict_options *options);

/*
 * Scores (f32, N x classes) and the class with the highest score (u8, i32 or i64, N) of any number
 * of images. `scores`, `classes` and `options` may be NULL. A score that is not finite is returned as it is.
 */
NORMNET_API normnet_status normnet_predict(normnet_model *model, const normnet_tensor *images, normnet_tensor *scores,
                                           normnet_tensor *classes, const normnet_predict_options *options);

/* The output of one layer in evaluation: f32, N x channels x height x width (N x features after flatten). */
NORMNET_API normnet_status normnet_layer_output(normnet_model *model, const normnet_tensor *images, int32_t layer,
                                                normnet_tensor *output, const normnet_predict_options *options);

/* ---- Files and copies ------------------------------------------------------------------------ */

/*
 * A file is safetensors with the keys of the equivalent torch.nn.Sequential, described byte by byte in docs/format.md.
 * Equal models make equal files, on every machine.
 */
typedef enum normnet_file {
    NORMNET_FILE_CHECKPOINT = 0, /* all that training goes on from, bit for bit as if it had never stopped: weights,
                                    statistics, momentum, step, seed, network, loss, optimizer and schedule */
    NORMNET_FILE_WEIGHTS = 1     /* what a state_dict holds, which torch loads with strict=True, and the network */
} normnet_file;

typedef struct normnet_save_options {
    int32_t struct_size; /* sizeof(normnet_save_options) */
    int32_t kind;        /* [checkpoint] normnet_file */
    const char *note;    /* [NULL = none] the caller's own text in UTF-8, up to 65,536 bytes: normnet_model_note() */
#if UINTPTR_MAX <= 0xffffffffu
    int32_t reserved_pointer; /* 0; fills the pointer up to 64 bits */
#endif
} normnet_save_options;

/*
 * Writes a model to a file, of the reading kind. The file appears whole or not at all: it is written beside `path`, in
 * a directory that can be read and written, brought to the disk and put in its place. A regular file there gives it its
 * permissions (on POSIX systems; not owner and access list), a symbolic link is replaced, anything else is refused.
 * `options` may be NULL.
 *
 * NORMNET_EIO with the system's reason; the old file is as it was, unless the sentence says that only the directory
 * entry may not have reached the disk. NORMNET_ESTATE for a checkpoint while gradients wait to be applied,
 * NORMNET_ELIMIT for a model of more than 4,096 tensors or a longer note, NORMNET_ENOMEM for memory of the file's size.
 */
NORMNET_API normnet_status normnet_model_save(normnet_model *model, const char *path,
                                              const normnet_save_options *options);

/*
 * The same bytes in memory: `*needed` is how many there are. Nothing is written to `bytes` (NULL if size is 0) if
 * `size` is less, which is NORMNET_OK for size 0 and NORMNET_EINVAL otherwise.
 */
NORMNET_API normnet_status normnet_model_serialize(normnet_model *model, void *bytes, int64_t size, int64_t *needed,
                                                   const normnet_save_options *options);

/*
 * Creates a model from a file. A checkpoint brings everything but what belongs to the host (threads, readers,
 * max_batch, cpu, memory_limit, allocator, reduce), which comes from `host` (NULL = defaults); so a training that is
 * loaded goes on as it would have. A file of weights brings the network, and `host` the rest of the configuration.
 *
 * NORMNET_EIO, NORMNET_ETRUNCATED, NORMNET_EFORMAT, NORMNET_ECHECKSUM, NORMNET_EUNSUPPORTED, NORMNET_ELIMIT,
 * NORMNET_EARCH (also for a file that does not say which network it is: see normnet_load_weights), NORMNET_EMISMATCH,
 * NORMNET_EVALUE, NORMNET_ENOMEM, and NORMNET_ESTATE if host->total_steps is given and is not the checkpoint's. The
 * sentence names the byte of the file, the tensor or the value.
 */
NORMNET_API normnet_status normnet_model_load(normnet_model **model, const char *path, const normnet_config *host);
NORMNET_API normnet_status normnet_model_deserialize(normnet_model **model, const void *bytes, int64_t size,
                                                     const normnet_config *host);

/*
 * Fills a model with the weights and statistics of a file of either kind, or of one that PyTorch or Python's
 * safetensors wrote for the same Sequential; step, momentum and waiting gradients stay as they are, as with
 * normnet_set_state().
 * NORMNET_EMISMATCH, with nothing changed, if a name, shape or dtype differs, or if the file says that its layers
 * compute something else with them; spelling, dropout, eps and the size of images may differ. Other errors as
 * normnet_model_load().
 */
NORMNET_API normnet_status normnet_load_weights(normnet_model *model, const char *path);
NORMNET_API normnet_status normnet_deserialize_weights(normnet_model *model, const void *bytes, int64_t size);

/*
 * Writes the network in evaluation as an ONNX graph (opset 17) from `images`, N x channels x height x width floats as
 * normnet_predict() takes them, to `logits`, N x classes. Of the reading kind; written as normnet_model_save() writes.
 * NORMNET_EIO, NORMNET_ENOMEM, NORMNET_ELIMIT above 2^31 - 1 bytes.
 */
NORMNET_API normnet_status normnet_model_export_onnx(normnet_model *model, const char *path);

/* The note of the file that the model was loaded from; "" without one. It belongs to the model. NULL if `model` is. */
NORMNET_API const char *normnet_model_note(const normnet_model *model);

/* Training steps taken, those before a checkpoint included. 0 if `model` is NULL. */
NORMNET_API int64_t normnet_steps_taken(const normnet_model *model);

/*
 * A copy that goes on exactly as the original would: state, momentum, step and waiting gradients. What belongs to the
 * host comes from `host` (NULL = as the original's). Of the reading kind for `model`. Use it to predict while the
 * original trains. Errors as normnet_model_create().
 */
NORMNET_API normnet_status normnet_model_clone(normnet_model **copy, normnet_model *model, const normnet_config *host);

/* ---- Schedules and shards: pure functions ---------------------------------------------------- */

/*
 * Learning rate and momentum that optimizer step `step` (from 0) uses under the one-cycle or step
 * schedule of `config`, whatever config.schedule says. `lr` and `momentum` may be NULL. NORMNET_ESTATE for a one-cycle
 * step of total_steps or more, NORMNET_EINVAL for a negative one.
 */
NORMNET_API normnet_status normnet_one_cycle_lr(const normnet_config *config, int64_t step, double *lr,
                                                double *momentum);
NORMNET_API normnet_status normnet_step_lr(const normnet_config *config, int64_t step, double *lr, double *momentum);

/*
 * The images first, ..., first + count - 1 that rank `rank` of `ranks` takes of a batch of up to 2^32 - 1. If `ranks`
 * is a power of two, the shares are whole subtrees of the order of sums, which splits at the largest power of two below
 * the count; otherwise they are as even as can be.
 */
NORMNET_API normnet_status normnet_shard(int64_t images, int32_t ranks, int32_t rank, int64_t *first, int64_t *count);

#ifdef __cplusplus
}
#endif

#endif
