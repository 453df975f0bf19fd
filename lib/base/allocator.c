/* SPDX-License-Identifier: MIT */
#if defined(__linux__)
#define _DEFAULT_SOURCE /* madvise */
#endif
#include "base/allocator.h"

#include "base/checked.h"
#include "base/float_mode.h"
#include "base/message.h"

#include <stdlib.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

/* Of x86-64 and of AArch64 with normal pages of 4 KiB. Smaller blocks request none. */
static const int64_t huge_page = (int64_t)2 << 20;

/*
 * A processor caches the addresses of a few megabytes in pages of 4 KiB, and a virtual machine must translate each
 * address twice. This is a hint: if the system ignores it, everything works, but slower.
 */
static void request_huge_pages(void *block, int64_t size)
{
#if defined(MADV_HUGEPAGE)
    (void)madvise(block, (size_t)(size / huge_page * huge_page), MADV_HUGEPAGE);
#else
    (void)block;
    (void)size;
#endif
}

/*
 * malloc aligns to 16 bytes at best, and some platforms have no aligned_alloc. So the block is larger than requested,
 * and the word before the aligned address holds the address to free.
 */
static void *default_allocate(void *user, int64_t size, int64_t alignment)
{
    const bool huge = size >= huge_page;
    const uintptr_t mask = (uintptr_t)(huge && alignment < huge_page ? huge_page : alignment) - 1;
    int64_t padded;
    char *block;
    void **aligned;

    (void)user;
    if (!normnet__add(size, (int64_t)mask + 1 + (int64_t)sizeof(void *), &padded) || (uint64_t)padded > SIZE_MAX)
        return NULL;
    block = malloc((size_t)padded);
    if (block == NULL)
        return NULL;
    aligned = (void **)(((uintptr_t)block + sizeof(void *) + mask) & ~mask);
    aligned[-1] = block;
    if (huge)
        request_huge_pages(aligned, size);
    return aligned;
}

static void default_deallocate(void *user, void *block, int64_t size)
{
    (void)user;
    (void)size;
    if (block != NULL)
        free(((void **)block)[-1]);
}

struct allocator normnet__default_allocator(void)
{
    return (struct allocator){default_allocate, default_deallocate, NULL};
}

void normnet__deallocate(const struct allocator *allocator, void *block, int64_t size)
{
    if (block == NULL)
        return;
    allocator->deallocate(allocator->user, block, size);
    normnet__reset_float_mode();
}

normnet_status normnet__allocate(const struct allocator *allocator, int64_t size, void **block)
{
    *block = allocator->allocate(allocator->user, size, NORMNET__ALIGNMENT);
    normnet__reset_float_mode();
    if (*block != NULL && (uintptr_t)*block % NORMNET__ALIGNMENT != 0) {
        normnet__deallocate(allocator, *block, size);
        *block = NULL;
        return normnet__fail(NORMNET_EINVAL, "config.allocate returned an address that is no multiple of %d",
                             (int)NORMNET__ALIGNMENT);
    }
    if (*block != NULL)
        return NORMNET_OK;
    return normnet__fail(NORMNET_ENOMEM, "the allocator returned no block of %lld bytes", (long long)size);
}
