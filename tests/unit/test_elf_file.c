#include "test.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/elf_file.h"
#include "common/guid.h"

static int open_fixture(const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.so", FIXTURES, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail_msg("%s is missing", path);
    return fd;
}

static struct elf_facts inspect_fixture(const char *name)
{
    struct elf_facts facts;
    medic_reason why = {{0}};
    int fd = open_fixture(name);
    if (elf_inspect(fd, &facts, &why))
        fail_msg("%s: %s", name, why.text);
    close(fd);
    return facts;
}

static void refuse_fixture(const char *name, int code, const char *part)
{
    struct elf_facts facts;
    medic_reason why = {{0}};
    int fd = open_fixture(name);
    assert_int_equal(elf_check_plugin(fd, "x.so", &facts, &why), code);
    assert_text_has(why.text, "x.so");
    assert_text_has(why.text, part);
    close(fd);
}

/* The bytes of the plain fixture, and a memfd to put changed copies into. */
static unsigned char *image;
static size_t image_size;
static int copy_fd;

static int load_image(void **state)
{
    (void)state;
    struct stat st;
    int fd = open_fixture("plain");
    if (fstat(fd, &st))
        return -1;
    image_size = (size_t)st.st_size;
    image = malloc(image_size);
    copy_fd = memfd_create("copy", MFD_CLOEXEC);
    int ok = image && copy_fd >= 0 && pread(fd, image, image_size, 0) == (ssize_t)image_size;
    close(fd);
    return ok ? 0 : -1;
}

static int free_image(void **state)
{
    (void)state;
    free(image);
    close(copy_fd);
    return 0;
}

static int inspect_copy(medic_reason *why)
{
    struct elf_facts facts;
    return elf_inspect(copy_fd, &facts, why);
}

static void put_copy(const unsigned char *data, size_t size)
{
    assert_int_equal(ftruncate(copy_fd, (off_t)size), 0);
    assert_int_equal(pwrite(copy_fd, data, size, 0), size);
}

static int inspect_changed(size_t offset, const void *bytes, size_t size, medic_reason *why)
{
    put_copy(image, image_size);
    assert_int_equal(pwrite(copy_fd, bytes, size, (off_t)offset), size);
    return inspect_copy(why);
}

static size_t segment_offset(uint32_t type, unsigned skip)
{
    const Elf64_Ehdr *header = (const void *)image;
    const Elf64_Phdr *segments = (const void *)(image + header->e_phoff);
    for (unsigned i = 0; i < header->e_phnum; i++)
        if (segments[i].p_type == type && skip-- == 0)
            return header->e_phoff + i * sizeof *segments;
    fail_msg("no segment of type %u", type);
    return 0;
}

static void a_plugin_is_read_without_loading_it(void **state)
{
    (void)state;
    static const char *const names[] = {"plain", "lazy", "sysv_hash", "many_symbols"};
    const GUID guid = {0x12345678, 0x9abc, 0xdef0, {1, 2, 3, 4, 5, 6, 7, 8}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct elf_facts facts;
        medic_reason why;
        int fd = open_fixture(names[i]);
        if (elf_check_plugin(fd, names[i], &facts, &why))
            fail_msg("%s", why.text);
        close(fd);
        assert_true(facts.has_note && facts.exports_entry && !facts.has_constructors);
        assert_string_equal(facts.note.name, "fixture");
        assert_int_equal(facts.note.abi_major, MEDIC_ABI_MAJOR);
        assert_int_equal(facts.note.abi_minor, MEDIC_ABI_MINOR);
        assert_true(guid_equal(&facts.note.guid, &guid));
    }
}

static void the_note_macro_lands_in_a_note_segment(void **state)
{
    (void)state;
    const Elf64_Phdr *segment;
    unsigned index = 0;
    do {
        segment = (const void *)(image + segment_offset(PT_NOTE, index++));
    } while (!memmem(image + segment->p_offset, segment->p_filesz, "Medic", 6));
    assert_int_equal(segment->p_align, 4);
}

static void size_and_binding_are_told(void **state)
{
    (void)state;
    struct elf_facts facts = inspect_fixture("plain");
    assert_int_equal(facts.size, image_size);
    assert_true(facts.binds_now);
    assert_false(inspect_fixture("lazy").binds_now);
}

