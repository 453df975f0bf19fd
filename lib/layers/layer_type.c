/* SPDX-License-Identifier: MIT */
/* The list of all types. */
#include "layers/layer_type.h"

#include "layers/batch_norm.h"
#include "layers/convolution.h"
#include "layers/dropout.h"
#include "layers/flatten.h"
#include "layers/leaky_relu.h"
#include "layers/norm.h"
#include "layers/pool.h"
#include "layers/relu.h"

#include <string.h>

/* clang-format off */
const struct layer_type *const normnet__layer_types[] = {
    &normnet__conv,
    &normnet__fc,
    &normnet__relu,
    &normnet__leaky_relu,
    &normnet__norm,
    &normnet__flatten,
    &normnet__dropout,
    &normnet__maxpool,
    &normnet__avgpool,
    &normnet__gap,
    &normnet__batchnorm,
    &normnet__groupnorm,
    &normnet__layernorm,
    &normnet__instancenorm,
    &normnet__rmsnorm,
    NULL,
};
/* clang-format on */

const struct layer_type *normnet__find_layer_type(const char *name, int32_t length)
{
    for (const struct layer_type *const *type = normnet__layer_types; *type != NULL; ++type)
        if (strlen((*type)->name) == (size_t)length && memcmp((*type)->name, name, (size_t)length) == 0)
            return *type;
    return NULL;
}

bool normnet__same_without_numbers(const struct layer *one, const struct layer *other)
{
    (void)one;
    (void)other;
    return true;
}
