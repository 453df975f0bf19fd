/* SPDX-License-Identifier: MIT */
#include "files/config_fields.h"

#include "base/message.h"
#include "files/number_text.h"

#include <stddef.h>
#include <string.h>

enum field_type { INT32, INT64, DOUBLE };

struct field {
    const char *key;
    size_t offset; /* in normnet_config */
    enum field_type type;
};

static const struct field network_fields[] = {
    {"normnet.norm", offsetof(normnet_config, norm), INT32},
    {"normnet.channels", offsetof(normnet_config, channels), INT32},
    {"normnet.height", offsetof(normnet_config, height), INT32},
    {"normnet.width", offsetof(normnet_config, width), INT32},
    {"normnet.classes", offsetof(normnet_config, classes), INT32},
    {"normnet.groups", offsetof(normnet_config, groups), INT32},
    {"normnet.layer_dims", offsetof(normnet_config, layer_dims), INT32},
    {"normnet.affine", offsetof(normnet_config, affine), INT32},
    {"normnet.eps", offsetof(normnet_config, eps), DOUBLE},
};

static const struct field training_fields[] = {
    {"normnet.virtual_batch", offsetof(normnet_config, virtual_batch), INT32},
    {"normnet.cumulative_statistics", offsetof(normnet_config, cumulative_statistics), INT32},
    {"normnet.penalty_on", offsetof(normnet_config, penalty_on), INT32},
    {"normnet.schedule", offsetof(normnet_config, schedule), INT32},
    {"normnet.anneal", offsetof(normnet_config, anneal), INT32},
    {"normnet.three_phase", offsetof(normnet_config, three_phase), INT32},
    {"normnet.cycle_momentum", offsetof(normnet_config, cycle_momentum), INT32},
    {"normnet.nesterov", offsetof(normnet_config, nesterov), INT32},
    {"normnet.seed", offsetof(normnet_config, seed), INT64},
    {"normnet.total_steps", offsetof(normnet_config, total_steps), INT64},
    {"normnet.step_size", offsetof(normnet_config, step_size), INT64},
    {"normnet.batchnorm_momentum", offsetof(normnet_config, batchnorm_momentum), DOUBLE},
    {"normnet.dropout", offsetof(normnet_config, dropout), DOUBLE},
    {"normnet.l1", offsetof(normnet_config, l1), DOUBLE},
    {"normnet.l2", offsetof(normnet_config, l2), DOUBLE},
    {"normnet.label_smoothing", offsetof(normnet_config, label_smoothing), DOUBLE},
    {"normnet.lr", offsetof(normnet_config, lr), DOUBLE},
    {"normnet.momentum", offsetof(normnet_config, momentum), DOUBLE},
    {"normnet.dampening", offsetof(normnet_config, dampening), DOUBLE},
    {"normnet.step_gamma", offsetof(normnet_config, step_gamma), DOUBLE},
    {"normnet.max_lr", offsetof(normnet_config, max_lr), DOUBLE},
    {"normnet.base_momentum", offsetof(normnet_config, base_momentum), DOUBLE},
    {"normnet.max_momentum", offsetof(normnet_config, max_momentum), DOUBLE},
    {"normnet.pct_start", offsetof(normnet_config, pct_start), DOUBLE},
    {"normnet.div_factor", offsetof(normnet_config, div_factor), DOUBLE},
    {"normnet.final_div_factor", offsetof(normnet_config, final_div_factor), DOUBLE},
    {"normnet.clip_norm", offsetof(normnet_config, clip_norm), DOUBLE},
};

static const struct field average_fields[] = {
    {"normnet.average_decay", offsetof(normnet_config, average_decay), DOUBLE},
    {"normnet.average_from", offsetof(normnet_config, average_from), INT64},
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
    case INT32:
        memcpy(&narrow, value, sizeof narrow);
        normnet__put_decimal(header->output, narrow);
        break;
    case INT64:
        memcpy(&wide, value, sizeof wide);
        normnet__put_decimal(header->output, wide);
        break;
    case DOUBLE:
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

    if (field->type == DOUBLE) {
        if (!normnet__parse_number_bits(text, &number) || text[NORMNET__NUMBER_DIGITS] != '\0')
            return false;
        memcpy(value, &number, sizeof number);
        return true;
    }
    if (!normnet__parse_decimal(text, &wide))
        return false;
    if (field->type == INT64) {
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
