/* Products with weights in 8 bits and rows that are brought to 8 bits here.

   The weight lies in blocks of 16 outputs: [outputs / 16][inputs / 4][16][4], the inputs filled up with zeros to a multiple of
   64. So four inputs meet 16 outputs in one instruction without sums across lanes, and 64 inputs are one tile of AMX. */
#include "tiles.h"

#if defined(__AVX512F__) && defined(__AVX512VNNI__)
#define UNSIGNED_ROWS 1
#define WIDE_ROWS 8
/* sums of 16 outputs + four inputs times the weights of 16 outputs */
INLINE v16i dot(v16i sums, int32_t four, const int8_t *weights) {
    return (v16i)_mm512_dpbusd_epi32((__m512i)sums, _mm512_set1_epi32(four), _mm512_loadu_si512(weights));
}
#elif defined(__AVX2__)
#define WIDE_ROWS 4
#if defined(__AVXVNNI__)
#define UNSIGNED_ROWS 1
INLINE __m256i dot8(__m256i sums, __m256i four, __m256i weights) { return _mm256_dpbusd_avx_epi32(sums, four, weights); }
#else
#define UNSIGNED_ROWS 0
/* |weight| is at most 128 and rows 127: a pair's sum fits 16 bits. */
INLINE __m256i dot8(__m256i sums, __m256i four, __m256i weights) {
    __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(four, weights));
    return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
#endif
INLINE v16i dot(v16i sums, int32_t four, const int8_t *weights) {
    __m256i low, high, all = _mm256_set1_epi32(four);
    memcpy(&low, &sums, 32);
    memcpy(&high, (char *)&sums + 32, 32);
    low = dot8(low, all, _mm256_loadu_si256((const __m256i *)weights));
    high = dot8(high, all, _mm256_loadu_si256((const __m256i *)(weights + 32)));
    memcpy(&sums, &low, 32);
    memcpy((char *)&sums + 32, &high, 32);
    return sums;
}
#else
#define UNSIGNED_ROWS 0
#define WIDE_ROWS 4
INLINE v16i dot(v16i sums, int32_t four, const int8_t *weights) {
    v16i quads = *(const v16i *)weights;
    sums += (quads << 24 >> 24) * (four << 24 >> 24);
    sums += (quads << 16 >> 24) * (four << 16 >> 24);
    sums += (quads << 8 >> 24) * (four << 8 >> 24);
    return sums + (quads >> 24) * (four >> 24);
}
#endif

#define AHEAD 1024 /* bytes of a block that are asked for before they are needed */

struct job {
    const void *x;
    int x_format;
    long rows, inputs, padded; /* rows; columns of x; columns of the blocks */
    float threshold;
    int8_t *codes; /* (rows, padded), or tiles: see `code_at` */
    float *steps;  /* (rows,) */
    const uint8_t *above;
    const int32_t *apart; /* the columns that are kept out of the integers */
    long aparts;
    int flip;
    const int8_t *blocks;
    const float *scales;
    const int32_t *sums;
    long outputs;
    const void *bias;
    int bias_format;
    void *out;
    long taken, row_units, unit_rows, pairs; /* of a unit of work by tiles: rows, and pairs of blocks */
    int tiles;
};

/* Where a column of a row begins in the codes, if it is a multiple of 16. For tiles 64 columns of 16 rows lie together, those of
   the next 16 rows behind them, and then the next 64 columns: rows far apart would meet in a few sets of the cache. */
INLINE long code_at(const struct job *job, long row, long column) {
    if (!job->tiles) return row * job->padded + column;
    return row / 32 * 32 * job->padded + column / 64 * 2048 + row % 32 * 64 + column % 64;
}

