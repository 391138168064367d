#include "common/elf_file.h"

#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "common/sys.h"
#include "common/text.h"

/* More than any linker makes; a larger count is damage. */
#define SEGMENTS_MAX 64
#define DYNAMIC_MAX 512
#define NOTES_MAX 64
#define NOTE_SEGMENT_MAX (1u << 20)
#define CHAIN_MAX (1u << 16)

#define PAGE 4096u
#define ENTRY "medic_plugin_entry"

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#define MACHINE_NAME "x86-64"
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#define MACHINE_NAME "aarch64"
#else
#error "Medic runs on x86-64 and aarch64"
#endif

struct elf {
    int fd;
    uint64_t size;
    uint32_t segment_count;
    Elf64_Phdr segments[SEGMENTS_MAX];
    medic_reason *why;
};

/* The dynamic section's values that are looked at; addresses are 0 when absent. */
struct dynamic {
    uint64_t strings, strings_size, symbols, gnu_hash, hash;
    uint64_t rela, rela_size, jmprel, jmprel_size, init_array, init_array_size, preinit_array_size;
    uint64_t flags, flags_1;
    int bind_now;
};

static int inside(uint64_t offset, uint64_t size, uint64_t total)
{
    return size <= total && offset <= total - size;
}

/* All of it, or MEDIC_E_CORRUPT; the file may have been cut since its size was asked for. */
static int read_at(const struct elf *elf, uint64_t offset, void *out, size_t size, const char *what)
{
    char *at = out;
    if (!inside(offset, size, elf->size))
        return medic_fail(elf->why, MEDIC_E_CORRUPT, "%s lies beyond the end of the file (%llu bytes)", what,
                          (unsigned long long)elf->size);
    while (size > 0) {
        ssize_t got = pread(elf->fd, at, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return medic_fail(elf->why, MEDIC_E_IO, "%s cannot be read: %s", what, strerror(errno));
        if (got == 0)
            return medic_fail(elf->why, MEDIC_E_CORRUPT, "the file became shorter while it was read");
        at += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return MEDIC_OK;
}

/* The file's size bytes at a virtual address: all of them inside one loaded segment's part of the file. */
static int find_address(const struct elf *elf, uint64_t address, uint64_t size, const char *what, uint64_t *offset)
{
    for (uint32_t i = 0; i < elf->segment_count; i++) {
        const Elf64_Phdr *segment = &elf->segments[i];
        if (segment->p_type != PT_LOAD || address < segment->p_vaddr ||
            !inside(address - segment->p_vaddr, size, segment->p_filesz))
            continue;
        *offset = segment->p_offset + (address - segment->p_vaddr);
        return MEDIC_OK;
    }
    return medic_fail(elf->why, MEDIC_E_CORRUPT, "%s points to %#llx, which no segment of the file covers", what,
                      (unsigned long long)address);
}

static int read_address(const struct elf *elf, uint64_t address, void *out, size_t size, const char *what)
{
    uint64_t offset = 0;
    int code = find_address(elf, address, size, what, &offset);
    return code ? code : read_at(elf, offset, out, size, what);
}

static int open_file(struct elf *elf)
{
    struct stat st;
    if (sys_fstat(elf->fd, &st))
        return medic_fail(elf->why, MEDIC_E_IO, "the file cannot be examined: %s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return medic_fail(elf->why, MEDIC_E_UNSUPPORTED, "it is not a regular file");
    elf->size = (uint64_t)st.st_size;
    return MEDIC_OK;
}

static int check_header(const struct elf *elf, const Elf64_Ehdr *header)
{
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB)
        return medic_fail(elf->why, MEDIC_E_UNSUPPORTED, "it is not a 64-bit little-endian ELF file");
    if (header->e_ident[EI_VERSION] != EV_CURRENT || header->e_version != EV_CURRENT)
        return medic_fail(elf->why, MEDIC_E_UNSUPPORTED, "it has ELF version %u, known is %d", header->e_version,
                          EV_CURRENT);
    if (header->e_type != ET_DYN)
        return medic_fail(elf->why, MEDIC_E_UNSUPPORTED, "it is not a shared object (ELF type %u)", header->e_type);
    if (header->e_machine != MACHINE)
        return medic_fail(elf->why, MEDIC_E_UNSUPPORTED,
                          "it was built for another machine (ELF machine %u, this is %d, " MACHINE_NAME ")",
                          header->e_machine, MACHINE);
    if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum == 0 || header->e_phnum > SEGMENTS_MAX)
        return medic_fail(elf->why, MEDIC_E_CORRUPT, "its header counts %u segments of %u bytes", header->e_phnum,
                          header->e_phentsize);
    /* Nothing reads the table of sections; but it stands at the end, so its absence shows that the file was cut. */
    if (header->e_shoff && !inside(header->e_shoff, (uint64_t)header->e_shnum * header->e_shentsize, elf->size))
        return medic_fail(elf->why, MEDIC_E_CORRUPT, "it is cut short: its table of sections lies beyond its end");
    return MEDIC_OK;
}

static int read_header(struct elf *elf)
{
    Elf64_Ehdr header = {.e_type = ET_NONE};
    char magic[SELFMAG] = {0};
    if (elf->size < SELFMAG || read_at(elf, 0, magic, SELFMAG, "the header") || memcmp(magic, ELFMAG, SELFMAG) != 0)
        return medic_fail(elf->why, MEDIC_E_CORRUPT, "it is not an ELF file");
    int code = read_at(elf, 0, &header, sizeof header, "the header");
    if (!code)
        code = check_header(elf, &header);
    if (code)
        return code;
    elf->segment_count = header.e_phnum;
    return read_at(elf, header.e_phoff, elf->segments, header.e_phnum * sizeof(Elf64_Phdr), "the table of segments");
}

/* What the loader maps must be in the file, in ascending order, and congruent to its page. end: of the one before. */
static int check_load(const struct elf *elf, uint32_t index, uint64_t *end)
{
    const Elf64_Phdr *segment = &elf->segments[index];
    if (!inside(segment->p_offset, segment->p_filesz, elf->size))
        return medic_fail(elf->why, MEDIC_E_CORRUPT,
                          "it is cut short: segment %u needs %llu bytes from %llu on, the file has %llu", index,
                          (unsigned long long)segment->p_filesz, (unsigned long long)segment->p_offset,
                          (unsigned long long)elf->size);
    uint64_t align = segment->p_align;
    if (segment->p_filesz > segment->p_memsz || (align & (align - 1)) || align > (UINT64_C(1) << 30) ||
        (segment->p_vaddr - segment->p_offset) % (align > PAGE ? align : PAGE) || segment->p_vaddr < *end ||
        segment->p_memsz > (UINT64_C(1) << 40) || segment->p_vaddr > (UINT64_C(1) << 40))
        return medic_fail(elf->why, MEDIC_E_CORRUPT, "segment %u contradicts itself or the one before", index);
    *end = segment->p_vaddr + segment->p_memsz;
    return MEDIC_OK;
}

static int check_segments(const struct elf *elf)
{
    uint64_t end = 0;
    uint32_t loads = 0;
    for (uint32_t i = 0; i < elf->segment_count; i++) {
        const Elf64_Phdr *segment = &elf->segments[i];
        if (segment->p_type == PT_LOAD) {
            int code = check_load(elf, i, &end);
            if (code)
                return code;
            loads++;
        } else if (segment->p_type == PT_INTERP) {
            return medic_fail(elf->why, MEDIC_E_UNSUPPORTED, "it is a program, not a shared object");
        }
    }
    if (loads == 0)
        return medic_fail(elf->why, MEDIC_E_CORRUPT, "it has nothing to load");
    return MEDIC_OK;
}

static void take_dynamic(struct dynamic *dynamic, const Elf64_Dyn *entry)
{
    static const struct {
        int64_t tag;
        size_t at;
    } members[] = {
        {DT_STRTAB, offsetof(struct dynamic, strings)},
        {DT_STRSZ, offsetof(struct dynamic, strings_size)},
        {DT_SYMTAB, offsetof(struct dynamic, symbols)},
        {DT_GNU_HASH, offsetof(struct dynamic, gnu_hash)},
        {DT_HASH, offsetof(struct dynamic, hash)},
        {DT_RELA, offsetof(struct dynamic, rela)},
        {DT_RELASZ, offsetof(struct dynamic, rela_size)},
        {DT_JMPREL, offsetof(struct dynamic, jmprel)},
        {DT_PLTRELSZ, offsetof(struct dynamic, jmprel_size)},
        {DT_INIT_ARRAY, offsetof(struct dynamic, init_array)},
        {DT_INIT_ARRAYSZ, offsetof(struct dynamic, init_array_size)},
        {DT_PREINIT_ARRAYSZ, offsetof(struct dynamic, preinit_array_size)},
        {DT_FLAGS, offsetof(struct dynamic, flags)},
        {DT_FLAGS_1, offsetof(struct dynamic, flags_1)},
    };
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (members[i].tag == entry->d_tag)
            memcpy((char *)dynamic + members[i].at, &entry->d_un.d_val, sizeof entry->d_un.d_val);
    dynamic->bind_now |= entry->d_tag == DT_BIND_NOW;
}

static const Elf64_Phdr *find_segment(const struct elf *elf, uint32_t type)
{
    for (uint32_t i = 0; i < elf->segment_count; i++)
        if (elf->segments[i].p_type == type)
            return &elf->segments[i];
    return NULL;
}

/* Read from the address, as the loader does; the offset that the segment names must be the same place. */
static int read_dynamic(const struct elf *elf, struct dynamic *dynamic)
{
    uint64_t offset = 0;
    const Elf64_Phdr *segment = find_segment(elf, PT_DYNAMIC);
    memset(dynamic, 0, sizeof *dynamic);
    if (!segment)
        return medic_fail(elf->why, MEDIC_E_CORRUPT, "it has no dynamic section");
    int code = find_address(elf, segment->p_vaddr, segment->p_filesz, "the dynamic section", &offset);
    if (code)
        return code;
    if (offset != segment->p_offset)
        return medic_fail(elf->why, MEDIC_E_CORRUPT, "its dynamic section is not where its address says");
    uint64_t count = segment->p_filesz / sizeof(Elf64_Dyn);
    for (uint64_t i = 0; i < count && i < DYNAMIC_MAX; i++) {
        Elf64_Dyn entry;
        code = read_at(elf, offset + i * sizeof entry, &entry, sizeof entry, "the dynamic section");
        if (code || entry.d_tag == DT_NULL)
            return code;
        take_dynamic(dynamic, &entry);
    }
    return medic_fail(elf->why, MEDIC_E_CORRUPT, "its dynamic section has no end");
}

/* The tables that the loader walks before any code of ours could object. */
static int check_tables(const struct elf *elf, const struct dynamic *dynamic)
{
    const struct {
        const char *name;
        uint64_t address, size;
    } tables[] = {
        {"the string table", dynamic->strings, dynamic->strings_size},
        {"the table of symbols", dynamic->symbols, sizeof(Elf64_Sym)},
        {"the relocation table", dynamic->rela, dynamic->rela_size},
        {"the PLT's relocation table", dynamic->jmprel, dynamic->jmprel_size},
        {"the table of constructors", dynamic->init_array, dynamic->init_array_size},
        {"the hash table", dynamic->hash, dynamic->hash ? 2 * sizeof(uint32_t) : 0},
        {"the GNU hash table", dynamic->gnu_hash, dynamic->gnu_hash ? 4 * sizeof(uint32_t) : 0},
    };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        uint64_t offset;
        int code = tables[i].size ? find_address(elf, tables[i].address, tables[i].size, tables[i].name, &offset) : 0;
        if (code)
            return code;
    }
    return MEDIC_OK;
}

