/* Products with weights in 4 bits, in floating point: weight = table[code] * scale (+ offset), a scale for each group of inputs.

   The codes lie in blocks of 16 outputs: [outputs / 16][inputs / 8][16], eight inputs of an output in 32 bits, the first lowest.
   So one look-up in a table of 16 registers' lanes gives an input's weights for 16 outputs. Scales and offsets lie as
   [outputs / 16][groups][16]. */
#include "tiles.h"

#if defined(__AVX512F__)
#define MOST_ROWS 8
typedef __m512 lookup_table;
INLINE lookup_table table_of(const float *values) { return _mm512_loadu_ps(values); }
/* table[lowest 4 bits of each lane] */
INLINE v16 look_up(lookup_table table, v16i codes) { return (v16)_mm512_permutexvar_ps((__m512i)codes, table); }
#elif defined(__AVX2__)
#define MOST_ROWS 4
typedef struct {
    __m256 low, high;
} lookup_table;
INLINE lookup_table table_of(const float *values) { return (lookup_table){_mm256_loadu_ps(values), _mm256_loadu_ps(values + 8)}; }
INLINE __m256 look_up8(lookup_table table, __m256i codes) {
    __m256 upper = _mm256_castsi256_ps(_mm256_slli_epi32(codes, 28));
    return _mm256_blendv_ps(_mm256_permutevar8x32_ps(table.low, codes), _mm256_permutevar8x32_ps(table.high, codes), upper);
}
INLINE v16 look_up(lookup_table table, v16i codes) {
    __m256i low, high;
    memcpy(&low, &codes, 32);
    memcpy(&high, (char *)&codes + 32, 32);
    __m256 first = look_up8(table, low), second = look_up8(table, high);
    v16 both;
    memcpy(&both, &first, 32);
    memcpy((char *)&both + 32, &second, 32);
    return both;
}
#else
#define MOST_ROWS 4
typedef const float *lookup_table;
INLINE lookup_table table_of(const float *values) { return values; }
INLINE v16 look_up(lookup_table table, v16i codes) {
    v16 values;
    for (int lane = 0; lane < LANES; lane++) values[lane] = table[codes[lane] & 15];
    return values;
}
#endif

#define AHEAD 256 /* numbers of a block that are asked for before they are needed */

struct job {
    const void *x;
    int x_format;
    long rows, inputs, eights; /* rows; columns; eights of columns */
    float *floats;             /* (rows, eights * 8): x in float32 */
    float *group_sums;         /* (rows, groups): for offsets */
    const int32_t *blocks;
    const float *table;
    const void *scales, *offsets;
    int scale_format;
    long group, groups, outputs; /* columns of a group, a multiple of 8 */
    const void *bias;
    int bias_format, out_format;
    void *out;
    long taken;
};

INLINE long last_eight(const struct job *job, long group) {
    long end = (group + 1) * job->group / 8;
    return end < job->eights ? end : job->eights;
}

INLINE v16 scale_of(const struct job *job, long block, long group) {
    return load16(job->scales, job->scale_format, (block * job->groups + group) * LANES);
}

INLINE v16 offset_of(const struct job *job, long block, long group) {
    return load16(job->offsets, job->scale_format, (block * job->groups + group) * LANES);
}

INLINE void finish(const struct job *job, long row, long block, v16 values) {
    long first = block * LANES;
    int count = job->outputs - first < LANES ? (int)(job->outputs - first) : LANES;
    if (count <= 0) return;
    if (job->bias) values += load_part(job->bias, job->bias_format, first, count);
    store(job->out, job->out_format, row * job->outputs + first, values, count);
}

/* One row with `count` blocks: each group is summed before it is scaled. */
INLINE void one_row(const struct job *job, long row, long block, int count) {
    const float *x = job->floats + row * job->eights * 8, *sums = job->group_sums + row * job->groups;
    const int32_t *codes = job->blocks + block * job->eights * LANES;
    lookup_table table = table_of(job->table);
    v16 totals[4] = {{0}};
    for (long group = 0, eight = 0; group < job->groups; group++) {
        v16 parts[4] = {{0}};
        for (long end = last_eight(job, group); eight < end; eight++)
#pragma GCC unroll 4
            for (int b = 0; b < count; b++) {
                v16i each = *(const v16i *)(codes + (b * job->eights + eight) * LANES);
                __builtin_prefetch(codes + (b * job->eights + eight) * LANES + AHEAD);
#pragma GCC unroll 8
                for (int j = 0; j < 8; j++) {
                    parts[b] += look_up(table, each) * fill(x[eight * 8 + j]);
                    each >>= 4;
                }
            }
        for (int b = 0; b < count; b++) {
            totals[b] += parts[b] * scale_of(job, block + b, group);
            if (job->offsets) totals[b] += offset_of(job, block + b, group) * fill(sums[group]);
        }
    }
    for (int b = 0; b < count; b++) finish(job, row, block + b, totals[b]);
}