/* One row to 8 bits: the largest absolute value, by its bits so that not-a-number comes out on top, becomes 127. */
static void quantize_row(struct job *job, long row, float *floats) {
    long padded = job->padded;
    int8_t *codes = job->codes;
    to_floats(floats, job->x, job->x_format, row * job->inputs, job->inputs, padded);
    if (job->threshold > 0)
        for (long i = 0; i < padded; i++)
            if (fabsf(floats[i]) >= job->threshold) floats[i] = 0;
    v16i most = {0};
    for (long i = 0; i < padded; i += LANES) {
        v16i size = *(v16i *)(floats + i) & 0x7fffffff, more = size > most;
        most = (more & size) | (~more & most);
    }
    int32_t top = 0;
    for (int lane = 0; lane < LANES; lane++) top = most[lane] > top ? most[lane] : top;
    float largest;
    memcpy(&largest, &top, 4);
    float factor = largest == 0 ? 0 : 127.0f / largest;
    job->steps[row] = largest / 127.0f;
    for (long i = 0; i < padded; i += LANES) {
#if defined(__AVX512F__)
        __m128i bytes = _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(floats + i), _mm512_set1_ps(factor))));
        _mm_storeu_si128((__m128i *)(codes + code_at(job, row, i)), _mm_xor_si128(bytes, _mm_set1_epi8((char)job->flip)));
#else
        for (int lane = 0; lane < LANES; lane++) {
            float code = rintf(floats[i + lane] * factor);
            codes[code_at(job, row, i) + lane] = (int8_t)((code == code ? (int)code : 0) ^ job->flip);
        }
#endif
    }
    for (long i = 0; i < job->aparts; i++) codes[code_at(job, row, job->apart[i])] = (int8_t)job->flip;
}

static void quantize_rows(void *given) {
    struct job *job = given;
    float *floats = scratch(1, 4 * job->padded);
    for (long row; (row = next_unit(&job->taken, job->rows)) >= 0;) quantize_row(job, row, floats);
}

/* Sums of a row with a block of 16 outputs -> 16 numbers of the result. */
INLINE void finish(const struct job *job, long row, long block, v16i sums) {
    long first = block * LANES;
    int count = job->outputs - first < LANES ? (int)(job->outputs - first) : LANES;
    v16 scales = *(const v16 *)(job->scales + first), values = __builtin_convertvector(sums, v16) * job->steps[row] * scales;
    for (long i = 0; i < job->aparts; i++) {
        long column = job->apart[i];
        v16i quads = *(const v16i *)(job->blocks + block * LANES * job->padded + column / 4 * 64);
        v16i weights = quads << (24 - 8 * (column & 3)) >> 24;
        values += load1(job->x, job->x_format, row * job->inputs + column) * (__builtin_convertvector(weights, v16) * scales);
    }
    if (job->bias) values += load_part(job->bias, job->bias_format, first, count);
    store(job->out, job->x_format, row * job->outputs + first, values, count);
}

/* `rows` rows with `count` blocks, both known when compiled, so that all sums stay in registers. */
INLINE void strip(const struct job *job, long row, int rows, long block, int count) {
    long padded = job->padded, stride = LANES * padded;
    const int8_t *weights = job->blocks + block * stride, *codes = job->codes + row * padded;
    v16i sums[WIDE_ROWS][4];
    for (int b = 0; b < count; b++)
        for (int r = 0; r < rows; r++) {
            sums[r][b] = (v16i){0};
            if (UNSIGNED_ROWS) sums[r][b] = *(const v16i *)(job->sums + (block + b) * LANES) * -128;
        }
    for (long k = 0; k < padded; k += 4)
#pragma GCC unroll 4
        for (int b = 0; b < count; b++)
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++) {
                int32_t four;
                memcpy(&four, codes + r * padded + k, 4);
                if (r == 0 && rows <= 4) __builtin_prefetch(weights + b * stride + k * LANES + AHEAD);
                sums[r][b] = dot(sums[r][b], four, weights + b * stride + k * LANES);
            }
    for (int b = 0; b < count; b++)
        for (int r = 0; r < rows; r++) finish(job, row + r, block + b, sums[r][b]);
}

static void strips(const struct job *job, long row, int rows, long block, int count) {
#define STRIP(r, b) \
    if (rows == r && count == b) return strip(job, row, r, block, b);
    STRIP(1, 4) STRIP(1, 1) STRIP(2, 1) STRIP(3, 1) STRIP(4, 1) STRIP(2, 2)
#if WIDE_ROWS == 8
    STRIP(2, 4) STRIP(3, 4) STRIP(4, 4) STRIP(5, 2) STRIP(6, 2) STRIP(7, 2) STRIP(8, 2)
    STRIP(5, 1) STRIP(6, 1) STRIP(7, 1) STRIP(8, 1)
#endif
}

