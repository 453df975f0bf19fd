/* SPDX-License-Identifier: MIT */
/*
 * The vector operations that the kernels are written in. Only kernels include this file. They are compiled once per
 * instruction set, with NORMNET_ISA defined to its name.
 *
 * A vector has the width of the instruction set's registers, since gcc 12 splits wider types badly: a group of lanes
 * is LANES / VECTOR_LANES vectors. All operations but lanes_sum are vertical, and all have the same result on every
 * machine. Multiply-adds are fused, in software where the hardware has none.
 */
#ifndef NORMNET_KERNELS_LANES_H
#define NORMNET_KERNELS_LANES_H

#include "base/exact.h"

#include <stdint.h>
#include <string.h>

/*
 * Chosen by NORMNET_ISA and not by the compiler's macros, so that the portable kernels stay plain C even if everything
 * is compiled with -mavx2.
 */
#define LANES_ISA_portable 1
#define LANES_ISA_avx2 2
#define LANES_ISA_avx512 3
#define LANES_ISA_neon 4
#define LANES_ISA_portable8 5 /* for tests: portable, with the lanes of AVX2 */
#define LANES_JOIN(a, b) a##b
#define LANES_ISA(name) LANES_JOIN(LANES_ISA_, name)
#define LANES_AVX2 (LANES_ISA(NORMNET_ISA) == LANES_ISA_avx2)
#define LANES_AVX512 (LANES_ISA(NORMNET_ISA) == LANES_ISA_avx512)
#define LANES_NEON (LANES_ISA(NORMNET_ISA) == LANES_ISA_neon)
#define LANES_X86 (LANES_AVX2 || LANES_AVX512)

/* WebAssembly has no choice at run time: compiled with -msimd128, its portable kernels have vector instructions. */
#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#define LANES_WASM 1
#else
#define LANES_WASM 0
#endif

/* KERNEL(relu) is relu_avx2: functions that are not inlined can be told apart in profilers and debuggers. */
#define KERNEL_JOIN(name, isa) name##_##isa
#define KERNEL_JOIN_VALUES(name, isa) KERNEL_JOIN(name, isa)
#define KERNEL(name) KERNEL_JOIN_VALUES(name, NORMNET_ISA)

/*
 * The lanes of a group: one vector with AVX2 and AVX-512. Fewer would waste registers of the others, whose vectors are
 * narrower: with 16 lanes, AVX2's kernels would process every group twice, and half as much would fit into a cache.
 */
#if LANES_AVX2 || LANES_ISA(NORMNET_ISA) == LANES_ISA_portable8
enum { LANES = 8 };
#else
enum { LANES = 16 };
#endif

#if LANES_AVX512
#include <immintrin.h>
enum { VECTOR_LANES = 16 };
#define VECTOR_REGISTERS 32
#elif LANES_AVX2
#include <immintrin.h>
enum { VECTOR_LANES = 8 };
#define VECTOR_REGISTERS 16
#elif LANES_NEON
#include <arm_neon.h>
enum { VECTOR_LANES = 4 };
#define VECTOR_REGISTERS 32
#else
enum { VECTOR_LANES = 4 };
/* A budget for tiles: a multiply-add takes two dozen instructions, so that large tiles would only be large code. */
#define VECTOR_REGISTERS 4
#endif

#define LANES_INLINE static inline __attribute__((always_inline))

/*
 * A loop with a small constant count, unrolled so that the arrays it indexes can live in registers. clang's plain
 * `unroll` is not enough: it unrolls before it inlines the function, when the count is still a parameter.
 */
#ifdef __clang__
#define LANES_UNROLL _Pragma("clang loop unroll(full)")
#else
#define LANES_UNROLL _Pragma("GCC unroll 16")
#endif
#define LANES_FOR(index, count) LANES_UNROLL for (int index = 0; index < (count); ++index)

typedef float lanes __attribute__((vector_size(4 * VECTOR_LANES), may_alias));
typedef int32_t lanes_int __attribute__((vector_size(4 * VECTOR_LANES), may_alias));
typedef uint32_t lanes_bits __attribute__((vector_size(4 * VECTOR_LANES), may_alias));

