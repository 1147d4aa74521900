/* What stands between the products of a model, each in one pass: RMS norms, rotary positions, attention of one query. Sums are
   float32; results are rounded where the modules of this package round. */
#include "elements.h"

#define WORTH_A_TEAM 65536 /* numbers */

struct norm {
    const void *x, *weight;
    void *out;
    int format, rounding;
    long rows, size;
    float epsilon;
    long taken;
};

#define ROWS 16 /* of a unit of work */

INLINE void norm_row(const struct norm *job, int format, long row) {
    long size = job->size, at = row * size;
    v16 sums[4] = {{0}};
    long i = 0;
    for (; i + 4 * LANES <= size; i += 4 * LANES)
        for (int each = 0; each < 4; each++) {
            v16 x = load16(job->x, format, at + i + each * LANES);
            sums[each] += x * x;
        }
    for (; i < size; i += LANES) {
        v16 x = load_part(job->x, format, at + i, size - i < LANES ? (int)(size - i) : LANES);
        sums[0] += x * x;
    }
    float scale = 1.0f / sqrtf(sum_of(sums[0] + sums[1] + (sums[2] + sums[3])) / (float)size + job->epsilon);
    for (i = 0; i < size; i += LANES) {
        int count = size - i < LANES ? (int)(size - i) : LANES;
        v16 x = load_part(job->x, format, at + i, count) * scale, weight = load_part(job->weight, format, i, count);
        if (job->rounding == TWICE) x = rounded(x, format);
        if (job->rounding == SHIFTED) weight += 1.0f;
        store(job->out, format, at + i, x * weight, count);
    }
}

static void norm_rows(void *given) {
    struct norm *job = given;
    for (long unit; (unit = next_unit(&job->taken, (job->rows + ROWS - 1) / ROWS)) >= 0;)
        for (long row = unit * ROWS; row < job->rows && row < (unit + 1) * ROWS; row++)
            BY_FORMAT(job->format, norm_row(job, F, row));
}

/* out (rows, size) = x / sqrt(mean(x^2) + epsilon) * weight, all in one format. */
EXPORT void rms_norm(const void *x, int format, long rows, long size, const void *weight, float epsilon, int rounding, void *out,
                     int threads) {
    struct norm job = {.x = x, .weight = weight, .out = out, .format = format, .rounding = rounding, .rows = rows, .size = size,
                       .epsilon = epsilon};
    in_team(norm_rows, &job, rows * size < WORTH_A_TEAM ? 1 : threads);
}

/* Heads (B, H, T, K) of which the last dimension is contiguous, and the steps between the others in numbers. */
struct heads {
    const void *from;
    long count, by_row, by_head, by_token;
    void *out; /* contiguous */
};

struct turn {
    struct heads both[2];
    int format, interleaved;
    long rows, tokens, size, turned; /* K, and how many of them turn */
    const void *cos, *sin;           /* (rows or 1, tokens, turned) */
    long by_row;
    long taken;
};

INLINE void turn_head(const struct turn *job, int format, const void *from, long in, void *to, long out, long angle) {
    long half = job->turned / 2;
    if (!job->interleaved && half % LANES == 0) {
        for (long i = 0; i < half; i += LANES) {
            v16 first = load16(from, format, in + i), second = load16(from, format, in + half + i);
            v16 a = rounded(first * load16(job->cos, format, angle + i), format);
            v16 b = rounded(second * load16(job->sin, format, angle + i), format);
            v16 c = rounded(second * load16(job->cos, format, angle + half + i), format);
            v16 d = rounded(first * load16(job->sin, format, angle + half + i), format);
            store(to, format, out + i, a - b, LANES);
            store(to, format, out + half + i, c + d, LANES);
        }
    } else {
        for (long i = 0; i < half; i++) {
            long one = job->interleaved ? 2 * i : i, other = job->interleaved ? 2 * i + 1 : half + i;
            v16 both = {load1(from, format, in + one), load1(from, format, in + other)};
            v16 across = {-both[1], both[0]};
            v16 cos = {load1(job->cos, format, angle + one), load1(job->cos, format, angle + other)};
            v16 sin = {load1(job->sin, format, angle + one), load1(job->sin, format, angle + other)};
            v16 sum = rounded(both * cos, format) + rounded(across * sin, format), last = fill(sum[1]);
            store(to, format, out + one, sum, 1);
            store(to, format, out + other, last, 1);
        }
    }
    long bytes = format == F32 ? 4 : 2;
    if (job->turned < job->size && (from != to || in != out))
        memcpy((char *)to + (out + job->turned) * bytes, (const char *)from + (in + job->turned) * bytes,
               (job->size - job->turned) * bytes);
}

