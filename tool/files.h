/* The few operations on files that staging, store and attach share. All are relative to an opened folder, follow no link in
 * the last component, and leave no temporary file behind when they fail. errno tells why, unless a function says otherwise.
 * Any thread. */
#ifndef TOOL_FILES_H
#define TOOL_FILES_H

#include <medic/result.h>

#include <stddef.h>
#include <sys/types.h>

/* 0 or -1. */
int file_write_all(int fd, const void *data, size_t size);
/* The rest of `from` to `to`, in the kernel where it can do that. Bytes copied or -1; *writing (may be NULL) says which
 * side failed. */
off_t file_copy(int from, int to, int *writing);
/* Writes a temporary file, syncs it and renames it to name. 0 or -1. */
int file_replace_at(int dirfd, const char *name, const void *data, size_t size, mode_t mode);
/* A whole regular file, with a NUL behind it that *size (may be NULL) does not count; EFBIG beyond max. Free it. */
char *file_read_at(int dirfd, const char *name, size_t max, size_t *size);
/* Makes the folder and its parents, each with mode; an existing one is no failure. 0 or -1. */
int file_make_folders(const char *path, mode_t mode);
/* digits hexadecimal digits from the kernel and a NUL. */
void file_random_hex(char *out, size_t digits);
/* Whether the folder is empty: 1, 0, or -1. */
int file_folder_is_empty(int dirfd);

#endif
