/* SPDX-License-Identifier: MIT */
/*
 * Two views share a byte if an equation has a solution in bounded integers. Elements are aligned, so that the smaller
 * one of the two is a unit that is in an element as a whole or not at all. A unit of view A is at
 *
 *     A.begin + sum of i_k s_k + u,   0 <= i_k < shape_k,   0 <= u < units of an element
 *
 * with s_k the absolute strides in units, since begin is the lowest address. Counting the indices of view B from their
 * other ends makes all signs positive:
 *
 *     sum of i_k s_k + u + sum of j_k t_k + v = B.end - 1 - A.begin
 *
 * So does counting differences of indices from their smallest values, for one view against itself.
 */
#include "model/overlap.h"

enum { MAX_TERMS = 2 * (8 + 1) };

/* step * x with x = 0, ..., most. */
struct term {
    uint64_t step, most;
};

struct sum {
    struct term terms[MAX_TERMS];
    int count;
};

static void add_term(struct sum *sum, uint64_t step, uint64_t most)
{
    if (step > 0 && most > 0)
        sum->terms[sum->count++] = (struct term){step, most};
}

/* ---- Simplifying -------------------------------------------------------------------------------- */

/* Whether the two together are one term: multiples of the small step without gaps. */
static bool closes_up(const struct term *large, const struct term *small)
{
    return large->step % small->step == 0 && large->step / small->step - 1 <= small->most;
}

static void remove_term(struct sum *sum, int index)
{
    sum->count -= 1;
    for (int i = index; i < sum->count; ++i)
        sum->terms[i] = sum->terms[i + 1];
}

static void sort_by_step(struct sum *sum)
{
    for (int i = 1; i < sum->count; ++i)
        for (int j = i; j > 0 && sum->terms[j - 1].step < sum->terms[j].step; --j) {
            const struct term term = sum->terms[j];

            sum->terms[j] = sum->terms[j - 1];
            sum->terms[j - 1] = term;
        }
}

/* The largest step first, and as few terms as possible: rows that lie one after another are one long row. */
static void simplify(struct sum *sum)
{
    sort_by_step(sum);
    for (int small = sum->count - 1; small > 0; --small)
        for (int large = small - 1; large >= 0; --large)
            if (closes_up(&sum->terms[large], &sum->terms[small])) {
                sum->terms[small].most += sum->terms[large].step / sum->terms[small].step * sum->terms[large].most;
                remove_term(sum, large);
                large = --small;
            }
}

/* ---- Solving ------------------------------------------------------------------------------------ */