static void turn_heads(void *given) {
    struct turn *job = given;
    for (long row; (row = next_unit(&job->taken, job->rows * job->tokens)) >= 0;) {
        long b = row / job->tokens, t = row % job->tokens, angle = b * job->by_row + t * job->turned;
        for (int which = 0; which < 2; which++) {
            const struct heads *heads = &job->both[which];
            for (long h = 0; h < heads->count; h++) {
                long in = b * heads->by_row + h * heads->by_head + t * heads->by_token;
                long out = ((b * heads->count + h) * job->tokens + t) * job->size;
                BY_FORMAT(job->format, turn_head(job, F, heads->from, in, heads->out, out, angle));
            }
        }
    }
}

/* Queries and keys turned by their positions. steps: of queries by row, head and token, then of keys. */
EXPORT void turn(const void *query, long queries, void *query_out, const void *key, long keys, void *key_out, const long *steps,
                 int format, long rows, long tokens, long size, const void *cos, const void *sin, long turned, long by_row,
                 int interleaved, int threads) {
    struct turn job = {.both = {{query, queries, steps[0], steps[1], steps[2], query_out},
                                {key, keys, steps[3], steps[4], steps[5], key_out}},
                       .format = format, .interleaved = interleaved, .rows = rows, .tokens = tokens, .size = size,
                       .turned = turned, .cos = cos, .sin = sin, .by_row = by_row};
    in_team(turn_heads, &job, rows * tokens * (queries + keys) * size < WORTH_A_TEAM ? 1 : threads);
}

struct attend {
    const void *query, *keys, *values;
    void *out;
    int format;
    long rows, groups, heads, slots, size; /* heads: of a group */
    long steps[6];                         /* of keys by row, group and slot, then of values */
    float scaling, cap;                    /* cap: 0 for none */
    const uint8_t *allowed;                /* (rows or 1, slots), or NULL */
    long by_row;
    long taken;
    int failed;
};

#define MOST_HEADS 8 /* that share a pass over keys */

INLINE void attend_group(struct attend *job, int format, long row, long group, float *scores) {
    long size = job->size, padded = (size + LANES - 1) / LANES * LANES, vectors = padded / LANES;
    float *queries = scores + MOST_HEADS * job->slots, *mixed = queries + MOST_HEADS * padded;
    const uint8_t *allowed = job->allowed ? job->allowed + row * job->by_row : NULL;
    for (long first = 0; first < job->heads; first += MOST_HEADS) {
        int heads = job->heads - first < MOST_HEADS ? (int)(job->heads - first) : MOST_HEADS;
        long at = ((row * job->groups + group) * job->heads + first) * size;
        for (int h = 0; h < heads; h++) {
            to_floats(queries + h * padded, job->query, format, at + h * size, size, padded);
            for (long i = 0; i < padded; i++) queries[h * padded + i] *= job->scaling;
        }
        v16 largest[MOST_HEADS];
        for (int h = 0; h < heads; h++) largest[h] = fill(-INFINITY);
        for (long slot = 0; slot < job->slots; slot++) {
            long key = row * job->steps[0] + group * job->steps[1] + slot * job->steps[2];
            if (allowed && !allowed[slot]) {
                for (int h = 0; h < heads; h++) scores[h * job->slots + slot] = -INFINITY;
                continue;
            }
            v16 sums[MOST_HEADS] = {{0}};
            for (long v = 0; v < vectors; v++) {
                long rest = size - v * LANES;
                v16 x = load_part(job->keys, format, key + v * LANES, rest < LANES ? (int)rest : LANES);
                for (int h = 0; h < heads; h++) sums[h] += x * *(v16 *)(queries + h * padded + v * LANES);
            }
            for (int h = 0; h < heads; h++) {
                float score = sum_of(sums[h]);
                if (job->cap != 0.0f) score = job->cap * tanhf(score / job->cap);
                scores[h * job->slots + slot] = score;
                largest[h][0] = score > largest[h][0] || score != score ? score : largest[h][0];
            }
        }
        for (int h = 0; h < heads; h++) {
            float *shares = scores + h * job->slots, top = largest[h][0] == -INFINITY ? 0.0f : largest[h][0];
            v16 sums = {0};
            for (long slot = 0; slot < job->slots; slot += LANES) {
                int count = job->slots - slot < LANES ? (int)(job->slots - slot) : LANES;
                v16 share = exp16(load_part(shares, F32, slot, count) - top);
                store(shares, F32, slot, share, count);
                sums += load_part(shares, F32, slot, count);
            }
            float all = sum_of(sums);
            all = all == 0.0f ? 0.0f : 1.0f / all; /* a query that may look at nothing gets nothing */
            for (long slot = 0; slot < job->slots; slot++) shares[slot] *= all;
        }
        memset(mixed, 0, 4 * heads * padded);
        for (long slot = 0; slot < job->slots; slot++) {
            if (allowed && !allowed[slot]) continue;
            long value = row * job->steps[3] + group * job->steps[4] + slot * job->steps[5];
            for (long v = 0; v < vectors; v++) {
                long rest = size - v * LANES;
                v16 x = load_part(job->values, format, value + v * LANES, rest < LANES ? (int)rest : LANES);
                for (int h = 0; h < heads; h++) *(v16 *)(mixed + h * padded + v * LANES) += x * scores[h * job->slots + slot];
            }
        }
        for (int h = 0; h < heads; h++)
            for (long i = 0; i < size; i += LANES)
                store(job->out, format, at + h * size + i, *(v16 *)(mixed + h * padded + i),
                      size - i < LANES ? (int)(size - i) : LANES);
    }
}

