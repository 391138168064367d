#!/usr/bin/env python3
"""Check that dependencies point one way: plugins -> sdk, core -> sdk, never to tool or cli.

usage: check_includes.py ROOT    (the top of the repository)

A file under plugins/ may include headers of libc, <medic/...> and files of its own plugin's folder. A file under core/
or plugins/ may not include anything of tool/ or cli/. Exit status 0 when all keep to it.
"""
import os
import re
import sys

SOURCES = ('.c', '.h', '.inc', '.S')
OUTSIDE = ('tool', 'cli')

LIBC = set('''
    aio.h alloca.h argz.h arpa/inet.h assert.h byteswap.h complex.h cpio.h ctype.h dirent.h dlfcn.h elf.h endian.h
    err.h errno.h error.h execinfo.h fcntl.h features.h fenv.h float.h fnmatch.h ftw.h getopt.h glob.h
    gnu/libc-version.h grp.h iconv.h ifaddrs.h inttypes.h iso646.h langinfo.h libgen.h limits.h link.h locale.h
    malloc.h math.h memory.h mntent.h mqueue.h net/if.h netdb.h netinet/in.h netinet/tcp.h nl_types.h paths.h poll.h
    pthread.h pwd.h regex.h sched.h search.h semaphore.h setjmp.h signal.h spawn.h stdalign.h stdarg.h stdatomic.h
    stdbool.h stddef.h stdint.h stdio.h stdio_ext.h stdlib.h stdnoreturn.h string.h strings.h syslog.h tar.h
    termios.h tgmath.h threads.h time.h uchar.h ucontext.h ulimit.h unistd.h utime.h utmpx.h wchar.h wctype.h
    wordexp.h sys/auxv.h sys/epoll.h sys/eventfd.h sys/fcntl.h sys/file.h sys/inotify.h sys/ioctl.h sys/ipc.h
    sys/mman.h sys/msg.h sys/param.h sys/personality.h sys/poll.h sys/prctl.h sys/ptrace.h sys/queue.h sys/random.h
    sys/resource.h sys/select.h sys/sem.h sys/sendfile.h sys/shm.h sys/signalfd.h sys/socket.h sys/stat.h
    sys/statfs.h sys/statvfs.h sys/syscall.h sys/sysinfo.h sys/sysmacros.h sys/time.h sys/timerfd.h sys/times.h
    sys/types.h sys/ucontext.h sys/uio.h sys/un.h sys/user.h sys/utsname.h sys/wait.h sys/xattr.h'''.split())


def includes(path):
    """(line number, '<' or '"', name) of each include; anything else after #include has the kind '?'."""
    with open(path, encoding='utf-8', errors='replace') as f:
        for number, line in enumerate(f, 1):
            m = re.match(r'\s*#\s*include(?:_next)?\s*(?:([<"])([^>"]+)[>"]|(\S+))', line)
            if m:
                yield number, m.group(1) or '?', m.group(2) or m.group(3)


def sources(root, folder):
    for at, folders, files in os.walk(os.path.join(root, folder)):
        folders.sort()
        yield from (os.path.join(at, name) for name in sorted(files) if name.endswith(SOURCES))


def inside(path, folder):
    return os.path.commonpath([os.path.abspath(path), os.path.abspath(folder)]) == os.path.abspath(folder)


def reaches_outside(root, path, name):
    """Whether an include can only mean a file of the tool or the commands."""
    near = os.path.join(os.path.dirname(path), name)
    return any(inside(p, os.path.join(root, folder)) for p in (near, os.path.join(root, name)) for folder in OUTSIDE)


def is_local(root, path, name):
    plugin = os.path.relpath(path, os.path.join(root, 'plugins')).split(os.sep)[0]
    own = os.path.join(root, 'plugins', plugin)
    target = os.path.join(os.path.dirname(path), name)
    return os.path.isdir(own) and inside(target, own) and os.path.exists(target)


def allowed_in_plugin(root, path, kind, name):
    if kind != '?' and name.startswith('medic/') and '..' not in name:
        return True
    return name in LIBC if kind == '<' else kind == '"' and is_local(root, path, name)


def faults(root):
    for folder in ('core', 'plugins'):
        for path in sources(root, folder):
            for number, kind, name in includes(path):
                where = '%s:%d' % (os.path.relpath(path, root), number)
                if reaches_outside(root, path, name):
                    yield '%s: includes %s: what runs in the target knows nothing of the tool' % (where, name)
                elif folder == 'plugins' and not allowed_in_plugin(root, path, kind, name):
                    yield '%s: includes %s: a plugin includes libc, <medic/...> and its own files only' % (where, name)


def main():
    if len(sys.argv) != 2 or not os.path.isdir(sys.argv[1]):
        sys.exit(__doc__)
    found = list(faults(sys.argv[1]))
    print('\n'.join(found), end='\n' if found else '')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
