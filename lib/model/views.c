/* SPDX-License-Identifier: MIT */
#include "model/views.h"

#include "base/checked.h"
#include "base/message.h"
#include "layers/token.h"
#include "model/enumerators.h"
#include "model/overlap.h"
#include "model/sized_struct.h"

#include <math.h>
#include <stdio.h>

static int64_t element_size(int32_t dtype)
{
    switch (dtype) {
    case NORMNET_U8:
        return 1;
    case NORMNET_F32:
    case NORMNET_I32:
        return 4;
    case NORMNET_I64:
        return 8;
    default:
        return 0;
    }
}

const char *normnet__dtype_name(int32_t dtype)
{
    static const char *const names[NORMNET__LAST_DTYPE + 1] = {
        "unknown", [NORMNET_U8] = "u8", [NORMNET_F32] = "f32", [NORMNET_I32] = "i32", [NORMNET_I64] = "i64"};

    return names[element_size(dtype) > 0 ? dtype : 0];
}

const char *normnet__dims_text(char *text, int32_t rank, const int64_t *shape)
{
    int length = snprintf(text, NORMNET__DIMS_TEXT, rank == 0 ? "[]" : "%lld", (long long)shape[0]);

    for (int32_t i = 1; i < rank; ++i)
        length += snprintf(text + length, (size_t)(NORMNET__DIMS_TEXT - length), "x%lld", (long long)shape[i]);
    return text;
}

/* Strides that are all 0 become those of a contiguous tensor; false if they overflow. */
static bool fill_strides(normnet_tensor *tensor)
{
    int64_t stride = 1;

    for (int32_t i = 0; i < tensor->rank; ++i)
        if (tensor->strides[i] != 0)
            return true;
    for (int32_t i = tensor->rank - 1; i >= 0; --i) {
        tensor->strides[i] = stride;
        if (!normnet__multiply(stride, tensor->shape[i], &stride))
            return false;
    }
    return true;
}

/* Sets the count and the range of bytes that the strides reach before and after `data`; false if it overflows. */
static bool find_extent(struct view *view)
{
    const normnet_tensor *tensor = &view->tensor;
    int64_t before = 0, after = 0, bytes;

    view->count = 1;
    for (int32_t i = 0; i < tensor->rank; ++i) {
        const int64_t stride = tensor->strides[i];
        int64_t reach;

        if (stride == INT64_MIN || !normnet__multiply(tensor->shape[i] - 1, stride < 0 ? -stride : stride, &reach) ||
            !normnet__add(stride < 0 ? before : after, reach, stride < 0 ? &before : &after) ||
            !normnet__multiply(view->count, tensor->shape[i], &view->count))
            return false;
    }
    if (!normnet__add(before, after, &bytes) || !normnet__add(bytes, 1, &bytes) ||
        !normnet__multiply(bytes, view->element_bytes, &bytes) || (uint64_t)bytes > PTRDIFF_MAX)
        return false;
    before *= view->element_bytes;
    after = (after + 1) * view->element_bytes;
    if ((uintptr_t)before > (uintptr_t)tensor->data || (uintptr_t)after > UINTPTR_MAX - (uintptr_t)tensor->data)
        return false;
    view->begin = (const char *)tensor->data - before;
    view->end = (const char *)tensor->data + after;
    return true;
}

static normnet_status check_fields(const normnet_tensor *tensor, const char *name)
{
    const int64_t element = element_size(tensor->dtype);

    if (tensor->rank < 0 || tensor->rank > 8)
        return normnet__fail(NORMNET_EINVAL, "%s.rank is %d; expected 0 to 8", name, tensor->rank);
    if (element == 0)
        return normnet__fail(NORMNET_EUNSUPPORTED, "%s.dtype is %d; expected 1 to %d", name, tensor->dtype,
                             (int)NORMNET__LAST_DTYPE);
    if (tensor->reserved != 0)
        return normnet__fail(NORMNET_EINVAL, "%s.reserved is %d; expected 0", name, tensor->reserved);
    if (tensor->data == NULL)
        return normnet__fail(NORMNET_EINVAL, "%s.data is NULL", name);
    if ((uintptr_t)tensor->data % (uintptr_t)element != 0)
        return normnet__fail(NORMNET_EINVAL,
                             "%s.data is not aligned: its address is %d more than a multiple of %d, the "
                             "bytes of an element",
                             name, (int)((uintptr_t)tensor->data % (uintptr_t)element), (int)element);
    for (int32_t i = 0; i < tensor->rank; ++i)
        if (tensor->shape[i] < 1)
            return normnet__fail(NORMNET_EINVAL, "%s.shape[%d] is %lld; expected at least 1", name, i,
                                 (long long)tensor->shape[i]);
    return NORMNET_OK;
}