/* Whether a symbol is the entry: its name, a function, defined here, visible to dlsym, and inside a segment. */
static int is_entry(const struct elf *elf, const struct dynamic *dynamic, uint32_t index, int *found)
{
    Elf64_Sym symbol;
    char name[sizeof ENTRY];
    uint64_t offset;
    int code =
        read_address(elf, dynamic->symbols + (uint64_t)index * sizeof symbol, &symbol, sizeof symbol, "a symbol");
    if (code || !inside(symbol.st_name, sizeof name, dynamic->strings_size))
        return code;
    code = read_address(elf, dynamic->strings + symbol.st_name, name, sizeof name, "the name of a symbol");
    if (code || memcmp(name, ENTRY, sizeof name) != 0)
        return code;
    unsigned bind = ELF64_ST_BIND(symbol.st_info), visibility = ELF64_ST_VISIBILITY(symbol.st_other);
    if (symbol.st_shndx == SHN_UNDEF || ELF64_ST_TYPE(symbol.st_info) != STT_FUNC ||
        (bind != STB_GLOBAL && bind != STB_WEAK) || (visibility != STV_DEFAULT && visibility != STV_PROTECTED))
        return MEDIC_OK;
    *found = 1;
    return find_address(elf, symbol.st_value, 1, ENTRY, &offset);
}

