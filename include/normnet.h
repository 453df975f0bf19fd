/* SPDX-License-Identifier: MIT */
/*
 * libnormnet: train small image-classification networks from C.
 *
 * A network is described by its architecture, a string with one word per layer, e.g. "conv3-8 norm
 * relu gap conv1-10". An enum selects what `norm` means: batch, group, layer, instance or RMS norm,
 * or none.
 *
 * Example: one training step of the default network on 128 grayscale images of 28x28 bytes.
 *
 *     const int64_t image_shape[4] = {128, 1, 28, 28}; // images, channels, height, width
 *     const int64_t label_shape[1] = {128};
 *     normnet_tensor images, labels;
 *     normnet_config config;
 *     normnet_metrics metrics;
 *     normnet_model *model = NULL;
 *
 *     normnet_tensor_init(&images, NORMNET_U8, pixels, 4, image_shape);
 *     normnet_tensor_init(&labels, NORMNET_U8, digits, 1, label_shape);
 *     normnet_metrics_init(&metrics);
 *     normnet_config_init(&config, NORMNET_NORM_GROUP);
 *     config.lr = 0.05;
 *     if (normnet_model_create(&model, &config) != NORMNET_OK ||
 *         normnet_train_step(model, &images, &labels, &metrics) != NORMNET_OK)
 *         printf("error: %s\n", normnet_error_message());
 *     else
 *         printf("loss %f, %d of 128 correct\n", metrics.loss, (int)metrics.correct);
 *     normnet_model_destroy(model);
 *
 * The other examples in this file continue with `config`, `model`, `images` and `labels` from here.
 * They omit the checks of the returned status, which a program must have.
 *
 * Contents:
 *
 *     Versions               of the header, and of the library that is loaded
 *     Status                 what functions return, and the message about the last failure
 *     Configuration          the network, its normalization, the optimizer, memory and threads
 *     Tensors                how the caller's images, labels and outputs are described
 *     Models                 create, destroy and describe
 *     State                  weights and running statistics, and their average
 *     Training               a step in one call or in two, learning rate, running statistics
 *     Prediction             loss and accuracy, scores and classes, the output of one layer
 *     Files and copies       checkpoints, weights for PyTorch, ONNX, clones
 *     Schedules and shards   learning rates of future steps, and the share of a process in a batch
 *
 * Rules for every function, unless its comment says otherwise:
 *
 * - Errors. A function that can fail returns a normnet_status; NORMNET_OK is 0. After a failure,
 *   outputs and the model are unchanged, bit for bit, and normnet_error_message() says what was
 *   wrong. The library never aborts, exits, prints, raises a signal, reads an environment variable,
 *   or changes the locale, signal handlers, limits or errno.
 * - Floating-point mode. Every function computes in C's default mode, whatever the caller's: its
 *   rounding mode, its traps and the flushing of denormal numbers change no bit of the results. On
 *   return, the caller's mode and exception flags are as they were. The functions in the
 *   configuration are called in the default mode, and may leave another one.
 * - Functions of the configuration return: no exception, longjmp() or pthread_exit() may leave them.
 *   The model would be in use for ever, and memory and files of the call would stay allocated and
 *   open. A function in C++ catches what it may throw; `reduce` can report it by its result.
 * - Statuses. Each comment lists those that are specific to the function. Any function may also
 *   return NORMNET_EINVAL for an invalid argument, NORMNET_EUNSUPPORTED for an enum value that this
 *   version does not have, and NORMNET_EBUSY as described under Threads.
 * - NULL. A pointer may be NULL only if the comment says so; otherwise NULL is NORMNET_EINVAL.
 * - Ownership. The library keeps no pointer that a caller passes, except the functions and user
 *   pointers in the configuration. Pointers to parts of a model that it returns are valid until
 *   normnet_model_destroy().
 * - Threads. Different models can be used at the same time. For one model there are three kinds of
 *   functions:
 *     - reading: evaluate, predict and layer_output (writing with NORMNET_STATISTICS_BATCH), save,
 *       serialize, export_onnx, clone, clone_average. Up to normnet_config.readers such calls may
 *       run at the same time.
 *     - writing: train_step, compute_gradients, apply_gradients, discard_gradients,
 *       update_statistics, update_average_statistics, set_..., load_weights,
 *       deserialize_weights. Such a call must be the only reading or writing call.
 *     - describing: all others except destroy. They are always allowed, in any thread. What they
 *       return is stable, and what it points to may be read, only while no writing call runs.
 *   A reading or writing call that would break these rules does nothing and returns NORMNET_EBUSY.
 *   A thread that pthread_cancel() cancels goes on to the end of the call.
 * - Forks. A child of fork() can use the models of its parent. Reading calls of other threads of the
 *   parent do not count in it, unless the library was built without threads (-Dthreads=none). A model
 *   that a writing call was changing stays in use in the child (NORMNET_EBUSY).
 * - Memory that others change. While a call runs, nobody else may change what its pointers lead to.
 *   If somebody does, e.g. another process in shared memory, the results are those of some of the
 *   values, or the call fails (normnet_evaluate() with NORMNET_ELABEL, after it has counted in
 *   `confusion`). No other memory is read or written, and a model gets only values that were checked.
 * - Structs begin with struct_size, the caller's sizeof, which is a multiple of 8. So programs and
 *   libraries of different versions work together. Each struct has an inline function, named after
 *   it with _init, that a caller must call first: it sets struct_size, and the other fields to
 *   their defaults (0 in structs for outputs). An input struct may be shorter than the
 *   library's: missing fields have their defaults. It may be longer if the fields that the library
 *   does not have are zero. An output struct is filled up to the shorter of the two sizes; the rest
 *   is set to zero. Fields named `reserved` must be 0 in input structs.
 */
#ifndef NORMNET_H
#define NORMNET_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Versions -------------------------------------------------------------------------------- */

/* The version of the header. */
#define NORMNET_VERSION_MAJOR 0
#define NORMNET_VERSION_MINOR 9
#define NORMNET_VERSION_PATCH 0
/* The number in the soname. It changes if a program built with an older header could break. */
#define NORMNET_ABI_VERSION 0
/*
 * Incremented when the same configuration, seed and data may give different weights, even in one
 * bit.
 */
#define NORMNET_BITS_VERSION 4

#if defined(_WIN32) && defined(NORMNET_SHARED)
#define NORMNET_API __declspec(dllimport)
#elif defined(__GNUC__)
#define NORMNET_API __attribute__((visibility("default")))
#else
#define NORMNET_API
#endif

/* ---- Status ---------------------------------------------------------------------------------- */

/* Later versions may add values, but never renumber them. Any value but 0 is a failure. */
typedef enum normnet_status {
    NORMNET_OK = 0,
    NORMNET_EINVAL = 1,       /* an argument or a combination of fields is invalid */
    NORMNET_ENOMEM = 2,       /* the allocator returned NULL */
    NORMNET_EIO = 3,          /* open, read, write, sync or rename failed */
    NORMNET_ETRUNCATED = 4,   /* a file is shorter than its header requires */
    NORMNET_EFORMAT = 5,      /* a file violates its format */
    NORMNET_ELIMIT = 6,       /* a documented limit is exceeded */
    NORMNET_EUNSUPPORTED = 7, /* this version, build or machine cannot do it */
    NORMNET_EARCH = 8,        /* the architecture is invalid; the message has the column */
    NORMNET_EMISMATCH = 9,    /* names or shapes differ from those of the network */
    NORMNET_EVALUE = 10,      /* a value is not finite or out of range */
    NORMNET_ECHECKSUM = 11,   /* a stored checksum differs */
    NORMNET_ELABEL = 12,      /* a label is outside 0, ..., classes - 1 */
    NORMNET_EBUSY = 13,       /* the model is in use by another call */
    NORMNET_ESTATE = 14       /* not possible now, e.g. a step after the end of the schedule */
} normnet_status;

