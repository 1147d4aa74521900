#include "tiles.h"

#if TILED
#define ROW_UNIT 512
#define PAIRS 4 /* of 16 outputs whose weights are unpacked at a time */
#define PAIR 1024 /* numbers of two tiles */

/* 32 numbers as bfloat16, and what that leaves. */
INLINE v16i narrowed(v16 first, v16 second, v16i *left) {
    v16h near = (v16h)_mm512_cvtneps_pbh((__m512)first), next = (v16h)_mm512_cvtneps_pbh((__m512)second), rest[2];
    rest[0] = (v16h)_mm512_cvtneps_pbh((__m512)(first - as_floats(widen(near) << 16)));
    rest[1] = (v16h)_mm512_cvtneps_pbh((__m512)(second - as_floats(widen(next) << 16)));
    v16i all;
    memcpy(&all, &near, 32);
    memcpy((char *)&all + 32, &next, 32);
    memcpy(left, rest, 64);
    return all;
}

INLINE void put_line(uint16_t *tile, int line, v16i numbers, int by_outputs) {
    if (!by_outputs) {
        *(v16i *)(tile + 32 * line) = numbers;
        return;
    }
    int32_t pairs[LANES];
    memcpy(pairs, &numbers, 64);
    for (int i = 0; i < LANES; i++) memcpy(tile + 32 * i + 2 * line, pairs + i, 4);
}

static void lay_rows(void *given) {
    struct tiled *job = given;
    long padded = job->steps * 32;
    float *floats = scratch(1, 4 * padded);
    v16i any = {0};
    for (long row; (row = next_unit(&job->taken, (job->rows + 31) / 32 * 32)) >= 0;) {
        if (row < job->rows) to_floats(floats, job->x, job->x_format, row * job->inputs, job->inputs, padded);
        else memset(floats, 0, 4 * padded);
        for (long step = 0; step < job->steps; step++) {
            long at = (row / 32 * job->steps + step) * PAIR + row % 32 / 16 * (PAIR / 2);
            v16i left, near = narrowed(*(v16 *)(floats + step * 32), *(v16 *)(floats + step * 32 + LANES), &left);
            put_line(job->upper + at, row % 16, near, job->by_outputs);
            if (!job->lower) continue;
            put_line(job->lower + at, row % 16, left, job->by_outputs);
            any |= left & 0x7fff7fff;
        }
    }
    int32_t bits = 0;
    for (int lane = 0; lane < LANES; lane++) bits |= any[lane];
    if (bits) __atomic_store_n(&job->leaves, 1, __ATOMIC_RELAXED);
}

INLINE void four_products(void) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
}

/* Two tiles times two others for each step, added to `sums`, which begin at 0 with the first ones. `lower` of either, or NULL. */
static void multiply(const uint16_t *left, const uint16_t *left_lower, const uint16_t *right, const uint16_t *right_lower,
                     long steps, float (*sums)[256], int first) {
    if (first) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    } else {
        _tile_loadd(0, sums[0], 64);
        _tile_loadd(1, sums[1], 64);
        _tile_loadd(2, sums[2], 64);
        _tile_loadd(3, sums[3], 64);
    }
    for (long at = 0; at < steps * PAIR; at += PAIR) {
        _tile_loadd(4, left + at, 64);
        _tile_loadd(5, left + at + PAIR / 2, 64);
        _tile_loadd(6, right + at, 64);
        _tile_loadd(7, right + at + PAIR / 2, 64);
        four_products();
        if (left_lower) {
            _tile_loadd(4, left_lower + at, 64);
            _tile_loadd(5, left_lower + at + PAIR / 2, 64);
            four_products();
            if (right_lower) {
                _tile_loadd(4, left + at, 64);
                _tile_loadd(5, left + at + PAIR / 2, 64);
            }
        }
        if (right_lower) {
            _tile_loadd(6, right_lower + at, 64);
            _tile_loadd(7, right_lower + at + PAIR / 2, 64);
            four_products();
        }
    }
    _tile_stored(0, sums[0], 64);
    _tile_stored(1, sums[1], 64);
    _tile_stored(2, sums[2], 64);
    _tile_stored(3, sums[3], 64);
}

INLINE void lines(const struct tiled *job, long row, long rows, long output, int half, int part, int format, float (*sums)[256],
                  v16 bias) {
    for (long r = 0; r < rows; r++) {
        const float *line = sums[job->by_outputs ? 2 * half + r / 16 : r / 16 * 2 + half] + r % 16 * 16;
        store(job->out, format, (row + r) * job->outputs + output, *(const v16 *)line + bias, part);
    }
}

