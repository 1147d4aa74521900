/* Functions of 16 numbers at a time, within two units in the last place of float32. */
#pragma once
#include "common.h"

INLINE v16 choose16(v16i mask, v16 yes, v16 no) { return (v16)(((v16i)yes & mask) | ((v16i)no & ~mask)); }
INLINE v16 larger16(v16 a, v16 b) { return choose16(a > b, a, b); }

INLINE float largest16(v16 values) {
    float largest = values[0];
    for (int lane = 1; lane < LANES; lane++) largest = values[lane] > largest ? values[lane] : largest;
    return largest;
}

/* The smaller and the larger of both; the second where one of them is not a number. */
#if defined(__AVX512F__)
INLINE v16 least16(v16 a, v16 b) { return (v16)_mm512_min_ps((__m512)a, (__m512)b); }
INLINE v16 most16(v16 a, v16 b) { return (v16)_mm512_max_ps((__m512)a, (__m512)b); }
INLINE v16 if_below16(v16 x, float bound, v16 yes, v16 no) {
    return (v16)_mm512_mask_blend_ps(_mm512_cmp_ps_mask((__m512)x, _mm512_set1_ps(bound), _CMP_LT_OQ), (__m512)no, (__m512)yes);
}
#else
INLINE v16 least16(v16 a, v16 b) { return choose16(a < b, a, b); }
INLINE v16 most16(v16 a, v16 b) { return choose16(a > b, a, b); }
INLINE v16 if_below16(v16 x, float bound, v16 yes, v16 no) { return choose16(x < bound, yes, no); }
#endif

INLINE v16 size16(v16 x) { return as_floats(as_bits(x) & 0x7fffffff); }
/* The sign of the first with the number of the second, which has none. */
INLINE v16 signed16(v16 sign, v16 size) { return as_floats(as_bits(size) | (as_bits(sign) & (int32_t)0x80000000)); }

/* e^x: 2^n times a polynomial of what is left, |rest| <= ln(2) / 2. Not-a-number stays one, beyond the range 0 and infinity. */
INLINE v16 exp16(v16 x) {
    const v16 magic = fill(0x1.8p23f);
    v16 held = most16(fill(-104.0f), least16(fill(89.0f), x));
    v16 n = held * 0x1.715476p0f + magic - magic;
    v16 rest = held - n * 0x1.62e4p-1f + n * -0x1.7f7d1cp-20f;
    v16 sum = fill(0x1.6c4d8ep-10f);
    sum = sum * rest + 0x1.120f5ap-7f;
    sum = sum * rest + 0x1.55550ap-5f;
    sum = sum * rest + 0x1.5554dap-3f;
    sum = sum * rest + 0x1.000000p-1f;
    sum = sum * rest * rest + rest + 1.0f;
#if defined(__AVX512F__)
    return (v16)_mm512_scalef_ps((__m512)sum, (__m512)n);
#else
    /* In two steps: 2^n alone may lie beyond the exponents there are. */
    v16i whole = __builtin_convertvector(n, v16i), half = whole >> 1;
    v16 result = sum * (v16)((half + 127) << 23) * (v16)((whole - half + 127) << 23);
    return choose16(x != x, x, result);
#endif
}

INLINE v16 tanh16(v16 x) {
    v16 size = size16(x), squared = x * x;
    v16 far = 1.0f - 2.0f / (exp16(2.0f * size) + 1.0f);
    /* Near 0, where the difference above loses what it is made of. */
    v16 near = size + size * squared * (-0x1.555554p-2f + squared * (0x1.1110fcp-3f + squared * (-0x1.ba0944p-5f
               + squared * (0x1.6405fep-6f + squared * (-0x1.0a3c0ep-7f)))));
    return signed16(x, if_below16(size, 0.4f, near, far));
}

/* The error function: near 0 an odd polynomial, else 1 - e^polynomial; fitted by least largest errors, together below 2^-23. */
INLINE v16 erf16(v16 x) {
    v16 size = size16(x), squared = x * x, far = least16(fill(4.0f), size);
    v16 near = squared * 7.88911508e-05f - 8.02083995e-04f;
    near = near * squared + 5.18953519e-03f;
    near = near * squared - 2.68544445e-02f;
    near = near * squared + 1.12836002e-01f;
    near = near * squared - 3.76126271e-01f;
    near = near * squared + 1.28379166e-01f;
    near = near * size + size;
    v16 sum = far * -1.33454512e-05f + 3.18189096e-04f;
    sum = sum * far - 3.44124596e-03f;
    sum = sum * far + 2.26386335e-02f;
    sum = sum * far - 1.03355505e-01f;
    sum = sum * far - 6.39047193e-01f;
    sum = sum * far - 1.12595695f;
    sum = sum * far - 7.48420271e-04f;
    return signed16(x, if_below16(size, 1.0f, near, 1.0f - exp16(sum)));
}

/* Numbered as in `steps.py`. */
enum activation { SILU = 0, GELU_TANH = 1, GELU = 2, RELU = 3 };

INLINE v16 activate16(v16 x, int activation) {
    if (activation == SILU) return x / (1.0f + exp16(-x));
    if (activation == RELU) return choose16(x < 0.0f, fill(0), x);
    if (activation == GELU) return 0.5f * x * (1.0f + erf16(x * 0x1.6a09e6p-1f));
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

/* The activation of each number, multiplied by another where there is one. */
INLINE void activate(void *to, const void *from, const void *other, int activation, long count, int format) {
    for (long i = 0; i < count; i += LANES) {
        int many = count - i < LANES ? (int)(count - i) : LANES;
        v16 values = load_part(from, format, i, many);
        /* Known while compiling, each is one loop without questions. */
        values = activation == SILU ? activate16(values, SILU) : activation == RELU ? activate16(values, RELU)
               : activation == GELU ? activate16(values, GELU) : activate16(values, GELU_TANH);
        if (other) values = rounded(values, format) * load_part(other, format, i, many);
        store(to, format, i, values, many);
    }
}