/* Several rows with `count` blocks: a weight is scaled once for all of them. */
INLINE void some_rows(const struct job *job, long row, int rows, long block, int count) {
    long padded = job->eights * 8;
    const float *x = job->floats + row * padded;
    const int32_t *codes = job->blocks + block * job->eights * LANES;
    lookup_table table = table_of(job->table);
    v16 totals[MOST_ROWS][2] = {{{0}}};
    for (long group = 0, eight = 0; group < job->groups; group++) {
        v16 scales[2], offsets[2] = {{0}};
        for (int b = 0; b < count; b++) {
            scales[b] = scale_of(job, block + b, group);
            if (job->offsets) offsets[b] = offset_of(job, block + b, group);
        }
        for (long end = last_eight(job, group); eight < end; eight++)
#pragma GCC unroll 2
            for (int b = 0; b < count; b++) {
                v16i each = *(const v16i *)(codes + (b * job->eights + eight) * LANES);
#pragma GCC unroll 8
                for (int j = 0; j < 8; j++) {
                    v16 weights = look_up(table, each) * scales[b] + offsets[b];
                    each >>= 4;
#pragma GCC unroll 8
                    for (int r = 0; r < rows; r++) totals[r][b] += weights * fill(x[r * padded + eight * 8 + j]);
                }
            }
    }
    for (int b = 0; b < count; b++)
        for (int r = 0; r < rows; r++) finish(job, row + r, block + b, totals[r][b]);
}

static void strips(const struct job *job, long row, int rows, long block, int count) {
#define STRIP(r, b) \
    if (rows == r && count == b) return some_rows(job, row, r, block, b);
    if (rows == 1 && count == 4) return one_row(job, row, block, 4);
    if (rows == 1 && count == 2) return one_row(job, row, block, 2);
    if (rows == 1) return one_row(job, row, block, 1);
    STRIP(2, 1) STRIP(3, 1) STRIP(4, 1) STRIP(2, 2)
#if MOST_ROWS == 8
    STRIP(3, 2) STRIP(4, 2) STRIP(5, 2) STRIP(6, 2) STRIP(7, 2) STRIP(8, 2)
    STRIP(5, 1) STRIP(6, 1) STRIP(7, 1) STRIP(8, 1)
#endif
}

/* How many blocks go with so many rows at a time: what fits the registers. */
INLINE int blocks_for(int rows) {
    if (MOST_ROWS == 8) return rows == 1 ? 4 : 2;
    return rows <= 2 ? 2 : 1;
}

static void by_vectors(void *given) {
    struct job *job = given;
    long blocks = (job->outputs + LANES - 1) / LANES;
    for (long unit; (unit = next_unit(&job->taken, (blocks + 3) / 4)) >= 0;)
        for (long row = 0; row < job->rows; row += MOST_ROWS) {
            int rows = job->rows - row < MOST_ROWS ? (int)(job->rows - row) : MOST_ROWS;
            long end = unit * 4 + 4 < blocks ? unit * 4 + 4 : blocks, block = unit * 4;
            for (int count; block < end; block += count) {
                count = end - block >= blocks_for(rows) ? blocks_for(rows) : 1;
                strips(job, row, rows, block, count);
            }
        }
}

static void widen_rows(void *given) {
    struct job *job = given;
    long padded = job->eights * 8;
    for (long row; (row = next_unit(&job->taken, job->rows)) >= 0;) {
        float *floats = job->floats + row * padded;
        to_floats(floats, job->x, job->x_format, row * job->inputs, job->inputs, padded);
        for (long group = 0; job->offsets && group < job->groups; group++) {
            float sum = 0;
            for (long i = group * job->group; i < last_eight(job, group) * 8; i++) sum += floats[i];
            job->group_sums[row * job->groups + group] = sum;
        }
    }
}

#if TILED
/* Two vectors as bfloat16, lane by lane beside each other; what the rounding left stays in them. */
INLINE __m512i paired(v16 *even, v16 *odd) {
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4,
                                           19, 3, 18, 2, 17, 1, 16, 0);
    __m512i pairs = _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh((__m512)*odd, (__m512)*even));
    *even -= as_floats((v16i)pairs << 16);
    *odd -= as_floats((v16i)pairs & (int32_t)0xffff0000);
    return pairs;
}

