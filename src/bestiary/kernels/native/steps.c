/* A list of steps that one token takes through a part of a model, done in one call: products, norms, turning, attention, gates.
   Each step reads and writes places in one memory, in the format of the states, and rounds where the modules do. */
#include "elements.h"

enum operation { NORM, DENSE, DENSE_BY_ROWS, HALF, INT8, TURN, ATTEND, ADD, GATE, ACTIVATE, LAYER_NORM, SPREAD, MIX,
                 INT4, BLOCKS };

/* What a place below zero stands for, of what each call gives; from HEADS downwards it counts the numbers of the heads. */
enum given { STATES = -1, RESULT = -2, HEADS = -3 };

/* As `Step` of steps.py. */
struct step {
    int operation, choice; /* choice: the rounding, the activation, whether pairs are neighbours or there are tiles, a format */
    long from, other, to;  /* places, in numbers */
    const void *weight, *bias, *scales, *sums, *table;
    void *kernel;          /* a product of another library */
    long rows, inputs, outputs, padded;
    float number, cap;     /* epsilon, a factor, or the bound of outliers; the bound of scores */
};

/* What differs from call to call. */
struct call {
    const void *states;
    void *result, *heads;
    const void *cos, *sin, *keys, *values;
    const uint8_t *allowed;
    long slots, turned, steps[6];
    int format, threads;
};

typedef int half_product(const void *, int, long, long, const uint16_t *, long, const void *, int, void *, int);
typedef int int8_product(const void *, int, long, long, long, float, const int8_t *, const float *, const int32_t *, long,
                         const void *, int, void *, int, int);
typedef int int4_product(const void *, int, long, long, const int32_t *, const float *, const void *, const void *, int, long, long,
                         const void *, int, void *, int, int);
typedef int block_product(const void *, int, long, long, const uint8_t *, int, long, const void *, int, void *, int, int);

struct dense {
    const float *x, *weight, *bias;
    float *out;
    long inputs, outputs, taken;
};

#define OUTPUTS 32 /* of a unit of work */
#define TOGETHER 4

/* Outputs that are neighbours in float32, `count` of them: each weight is read once, in order. */
INLINE void dense_strip(const struct dense *job, long output, int count) {
    const float *weight = job->weight + output * job->inputs;
    v16 sums[TOGETHER][2] = {{{0}}};
    long k = 0;
    for (; k + 2 * LANES <= job->inputs; k += 2 * LANES)
#pragma GCC unroll 4
        for (int o = 0; o < count; o++) {
            const float *at = weight + o * job->inputs + k;
            __builtin_prefetch(at + count * job->inputs);
            __builtin_prefetch(at + count * job->inputs + LANES);
            sums[o][0] += *(const v16 *)at * *(const v16 *)(job->x + k);
            sums[o][1] += *(const v16 *)(at + LANES) * *(const v16 *)(job->x + k + LANES);
        }
    for (int o = 0; o < count; o++) {
        for (long rest = k; rest < job->inputs; rest += LANES) {
            int many = job->inputs - rest < LANES ? (int)(job->inputs - rest) : LANES;
            sums[o][0] += load_part(weight + o * job->inputs, F32, rest, many) * load_part(job->x, F32, rest, many);
        }
        job->out[output + o] = sum_of(sums[o][0] + sums[o][1]) + (job->bias ? job->bias[output + o] : 0.0f);
    }
}

static void dense_outputs(void *given) {
    struct dense *job = given;
    for (long unit; (unit = next_unit(&job->taken, (job->outputs + OUTPUTS - 1) / OUTPUTS)) >= 0;) {
        long output = unit * OUTPUTS, end = output + OUTPUTS < job->outputs ? output + OUTPUTS : job->outputs;
        for (; output + TOGETHER <= end; output += TOGETHER) dense_strip(job, output, TOGETHER);
        for (; output < end; output++) dense_strip(job, output, 1);
    }
}

/* The same of a weight (inputs, outputs), as a Conv1D keeps it. */
static void dense_columns(void *given) {
    struct dense *job = given;
    enum { VECTORS = 8, COLUMNS = VECTORS * LANES };
    for (long unit; (unit = next_unit(&job->taken, (job->outputs + COLUMNS - 1) / COLUMNS)) >= 0;) {
        long first = unit * COLUMNS, many = job->outputs - first < COLUMNS ? job->outputs - first : COLUMNS;
        v16 sums[VECTORS];
        for (int v = 0; v < VECTORS; v++) {
            long rest = many - v * LANES;
            int count = rest < 0 ? 0 : rest < LANES ? (int)rest : LANES;
            sums[v] = job->bias ? load_part(job->bias, F32, first + v * LANES, count) : fill(0);
        }
        for (long k = 0; k < job->inputs; k++) {
            const float *at = job->weight + k * job->outputs + first;
            v16 x = fill(job->x[k]);
            if (many == COLUMNS) {
#pragma GCC unroll 8
                for (int v = 0; v < VECTORS; v++) {
                    __builtin_prefetch(at + 8 * job->outputs + v * LANES);
                    sums[v] += x * *(const v16 *)(at + v * LANES);
                }
            } else {
                for (int v = 0; v * LANES < many; v++)
                    sums[v] += x * load_part(at, F32, v * LANES, many - v * LANES < LANES ? (int)(many - v * LANES) : LANES);
            }
        }
        for (int v = 0; v * LANES < many; v++)
            store(job->out, F32, first + v * LANES, sums[v], many - v * LANES < LANES ? (int)(many - v * LANES) : LANES);
    }
}

