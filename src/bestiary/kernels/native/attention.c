/* Attention of many queries in float32: softmax(q k' * scaling) v for 32 queries of a head at a time, whose scores stay in the
   cache. Lanes are queries, so that largest scores and sums need nothing across lanes, and keys and values are read where they
   lie (the order of work is that of Dao et al. 2022, FlashAttention, without its rescaling: all slots of 32 queries fit). */
#include "vectors.h"

#if defined(__AVX512F__)
#define ROWS 8 /* of a product that is computed in registers */
#else
#define ROWS 2
#endif
#define BLOCK 32  /* queries */
#define SLOTS 128 /* whose values are mixed before others are read */

struct many {
    const float *query, *key, *value;
    float *out; /* (rows, queries, heads, size) */
    long rows, heads, groups, queries, slots, size;
    long steps[9]; /* of queries by row, head and token, then of keys and of values */
    float scaling;
    const uint8_t *allowed; /* (rows or 1, slots), or NULL */
    long by_row;
    long first, causal, window; /* slot of the first query; window: 0 for none */
    long taken;
    int failed;
};

/* out[r][0 .. 16 vectors], or zeros if it is `fresh`, + the sum over k of a[r][k] * b[k][...]; a's numbers are `a_row` and
   `a_depth` apart. */
INLINE void product(const float *a, long a_row, long a_depth, const float *b, long b_depth, long depth, float *out, long out_row,
                    int rows, int vectors, int fresh) {
    v16 sums[ROWS][2];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++) sums[r][v] = fresh ? fill(0) : *(v16 *)(out + r * out_row + v * LANES);
    for (long k = 0; k < depth; k++) {
        v16 line[2];
        for (int v = 0; v < vectors; v++) line[v] = *(const v16 *)(b + k * b_depth + v * LANES);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            v16 factor = fill(a[r * a_row + k * a_depth]);
            for (int v = 0; v < vectors; v++) sums[r][v] += factor * line[v];
        }
    }
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++) *(v16 *)(out + r * out_row + v * LANES) = sums[r][v];
}

/* Up to 32 queries, multiplied by the scaling, as [size][32]. */
static void lay_queries(const struct many *job, const float *query, long count, float *out) {
    for (long t = 0; t < BLOCK; t += LANES)
        for (long i = 0; i < job->size; i += LANES) {
            v16 square[LANES];
            for (long r = 0; r < LANES; r++) {
                square[r] = fill(0);
                if (t + r < count) square[r] = *(const v16 *)(query + (t + r) * job->steps[2] + i) * job->scaling;
            }
            turn_over(square);
            for (long r = 0; r < LANES; r++) *(v16 *)(out + (i + r) * BLOCK + t) = square[r];
        }
}

/* Scores [slots][32] of the slots from `low` to `high` become e^(score - the largest); what the sums of each query divide by. */
INLINE void weigh(const struct many *job, const uint8_t *allowed, long first, long low, long high, float *scores, float *shares,
                  int vectors) {
    const v16i lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    long last = first + BLOCK - 1, after = job->causal ? 0 : job->window ? job->window - 1 : job->slots;
    v16 largest[2] = {fill(-INFINITY), fill(-INFINITY)}, sums[2] = {{0}};
    for (long slot = low; slot < high; slot++) {
        v16 *line = (v16 *)(scores + slot * BLOCK);
        int hidden = allowed && !allowed[slot], some = slot > first + after || (job->window && slot <= last - job->window);
        for (int v = 0; v < vectors; v++) {
            if (hidden) line[v] = fill(-INFINITY);
            if (some) {
                v16i from = lanes + (int32_t)(first + v * LANES - slot); /* how far behind the slot each query stands */
                v16i seen = from >= (int32_t)-after;
                if (job->window) seen &= from < (int32_t)job->window;
                line[v] = choose16(seen, line[v], fill(-INFINITY));
            }
            largest[v] = most16(largest[v], line[v]);
        }
    }
    for (int v = 0; v < vectors; v++) largest[v] = choose16(largest[v] == -INFINITY, fill(0), largest[v]);
    for (long slot = low; slot < high; slot++) {
        v16 *line = (v16 *)(scores + slot * BLOCK);
        for (int v = 0; v < vectors; v++) {
            line[v] = exp16(line[v] - largest[v]);
            sums[v] += line[v];
        }
    }
    for (int v = 0; v < vectors; v++) /* a query that may look at nothing gets nothing */
        *(v16 *)(shares + v * LANES) = choose16(sums[v] == 0.0f, fill(0), 1.0f / sums[v]);
}

