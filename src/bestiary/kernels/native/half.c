/* Products with weights in 16 bits, bfloat16 or float16, as they lie in a model: (outputs, inputs), row after row. Each weight
   is widened in registers, sums are float32, and memory gives half the bytes of float32. */
#include "common.h"

#if defined(__AVX512F__)
#define MOST_ROWS 4
#define TOGETHER 4 /* outputs at a time */
#else
#define MOST_ROWS 2
#define TOGETHER 2
#endif

struct job {
    const void *x;
    int format; /* of x, weight and result */
    long rows, inputs, padded;
    float *floats; /* (rows, padded): x in float32; of bfloat16 each 32 columns as the 16 even ones and the 16 odd ones */
    const uint16_t *weight;
    long outputs;
    const void *bias;
    int bias_format;
    void *out;
    long taken;
};

/* 32 weights as two vectors, in the order of `floats`. */
INLINE void widen32(const uint16_t *weights, int format, v16 *first, v16 *second) {
    if (format == BF16) {
        v16i pairs = *(const v16i *)weights;
        *first = as_floats(pairs << 16);
        *second = as_floats(pairs & (int32_t)0xffff0000);
    } else {
        *first = load16(weights, F16, 0);
        *second = load16(weights, F16, 16);
    }
}

INLINE void strip(const struct job *job, int format, long row, int rows, long output, int count) {
    const float *x = job->floats + row * job->padded;
    const uint16_t *weights = job->weight + output * job->inputs;
    v16 sums[MOST_ROWS][TOGETHER] = {{{0}}}, first, second;
    long k = 0;
    for (; k + 32 <= job->inputs; k += 32)
#pragma GCC unroll 4
        for (int o = 0; o < count; o++) {
            widen32(weights + o * job->inputs + k, format, &first, &second);
            /* The next outputs: each is a page of its own, where the processor's own foresight ends. */
            __builtin_prefetch(weights + (o + count) * job->inputs + k);
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++) {
                sums[r][o] += first * *(const v16 *)(x + r * job->padded + k);
                sums[r][o] += second * *(const v16 *)(x + r * job->padded + k + 16);
            }
        }
    for (int o = 0; k < job->inputs && o < count; o++) {
        uint16_t rest[32] = {0};
        memcpy(rest, weights + o * job->inputs + k, 2 * (job->inputs - k));
        widen32(rest, format, &first, &second);
        for (int r = 0; r < rows; r++) {
            sums[r][o] += first * *(const v16 *)(x + r * job->padded + k);
            sums[r][o] += second * *(const v16 *)(x + r * job->padded + k + 16);
        }
    }
    for (int r = 0; r < rows; r++)
        for (int o = 0; o < count; o++) {
            v16 value = fill(sum_of(sums[r][o]));
            if (job->bias) value += fill(load1(job->bias, job->bias_format, output + o));
            store(job->out, format, (row + r) * job->outputs + output + o, value, 1);
        }
}

static void strips(const struct job *job, int format, long row, int rows, long output, int count) {
#define STRIP(r, o) \
    if (rows == r && count == o) { \
        if (format == BF16) return strip(job, BF16, row, r, output, o); \
        return strip(job, F16, row, r, output, o); \
    }
    STRIP(1, 1) STRIP(2, 1) STRIP(1, TOGETHER) STRIP(2, TOGETHER)
#if MOST_ROWS == 4
    STRIP(3, 1) STRIP(4, 1) STRIP(3, 4) STRIP(4, 4)
#endif
}

#define OUTPUTS 32 /* of a unit of work */

static void multiply(void *given) {
    struct job *job = given;
    for (long unit; (unit = next_unit(&job->taken, (job->outputs + OUTPUTS - 1) / OUTPUTS)) >= 0;)
        for (long row = 0; row < job->rows; row += MOST_ROWS) {
            int rows = job->rows - row < MOST_ROWS ? (int)(job->rows - row) : MOST_ROWS;
            long output = unit * OUTPUTS, end = output + OUTPUTS < job->outputs ? output + OUTPUTS : job->outputs;
            for (int count; output < end; output += count) {
                count = end - output >= TOGETHER ? TOGETHER : 1;
                strips(job, job->format, row, rows, output, count);
            }
        }
}

/* out (rows, outputs) = x (rows, inputs) @ weight.T + bias; all but bias in one format of 16 bits. 0, or 1: no memory. */
EXPORT int half_linear(const void *x, int format, long rows, long inputs, const uint16_t *weight, long outputs, const void *bias,
                       int bias_format, void *out, int threads) {
    struct job job = {.x = x, .format = format, .rows = rows, .inputs = inputs, .padded = (inputs + 31) / 32 * 32,
                      .weight = weight, .outputs = outputs, .bias = bias, .bias_format = bias_format, .out = out};
    job.floats = scratch(0, 4 * rows * job.padded);
    if (!job.floats) return 1;
    for (long row = 0; row < rows; row++) {
        float *floats = job.floats + row * job.padded;
        to_floats(floats, x, format, row * inputs, inputs, job.padded);
        for (long k = 0; format == BF16 && k < job.padded; k += 32) {
            float both[32];
            memcpy(both, floats + k, sizeof both);
            for (int i = 0; i < 16; i++) floats[k + i] = both[2 * i], floats[k + 16 + i] = both[2 * i + 1];
        }
    }
    in_team(multiply, &job, outputs * inputs < 65536 ? 1 : threads);
    return 0;
}