/* The same lanes in double: the low and the high half, a register each. */
typedef double half_double __attribute__((vector_size(4 * VECTOR_LANES), may_alias));
typedef int64_t half_int64 __attribute__((vector_size(4 * VECTOR_LANES), may_alias));
typedef uint64_t half_bits __attribute__((vector_size(4 * VECTOR_LANES), may_alias));
typedef float half_lanes __attribute__((vector_size(2 * VECTOR_LANES), may_alias));
typedef struct {
    half_double low, high;
} lanes_double;

LANES_INLINE lanes lanes_load(const float *from)
{
    return *(const lanes *)from;
}

LANES_INLINE void lanes_store(float *to, lanes value)
{
    *(lanes *)to = value;
}

LANES_INLINE lanes lanes_splat(float value)
{
    return value - (lanes){0}; /* x - 0 is x for every x; compilers make it a broadcast */
}

/*
 * Keeps a value in a register. gcc would read it from memory again in each multiply-add that uses it; then loads, not
 * multiply-adds, would be the bottleneck.
 */
LANES_INLINE void lanes_keep(lanes *value)
{
#if LANES_X86
    __asm__("" : "+v"(*value));
#else
    (void)value;
#endif
}

/* Keeps gcc from computing all addresses of a tile at once, for which it has too few registers. */
LANES_INLINE void keep_address(float **address)
{
#if LANES_X86
    __asm__("" : "+r"(*address));
#else
    (void)address;
#endif
}

/* mask ? yes : no per lane; the bits of a lane of the mask are all set or all clear. */
LANES_INLINE lanes lanes_select(lanes_int mask, lanes yes, lanes no)
{
#if LANES_AVX2
    return (lanes)_mm256_blendv_ps((__m256)no, (__m256)yes, (__m256)mask);
#else
    return (lanes)((mask & (lanes_int)yes) | (~mask & (lanes_int)no));
#endif
}

/* Whether each lane is neither infinite nor NaN: whether its exponent is not the highest. */
LANES_INLINE lanes_int lanes_finite(lanes value)
{
    return (lanes_int)(((lanes_bits)value & 0x7F800000u) != 0x7F800000u);
}

/* value < 0 ? 0 : value, so that NaN and -0 stay. */
LANES_INLINE lanes lanes_max_zero(lanes value)
{
#if LANES_AVX512
    /* The result is the second operand if either is NaN or both are 0. */
    return (lanes)_mm512_max_ps((__m512)lanes_splat(0.0f), (__m512)value);
#elif LANES_AVX2
    return (lanes)_mm256_max_ps((__m256)lanes_splat(0.0f), (__m256)value);
#else
    const lanes zero = lanes_splat(0.0f);

    return lanes_select(value < zero, zero, value);
#endif
}

LANES_INLINE lanes_double lanes_to_double(lanes value)
{
#if LANES_NEON
    const float32x4_t four = (float32x4_t)value;

    return (lanes_double){(half_double)vcvt_f64_f32(vget_low_f32(four)), (half_double)vcvt_high_f64_f32(four)};
#elif LANES_WASM
    const v128_t four = (v128_t)value;

    return (lanes_double){(half_double)wasm_f64x2_promote_low_f32x4(four),
                          (half_double)wasm_f64x2_promote_low_f32x4(wasm_i32x4_shuffle(four, four, 2, 3, 2, 3))};
#else
    half_lanes low, high;

    memcpy(&low, &value, sizeof low);
    memcpy(&high, (const char *)&value + sizeof low, sizeof high);
    return (lanes_double){__builtin_convertvector(low, half_double), __builtin_convertvector(high, half_double)};
#endif
}

LANES_INLINE lanes lanes_from_double(lanes_double value)
{
#if LANES_NEON
    return (lanes)vcvt_high_f32_f64(vcvt_f32_f64((float64x2_t)value.low), (float64x2_t)value.high);
#elif LANES_WASM
    return (lanes)wasm_i32x4_shuffle(wasm_f32x4_demote_f64x2_zero((v128_t)value.low),
                                     wasm_f32x4_demote_f64x2_zero((v128_t)value.high), 0, 1, 4, 5);
#else
    const half_lanes low = __builtin_convertvector(value.low, half_lanes);
    const half_lanes high = __builtin_convertvector(value.high, half_lanes);
    lanes rounded;

    memcpy(&rounded, &low, sizeof low);
    memcpy((char *)&rounded + sizeof low, &high, sizeof high);
    return rounded;
#endif
}

LANES_INLINE half_double half_splat(double value)
{
    return value - (half_double){0};
}

