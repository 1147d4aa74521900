/* Products with the blocks of GGUF files as these lie in the file, row after row.

   With few rows x is brought to whole numbers, so that codes meet it in integers: each 32 numbers of x are multiples of a power of
   two, in three bytes where x is float32 (as exact as float32 itself), in two where it has 16 bits. */
#include "blocks.h"

#define MOST_ROWS 4
/* Sums of four products each of 64 codes with 64 numbers of one byte. */
INLINE v16i dot64(const uint8_t *codes, const int8_t *x) {
#if defined(__AVX512F__) && defined(__AVX512VNNI__)
    return (v16i)_mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_loadu_si512(codes), _mm512_loadu_si512(x));
#elif defined(__AVX2__)
    v16i sums;
    for (int half = 0; half < 2; half++) {
        __m256i weights = _mm256_loadu_si256((const __m256i *)(codes + 32 * half)), numbers = _mm256_loadu_si256((const __m256i *)(x + 32 * half));
#if defined(__AVXVNNI__)
        __m256i found = _mm256_dpbusd_avx_epi32(_mm256_setzero_si256(), weights, numbers);
#else   /* even and odd bytes apart: sums of two products of bytes may not fit 16 bits */
        __m256i even = _mm256_mullo_epi16(_mm256_and_si256(weights, _mm256_set1_epi16(255)), _mm256_srai_epi16(_mm256_slli_epi16(numbers, 8), 8));
        __m256i odd = _mm256_mullo_epi16(_mm256_srli_epi16(weights, 8), _mm256_srai_epi16(numbers, 8)), ones = _mm256_set1_epi16(1);
        __m256i found = _mm256_add_epi32(_mm256_madd_epi16(even, ones), _mm256_madd_epi16(odd, ones));
#endif
        memcpy((char *)&sums + 32 * half, &found, 32);
    }
    return sums;
#else
    v16i sums;
    for (int lane = 0; lane < LANES; lane++) {
        const uint8_t *c = codes + 4 * lane;
        const int8_t *n = x + 4 * lane;
        sums[lane] = c[0] * n[0] + c[1] * n[1] + c[2] * n[2] + c[3] * n[3];
    }
    return sums;
#endif
}

/* Four of 16 numbers, each four times. */
INLINE v16 four_times(const float *scales, int quarter) {
#if defined(__AVX512F__)
    __m512 four = _mm512_castps128_ps512(_mm_loadu_ps(scales + 4 * quarter));
    return (v16)_mm512_permutexvar_ps(_mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0), four);
#else
    v16 values;
    for (int lane = 0; lane < LANES; lane++) values[lane] = scales[4 * quarter + lane / 4];
    return values;
#endif
}

/* One chunk of a weight with one of a row. */
INLINE v16 multiply(const struct job *job, const struct chunk *chunk, long row, long at, int parts, v16 total) {
    long padded = job->chunks * CHUNK;
    const int8_t *x = job->codes + row * parts * padded + at * CHUNK;
    const float *steps = job->steps + (row * job->chunks + at) * 64;
#pragma GCC unroll 4
    for (int quarter = 0; quarter < 4; quarter++) {
        const uint8_t *codes = chunk->codes + 64 * quarter;
        v16i high = dot64(codes, x + 64 * quarter), next = dot64(codes, x + padded + 64 * quarter);
        v16 values = __builtin_convertvector((high << 8) + next, v16);
        if (parts == 3)
            values = values * 256 + __builtin_convertvector(dot64(codes, x + 2 * padded + 64 * quarter), v16);
        total += values * (four_times(chunk->scales, quarter) * *(const v16 *)(steps + 16 * quarter));
    }
    return total - *(const v16 *)chunk->minima * *(const v16 *)(job->sums + (row * job->chunks + at) * 16);
}

INLINE void strip(const struct job *job, long row, int rows, long output, int parts) {
    struct chunk chunks[PIECE];
    v16 totals[MOST_ROWS] = {{0}};
    for (long first = 0; first < job->chunks; first += PIECE) {
        long count = chunk_count(job, first);
        unpack_piece(job, output, first, chunks);
        for (long c = 0; c < count; c++)
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++) totals[r] = multiply(job, chunks + c, row + r, first + c, parts, totals[r]);
    }
    for (int r = 0; r < rows; r++) {
        v16 value = fill(sum_of(totals[r]));
        if (job->bias) value += fill(load1(job->bias, job->bias_format, output));
        store(job->out, job->out_format, (row + r) * job->outputs + output, value, 1);
    }
}

#define OUTPUTS 16 /* of a unit of work */

static void by_vectors(void *given) {
    struct job *job = given;
    for (long unit; (unit = next_unit(&job->taken, (job->outputs + OUTPUTS - 1) / OUTPUTS)) >= 0;)
        for (long row = 0; row < job->rows; row += MOST_ROWS) {
            long end = (unit + 1) * OUTPUTS < job->outputs ? (unit + 1) * OUTPUTS : job->outputs, left = job->rows - row;
            for (long output = unit * OUTPUTS; output < end; output++) {
#define STRIP(ROWS, PARTS) \
    if ((left == ROWS || (ROWS == MOST_ROWS && left > ROWS)) && job->parts == PARTS) strip(job, row, ROWS, output, PARTS);
                STRIP(1, 2) STRIP(2, 2) STRIP(3, 2) STRIP(4, 2)
                STRIP(1, 3) STRIP(2, 3) STRIP(3, 3) STRIP(4, 3)
            }
        }
}

