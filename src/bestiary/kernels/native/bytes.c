/* Products with weights of one byte each, whole numbers or floats of 8 bits, as they lie in a model: (outputs, inputs), row after
   row, with a scale for each block of rows and columns. Each weight is widened in registers; sums are float32. */
#include "common.h"

enum byte { I8 = 0, U8 = 1, E4M3 = 2 };

#if defined(__AVX512F__)
#define MOST_ROWS 4
#define TOGETHER 4 /* outputs at a time */
#else
#define MOST_ROWS 2
#define TOGETHER 2
#endif

struct job {
    const void *x;
    int format; /* of x and result */
    long rows, inputs, padded;
    float *floats; /* (rows, padded): x in float32 */
    float *sums;   /* (rows, groups): of the columns of a group, for offsets */
    const uint8_t *codes;
    int kind;
    const float *scales, *offsets; /* (blocks of rows, groups) */
    long block_rows, group, groups, outputs;
    const void *bias;
    int bias_format;
    void *out;
    long taken;
};

/* What 16 floats of 8 bits (a sign, 4 bits of exponent, 3 of fraction) hold is 256 times the number of 16 bits that has these bits. */
INLINE v16 widen_floats(u8x16 bytes) {
#if defined(__AVX512F__)
    __m256i words = _mm256_cvtepu8_epi16((__m128i)bytes);
    __m256i sign = _mm256_and_si256(_mm256_slli_epi16(words, 8), _mm256_set1_epi16((short)0x8000));
    __m256i rest = _mm256_and_si256(_mm256_slli_epi16(words, 7), _mm256_set1_epi16(0x3f80));
    return (v16)_mm512_cvtph_ps(_mm256_or_si256(sign, rest)) * 256;
#else
    uint16_t halves[16];
    for (int lane = 0; lane < LANES; lane++) halves[lane] = (bytes[lane] & 0x80) << 8 | (bytes[lane] & 0x7f) << 7;
    return load16(halves, F16, 0) * 256;
#endif
}

INLINE v16 widen_codes(const uint8_t *codes, int kind) {
    u8x16 bytes = *(const u8x16 *)codes;
    if (kind == E4M3) return widen_floats(bytes);
    v16i numbers = widen_bytes(bytes);
    return __builtin_convertvector(kind == I8 ? numbers << 24 >> 24 : numbers, v16);
}

INLINE const float *of_block(const struct job *job, const float *values, long output) {
    return values + output / job->block_rows * job->groups;
}

/* 16 columns of `count` outputs, of which the last may be behind the row's end. */
INLINE void multiply(const struct job *job, int kind, const float *x, int rows, const uint8_t *codes, long stride, int count,
                     v16 sums[MOST_ROWS][TOGETHER]) {
#pragma GCC unroll 4
    for (int o = 0; o < count; o++) {
        v16 weights = widen_codes(codes + o * stride, kind);
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) sums[r][o] += weights * *(const v16 *)(x + r * job->padded);
    }
}

INLINE void strip(const struct job *job, int kind, long row, int rows, long output, int count) {
    const float *x = job->floats + row * job->padded;
    const uint8_t *codes = job->codes + output * job->inputs;
    v16 totals[MOST_ROWS][TOGETHER] = {{{0}}};
    for (long group = 0, k = 0; group < job->groups; group++) {
        v16 sums[MOST_ROWS][TOGETHER] = {{{0}}};
        long end = (group + 1) * job->group < job->inputs ? (group + 1) * job->group : job->inputs;
        for (; k + LANES <= end; k += LANES) {
            if (k % 64 == 0)
                for (int o = 0; o < count; o++) __builtin_prefetch(codes + (o + count) * job->inputs + k);
            multiply(job, kind, x + k, rows, codes + k, job->inputs, count, sums);
        }
        if (k < end) { /* the end of the rows: zeros behind it */
            uint8_t rest[TOGETHER][LANES] = {{0}};
            for (int o = 0; o < count; o++) memcpy(rest[o], codes + o * job->inputs + k, end - k);
            multiply(job, kind, x + k, rows, rest[0], LANES, count, sums);
            k = end;
        }
        for (int o = 0; o < count; o++)
            for (int r = 0; r < rows; r++) {
                totals[r][o] += sums[r][o] * fill(of_block(job, job->scales, output + o)[group]);
                if (job->offsets) totals[r][o][0] += of_block(job, job->offsets, output + o)[group] * job->sums[(row + r) * job->groups + group];
            }
    }
    for (int r = 0; r < rows; r++)
        for (int o = 0; o < count; o++) {
            v16 value = fill(sum_of(totals[r][o]));
            if (job->bias) value += fill(load1(job->bias, job->bias_format, output + o));
            store(job->out, job->format, (row + r) * job->outputs + output + o, value, 1);
        }
}

