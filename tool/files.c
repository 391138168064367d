#include "tool/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_CHUNK = 1 << 20, BUFFER = 64 * 1024 };

int file_write_all(int fd, const void *data, size_t size)
{
    const char *at = data;
    while (size) {
        ssize_t done = write(fd, at, size);
        if (done < 0) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        at += done;
        size -= (size_t)done;
    }
    return 0;
}

static off_t copy_by_hand(int from, int to, off_t total, int *writing)
{
    char *buffer = malloc(BUFFER);
    if (!buffer)
        return -1;
    off_t result = -1;
    for (;;) {
        ssize_t got = read(from, buffer, BUFFER);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            break;
        if (got == 0) {
            result = total;
            break;
        }
        if (file_write_all(to, buffer, (size_t)got)) {
            if (writing)
                *writing = 1;
            break;
        }
        total += got;
    }
    int error = errno;
    free(buffer);
    errno = error;
    return result;
}

off_t file_copy(int from, int to, int *writing)
{
    off_t total = 0;
    if (writing)
        *writing = 0;
    for (;;) {
        ssize_t done = copy_file_range(from, NULL, to, NULL, COPY_CHUNK, 0);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0 && (errno == ENOSPC || errno == EDQUOT)) {
            if (writing)
                *writing = 1;
            return -1;
        }
        if (done <= 0) /* the end, or a pair of file systems that needs read and write: these find out */
            return copy_by_hand(from, to, total, writing);
        total += done;
    }
}

void file_random_hex(char *out, size_t digits)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char bytes[64];
    size_t have = 0;
    for (size_t i = 0; i < digits; i++) {
        if (have == 0) {
            if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
                abort(); /* an initialised kernel pool always answers 64 bytes at once */
            have = sizeof bytes;
        }
        out[i] = hex[bytes[--have] & 15];
    }
    out[digits] = '\0';
}

int file_replace_at(int dirfd, const char *name, const void *data, size_t size, mode_t mode)
{
    char temporary[NAME_MAX + 1], random[13];
    file_random_hex(random, 12);
    snprintf(temporary, sizeof temporary, ".%.200s.%s.tmp", name, random);
    int fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return -1;
    int bad = file_write_all(fd, data, size) || fsync(fd);
    int error = errno;
    if (close(fd) && !bad) {
        bad = 1;
        error = errno;
    }
    if (!bad && renameat(dirfd, temporary, dirfd, name)) {
        bad = 1;
        error = errno;
    }
    if (bad)
        unlinkat(dirfd, temporary, 0);
    errno = error;
    return bad ? -1 : 0;
}

static char *read_whole(int fd, size_t max, size_t *size)
{
    struct stat about;
    if (fstat(fd, &about))
        return NULL;
    if (!S_ISREG(about.st_mode)) {
        errno = EINVAL;
        return NULL;
    }
    if ((size_t)about.st_size > max) {
        errno = EFBIG;
        return NULL;
    }
    size_t room = (size_t)about.st_size, have = 0;
    char *text = malloc(room + 1);
    while (text && have < room) {
        ssize_t got = read(fd, text + have, room - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            int error = errno;
            free(text);
            errno = error;
            return NULL;
        }
        if (got == 0)
            break;
        have += (size_t)got;
    }
    if (text) {
        text[have] = '\0';
        if (size)
            *size = have;
    }
    return text;
}

char *file_read_at(int dirfd, const char *name, size_t max, size_t *size)
{
    int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    char *text = read_whole(fd, max, size);
    int error = errno;
    close(fd);
    errno = error;
    return text;
}

int file_make_folders(const char *path, mode_t mode)
{
    char part[PATH_MAX];
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof part) {
        errno = size ? ENAMETOOLONG : ENOENT;
        return -1;
    }
    memcpy(part, path, size + 1);
    for (size_t i = 1; i <= size; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        char kept = part[i];
        part[i] = '\0';
        if (mkdir(part, mode) && errno != EEXIST) {
            struct stat about;
            int error = errno;
            if (stat(part, &about) || !S_ISDIR(about.st_mode)) { /* EROFS, EACCES on a folder that is there */
                errno = error;
                return -1;
            }
        }
        part[i] = kept;
    }
    return 0;
}

int file_folder_is_empty(int dirfd)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    int empty = 1;
    for (struct dirent *entry; empty && (entry = readdir(folder));)
        empty = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
    closedir(folder);
    return empty;
}
