/* What report halves do to read their records: checked copies, and arrays that grow. [tool] */
#ifndef MEDIC_READING_H
#define MEDIC_READING_H

#include <medic/plugin.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The fixed head of a record: size bytes into to, 1; a shorter record is counted in *bad (may be NULL), 0. */
static inline int medic_take(const medic_record *record, void *to, size_t size, uint64_t *bad)
{
    if (record->size < size) {
        if (bad)
            ++*bad;
        return 0;
    }
    memcpy(to, record->data, size);
    return 1;
}

/* The array with room for one more element, or NULL when out of memory; then the old one is as it was. */
static inline void *medic_with_room(void *array, size_t count, size_t *room, size_t element)
{
    size_t more = *room ? *room * 2 : 256;

    if (count < *room)
        return array;
    array = realloc(array, more * element);
    if (array)
        *room = more;
    return array;
}

/* Appends to owner->name##s, with name##_count and name##_room (size_t) beside it; the owner frees it. MEDIC_OK or
 * MEDIC_E_MEMORY. */
#define MEDIC_PUSH(owner, name, value)                                                                                 \
    __extension__({                                                                                                    \
        void *grown_ =                                                                                                 \
            medic_with_room((owner)->name##s, (owner)->name##_count, &(owner)->name##_room, sizeof *(owner)->name##s); \
        if (grown_) {                                                                                                  \
            (owner)->name##s = grown_;                                                                                 \
            (owner)->name##s[(owner)->name##_count++] = (value);                                                       \
        }                                                                                                              \
        grown_ ? MEDIC_OK : MEDIC_E_MEMORY;                                                                            \
    })

#ifdef __cplusplus
}
#endif
#endif
