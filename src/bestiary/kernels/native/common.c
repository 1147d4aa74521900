#include "common.h"
#if defined(__linux__)
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

static void (*parallel)(void (*)(void *), void *, unsigned, unsigned);

/* GOMP_parallel of the OpenMP library that torch has loaded: there is one pool of threads. */
EXPORT void use_team(void *gomp_parallel) { *(void **)&parallel = gomp_parallel; }

void in_team(void (*work)(void *), void *job, int threads) {
    if (threads > 1 && parallel) parallel(work, job, (unsigned)threads, 0);
    else work(job);
}

#define SLOTS 4
static __thread struct {
    void *memory;
    size_t bytes;
} held[SLOTS];

void *scratch(int slot, size_t bytes) {
    if (held[slot].bytes < bytes) {
        free(held[slot].memory);
        held[slot].bytes = 0;
        if (posix_memalign(&held[slot].memory, 64, bytes + 64)) return held[slot].memory = NULL;
        held[slot].bytes = bytes;
    }
    return held[slot].memory;
}

/* Ask for large pages where fresh memory begins: a product reads all of it, and page tables cost a fifteenth of its time. */
EXPORT void use_large_pages(char *memory, size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    size_t page = 4096, first = ((size_t)memory + page - 1) / page * page, end = ((size_t)memory + bytes) / page * page;
    if (end > first) madvise((void *)first, end - first, MADV_HUGEPAGE);
#else
    (void)memory, (void)bytes;
#endif
}

/* What the kernels were compiled for, and, of AMX, whether the system lets this process use it. */
EXPORT const char *compiled_for(void) {
#if defined(__AVX512F__) && defined(__AVX512VNNI__)
    return "AVX512-VNNI";
#elif defined(__AVX512F__)
    return "AVX512";
#elif defined(__AVXVNNI__)
    return "AVX-VNNI";
#elif defined(__AVX2__)
    return "AVX2";
#elif defined(__ARM_NEON)
    return "NEON";
#else
    return "plain C";
#endif
}

EXPORT int amx(void) {
#if defined(__AMX_INT8__) && defined(__AMX_BF16__) && defined(__AVX512F__) && defined(__linux__)
    return syscall(SYS_arch_prctl, 0x1023 /* ARCH_REQ_XCOMP_PERM */, 18 /* tile data */) == 0;
#else
    return 0;
#endif
}
