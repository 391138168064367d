/* symbols=embed: where a PDB is found, and how it is copied into a capture. */
#include "core/services/symbols.h"

#include "common/crc32.h"
#include "test.h"

#include <fcntl.h>
#include <medic/result.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/medic-test-symbols-XXXXXX";
static char module_path[256], pdb_path[256], other_path[256];

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(module_path, sizeof module_path, "%s/App.Core.dll", folder);
    snprintf(pdb_path, sizeof pdb_path, "%s/App.Core.pdb", folder);
    snprintf(other_path, sizeof other_path, "%s/elsewhere.pdb", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    symbols_free();
    unlink(module_path);
    unlink(pdb_path);
    unlink(other_path);
    return rmdir(folder);
}

static void put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, 4);
}

/* A PE file with one section and one entry in its debug directory. */
static void write_module(uint32_t type, const void *data, uint32_t size)
{
    static uint8_t pe[4096];

    memset(pe, 0, sizeof pe);
    memcpy(pe, "MZ", 2);
    put32(pe + 60, 128);
    memcpy(pe + 128, "PE\0\0", 4);
    pe[128 + 6] = 1;    /* sections */
    pe[128 + 20] = 240; /* size of the optional header */
    pe[152] = 0x0b;     /* PE32+ */
    pe[153] = 0x02;
    put32(pe + 152 + 112 + 6 * 8, 0x2010); /* debug directory */
    put32(pe + 152 + 112 + 6 * 8 + 4, 28);
    put32(pe + 392 + 12, 0x2000); /* the section: address, size and place in the file */
    put32(pe + 392 + 16, 0x800);
    put32(pe + 392 + 20, 0x400);
    put32(pe + 0x410 + 12, type);
    put32(pe + 0x410 + 16, size);
    put32(pe + 0x410 + 24, 0x500);
    memcpy(pe + 0x500, data, size);
    write_file(module_path, pe, sizeof pe);
}

static void a_pdb_beside_the_module_is_taken(void **state)
{
    struct symbols_place place;

    (void)state;
    write_file(pdb_path, "BSJB and more", 13);
    place = symbols_find(module_path);
    assert_true(place.fd >= 0);
    assert_int_equal(place.kind, MEDIC_SYMBOLS_PDB);
    assert_int_equal(place.size, 13);
    close(place.fd);
}

static void what_is_no_portable_pdb_is_left_alone(void **state)
{
    (void)state;
    write_file(pdb_path, "root:x:0:0", 10);
    assert_int_equal(symbols_find(module_path).fd, -1);
    unlink(pdb_path);
    assert_int_equal(mkfifo(pdb_path, 0600), 0); /* and nobody waits for it */
    assert_int_equal(symbols_find(module_path).fd, -1);
    unlink(pdb_path);
    assert_int_equal(symlink("/dev/zero", pdb_path), 0);
    assert_int_equal(symbols_find(module_path).fd, -1);
}

static void the_path_in_the_debug_directory_is_followed(void **state)
{
    uint8_t data[512] = "RSDS";
    struct symbols_place place;

    (void)state;
    write_file(other_path, "BSJB elsewhere", 14);
    strcpy((char *)data + 24, other_path);
    write_module(2, data, (uint32_t)(24 + strlen(other_path) + 1));
    place = symbols_find(module_path);
    assert_true(place.fd >= 0);
    assert_int_equal(place.size, 14);
    close(place.fd);
}

static void an_embedded_one_is_found_in_the_module(void **state)
{
    char bytes[16] = "";
    struct symbols_place place;

    (void)state;
    write_module(17, "MPDB\x10\0\0\0packed", 14);
    place = symbols_find(module_path);
    assert_true(place.fd >= 0);
    assert_int_equal(place.kind, MEDIC_SYMBOLS_MPDB);
    assert_int_equal(place.size, 14);
    assert_int_equal(pread(place.fd, bytes, 14, (off_t)place.offset), 14);
    assert_memory_equal(bytes, "MPDB", 4);
    close(place.fd);
}

static void damaged_modules_have_none(void **state)
{
    (void)state;
    assert_int_equal(symbols_find(module_path).fd, -1);
    write_file(module_path, "MZ", 2);
    assert_int_equal(symbols_find(module_path).fd, -1);
    write_module(17, "MPDX\x10\0\0\0packed", 14);
    assert_int_equal(symbols_find(module_path).fd, -1);
    write_module(17, "MPDB", 0);
    assert_int_equal(symbols_find(module_path).fd, -1);
}

static void wanted_modules_are_copied_into_the_capture(void **state)
{
    struct files files;
    medic_record_header header;
    medic_symbols_record record;
    static uint8_t large[100000], back[100000];
    int fd;

    (void)state;
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (uint8_t)(i * 7);
    memcpy(large, "BSJB", 4);
    write_file(pdb_path, large, sizeof large);
    files_init(&files);
    files.capture = open(other_path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    files.buffer = malloc(FILES_BUFFER_SIZE);
    symbols_note_module(5, module_path, (uint32_t)strlen(module_path));
    symbols_note_module(6, module_path, (uint32_t)strlen(module_path));
    symbols_want_module(NULL, 5);
    symbols_write(&files, 0);
    assert_int_equal(files_flush(&files), MEDIC_OK);
    assert_int_equal(lseek(files.capture, 0, SEEK_END), (sizeof header + sizeof record + sizeof large + 7) / 8 * 8);
    fd = files.capture;
    assert_int_equal(pread(fd, &header, sizeof header, 0), sizeof header);
    assert_int_equal(pread(fd, &record, sizeof record, sizeof header), sizeof record);
    assert_int_equal(pread(fd, back, sizeof back, sizeof header + sizeof record), sizeof back);
    assert_int_equal(header.type, MEDIC_RECORD_SYMBOLS);
    assert_int_equal(record.module, 5);
    assert_int_equal(record.length, sizeof large);
    assert_memory_equal(back, large, sizeof large);
    assert_int_equal(header.crc, crc32_update(crc32_update(crc32_update(0, &header, 8), &record, sizeof record), back,
                                              sizeof back));
    symbols_write(&files, 1000); /* no room for it */
    files_flush(&files);
    assert_int_equal(lseek(fd, 0, SEEK_END), (sizeof header + sizeof record + sizeof large + 7) / 8 * 8);
    close(fd);
    free(files.buffer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_pdb_beside_the_module_is_taken),
        TEST(what_is_no_portable_pdb_is_left_alone),
        TEST(the_path_in_the_debug_directory_is_followed),
        TEST(an_embedded_one_is_found_in_the_module),
        TEST(damaged_modules_have_none),
        TEST(wanted_modules_are_copied_into_the_capture),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
