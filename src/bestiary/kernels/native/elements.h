/* The functions of elements.c, which says what they do. */
#pragma once
#include "vectors.h"

/* For each format, which is then known while compiling. */
#define BY_FORMAT(format, call) \
    switch (format) { \
    case F32: { enum { F = F32 }; call; break; } \
    case BF16: { enum { F = BF16 }; call; break; } \
    default: { enum { F = F16 }; call; } \
    }

/* How the product of normed numbers and weights is rounded, numbered as in `elements.py`. */
enum rounding { TWICE = 0, ONCE = 1, SHIFTED = 2 };

EXPORT void rms_norm(const void *x, int format, long rows, long size, const void *weight, float epsilon, int rounding, void *out,
                     int threads);
EXPORT void turn(const void *query, long queries, void *query_out, const void *key, long keys, void *key_out, const long *steps,
                 int format, long rows, long tokens, long size, const void *cos, const void *sin, long turned, long by_row,
                 int interleaved, int threads);
EXPORT int attend_one(const void *query, const void *keys, const void *values, void *out, int format, long rows, long groups,
                      long heads, long slots, long size, const long *steps, float scaling, float cap, const uint8_t *allowed,
                      long by_row, int threads);