/* The name of a status, e.g. "NORMNET_ELABEL"; "unknown status" for other values. Never NULL. */
NORMNET_API const char *normnet_status_string(int32_t status);

/*
 * The message of the last failure in the calling thread: one line in English, with the invalid
 * value and what was expected, e.g. "config.classes is 1; expected 2 to 65536". "" before the first
 * failure. Valid until the next failure in this thread; a success does not clear it.
 */
NORMNET_API const char *normnet_error_message(void);

/* The versions of the library that is loaded; the macros above are those of the header. */
NORMNET_API const char *normnet_version(void);
NORMNET_API int32_t normnet_abi_version(void);
NORMNET_API int32_t normnet_bits_version(void);

/* ---- Configuration --------------------------------------------------------------------------- */

/* The normalization that the word `norm` in an architecture means. */
typedef enum normnet_norm {
    NORMNET_NORM_NONE = 0,     /* none (torch.nn.Identity) */
    NORMNET_NORM_BATCH = 1,    /* per channel, over the batch and all pixels */
    NORMNET_NORM_GROUP = 2,    /* per image and group of channels, over all their pixels */
    NORMNET_NORM_LAYER = 3,    /* per image, over all channels and pixels; see also layer_dims */
    NORMNET_NORM_INSTANCE = 4, /* per image and channel: GroupNorm(C, C) */
    NORMNET_NORM_RMS = 5       /* per image, over all channels and pixels: x / sqrt(mean(x^2) + eps),
                                  no beta */
} normnet_norm;

/* Which normalized values share a gamma and a beta. */
typedef enum normnet_affine {
    NORMNET_AFFINE_DEFAULT = 0, /* CHANNEL; NONE for layer norm with layer_dims 2 or 1 */
    NORMNET_AFFINE_CHANNEL = 1, /* one pair per channel; not with layer_dims 2 or 1 */
    NORMNET_AFFINE_ELEMENT = 2, /* one pair per element (RMS norm: gamma only); layer and RMS norm
                                   only */
    NORMNET_AFFINE_NONE = 3     /* no gamma and beta */
} normnet_affine;

/* Which parameters l1 and l2 apply to. */
typedef enum normnet_penalty {
    NORMNET_PENALTY_ALL = 0,    /* every parameter, like weight_decay of PyTorch's SGD */
    NORMNET_PENALTY_WEIGHTS = 1 /* only the weights of conv and fc: no bias, gamma or beta */
} normnet_penalty;

/* Learning rate and momentum as functions of the training step. */
typedef enum normnet_schedule {
    NORMNET_SCHEDULE_CONSTANT = 0, /* lr and momentum; see normnet_set_learning_rate() */
    NORMNET_SCHEDULE_STEP = 1,     /* lr * step_gamma^floor(step / step_size): PyTorch's StepLR */
    NORMNET_SCHEDULE_ONE_CYCLE = 2 /* over total_steps, like PyTorch's OneCycleLR */
} normnet_schedule;

/* The curve between the rates of the one-cycle schedule. */
typedef enum normnet_anneal { NORMNET_ANNEAL_COSINE = 0, NORMNET_ANNEAL_LINEAR = 1 } normnet_anneal;

/* The instruction set of the inner loops. All of them compute the same bits. */
typedef enum normnet_cpu {
    NORMNET_CPU_BEST = 0,     /* the fastest one that this machine and build support */
    NORMNET_CPU_PORTABLE = 1, /* plain C with the fused multiply-add in software; slow */
    NORMNET_CPU_AVX2 = 2,     /* x86-64 with AVX2 and FMA */
    NORMNET_CPU_AVX512 = 3,   /* x86-64 with AVX-512 F, BW, DQ and VL */
    NORMNET_CPU_NEON = 4      /* AArch64, little-endian */
} normnet_cpu;

/* A part of the work of a call: see normnet_config.parallel_for. */
typedef void normnet_task(void *context, int32_t index);

/*
 * Everything that describes a model. Fill it with normnet_config_init(), change fields, and pass it
 * to normnet_model_create(), which copies it with its strings and arrays. Fields have PyTorch's
 * names where PyTorch has one.
 *
 * Each comment begins with the default in brackets. Flags are 0 or 1; doubles are 0 to 1e30 unless
 * another range is given. A double out of range is NORMNET_EVALUE, an integer NORMNET_EINVAL
 * (`groups`: NORMNET_EARCH).
 */