normnet_status normnet__view_tensor(struct view *view, const normnet_tensor *tensor, const char *name, bool is_output)
{
    char dims[NORMNET__DIMS_TEXT];
    normnet_status status;

    *view = (struct view){.tensor = {.struct_size = (int32_t)sizeof *tensor}, .name = name};
    if (tensor == NULL)
        return normnet__fail(NORMNET_EINVAL, "%s is NULL", name);
    status = normnet__read_struct(&view->tensor, (int32_t)sizeof *tensor, NORMNET__TENSOR, tensor, name);
    if (status == NORMNET_OK)
        status = check_fields(&view->tensor, name);
    if (status != NORMNET_OK)
        return status;
    view->element_bytes = element_size(view->tensor.dtype);
    if (!fill_strides(&view->tensor) || !find_extent(view))
        return normnet__fail(NORMNET_EINVAL, "%s of shape %s exceeds the address space with these strides", name,
                             normnet__dims_text(dims, view->tensor.rank, view->tensor.shape));
    if (is_output && normnet__view_overlaps_itself(view))
        return normnet__fail(NORMNET_EINVAL, "%s overlaps itself: two elements of an output have the same address",
                             name);
    return NORMNET_OK;
}

static normnet_status check_pixels(const struct images *images)
{
    const float *data = images->data;
    char number[32];

    for (int64_t n = 0; n < images->count; ++n)
        for (int32_t c = 0; c < images->shape.channels; ++c)
            for (int32_t i = 0; i < images->shape.height; ++i) {
                const float *row = data + n * images->strides[0] + c * images->strides[1] + i * images->strides[2];

                for (int32_t j = 0; j < images->shape.width; ++j)
                    if (!isfinite(row[j * images->strides[3]]))
                        return normnet__fail(NORMNET_EVALUE, "images[%lld][%d][%d][%d] is %s; expected a finite number",
                                             (long long)n, c, i, j,
                                             normnet__decimal(number, (double)row[j * images->strides[3]]));
            }
    return NORMNET_OK;
}

/*
 * For a shape of rank 4 in the order N, H, W, C: what to do instead. Otherwise "". `hint` has room for HINT_TEXT bytes.
 */
enum { HINT_TEXT = 240 };

static const char *channels_last_hint(char *hint, const normnet_tensor *tensor, int64_t channels, int64_t height,
                                      int64_t width)
{
    const int64_t *shape = tensor->shape;

    if (tensor->rank != 4 || shape[1] != height || shape[2] != width || shape[3] != channels)
        return "";
    (void)snprintf(hint, HINT_TEXT,
                   "; keep the order N, C, H, W and set strides: for contiguous memory in the order N, H, W, C "
                   "{%lld, 1, %lld, %lld}",
                   (long long)(height * width * channels), (long long)(width * channels), (long long)channels);
    return hint;
}

normnet_status normnet__view_images(struct images *images, struct view *view, const normnet_tensor *tensor,
                                    struct shape shape, int64_t max)
{
    const normnet_status status = normnet__view_tensor(view, tensor, "images", false);
    const int64_t *actual = view->tensor.shape;
    char text[NORMNET__DIMS_TEXT], expected[40], hint[HINT_TEXT];

