/* SPDX-License-Identifier: MIT */
#include "base/message.h"
#include "model/inference.h"
#include "model/views.h"

struct layer_output {
    const struct layer *layer;
    struct view view;
};

static void write_layer_output(void *context, int32_t thread, const struct block *block)
{
    const struct layer_output *output = context;
    const struct shape shape = output->layer->out;
    const int64_t *strides = output->view.tensor.strides;
    const struct map map = normnet__shape_map(shape, output->layer->lanes);
    const float *values = normnet__output(output->layer, block);

    (void)thread;
    for (int32_t c = 0; c < shape.channels; ++c)
        for (int32_t i = 0; i < shape.height; ++i)
            for (int32_t j = 0; j < shape.width; ++j)
                for (int32_t lane = 0; lane < block->count; ++lane) {
                    const int64_t sample = block->index * map.lanes + lane;
                    /* After flatten, i and j are 0, so that strides 2 and 3 do not matter. */
                    const int64_t at = sample * strides[0] + c * strides[1] + i * strides[2] + j * strides[3];

                    ((float *)output->view.tensor.data)[at] =
                        values[(c * map.channel_stride + i * map.row_stride + j) * map.lanes + lane];
                }
}

normnet_status normnet__layer_output(struct inference *inference, int32_t index, const normnet_tensor *tensor)
{
    const struct layer *layer = &inference->model->network.layers[index];
    const int64_t shape[4] = {inference->images.count, layer->out.channels, layer->out.height, layer->out.width};
    struct layer_output output = {.layer = layer};
    const normnet_status status =
        normnet__view_output(&output.view, tensor, "output", layer->out.flat ? 2 : 4, shape, &inference->images_view);

    if (status != NORMNET_OK)
        return status;
    if (output.view.tensor.dtype != NORMNET_F32)
        return normnet__fail(NORMNET_EUNSUPPORTED, "output is %s; expected f32",
                             normnet__dtype_name(output.view.tensor.dtype));
    return normnet__run_inference(inference, index, write_layer_output, &output);
}