INLINE void add(void *to, const void *from, const void *other, float factor, long count, int format) {
    for (long i = 0; i < count; i += LANES) {
        int many = count - i < LANES ? (int)(count - i) : LANES;
        v16 term = load_part(other, format, i, many);
        if (factor != 1.0f) term = rounded(term * factor, format);
        store(to, format, i, load_part(from, format, i, many) + term, many);
    }
}

INLINE void layer_norm(void *to, const void *from, const struct step *step, int format) {
    long size = step->inputs;
    v16 sums = {0};
    for (long i = 0; i < size; i += LANES) sums += load_part(from, format, i, size - i < LANES ? (int)(size - i) : LANES);
    float mean = sum_of(sums) / (float)size;
    sums = fill(0);
    for (long i = 0; i < size; i += LANES) {
        int many = size - i < LANES ? (int)(size - i) : LANES;
        v16 apart = load_part(from, format, i, many) - mean;
        if (many < LANES)
            for (int lane = many; lane < LANES; lane++) apart[lane] = 0;
        sums += apart * apart;
    }
    float scale = 1.0f / sqrtf(sum_of(sums) / (float)size + step->number);
    for (long i = 0; i < size; i += LANES) {
        int many = size - i < LANES ? (int)(size - i) : LANES;
        v16 value = (load_part(from, format, i, many) - mean) * scale * load_part(step->weight, format, i, many);
        if (step->bias) value += load_part(step->bias, format, i, many);
        store(to, format, i, value, many);
    }
}

static void *place(const struct call *call, char *memory, long at) {
    long bytes = call->format == F32 ? 4 : 2;
    if (at >= 0) return memory + at * bytes;
    return at == STATES ? (void *)call->states : at == RESULT ? call->result : (char *)call->heads + (HEADS - at) * bytes;
}

/* From heads (outputs, rows, inputs) whose last two rows are a key and a value: all queries, then all keys, then all values. */
static void spread(void *to, const void *from, const struct step *step, int format) {
    long bytes = step->inputs * (format == F32 ? 4 : 2), queries = step->rows - 2;
    char *query = to, *key = query + step->outputs * queries * bytes, *value = key + step->outputs * bytes;
    for (long group = 0; group < step->outputs; group++) {
        const char *at = (const char *)from + group * step->rows * bytes;
        memcpy(query + group * queries * bytes, at, queries * bytes);
        memcpy(key + group * bytes, at + queries * bytes, bytes);
        memcpy(value + group * bytes, at + (queries + 1) * bytes, bytes);
    }
}

static int plain_product(const struct call *call, half_product *kernel, const void *from, const void *weight, long inputs,
                         long outputs, void *to) {
    if (call->format != F32) return kernel(from, call->format, 1, inputs, weight, outputs, NULL, call->format, to, call->threads);
    struct dense job = {.x = from, .weight = weight, .out = to, .inputs = inputs, .outputs = outputs};
    in_team(dense_outputs, &job, inputs * outputs < 65536 ? 1 : call->threads);
    return 0;
}

#define MOST_EXPERTS 1024

/* A mixture: `rows` of `padded` experts, gates over what they open (padded, 2 outputs, inputs) in weight, the ways back (padded,
   inputs, outputs) in scales, the router (padded, inputs) in sums; `other` is a place for 3 outputs and `inputs`. The best
   experts come first, as where they are chosen otherwise. */