static void what_may_not_be_loaded_is_refused_with_a_reason(void **state)
{
    (void)state;
    refuse_fixture("no_note", MEDIC_E_NOT_FOUND, "has no Medic note");
    refuse_fixture("other_abi", MEDIC_E_ABI, "built for plugin ABI 77, this Medic has ABI 0");
    refuse_fixture("bad_name", MEDIC_E_CORRUPT, "\"Bad Name\" is not of the form");
    refuse_fixture("no_entry", MEDIC_E_CORRUPT, "does not export medic_plugin_entry");
    refuse_fixture("hidden_entry", MEDIC_E_CORRUPT, "does not export medic_plugin_entry");
    refuse_fixture("constructor", MEDIC_E_UNSAFE, "has constructors");
}

static void any_other_library_is_inspected_and_is_no_plugin(void **state)
{
    (void)state;
    static const char *const paths[] = {"/lib/x86_64-linux-gnu/libc.so.6", "/lib/x86_64-linux-gnu/libm.so.6",
                                        "/usr/lib/x86_64-linux-gnu/libstdc++.so.6", "/lib/x86_64-linux-gnu/libz.so.1"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct elf_facts facts;
        medic_reason why = {{0}};
        int fd = open(paths[i], O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        int code = elf_check_plugin(fd, paths[i], &facts, &why);
        close(fd);
        if (code != MEDIC_E_NOT_FOUND && code != MEDIC_E_UNSUPPORTED) /* libc itself may be run as a program */
            fail_msg("%s", why.text);
    }
}

static void what_is_no_elf_file_is_refused(void **state)
{
    (void)state;
    medic_reason why;
    put_copy((const unsigned char *)"#!/bin/sh\n", 10);
    assert_int_equal(inspect_copy(&why), MEDIC_E_CORRUPT);
    assert_string_equal(why.text, "it is not an ELF file");
    put_copy((const unsigned char *)"", 0);
    assert_int_equal(inspect_copy(&why), MEDIC_E_CORRUPT);
}

static void a_program_is_no_shared_object(void **state)
{
    (void)state;
    struct elf_facts facts;
    medic_reason why;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(elf_inspect(fd, &facts, &why), MEDIC_E_UNSUPPORTED);
    assert_text_has(why.text, "program");
    close(fd);
}

static void what_is_no_regular_file_is_refused(void **state)
{
    (void)state;
    struct elf_facts facts;
    medic_reason why;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(elf_inspect(ends[0], &facts, &why), MEDIC_E_UNSUPPORTED);
    assert_int_equal(elf_inspect(-1, &facts, &why), MEDIC_E_IO);
    close(ends[0]);
    close(ends[1]);
}

static void another_machine_class_or_type_is_refused(void **state)
{
    (void)state;
    medic_reason why;
    const uint16_t arm = EM_ARM, program = ET_EXEC;
    const unsigned char class32 = ELFCLASS32, big = ELFDATA2MSB;
    assert_int_equal(inspect_changed(offsetof(Elf64_Ehdr, e_machine), &arm, 2, &why), MEDIC_E_UNSUPPORTED);
    assert_text_has(why.text, "built for another machine (ELF machine 40");
    assert_int_equal(inspect_changed(offsetof(Elf64_Ehdr, e_type), &program, 2, &why), MEDIC_E_UNSUPPORTED);
    assert_int_equal(inspect_changed(EI_CLASS, &class32, 1, &why), MEDIC_E_UNSUPPORTED);
    assert_int_equal(inspect_changed(EI_DATA, &big, 1, &why), MEDIC_E_UNSUPPORTED);
}

static void a_segment_beyond_the_file_is_refused_even_when_the_sum_overflows(void **state)
{
    (void)state;
    static const uint64_t values[] = {UINT64_MAX, UINT64_MAX - 4095, INT64_MAX, UINT64_C(1) << 32};
    static const size_t members[] = {offsetof(Elf64_Phdr, p_offset), offsetof(Elf64_Phdr, p_filesz),
                                     offsetof(Elf64_Phdr, p_vaddr), offsetof(Elf64_Phdr, p_memsz)};
    static const uint32_t types[] = {PT_LOAD, PT_DYNAMIC};
    medic_reason why;
    for (size_t t = 0; t < 2; t++)
        for (size_t m = 0; m < 4; m++)
            for (size_t v = 0; v < 4; v++) {
                size_t at = segment_offset(types[t], 0) + members[m];
                int code = inspect_changed(at, &values[v], 8, &why);
                if (types[t] == PT_DYNAMIC && m == 3)
                    continue; /* nobody reads the dynamic segment's size in memory */
                assert_int_equal(code, MEDIC_E_CORRUPT);
            }
    uint64_t far = image_size + 1;
    assert_int_equal(inspect_changed(offsetof(Elf64_Ehdr, e_phoff), &far, 8, &why), MEDIC_E_CORRUPT);
    far = UINT64_MAX - 8;
    assert_int_equal(inspect_changed(offsetof(Elf64_Ehdr, e_phoff), &far, 8, &why), MEDIC_E_CORRUPT);
}

static void a_copy_cut_at_any_length_is_refused(void **state)
{
    (void)state;
    put_copy(image, image_size);
    for (size_t size = image_size; size-- > 0;) {
        medic_reason why = {{0}};
        assert_int_equal(ftruncate(copy_fd, (off_t)size), 0);
        assert_int_equal(inspect_copy(&why), MEDIC_E_CORRUPT);
    }
}

static void a_flipped_bit_anywhere_is_survived(void **state)
{
    (void)state;
    put_copy(image, image_size);
    for (size_t i = 0; i < image_size; i++) {
        /* The head of the file holds every table: all bits there, one in each byte of the code. */
        for (unsigned bit = i < 4096 ? 0 : (unsigned)i % 8; bit < (i < 4096 ? 8 : i % 8 + 1); bit++) {
            unsigned char changed = (unsigned char)(image[i] ^ 1u << bit);
            struct elf_facts facts;
            medic_reason why = {{0}};
            assert_int_equal(pwrite(copy_fd, &changed, 1, (off_t)i), 1);
            int code = elf_check_plugin(copy_fd, "x.so", &facts, &why);
            assert_true(code == MEDIC_OK || why.text[0]);
        }
        assert_int_equal(pwrite(copy_fd, image + i, 1, (off_t)i), 1);
    }
    assert_int_equal(inspect_copy(NULL), MEDIC_OK);
}

static void noise_over_the_tables_is_survived(void **state)
{
    (void)state;
    unsigned seed = 20240607;
    for (int round = 0; round < 5000; round++) {
        unsigned char noise[64];
        for (size_t i = 0; i < sizeof noise; i++) {
            seed = seed * 1103515245u + 12345u;
            noise[i] = seed & 0x100000 ? (unsigned char)(seed >> 16) : 0xff;
        }
        size_t at = 16 + (seed >> 8) % (4096 - sizeof noise);
        inspect_changed(at, noise, 1 + (seed >> 4) % sizeof noise, NULL);
    }
}

/* A note in front of which stands whatever: sizes that do not fit must end the search, not the process. */
static void a_note_longer_than_its_segment_is_refused(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {UINT32_MAX, UINT32_MAX - 11, 1u << 31, 4096};
    const Elf64_Phdr *segment = (const void *)(image + segment_offset(PT_NOTE, 0));
    medic_reason why;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(inspect_changed(segment->p_offset, &sizes[i], 4, &why), MEDIC_E_CORRUPT);
        assert_int_equal(inspect_changed(segment->p_offset + 4, &sizes[i], 4, &why), MEDIC_E_CORRUPT);
    }
}