/* Rows of x as bytes. The steps of 32 numbers that are not all finite are none, and so is what they are multiplied with. */
static void split_rows(void *given) {
    struct job *job = given;
    long padded = job->chunks * CHUNK;
    int parts = job->parts;
    for (long row; (row = next_unit(&job->taken, job->rows)) >= 0;) {
        int8_t *codes = job->codes + row * parts * padded;
        float *floats = scratch(1, 4 * padded);
        to_floats(floats, job->x, job->x_format, row * job->inputs, job->inputs, padded);
        for (long k = 0; k < padded; k += 32) {
            v16i first = as_bits(*(v16 *)(floats + k)) & 0x7fffffff, second = as_bits(*(v16 *)(floats + k + 16)) & 0x7fffffff;
            v16i more = first > second, most = (more & first) | (~more & second);
            int32_t top = 0;
            for (int lane = 0; lane < LANES; lane++) top = most[lane] > top ? most[lane] : top;
            int exponent = top >> 23, bits = 8 * parts - 3; /* 2**(exponent - 127) <= largest < 2**(exponent - 126) */
            int lost = exponent == 255, kept = lost ? 0 : -1;
            exponent = exponent < 30 || lost ? 30 : exponent;
            float factor = ldexpf(1, bits - (exponent - 127)), step = lost ? NAN : ldexpf(1, exponent - 127 - bits);
            for (int half = 0; half < 2; half++) {
                v16 scaled = *(v16 *)(floats + k + 16 * half) * factor;
                /* whole numbers, to nearest and even: at most 2**22, to which so large a number leaves no fraction */
                v16i whole = (as_bits(scaled + 0x1.8p23f) - as_bits(fill(0x1.8p23f))) & kept;
                int32_t sum = 0;
                for (int lane = 0; lane < LANES; lane++) sum += whole[lane];
                job->sums[(row * padded + k + 16 * half) / 16] = sum * step;
                for (int part = parts - 1; part >= 0; part--) {
                    *(u8x16 *)(codes + part * padded + k + 16 * half) = lowest_bytes(whole);
                    whole = (whole - (whole << 24 >> 24)) >> 8;
                }
            }
            for (int i = 0; i < 8; i++) job->steps[(row * padded + k) / 4 + i] = step;
        }
    }
}

static int few_rows(struct job *job, int threads) {
    long padded = job->chunks * CHUNK;
    char *memory = scratch(0, job->rows * (padded * job->parts + padded + padded / 4));
    if (!memory || !scratch(1, 4 * padded)) return 1;
    job->steps = (float *)memory;
    job->sums = job->steps + job->rows * padded / 4;
    job->codes = (int8_t *)(job->sums + job->rows * padded / 16);
    if (job->rows * job->inputs < 65536) split_rows(job);
    else in_team(split_rows, job, threads);
    job->taken = 0;
    in_team(by_vectors, job, job->outputs * job->inputs < 65536 ? 1 : threads);
    return 0;
}

static void write_out(void *given) {
    struct job *job = given;
    struct chunk chunks[PIECE];
    for (long output; (output = next_unit(&job->taken, job->outputs)) >= 0;)
        for (long first = 0; first < job->chunks; first += PIECE) {
            unpack_piece(job, output, first, chunks);
            long last = (first + PIECE) * CHUNK < job->inputs ? (first + PIECE) * CHUNK : job->inputs;
            for (long k = first * CHUNK; k < last; k += LANES)
                store(job->out, job->out_format, output * job->inputs + k, numbers(chunks + (k / CHUNK - first), k % CHUNK / LANES), LANES);
        }
}

static int find_blocks(struct job *job, int kind) {
    long numbers = 1;
    job->unpack = unpacker(kind, &numbers, &job->block_bytes);
    job->blocks_in_row = job->inputs / numbers;
    job->blocks_in_chunk = CHUNK / numbers;
    return job->unpack && job->inputs % numbers == 0;
}

/* out (rows, outputs) = x (rows, inputs) @ weight.T + bias, both in the format of x; `tiles`: by AMX. 0; 1: no memory; 2: no such
   kind, or rows are no whole number of its blocks. */
EXPORT int block_linear(const void *x, int x_format, long rows, long inputs, const uint8_t *blocks, int kind, long outputs,
                        const void *bias, int bias_format, void *out, int threads, int tiles) {
    struct job job = {.x = x, .x_format = x_format, .parts = x_format == F32 ? 3 : 2, .rows = rows, .inputs = inputs,
                      .chunks = (inputs + CHUNK - 1) / CHUNK, .blocks = blocks, .outputs = outputs, .bias = bias,
                      .bias_format = bias_format, .out = out, .out_format = x_format};
    if (!find_blocks(&job, kind)) return 2;
    int failed = tiles ? many_rows(&job, threads) : -1;
    return failed < 0 ? few_rows(&job, threads) : failed;
}

/* The weight (outputs, inputs) in a format. 0, or 2 as above. */
EXPORT int block_dequantize(long inputs, const uint8_t *blocks, int kind, long outputs, void *out, int out_format, int threads) {
    struct job job = {.inputs = inputs, .chunks = (inputs + CHUNK - 1) / CHUNK, .blocks = blocks, .outputs = outputs, .out = out,
                      .out_format = out_format};
    if (!find_blocks(&job, kind)) return 2;
    in_team(write_out, &job, outputs * inputs < 65536 ? 1 : threads);
    return 0;
}
