/* The cheap mode: the runtime's own event of each throw, delivered on the throwing thread. It names the type and brings the
 * message; nothing says who catches. It may come at any moment, so no object is touched. */
#include "capture.h"

#include <string.h>

/* ExceptionThrown: type and message, both UTF-16 with their NUL, then address, u32 HRESULT, u16 flags, u16 clr; packed. */
enum { EXCEPTION_THROWN = 80, HAS_INNER = 1, RETHROWN = 4, BEHIND_TEXTS = 16, NAME_UNITS_MAX = 500 };

struct text {
    const uint8_t *bytes;
    uint32_t units; /* without the NUL */
};

/* Moves *at behind it. 0 = it does not end. */
static int take_text(const uint8_t *data, uint32_t size, uint32_t *at, struct text *text)
{
    *text = (struct text){data + *at, 0};
    for (; *at + 2 <= size; text->units++) {
        uint32_t unit = *at;
        *at += 2;
        if (!data[unit] && !data[unit + 1])
            return 1;
    }
    return 0;
}

static uint64_t hash_of(const struct text *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (uint32_t i = 0; i < 2 * text->units; i++)
        hash = (hash ^ text->bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static void announce(struct throws *self, int32_t entry, uint64_t type, const struct text *name)
{
    ex_type record = {type};
    uint32_t units = name->units < NAME_UNITS_MAX ? name->units : (uint32_t)NAME_UNITS_MAX;

    if (tally_announces(&self->types, entry) &&
        self->records->write2(self->host, EX_NAME, &record, sizeof record, name->bytes, 2 * units) != MEDIC_OK)
        tally_unannounced(&self->types, entry);
}

static void sample(struct throws *self, uint64_t type, int32_t entry, uint32_t flags, uint64_t throws,
                   const struct text *message)
{
    ex_throw head = {.type = type, .flags = flags | EX_CHEAP, .message_length = message->units, .stands_for = throws};

    head.number = 1 + atomic_fetch_add_explicit(&self->samples, 1, memory_order_relaxed);
    if (self->redact) {
        head.flags |= EX_REDACTED;
        head.message_length = 0;
    }
    head.message_kept = head.message_length < self->message_length ? head.message_length : self->message_length;
    note_sample(self, entry, head.flags,
                self->stacks->here(self->host, EX_THROW, &head, sizeof head, message->bytes, 2 * head.message_kept));
}

HRESULT trace_event(void *instance, EVENTPIPE_PROVIDER provider, DWORD id, DWORD version, ULONG metadata_size,
                    LPCBYTE metadata, ULONG size, LPCBYTE data, LPCGUID activity, LPCGUID related, ThreadID thread,
                    ULONG frame_count, UINT_PTR *frames)
{
    struct throws *self = instance;
    struct text name, message;
    uint32_t at = 0, flags = 0;
    uint64_t type, throws;
    uint16_t bits;
    int32_t entry;
    int early = 0;

    (void)provider, (void)version, (void)metadata_size, (void)metadata, (void)activity, (void)related, (void)thread;
    (void)frame_count, (void)frames;
    if (id != EXCEPTION_THROWN)
        return S_OK;
    if (!take_text(data, size, &at, &name) || !take_text(data, size, &at, &message) || size - at < BEHIND_TEXTS - 2) {
        atomic_fetch_add_explicit(&self->bad_events, 1, memory_order_relaxed);
        return S_OK;
    }
    memcpy(&bits, data + at + sizeof(uint64_t) + sizeof(uint32_t), sizeof bits);
    flags = (bits & RETHROWN ? EX_PROPAGATED : 0u) | (bits & HAS_INNER ? EX_MORE_INNER : 0u);
    type = hash_of(&name);
    entry = count_throw(self, type, (flags & EX_PROPAGATED) != 0, &early);
    if (entry != TALLY_NONE)
        announce(self, entry, type, &name);
    throws = stands_for(self, early);
    if (throws)
        sample(self, type, entry, flags, throws, &message);
    self->records->soon(self->host);
    return S_OK;
}