/* How many blocks go with so many rows at a time. */
INLINE int blocks_for(int rows) {
    if (WIDE_ROWS == 8) return rows <= 4 ? 4 : 2;
    return rows == 1 ? 4 : rows == 2 ? 2 : 1;
}

static void by_vectors(void *given) {
    struct job *job = given;
    long blocks = (job->outputs + LANES - 1) / LANES;
    for (long unit; (unit = next_unit(&job->taken, (blocks + 3) / 4)) >= 0;)
        for (long row = 0; row < job->rows; row += WIDE_ROWS) {
            int rows = job->rows - row < WIDE_ROWS ? (int)(job->rows - row) : WIDE_ROWS;
            long end = unit * 4 + 4 < blocks ? unit * 4 + 4 : blocks, block = unit * 4;
            for (int count; block < end; block += count) {
                count = end - block >= blocks_for(rows) ? blocks_for(rows) : 1;
                strips(job, row, rows, block, count);
            }
        }
}

#if TILED
#define NEAR (1 << 20) /* bytes of weights that stay near the core while rows pass by */

/* 32 rows with 32 outputs. */
INLINE void tile_strip(const int8_t *codes, const int8_t *left, const int8_t *right, long columns, int both, int32_t (*sums)[256]) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (long k = 0; k < columns; k += 64) {
        _tile_loadd(4, codes + k * 32, 64);
        _tile_loadd(6, left + k * LANES, 64);
        _tile_dpbssd(0, 4, 6);
        _tile_loadd(7, right + k * LANES, 64);
        _tile_dpbssd(1, 4, 7);
        if (both) {
            _tile_loadd(5, codes + k * 32 + 1024, 64);
            _tile_dpbssd(2, 5, 6);
            _tile_dpbssd(3, 5, 7);
        }
    }
    _tile_stored(0, sums[0], 64);
    _tile_stored(1, sums[1], 64);
    _tile_stored(2, sums[2], 64);
    _tile_stored(3, sums[3], 64);
}

/* `rows` of the 32 rows and 16 or 32 outputs whose sums are given. */
static void finish_tiles(const struct job *job, long row, long rows, long block, int pair, int32_t (*sums)[256]) {
    long first = block * LANES;
    if (job->aparts || first + (pair + 1) * LANES > job->outputs) {
        for (long r = 0; r < rows; r++)
            for (int b = 0; b <= pair; b++) finish(job, row + r, block + b, *(v16i *)(sums[r / 16 * 2 + b] + r % 16 * 16));
        return;
    }
    v16 scales[2], biases[2] = {{0}};
    for (int b = 0; b <= pair; b++) {
        scales[b] = *(const v16 *)(job->scales + first + b * LANES);
        if (job->bias) biases[b] = load16(job->bias, job->bias_format, first + b * LANES);
    }
#define STORE(FORMAT) \
    for (long r = 0; r < rows; r++) \
        for (int b = 0; b <= pair; b++) { \
            v16 values = __builtin_convertvector(*(v16i *)(sums[r / 16 * 2 + b] + r % 16 * 16), v16); \
            values = values * job->steps[row + r] * scales[b] + biases[b]; \
            store(job->out, FORMAT, (row + r) * job->outputs + first + b * LANES, values, LANES); \
        }
    if (job->x_format == F32) STORE(F32)
    else if (job->x_format == BF16) STORE(BF16)
    else STORE(F16)
}

/* Some rows, 32 at a time, with some pairs of blocks; results of a row are neighbours. */
static void tile_unit(const struct job *job, long first, long last, long pair, long pairs) {
    long padded = job->padded, blocks = (job->outputs + LANES - 1) / LANES, bytes = job->x_format == F32 ? 4 : 2;
    int32_t sums[4][256] __attribute__((aligned(64)));
    for (long row = first; row < last; row += 32)
        for (long block = 2 * pair; block < 2 * (pair + pairs) && block < blocks; block += 2) {
            const int8_t *left = job->blocks + block * LANES * padded;
            int two = block + 1 < blocks;
            long rows = last - row < 32 ? last - row : 32;
            for (long r = row; r < row + rows; r++) { /* while the products are computed */
                char *out = (char *)job->out + (r * job->outputs + block * LANES) * bytes;
                __builtin_prefetch(out, 1);
                __builtin_prefetch(out + 32 * bytes - 1, 1);
            }
            tile_strip(job->codes + code_at(job, row, 0), left, two ? left + LANES * padded : left, padded, rows > 16, sums);
            finish_tiles(job, row, rows, block, two, sums);
        }
}

