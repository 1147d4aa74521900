/* Products of many rows with the blocks of GGUF files by AMX, in bfloat16. */
#include "blocks.h"

#if defined(__AMX_INT8__) && defined(__AMX_BF16__) && defined(__AVX512BF16__) && defined(__AVX512BW__)
#define PAIRS 4 /* of 16 outputs whose weights are held in bfloat16 at a time */

/* x for tiles: [rows / 16][inputs / 2][16 rows][2], in bfloat16, and what that left. */
static void lay_rows(void *given) {
    struct job *job = given;
    long padded = job->chunks * CHUNK;
    float *floats = scratch(1, 4 * padded);
    for (long row; (row = next_unit(&job->taken, (job->rows + 31) / 32 * 32)) >= 0;) {
        if (row < job->rows) to_floats(floats, job->x, job->x_format, row * job->inputs, job->inputs, padded);
        else memset(floats, 0, 4 * padded);
        uint32_t *upper = (uint32_t *)job->upper + row / 16 * padded / 2 * 16 + row % 16;
        uint32_t *lower = job->lower ? (uint32_t *)job->lower + row / 16 * padded / 2 * 16 + row % 16 : NULL;
        for (long k = 0; k < padded; k += LANES) {
            v16 values = *(v16 *)(floats + k);
            uint32_t pairs[8];
            v16h near = (v16h)_mm512_cvtneps_pbh((__m512)values);
            memcpy(pairs, &near, 32);
            for (int i = 0; i < 8; i++) upper[(k / 2 + i) * 16] = pairs[i];
            if (!lower) continue;
            near = (v16h)_mm512_cvtneps_pbh((__m512)(values - as_floats(widen(near) << 16)));
            memcpy(pairs, &near, 32);
            for (int i = 0; i < 8; i++) lower[(k / 2 + i) * 16] = pairs[i];
        }
    }
}

/* A row of the weight in bfloat16, and where `lower` is given what that left: 32 inputs, then those of the next row of 16. */
static void narrow_row(const struct job *job, long output, uint16_t *upper, uint16_t *lower) {
    struct chunk chunks[PIECE];
    for (long first = 0; first < job->chunks; first += PIECE) {
        long count = chunk_count(job, first);
        unpack_piece(job, output, first, chunks);
        for (long k = first * CHUNK; k < (first + count) * CHUNK; k += LANES) {
            v16 values = numbers(chunks + (k / CHUNK - first), k % CHUNK / LANES);
            v16h near = (v16h)_mm512_cvtneps_pbh((__m512)values);
            long at = k / 32 * 512 + k % 32;
            *(v16h *)(upper + at) = near;
            if (lower) *(v16h *)(lower + at) = (v16h)_mm512_cvtneps_pbh((__m512)(values - as_floats(widen(near) << 16)));
        }
    }
}

/* Two tiles of outputs times two of rows, added to the four tiles of sums, (outputs, rows). */
INLINE void multiply_tiles(const uint16_t *weights, const uint16_t *x, long padded) {
    for (long k = 0; k < padded * 16; k += 512) {
        _tile_loadd(4, weights + k, 64);
        _tile_loadd(5, weights + 16 * padded + k, 64);
        _tile_loadd(6, x + k, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(2, 5, 6);
        _tile_loadd(7, x + 16 * padded + k, 64);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(3, 5, 7);
    }
}

/* 32 rows from `row` on with `count` outputs, at most 32, whose weights are given. */
static void tile_pair(const struct job *job, long row, long output, long count, const uint16_t *upper, const uint16_t *lower) {
    long padded = job->chunks * CHUNK;
    float sums[4][16][16] __attribute__((aligned(64)));
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    multiply_tiles(upper, job->upper + row * padded, padded);
    if (lower) {
        multiply_tiles(upper, job->lower + row * padded, padded);
        multiply_tiles(lower, job->upper + row * padded, padded);
    }
    _tile_stored(0, sums[0], 64);
    _tile_stored(1, sums[1], 64);
    _tile_stored(2, sums[2], 64);
    _tile_stored(3, sums[3], 64);
    for (long r = 0; r < 32 && row + r < job->rows; r++)
        for (long o = 0; o < count; o += LANES) {
            int part = count - o < LANES ? (int)(count - o) : LANES;
            v16 values;
            for (int lane = 0; lane < LANES; lane++) values[lane] = sums[o / 16 * 2 + r / 16][lane][r % 16];
            if (job->bias) values += load_part(job->bias, job->bias_format, output + o, part);
            store(job->out, job->out_format, (row + r) * job->outputs + output + o, values, part);
        }
}

static void by_tiles(void *given) {
    struct job *job = given;
    long together = 32 * job->pairs, size = together * job->chunks * CHUNK;
    uint16_t *upper = scratch(3, 2 * size * (job->lower ? 2 : 1)), *lower = job->lower ? upper + size : NULL;
    struct tiles before;
    use_tiles(&before);
    for (long unit; upper && (unit = next_unit(&job->taken, (job->outputs + together - 1) / together)) >= 0;) {
        long first = unit * together, count = job->outputs - first < together ? job->outputs - first : together;
        for (long o = 0; o < (count + 31) / 32 * 32; o++) { /* the last output fills the tiles */
            long at = o / 16 * 16 * job->chunks * CHUNK + o % 16 * 32;
            narrow_row(job, first + (o < count ? o : count - 1), upper + at, lower ? lower + at : NULL);
        }
        for (long row = 0; row < job->rows; row += 32)
            for (long o = 0; o < count; o += 32) {
                long at = o * job->chunks * CHUNK;
                tile_pair(job, row, first + o, count - o < 32 ? count - o : 32, upper + at, lower ? lower + at : NULL);
            }
    }
    restore_tiles(&before);
}

/* By AMX in bfloat16: one product where x is of that type, else three that leave about the accuracy of float32. */
int many_rows(struct job *job, int threads) {
    long padded = job->chunks * CHUNK, filled = (job->rows + 31) / 32 * 32;
    int exact = job->x_format != BF16;
    job->upper = scratch(0, 2 * filled * padded * (1 + exact));
    if (!job->upper || !scratch(1, 4 * padded)) return 1;
    if (exact) job->lower = job->upper + filled * padded;
    long pairs = (job->outputs + 31) / 32 / (2 * threads);
    job->pairs = pairs < 1 ? 1 : pairs > PAIRS ? PAIRS : pairs;
    in_team(lay_rows, job, threads);
    job->taken = 0;
    in_team(by_tiles, job, threads);
    return 0;
}
#else
int many_rows(struct job *job, int threads) { return job == NULL || threads < 0 ? 1 : -1; }
#endif
