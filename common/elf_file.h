/* What a shared object says of itself, read with pread and never loaded or mapped: a damaged one must not reach dlopen,
 * because a segment that ends beyond the file is a SIGBUS in the process that loads it. */
#ifndef COMMON_ELF_FILE_H
#define COMMON_ELF_FILE_H

#include <medic/plugin.h>
#include <stdint.h>
#include <sys/types.h>

struct elf_facts {
    uint64_t size;        /* bytes of the file */
    int has_note;         /* the Medic note is there */
    medic_note note;      /* its name is NUL-terminated */
    int has_constructors; /* code that would run inside dlopen, beyond what the compiler's start files put there */
    int exports_entry;    /* .dynsym defines medic_plugin_entry */
    int binds_now;        /* DF_BIND_NOW or DF_1_NOW */
};

/* Refuses (MEDIC_E_CORRUPT, MEDIC_E_UNSUPPORTED) what is no ELF shared object, of another machine or class, or cut short. */
int elf_inspect(int fd, struct elf_facts *facts, medic_reason *why);

/* elf_inspect, and refuses what may not be loaded as a plugin: no note (MEDIC_E_NOT_FOUND), another ABI major (MEDIC_E_ABI,
 * naming both), no entry, constructors, a name that is not [a-z][a-z0-9_]*. file is for the sentence. */
int elf_check_plugin(int fd, const char *file, struct elf_facts *facts, medic_reason *why);

/* Whether others than the owner of this process (or root) could replace or change the file: looks at the open file and the
 * folder that holds it (dirfd). MEDIC_E_UNSAFE with the cure ("chmod go-w ..."). A sticky folder is safe. */
int file_check_trusted(int dirfd, int fd, const char *file, uid_t self, medic_reason *why);

#endif