typedef struct normnet_config {
    int32_t struct_size; /* sizeof(normnet_config) */
    int32_t norm;        /* normnet_norm */

    /* ---- The images and the task ---- */
    int32_t channels; /* [1] of an image, 1 to 4096 */
    int32_t height;   /* [28] of an image in pixels, 1 to 4096 */
    int32_t width;    /* [28] of an image in pixels, 1 to 4096 */
    int32_t classes;  /* [10] 2 to 65536 */

    /* ---- The normalization ---- */
    int32_t groups;     /* [0] of group norm, up to 65536; 0 = one group per four channels */
    int32_t layer_dims; /* [3] of layer norm: 3 = C, H, W; 2 = H, W; 1 = W; after flatten, always
                           all features */
    int32_t affine;     /* [default] normnet_affine */
    /*
     * [0] Ghost batch norm: a batch of N images is divided into floor(N / virtual_batch) parts, at
     * least one, which have separate statistics; the remainder goes to the last part. A multiple of
     * 16 up to 1048576; 0 = off. Not together with `reduce` (NORMNET_EUNSUPPORTED).
     */
    int32_t virtual_batch;
    int32_t cumulative_statistics; /* [0] 1 = running statistics are averages over all batches, like
                                      PyTorch's with momentum=None */

    /* ---- Regularization and optimization ---- */
    int32_t penalty_on;     /* [all] normnet_penalty */
    int32_t schedule;       /* [constant] normnet_schedule */
    int32_t anneal;         /* [cosine] of one-cycle: normnet_anneal */
    int32_t three_phase;    /* [0] of one-cycle: 1 = lr falls back to its initial value, then to its
                               final value */
    int32_t cycle_momentum; /* [1] of one-cycle: 0 = momentum is constant */
    int32_t nesterov;       /* [0] 1 = Nesterov momentum; requires momentum above 0, dampening 0 */

    /* ---- Run-time settings of the embedding program (the host); not stored in files ---- */
    /*
     * [1] Into how many parts a call divides its work, 1 to 1024: the images, or in training, if
     * they are few, the outputs of each convolution. The bits do not depend on it. The first part is
     * for the calling thread; for the others, the model has threads of its own, from its creation to
     * its destruction, which simultaneous calls share. They block all signals except those that a
     * fault in the thread itself raises, e.g. SIGSEGV. If the system has fewer threads to give, or
     * none, the calling thread does the rest. After a fork, the child's first call starts threads of
     * its own. dlclose() does not unload the library, since models may exist.
     *
     * A library that was built with OpenMP (-Dopenmp=enabled) takes the threads of its runtime
     * instead, which are shared by the whole process. This runtime ends the process if it cannot
     * start them, its idle threads may keep cores busy for milliseconds (OMP_WAIT_POLICY=passive
     * prevents it), and a forked child has one thread.
     */
    int32_t threads;
    int32_t readers;   /* [1] the maximum number of reading calls at the same time, 1 to 1024 */
    int32_t max_batch; /* [128] the maximum number of images in a training call, 1 to 1048576 */
    int32_t cpu;       /* [best] normnet_cpu */
    int32_t reserved;  /* 0 */

    /* ---- 64-bit fields of the sections above (grouped by size for the ABI) ---- */
    int64_t seed;         /* [1] of the initial weights and of dropout */
    int64_t total_steps;  /* [0] of one-cycle, which requires 1 to 2^52: epochs times steps per
                             epoch */
    int64_t step_size;    /* [1] of the step schedule, in training steps (not epochs), at least 1 */
    int64_t memory_limit; /* [2^30] maximum size of a model, and of a file to read, in bytes; not
                             stored; 0 = no limit */

    double eps;                /* [1e-5] added to variances; 0 is exact at any scale of the inputs */
    double batchnorm_momentum; /* [0.1] weight of the newest batch in running statistics, 0 to 1 */
    double dropout;            /* [0.03] probability of the layer `dropout`, 0 to 1; rounded to a
                                  multiple of 1/65536 there */
    double l1;                 /* [0] adds l1 * sum |p| to the loss, once per step */
    double l2;                 /* [0] adds l2 * p to the gradient (PyTorch's weight_decay) */
    double label_smoothing;    /* [0] 0 to 1 */
    double lr;                 /* [0.01] of the constant and the step schedule */
    double momentum;           /* [0.9] of the constant and the step schedule; also of one-cycle if
                                  cycle_momentum is 0. All three momentums are below 1 */
    double dampening;          /* [0] -1e30 to 1e30 */
    double step_gamma;         /* [0.1] of the step schedule */
    double max_lr;             /* [0.015] of one-cycle */
    double base_momentum;      /* [0.85] of one-cycle: at max_lr */
    double max_momentum;       /* [0.95] of one-cycle: at the ends */
    double pct_start;          /* [0.3] of one-cycle: fraction of the steps in which lr rises,
                                  0 to 1 */
    double div_factor;         /* [25] of one-cycle: lr starts at max_lr / div_factor; above 0 */
    double final_div_factor;   /* [1e4] of one-cycle: lr ends at its start / this; above 0 */
    double clip_norm;          /* [0] a gradient with a larger norm is scaled down to this norm;
                                  0 = off */

    /*
     * The network: words separated by whitespace, one per layer; word i is child i of the
     * equivalent torch.nn.Sequential.
     *
     *     conv<k>-<out>   convolution with kernels of k x k and <out> output channels; append
     *                     s<stride>, p<padding>, b (bias) as needed: conv3-16s2p1b. Each number is
     *                     at most 65536, and so are rows and columns of the output (NORMNET_ELIMIT)
     *     fc-<out>        fully connected, only after flatten, with up to 65536 outputs; append b
     *                     for a bias: fc-10b
     *     relu
     *     leakyrelu<s>    x where x > 0 and s x elsewhere; leakyrelu alone has the slope 0.01
     *     norm            the normalization that config.norm selects
     *     batchnorm  groupnorm  layernorm  instancenorm  rmsnorm
     *                     this normalization, whatever config.norm is; groupnorm<g> has g groups.
     *                     rmsnorm per element is torch.nn.RMSNorm((C, H, W)); per channel, its
     *                     weight has the shape [C], which no class of torch.nn has
     *     dropout         zeroes values with probability p = config.dropout and scales the others
     *                     by 1 / (1 - p); dropout<p> has its own p, e.g. dropout0.1, with up to ten
     *                     digits, like <s>. p is rounded to a multiple of 1/65536
     *     maxpool<k>      maximum of k x k windows, k up to 16. Windows do not overlap; incomplete
     *                     windows at the edge are dropped
     *     avgpool<k>      mean of such windows, k up to 65536
     *     gap             mean over all pixels (AdaptiveAvgPool2d(1))
     *     flatten         turns channels, rows and columns into features, up to 2^24. After it,
     *                     conv, pools and gap are not allowed, nor instance norm
     *                     (NORMNET_EUNSUPPORTED)
     *
     * The last layer must produce `classes` values per image. Up to 4,096 bytes and 2^31 - 1
     * parameters (NORMNET_ELIMIT). [NULL = a network for `classes` classes of images of at least
     * 8x8 pixels, with 7,704 parameters for 10 classes, one channel, and gamma and beta per
     * channel]
     */
    const char *architecture;

    /* Each pixel x (bytes are first scaled to 0..1) is fed to the network as (x - mean) / std. */
    const double *input_mean; /* [NULL = 0] one per channel, -1e30 to 1e30 */
    const double *input_std;  /* [NULL = 1] one per channel, 1e-30 to 1e30 */

    /*
     * [NULL = malloc and free] Both or neither. `allocate` returns `size` bytes aligned to
     * `alignment`, a power of two, or NULL; an address that is not aligned is NORMNET_EINVAL.
     * `deallocate` gets the same size again. They are called by functions that create, destroy,
     * copy, save, load or export a model, in the thread of that call, and never by training and
     * prediction. If several such calls run at the same time, the two must be thread-safe.
     */
    void *(*allocate)(void *user, int64_t size, int64_t alignment);
    void (*deallocate)(void *user, void *block, int64_t size);
    void *allocator_user;

    /*
     * [NULL = one process] Synchronized batch norm: replaces values[0], ..., values[count - 1] by
     * their sums over all processes (ranks) that train copies of one model, with the same result in
     * each. A result other than 0 makes the training call fail with NORMNET_EIO.
     *
     * It is called by normnet_train_step(), normnet_compute_gradients() and
     * normnet_update_statistics(), in the thread of that call, up to three times per batch norm. So
     * all ranks must make the same calls in the same order, each with one image or more. If the
     * images or labels of one rank are rejected, it still takes part in the first sum, after which
     * the call fails with NORMNET_EVALUE on the other ranks, too. It combines only the sums of
     * batch norm; the gradients are up to the caller, see normnet_gradients().
     *
     * Example: with MPI.
     *
     *     static int32_t sum_over_ranks(void *user, double *values, int64_t count)
     *     {
     *         MPI_Comm *ranks = (MPI_Comm *)user;
     *
     *         return MPI_Allreduce(MPI_IN_PLACE, values, (int)count, MPI_DOUBLE, MPI_SUM, *ranks);
     *     }
     *
     *     MPI_Comm ranks = MPI_COMM_WORLD;
     *     normnet_model *shared = NULL;
     *
     *     config.reduce = sum_over_ranks;
     *     config.reduce_user = &ranks; // must exist as long as the model
     *     normnet_model_create(&shared, &config);
     *     normnet_model_destroy(shared);
     */
    int32_t (*reduce)(void *user, double *values, int64_t count);
    void *reduce_user;

    /*
     * [NULL = threads of the model's own] For programs with a scheduler of their own: runs
     * task(context, i) once for each i from 0 to count - 1, in any order, in any threads, some or
     * all at the same time, and returns when all have returned. `count` is at most `threads`. It is
     * called by functions that train, evaluate or predict, in the thread of that call; the tasks
     * never call it again. Tasks that it has left out then run in that thread; an index that has
     * been run or is out of range does nothing.
     *
     * Example: in the calling thread.
     *
     *     static void one_after_another(void *user, int32_t count, normnet_task *task, void *context)
     *     {
     *         (void)user;
     *         for (int32_t i = 0; i < count; ++i)
     *             task(context, i);
     *     }
     *
     *     normnet_model *lent = NULL;
     *
     *     config.threads = 4;
     *     config.parallel_for = one_after_another;
     *     normnet_model_create(&lent, &config);
     *     normnet_model_destroy(lent);
     */
    void (*parallel_for)(void *user, int32_t count, normnet_task *task, void *context);
    void *parallel_user;

    /*
     * [0 = off] Keeps, beside the weights, their average over the training steps, which often
     * generalizes better than the last weights: torch.optim.swa_utils.AveragedModel. With the
     * weights p after a step:
     *
     *     above 0 and below 1    average = average_decay * average + (1 - average_decay) * p: the
     *                            exponential moving average, as with get_ema_multi_avg_fn(). It
     *                            looks back over about 1 / (1 - average_decay) steps
     *     1                      the mean of p over all steps, as with get_swa_multi_avg_fn()
     *
     * The average begins with the result of step `average_from`, counted from 0; until then it is
     * equal to the weights, also when they are set or loaded. Later, setting or loading weights
     * leaves it as it is. It is computed in double and stored in float, as the weights are.
     *
     * The average has running statistics of its own. Each step sets them to the model's, which
     * belong to other weights: before a network with batch norm computes with its average, they
     * are recomputed by normnet_update_average_statistics().
     *
     * Training is not affected in any bit. The model needs as much memory again as its parameters
     * and what the kernels make of them, 4 to 72 bytes per parameter. The first call that computes
     * with the average after a step makes this, in a part of the time of a step.
     *
     * Example: the accuracy with the average of the steps from 1000 on.
     *
     *     normnet_predict_options options;
     *     normnet_metrics metrics;
     *     normnet_model *averaging = NULL;
     *
     *     config.average_decay = 0.999;
     *     config.average_from = 1000;
     *     normnet_model_create(&averaging, &config);
     *     normnet_train_step(averaging, &images, &labels, NULL);
     *
     *     normnet_update_average_statistics(averaging, &images, 1); // only batch norm needs it
     *     normnet_predict_options_init(&options);
     *     options.weights = NORMNET_WEIGHTS_AVERAGE;
     *     normnet_metrics_init(&metrics);
     *     normnet_evaluate(averaging, &images, &labels, &metrics, NULL, &options);
     *     normnet_model_destroy(averaging);
     */
    double average_decay; /* 0 to 1 */
    int64_t average_from; /* [0] 0 to 2^52 */
} normnet_config;