/* As `struct tiled` wants it; 32 outputs are two blocks. */
static void unpack(const void *weights, long output, long from, long to, uint16_t *upper, uint16_t *lower) {
    const struct job *job = weights;
    lookup_table table = table_of(job->table);
    for (long half = 0; half < 2 && output + half * LANES < job->outputs; half++) {
        long block = output / LANES + half, end = to / 8 < job->eights ? to / 8 : job->eights;
        const int32_t *codes = job->blocks + block * job->eights * LANES;
        for (long eight = from / 8, group = from / job->group; eight < end; group++) {
            v16 scales = scale_of(job, block, group), offsets = {0};
            if (job->offsets) offsets = offset_of(job, block, group);
            for (long last = last_eight(job, group); eight < last && eight < end; eight++) {
                v16i each = *(const v16i *)(codes + eight * LANES);
                long at = (eight - from / 8) / 4 * 1024 + half * 512 + eight % 4 * 128;
                for (int j = 0; j < 4; j++, at += 32) {
                    v16 even = look_up(table, each) * scales + offsets, odd = look_up(table, each >> 4) * scales + offsets;
                    _mm512_storeu_si512(upper + at, paired(&even, &odd));
                    if (lower) _mm512_storeu_si512(lower + at, paired(&even, &odd));
                    each >>= 8;
                }
            }
        }
        for (; end < to / 8; end++) {
            long at = (end - from / 8) / 4 * 1024 + half * 512 + end % 4 * 128;
            memset(upper + at, 0, 256);
            if (lower) memset(lower + at, 0, 256);
        }
    }
}
#endif

/* out (rows, outputs) = x (rows, inputs) @ weight.T + bias, both in the format of x; `tiles`: by AMX, 2: and weights as accurate as
   float32 although x is in bfloat16. 0, or 1: no memory. */
EXPORT int int4_linear(const void *x, int x_format, long rows, long inputs, const int32_t *blocks, const float *table,
                       const void *scales, const void *offsets, int scale_format, long group, long outputs, const void *bias,
                       int bias_format, void *out, int threads, int tiles) {
    struct job job = {.x = x, .x_format = x_format, .rows = rows, .inputs = inputs, .eights = (inputs + 7) / 8, .blocks = blocks,
                      .table = table, .scales = scales, .offsets = offsets, .scale_format = scale_format, .group = group,
                      .groups = (inputs + group - 1) / group, .outputs = outputs, .bias = bias, .bias_format = bias_format,
                      .out_format = x_format, .out = out};
#if TILED
    if (tiles) {
        struct tiled product = {.x = x, .x_format = x_format, .rows = rows, .inputs = inputs, .outputs = outputs, .bias = bias,
                                .bias_format = bias_format, .exact = x_format != BF16 || tiles > 1, .out = out, .weights = &job,
                                .unpack = unpack};
        return tiled_product(&product, threads);
    }
#endif
    job.floats = scratch(0, 4 * rows * (job.eights * 8 + job.groups));
    if (!job.floats) return 1;
    job.group_sums = job.floats + rows * job.eights * 8;
    if (rows * inputs < 65536) widen_rows(&job);
    else in_team(widen_rows, &job, threads);
    job.taken = 0;
    in_team(by_vectors, &job, outputs * inputs < 65536 ? 1 : threads);
    return 0;
}

/* 16 inputs of one output at a time: two of its eights side by side. */
static void write_out(void *given) {
    struct job *job = given;
    const v16i shifts = {0, 4, 8, 12, 16, 20, 24, 28, 0, 4, 8, 12, 16, 20, 24, 28};
    const v16i second = {0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1};
    lookup_table table = table_of(job->table);
    for (long output; (output = next_unit(&job->taken, job->outputs)) >= 0;) {
        long lane = output % LANES, first = output / LANES * job->eights, groups = output / LANES * job->groups;
        for (long eight = 0; eight < job->eights; eight += 2) {
            long next = eight + 1 < job->eights ? eight + 1 : eight, group = eight * 8 / job->group, other = next * 8 / job->group;
            v16i codes = (job->blocks[(first + eight) * LANES + lane] & ~second) | (job->blocks[(first + next) * LANES + lane] & second);
            long at = (groups + group) * LANES + lane, beside = (groups + other) * LANES + lane;
            v16 values = look_up(table, (v16i)((v16u)codes >> (v16u)shifts));
            v16i scales = (as_bits(fill(load1(job->scales, job->scale_format, at))) & ~second) |
                          (as_bits(fill(load1(job->scales, job->scale_format, beside))) & second);
            values *= as_floats(scales);
            if (job->offsets)
                values += as_floats((as_bits(fill(load1(job->offsets, job->scale_format, at))) & ~second) |
                                    (as_bits(fill(load1(job->offsets, job->scale_format, beside))) & second));
            long left = job->inputs - eight * 8;
            store(job->out, job->out_format, output * job->inputs + eight * 8, values, left < LANES ? (int)left : LANES);
        }
    }
}

/* The weight (outputs, inputs) in a format. */
EXPORT void int4_dequantize(long inputs, const int32_t *blocks, const float *table, const void *scales, const void *offsets,
                            int scale_format, long group, long outputs, void *out, int out_format, int threads) {
    struct job job = {.inputs = inputs, .eights = (inputs + 7) / 8, .blocks = blocks, .table = table, .scales = scales,
                      .offsets = offsets, .scale_format = scale_format, .group = group, .groups = (inputs + group - 1) / group,
                      .outputs = outputs, .out = out, .out_format = out_format};
    in_team(write_out, &job, outputs * inputs < 65536 ? 1 : threads);
}
