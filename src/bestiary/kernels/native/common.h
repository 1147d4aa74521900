/* What the kernels share: vectors of 16 numbers, the formats of tensors, and the threads that torch already has.

   v16 and v16i are 16 lanes in the vector extension of GCC and Clang: one register with AVX-512, two with AVX2, four on other
   machines. Only what the extension cannot say stands in intrinsics. */
#pragma once
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define LANES 16
#define INLINE static inline __attribute__((always_inline))
#define EXPORT __attribute__((visibility("default")))

typedef float v16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t v16i __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint32_t v16u __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint16_t v16h __attribute__((vector_size(32), aligned(2), may_alias));
typedef uint8_t u8x16 __attribute__((vector_size(16), aligned(1), may_alias));

/* The element types of tensors, numbered as in library.py. */
enum format { F32 = 0, BF16 = 1, F16 = 2 };

/* Run work(job) on each of `threads` threads of the pool that was given, or once where there is none. */
void in_team(void (*work)(void *), void *job, int threads);

/* Memory of the calling thread that stays until its next call, 64-byte aligned; NULL where there is none. */
void *scratch(int slot, size_t bytes);

/* The next of `count` units of work, or -1: threads that are slowed down by others on the machine take fewer. */
INLINE long next_unit(long *taken, long count) {
    long unit = __atomic_fetch_add(taken, 1, __ATOMIC_RELAXED);
    return unit < count ? unit : -1;
}

INLINE v16 fill(float value) {
    return (v16){value, value, value, value, value, value, value, value, value, value, value, value, value, value, value, value};
}

/* Lines of 16 numbers become columns: each of four rounds brings the lines i and i + 8 together, number by number. */
INLINE void turn_over(v16 *lines) {
#if defined(__AVX512F__)
    const __m512i low = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const __m512i high = _mm512_set_epi32(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8);
    v16 turned[16];
#pragma GCC unroll 4
    for (int round = 0; round < 4; round++) {
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) {
            turned[2 * i] = (v16)_mm512_permutex2var_ps((__m512)lines[i], low, (__m512)lines[i + 8]);
            turned[2 * i + 1] = (v16)_mm512_permutex2var_ps((__m512)lines[i], high, (__m512)lines[i + 8]);
        }
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) lines[i] = turned[i];
    }
#else
    float square[LANES][LANES];
    memcpy(square, lines, sizeof square);
    for (int i = 0; i < LANES; i++)
        for (int j = 0; j < LANES; j++) lines[i][j] = square[j][i];
#endif
}

INLINE float sum_of(v16 values) {
    float sums[4];
    for (int lane = 0; lane < 4; lane++) sums[lane] = values[lane] + values[lane + 4] + (values[lane + 8] + values[lane + 12]);
    return sums[0] + sums[1] + (sums[2] + sums[3]);
}

INLINE v16 as_floats(v16i bits) { return (v16)bits; }
INLINE v16i as_bits(v16 floats) { return (v16i)floats; }

/* Bytes and whole numbers: what GCC makes of __builtin_convertvector here goes byte by byte. */
INLINE v16i widen_bytes(u8x16 bytes) {
#if defined(__AVX512F__)
    return (v16i)_mm512_cvtepu8_epi32((__m128i)bytes);
#elif defined(__AVX2__)
    __m256i low = _mm256_cvtepu8_epi32((__m128i)bytes), high = _mm256_cvtepu8_epi32(_mm_srli_si128((__m128i)bytes, 8));
    v16i both;
    memcpy(&both, &low, 32);
    memcpy((char *)&both + 32, &high, 32);
    return both;
#else
    v16i both;
    for (int lane = 0; lane < LANES; lane++) both[lane] = bytes[lane];
    return both;
#endif
}

/* The lowest bytes. */
INLINE u8x16 lowest_bytes(v16i numbers) {
#if defined(__AVX512F__)
    return (u8x16)_mm512_cvtepi32_epi8((__m512i)numbers);
#else
    u8x16 bytes;
    for (int lane = 0; lane < LANES; lane++) bytes[lane] = (uint8_t)numbers[lane];
    return bytes;
#endif
}

INLINE v16i widen(v16h narrow) { return __builtin_convertvector(narrow, v16i); }