/* `rows` of the 32 rows and up to 32 outputs whose sums are given. */
static void finish(const struct tiled *job, long row, long rows, long output, float (*sums)[256]) {
    for (int tile = 0; job->by_outputs && tile < 4; tile++) {
        v16 square[LANES];
        memcpy(square, sums[tile], sizeof square);
        turn_over(square);
        memcpy(sums[tile], square, sizeof square);
    }
    for (long o = output; o < job->outputs && o < output + 32; o += LANES) {
        int part = job->outputs - o < LANES ? (int)(job->outputs - o) : LANES, half = (int)(o - output) / LANES;
        v16 bias = {0};
        if (job->bias) bias = load_part(job->bias, job->bias_format, o, part);
        /* Known while compiling, each is one loop without questions. */
        if (part < LANES) lines(job, row, rows, o, half, part, job->x_format, sums, bias);
        else if (job->x_format == F32) lines(job, row, rows, o, half, LANES, F32, sums, bias);
        else if (job->x_format == BF16) lines(job, row, rows, o, half, LANES, BF16, sums, bias);
        else lines(job, row, rows, o, half, LANES, F16, sums, bias);
    }
}

/* Ask for the memory of results while their products are computed. */
INLINE void expect(const struct tiled *job, long row, long rows, long output) {
    long bytes = job->x_format == F32 ? 4 : 2;
    for (long r = row; r < row + rows; r++) {
        char *out = (char *)job->out + (r * job->outputs + output) * bytes;
        __builtin_prefetch(out, 1);
        __builtin_prefetch(out + 32 * bytes - 1, 1);
    }
}

/* Some rows with some pairs of tiles of outputs; room for their weights, and for their sums (rows / 32, PAIRS, 4 tiles). */
static void tile_unit(const struct tiled *job, long first, long last, long pair, long pairs, uint16_t *weights, float (*sums)[256]) {
    uint16_t *lower = weights + PAIRS * STEPS * PAIR;
    for (long step = 0, steps; step < job->steps; step += steps) {
        steps = job->steps - step < STEPS ? job->steps - step : STEPS;
        int ends = step + steps == job->steps;
        for (long p = 0; p < pairs; p++)
            job->unpack(job->weights, (pair + p) * 32, step * 32, (step + steps) * 32, weights + p * STEPS * PAIR,
                        job->exact ? lower + p * STEPS * PAIR : NULL);
        for (long row = first; row < last; row += 32) {
            long at = (row / 32 * job->steps + step) * PAIR, rows = last - row < 32 ? last - row : 32;
            const uint16_t *x = job->upper + at, *x_lower = job->leaves ? job->lower + at : NULL;
            for (long p = 0; p < pairs; p++) {
                const uint16_t *w = weights + p * STEPS * PAIR, *w_lower = job->exact ? lower + p * STEPS * PAIR : NULL;
                float(*each)[256] = sums + ((row - first) / 32 * PAIRS + p) * 4;
                if (ends) expect(job, row, rows, (pair + p) * 32);
                if (job->by_outputs) multiply(w, w_lower, x, x_lower, steps, each, !step);
                else multiply(x, x_lower, w, w_lower, steps, each, !step);
                if (ends) finish(job, row, rows, (pair + p) * 32, each);
            }
        }
    }
}

static void by_tiles(void *given) {
    struct tiled *job = given;
    long pairs = (job->outputs + 31) / 32, units = (pairs + job->pairs - 1) / job->pairs;
    long strips = (job->rows < ROW_UNIT ? job->rows + 31 : ROW_UNIT) / 32;
    uint16_t *weights = scratch(3, 2 * PAIRS * STEPS * PAIR * sizeof(uint16_t));
    float(*sums)[256] = scratch(2, strips * PAIRS * 4 * sizeof *sums);
    struct tiles before;
    use_tiles(&before);
    for (long unit; weights && sums && (unit = next_unit(&job->taken, units * job->row_units)) >= 0;) {
        long first = unit / units * ROW_UNIT, last = first + ROW_UNIT < job->rows ? first + ROW_UNIT : job->rows;
        long pair = unit % units * job->pairs, count = pairs - pair < job->pairs ? pairs - pair : job->pairs;
        tile_unit(job, first, last, pair, count, weights, sums);
    }
    if (!weights || !sums) __atomic_store_n(&job->failed, 1, __ATOMIC_RELAXED);
    restore_tiles(&before);
}

int tiled_product(struct tiled *job, int threads) {
    job->steps = (job->inputs + 31) / 32;
    long filled = (job->rows + 31) / 32 * 32, pairs = (job->outputs + 31) / 32 / (2 * threads);
    int parts = 1 + (job->exact && job->x_format != BF16);
    job->upper = scratch(0, parts * filled * job->steps * 32 * sizeof(uint16_t));
    if (!job->upper || !scratch(1, 4 * job->steps * 32)) return 1;
    job->lower = parts == 2 ? job->upper + filled * job->steps * 32 : NULL;
    job->pairs = pairs < 1 ? 1 : pairs > PAIRS ? PAIRS : pairs;
    job->row_units = (job->rows + ROW_UNIT - 1) / ROW_UNIT;
    in_team(lay_rows, job, job->rows * job->inputs < 65536 ? 1 : threads);
    job->taken = 0;
    in_team(by_tiles, job, threads);
    return job->failed;
}
#else
int tiled_product(struct tiled *job, int threads) { return job == NULL || threads < 0 ? 1 : -1; }
#endif