/* value where the comparison was true, else 0. */
LANES_INLINE half_double half_where(half_int64 mask, half_double value)
{
    return (half_double)(mask & (half_int64)value);
}

LANES_INLINE lanes_double lanes_double_load(const double *from)
{
    lanes_double value;

    /* gcc would copy both halves at once by way of the stack. */
    memcpy(&value.low, from, sizeof value.low);
    memcpy(&value.high, from + VECTOR_LANES / 2, sizeof value.high);
    return value;
}

LANES_INLINE void lanes_double_store(double *to, lanes_double value)
{
    memcpy(to, &value.low, sizeof value.low);
    memcpy(to + VECTOR_LANES / 2, &value.high, sizeof value.high);
}

LANES_INLINE lanes_double lanes_double_add(lanes_double a, lanes_double b)
{
    return (lanes_double){a.low + b.low, a.high + b.high};
}

LANES_INLINE lanes_double lanes_double_subtract(lanes_double a, lanes_double b)
{
    return (lanes_double){a.low - b.low, a.high - b.high};
}

LANES_INLINE lanes_double lanes_double_divide(lanes_double a, double b)
{
    return (lanes_double){a.low / b, a.high / b};
}

/* Exact if the factors are floats. */
LANES_INLINE lanes_double lanes_double_multiply(lanes_double a, lanes_double b)
{
    return (lanes_double){a.low * b.low, a.high * b.high};
}

LANES_INLINE lanes_double lanes_double_splat(double value)
{
    return (lanes_double){half_splat(value), half_splat(value)};
}

#if LANES_AVX512
LANES_INLINE lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return (lanes)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
#elif LANES_AVX2
LANES_INLINE lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return (lanes)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
#elif LANES_NEON
LANES_INLINE lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return (lanes)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
#else
/*
 * p + c rounded to odd, where p is the exact product of two floats. The rounding error of the sum is computed exactly
 * (Knuth's TwoSum). If there is one and the last bit of the sum is even, the result is the neighbour on the side of the
 * error. A value rounded to odd at 53 bits rounds to float (24 bits or fewer) as the exact value does (Boldo and
 * Melquiond, Emulation of FMA and correctly rounded sums, IEEE TC 2008).
 */
LANES_INLINE half_double half_add_round_to_odd(half_double p, half_double c)
{
    const half_double sum = p + c;
    const half_double shadow = sum - p;
    const half_double error = (p - (sum - shadow)) + (c - shadow);
    const half_int64 bits = (half_int64)sum;
    /* If the sum is not finite, the error is NaN and all comparisons are false. */
    const half_int64 inexact = (half_int64)(error < 0.0) | (half_int64)(error > 0.0);
    const half_int64 outward = ~((half_int64)(error > 0.0) ^ (half_int64)(sum > 0.0));
    const half_int64 even = (bits & 1) - 1;

    /* Adding 1 to the bits moves away from zero, subtracting 1 towards it; `outward` is 0 or -1. */
    return (half_double)(bits + (inexact & even & (-1 - 2 * outward)));
}

#if LANES_WASM
/* Whether a double lies in the middle between two floats of the normal range. */
LANES_INLINE half_int64 half_is_middle(half_double sum)
{
    return (half_int64)((half_bits)sum << 35 == UINT64_C(1) << 63);
}

/* For the few sums whose rounding error decides. */
static __attribute__((noinline)) lanes lanes_add_round_to_odd(lanes_double product, lanes_double addend)
{
    return lanes_from_double((lanes_double){half_add_round_to_odd(product.low, addend.low),
                                            half_add_round_to_odd(product.high, addend.high)});
}

/*
 * The sum is rounded to double and then to float. That is the same as rounding once unless the first rounding ends in
 * the middle between two floats: then its last 29 bits are 1000.... That is rare, and the test is cheap where 64-bit
 * integers can be compared; with gcc and SSE2 it is not. Below the normal range of floats, middles are elsewhere; of a
 * sum that becomes 0, nothing was rounded before.
 */
