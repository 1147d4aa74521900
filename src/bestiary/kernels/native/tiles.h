/* AMX: tiles of 16 rows with 64 bytes, and products of many rows with weights that become bfloat16 a part at a time. */
#pragma once
#include "common.h"

/* A product. Weights are unpacked for 32 outputs and some inputs at a time, multiples of 32 from the first on, as the outputs and
   inputs that there are none of may be anything: steps of 32 inputs, in each two tiles, of 16 outputs each. A tile has 16 lines
   of 32 numbers: of `by_outputs` a line is an output, else two inputs of 16 outputs, in turn. `lower`: what bfloat16 left of the
   weights, NULL unless `exact`. At most STEPS steps are asked for at once, and there is room for so many. */
#define STEPS 32
struct tiled {
    const void *x;
    int x_format; /* of x and the result */
    long rows, inputs, outputs;
    const void *bias;
    int bias_format, by_outputs;
    int exact; /* whether weights are to be as accurate as float32, not as bfloat16 */
    void *out;
    const void *weights;
    void (*unpack)(const void *weights, long output, long from, long to, uint16_t *upper, uint16_t *lower);
    uint16_t *upper, *lower; /* x, [rows / 32][inputs / 32][2 tiles], in the other order of a tile */
    long steps, taken, row_units, pairs;
    int leaves, failed; /* whether `lower` is not all zeros; whether there was no memory */
};

/* One product of numbers in bfloat16, and for each part that these leave of x or of the weights one more. 0, or 1: no memory; -1:
   this machine has no tiles. */
int tiled_product(struct tiled *job, int threads);

#if defined(__AMX_INT8__) && defined(__AMX_BF16__) && defined(__AVX512BF16__) && defined(__AVX512BW__)
#define TILED 1
/* The configuration of AMX: eight tiles of 16 rows with 64 bytes. */
struct tiles {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} __attribute__((aligned(64)));

/* Other libraries on this thread count on finding their configuration again. */
INLINE void use_tiles(struct tiles *before) {
    struct tiles tiles = {.palette = 1};
    for (int tile = 0; tile < 8; tile++) tiles.bytes[tile] = 64, tiles.rows[tile] = 16;
    _tile_storeconfig(before);
    _tile_loadconfig(&tiles);
}

INLINE void restore_tiles(const struct tiles *before) {
    if (before->palette) _tile_loadconfig(before);
    else _tile_release();
}
#else
#define TILED 0
#endif
