/* Files as the target sees them. For symbols*.c. */
#ifndef TOOL_SYMBOLS_PLACE_H
#define TOOL_SYMBOLS_PLACE_H

struct symbols_place {
    int root; /* folder that the target calls "/" */
};

/* A regular file, read-only; links lead where they lead the target, never out of its root. -1: errno tells. */
int symbols_place_open(const struct symbols_place *place, const char *path);
/* The same as a native_open; context: the place. */
int symbols_place_open_native(void *context, const char *path);

#endif