INLINE float half_to_float(uint16_t half) {
#if defined(__F16C__)
    return _cvtsh_ss(half);
#else
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 1023, bits;
    float value;
    if (exponent == 0) {
        value = fraction * 0x1p-24f;
        memcpy(&bits, &value, 4);
        bits |= sign;
    } else {
        bits = sign | (exponent == 31 ? 0x7f800000 : (exponent + 112) << 23) | fraction << 13;
    }
    memcpy(&value, &bits, 4);
    return value;
#endif
}

INLINE uint16_t float_to_half(float value) {
#if defined(__F16C__)
    return _cvtss_sh(value, 0);
#else
    uint32_t bits, sign;
    memcpy(&bits, &value, 4);
    sign = bits >> 16 & 0x8000;
    bits &= 0x7fffffff;
    if (bits > 0x7f800000) return sign | 0x7e00;
    if (bits >= 0x477ff000) return sign | 0x7c00; /* 65520 and more */
    if (bits < 0x38800000) {                      /* below 2**-14: a multiple of 2**-24 */
        float positive;
        memcpy(&positive, &bits, 4);
        return sign | (uint16_t)rintf(positive * 0x1p24f);
    }
    bits += 0xfff + (bits >> 13 & 1);
    return sign | (bits - (112u << 23)) >> 13;
#endif
}

/* 16 numbers of a tensor. */
INLINE v16 load16(const void *from, int format, long at) {
    if (format == F32) return *(const v16 *)((const float *)from + at);
    v16h narrow = *(const v16h *)((const uint16_t *)from + at);
    if (format == BF16) return as_floats(widen(narrow) << 16);
#if defined(__AVX512F__)
    return (v16)_mm512_cvtph_ps((__m256i)narrow);
#elif defined(__F16C__) && defined(__AVX__)
    v16 both;
    __m256 low = _mm256_cvtph_ps(_mm256_castsi256_si128((__m256i)narrow));
    __m256 high = _mm256_cvtph_ps(_mm256_extractf128_si256((__m256i)narrow, 1));
    memcpy(&both, &low, 32);
    memcpy((char *)&both + 32, &high, 32);
    return both;
#else
    v16 wide;
    for (int lane = 0; lane < LANES; lane++) wide[lane] = half_to_float(narrow[lane]);
    return wide;
#endif
}

INLINE float load1(const void *from, int format, long at) {
    if (format == F32) return ((const float *)from)[at];
    uint16_t narrow = ((const uint16_t *)from)[at];
    if (format == F16) return half_to_float(narrow);
    uint32_t bits = (uint32_t)narrow << 16;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

INLINE uint16_t float_to_bfloat(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fc0;
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

/* float32 rounded to bfloat16, to nearest and even; not-a-number stays one. */
INLINE v16i bfloat_bits(v16 values) {
    v16i bits = as_bits(values);
    v16i rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16 & 0xffff;
    v16i lost = (bits & 0x7fffffff) > 0x7f800000;
    return (lost & 0x7fc0) | (~lost & rounded);
}

/* The first `count` of 16 numbers into a tensor. */
INLINE void store(void *to, int format, long at, v16 values, int count) {
    if (format == F32) {
        float *out = (float *)to + at;
        if (count == LANES) *(v16 *)out = values;
        else memcpy(out, &values, 4 * count);
        return;
    }
    uint16_t *out = (uint16_t *)to + at;
    v16h narrow;
    if (format == BF16) {
        narrow = __builtin_convertvector(bfloat_bits(values), v16h);
    } else {
#if defined(__AVX512F__)
        narrow = (v16h)_mm512_cvtps_ph((__m512)values, 0);
#else
        for (int lane = 0; lane < LANES; lane++) narrow[lane] = float_to_half(values[lane]);
#endif
    }
    if (count == LANES) *(v16h *)out = narrow;
    else memcpy(out, &narrow, 2 * count);
}

/* The first `count` of 16 numbers of a tensor, zeros behind them. */
INLINE v16 load_part(const void *from, int format, long at, int count) {
    if (count == LANES) return load16(from, format, at);
    v16 values = {0};
    for (int lane = 0; lane < count; lane++) values[lane] = load1(from, format, at + lane);
    return values;
}

/* `count` numbers of a tensor as float32, zeros behind them up to `padded` (a multiple of 16). */
INLINE void to_floats(float *out, const void *from, int format, long at, long count, long padded) {
    long i = 0;
    for (; i + LANES <= count; i += LANES) *(v16 *)(out + i) = load16(from, format, at + i);
    for (; i < count; i++) out[i] = load1(from, format, at + i);
    for (; i < padded; i++) out[i] = 0;
}
