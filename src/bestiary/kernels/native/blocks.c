#include "blocks.h"

#define AHEAD 2048 /* bytes that are asked for before they are needed */

typedef uint8_t u8x32 __attribute__((vector_size(32), aligned(1), may_alias));
typedef uint64_t u64x4 __attribute__((vector_size(32), aligned(1), may_alias));

INLINE u8x32 bytes32(const uint8_t *from) { return *(const u8x32 *)from; }
INLINE u8x16 bytes16(const uint8_t *from) { return *(const u8x16 *)from; }
INLINE void put32(uint8_t *to, u8x32 bytes) { *(u8x32 *)to = bytes; }

INLINE float half_at(const uint8_t *from) {
    uint16_t half;
    memcpy(&half, from, 2);
    return half_to_float(half);
}

INLINE uint32_t word_at(const uint8_t *from) {
    uint32_t word;
    memcpy(&word, from, 4);
    return word;
}

INLINE v16 as_numbers(u8x16 bytes) { return __builtin_convertvector(widen_bytes(bytes), v16); }
INLINE v16 signed_numbers(u8x16 bytes) { return __builtin_convertvector(widen_bytes(bytes) << 24 >> 24, v16); }

/* Eight bytes, each twice. */
INLINE u8x16 twice(uint32_t low, uint32_t high) {
    uint64_t eight = low | (uint64_t)high << 32;
#if defined(__x86_64__)
    __m128i bytes = _mm_cvtsi64_si128((int64_t)eight);
    return (u8x16)_mm_unpacklo_epi8(bytes, bytes);
#else
    u8x16 bytes;
    for (int i = 0; i < 16; i++) bytes[i] = eight >> i / 2 * 8 & 255;
    return bytes;
#endif
}

/* Eight numbers in 16 bits, each twice. */
INLINE v16 eight_twice(uint64_t low, uint64_t high) {
#if defined(__AVX512F__)
    __m512 eight = _mm512_castps256_ps512(_mm256_cvtph_ps(_mm_set_epi64x((int64_t)high, (int64_t)low)));
    return (v16)_mm512_permutexvar_ps(_mm512_set_epi32(7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0), eight);
#else
    v16 values;
    for (int i = 0; i < 8; i++) values[2 * i] = values[2 * i + 1] = half_to_float((i < 4 ? low : high) >> i % 4 * 16 & 0xffff);
    return values;
#endif
}

INLINE uint64_t half_bits(const uint8_t *from) {
    uint16_t half;
    memcpy(&half, from, 2);
    return half;
}

/* Kinds of 32 numbers in a block, eight of which make a chunk: CODES puts those of one, MINIMA are made of the scales and of the
   second number in 16 bits. */
#define BLOCKS_OF_32(NAME, BYTES, CODES, MINIMA) \
    static void NAME(const uint8_t *raw, long blocks, struct chunk *out) { \
        for (; blocks > 0; blocks -= 8, out++) { \
            uint64_t first[2] = {0}, other[2] = {0}; \
            _Pragma("GCC unroll 8") for (int part = 0; part < 8; part++) { \
                uint8_t *codes = out->codes + 32 * part; \
                if (part >= blocks) { \
                    memset(codes, 0, 32); \
                    continue; \
                } \
                __builtin_prefetch(raw + AHEAD); \
                first[part / 4] |= half_bits(raw) << part % 4 * 16; \
                other[part / 4] |= half_bits(raw + 2) << part % 4 * 16; \
                put32(codes, CODES); \
                raw += BYTES; \
            } \
            v16 scales = eight_twice(first[0], first[1]), seconds = eight_twice(other[0], other[1]); \
            *(v16 *)out->scales = scales; \
            *(v16 *)out->minima = MINIMA; \
            (void)seconds; \
        } \
    }

/* Low and high halves of 16 bytes: the first and the last 16 numbers. */
INLINE u8x32 nibbles(const uint8_t *from) {
#if defined(__AVX2__)
    __m128i bytes = _mm_loadu_si128((const __m128i *)from);
    __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(bytes), _mm_srli_epi16(bytes, 4), 1);
    return (u8x32)_mm256_and_si256(both, _mm256_set1_epi8(15));
