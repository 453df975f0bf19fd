/* SPDX-License-Identifier: MIT */
/* What the tests of the reader share. */
#ifndef READER_CASES_H
#define READER_CASES_H

#include "reading.h"

/* ---- Headers ---------------------------------------------------------------------------------- */

/* `count` tensors with names that differ in their last digits only, as long as names can be. */
static inline struct file many_tensors(int count)
{
    struct file self = file_begin();

    file_print(&self, "{");
    for (int i = 0; i < count; ++i)
        file_print(&self, "%s\"%0127d\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[%d,%d]}", i > 0 ? "," : "", i,
                   4 * i, 4 * i + 4);
    file_print(&self, "}");
    file_end_header(&self);
    file_fill(&self, 0, 4 * (int64_t)count);
    return self;
}

static inline struct file many_strings(int count)
{
    struct file self = file_begin();

    file_print(&self, "{\"__metadata__\":{");
    for (int i = 0; i < count; ++i)
        file_print(&self, "%s\"%c%c\":\"\"", i > 0 ? "," : "", 'a' + i / 26, 'a' + i % 26);
    file_print(&self, "}}");
    file_end_header(&self);
    return self;
}

/* ---- Saved files, changed --------------------------------------------------------------------- */

enum { FILE_KINDS = 2 };
static const int32_t file_kinds[FILE_KINDS] = {NORMNET_FILE_CHECKPOINT, NORMNET_FILE_WEIGHTS};
static const char *const file_kind_names[FILE_KINDS] = {"a checkpoint", "weights"};

static inline const struct file *file_of_kind(const struct reading *self, int32_t kind)
{
    return kind == NORMNET_FILE_CHECKPOINT ? &self->checkpoint : &self->weights;
}

/* After a change. */
static inline void expect_signed(struct reading *self, struct file *changed, normnet_status created,
                                 normnet_status filled, const char *word)
{
    const char *const words[] = {word, NULL};

    CHECK(crafted_enter_checksum(changed->bytes, changed->size));
    expect_outcome(self, changed, created, filled, words);
}

#endif
