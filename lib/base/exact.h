/* SPDX-License-Identifier: MIT */
/*
 * Refuses compilers that are told to compute inexactly, or to pack structs: kernels load from aligned members, and
 * programs and the library have to agree on the layout of the public ones. The promise of the same bits needs every
 * operation to be rounded by itself, to the type of its operands, in the order of the source. meson.build sets the
 * flags for this; that no multiply-add is fused (-ffp-contract=off) is the one of them that a source file cannot see.
 */
#ifndef NORMNET_BASE_EXACT_H
#define NORMNET_BASE_EXACT_H

#include <assert.h>
#include <float.h>
#include <stddef.h>

#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) ||                         \
    defined(__NO_SIGNED_ZEROS__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ != 0)
#error "libnormnet promises the same bits everywhere and must not be compiled with -ffast-math or a part of it"
#endif
#if FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16 /* 16 concerns half precision only */
#error "libnormnet promises the same bits everywhere and must not compute floats in a wider type"
#endif

static_assert(sizeof 0.1 == sizeof(double), "libnormnet must not be compiled with -fsingle-precision-constant");

struct normnet__with_aligned_member {
    char first;
    _Alignas(64) char aligned;
};
static_assert(offsetof(struct normnet__with_aligned_member, aligned) == 64,
              "libnormnet must not be compiled with -fpack-struct");

#endif