#else
    u8x32 both;
    for (int i = 0; i < 16; i++) both[i] = from[i] & 15, both[16 + i] = from[i] >> 4;
    return both;
#endif
}

/* 16 at those of 32 places whose bit in four bytes is set. */
INLINE u8x32 fifth(const uint8_t *from) {
#if defined(__AVX512BW__) && defined(__AVX512VL__)
    return (u8x32)_mm256_maskz_set1_epi8(word_at(from), 16);
#else
    const uint64_t each = 0x8040201008040201, ones = 0x0101010101010101, sevens = 0x7f7f7f7f7f7f7f7f;
    u64x4 spread = (u64x4){from[0] * ones, from[1] * ones, from[2] * ones, from[3] * ones} & each;
    return (u8x32)(((spread + sevens) | spread) >> 3 & 0x1010101010101010); /* no byte carries into the next */
#endif
}

static const uint8_t IQ4[16] = {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241}; /* + 128 */

INLINE u8x32 of_table(const uint8_t *from) {
    u8x32 places = nibbles(from), codes;
#if defined(__AVX2__)
    codes = (u8x32)_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)IQ4)), (__m256i)places);
#else
    for (int i = 0; i < 32; i++) codes[i] = IQ4[places[i]];
#endif
    return codes;
}

/* A scale in 16 bits; 16 bytes. */
BLOCKS_OF_32(q4_0, 18, nibbles(raw + 2), scales * 8)

/* Scale and minimum; 16 bytes. */
BLOCKS_OF_32(q4_1, 20, nibbles(raw + 4), -seconds)

/* A scale; the fifth bits of all; 16 bytes. */
BLOCKS_OF_32(q5_0, 22, nibbles(raw + 6) | fifth(raw + 2), scales * 16)

/* Scale and minimum; the fifth bits; 16 bytes. */
BLOCKS_OF_32(q5_1, 24, nibbles(raw + 8) | fifth(raw + 4), -seconds)

/* A scale; 32 numbers with a sign. */
BLOCKS_OF_32(q8_0, 34, bytes32(raw + 2) ^ 128, scales * 128)

/* A scale; 16 bytes of places in a table. */
BLOCKS_OF_32(iq4_nl, 18, of_table(raw + 2), scales * 128)

#define BLOCKS_OF_256(NAME, BYTES, BODY) \
    static void NAME(const uint8_t *raw, long blocks, struct chunk *out) { \
        for (; blocks > 0; blocks--, out++, raw += BYTES) { \
            for (long line = 0; line < BYTES; line += 64) __builtin_prefetch(raw + AHEAD + line); \
            uint8_t *codes = out->codes; \
            v16 *scales = (v16 *)out->scales, *minima = (v16 *)out->minima; \
            BODY \
        } \
    }

/* 16 bytes, each a scale and a minimum; two bits of each number; what scales and minima are multiplied by. */
BLOCKS_OF_256(q2_k, 84, {
    for (int i = 0; i < 8; i++) put32(codes + 32 * i, bytes32(raw + 16 + i / 4 * 32) >> i % 4 * 2 & 3);
    *scales = as_numbers(bytes16(raw) & 15) * half_at(raw + 80);
    *minima = as_numbers(bytes16(raw) >> 4) * half_at(raw + 82);
})

/* The third bits; two bits of each number; 16 scales of six bits; a scale of these. */
BLOCKS_OF_256(q3_k, 110, {
    for (int i = 0; i < 8; i++)
        put32(codes + 32 * i, (bytes32(raw + 32 + i / 4 * 32) >> i % 4 * 2 & 3) | (bytes32(raw) >> i & 1) << 2);
    uint32_t first = word_at(raw + 96);
    uint32_t second = word_at(raw + 100);
    uint32_t upper = word_at(raw + 104);
    uint32_t six[4];
    six[0] = (first & 0x0f0f0f0f) | (upper << 4 & 0x30303030);
    six[1] = (second & 0x0f0f0f0f) | (upper << 2 & 0x30303030);
    six[2] = (first >> 4 & 0x0f0f0f0f) | (upper & 0x30303030);
    six[3] = (second >> 4 & 0x0f0f0f0f) | (upper >> 2 & 0x30303030);
    *scales = (as_numbers(bytes16((const uint8_t *)six)) - 32) * half_at(raw + 108);
    *minima = *scales * 4;
})

