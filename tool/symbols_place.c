#include "tool/symbols_place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

static int open_within(int root, const char *path)
{
    struct open_how how = {.flags = FLAGS, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
        return fd;
    while (*path == '/') /* before Linux 5.6, and where a filter does not know the call */
        path++;
    return openat(root, path, FLAGS | O_NOFOLLOW);
}

int symbols_place_open(const struct symbols_place *place, const char *path)
{
    struct stat about;
    int fd = *path == '/' ? open_within(place->root, path) : -1;
    if (fd < 0)
        return -1;
    if (!fstat(fd, &about) && S_ISREG(about.st_mode))
        return fd;
    close(fd);
    errno = EINVAL;
    return -1;
}

int symbols_place_open_native(void *context, const char *path)
{
    return symbols_place_open(context, path);
}
