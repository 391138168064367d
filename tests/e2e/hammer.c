/* A library to preload: HAMMER_THREADS native threads that allocate and free all the time, so that at any moment some of them
 * hold locks of malloc. HAMMER_REST_US: what each rests between bursts. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { KEPT = 64, BURST = 400 };

static unsigned rest_us;

static void *hammer(void *seed)
{
    unsigned state = (unsigned)(size_t)seed * 2654435761u;
    void *kept[KEPT] = {0};

    for (;;) {
        for (int i = 0; i < BURST; i++) {
            unsigned at = (state = state * 1103515245u + 12345u) >> 16 & (KEPT - 1);

            free(kept[at]);
            kept[at] = malloc(16 + (state >> 8 & 4095));
        }
        usleep(rest_us);
    }
    return NULL;
}

__attribute__((constructor)) static void begin(void)
{
    const char *threads = getenv("HAMMER_THREADS"), *rest = getenv("HAMMER_REST_US");
    long count = threads ? atol(threads) : 24;

    unsetenv("LD_PRELOAD"); /* not in the programs that this one starts */
    rest_us = rest ? (unsigned)atol(rest) : 2000;
    for (long i = 1; i <= count; i++) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, hammer, (void *)i) == 0)
            pthread_detach(thread);
    }
}