/* What some slots add to the queries: their weights [slots][32] times 16 or 32 columns of their values. */
INLINE void mix(const float *weights, const float *values, long step, long slots, float *mixed, long size, long count, int vectors,
                int fresh) {
    for (long t = 0; t < count; t += ROWS)
        product(weights + t, 1, BLOCK, values, step, slots, mixed + t * size, size, ROWS, vectors, fresh);
}

INLINE void attend_block(const struct many *job, long row, long head, long start, float *memory, int vectors) {
    long group = head / (job->heads / job->groups), size = job->size, first = job->first + start;
    long count = job->queries - start < BLOCK ? job->queries - start : BLOCK, low = 0, high = job->slots;
    if (job->causal && first + count < high) high = first + count;
    if (job->window && !job->causal && first + count + job->window - 1 < high) high = first + count + job->window - 1;
    if (job->window && first + 1 > job->window) low = first + 1 - job->window;
    if (low > high) low = high;
    float *queries = memory, *shares = queries + size * BLOCK, *mixed = shares + BLOCK, *scores = mixed + size * BLOCK;
    const float *key = job->key + row * job->steps[3] + group * job->steps[4];
    const float *value = job->value + row * job->steps[6] + group * job->steps[7];
    lay_queries(job, job->query + row * job->steps[0] + head * job->steps[1] + start * job->steps[2], count, queries);
    long slot = low;
    for (; slot + ROWS <= high; slot += ROWS)
        product(key + slot * job->steps[5], job->steps[5], 1, queries, BLOCK, size, scores + slot * BLOCK, BLOCK, ROWS, vectors, 1);
    for (; slot < high; slot++)
        product(key + slot * job->steps[5], 0, 1, queries, BLOCK, size, scores + slot * BLOCK, BLOCK, 1, vectors, 1);
    weigh(job, job->allowed ? job->allowed + row * job->by_row : NULL, first, low, high, scores, shares, vectors);
    if (low == high) memset(mixed, 0, 4 * size * BLOCK);
    for (slot = low; slot < high; slot += SLOTS)
        for (long i = 0; i < size; i += 2 * LANES) {
            const float *values = value + slot * job->steps[8] + i;
            long slots = high - slot < SLOTS ? high - slot : SLOTS;
            if (i + LANES < size) mix(scores + slot * BLOCK, values, job->steps[8], slots, mixed + i, size, count, 2, slot == low);
            else mix(scores + slot * BLOCK, values, job->steps[8], slots, mixed + i, size, count, 1, slot == low);
        }
    for (long t = 0; t < count; t++) {
        float *out = job->out + ((row * job->queries + start + t) * job->heads + head) * size;
        for (long i = 0; i < size; i += LANES) *(v16 *)(out + i) = *(v16 *)(mixed + t * size + i) * shares[t];
    }
}

static void attend_blocks(void *given) {
    struct many *job = given;
    long blocks = (job->queries + BLOCK - 1) / BLOCK;
    float *memory = scratch(0, 4 * BLOCK * (2 * job->size + 1 + job->slots));
    for (long unit; (unit = next_unit(&job->taken, job->rows * job->heads * blocks)) >= 0;) {
        if (!memory) { job->failed = 1; return; }
        long start = unit % blocks * BLOCK, head = unit / blocks % job->heads, row = unit / blocks / job->heads;
        if (job->queries - start > LANES) attend_block(job, row, head, start, memory, 2);
        else attend_block(job, row, head, start, memory, 1);
    }
}

/* out (rows, queries, heads, size); size is a multiple of 16. Query t stands at the slot first + t: it sees those up to there if
   `causal`, and those less than `window` away if that is not 0; of these the ones `allowed`. 0, or 1: no memory. */
EXPORT int attend_many(const float *query, const float *key, const float *value, float *out, long rows, long heads, long groups,
                       long queries, long slots, long size, const long *steps, float scaling, const uint8_t *allowed, long by_row,
                       long first, long causal, long window, int threads) {
    struct many job = {.query = query, .key = key, .value = value, .out = out, .rows = rows, .heads = heads, .groups = groups,
                       .queries = queries, .slots = slots, .size = size, .scaling = scaling, .allowed = allowed,
                       .by_row = by_row, .first = first, .causal = causal, .window = window};
    memcpy(job.steps, steps, sizeof job.steps);
    in_team(attend_blocks, &job, rows * heads * queries * slots * size < 1 << 20 ? 1 : threads);
    return job.failed;
}