/*
 * Writes the defaults, with `norm` as given. C and C++ programs call normnet_config_init().
 * Bindings for other languages call normnet_config_init_size() with the size of their struct; bytes
 * beyond the library's struct are set to zero.
 */
NORMNET_API normnet_status normnet_config_init_size(normnet_config *config, int32_t struct_size, int32_t norm);

/* The same for C and C++, with the size of their struct. */
static inline normnet_status normnet_config_init(normnet_config *config, int32_t norm)
{
    return normnet_config_init_size(config, (int32_t)sizeof *config, norm);
}

/* ---- Tensors --------------------------------------------------------------------------------- */

/* The type of a tensor's elements: bytes, floats, and signed integers of 32 and 64 bits. */
typedef enum normnet_dtype { NORMNET_U8 = 1, NORMNET_F32 = 2, NORMNET_I32 = 3, NORMNET_I64 = 4 } normnet_dtype;

/*
 * A description of the caller's memory. Element (i, j, ...) is at data + i * strides[0] +
 * j * strides[1] + ..., counted in elements, not bytes. If all strides are 0, the tensor is
 * contiguous in the order of its shape, row-major (the last index varies fastest).
 *
 * - Input: a stride may be 0 (broadcast) or negative. The memory may be read-only.
 * - Output: no two elements may have the same address, and no byte of one may be a byte of another
 *   tensor of the call. So an output may be a field of an array of records, every second column of
 *   a table, or run backwards. Bytes between its elements are not written. Strides so irregular that
 *   it takes milliseconds to rule out an overlap are rejected as if there were one.
 * - Images have rank 4 and the shape N x channels x height x width, with N of at least 1. Images in
 *   another order, such as N x height x width x channels, only need other strides. Bytes (u8) are
 *   divided by 255; floats (f32) are taken as they are and must be finite (NORMNET_EVALUE).
 * - Labels have rank 1, the shape N, and the type u8, i32 or i64. A label below 0, or of `classes`
 *   or more, is NORMNET_ELABEL.
 *
 * A wrong shape, too many images, overlapping outputs, or `data` that is NULL or not aligned to its
 * elements is NORMNET_EINVAL. A type that the argument cannot have is NORMNET_EUNSUPPORTED.
 */
typedef struct normnet_tensor {
    int32_t struct_size; /* sizeof(normnet_tensor) */
    int32_t dtype;       /* normnet_dtype */
    int32_t rank;        /* the number of dimensions, 0 (one element) to 8 */
    int32_t reserved;    /* 0 */
    int64_t shape[8];    /* the first `rank` entries are used, each at least 1 */
    int64_t strides[8];  /* likewise */
    void *data;          /* the first element */
#if UINTPTR_MAX <= 0xffffffffu
    int32_t reserved_pointer; /* 0; makes the pointer 64 bits wide */
#endif
} normnet_tensor;

/* Describes contiguous memory at `data` with `rank` dimensions (at most 8) of the sizes `shape`. */
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
 * Creates a model. It allocates all memory that training and prediction will use, and draws the
 * initial weights as PyTorch does: uniform in (-b, b) with b = 1 / sqrt(fan_in) for conv and fc,
 * gamma 1 and beta 0. `config` may be NULL for the defaults without normalization.
 *
 * NORMNET_EARCH          the architecture is not a network for these images and classes; the
 *                        message has the word, its column and the shape of its input
 * NORMNET_EUNSUPPORTED   fields that exclude each other, e.g. a normalization and an affine form;
 *                        an instruction set that this machine or build does not have
 * NORMNET_EVALUE         a double is not finite or out of range
 * NORMNET_EINVAL         an integer is out of range (groups: NORMNET_EARCH); or fields that exclude
 *                        each other, e.g. nesterov without momentum
 * NORMNET_ELIMIT         more memory than memory_limit, or a limit of config.architecture
 * NORMNET_ENOMEM         the allocator returned NULL
 */
NORMNET_API normnet_status normnet_model_create(normnet_model **model, const normnet_config *config);

/* Frees the model, which may be NULL. No other call on it may be running, and none may follow. */
NORMNET_API void normnet_model_destroy(normnet_model *model);

/*
 * The model's configuration: as given, with defaults filled in, and with lr and momentum as
 * normnet_set_learning_rate() last set them. Strings and arrays belong to the model.
 */
NORMNET_API normnet_status normnet_model_config(const normnet_model *model, normnet_config *config);

/* The instruction set in use, e.g. "avx2". For NULL, the one that NORMNET_CPU_BEST selects. */
NORMNET_API const char *normnet_cpu_name(const normnet_model *model);

/*
 * A table of the layers with their outputs, parameters and receptive fields, followed by warnings
 * about normalizations after which the network cannot learn: instance norm before gap, average
 * pooling over values that were normalized together, statistics of a single value.
 *
 * Like snprintf, it writes up to `size` bytes to `text`, including the final 0, and returns the
 * length of the whole text without that 0. `text` may be NULL if `size` is 0. Returns 0 for a NULL
 * model.
 */
NORMNET_API int64_t normnet_model_summary(const normnet_model *model, char *text, int64_t size);