static void by_tiles(void *given) {
    struct job *job = given;
    struct tiles before;
    use_tiles(&before);
    long pairs = (job->outputs + 2 * LANES - 1) / (2 * LANES), units = (pairs + job->pairs - 1) / job->pairs;
    for (long unit; (unit = next_unit(&job->taken, units * job->row_units)) >= 0;) {
        long first = unit / units * job->unit_rows, last = first + job->unit_rows, pair = unit % units * job->pairs;
        tile_unit(job, first, last < job->rows ? last : job->rows, pair, pairs - pair < job->pairs ? pairs - pair : job->pairs);
    }
    restore_tiles(&before);
}
#endif

/* The columns in which any row reaches the threshold -> their number. */
static long find_apart(struct job *job, int32_t *apart) {
    uint8_t *above = scratch(2, job->inputs);
    if (!above) return -1;
    memset(above, 0, job->inputs);
    for (long row = 0; row < job->rows; row++)
        for (long i = 0; i < job->inputs; i++)
            above[i] |= fabsf(load1(job->x, job->x_format, row * job->inputs + i)) >= job->threshold;
    long count = 0;
    for (long i = 0; i < job->inputs; i++)
        if (above[i]) apart[count++] = (int32_t)i;
    return count;
}

/* out (rows, outputs) = x (rows, inputs) @ weight.T + bias, both in the format of x; `tiles`: by AMX. 0, or 1: no memory. */
EXPORT int int8_linear(const void *x, int x_format, long rows, long inputs, long padded, float threshold, const int8_t *blocks,
                       const float *scales, const int32_t *sums, long outputs, const void *bias, int bias_format, void *out,
                       int threads, int tiles) {
    tiles = tiles && TILED;
    long filled = tiles ? (rows + 31) / 32 * 32 : rows;
    size_t wanted = filled * padded + 4 * filled + 64 + (threshold > 0 ? 4 * inputs : 0);
    int8_t *memory = scratch(0, wanted);
    if (!memory || !scratch(1, 4 * padded)) return 1;
    struct job job = {.x = x, .x_format = x_format, .rows = rows, .inputs = inputs, .padded = padded, .threshold = threshold,
                      .codes = memory, .steps = (float *)(memory + filled * padded), .blocks = blocks, .scales = scales,
                      .sums = sums, .outputs = outputs, .bias = bias, .bias_format = bias_format, .out = out,
                      .flip = UNSIGNED_ROWS && !tiles ? 0x80 : 0, .tiles = tiles};
    if (threshold > 0) {
        int32_t *apart = (int32_t *)(job.steps + filled);
        job.aparts = find_apart(&job, apart);
        if (job.aparts < 0) return 1;
        job.apart = apart;
    }
    if (filled > rows) memset(job.codes + rows / 32 * 32 * padded, 0, (filled - rows / 32 * 32) * padded);
    if (rows * inputs < 65536) quantize_rows(&job);
    else in_team(quantize_rows, &job, threads);
    job.taken = 0;
#if TILED
    if (tiles) {
        long pairs = (outputs + 2 * LANES - 1) / (2 * LANES), near = NEAR / (32 * padded);
        job.pairs = near < 4 ? 4 : near < pairs ? near : pairs;
        job.unit_rows = 256;
        if (threads > 1 && rows <= 1024) job.unit_rows = 64;
        if (threads > 1 && rows <= 64) job.pairs = (pairs + 4 * threads - 1) / (4 * threads);
        job.row_units = (rows + job.unit_rows - 1) / job.unit_rows;
        in_team(by_tiles, &job, threads);
        return 0;
    }
#endif
    in_team(by_vectors, &job, outputs * padded < 65536 ? 1 : threads);
    return 0;
}
