/* Functions of 16 numbers at a time, within two units in the last place of float32. */
#pragma once
#include "common.h"

INLINE v16 choose16(v16i mask, v16 yes, v16 no) { return (v16)(((v16i)yes & mask) | ((v16i)no & ~mask)); }
INLINE v16 larger16(v16 a, v16 b) { return choose16(a > b, a, b); }

INLINE float sum16(v16 values) {
    float sums[4];
    for (int lane = 0; lane < 4; lane++) sums[lane] = values[lane] + values[lane + 4] + (values[lane + 8] + values[lane + 12]);
    return sums[0] + sums[1] + (sums[2] + sums[3]);
}

INLINE float largest16(v16 values) {
    float largest = values[0];
    for (int lane = 1; lane < LANES; lane++) largest = values[lane] > largest ? values[lane] : largest;
    return largest;
}

/* e^x: 2^n times a polynomial of what is left, |rest| <= ln(2) / 2. Not-a-number stays one, beyond the range 0 and infinity. */
INLINE v16 exp16(v16 x) {
    const v16 magic = fill(0x1.8p23f);
    v16 held = choose16(x > 89.0f, fill(89.0f), choose16(x < -104.0f, fill(-104.0f), x));
    v16 n = held * 0x1.715476p0f + magic - magic;
    v16 rest = held - n * 0x1.62e4p-1f + n * -0x1.7f7d1cp-20f;
    v16 sum = fill(0x1.6c4d8ep-10f);
    sum = sum * rest + 0x1.120f5ap-7f;
    sum = sum * rest + 0x1.55550ap-5f;
    sum = sum * rest + 0x1.5554dap-3f;
    sum = sum * rest + 0x1.000000p-1f;
    sum = sum * rest * rest + rest + 1.0f;
    /* In two steps: 2^n alone may lie beyond the exponents there are. */
    v16i whole = __builtin_convertvector(n, v16i), half = whole >> 1;
    v16 result = sum * (v16)((half + 127) << 23) * (v16)((whole - half + 127) << 23);
    return choose16(x != x, x, result);
}

INLINE v16 tanh16(v16 x) {
    v16 size = choose16(x < 0.0f, -x, x), squared = x * x;
    v16 far = 1.0f - 2.0f / (exp16(2.0f * size) + 1.0f);
    /* Near 0, where the difference above loses what it is made of. */
    v16 near = size + size * squared * (-0x1.555554p-2f + squared * (0x1.1110fcp-3f + squared * (-0x1.ba0944p-5f
               + squared * (0x1.6405fep-6f + squared * (-0x1.0a3c0ep-7f)))));
    v16 result = choose16(size < 0.4f, near, far);
    return choose16(x < 0.0f, -result, result);
}

/* Numbered as in `steps.py`. */
enum activation { SILU = 0, GELU_TANH = 1, GELU = 2, RELU = 3 };

INLINE v16 activate16(v16 x, int activation) {
    if (activation == SILU) return x / (1.0f + exp16(-x));
    if (activation == RELU) return choose16(x < 0.0f, fill(0), x);
    if (activation == GELU) {
        v16 result;
        for (int lane = 0; lane < LANES; lane++) result[lane] = 0.5f * x[lane] * (1.0f + erff(x[lane] * 0x1.6a09e6p-1f));
        return result;
    }
    return 0.5f * x * (1.0f + tanh16(0x1.988454p-1f * (x + 0.044715f * x * x * x)));
}

/* Rounded to a format and back. */
INLINE v16 rounded(v16 values, int format) {
    if (format == F32) return values;
    if (format == BF16) return as_floats(bfloat_bits(values) << 16);
    uint16_t halves[LANES];
    store(halves, F16, 0, values, LANES);
    return load16(halves, F16, 0);
}