/* What normnet_layer() says of a layer. */
typedef struct normnet_layer_info {
    int32_t struct_size;     /* sizeof(normnet_layer_info) */
    int32_t channels;        /* of the output; the number of features after flatten */
    int32_t height;          /* of the output; 1 after flatten */
    int32_t width;           /* of the output; 1 after flatten */
    int32_t receptive_field; /* side, in pixels, of the part of an image that one output depends
                                on through convolutions and pools */
    int32_t reserved;        /* 0 */
    int64_t parameters;      /* number of parameters of this layer */
    int64_t multiply_adds;   /* of conv and fc, in the forward pass of one image */
    const char *token;       /* the layer's word in the architecture, e.g. "conv3-8" */
    const char *module;      /* the equivalent torch.nn module, e.g. "Conv2d", "GroupNorm" */
} normnet_layer_info;

/* Makes `info` ready for normnet_layer(). */
static inline void normnet_layer_info_init(normnet_layer_info *info)
{
    info->struct_size = (int32_t)sizeof *info;
    info->channels = 0;
    info->height = 0;
    info->width = 0;
    info->receptive_field = 0;
    info->reserved = 0;
    info->parameters = 0;
    info->multiply_adds = 0;
    info->token = NULL;
    info->module = NULL;
}

/* The number of layers, one per word of the architecture; 0 for a NULL model. */
NORMNET_API int32_t normnet_layer_count(const normnet_model *model);

/* Describes layer `layer`, counted from 0. */
NORMNET_API normnet_status normnet_layer(const normnet_model *model, int32_t layer, normnet_layer_info *info);

/* ---- State: weights and running statistics --------------------------------------------------- */

/* The number of trainable parameters; 0 for a NULL model. */
NORMNET_API int64_t normnet_parameter_count(const normnet_model *model);

/* What normnet_state() says of an entry of the state. */
typedef struct normnet_state_info {
    int32_t struct_size; /* sizeof(normnet_state_info) */
    int32_t dtype;       /* NORMNET_F32; NORMNET_I64 for num_batches_tracked */
    int32_t rank;        /* 0 for num_batches_tracked */
    int32_t trained;     /* 1 for a parameter, 0 for a running statistic */
    int64_t shape[8];    /* the first `rank` entries are used */
    const char *name;    /* as in the state_dict, e.g. "2.running_mean" */
    const void *data;    /* contiguous; at the same address as long as the model exists */
    const void *average; /* the same of the averaged weights; NULL if config.average_decay is 0 */
#if UINTPTR_MAX <= 0xffffffffu
    int32_t reserved_pointer; /* makes the struct's size a multiple of 8 */
#endif
} normnet_state_info;

/* Makes `info` ready for normnet_state(). */
static inline void normnet_state_info_init(normnet_state_info *info)
{
    int32_t i;
    info->struct_size = (int32_t)sizeof *info;
    info->dtype = 0;
    info->rank = 0;
    info->trained = 0;
    for (i = 0; i < 8; ++i)
        info->shape[i] = 0;
    info->name = NULL;
    info->data = NULL;
    info->average = NULL;
#if UINTPTR_MAX <= 0xffffffffu
    info->reserved_pointer = 0;
#endif
}

/*
 * The entries of the state_dict of the equivalent torch.nn.Sequential, in its order: their number,
 * which is 0 for a NULL model, and entry `index`, counted from 0. The parameters (trained = 1) are
 * in one array of normnet_parameter_count() floats, one after another, which begins at the data of
 * the first; so are their averages.
 */
NORMNET_API int32_t normnet_state_count(const normnet_model *model);
NORMNET_API normnet_status normnet_state(const normnet_model *model, int32_t index, normnet_state_info *info);

/*
 * Overwrites the entry `name` with a tensor of its shape and dtype, which may lie in the model.
 * Momentum, step and pending gradients (see normnet_compute_gradients()) are kept. A running
 * statistic that is set while gradients are pending replaces the pending update of this entry, as
 * in PyTorch: normnet_apply_gradients() leaves it as it was set, and further calls of
 * normnet_compute_gradients() start from it.
 *
 * NORMNET_EMISMATCH   unknown name; other shape or dtype
 * NORMNET_EVALUE      a value that is not finite, a negative variance or a negative count
 */
NORMNET_API normnet_status normnet_set_state(normnet_model *model, const char *name, const normnet_tensor *tensor);

/*
 * Overwrites all parameters; `values` holds them in the order of the state. Otherwise like
 * normnet_set_state().
 *
 * NORMNET_EMISMATCH   `count` is not normnet_parameter_count()
 * NORMNET_EVALUE      a value that is not finite
 */
NORMNET_API normnet_status normnet_set_parameters(normnet_model *model, const float *values, int64_t count);

/* ---- Training -------------------------------------------------------------------------------- */

/*
 * What a training or evaluation call reports about its images. Only normnet_train_step() fills the
 * fields marked with *; other functions set them to 0.
 */
typedef struct normnet_metrics {
    int32_t struct_size;  /* sizeof(normnet_metrics) */
    int32_t reserved;     /* need not be set */
    double loss;          /* mean cross-entropy with label smoothing, without penalty */
    double penalty;       /* * l1 * sum |p| + l2 / 2 * sum p^2, before the update */
    int64_t count;        /* number of images */
    int64_t correct;      /* images whose label has the highest score (the first of equal scores) */
    int64_t step;         /* training steps that the model has taken, including this one */
    double lr;            /* * of this step */
    double momentum;      /* * of this step */
    double gradient_norm; /* * Euclidean norm of the mean gradient with penalty, before clipping */
} normnet_metrics;

/* Makes `metrics` ready for a function that fills it. */
static inline void normnet_metrics_init(normnet_metrics *metrics)
{
    metrics->struct_size = (int32_t)sizeof *metrics;
    metrics->reserved = 0;
    metrics->loss = 0;
    metrics->penalty = 0;
    metrics->count = 0;
    metrics->correct = 0;
    metrics->step = 0;
    metrics->lr = 0;
    metrics->momentum = 0;
    metrics->gradient_norm = 0;
}

/*
 * One step of stochastic gradient descent on 1 to max_batch images: forward, loss, backward,
 * penalty, update of weights and running statistics. `metrics` may be NULL. No memory is allocated.
 *
 * NORMNET_ELABEL   see normnet_tensor
 * NORMNET_EVALUE   a pixel is not finite; or the loss, a gradient, statistic or weight would not
 *                  be; or a running variance, with eps, is above 0 but below the range of float; or
 *                  config.reduce has made a sum of squares negative
 * NORMNET_EINVAL   also for a batch norm that has a single value per channel
 * NORMNET_ESTATE   the one-cycle schedule is at its end, or 2^52 steps have been taken; or gradients
 *                  are pending
 * NORMNET_EIO      config.reduce failed
 */
NORMNET_API normnet_status normnet_train_step(normnet_model *model, const normnet_tensor *images,
                                              const normnet_tensor *labels, normnet_metrics *metrics);

/* The place of the images of one normnet_compute_gradients() call in a larger batch. */
typedef struct normnet_batch {
    int32_t struct_size;   /* sizeof(normnet_batch) */
    int32_t reserved;      /* 0 */
    int64_t first_sample;  /* [0] index of the first image in the whole batch, which has up to
                              2^32 - 1 images; the dropout of an image depends on its index. If both
                              fields are 0: the index after the highest one since gradients were
                              last applied or discarded */
    int64_t images_in_all; /* [0 = unknown] number of images in the whole batch; used for a
                              check only */
} normnet_batch;