static uint64_t divisor_of(uint64_t a, uint64_t b)
{
    while (b != 0) {
        const uint64_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

/* a b mod m for a, b < m, without a product of 128 bits. */
static uint64_t multiply_modulo(uint64_t a, uint64_t b, uint64_t m)
{
    uint64_t product = 0;

    for (; b > 0; b /= 2) {
        if (b % 2 != 0)
            product = product >= m - a ? product - (m - a) : product + a;
        a = a >= m - a ? a - (m - a) : a + a;
    }
    return product;
}

/* The x below m with a x = 1 mod m; a and m have no common divisor, and m > 1. Euclid's algorithm. */
static uint64_t inverse_modulo(uint64_t a, uint64_t m)
{
    uint64_t rest = m, next = a % m, x = 0, next_x = 1;

    while (next > 1) {
        const uint64_t quotient = rest / next, new_rest = rest % next;
        const uint64_t product = multiply_modulo(quotient % m, next_x, m);
        const uint64_t new_x = x >= product ? x - product : x + (m - product);

        rest = next;
        next = new_rest;
        x = next_x;
        next_x = new_x;
    }
    return next_x;
}

/* Whether `target` is a sum of two terms, whose greatest common divisor `divisor` divides it. */
static bool solve_two(const struct term *first, const struct term *second, uint64_t divisor, uint64_t target)
{
    const uint64_t a = first->step / divisor, b = second->step / divisor, all = target / divisor;
    const uint64_t most = all / a < first->most ? all / a : first->most;
    const uint64_t rest = all > b * second->most ? all - b * second->most : 0;
    const uint64_t least = rest / a + (rest % a != 0);
    uint64_t x = 0;

    if (least > most)
        return false;
    if (b > 1)
        x = multiply_modulo(all % b, inverse_modulo(a, b), b);
    /* The solutions without bounds are x, x + b, x + 2 b, ... */
    return (x + (b - least % b)) % b <= most - least;
}

/* Of the terms from one on: their largest sum, and their greatest common divisor. */
struct rest {
    uint64_t most, divisor;
};

/*
 * The general problem is NP-complete (a knapsack), but the strides of arrays are multiples of each other, and then few
 * steps are enough. After MAX_STEPS, milliseconds, an overlap is taken for granted.
 */
enum { MAX_STEPS = 20000 };

static bool solve(const struct term *terms, const struct rest *rests, int count, uint64_t target, int *steps)
{
    uint64_t least, most;

    if (++*steps > MAX_STEPS)
        return true;
    if (count == 0)
        return target == 0;
    if (target > rests[0].most || target % rests[0].divisor != 0)
        return false;
    if (count == 1)
        return true;
    if (count == 2)
        return solve_two(&terms[0], &terms[1], rests[0].divisor, target);
    least = target > rests[1].most ? (target - rests[1].most - 1) / terms[0].step + 1 : 0;
    most = target / terms[0].step < terms[0].most ? target / terms[0].step : terms[0].most;
    for (uint64_t x = least; x <= most; ++x)
        if (solve(terms + 1, rests + 1, count - 1, target - x * terms[0].step, steps))
            return true;
    return false;
}

static bool reaches(struct sum *sum, uint64_t target)
{
    struct rest rests[MAX_TERMS + 1] = {{0, 0}};
    int steps = 0;

    simplify(sum);
    rests[sum->count] = (struct rest){0, 0};
    for (int i = sum->count - 1; i >= 0; --i)
        rests[i] = (struct rest){rests[i + 1].most + sum->terms[i].step * sum->terms[i].most,
                                 divisor_of(sum->terms[i].step, rests[i + 1].divisor)};
    return solve(sum->terms, rests, sum->count, target, &steps);
}

/* ---- Views -------------------------------------------------------------------------------------- */

static uint64_t distance(int64_t stride)
{
    return (uint64_t)(stride < 0 ? -stride : stride);
}

/* The places of a view's units, of `unit` bytes each. */
static void add_view(struct sum *sum, const struct view *view, int64_t unit)
{
    const uint64_t units = (uint64_t)(view->element_bytes / unit);

    add_term(sum, 1, units - 1);
    for (int32_t i = 0; i < view->tensor.rank; ++i)
        add_term(sum, distance(view->tensor.strides[i]) * units, (uint64_t)view->tensor.shape[i] - 1);
}

bool normnet__views_overlap(const struct view *one, const struct view *other)
{
    const int64_t unit = one->element_bytes < other->element_bytes ? one->element_bytes : other->element_bytes;
    struct sum sum = {.count = 0};

    if (one->begin >= other->end || other->begin >= one->end)
        return false;
    add_view(&sum, one, unit);
    add_view(&sum, other, unit);
    return reaches(&sum, ((uintptr_t)other->end - (uintptr_t)one->begin) / (uintptr_t)unit - 1);
}

/* Whether two elements share an address whose first different index is `index`, which differs by x + 1. */
static bool overlaps_along(const normnet_tensor *tensor, int32_t index)
{
    const uint64_t step = distance(tensor->strides[index]);
    struct sum sum = {.count = 0};
    uint64_t center = 0;

    if (tensor->shape[index] == 1)
        return false;
    add_term(&sum, step, (uint64_t)tensor->shape[index] - 2);
    for (int32_t i = index + 1; i < tensor->rank; ++i) {
        const uint64_t most = (uint64_t)tensor->shape[i] - 1;

        add_term(&sum, distance(tensor->strides[i]), 2 * most);
        center += distance(tensor->strides[i]) * most;
    }
    return center >= step && reaches(&sum, center - step);
}

bool normnet__view_overlaps_itself(const struct view *view)
{
    for (int32_t i = 0; i < view->tensor.rank; ++i)
        if (overlaps_along(&view->tensor, i))
            return true;
    return false;
}
