/* Portable PDBs and the assemblies they belong to, against what System.Reflection.Metadata says (fixtures/lines/make.sh), and
 * damaged in every byte. Needs LINES: the folder of the fixtures. */
#include "test.h"

#include "tool/files.h"
#include "tool/pe.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static unsigned char *read_fixture(const char *name, size_t *size)
{
    int folder = open(LINES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *bytes = file_read_at(folder, name, 1 << 20, size);
    close(folder);
    if (!bytes)
        fail_msg("cannot read " LINES "/%s", name);
    return (unsigned char *)bytes;
}

static int open_fixture(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, LINES "/%s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

struct point {
    uint32_t token, offset, line; /* line 0: hidden */
    char document[64];
};

/* The answers; the count. */
static size_t read_facts(struct point *points, size_t room, char id[41])
{
    size_t size, count = 0;
    char *text = (char *)read_fixture("Lines.txt", &size), *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        struct point *point = &points[count];
        if (sscanf(line, "id %40s", id) == 1)
            continue;
        assert_true(count < room);
        assert_int_equal(sscanf(line, "%x %u %u %63s", &point->token, &point->offset, &point->line, point->document),
                         4);
        count++;
    }
    free(text);
    return count;
}

static void assert_place(struct pdb *pdb, const struct point *at, uint32_t offset, const struct point *expected)
{
    struct pdb_place place;
    struct buffer name = {0};
    if (!pdb_find(pdb, at->token, offset, &place))
        fail_msg("nothing for %x+%u", at->token, offset);
    assert_int_equal(place.line, expected->line);
    assert_true(pdb_document(pdb, place.document, &name));
    assert_string_equal(buffer_get(&name), expected->document);
    buffer_free(&name);
}

/* The visible point that an offset belongs to: the last one before, else the first of the method. */
static const struct point *expected_at(const struct point *points, size_t count, size_t i)
{
    for (size_t back = i + 1; back-- > 0 && points[back].token == points[i].token;)
        if (points[back].line)
            return &points[back];
    for (size_t ahead = i; ahead < count && points[ahead].token == points[i].token; ahead++)
        if (points[ahead].line)
            return &points[ahead];
    return NULL;
}

static void check_every_point(const unsigned char *bytes, size_t size)
{
    struct point points[200];
    char id[41], hex[41];
    size_t count = read_facts(points, 200, id);
    struct pdb pdb;
    assert_int_equal(pdb_open(bytes, size, &pdb), MEDIC_OK);
    for (int i = 0; i < PDB_ID_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", pdb.id[i]);
    assert_string_equal(hex, id);
    for (size_t i = 0; i < count; i++) {
        const struct point *expected = expected_at(points, count, i);
        bool last = i + 1 == count || points[i + 1].token != points[i].token;
        if (!expected)
            continue;
        assert_place(&pdb, &points[i], points[i].offset, expected);
        assert_place(&pdb, &points[i], last ? UINT32_MAX - 1 : points[i + 1].offset - 1, expected);
    }
}

static void every_sequence_point_is_found(void **state)
{
    (void)state;
    size_t size;
    unsigned char *bytes = read_fixture("Lines.pdb", &size);
    check_every_point(bytes, size);
    free(bytes);
}

static void what_has_no_line_has_none(void **state)
{
    (void)state;
    size_t size;
    unsigned char *bytes = read_fixture("Lines.pdb", &size);
    struct pdb pdb;
    struct pdb_place place;
    struct buffer name = {0};
    static const uint32_t TOKENS[] = {0, 0x06000000, 0x06ffffff, 0x0a000001, UINT32_MAX};
    assert_int_equal(pdb_open(bytes, size, &pdb), MEDIC_OK);
    for (size_t i = 0; i < sizeof TOKENS / sizeof *TOKENS; i++)
        assert_false(pdb_find(&pdb, TOKENS[i], 0, &place));
    assert_false(pdb_document(&pdb, 0, &name));
    assert_false(pdb_document(&pdb, 1000, &name));
    pdb.budget = 3;
    assert_false(pdb_find(&pdb, 0x06000001, 0, &place));
    free(bytes);
}

static void an_assembly_names_its_pdb(void **state)
{
    (void)state;
    struct pe pe;
    struct pdb pdb;
    size_t size;
    unsigned char *bytes = read_fixture("Lines.pdb", &size);
    int fd = open_fixture("Lines.dll");
    assert_int_equal(pe_read(fd, &pe), MEDIC_OK);
    assert_true(pe.has_pdb && pe.has_mvid);
    assert_int_equal(pe.embedded_offset, 0);
    assert_text_has(pe.pdb_path, "Lines.pdb");
    assert_int_equal(pdb_open(bytes, size, &pdb), MEDIC_OK);
    assert_memory_equal(pe.pdb_id, pdb.id, PDB_ID_SIZE);
    free(bytes);
    close(fd);
}

static void an_embedded_pdb_is_unpacked(void **state)
{
    (void)state;
    struct pe pe;
    struct pdb pdb;
    unsigned char *packed, *bytes;
    size_t size;
    int fd = open_fixture("Embedded.dll");
    assert_int_equal(pe_read(fd, &pe), MEDIC_OK);
    assert_true(pe.embedded_offset > 0);
    packed = malloc(pe.embedded_size);
    assert_int_equal(pread(fd, packed, pe.embedded_size, (off_t)pe.embedded_offset), pe.embedded_size);
    assert_int_equal(pe_unpack(packed, pe.embedded_size, &bytes, &size), MEDIC_OK);
    assert_int_equal(pdb_open(bytes, size, &pdb), MEDIC_OK);
    assert_memory_equal(pe.pdb_id, pdb.id, PDB_ID_SIZE);
    struct pdb_place place;
    assert_true(pdb_find(&pdb, 0x06000001, 0, &place));
    free(bytes);
    packed[4]++; /* another size than it has */
    assert_int_equal(pe_unpack(packed, pe.embedded_size, &bytes, &size), MEDIC_E_CORRUPT);
    packed[7] = 0x7f; /* 2 GB */
    assert_int_equal(pe_unpack(packed, pe.embedded_size, &bytes, &size), MEDIC_E_CORRUPT);
    free(packed);
    close(fd);
}

static void use(const unsigned char *bytes, size_t size)
{
    struct pdb pdb;
    struct buffer name = {0};
    struct pdb_place place;
    if (pdb_open(bytes, size, &pdb))
        return;
    for (uint32_t row = 1; row <= 16; row++)
        if (pdb_find(&pdb, 0x06000000 | row, 20, &place))
            pdb_document(&pdb, place.document, &name);
    buffer_free(&name);
}

/* Valgrind and the sanitizers watch; here it must only come back. */
static void a_damaged_pdb_is_survived(void **state)
{
    (void)state;
    size_t size;
    unsigned char *bytes = read_fixture("Lines.pdb", &size);
    for (size_t cut = 0; cut < size; cut += 7) {
        unsigned char *copy = malloc(cut ? cut : 1); /* of that size, so that what lies behind is not ours */
        memcpy(copy, bytes, cut);
        use(copy, cut);
        free(copy);
    }
    for (size_t at = 0; at < size; at++)
        for (int value = 0; value < 256; value += 51) {
            unsigned char before = bytes[at];
            bytes[at] = (unsigned char)value;
            use(bytes, size);
            bytes[at] = before;
        }
    free(bytes);
}

static void a_damaged_assembly_is_survived(void **state)
{
    (void)state;
    size_t size;
    unsigned char *bytes = read_fixture("Embedded.dll", &size);
    int fd = memfd_create("pe", MFD_CLOEXEC);
    struct pe pe;
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    assert_int_equal(pe_read(fd, &pe), MEDIC_OK);
    for (size_t at = 0; at < size; at++) {
        unsigned char other = (unsigned char)(bytes[at] ^ 0xff);
        assert_int_equal(pwrite(fd, &other, 1, (off_t)at), 1);
        pe_read(fd, &pe);
        assert_int_equal(pwrite(fd, &bytes[at], 1, (off_t)at), 1);
    }
    for (size_t cut = size; cut-- > 0;) {
        assert_int_equal(ftruncate(fd, (off_t)cut), 0);
        pe_read(fd, &pe);
    }
    close(fd);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sequence_point_is_found), cmocka_unit_test(what_has_no_line_has_none),
        cmocka_unit_test(an_assembly_names_its_pdb),     cmocka_unit_test(an_embedded_pdb_is_unpacked),
        cmocka_unit_test(a_damaged_pdb_is_survived),     cmocka_unit_test(a_damaged_assembly_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