/* Sets the defaults: a batch of its own. */
static inline void normnet_batch_init(normnet_batch *batch)
{
    batch->struct_size = (int32_t)sizeof *batch;
    batch->reserved = 0;
    batch->first_sample = 0;
    batch->images_in_all = 0;
}

/*
 * The first half of a step: adds the gradient of the loss, summed (not averaged) over 1 to
 * max_batch images, to the model's gradients. They are then pending, until
 * normnet_apply_gradients() or normnet_discard_gradients(). More calls may follow before that, so a
 * batch may be larger than max_batch. A batch norm normalizes the images of each call separately
 * (with config.reduce, together with those of the other ranks). `batch` may be NULL if the images
 * follow those of the calls before; `metrics` may be NULL.
 *
 * Without batch norm, the gradients are those of one call on all images, up to the rounding of
 * floats. They have the same bits if the first call has 8 images, or 16, 32, ..., and each later
 * one as many as all before it together; the last may have fewer.
 *
 * Statuses as for normnet_train_step(), but pending gradients are allowed.
 *
 * Example: a step on a batch of 512 images, 128 at a time.
 *
 *     int64_t part;
 *
 *     for (part = 0; part < 512; part += 128) {
 *         normnet_tensor_init(&images, NORMNET_U8, pixels + part * 784, 4, image_shape);
 *         normnet_tensor_init(&labels, NORMNET_U8, digits + part, 1, label_shape);
 *         normnet_compute_gradients(model, &images, &labels, NULL, NULL);
 *     }
 *     normnet_apply_gradients(model, 512);
 */
NORMNET_API normnet_status normnet_compute_gradients(normnet_model *model, const normnet_tensor *images,
                                                     const normnet_tensor *labels, const normnet_batch *batch,
                                                     normnet_metrics *metrics);

/*
 * The pending gradients: normnet_parameter_count() doubles in the order of the parameters; all 0 if
 * none are pending. The caller may change them until the next call on the model, and not during
 * one, which would use what it has not checked. They are double, so that the order in which ranks
 * add them hardly ever changes the float weights. With config.reduce, each rank has the same part
 * of the gradients of a batch norm's gamma and beta, those of all images divided by the number of
 * ranks. `values` and `count` may be NULL.
 *
 * Example: a step on a batch of 512 images that is shared by several processes. sum_over_ranks() is
 * the function in the example of normnet_config.reduce.
 *
 *     int64_t first, mine, parameters;
 *     double *values;
 *     normnet_batch share;
 *
 *     normnet_shard(512, rank_count, rank, &first, &mine); // up to max_batch images here
 *     normnet_tensor_init(&images, NORMNET_U8, pixels + first * 784, 4, image_shape);
 *     normnet_tensor_init(&labels, NORMNET_U8, digits + first, 1, label_shape);
 *     images.shape[0] = labels.shape[0] = mine;
 *     normnet_batch_init(&share);
 *     share.first_sample = first;
 *     share.images_in_all = 512;
 *     normnet_compute_gradients(model, &images, &labels, &share, NULL);
 *     normnet_gradients(model, &values, &parameters);
 *     sum_over_ranks(&ranks, values, parameters);
 *     normnet_apply_gradients(model, 512);
 */
NORMNET_API normnet_status normnet_gradients(normnet_model *model, double **values, int64_t *count);

/*
 * The second half of a step: divides the pending gradients by `images_in_all`, adds the penalty,
 * clips, updates weights and running statistics, and clears the gradients. The update is that of
 * torch.optim.SGD. After a failure the gradients are still pending.
 *
 * NORMNET_ESTATE   no gradients are pending; or the one-cycle schedule is at its end, or 2^52 steps
 *                  have been taken
 * NORMNET_EVALUE   the gradient's norm or a new weight is not finite
 */
NORMNET_API normnet_status normnet_apply_gradients(normnet_model *model, int64_t images_in_all);

/*
 * Discards the pending gradients, if there are any, and the update of the running statistics
 * computed with them; the current running statistics stay.
 */
NORMNET_API normnet_status normnet_discard_gradients(normnet_model *model);

/*
 * Sets learning rate, 0 to 1e30, and momentum, 0 to below 1, of the following steps.
 *
 * NORMNET_ESTATE   the schedule is not constant
 * NORMNET_EVALUE   a number is out of range
 * NORMNET_EINVAL   also for momentum 0 with config.nesterov
 */
NORMNET_API normnet_status normnet_set_learning_rate(normnet_model *model, double lr, double momentum);

/*
 * Recomputes batch norm's running statistics, as torch.optim.swa_utils.update_bn() does, from up to
 * max_batch images per call. `reset` is 1 (or not 0) in the first call, which discards the old
 * statistics, and 0 in the others; the new ones are averages over the calls. Layers work as in
 * training, including dropout, whose masks depend on the seed and the number of the call alone: with
 * config.reduce, all ranks have the same. Does nothing without batch norm.
 *
 * NORMNET_ESTATE   gradients are pending
 * NORMNET_EVALUE   a pixel or a statistic is not finite, or a variance too small for a float, or
 *                  config.reduce has made a sum of squares negative
 * NORMNET_EINVAL   also for a batch norm that has a single value per channel
 * NORMNET_EIO      config.reduce failed
 */
NORMNET_API normnet_status normnet_update_statistics(normnet_model *model, const normnet_tensor *images, int32_t reset);

/*
 * The same for the running statistics of the averaged weights, as update_bn() with an
 * AveragedModel; those of the model stay. They last until the next training step, which sets them
 * to the model's again, or, while the average still follows the weights, until weights are set or
 * loaded or normnet_update_statistics() is called.
 *
 * NORMNET_ESTATE   also if config.average_decay is 0
 */
NORMNET_API normnet_status normnet_update_average_statistics(normnet_model *model, const normnet_tensor *images,
                                                             int32_t reset);

/* ---- Prediction ------------------------------------------------------------------------------ */

/* What normnet_predict() writes for each image and class. */
typedef enum normnet_scores {
    NORMNET_SCORES_PROBABILITIES = 0,     /* softmax of the logits */
    NORMNET_SCORES_LOG_PROBABILITIES = 1, /* natural logarithm of the probabilities */
    NORMNET_SCORES_LOGITS = 2             /* the outputs of the last layer */
} normnet_scores;

/* Which means and variances batch norm uses. */
typedef enum normnet_statistics {
    NORMNET_STATISTICS_RUNNING = 0, /* its running statistics */
    NORMNET_STATISTICS_BATCH = 1    /* those of the given images, without config.reduce: a writing
                                       call that takes up to max_batch images */
} normnet_statistics;

/* Which weights and running statistics are used. */
typedef enum normnet_weights {
    NORMNET_WEIGHTS_CURRENT = 0, /* those that training changes */
    NORMNET_WEIGHTS_AVERAGE = 1  /* their average: see normnet_config.average_decay, without which
                                    it is NORMNET_ESTATE */
} normnet_weights;

/* How the functions of this section compute. */
typedef struct normnet_predict_options {
    int32_t struct_size; /* sizeof(normnet_predict_options) */
    int32_t scores;      /* [probabilities] normnet_scores; for normnet_predict() only */
    int32_t statistics;  /* [running] normnet_statistics */
    int32_t weights;     /* [current] normnet_weights */
} normnet_predict_options;

/* Sets the defaults. */
static inline void normnet_predict_options_init(normnet_predict_options *options)
{
    options->struct_size = (int32_t)sizeof *options;
    options->scores = NORMNET_SCORES_PROBABILITIES;
    options->statistics = NORMNET_STATISTICS_RUNNING;
    options->weights = NORMNET_WEIGHTS_CURRENT;
}

