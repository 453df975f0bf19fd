/* SPDX-License-Identifier: MIT */
/* The list of all types. */
#include "layers/layer_type.h"

#include "base/checked.h"
#include "base/edit_distance.h"
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

/*
 * How unlikely it is that a wrong name means a type. A name with some of the type's letters in their order, as "bn", is
 * like one wrong letter, a name that has all of them and more, as "convolution", like two; among equals the edits
 * decide.
 */
static int32_t unlikeness(const char *name, int32_t length, const char *type_name)
{
    const int32_t edits = normnet__edit_distance(name, length, type_name), type_length = (int32_t)strlen(type_name);
    int32_t wrong = edits;

    if (length >= 2 && type_length > length && edits == type_length - length)
        wrong = 1;
    if (type_length >= 3 && length > type_length + 1 && edits == length - type_length)
        wrong = 2;
    return wrong > NORMNET__MAX_EDITED ? INT32_MAX : wrong * (NORMNET__MAX_EDITED + 1) + edits;
}

const struct layer_type *normnet__nearest_layer_type(const char *name, int32_t length)
{
    const struct layer_type *nearest = NULL;
    int32_t least = (2 + length / 4) * (NORMNET__MAX_EDITED + 1); /* a quarter of the letters and one may be wrong */

    for (const struct layer_type *const *type = normnet__layer_types; *type != NULL; ++type) {
        int32_t unlike = unlikeness(name, length, (*type)->name);

        for (int32_t i = 0; i < NORMNET__MAX_OTHER_NAMES && (*type)->other_names[i] != NULL; ++i)
            unlike = (int32_t)normnet__min(unlike, unlikeness(name, length, (*type)->other_names[i]));
        if (unlike < least) {
            least = unlike;
            nearest = *type;
        }
    }
    return nearest;
}

bool normnet__same_without_numbers(const struct layer *one, const struct layer *other)
{
    (void)one;
    (void)other;
    return true;
}
