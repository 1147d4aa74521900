/* The blocks of GGUF files, brought to one form: 256 numbers of a row as codes from 0 on, with a scale and a minimum for each 16.

   https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; what each block holds stands at its function. */
#pragma once
#include "common.h"

#define CHUNK 256 /* numbers */

struct chunk {
    uint8_t codes[CHUNK];
    float scales[16], minima[16]; /* number = code * scale - minimum */
} __attribute__((aligned(64)));

/* Types of blocks, numbered as in files. */
enum kind { Q4_0 = 2, Q4_1 = 3, Q5_0 = 6, Q5_1 = 7, Q8_0 = 8, Q2_K = 10, Q3_K = 11, Q4_K = 12, Q5_K = 13, Q6_K = 14, IQ4_NL = 20 };

/* `blocks` blocks, which lie one after another from `raw` on, into chunks; what they do not fill becomes zeros. */
typedef void unpack_blocks(const uint8_t *raw, long blocks, struct chunk *out);

/* How many numbers a block of a kind holds, in how many bytes, and what unpacks it; NULL of a kind that is not here. */
unpack_blocks *unpacker(int kind, long *numbers, long *bytes);

#define PIECE 8 /* chunks of a row that are unpacked at a time */

/* A product with blocks. */
struct job {
    const void *x;
    int x_format, parts; /* bytes of a number of x */
    long rows, inputs, chunks;
    int8_t *codes;      /* (rows, parts, chunks * 256): x, the highest byte first */
    float *steps;       /* (rows, chunks * 64): what the lowest byte counts, for each four inputs */
    float *sums;        /* (rows, chunks * 16): of 16 inputs */
    const uint8_t *blocks;
    unpack_blocks *unpack;
    long blocks_in_row, blocks_in_chunk, block_bytes;
    long outputs;
    const void *bias;
    int bias_format, out_format;
    void *out;
    long taken;
};

INLINE long chunk_count(const struct job *job, long first) { return job->chunks - first < PIECE ? job->chunks - first : PIECE; }

/* Some chunks of a row of the weight from chunk `first` on. */
INLINE void unpack_piece(const struct job *job, long output, long first, struct chunk *chunks) {
    long before = first * job->blocks_in_chunk, left = job->blocks_in_row - before, most = PIECE * job->blocks_in_chunk;
    const uint8_t *raw = job->blocks + (output * job->blocks_in_row + before) * job->block_bytes;
    job->unpack(raw, left < most ? left : most, chunks);
}

/* 16 numbers of a chunk, in the order of operations by which they are defined. */
INLINE v16 numbers(const struct chunk *chunk, int sixteenth) {
    v16 codes = __builtin_convertvector(widen_bytes(*(const u8x16 *)(chunk->codes + 16 * sixteenth)), v16);
    return codes * fill(chunk->scales[sixteenth]) - fill(chunk->minima[sixteenth]);
}

/* A product with many rows by AMX. 0, or 1: no memory; -1: this machine has none. */
int many_rows(struct job *job, int threads);
