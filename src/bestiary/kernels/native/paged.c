/* Attention of one query of each of many texts, whose keys and values lie in the blocks of a pool. Sums are float32. */
#include "elements.h"

#define MOST_HEADS 4 /* that share a pass over keys */
#define WIDTH 4      /* vectors that are summed at a time */
#define WORTH_A_TEAM 16384 /* numbers */
#define UNROLLED _Pragma("GCC unroll 4")

struct pages {
    const void *query, *keys, *values; /* keys (N, G, K, P), values (N, G, P, V) */
    void *out;                         /* (R, G * heads, V) */
    int format;
    long rows, groups, heads, size, value_size, page; /* heads: of a group */
    long by_row, by_head;                             /* steps of queries, whose last dimension is contiguous */
    const int64_t *blocks, *begins;                   /* those of row r: blocks[begins[r]] to blocks[begins[r + 1]] */
    const int64_t *first, *end;                       /* the slots that row r looks at */
    long most;                                        /* slots, rounded up to whole vectors, of the longest row */
    float scaling, cap;                               /* cap: 0 for none */
    long taken;
    int failed;
};

/* Scores of the slots of `width` vectors of a block, written at `scores`. */
INLINE void score_slots(const struct pages *job, int format, int heads, int width, long key, const float *queries, float *scores) {
    v16 sums[MOST_HEADS][WIDTH] = {{{0}}};
    for (long i = 0; i < job->size; i++)
        UNROLLED for (int w = 0; w < width; w++) {
            v16 x = load16(job->keys, format, key + i * job->page + w * LANES);
            UNROLLED for (int h = 0; h < heads; h++) sums[h][w] += x * queries[h * job->size + i];
        }
    UNROLLED for (int h = 0; h < heads; h++)
        UNROLLED for (int w = 0; w < width; w++) {
            v16 score = sums[h][w];
            if (job->cap != 0.0f) score = job->cap * tanh16(score / job->cap);
            *(v16 *)(scores + h * job->most + w * LANES) = score;
        }
}

/* Scores of the slots `from` to `to` of a block; those of the vectors that reach beyond are without weight. */
INLINE void score_block(const struct pages *job, int format, int heads, long key, long from, long to, const float *queries,
                        float *scores) {
    long slot = from / LANES * LANES;
    for (; slot + WIDTH * LANES <= (to + LANES - 1) / LANES * LANES; slot += WIDTH * LANES)
        score_slots(job, format, heads, WIDTH, key + slot, queries, scores + slot);
    for (; slot < to; slot += LANES) score_slots(job, format, heads, 1, key + slot, queries, scores + slot);
    for (int h = 0; h < heads; h++) {
        for (long at = from / LANES * LANES; at < from; at++) scores[h * job->most + at] = -INFINITY;
        for (long at = to; at % LANES; at++) scores[h * job->most + at] = -INFINITY;
    }
}

/* `width` vectors of the values of slots `from` to `to`, weighed and added to `mixed` (heads, padded). */
INLINE void mix_slots(const struct pages *job, int format, int heads, int width, long value, long from, long to, int count,
                      const float *shares, float *mixed, long padded) {
    v16 sums[MOST_HEADS][WIDTH];
    UNROLLED for (int h = 0; h < heads; h++)
        UNROLLED for (int w = 0; w < width; w++) sums[h][w] = *(v16 *)(mixed + h * padded + w * LANES);
    for (long slot = from; slot < to; slot++)
        UNROLLED for (int w = 0; w < width; w++) {
            v16 x = load_part(job->values, format, value + slot * job->value_size + w * LANES, width == 1 ? count : LANES);
            UNROLLED for (int h = 0; h < heads; h++) sums[h][w] += x * shares[h * job->most + slot];
        }
    UNROLLED for (int h = 0; h < heads; h++)
        UNROLLED for (int w = 0; w < width; w++) *(v16 *)(mixed + h * padded + w * LANES) = sums[h][w];
}

INLINE void mix_block(const struct pages *job, int format, int heads, long value, long from, long to, const float *shares,
                      float *mixed, long padded) {
    long i = 0;
    for (; i + WIDTH * LANES <= job->value_size; i += WIDTH * LANES)
        mix_slots(job, format, heads, WIDTH, value + i, from, to, LANES, shares, mixed + i, padded);
    for (; i < job->value_size; i += LANES) {
        long rest = job->value_size - i;
        mix_slots(job, format, heads, 1, value + i, from, to, rest < LANES ? (int)rest : LANES, shares, mixed + i, padded);
    }
}