static size_t find_medic_note(void)
{
    unsigned char *owner = memmem(image, image_size, "Medic\0\0", 8);
    assert_non_null(owner);
    return (size_t)(owner - image) - offsetof(medic_note, owner);
}

static void a_name_in_the_note_must_end(void **state)
{
    (void)state;
    char name[MEDIC_NAME_MAX];
    medic_reason why;
    memset(name, 'x', sizeof name);
    assert_int_equal(inspect_changed(find_medic_note() + offsetof(medic_note, name), name, sizeof name, &why),
                     MEDIC_E_CORRUPT);
    assert_text_has(why.text, "a name without an end");
}

static void a_foreign_owner_is_no_medic_note(void **state)
{
    (void)state;
    struct elf_facts facts;
    inspect_changed(find_medic_note() + offsetof(medic_note, owner), "Other", 6, NULL);
    assert_int_equal(elf_inspect(copy_fd, &facts, NULL), MEDIC_OK);
    assert_false(facts.has_note);
}

/* A file in a folder of its own, both with the modes under test. */
struct place {
    char folder[64], file[80];
    int dirfd, fd;
};

static struct place make_place(mode_t folder_mode, mode_t file_mode)
{
    struct place place = {.folder = "/tmp/medic-trust-XXXXXX"};
    assert_non_null(mkdtemp(place.folder));
    snprintf(place.file, sizeof place.file, "%s/x.so", place.folder);
    place.fd = open(place.file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    place.dirfd = open(place.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(place.fd >= 0 && place.dirfd >= 0);
    assert_int_equal(fchmod(place.fd, file_mode), 0);
    assert_int_equal(fchmod(place.dirfd, folder_mode), 0);
    return place;
}

static void remove_place(struct place *place)
{
    unlink(place->file);
    rmdir(place->folder);
    close(place->fd);
    close(place->dirfd);
}

static void expect_trust(mode_t folder_mode, mode_t file_mode, const char *problem)
{
    medic_reason why = {{0}};
    struct place place = make_place(folder_mode, file_mode);
    int code = file_check_trusted(place.dirfd, place.fd, place.file, geteuid(), &why);
    remove_place(&place);
    assert_int_equal(code, problem ? MEDIC_E_UNSAFE : MEDIC_OK);
    if (problem)
        assert_text_has(why.text, problem);
}

static void only_what_nobody_else_can_change_is_trusted(void **state)
{
    (void)state;
    expect_trust(0755, 0644, NULL);
    expect_trust(0700, 0755, NULL);
    expect_trust(0755, 0664, "x.so can be changed by others (mode 0664): chmod go-w it");
    expect_trust(0755, 0646, "mode 0646");
    expect_trust(0775, 0644, "the folder of /tmp/medic-trust-");
    expect_trust(0777, 0644, "can be changed by others (mode 0777): chmod go-w it");
}

static void a_sticky_folder_is_safe_for_the_file_but_not_for_its_mode(void **state)
{
    (void)state;
    expect_trust(01777, 0644, NULL);
    expect_trust(01777, 0666, "mode 0666");
}

/* As root the file is given away; as anybody else, another uid asks. */
static void a_file_or_folder_of_another_user_is_refused(void **state)
{
    (void)state;
    uid_t self = geteuid(), other = 12345;
    medic_reason why = {{0}};
    for (int folder = 0; folder < 2; folder++) {
        struct place place = make_place(01777, 0644);
        if (self == 0 && fchown(folder ? place.dirfd : place.fd, other, (gid_t)-1)) {
            remove_place(&place);
            skip();
        }
        int code = file_check_trusted(place.dirfd, place.fd, place.file, self ? self + 1 : self, &why);
        int owner = file_check_trusted(place.dirfd, place.fd, place.file, self ? self : other, NULL);
        remove_place(&place);
        assert_int_equal(code, MEDIC_E_UNSAFE);
        assert_text_has(why.text, "belongs to uid");
        assert_int_equal(owner, MEDIC_OK);
    }
}

static void only_regular_files_are_trusted(void **state)
{
    (void)state;
    medic_reason why;
    struct place place = make_place(0755, 0644);
    assert_int_equal(file_check_trusted(place.dirfd, place.dirfd, place.folder, geteuid(), &why), MEDIC_E_UNSAFE);
    assert_int_equal(file_check_trusted(place.dirfd, -1, place.file, geteuid(), &why), MEDIC_E_IO);
    remove_place(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plugin_is_read_without_loading_it),
        cmocka_unit_test(the_note_macro_lands_in_a_note_segment),
        cmocka_unit_test(size_and_binding_are_told),
        cmocka_unit_test(what_may_not_be_loaded_is_refused_with_a_reason),
        cmocka_unit_test(any_other_library_is_inspected_and_is_no_plugin),
        cmocka_unit_test(what_is_no_elf_file_is_refused),
        cmocka_unit_test(a_program_is_no_shared_object),
        cmocka_unit_test(what_is_no_regular_file_is_refused),
        cmocka_unit_test(another_machine_class_or_type_is_refused),
        cmocka_unit_test(a_segment_beyond_the_file_is_refused_even_when_the_sum_overflows),
        cmocka_unit_test(a_copy_cut_at_any_length_is_refused),
        cmocka_unit_test(a_flipped_bit_anywhere_is_survived),
        cmocka_unit_test(noise_over_the_tables_is_survived),
        cmocka_unit_test(a_note_longer_than_its_segment_is_refused),
        cmocka_unit_test(a_name_in_the_note_must_end),
        cmocka_unit_test(a_foreign_owner_is_no_medic_note),
        cmocka_unit_test(only_what_nobody_else_can_change_is_trusted),
        cmocka_unit_test(a_sticky_folder_is_safe_for_the_file_but_not_for_its_mode),
        cmocka_unit_test(a_file_or_folder_of_another_user_is_refused),
        cmocka_unit_test(only_regular_files_are_trusted),
    };
    return cmocka_run_group_tests(tests, load_image, free_image);
}