/* Eight scales and eight minima of six bits out of 12 bytes: the first four of both whole, the others in two parts. */
INLINE void set_sixes(const uint8_t *raw, v16 *scales, v16 *minima) {
    uint32_t first = word_at(raw + 4), second = word_at(raw + 8), third = word_at(raw + 12);
    uint32_t others = (third & 0x0f0f0f0f) | (first >> 2 & 0x30303030);
    uint32_t lower = (third >> 4 & 0x0f0f0f0f) | (second >> 2 & 0x30303030);
    *scales = as_numbers(twice(first & 0x3f3f3f3f, others)) * half_at(raw);
    *minima = as_numbers(twice(second & 0x3f3f3f3f, lower)) * half_at(raw + 2);
}

/* A scale of scales and one of minima; scales and minima; four bits of each number. */
BLOCKS_OF_256(q4_k, 144, {
    for (int i = 0; i < 4; i++) {
        u8x32 bytes = bytes32(raw + 16 + 32 * i);
        put32(codes + 64 * i, bytes & 15);
        put32(codes + 64 * i + 32, bytes >> 4);
    }
    set_sixes(raw, scales, minima);
})

/* As q4_k, the fifth bits before the four. */
BLOCKS_OF_256(q5_k, 176, {
    u8x32 upper = bytes32(raw + 16);
    for (int i = 0; i < 4; i++) {
        u8x32 bytes = bytes32(raw + 48 + 32 * i);
        put32(codes + 64 * i, (bytes & 15) | (upper >> 2 * i & 1) << 4);
        put32(codes + 64 * i + 32, bytes >> 4 | (upper >> (2 * i + 1) & 1) << 4);
    }
    set_sixes(raw, scales, minima);
})

/* Four bits of each number; two bits of each; 16 scales with a sign; a scale of these. */
BLOCKS_OF_256(q6_k, 210, {
    for (int i = 0; i < 2; i++) {
        u8x32 first = bytes32(raw + 64 * i);
        u8x32 second = bytes32(raw + 64 * i + 32);
        u8x32 upper = bytes32(raw + 128 + 32 * i);
        put32(codes + 128 * i, (first & 15) | (upper & 3) << 4);
        put32(codes + 128 * i + 32, (second & 15) | (upper >> 2 & 3) << 4);
        put32(codes + 128 * i + 64, first >> 4 | (upper >> 4 & 3) << 4);
        put32(codes + 128 * i + 96, second >> 4 | upper >> 6 << 4);
    }
    *scales = signed_numbers(bytes16(raw + 192)) * half_at(raw + 208);
    *minima = *scales * 32;
})

unpack_blocks *unpacker(int kind, long *numbers, long *bytes) {
#define KIND(NAME, NUMBERS, BYTES, FUNCTION) \
    case NAME: \
        *numbers = NUMBERS, *bytes = BYTES; \
        return FUNCTION;
    switch (kind) {
        KIND(Q4_0, 32, 18, q4_0)
        KIND(Q4_1, 32, 20, q4_1)
        KIND(Q5_0, 32, 22, q5_0)
        KIND(Q5_1, 32, 24, q5_1)
        KIND(Q8_0, 32, 34, q8_0)
        KIND(IQ4_NL, 32, 18, iq4_nl)
        KIND(Q2_K, 256, 84, q2_k)
        KIND(Q3_K, 256, 110, q3_k)
        KIND(Q4_K, 256, 144, q4_k)
        KIND(Q5_K, 256, 176, q5_k)
        KIND(Q6_K, 256, 210, q6_k)
        default:
            return NULL;
    }
}
