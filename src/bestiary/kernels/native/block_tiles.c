/* Products of many rows with the blocks of GGUF files by AMX. */
#include "blocks.h"
#include "tiles.h"

#if TILED
/* As `struct tiled` wants it, an output in a line. */
static void unpack(const void *weights, long output, long from, long to, uint16_t *upper, uint16_t *lower) {
    const struct job *job = weights;
    struct chunk chunks[PIECE];
    for (long o = output; o < output + 32 && o < job->outputs; o++) {
        unpack_piece(job, o, from / CHUNK, chunks);
        uint16_t *to_upper = upper + (o - output) * 32, *to_lower = lower + (o - output) * 32;
        for (long k = 0; k < to - from; k += LANES) {
            v16 values = numbers(chunks + k / CHUNK, k % CHUNK / LANES);
            v16h near = (v16h)_mm512_cvtneps_pbh((__m512)values);
            long at = k / 32 * 1024 + k % 32;
            *(v16h *)(to_upper + at) = near;
            if (lower) *(v16h *)(to_lower + at) = (v16h)_mm512_cvtneps_pbh((__m512)(values - as_floats(widen(near) << 16)));
        }
    }
}

int many_rows(struct job *job, int threads) {
    struct tiled product = {.x = job->x, .x_format = job->x_format, .rows = job->rows, .inputs = job->inputs,
                            .outputs = job->outputs, .bias = job->bias, .bias_format = job->bias_format, .out = job->out,
                            .by_outputs = 1, .exact = job->x_format != BF16, .weights = job, .unpack = unpack};
    return tiled_product(&product, threads);
}
#else
int many_rows(struct job *job, int threads) { return job == NULL || threads < 0 ? 1 : -1; }
#endif