LANES_INLINE lanes lanes_fma(lanes a, lanes b, lanes c)
{
    const lanes_double product = lanes_double_multiply(lanes_to_double(a), lanes_to_double(b));
    const lanes_double addend = lanes_to_double(c);
    const lanes_double sum = lanes_double_add(product, addend);
    const lanes rounded = lanes_from_double(sum);
    const half_int64 middle = half_is_middle(sum.low) | half_is_middle(sum.high);
    const lanes_int tiny = (lanes_int)(((lanes_bits)rounded << 1) - 1 < 0x01000000u); /* up to 2^-126, but not 0 */

    return __builtin_expect(wasm_v128_any_true((v128_t)(middle | (half_int64)tiny)), 0)
               ? lanes_add_round_to_odd(product, addend)
               : rounded;
}
#else
/* Not inlined: its two dozen instructions would make the library a sixth larger. */
static __attribute__((noinline)) lanes lanes_fma(lanes a, lanes b, lanes c)
{
    const lanes_double product = lanes_double_multiply(lanes_to_double(a), lanes_to_double(b));
    const lanes_double addend = lanes_to_double(c);
    const half_lanes low = __builtin_convertvector(half_add_round_to_odd(product.low, addend.low), half_lanes);
    const half_lanes high = __builtin_convertvector(half_add_round_to_odd(product.high, addend.high), half_lanes);

    return (lanes){low[0], low[1], high[0], high[1]};
}
#endif
#endif

#if LANES_NEON
/* Four lanes in double: 0 + 1 and 2 + 3. */
LANES_INLINE float64x2_t lanes_add_pairs(const float *lane)
{
    const float32x4_t four = vld1q_f32(lane);

    return vpaddq_f64(vcvt_f64_f32(vget_low_f32(four)), vcvt_high_f64_f32(four));
}
#endif

/*
 * The sum of a group of lanes in memory along the tree of base/tree.h, in double: neighbours first, then neighbouring
 * pairs and so on. + 0.0 turns -0 into 0, so that the signs of the zeros in idle lanes cannot show in a zero sum.
 */
LANES_INLINE double lanes_sum(const float *lane)
{
#if LANES_AVX2
    const __m256d pairs = _mm256_hadd_pd(_mm256_cvtps_pd(_mm_load_ps(lane)), _mm256_cvtps_pd(_mm_load_ps(lane + 4)));
    /* hadd interleaves: 0+1, 4+5, 2+3, 6+7. The sums to be added next are in the two halves of a register. */
    const __m128d fours = _mm_add_pd(_mm256_castpd256_pd128(pairs), _mm256_extractf128_pd(pairs, 1));

    return (_mm_cvtsd_f64(fours) + _mm_cvtsd_f64(_mm_unpackhi_pd(fours, fours))) + 0.0;
#elif LANES_AVX512
    const __m256d pairs0 = _mm256_hadd_pd(_mm256_cvtps_pd(_mm_load_ps(lane)), _mm256_cvtps_pd(_mm_load_ps(lane + 4)));
    const __m256d pairs1 =
        _mm256_hadd_pd(_mm256_cvtps_pd(_mm_load_ps(lane + 8)), _mm256_cvtps_pd(_mm_load_ps(lane + 12)));
    const __m128d fours0 = _mm_add_pd(_mm256_castpd256_pd128(pairs0), _mm256_extractf128_pd(pairs0, 1));
    const __m128d fours1 = _mm_add_pd(_mm256_castpd256_pd128(pairs1), _mm256_extractf128_pd(pairs1, 1));
    const __m128d eights = _mm_hadd_pd(fours0, fours1);

    return (_mm_cvtsd_f64(eights) + _mm_cvtsd_f64(_mm_unpackhi_pd(eights, eights))) + 0.0;
#elif LANES_NEON
    const float64x2_t fours0 = vpaddq_f64(lanes_add_pairs(lane), lanes_add_pairs(lane + 4));
    const float64x2_t fours1 = vpaddq_f64(lanes_add_pairs(lane + 8), lanes_add_pairs(lane + 12));

    return vaddvq_f64(vpaddq_f64(fours0, fours1)) + 0.0;
#else
    double sum[LANES / 2];

    for (int i = 0; i < LANES / 2; ++i)
        sum[i] = (double)lane[2 * i] + (double)lane[2 * i + 1];
    for (int count = LANES / 4; count > 0; count /= 2)
        for (int i = 0; i < count; ++i)
            sum[i] = sum[2 * i] + sum[2 * i + 1];
    return sum[0] + 0.0;
#endif
}

