/* Binds what glibc 2.32-2.34 moved into libc.so.6 under new version names to the names that glibc 2.23, the floor of .NET 8,
 * has too. Forced in with -include; a symbol that a file does not use costs nothing. */
#ifndef CORE_GLIBC_FLOOR_H
#define CORE_GLIBC_FLOOR_H

#if defined(__GLIBC__) || defined(__linux__)
#if defined(__x86_64__)
#define GLIBC_FLOOR "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define GLIBC_FLOOR "GLIBC_2.17"
#endif
#ifdef GLIBC_FLOOR
__asm__(".symver pthread_create, pthread_create@" GLIBC_FLOOR);
__asm__(".symver pthread_attr_setstacksize, pthread_attr_setstacksize@" GLIBC_FLOOR);
__asm__(".symver pthread_getattr_np, pthread_getattr_np@" GLIBC_FLOOR);
__asm__(".symver pthread_attr_getstack, pthread_attr_getstack@" GLIBC_FLOOR);
__asm__(".symver pthread_sigmask, pthread_sigmask@" GLIBC_FLOOR);
__asm__(".symver dlopen, dlopen@" GLIBC_FLOOR);
__asm__(".symver dlsym, dlsym@" GLIBC_FLOOR);
__asm__(".symver dlerror, dlerror@" GLIBC_FLOOR);
__asm__(".symver dladdr, dladdr@" GLIBC_FLOOR);
#endif
#endif

#endif
