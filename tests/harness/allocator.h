/* SPDX-License-Identifier: MIT */
/*
 * An allocator to pass to normnet_model_create(): it counts, fails on request, fills blocks with a pattern and freed
 * ones with another, aligns them to exactly what was asked for and no further, and finds out when they come back
 * whether the size is the one that was asked for and nobody wrote around them.
 */
#ifndef ALLOCATOR_H
#define ALLOCATOR_H

#include "check_normnet.h"

enum { ALLOCATOR_BLOCKS = 32, ALLOCATOR_GUARD = 64, ALLOCATOR_GUARD_BYTE = 0xC3, ALLOCATOR_FREED_BYTE = 0x5A };

struct allocator_block {
    unsigned char *raw, *block;
    int64_t size;
};

struct allocator {
    int fill;    /* byte that new blocks hold */
    int fail_at; /* the number, from 1, of the allocation that fails; 0 = none */
    int sticky;  /* those after it fail too */
    int allocations, failures, frees;
    int64_t live, peak, largest, requested; /* bytes */
    int live_blocks;
    int forbidden; /* calls now are mistakes */
    struct allocator_block blocks[ALLOCATOR_BLOCKS];
};

static inline void *allocator_allocate(void *user, int64_t size, int64_t alignment)
{
    struct allocator *self = user;
    struct allocator_block *place = self->blocks;
    size_t room, offset;

    ++self->allocations;
    if (self->forbidden)
        CHECK_FAIL("an allocation of %" PRId64 " bytes where none is allowed", size);
    if (size <= 0 || alignment <= 0 || (alignment & (alignment - 1)) != 0)
        CHECK_FAIL("allocate(%" PRId64 " bytes, alignment %" PRId64 ")", size, alignment);
    if (self->fail_at > 0 &&
        (self->allocations == self->fail_at || (self->sticky && self->allocations > self->fail_at))) {
        ++self->failures;
        return NULL;
    }
    while (place < self->blocks + ALLOCATOR_BLOCKS && place->raw != NULL)
        ++place;
    if (place == self->blocks + ALLOCATOR_BLOCKS) {
        CHECK_FAIL("more than %d blocks live", ALLOCATOR_BLOCKS);
        return NULL;
    }
    room = (size_t)size + 3 * (size_t)alignment + 2 * ALLOCATOR_GUARD;
    place->raw = check_allocate(room, 1);
    memset(place->raw, ALLOCATOR_GUARD_BYTE, room);
    /* An odd multiple of the alignment: code that relies on more fails. */
    offset = ALLOCATOR_GUARD;
    while (((uintptr_t)place->raw + offset) % (2 * (uintptr_t)alignment) != (uintptr_t)alignment)
        ++offset;
    place->block = place->raw + offset;
    place->size = size;
    memset(place->block, self->fill, (size_t)size);
    self->live += size;
    self->peak = self->live > self->peak ? self->live : self->peak;
    self->requested += size;
    self->live_blocks += 1;
    self->largest = size > self->largest ? size : self->largest;
    return place->block;
}

/* What is read after it was freed is not what was there. A compiler leaves out a plain memset() before free(). */
static inline void allocator_overwrite(void *block, size_t size)
{
    void *(*const volatile fill)(void *, int, size_t) = memset;

    fill(block, ALLOCATOR_FREED_BYTE, size);
}

static inline void allocator_deallocate(void *user, void *block, int64_t size)
{
    struct allocator *self = user;
    struct allocator_block *place = self->blocks;

    ++self->frees;
    if (self->forbidden)
        CHECK_FAIL("a deallocation where none is allowed");
    while (place < self->blocks + ALLOCATOR_BLOCKS && (place->raw == NULL || place->block != block))
        ++place;
    if (place == self->blocks + ALLOCATOR_BLOCKS) {
        CHECK_FAIL("a block comes back that was never given, or twice");
        return;
    }
    if (size != place->size)
        CHECK_FAIL("a block of %" PRId64 " bytes comes back as one of %" PRId64, place->size, size);
    for (int i = 0; i < ALLOCATOR_GUARD; ++i)
        if (place->block[-1 - i] != ALLOCATOR_GUARD_BYTE || place->block[place->size + i] != ALLOCATOR_GUARD_BYTE) {
            CHECK_FAIL("something wrote around a block of %" PRId64 " bytes", place->size);
            break;
        }
    self->live -= place->size;
    self->live_blocks -= 1;
    allocator_overwrite(place->block, (size_t)place->size);
    free(place->raw);
    memset(place, 0, sizeof *place);
}

static inline void allocator_use(struct allocator *self, normnet_config *config)
{
    config->allocate = allocator_allocate;
    config->deallocate = allocator_deallocate;
    config->allocator_user = self;
}

/* Nothing is left. */
static inline void check_all_freed(const char *file, int line, const struct allocator *self)
{
    if (self->live_blocks != 0)
        check_fail(file, line, "%d blocks with %" PRId64 " bytes are left", self->live_blocks, self->live);
}

#define CHECK_ALL_FREED(allocator) check_all_freed(__FILE__, __LINE__, (allocator))

#endif