    if (status != NORMNET_OK)
        return status;
    if (view->tensor.dtype != NORMNET_U8 && view->tensor.dtype != NORMNET_F32)
        return normnet__fail(NORMNET_EUNSUPPORTED, "images are %s; expected u8 or f32",
                             normnet__dtype_name(view->tensor.dtype));
    if (view->tensor.rank != 4 || actual[1] != shape.channels || actual[2] != shape.height || actual[3] != shape.width)
        return normnet__fail(NORMNET_EINVAL, "images have the shape %s; expected Nx%s%s",
                             normnet__dims_text(text, view->tensor.rank, actual), normnet__shape_text(expected, shape),
                             channels_last_hint(hint, &view->tensor, shape.channels, shape.height, shape.width));
    if (actual[0] > max)
        return normnet__fail(NORMNET_EINVAL, "there are %lld images; expected at most %lld (config.max_batch)",
                             (long long)actual[0], (long long)max);
    *images = (struct images){
        .data = view->tensor.data, .bytes = view->tensor.dtype == NORMNET_U8, .count = actual[0], .shape = shape};
    for (int i = 0; i < 4; ++i)
        images->strides[i] = view->tensor.strides[i];
    return images->bytes ? NORMNET_OK : check_pixels(images);
}

normnet_status normnet__view_labels(struct labels *labels, const normnet_tensor *tensor, int64_t count, int32_t classes)
{
    const struct view *view = &labels->view;
    const normnet_status status = normnet__view_tensor(&labels->view, tensor, "labels", false);
    char text[NORMNET__DIMS_TEXT];

    labels->classes = classes;
    if (status != NORMNET_OK)
        return status;
    if (view->tensor.dtype == NORMNET_F32)
        return normnet__fail(NORMNET_EUNSUPPORTED, "labels are f32; expected u8, i32 or i64");
    if (view->tensor.rank != 1 || view->tensor.shape[0] != count)
        return normnet__fail(NORMNET_EINVAL, "labels have the shape %s; expected %lld, one per image",
                             normnet__dims_text(text, view->tensor.rank, view->tensor.shape), (long long)count);
    return NORMNET_OK;
}

/* Volatile: the compiler must not read a label again after its check. */
static int64_t label_at(const struct labels *labels, int64_t index)
{
    const normnet_tensor *tensor = &labels->view.tensor;
    const int64_t at = index * tensor->strides[0];

    switch (tensor->dtype) {
    case NORMNET_U8:
        return ((const volatile uint8_t *)tensor->data)[at];
    case NORMNET_I32:
        return ((const volatile int32_t *)tensor->data)[at];
    default:
        return ((const volatile int64_t *)tensor->data)[at];
    }
}

bool normnet__read_label(const struct labels *labels, int64_t index, int32_t *label)
{
    const int64_t value = label_at(labels, index);

    *label = (int32_t)value;
    return value >= 0 && value < labels->classes;
}

normnet_status normnet__copy_labels(const struct labels *labels, int64_t count, int32_t *copy)
{
    for (int64_t i = 0; i < count; ++i) {
        const int64_t value = label_at(labels, i);

        if (value < 0 || value >= labels->classes)
            return normnet__fail(NORMNET_ELABEL, "labels[%lld] is %lld; expected 0 to %d", (long long)i,
                                 (long long)value, labels->classes - 1);
        if (copy != NULL)
            copy[i] = (int32_t)value;
    }
    return NORMNET_OK;
}

normnet_status normnet__view_output(struct view *view, const normnet_tensor *tensor, const char *name, int32_t rank,
                                    const int64_t *shape, const struct view *input)
{
    const normnet_status status = normnet__view_tensor(view, tensor, name, true);
    char actual[NORMNET__DIMS_TEXT], expected[NORMNET__DIMS_TEXT], hint[HINT_TEXT];
    bool same = view->tensor.rank == rank;

    if (status != NORMNET_OK)
        return status;
    for (int32_t i = 0; same && i < rank; ++i)
        same = view->tensor.shape[i] == shape[i];
    if (!same)
        return normnet__fail(NORMNET_EINVAL, "%s has the shape %s; expected %s%s", name,
                             normnet__dims_text(actual, view->tensor.rank, view->tensor.shape),
                             normnet__dims_text(expected, rank, shape),
                             rank == 4 ? channels_last_hint(hint, &view->tensor, shape[1], shape[2], shape[3]) : "");
    if (normnet__views_overlap(view, input))
        return normnet__fail(NORMNET_EINVAL, "%s overlaps %s", name, input->name);
    return NORMNET_OK;
}
