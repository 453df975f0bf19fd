/* SPDX-License-Identifier: MIT */
#include "files/config_fields.h"

#include "base/message.h"
#include "files/number_text.h"

#include <stddef.h>
#include <string.h>

enum field_type { INT32_FIELD, INT64_FIELD, DOUBLE_FIELD };

struct field {
    const char *key;
    size_t offset; /* in normnet_config */
    enum field_type type;
};

static const struct field network_fields[] = {
    {"normnet.norm", offsetof(normnet_config, norm), INT32_FIELD},
    {"normnet.channels", offsetof(normnet_config, channels), INT32_FIELD},
    {"normnet.height", offsetof(normnet_config, height), INT32_FIELD},
    {"normnet.width", offsetof(normnet_config, width), INT32_FIELD},
    {"normnet.classes", offsetof(normnet_config, classes), INT32_FIELD},
    {"normnet.groups", offsetof(normnet_config, groups), INT32_FIELD},
    {"normnet.layer_dims", offsetof(normnet_config, layer_dims), INT32_FIELD},
    {"normnet.affine", offsetof(normnet_config, affine), INT32_FIELD},
    {"normnet.eps", offsetof(normnet_config, eps), DOUBLE_FIELD},
};

static const struct field training_fields[] = {
    {"normnet.virtual_batch", offsetof(normnet_config, virtual_batch), INT32_FIELD},
    {"normnet.cumulative_statistics", offsetof(normnet_config, cumulative_statistics), INT32_FIELD},
    {"normnet.penalty_on", offsetof(normnet_config, penalty_on), INT32_FIELD},
    {"normnet.schedule", offsetof(normnet_config, schedule), INT32_FIELD},
    {"normnet.anneal", offsetof(normnet_config, anneal), INT32_FIELD},
    {"normnet.three_phase", offsetof(normnet_config, three_phase), INT32_FIELD},
    {"normnet.cycle_momentum", offsetof(normnet_config, cycle_momentum), INT32_FIELD},
    {"normnet.nesterov", offsetof(normnet_config, nesterov), INT32_FIELD},
    {"normnet.seed", offsetof(normnet_config, seed), INT64_FIELD},
    {"normnet.total_steps", offsetof(normnet_config, total_steps), INT64_FIELD},
    {"normnet.step_size", offsetof(normnet_config, step_size), INT64_FIELD},
    {"normnet.batchnorm_momentum", offsetof(normnet_config, batchnorm_momentum), DOUBLE_FIELD},
    {"normnet.dropout", offsetof(normnet_config, dropout), DOUBLE_FIELD},
    {"normnet.l1", offsetof(normnet_config, l1), DOUBLE_FIELD},
    {"normnet.l2", offsetof(normnet_config, l2), DOUBLE_FIELD},
    {"normnet.label_smoothing", offsetof(normnet_config, label_smoothing), DOUBLE_FIELD},
    {"normnet.lr", offsetof(normnet_config, lr), DOUBLE_FIELD},
    {"normnet.momentum", offsetof(normnet_config, momentum), DOUBLE_FIELD},
    {"normnet.dampening", offsetof(normnet_config, dampening), DOUBLE_FIELD},
    {"normnet.step_gamma", offsetof(normnet_config, step_gamma), DOUBLE_FIELD},
    {"normnet.max_lr", offsetof(normnet_config, max_lr), DOUBLE_FIELD},
    {"normnet.base_momentum", offsetof(normnet_config, base_momentum), DOUBLE_FIELD},
    {"normnet.max_momentum", offsetof(normnet_config, max_momentum), DOUBLE_FIELD},
    {"normnet.pct_start", offsetof(normnet_config, pct_start), DOUBLE_FIELD},
    {"normnet.div_factor", offsetof(normnet_config, div_factor), DOUBLE_FIELD},
    {"normnet.final_div_factor", offsetof(normnet_config, final_div_factor), DOUBLE_FIELD},
    {"normnet.clip_norm", offsetof(normnet_config, clip_norm), DOUBLE_FIELD},
};

static const struct field average_fields[] = {
    {"normnet.average_decay", offsetof(normnet_config, average_decay), DOUBLE_FIELD},
    {"normnet.average_from", offsetof(normnet_config, average_from), INT64_FIELD},
};

static const struct {
    const struct field *fields;
    int count;
} groups[] = {
    [NORMNET__NETWORK_FIELDS] = {network_fields, sizeof network_fields / sizeof network_fields[0]},
    [NORMNET__TRAINING_FIELDS] = {training_fields, sizeof training_fields / sizeof training_fields[0]},
    [NORMNET__AVERAGE_FIELDS] = {average_fields, sizeof average_fields / sizeof average_fields[0]},
};

static void put_field(struct header *header, const struct field *field, const normnet_config *config)
{
    const char *value = (const char *)config + field->offset;
    int32_t narrow;
    int64_t wide;
    double number;

    normnet__begin_metadata(header, field->key);
    switch (field->type) {
    case INT32_FIELD:
        memcpy(&narrow, value, sizeof narrow);
        normnet__put_decimal(header->output, narrow);
        break;
    case INT64_FIELD:
        memcpy(&wide, value, sizeof wide);
        normnet__put_decimal(header->output, wide);
        break;
    case DOUBLE_FIELD:
        memcpy(&number, value, sizeof number);
        normnet__put_number_bits(header->output, number);
        break;
    }
    normnet__end_metadata(header);
}

void normnet__put_fields(struct header *header, enum field_group group, const normnet_config *config)
{
    for (int i = 0; i < groups[group].count; ++i)
        put_field(header, &groups[group].fields[i], config);
}

normnet_status normnet__reject_metadata(const char *key, const char *text)
{
    return normnet__fail(NORMNET_EFORMAT, "the metadata %s is '%.64s', which this version cannot read", key, text);
}

normnet_status normnet__reject_missing_metadata(const char *key)
{
    return normnet__fail(NORMNET_EFORMAT, "the checkpoint has no metadata %s", key);
}

/* Reads a string to the field's value; false if it is not a number of the field's type. */
static bool read_field(const struct field *field, const char *text, normnet_config *config)
{
    char *value = (char *)config + field->offset;
    int64_t wide;
    int32_t narrow;
    double number;

    if (field->type == DOUBLE_FIELD) {
        if (!normnet__parse_number_bits(text, &number) || text[NORMNET__NUMBER_DIGITS] != '\0')
            return false;
        memcpy(value, &number, sizeof number);
        return true;
    }
    if (!normnet__parse_decimal(text, &wide))
        return false;
    if (field->type == INT64_FIELD) {
        memcpy(value, &wide, sizeof wide);
        return true;
    }
    narrow = (int32_t)wide;
    if (narrow != wide)
        return false;
    memcpy(value, &narrow, sizeof narrow);
    return true;
}

normnet_status normnet__read_fields(const struct safetensors *file, enum field_group group, bool required,
                                    normnet_config *config)
{
    for (int i = 0; i < groups[group].count; ++i) {
        const struct field *field = &groups[group].fields[i];
        const char *text = normnet__find_metadata(file, field->key);

        if (text == NULL && required)
            return normnet__reject_missing_metadata(field->key);
        if (text != NULL && !read_field(field, text, config))
            return normnet__reject_metadata(field->key, text);
    }
    return NORMNET_OK;
}
