/* The rules that core/unwind finds in an ELF file, for check_eh_frame.py: reads addresses (hexadecimal, as the file says them)
 * from stdin and writes a line for each: the address, then `cfa=... rbx=... rbp=... r12=... ... ra=...`, or `none`. */
#include "core/unwind/eh_frame.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct file {
    const uint8_t *bytes;
    uint64_t size;
};

static bool read_file(void *context, uint64_t address, void *to, size_t size)
{
    const struct file *file = context;
    const Elf64_Ehdr *header = (const void *)file->bytes;
    const Elf64_Phdr *p = (const void *)(file->bytes + header->e_phoff);

    for (int i = 0; i < header->e_phnum; i++)
        if (p[i].p_type == PT_LOAD && address - p[i].p_vaddr < p[i].p_filesz &&
            size <= p[i].p_filesz - (address - p[i].p_vaddr)) {
            memcpy(to, file->bytes + p[i].p_offset + (address - p[i].p_vaddr), size);
            return true;
        }
    return false;
}

static void put(const char *name, const struct register_rule *rule)
{
    switch (rule->kind) {
    case RULE_SAME: printf(" %s=s", name); break;
    case RULE_AT_CFA: printf(" %s=c%+ld", name, (long)rule->offset); break;
    case RULE_VALUE_CFA: printf(" %s=v%+ld", name, (long)rule->offset); break;
    case RULE_REGISTER: printf(" %s=r%ld", name, (long)rule->offset); break;
    case RULE_AT_EXPRESSION: printf(" %s=exp", name); break;
    case RULE_VALUE_EXPRESSION: printf(" %s=vexp", name); break;
    case RULE_UNDEFINED: printf(" %s=u", name); break;
    }
}

static void put_rule(const struct unwind_rule *rule)
{
    static const char *const names[UNWIND_REGISTERS] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8",
                                                        "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "ra"};

    if (rule->cfa.kind == RULE_REGISTER)
        printf(" cfa=%s%+ld", names[rule->cfa_register], (long)rule->cfa.offset);
    else
        printf(" cfa=exp");
    for (int i = 0; i < UNWIND_REGISTERS; i++)
        put(names[i], &rule->r[i]);
}

int main(int argc, char **argv)
{
    static struct eh_function function;
    struct unwind_rule rule;
    struct file file;
    struct stat status;
    uint64_t hdr = 0, size = 0;
    unsigned long pc;
    int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;

    if (fd < 0 || fstat(fd, &status) != 0)
        return 2;
    file.size = (uint64_t)status.st_size;
    file.bytes = mmap(NULL, file.size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (file.bytes == MAP_FAILED)
        return 2;
    const Elf64_Ehdr *header = (const void *)file.bytes;
    const Elf64_Phdr *p = (const void *)(file.bytes + header->e_phoff);
    for (int i = 0; i < header->e_phnum; i++)
        if (p[i].p_type == PT_GNU_EH_FRAME) {
            hdr = p[i].p_vaddr;
            size = p[i].p_memsz;
        }
    struct eh_source source = {read_file, &file};
    while (scanf("%lx", &pc) == 1) {
        printf("%lx", pc);
        if (eh_find(&source, hdr, size, pc, &function) && eh_rule(&function, pc, &rule))
            put_rule(&rule);
        else
            printf(" none");
        putchar('\n');
    }
    return 0;
}