static int mix(const struct step *step, const struct call *call, const void *from, char *room, void *to) {
    long inputs = step->inputs, inner = step->outputs, experts = step->padded, bytes = call->format == F32 ? 4 : 2;
    float scores[MOST_EXPERTS], shares[MOST_EXPERTS];
    char narrow[4 * MOST_EXPERTS];
    long chosen[MOST_EXPERTS];
    if (plain_product(call, step->kernel, from, step->sums, inputs, experts, narrow)) return 1;
    to_floats(scores, narrow, call->format, 0, experts, experts);
    float all = 0, sum = 0, top = -INFINITY;
    for (long e = 0; e < experts; e++) top = scores[e] > top ? scores[e] : top;
    for (long e = 0; e < experts; e++) all += expf(scores[e] - top);
    for (long k = 0; k < step->rows; k++) {
        long best = 0;
        for (long e = 1; e < experts; e++) best = scores[e] > scores[best] ? e : best;
        chosen[k] = best;
        sum += shares[k] = expf(scores[best] - top);
        scores[best] = -INFINITY;
    }
    if (sum != sum || all != all) sum = all = NAN;
    char *gate = room, *fed = room + (2 * inner + LANES) * bytes;
    for (long k = 0; k < step->rows; k++) {
        const char *opening = (const char *)step->weight + chosen[k] * 2 * inner * inputs * bytes;
        const char *back = (const char *)step->scales + chosen[k] * inner * inputs * bytes;
        if (plain_product(call, step->kernel, from, opening, inputs, 2 * inner, gate)) return 1;
        BY_FORMAT(call->format, activate(gate, gate, gate + inner * bytes, step->choice & 255, inner, F));
        if (plain_product(call, step->kernel, gate, back, inner, inputs, fed)) return 1;
        v16 share = rounded(fill(shares[k] / (step->choice >> 8 ? sum : all)), call->format);
        for (long i = 0; i < inputs; i += LANES) {
            int many = inputs - i < LANES ? (int)(inputs - i) : LANES;
            v16 part = rounded(load_part(fed, call->format, i, many) * share, call->format);
            if (k) part += load_part(to, call->format, i, many);
            store(to, call->format, i, part, many);
        }
    }
    return 0;
}

static int product(const struct step *step, const struct call *call, const void *from, void *to) {
    if (step->operation == HALF)
        return ((half_product *)step->kernel)(from, call->format, step->rows, step->inputs, step->weight, step->outputs,
                                              step->bias, call->format, to, call->threads);
    if (step->operation == INT8)
        return ((int8_product *)step->kernel)(from, call->format, step->rows, step->inputs, step->padded, step->number,
                                              step->weight, step->scales, step->sums, step->outputs, step->bias, call->format,
                                              to, call->threads, step->choice);
    if (step->operation == INT4) /* choice: the format of scales and, in sums, offsets; padded: inputs of a group */
        return ((int4_product *)step->kernel)(from, call->format, step->rows, step->inputs, step->weight, step->table,
                                              step->scales, step->sums, step->choice, step->padded, step->outputs, step->bias,
                                              call->format, to, call->threads, 0);
    if (step->operation == BLOCKS)
        return ((block_product *)step->kernel)(from, call->format, step->rows, step->inputs, step->weight, step->choice,
                                               step->outputs, step->bias, call->format, to, call->threads, 0);
    struct dense job = {.x = from, .weight = step->weight, .bias = step->bias, .out = to, .inputs = step->inputs,
                        .outputs = step->outputs};
    int threads = step->inputs * step->outputs < 65536 ? 1 : call->threads;
    in_team(step->operation == DENSE ? dense_outputs : dense_columns, &job, threads);
    return 0;
}

/* Do `count` steps in a memory of so many numbers. 0, or 1: no memory. */
EXPORT int take_steps(const struct step *steps, int count, long numbers, const struct call *call) {
    char *memory = scratch(1, 4 * numbers);
    int format = call->format;
    if (!memory) return 1;
    for (const struct step *step = steps; step < steps + count; step++) {
        const void *from = place(call, memory, step->from), *other = place(call, memory, step->other);
        void *to = place(call, memory, step->to);
        switch (step->operation) {
        case NORM:
            rms_norm(from, format, step->rows, step->inputs, step->weight, step->number, step->choice, to, 1);
            break;
        case LAYER_NORM:
            BY_FORMAT(format, layer_norm(to, from, step, F));
            break;
        case TURN: { /* rows: of queries, outputs: of keys, which stand behind them; inputs: the width of a head */
            long apart[6] = {0, step->inputs, 0, 0, step->inputs, 0};
            void *keys = (char *)to + step->rows * step->inputs * (format == F32 ? 4 : 2);
            turn(to, step->rows, to, keys, step->outputs, keys, apart, format, 1, 1, step->inputs, call->cos, call->sin,
                 call->turned, 0, step->choice, 1);
            break;
        }
        case ATTEND: /* rows: of queries, outputs: of keys; inputs: the width of a head */
            if (attend_one(from, call->keys, call->values, to, format, 1, step->outputs, step->rows / step->outputs, call->slots,
                           step->inputs, call->steps, step->number, step->cap, call->allowed, 0, call->threads))
                return 1;
            break;
        case ADD:
            BY_FORMAT(format, add(to, from, other, step->number, step->inputs, F));
            break;
        case GATE:
            BY_FORMAT(format, activate(to, from, other, step->choice, step->inputs, F));
            break;
        case ACTIVATE:
            BY_FORMAT(format, activate(to, from, NULL, step->choice, step->inputs, F));
            break;
        case SPREAD:
            spread(to, from, step, format);
            break;
        case MIX:
            if (mix(step, call, from, (char *)other, to)) return 1;
            break;
        default:
            if (product(step, call, from, to)) return 1;
        }
    }
    return 0;
}