static void attend_groups(void *given) {
    struct attend *job = given;
    long padded = (job->size + LANES - 1) / LANES * LANES;
    float *scores = scratch(0, 4 * MOST_HEADS * (job->slots + 2 * padded));
    for (long unit; (unit = next_unit(&job->taken, job->rows * job->groups)) >= 0;) {
        if (!scores) { job->failed = 1; return; }
        BY_FORMAT(job->format, attend_group(job, F, unit / job->groups, unit % job->groups, scores));
    }
}

/* out (rows, groups * heads, size): one query in each of so many heads looks at all slots of its group, or at those that are
   allowed, of which each row has one. 0, or 1: no memory. */
EXPORT int attend_one(const void *query, const void *keys, const void *values, void *out, int format, long rows, long groups,
                      long heads, long slots, long size, const long *steps, float scaling, float cap, const uint8_t *allowed,
                      long by_row, int threads) {
    struct attend job = {.query = query, .keys = keys, .values = values, .out = out, .format = format, .rows = rows,
                         .groups = groups, .heads = heads, .slots = slots, .size = size, .scaling = scaling, .cap = cap,
                         .allowed = allowed, .by_row = by_row};
    memcpy(job.steps, steps, sizeof job.steps);
    in_team(attend_groups, &job, rows * groups * slots * size < WORTH_A_TEAM / 4 ? 1 : threads);
    return job.failed;
}

struct activated {
    const char *x, *other;
    char *out;
    int format, activation;
    long numbers, taken;
};

#define NUMBERS 4096 /* of a unit of work */

static void activate_parts(void *given) {
    struct activated *job = given;
    for (long unit; (unit = next_unit(&job->taken, (job->numbers + NUMBERS - 1) / NUMBERS)) >= 0;) {
        long first = unit * NUMBERS, count = job->numbers - first < NUMBERS ? job->numbers - first : NUMBERS;
        long at = first * (job->format == F32 ? 4 : 2);
        const char *other = job->other ? job->other + at : NULL;
        BY_FORMAT(job->format, activate(job->out + at, job->x + at, other, job->activation, count, F));
    }
}

/* out = activation(x), multiplied by other where that is not NULL. */
EXPORT void activate_all(const void *x, const void *other, int activation, int format, long numbers, void *out, int threads) {
    struct activated job = {.x = x, .other = other, .out = out, .format = format, .activation = activation, .numbers = numbers};
    in_team(activate_parts, &job, numbers < WORTH_A_TEAM ? 1 : threads);
}
