/* SPDX-License-Identifier: MIT */
/*
 * meson.build runs this program with the flags of the library: it prints what the compiler does to floating-point
 * arithmetic that it must not do, and fails. The inputs are volatile, so that the machine computes and not the
 * compiler.
 */
#include "base/exact.h"
#include "base/float_mode.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static volatile float input;
static volatile double double_input;

/* A value that the compiler does not know. */
static float given(float value)
{
    input = value;
    return input;
}

static double given_double(double value)
{
    double_input = value;
    return double_input;
}

static uint32_t bits(float value)
{
    uint32_t word;

    memcpy(&word, &value, sizeof word);
    return word;
}

/* Kernels are compiled for processors that can fuse. */
#if defined(__x86_64__)
#define WITH_FMA __attribute__((target("fma")))
#else
#define WITH_FMA
#endif

/* (1 + e)^2 is rounded to 1 + 2 e before 1 + 2 e is subtracted. */
WITH_FMA static int fuses_if_it_can(void)
{
    const float a = given(1.0f + 0x1p-13f), b = given(1.0f + 0x1p-12f);
    const double c = given_double(1.0 + 0x1p-27), d = given_double(1.0 + 0x1p-26);

    return a * a - b != 0.0f || c * c - d != 0.0;
}

static int fuses(void)
{
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("fma"))
        return 0;
#endif
    return fuses_if_it_can();
}

static int reorders(void)
{
    const float large = given(1e8f), small = given(1.0f);
    float values[1024], sum = 0.0f;

    for (int i = 0; i < 1024; ++i)
        values[i] = given(i == 0 ? 1e8f : 1.0f);
    for (int i = 0; i < 1024; ++i)
        sum += values[i]; /* each 1 is rounded away */
    return sum != 1e8f || (large + small) - large != 0.0f;
}

static int divides_by_multiplying(void)
{
    static const uint32_t sevenths[16] = {0x3e124925, 0x3e924925, 0x3edb6db7, 0x3f124925, 0x3f36db6e, 0x3f5b6db7,
                                          0x3f800000, 0x3f924925, 0x3fa49249, 0x3fb6db6e, 0x3fc92492, 0x3fdb6db7,
                                          0x3fedb6db, 0x40000000, 0x40092492, 0x40124925};
    const float seven = given(7.0f);
    float numbers[16];
    int differences = 0;

    for (int i = 0; i < 16; ++i)
        numbers[i] = given((float)(i + 1));
    for (int i = 0; i < 16; ++i)
        numbers[i] /= seven;
    for (int i = 0; i < 16; ++i)
        differences += bits(numbers[i]) != sevenths[i];
    return differences;
}

static int ignores_the_sign_of_zero(void)
{
    return bits(given(-0.0f) + 0.0f) != 0 || bits(0.0f - given(0.0f)) != 0 || bits(given(-0.0f) * 1.0f) == 0;
}

static int ignores_nan_and_infinity(void)
{
    const float infinity = given(FLT_MAX) * given(2.0f), nan = infinity - infinity;

    return nan == nan || !(nan != nan) || !(infinity > FLT_MAX) || infinity - infinity == 0.0f;
}

static int flushes_denormals(void)
{
    const float half = given(FLT_MIN) * given(0.5f);

    return bits(half) != 0x00400000 || bits(half * given(2.0f)) != 0x00800000;
}

int main(void)
{
    static const struct {
        int (*found)(void);
        const char *name;
    } faults[] = {
        {fuses, "multiply-adds are fused"},
        {reorders, "sums are reordered"},
        {divides_by_multiplying, "divisions become multiplications"},
        {ignores_the_sign_of_zero, "the sign of zero is ignored"},
        {ignores_nan_and_infinity, "NaN and infinity are ignored"},
        {flushes_denormals, "denormal numbers are flushed to zero"},
    };
    const char *separator = "";

    if (flushes_denormals()) {
        printf("code that is linked flushes denormal numbers to zero in the whole process");
        return 1;
    }
    (void)normnet__enter_float_mode(); /* as every call of the library does */
    for (size_t i = 0; i < sizeof faults / sizeof *faults; ++i)
        if (faults[i].found()) {
            printf("%s%s", separator, faults[i].name);
            separator = ", ";
        }
    return *separator != '\0';
}