#if LANES_X86
/* The sums of four lanes of each of four groups, `step` floats apart. */
LANES_INLINE __m256d lanes_sum_quads(const float *lane, int64_t step)
{
    /* hadd interleaves: 0+1 of both groups, then 2+3 of both. */
    const __m256d first = _mm256_hadd_pd(_mm256_cvtps_pd(_mm_load_ps(lane)), _mm256_cvtps_pd(_mm_load_ps(lane + step)));
    const __m256d second =
        _mm256_hadd_pd(_mm256_cvtps_pd(_mm_load_ps(lane + 2 * step)), _mm256_cvtps_pd(_mm_load_ps(lane + 3 * step)));

    return _mm256_add_pd(_mm256_permute2f128_pd(first, second, 0x20), _mm256_permute2f128_pd(first, second, 0x31));
}

/* lanes_sum of four groups, `step` floats apart: the same additions, four at a time. */
LANES_INLINE void lanes_sum_four(const float *lane, int64_t step, double *to)
{
    __m256d sum = _mm256_add_pd(lanes_sum_quads(lane, step), lanes_sum_quads(lane + 4, step));

#if LANES_AVX512
    sum = _mm256_add_pd(sum, _mm256_add_pd(lanes_sum_quads(lane + 8, step), lanes_sum_quads(lane + 12, step)));
#endif
    _mm256_storeu_pd(to, _mm256_add_pd(sum, _mm256_setzero_pd()));
}
#else
LANES_INLINE void lanes_sum_four(const float *lane, int64_t step, double *to)
{
    for (int i = 0; i < 4; ++i)
        to[i] = lanes_sum(lane + i * step);
}
#endif

/* lanes_sum of `count` groups, `step` floats apart. */
LANES_INLINE void lanes_sums(const float *lane, int64_t step, int64_t count, double *to)
{
    int64_t i = 0;

    for (; i + 4 <= count; i += 4)
        lanes_sum_four(lane + i * step, step, to + i);
    for (; i < count; ++i)
        to[i] = lanes_sum(lane + i * step);
}

/* One byte per lane. */
LANES_INLINE lanes_int lanes_from_bytes(const uint8_t *from)
{
#if LANES_AVX512
    return (lanes_int)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)from));
#elif LANES_AVX2
    return (lanes_int)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)from));
#elif LANES_NEON
    uint32_t four;

    memcpy(&four, from, sizeof four);
    return (lanes_int)vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four))));
#else
    lanes_int value;

    for (int lane = 0; lane < VECTOR_LANES; ++lane)
        value[lane] = from[lane];
    return value;
#endif
}

LANES_INLINE void lanes_to_bytes(uint8_t *to, lanes_int value)
{
#if LANES_AVX512
    _mm_storeu_si128((__m128i *)(void *)to, _mm512_cvtepi32_epi8((__m512i)value));
#elif LANES_AVX2
    const __m128i halves =
        _mm_packs_epi32(_mm256_castsi256_si128((__m256i)value), _mm256_extracti128_si256((__m256i)value, 1));

    _mm_storel_epi64((__m128i *)(void *)to, _mm_packus_epi16(halves, halves));
#elif LANES_NEON
    const uint16x4_t halves = vmovn_u32((uint32x4_t)value);
    const uint8x8_t bytes = vmovn_u16(vcombine_u16(halves, halves));

    memcpy(to, &bytes, VECTOR_LANES);
#else
    for (int lane = 0; lane < VECTOR_LANES; ++lane)
        to[lane] = (uint8_t)value[lane];
#endif
}

/* Lane i is all ones if bit i of `mask` is set, else 0. */
LANES_INLINE lanes_int lanes_mask(uint32_t mask)
{
    static const uint32_t bit[16] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768};
    lanes_bits bits;

    memcpy(&bits, bit, sizeof bits);
    return (lanes_int)((bits & mask) != 0);
}

/* The inverse: bit i is set if lane i of `mask` is all ones. */
LANES_INLINE uint32_t lanes_mask_bits(lanes_int mask)
{
#if LANES_AVX512
    return (uint32_t)_mm512_movepi32_mask((__m512i)mask);
#elif LANES_AVX2
    return (uint32_t)_mm256_movemask_ps((__m256)mask);
#elif LANES_NEON
    return vaddvq_u32(vandq_u32((uint32x4_t)mask, (uint32x4_t){1, 2, 4, 8}));
#else
    uint32_t bits = 0;

    for (int lane = 0; lane < VECTOR_LANES; ++lane)
        bits |= (uint32_t)(mask[lane] & 1) << lane;
    return bits;
#endif
}

#endif
