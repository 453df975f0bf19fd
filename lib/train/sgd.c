/* SPDX-License-Identifier: MIT */
#include "train/sgd.h"

struct update_rule normnet__sgd_rule(const struct sgd *sgd)
{
    struct update_rule rule = {.images = 1.0, .scale = 1.0, .lr = sgd->lr};

    rule.keeps_buffer = sgd->momentum == 0.0;
    rule.momentum_of_buffer = sgd->first ? 0.0 : sgd->momentum;
    rule.momentum_of_gradient = sgd->first || rule.keeps_buffer ? 1.0 : 1.0 - sgd->dampening;
    rule.step_of_gradient = sgd->nesterov ? 1.0 : 0.0;
    rule.step_of_momentum = sgd->nesterov ? sgd->momentum : 1.0;
    return rule;
}