static void strips(const struct job *job, int kind, long row, int rows, long output, int count) {
#define STRIP(r, o) \
    if (rows == r && count == o) { \
        if (kind == I8) return strip(job, I8, row, r, output, o); \
        if (kind == U8) return strip(job, U8, row, r, output, o); \
        return strip(job, E4M3, row, r, output, o); \
    }
    STRIP(1, 1) STRIP(2, 1) STRIP(1, TOGETHER) STRIP(2, TOGETHER)
#if MOST_ROWS == 4
    STRIP(3, 1) STRIP(4, 1) STRIP(3, 4) STRIP(4, 4)
#endif
}

#define OUTPUTS 32 /* of a unit of work */

static void by_vectors(void *given) {
    struct job *job = given;
    for (long unit; (unit = next_unit(&job->taken, (job->outputs + OUTPUTS - 1) / OUTPUTS)) >= 0;)
        for (long row = 0; row < job->rows; row += MOST_ROWS) {
            int rows = job->rows - row < MOST_ROWS ? (int)(job->rows - row) : MOST_ROWS;
            long output = unit * OUTPUTS, end = output + OUTPUTS < job->outputs ? output + OUTPUTS : job->outputs;
            for (int count; output < end; output += count) {
                count = end - output >= TOGETHER ? TOGETHER : 1;
                strips(job, job->kind, row, rows, output, count);
            }
        }
}

static void write_out(void *given) {
    struct job *job = given;
    for (long output; (output = next_unit(&job->taken, job->outputs)) >= 0;) {
        const uint8_t *codes = job->codes + output * job->inputs;
        for (long group = 0, k = 0; group < job->groups; group++) {
            long end = (group + 1) * job->group < job->inputs ? (group + 1) * job->group : job->inputs;
            v16 scales = fill(of_block(job, job->scales, output)[group]), offsets = {0};
            if (job->offsets) offsets = fill(of_block(job, job->offsets, output)[group]);
            for (; k + LANES <= end; k += LANES)
                store(job->out, job->format, output * job->inputs + k, widen_codes(codes + k, job->kind) * scales + offsets, LANES);
            if (k < end) {
                uint8_t rest[LANES] = {0};
                memcpy(rest, codes + k, end - k);
                v16 numbers = widen_codes(rest, job->kind) * scales + offsets;
                store(job->out, job->format, output * job->inputs + k, numbers, (int)(end - k));
                k = end;
            }
        }
    }
}

/* out (rows, outputs) = x (rows, inputs) @ weight.T + bias, both in the format of x, where weight = codes * scale (+ offset).
   Groups are multiples of 16 columns, or one for all. 0, or 1: no memory. */
EXPORT int byte_linear(const void *x, int format, long rows, long inputs, const uint8_t *codes, int kind, const float *scales,
                       const float *offsets, long block_rows, long group, long outputs, const void *bias, int bias_format,
                       void *out, int threads) {
    struct job job = {.x = x, .format = format, .rows = rows, .inputs = inputs, .padded = (inputs + 15) / 16 * 16, .codes = codes,
                      .kind = kind, .scales = scales, .offsets = offsets, .block_rows = block_rows, .group = group,
                      .groups = (inputs + group - 1) / group, .outputs = outputs, .bias = bias, .bias_format = bias_format,
                      .out = out};
    job.floats = scratch(0, 4 * rows * (job.padded + job.groups));
    if (!job.floats) return 1;
    job.sums = job.floats + rows * job.padded;
    for (long row = 0; row < rows; row++) {
        float *floats = job.floats + row * job.padded;
        to_floats(floats, x, format, row * inputs, inputs, job.padded);
        for (long g = 0; offsets && g < job.groups; g++) {
            v16 sum = {0};
            long end = (g + 1) * group < job.padded ? (g + 1) * group : job.padded;
            for (long k = g * group; k < end; k += LANES) sum += *(v16 *)(floats + k);
            job.sums[row * job.groups + g] = sum_of(sum);
        }
    }
    in_team(by_vectors, &job, outputs * inputs < 65536 ? 1 : threads);
    return 0;
}

/* The weight (outputs, inputs) in a format. */
EXPORT void byte_dequantize(long inputs, const uint8_t *codes, int kind, const float *scales, const float *offsets, long block_rows,
                            long group, long outputs, void *out, int format, int threads) {
    struct job job = {.inputs = inputs, .codes = codes, .kind = kind, .scales = scales, .offsets = offsets, .block_rows = block_rows,
                      .group = group, .groups = (inputs + group - 1) / group, .outputs = outputs, .out = out, .format = format};
    in_team(write_out, &job, outputs * inputs < 65536 ? 1 : threads);
}