static uint32_t gnu_hash(const char *name)
{
    uint32_t hash = 5381;
    for (; *name; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash;
}

static uint32_t sysv_hash(const char *name)
{
    uint32_t hash = 0;
    for (; *name; name++) {
        hash = (hash << 4) + (unsigned char)*name;
        uint32_t high = hash & 0xf0000000u;
        hash = (hash ^ high >> 24) & ~high;
    }
    return hash;
}

static int read_word(const struct elf *elf, uint64_t address, uint32_t *word)
{
    return read_address(elf, address, word, sizeof *word, "the hash table");
}

/* Looked up as dlsym does it: the bucket leads to a run of symbols whose last one has an odd hash. */
static int find_by_gnu_hash(const struct elf *elf, const struct dynamic *dynamic, int *found)
{
    struct {
        uint32_t buckets, first, bloom_words, bloom_shift;
    } table;
    uint32_t index, hash, wanted = gnu_hash(ENTRY);
    int code = read_address(elf, dynamic->gnu_hash, &table, sizeof table, "the GNU hash table");
    if (code || table.buckets == 0)
        return code;
    uint64_t buckets = dynamic->gnu_hash + sizeof table + (uint64_t)table.bloom_words * sizeof(uint64_t);
    uint64_t chains = buckets + (uint64_t)table.buckets * sizeof(uint32_t);
    code = read_word(elf, buckets + (uint64_t)(wanted % table.buckets) * sizeof(uint32_t), &index);
    if (code || index < table.first)
        return code;
    for (uint32_t i = 0; i < CHAIN_MAX && !*found; i++, index++) {
        code = read_word(elf, chains + (uint64_t)(index - table.first) * sizeof(uint32_t), &hash);
        if (!code && (hash | 1) == (wanted | 1))
            code = is_entry(elf, dynamic, index, found);
        if (code || (hash & 1))
            return code;
    }
    return MEDIC_OK;
}

static int find_by_hash(const struct elf *elf, const struct dynamic *dynamic, int *found)
{
    struct {
        uint32_t buckets, symbols;
    } table;
    uint32_t index;
    int code = read_address(elf, dynamic->hash, &table, sizeof table, "the hash table");
    if (code || table.buckets == 0)
        return code;
    uint64_t buckets = dynamic->hash + sizeof table;
    uint64_t chains = buckets + (uint64_t)table.buckets * sizeof(uint32_t);
    code = read_word(elf, buckets + (uint64_t)(sysv_hash(ENTRY) % table.buckets) * sizeof(uint32_t), &index);
    for (uint32_t i = 0; !code && index != STN_UNDEF && !*found; i++) {
        if (index >= table.symbols || i == CHAIN_MAX)
            return medic_fail(elf->why, MEDIC_E_CORRUPT, "its hash table runs in a circle or out of the symbols");
        code = is_entry(elf, dynamic, index, found);
        if (!code)
            code = read_word(elf, chains + (uint64_t)index * sizeof(uint32_t), &index);
    }
    return code;
}

static int find_entry(const struct elf *elf, const struct dynamic *dynamic, int *found)
{
    *found = 0;
    if (!dynamic->symbols || !dynamic->strings)
        return MEDIC_OK;
    if (dynamic->gnu_hash)
        return find_by_gnu_hash(elf, dynamic, found);
    return dynamic->hash ? find_by_hash(elf, dynamic, found) : MEDIC_OK;
}

/* Takes over a Medic note at offset; others are not ours to judge. */
static int take_note(const struct elf *elf, const Elf64_Nhdr *head, uint64_t offset, struct elf_facts *facts)
{
    medic_note note;
    if (head->n_namesz != sizeof MEDIC_NOTE_OWNER || head->n_type != MEDIC_NOTE_TYPE)
        return MEDIC_OK;
    memset(&note, 0, sizeof note);
    uint64_t room = sizeof *head + sizeof note.owner + head->n_descsz;
    size_t size = room < sizeof note ? (size_t)room : sizeof note;
    int code = read_at(elf, offset, &note, size, "the Medic note");
    if (code || memcmp(note.owner, MEDIC_NOTE_OWNER, sizeof MEDIC_NOTE_OWNER) != 0)
        return code;
    if (facts->has_note)
        return medic_fail(elf->why, MEDIC_E_CORRUPT, "it carries two Medic notes, a file holds one plugin");
    /* The layout belongs to the ABI: of another major only the version is read. */
    int foreign = head->n_descsz >= sizeof note.abi_major && note.abi_major != MEDIC_ABI_MAJOR;
    if (!foreign && (head->n_descsz < MEDIC_NOTE_DESC_SIZE || !memchr(note.name, '\0', sizeof note.name)))
        return medic_fail(elf->why, MEDIC_E_CORRUPT, "its Medic note has %u bytes, or a name without an end",
                          head->n_descsz);
    note.name[sizeof note.name - 1] = '\0';
    facts->note = note;
    facts->has_note = 1;
    return MEDIC_OK;
}

static uint64_t round_up(uint64_t size, uint64_t align)
{
    return (size + align - 1) & ~(align - 1);
}

/* Name and contents are each padded to four bytes, to eight in a segment that is aligned so. */
static int read_note_segment(const struct elf *elf, const Elf64_Phdr *segment, struct elf_facts *facts)
{
    uint64_t align = segment->p_align == 8 ? 8 : 4;
    uint64_t at = segment->p_offset, left = segment->p_filesz;
    if (!inside(at, left, elf->size) || left > NOTE_SEGMENT_MAX)
        return medic_fail(elf->why, MEDIC_E_CORRUPT, "its notes lie beyond the end of the file");
    for (int i = 0; i < NOTES_MAX && left >= sizeof(Elf64_Nhdr); i++) {
        Elf64_Nhdr head;
        int code = read_at(elf, at, &head, sizeof head, "a note");
        if (code)
            return code;
        uint64_t size = round_up(round_up(sizeof head + head.n_namesz, align) + head.n_descsz, align);
        if (size - left < align) /* the last one needs no padding */
            size = left;
        if (size > left)
            return medic_fail(elf->why, MEDIC_E_CORRUPT, "a note of it is longer than its segment");
        code = take_note(elf, &head, at, facts);
        if (code)
            return code;
        at += size;
        left -= size;
    }
    return MEDIC_OK;
}

static int read_notes(const struct elf *elf, struct elf_facts *facts)
{
    int code = MEDIC_OK;
    for (uint32_t i = 0; i < elf->segment_count && !code; i++)
        if (elf->segments[i].p_type == PT_NOTE)
            code = read_note_segment(elf, &elf->segments[i], facts);
    return code;
}

static int inspect(struct elf *elf, struct elf_facts *facts)
{
    struct dynamic dynamic;
    int code = open_file(elf);
    if (!code)
        code = read_header(elf);
    if (!code)
        code = check_segments(elf);
    if (!code)
        code = read_dynamic(elf, &dynamic);
    if (!code)
        code = check_tables(elf, &dynamic);
    if (!code)
        code = read_notes(elf, facts);
    if (!code)
        code = find_entry(elf, &dynamic, &facts->exports_entry);
    if (code)
        return code;
    if (dynamic.flags_1 & DF_1_PIE)
        return medic_fail(elf->why, MEDIC_E_UNSUPPORTED, "it is a program, not a shared object");
    facts->size = elf->size;
    /* One entry is frame_dummy of crtbegin.o, and DT_INIT is crti.o's; both are in every shared object. */
    facts->has_constructors = dynamic.init_array_size > sizeof(void *) || dynamic.preinit_array_size > 0;
    facts->binds_now = dynamic.bind_now || (dynamic.flags & DF_BIND_NOW) || (dynamic.flags_1 & DF_1_NOW);
    return MEDIC_OK;
}

int elf_inspect(int fd, struct elf_facts *facts, medic_reason *why)
{
    struct elf elf;
    memset(&elf, 0, sizeof elf);
    memset(facts, 0, sizeof *facts);
    elf.fd = fd;
    elf.why = why;
    return inspect(&elf, facts);
}

int elf_check_plugin(int fd, const char *file, struct elf_facts *facts, medic_reason *why)
{
    medic_reason reason = {{0}};
    char quoted[TEXT_QUOTE_SIZE];
    int code = elf_inspect(fd, facts, &reason);
    if (code)
        return medic_fail(why, code, "%s: %.300s", file, reason.text);
    if (!facts->has_note)
        return medic_fail(why, MEDIC_E_NOT_FOUND, "%s is no Medic plugin: it has no Medic note", file);
    if (facts->note.abi_major != MEDIC_ABI_MAJOR)
        return medic_fail(why, MEDIC_E_ABI,
                          "%s was built for plugin ABI %u, this Medic has ABI %d: rebuild it with this Medic's SDK",
                          file, facts->note.abi_major, MEDIC_ABI_MAJOR);
    if (!text_is_word(facts->note.name, sizeof facts->note.name))
        return medic_fail(why, MEDIC_E_CORRUPT, "%s: its name %s is not of the form [a-z][a-z0-9_]*", file,
                          text_quote(facts->note.name, quoted));
    if (!facts->exports_entry)
        return medic_fail(why, MEDIC_E_CORRUPT, "%s does not export " ENTRY ": declare it with MEDIC_EXPORT", file);
    if (facts->has_constructors)
        return medic_fail(why, MEDIC_E_UNSAFE,
                          "%s has constructors, which would run inside the target before anything could be checked: "
                          "do in create what they do",
                          file);
    return MEDIC_OK;
}

/* One half of the question: the file itself, or the folder in which it could be replaced. */
static int check_owner(const struct stat *st, const char *what, const char *file, uid_t self, medic_reason *why)
{
    if (st->st_uid == self || st->st_uid == 0)
        return MEDIC_OK;
    return medic_fail(why, MEDIC_E_UNSAFE,
                      "%s%s belongs to uid %u, who could change it: only files of uid %u or root are loaded (chown it)",
                      what, file, (unsigned)st->st_uid, (unsigned)self);
}

static int check_mode(const struct stat *st, const char *what, const char *file, medic_reason *why)
{
    int sticky = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX);
    if (!(st->st_mode & (S_IWGRP | S_IWOTH)) || sticky)
        return MEDIC_OK;
    return medic_fail(why, MEDIC_E_UNSAFE, "%s%s can be changed by others (mode %04o): chmod go-w it", what, file,
                      (unsigned)st->st_mode & 07777u);
}

int file_check_trusted(int dirfd, int fd, const char *file, uid_t self, medic_reason *why)
{
    static const char folder[] = "the folder of ";
    struct stat st, dir;
    if (sys_fstat(fd, &st) || sys_fstat(dirfd, &dir))
        return medic_fail(why, MEDIC_E_IO, "%s cannot be examined: %s", file, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return medic_fail(why, MEDIC_E_UNSAFE, "%s is not a regular file", file);
    int code = check_owner(&st, "", file, self, why);
    if (!code)
        code = check_mode(&st, "", file, why);
    if (!code)
        code = check_owner(&dir, folder, file, self, why);
    if (!code)
        code = check_mode(&dir, folder, file, why);
    return code;
}