/*
 * The functions of this section take one image or more, never apply dropout, and allocate no
 * memory. No images are NORMNET_EINVAL; with running statistics there is no upper limit. `options`
 * may be NULL for the defaults.
 */

/*
 * Computes loss and accuracy. If `confusion` is not NULL, it gets classes x classes counts: of the
 * images with label i, confusion[i * classes + j] were predicted to be of class j. It must not
 * overlap images, labels or `metrics` (NORMNET_EINVAL). `metrics` may be NULL. NORMNET_ELABEL and
 * NORMNET_EVALUE: see normnet_tensor.
 *
 * If floats overflow, so that a logit of an image is infinite or NaN, the image counts as wrong and
 * is in no column of `confusion`, and the loss is NaN; this is not an error.
 */
NORMNET_API normnet_status normnet_evaluate(normnet_model *model, const normnet_tensor *images,
                                            const normnet_tensor *labels, normnet_metrics *metrics, int64_t *confusion,
                                            const normnet_predict_options *options);

/*
 * Computes scores (f32, N x classes) and predicted classes (u8 for up to 256 classes, i32 or i64;
 * N): the class with the highest logit, the first of equal ones. `scores` and `classes` may be
 * NULL. NORMNET_EVALUE for a pixel that is not finite. A score that is not finite, since floats
 * have overflowed, is not an error; a NaN is lower than any number.
 *
 * Example: the class and the probabilities of a single image.
 *
 *     const int64_t one_image[4] = {1, 1, 28, 28}, one_row[2] = {1, 10}, one[1] = {1};
 *     float probabilities[10];
 *     int32_t predicted = 0;
 *     normnet_tensor image, scores, classes;
 *
 *     normnet_tensor_init(&image, NORMNET_U8, pixels, 4, one_image);
 *     normnet_tensor_init(&scores, NORMNET_F32, probabilities, 2, one_row);
 *     normnet_tensor_init(&classes, NORMNET_I32, &predicted, 1, one);
 *     normnet_predict(model, &image, &scores, &classes, NULL);
 *     printf("class %d with probability %f\n", (int)predicted, probabilities[predicted]);
 */
NORMNET_API normnet_status normnet_predict(normnet_model *model, const normnet_tensor *images, normnet_tensor *scores,
                                           normnet_tensor *classes, const normnet_predict_options *options);

/*
 * Computes the output of layer `layer`, counted from 0, in evaluation mode: f32, N x channels x
 * height x width, or N x features after flatten, with the sizes of normnet_layer(). NORMNET_EVALUE
 * for a pixel that is not finite.
 *
 * Example: the output of the first layer.
 *
 *     normnet_layer_info info;
 *     normnet_tensor output;
 *     int64_t shape[4] = {128, 0, 0, 0};
 *     float *values;
 *
 *     normnet_layer_info_init(&info);
 *     normnet_layer(model, 0, &info);
 *     shape[1] = info.channels;
 *     shape[2] = info.height;
 *     shape[3] = info.width;
 *     values = (float *)calloc((size_t)(128 * shape[1] * shape[2] * shape[3]), sizeof *values);
 *     normnet_tensor_init(&output, NORMNET_F32, values, 4, shape); // rank 2 after flatten
 *     normnet_layer_output(model, &images, 0, &output, NULL);
 *     free(values);
 */
NORMNET_API normnet_status normnet_layer_output(normnet_model *model, const normnet_tensor *images, int32_t layer,
                                                normnet_tensor *output, const normnet_predict_options *options);

/* ---- Files and copies ------------------------------------------------------------------------ */

/*
 * Files are in safetensors format, with the names of the equivalent torch.nn.Sequential.
 * docs/format.md describes them byte by byte. Equal models have equal files, on every machine.
 */
typedef enum normnet_file {
    NORMNET_FILE_CHECKPOINT = 0, /* everything that training needs to continue with the same bits:
                                    weights, statistics, their average, momentum, step, seed, the
                                    network, and the settings of loss, optimizer and schedule */
    NORMNET_FILE_WEIGHTS = 1     /* the network, and what a state_dict has: PyTorch can load it with
                                    strict=True */
} normnet_file;

/* How a model is saved. */
typedef struct normnet_save_options {
    int32_t struct_size; /* sizeof(normnet_save_options) */
    int32_t kind;        /* [checkpoint] normnet_file */
    const char *note;    /* [NULL = none] UTF-8 text supplied by the caller, up to 65,536 bytes,
                            which normnet_model_note() returns after loading */
#if UINTPTR_MAX <= 0xffffffffu
    int32_t reserved_pointer; /* 0; makes the pointer 64 bits wide */
#endif
} normnet_save_options;

/* Sets the defaults. */
static inline void normnet_save_options_init(normnet_save_options *options)
{
    options->struct_size = (int32_t)sizeof *options;
    options->kind = NORMNET_FILE_CHECKPOINT;
    options->note = NULL;
#if UINTPTR_MAX <= 0xffffffffu
    options->reserved_pointer = 0;
#endif
}

/*
 * Writes a model to the file `path`, which is replaced as a whole or not at all: a temporary file
 * in the same directory is written, flushed to the disk and renamed. On POSIX systems the directory
 * must be readable too, and the new file has the permissions (not the owner) of a regular file that
 * it replaces. A symbolic link is replaced, not followed. Anything else at `path`, such as a
 * directory, is an error. `options` may be NULL.
 *
 * A process that is killed while it saves leaves the temporary file behind, .normnet-<16 digits>.tmp.
 * No later save removes it, since it may be that of another process or machine: delete such files
 * when nobody saves to the directory.
 *
 * A process under a limit of file sizes (ulimit -f) is ended by the signal SIGXFSZ before the
 * library can report NORMNET_EIO and remove the temporary file. A host that may run under one
 * ignores the signal: signal(SIGXFSZ, SIG_IGN), as Python does. This is also true for
 * normnet_model_export_onnx().
 *
 * NORMNET_EIO      the message has the reason. The old file is unchanged, except if the message
 *                  says that the file was replaced but the directory could not be synced
 * NORMNET_ESTATE   gradients are pending, which a checkpoint cannot hold
 * NORMNET_ELIMIT   the file would have more than 4,096 tensors; or the note is too long
 * NORMNET_ENOMEM   the allocator returned NULL (the file is built in memory first)
 * NORMNET_EINVAL   also for a note that is not UTF-8
 *
 * Example: save a checkpoint, then continue training from it, perhaps in another process.
 *
 *     normnet_save_options options;
 *     normnet_config host;
 *     normnet_model *resumed = NULL;
 *
 *     normnet_save_options_init(&options);
 *     options.note = "epoch 7";
 *     normnet_model_save(model, "model.ckpt", &options);
 *
 *     normnet_config_init(&host, NORMNET_NORM_NONE); // the norm and the rest are in the file
 *     host.threads = 2;
 *     normnet_model_load(&resumed, "model.ckpt", &host);
 *     printf("%s, step %d\n", normnet_model_note(resumed), (int)normnet_steps_taken(resumed));
 *     normnet_train_step(resumed, &images, &labels, NULL);
 *     normnet_model_destroy(resumed);
 */
NORMNET_API normnet_status normnet_model_save(normnet_model *model, const char *path,
                                              const normnet_save_options *options);

/*
 * Writes the same bytes to memory, and their number to `*needed`. With `size` 0 it only writes
 * `*needed`, and `bytes` may be NULL. NORMNET_EINVAL for any other size that is too small; other
 * statuses as for normnet_model_save(), without NORMNET_EIO and NORMNET_ENOMEM.
 */