/* Scores to shares; `count` is a multiple of LANES. */
INLINE void soften(float *scores, long count) {
    v16 largest = fill(-INFINITY);
    for (long i = 0; i < count; i += LANES) {
        v16 x = *(v16 *)(scores + i);
        largest = choose16((v16i)(x > largest) | (v16i)(x != x), x, largest);
    }
    float top = -INFINITY;
    for (int lane = 0; lane < LANES; lane++) top = largest[lane] > top || largest[lane] != largest[lane] ? largest[lane] : top;
    v16 sums = {0};
    for (long i = 0; i < count; i += LANES) {
        v16 x = *(v16 *)(scores + i), share = exp16(x - top);
        share = choose16(x == -INFINITY, fill(0.0f), share); /* e^-104 is no zero, and many of them add up */
        *(v16 *)(scores + i) = share;
        sums += share;
    }
    float all = 1.0f / sum_of(sums);
    for (long i = 0; i < count; i += LANES) *(v16 *)(scores + i) *= all;
}

/* `heads` of a group from `head` on. */
INLINE void attend_heads(struct pages *job, int format, int heads, long row, long group, long head, float *scores) {
    long page = job->page, padded = (job->value_size + LANES - 1) / LANES * LANES, of_head = group * job->heads + head;
    float *queries = scores + MOST_HEADS * job->most, *mixed = queries + MOST_HEADS * job->size;
    const int64_t *blocks = job->blocks + job->begins[row];
    long begin = job->first[row] / page, end = (job->end[row] + page - 1) / page;
    for (int h = 0; h < heads; h++)
        for (long i = 0; i < job->size; i++)
            queries[h * job->size + i] =
                job->scaling * load1(job->query, format, row * job->by_row + (of_head + h) * job->by_head + i);
    for (long block = begin; block < end; block++) {
        long from = block == begin ? job->first[row] - block * page : 0;
        long to = job->end[row] - block * page < page ? job->end[row] - block * page : page;
        score_block(job, format, heads, (blocks[block] * job->groups + group) * job->size * page, from, to, queries,
                    scores + (block - begin) * page);
    }
    long lead = job->first[row] / LANES * LANES - begin * page; /* of the first block what lies before all that is seen */
    long slots = (job->end[row] + LANES - 1) / LANES * LANES - begin * page;
    for (int h = 0; h < heads; h++) soften(scores + h * job->most + lead, slots - lead);
    memset(mixed, 0, 4 * heads * padded);
    for (long block = begin; block < end; block++) {
        long from = block == begin ? job->first[row] - block * page : 0;
        long to = job->end[row] - block * page < page ? job->end[row] - block * page : page;
        mix_block(job, format, heads, (blocks[block] * job->groups + group) * page * job->value_size, from, to,
                  scores + (block - begin) * page, mixed, padded);
    }
    for (int h = 0; h < heads; h++)
        for (long i = 0; i < job->value_size; i += LANES)
            store(job->out, format, (row * job->groups * job->heads + of_head + h) * job->value_size + i,
                  *(v16 *)(mixed + h * padded + i), job->value_size - i < LANES ? (int)(job->value_size - i) : LANES);
}

INLINE void attend_text(struct pages *job, int format, long row, long group, float *scores) {
    for (long head = 0; head < job->heads; head += MOST_HEADS) switch (job->heads - head) {
        case 1: attend_heads(job, format, 1, row, group, head, scores); break;
        case 2: attend_heads(job, format, 2, row, group, head, scores); break;
        case 3: attend_heads(job, format, 3, row, group, head, scores); break;
        default: attend_heads(job, format, 4, row, group, head, scores);
    }
}

static void attend_texts(void *given) {
    struct pages *job = given;
    long padded = (job->value_size + LANES - 1) / LANES * LANES;
    float *scores = scratch(0, 4 * MOST_HEADS * (job->most + job->size + padded));
    for (long unit; (unit = next_unit(&job->taken, job->rows * job->groups)) >= 0;) {
        if (!scores) { job->failed = 1; return; }
        BY_FORMAT(job->format, attend_text(job, F, unit / job->groups, unit % job->groups, scores));
    }
}

/* Every row looks at one slot at least. steps: of queries by row and head. 0, or 1: no memory. */
EXPORT int attend_paged(const void *query, const void *keys, const void *values, void *out, int format, long rows, long groups,
                        long heads, long size, long value_size, long page, const long *steps, const int64_t *blocks,
                        const int64_t *begins, const int64_t *first, const int64_t *end, float scaling, float cap, int threads) {
    struct pages job = {.query = query, .keys = keys, .values = values, .out = out, .format = format, .rows = rows,
                        .groups = groups, .heads = heads, .size = size, .value_size = value_size, .page = page,
                        .by_row = steps[0], .by_head = steps[1], .blocks = blocks, .begins = begins, .first = first, .end = end,
                        .scaling = scaling, .cap = cap};
    long all = 0;
    for (long row = 0; row < rows; row++) {
        long slots = (end[row] + LANES - 1) / LANES * LANES - first[row] / page * page;
        if (slots > job.most) job.most = slots;
        all += slots;
    }
    in_team(attend_texts, &job, all * groups * size < WORTH_A_TEAM ? 1 : threads);
    return job.failed;
}
