/* SPDX-License-Identifier: MIT */
/* Trains what the programs of examples/hosts train, in the plainest way, and prints the hash of the weights. */
#include "hosts/bars.h"

#include <stdio.h>

static struct bars bars;

int main(void)
{
    normnet_model *model = NULL;
    normnet_tensor images, labels;
    normnet_config config;

    normnet_status status = bars_config(&config);
    if (status == NORMNET_OK)
        status = normnet_model_create(&model, &config);
    bars_tensors(&bars, &images, &labels);
    for (int step = 0; step < BARS_STEPS && status == NORMNET_OK; ++step) {
        bars_draw(&bars);
        status = normnet_train_step(model, &images, &labels, NULL);
    }
    if (status != NORMNET_OK)
        fprintf(stderr, "error: %s\n", normnet_error_message());
    else
        printf("weights %08x\n", (unsigned)bars_hash(model));
    normnet_model_destroy(model);
    return status == NORMNET_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