NORMNET_API normnet_status normnet_model_serialize(normnet_model *model, void *bytes, int64_t size, int64_t *needed,
                                                   const normnet_save_options *options);

/*
 * Creates a model from a file, or from the bytes of one. From `host` (NULL = defaults) these fields
 * are used:
 *
 * - for a checkpoint: threads, readers, max_batch, cpu, memory_limit, the allocator, reduce and
 *   parallel_for, which are not in the file;
 * - for weights: everything but the network. In the file are the architecture, norm, channels,
 *   height, width, classes, groups, layer_dims, affine, eps, input_mean and input_std.
 *
 * The message names the file, and the offset, the tensor or the value in it.
 *
 * NORMNET_EIO            the file cannot be opened or read
 * NORMNET_ETRUNCATED     the file is shorter than its header requires
 * NORMNET_EFORMAT        it is damaged or in another format; the message names about fifty kinds of
 *                        files that are handed in by mistake
 * NORMNET_ECHECKSUM      it is damaged
 * NORMNET_EUNSUPPORTED   a newer version of the format, or a type of tensor that models do not have
 * NORMNET_ELIMIT         larger than host->memory_limit, or a limit of docs/format.md
 * NORMNET_EARCH          the network is invalid; or the file has no architecture: then create a
 *                        model and use normnet_load_weights()
 * NORMNET_EMISMATCH      tensors are missing, unknown, or have another shape or type
 * NORMNET_EVALUE         a value is not finite or out of range
 * NORMNET_ESTATE         the schedule is one-cycle, and host->total_steps is neither 0 nor the
 *                        checkpoint's
 * NORMNET_ENOMEM         the allocator returned NULL
 */
NORMNET_API normnet_status normnet_model_load(normnet_model **model, const char *path, const normnet_config *host);
NORMNET_API normnet_status normnet_model_deserialize(normnet_model **model, const void *bytes, int64_t size,
                                                     const normnet_config *host);

/*
 * Replaces a model's weights and running statistics with those from a file of either kind, or from
 * one that PyTorch or Python's safetensors wrote for the same Sequential; the average in a
 * checkpoint is not used. Step, momentum and pending gradients are kept, and pending updates of
 * running statistics are replaced, as by normnet_set_state().
 *
 * Of other programs' files, what PyTorch's load_state_dict() takes with strict=True is taken, with
 * the same values: numbers of any type (float16, bfloat16 and float64 are the usual ones), rounded
 * once to a float; num_batches_tracked with the shape [1] or of any type, or not at all, which
 * keeps the model's. A prefix that all names share, such as "module." or "model._orig_mod.", is
 * ignored, with "n_averaged" of torch.optim.swa_utils.AveragedModel beside "module.".
 *
 * NORMNET_EMISMATCH if a name or a shape differs, or if the file's layers would compute something
 * else with the same weights, e.g. have another stride; the message shows the file's tensors or
 * network and the model's. Spelling, dropout, eps and the size of images may differ. Other statuses
 * as for normnet_model_load().
 */
NORMNET_API normnet_status normnet_load_weights(normnet_model *model, const char *path);
NORMNET_API normnet_status normnet_deserialize_weights(normnet_model *model, const void *bytes, int64_t size);

/*
 * Writes the network in evaluation mode to an ONNX file (opset 17), as safely as
 * normnet_model_save(). Its input `images` is N x channels x height x width floats, as
 * normnet_predict() takes them; its output `logits` is N x classes.
 *
 * NORMNET_EIO and NORMNET_ENOMEM as for normnet_model_save(); NORMNET_ELIMIT above 2^31 - 1 bytes.
 */
NORMNET_API normnet_status normnet_model_export_onnx(normnet_model *model, const char *path);

/* The note of the file that the model was loaded from, or ""; NULL for a NULL model. */
NORMNET_API const char *normnet_model_note(const normnet_model *model);

/* Training steps taken, before a checkpoint was loaded and since; 0 for a NULL model. */
NORMNET_API int64_t normnet_steps_taken(const normnet_model *model);

/*
 * Copies a model with its state, average, momentum, step and pending gradients. Trained on the same
 * batches, both stay identical, bit for bit. One use is to predict with the copy while the original
 * trains. `host` has the fields that normnet_model_load() uses for a checkpoint; NULL = those of
 * the original. Statuses as for normnet_model_create().
 */
NORMNET_API normnet_status normnet_model_clone(normnet_model **copy, normnet_model *model, const normnet_config *host);

/*
 * Copies a model with its average, and the running statistics of that, in place of the weights: a
 * model to save, export, set or train as any other. It has the step and the note of the original,
 * but no momentum, no pending gradients, and no average of its own: config.average_decay is 0.
 * Otherwise like normnet_model_clone().
 *
 * NORMNET_ESTATE   config.average_decay is 0
 *
 * Example: averaged weights for ONNX and PyTorch.
 *
 *     normnet_model *averaging = NULL, *average = NULL;
 *     normnet_save_options weights;
 *
 *     config.average_decay = 0.999;
 *     normnet_model_create(&averaging, &config);
 *     normnet_train_step(averaging, &images, &labels, NULL);
 *     normnet_model_clone_average(&average, averaging, NULL);
 *     normnet_model_export_onnx(average, "average.onnx");
 *     normnet_save_options_init(&weights);
 *     weights.kind = NORMNET_FILE_WEIGHTS;
 *     normnet_model_save(average, "average.safetensors", &weights);
 *     normnet_model_destroy(average);
 *     normnet_model_destroy(averaging);
 */
NORMNET_API normnet_status normnet_model_clone_average(normnet_model **copy, normnet_model *model,
                                                       const normnet_config *host);

/* ---- Schedules and shards -------------------------------------------------------------------- */

/* These functions use no model. */

/*
 * Learning rate and momentum of training step `step`, counted from 0, with the one-cycle or the
 * step schedule and the fields of `config`; config->schedule is ignored. `lr` and `momentum` may be
 * NULL.
 *
 * NORMNET_ESTATE   a one-cycle step of total_steps or more
 * NORMNET_EVALUE   a double of `config` is out of range
 * NORMNET_EINVAL   `step` is negative; or an integer of `config` is out of range
 */
NORMNET_API normnet_status normnet_one_cycle_lr(const normnet_config *config, int64_t step, double *lr,
                                                double *momentum);
NORMNET_API normnet_status normnet_step_lr(const normnet_config *config, int64_t step, double *lr, double *momentum);

/*
 * The share of rank `rank` (counted from 0) of a batch, which is divided among `ranks` ranks: the
 * `*count` images from index `*first`. `*count` is 0 if there are too few images. `images` is 0 to
 * 2^63 - 1, since a shard can also be one of a data set; a batch of normnet_compute_gradients() has
 * up to 2^32 - 1 images. `ranks` is at least 1.
 *
 * If `ranks` is a power of two, the shares are subtrees of the binary tree along which one process
 * sums gradients: it splits a range of more than 8 images at the largest power of two below its
 * length. If the ranks' gradients are added in the same order, (rank 0 + rank 1) + (rank 2 + rank
 * 3), and config.reduce adds in this order too, the weights have the same bits as in one process.
 * For other numbers of ranks, the shares differ by at most one image.
 */
NORMNET_API normnet_status normnet_shard(int64_t images, int32_t ranks, int32_t rank, int64_t *first, int64_t *count);

#ifdef __cplusplus
}
#endif

#endif
