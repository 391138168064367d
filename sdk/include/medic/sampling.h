/* Which of many events are looked at closely, with a stack or a message: about so many in a slice of time, each with the number
 * of events for which it stands. Chance decides, not who comes first: sums over these numbers are true, whatever the rhythm
 * of the program. Where first ones are taken beside, they are not offered here, and stand for themselves. */
#ifndef MEDIC_SAMPLING_H
#define MEDIC_SAMPLING_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One for each kind of event; begins with medic_sampler_begin. */
struct medic_sampler {
    uint64_t seen; /* events offered */
    uint64_t due;  /* number of the next to be taken << 6 | shift by which it was chosen */
    uint32_t shift, taken;
    uint32_t patience; /* beyond what is wanted the stride doubles after so many more */
    uint32_t wanted;   /* in a slice */
    uint64_t seen_before;
};

/* The finalizer of MurmurHash3, public domain (Austin Appleby). */
static inline uint64_t medic_mix(uint64_t number)
{
    number = (number ^ number >> 33) * UINT64_C(0xff51afd7ed558ccd);
    number = (number ^ number >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return number ^ number >> 33;
}

/* 1 to 2^(shift+1) - 1 events on, 2^shift in the middle: a stride of its own would run in step with the program. */
static inline uint64_t medic_sampler_next(uint64_t number, uint32_t shift)
{
    return (number + 1 + medic_mix(number) % ((UINT64_C(2) << shift) - 1)) << 6 | shift;
}

/* wanted: in a slice of time, about; a slice in which the rate rises has a few times as many. > 0. */
static inline void medic_sampler_begin(struct medic_sampler *sampler, uint32_t wanted)
{
    sampler->seen = sampler->due = sampler->seen_before = 0;
    sampler->shift = sampler->taken = 0;
    sampler->wanted = wanted;
    sampler->patience = wanted < 4 ? 1 : wanted / 4;
}

/* 0 = not this one, else for how many events it stands. Any thread, no lock, no clock. */
static inline uint64_t medic_sampler_take(struct medic_sampler *sampler)
{
    uint64_t number = __atomic_fetch_add(&sampler->seen, 1, __ATOMIC_RELAXED);
    uint64_t due = __atomic_load_n(&sampler->due, __ATOMIC_RELAXED);
    uint32_t shift = __atomic_load_n(&sampler->shift, __ATOMIC_RELAXED), taken;

    if (number < due >> 6 || !__atomic_compare_exchange_n(&sampler->due, &due, medic_sampler_next(number, shift), 0,
                                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return 0;
    taken = __atomic_add_fetch(&sampler->taken, 1, __ATOMIC_RELAXED);
    if (taken >= sampler->wanted && taken % sampler->patience == 0 && shift < 40)
        __atomic_store_n(&sampler->shift, shift + 1, __ATOMIC_RELAXED);
    return UINT64_C(1) << (due & 63);
}

/* A slice is over: the stride of the next is that which would have been right for this one. One thread, at even intervals. */
static inline void medic_sampler_turn(struct medic_sampler *sampler)
{
    uint64_t seen = __atomic_load_n(&sampler->seen, __ATOMIC_RELAXED), events = seen - sampler->seen_before;
    uint32_t shift = 0;

    while (shift < 40 && events >> shift > sampler->wanted)
        shift++;
    sampler->seen_before = seen;
    __atomic_store_n(&sampler->taken, 0, __ATOMIC_RELAXED);
    if (shift < __atomic_exchange_n(&sampler->shift, shift, __ATOMIC_RELAXED))
        __atomic_store_n(&sampler->due, medic_sampler_next(seen, shift), __ATOMIC_RELAXED);
}

/* ---- what is printed of an estimate ---- */

#define MEDIC_CERTAIN 2.0 /* standard errors: what is printed holds in 19 of 20 cases */

/* The square root, 0 of anything not above 0. Plugins link no libm. */
static inline double medic_root(double value)
{
    double root = value > 1 ? value : 1;

    if (!(value > 0))
        return 0;
    for (int i = 0; i < 200; i++) { /* Newton: it halves a great one, then doubles the digits */
        double next = (root + value / root) / 2;
        if (next >= root && i > 0)
            break;
        root = next;
    }
    return root;
}

#ifdef __cplusplus
}
#endif
#endif
