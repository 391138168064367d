/* From a capture and the files of its target to symbols.json. Needs LINES: fixtures of test_pdb. */
#include "test.h"

#include "capture_writer.h"
#include "scratch.h"
#include "tool/files.h"
#include "tool/native_symbols.h"
#include "tool/pe.h"
#include "tool/symbols.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct buffer bytes;
static char root[64];
static int folder, capture_fd;
static struct capture *capture;
static struct symbols *symbols;

static int begin(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/medic-test-symbols-XXXXXX");
    if (!mkdtemp(root) || chmod(root, 0755))
        return -1;
    folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bytes = (struct buffer){0};
    put_header(&bytes);
    return mkdirat(folder, "app", 0755);
}

static int end(void **state)
{
    (void)state;
    symbols_close(symbols);
    capture_close(capture);
    close(capture_fd);
    buffer_free(&bytes);
    close(folder);
    symbols = NULL;
    capture = NULL;
    return scratch_remove(root);
}

static void copy_fixture(const char *name, const char *to)
{
    int from = open(LINES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    size_t size;
    char *content = file_read_at(from, name, 1 << 20, &size);
    assert_non_null(content);
    int fd = openat(folder, to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_int_equal(write(fd, content, size), (ssize_t)size);
    close(fd);
    close(from);
    free(content);
}

static void make_as(const char *place, uid_t uid)
{
    medic_reason why = {""};
    struct symbols_source source = {place, uid, (gid_t)uid};
    capture_fd = file_with(bytes.bytes, bytes.size);
    assert_int_equal(capture_open(capture_fd, &capture, NULL), MEDIC_OK);
    if (symbols_make(folder, capture, &source, &why) || symbols_open(folder, &symbols, &why))
        fail_msg("%s", why.text);
}

static void make(const char *place)
{
    make_as(place, getuid());
}

static void put_il_frame(uint32_t id, uint64_t function, uint64_t module, uint32_t il_offset)
{
    medic_frame_record frame = {id, MEDIC_FRAME_MANAGED, 0x1000 + id, function, module, il_offset, 0};
    put_record(&bytes, MEDIC_RECORD_FRAME, &frame, sizeof frame, NULL);
}

static void put_loaded(uint64_t id, const char *path, const GUID *mvid)
{
    medic_module_record module = {.id = id, .length = (uint32_t)strlen(path)};
    if (mvid)
        module.mvid = *mvid;
    put_record(&bytes, MEDIC_RECORD_MODULE, &module, sizeof module, path);
}

static GUID mvid_of(const char *name)
{
    static struct pe pe;
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    assert_int_equal(pe_read(fd, &pe), MEDIC_OK);
    close(fd);
    return pe.mvid;
}

static void assert_line(uint32_t frame, const char *file, uint32_t line)
{
    struct symbol symbol = symbols_of(symbols, frame);
    if (!symbol.file)
        fail_msg("frame %u has no file", frame);
    assert_string_equal(symbol.file, file);
    assert_int_equal(symbol.line, line);
    assert_null(symbol.function);
}

/* Numbers from fixtures/lines/Lines.txt. */
static void put_program(uint64_t module)
{
    put_function(&bytes, 70, module, 0x06000001, "Lines.Program.Main(string[])");
    put_function(&bytes, 71, module, 0x06000005, "Lines.Program.Elsewhere()");
    put_il_frame(1, 70, module, 92);
    put_il_frame(2, 70, module, 12);
    put_il_frame(3, 71, module, 15);
    put_il_frame(4, 71, module, MEDIC_NO_IL_OFFSET);
    put_il_frame(5, 72, module, 1); /* without a name record there is no token */
}

static void assert_program(void)
{
    assert_line(1, "/src/Lines.cs", 16);
    assert_line(2, "/src/Lines.cs", 11);
    assert_line(3, "/src/Third.cs", 5);
    assert_line(4, "/src/Elsewhere.cs", 0);
    assert_null(symbols_of(symbols, 5).file);
}

static void a_pdb_beside_the_module_gives_lines(void **state)
{
    (void)state;
    copy_fixture("Lines.dll", "app/Lines.dll");
    copy_fixture("Lines.pdb", "app/Lines.pdb");
    GUID mvid = mvid_of("app/Lines.dll");
    put_loaded(7, "/app/Lines.dll", &mvid);
    put_program(7);
    make(root);
    assert_program();
}

static void an_embedded_pdb_gives_lines(void **state)
{
    (void)state;
    copy_fixture("Embedded.dll", "app/Embedded.dll");
    put_loaded(7, "/app/Embedded.dll", NULL);
    put_program(7);
    make(root);
    assert_program();
}

static void a_pdb_in_the_capture_gives_lines_when_the_files_are_out_of_reach(void **state)
{
    (void)state;
    int from = open(LINES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    size_t size;
    char *pdb = file_read_at(from, "Lines.pdb", 1 << 20, &size);
    medic_symbols_record head = {7, MEDIC_SYMBOLS_PDB, (uint32_t)size};
    put_bytes(&bytes, MEDIC_RECORD_SYMBOLS, &head, sizeof head, pdb, size);
    put_loaded(7, "/nowhere/Lines.dll", NULL);
    put_program(7);
    make(root);
    assert_program();
    free(pdb);
    close(from);
}

static void another_file_than_the_loaded_one_gives_nothing(void **state)
{
    (void)state;
    copy_fixture("Lines.dll", "app/Lines.dll");
    copy_fixture("Lines.pdb", "app/Lines.pdb");
    GUID mvid = mvid_of("app/Lines.dll");
    mvid.Data1 ^= 1;
    put_loaded(7, "/app/Lines.dll", &mvid);
    put_program(7);
    make(root);
    assert_null(symbols_of(symbols, 1).file);
}

static void a_pdb_of_another_build_gives_nothing(void **state)
{
    (void)state;
    copy_fixture("Embedded.dll", "app/Lines.dll"); /* its id differs; what it embeds is not beside it */
    copy_fixture("Lines.pdb", "app/Lines.pdb");
    copy_fixture("Lines.pdb", "app/Embedded.pdb");
    int fd = openat(folder, "app/Lines.dll", O_RDWR | O_CLOEXEC);
    static struct pe pe;
    assert_int_equal(pe_read(fd, &pe), MEDIC_OK);
    assert_int_equal(pwrite(fd, "XXXX", 4, (off_t)pe.embedded_offset), 4);
    close(fd);
    put_loaded(7, "/app/Lines.dll", NULL);
    put_program(7);
    make(root);
    assert_null(symbols_of(symbols, 1).file);
}

static void links_stay_within_the_root_of_the_target(void **state)
{
    (void)state;
    char outside[512];
    copy_fixture("Lines.dll", "app/Lines.dll");
    copy_fixture("Lines.pdb", "real.pdb");
    assert_int_equal(symlinkat("/real.pdb", folder, "app/Lines.pdb"), 0); /* absolute, as the target means it */
    copy_fixture("Lines.dll", "app/Other.dll");
    snprintf(outside, sizeof outside, "../../../../../../../../..%s/Lines.pdb", LINES);
    assert_int_equal(symlinkat(outside, folder, "app/Other.pdb"), 0);
    put_loaded(7, "/app/Lines.dll", NULL);
    put_program(7);
    make(root);
    assert_program();
}

static void links_out_of_the_root_lead_nowhere(void **state)
{
    (void)state;
    char outside[512];
    copy_fixture("Lines.dll", "app/Lines.dll");
    snprintf(outside, sizeof outside, "../../../../../../../../..%s/Lines.pdb", LINES);
    assert_int_equal(symlinkat(outside, folder, "app/Lines.pdb"), 0);
    put_loaded(7, "/app/Lines.dll", NULL);
    put_program(7);
    make(root);
    assert_null(symbols_of(symbols, 1).file);
}

static void files_that_the_target_may_not_read_are_not_read_for_it(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip();
    copy_fixture("Lines.dll", "app/Lines.dll");
    copy_fixture("Lines.pdb", "app/Lines.pdb");
    assert_int_equal(fchmodat(folder, "app/Lines.pdb", 0600, 0), 0);
    put_loaded(7, "/app/Lines.dll", NULL);
    put_program(7);
    make_as(root, 65534);
    assert_null(symbols_of(symbols, 1).file);
}

static void what_is_no_file_does_not_hold_it_up(void **state)
{
    (void)state;
    assert_int_equal(mkfifoat(folder, "app/Lines.dll", 0644), 0);
    assert_int_equal(mkdirat(folder, "app/b.so", 0755), 0);
    put_loaded(7, "/app/Lines.dll", NULL);
    put_loaded(8, "relative.dll", NULL);
    put_image(&bytes, 1, 0, "/app/b.so");
    put_image(&bytes, 2, 0, "[vdso]");
    put_program(7);
    put_frame(&bytes, 6, MEDIC_FRAME_NATIVE, 1, 0, 1);
    put_frame(&bytes, 7, MEDIC_FRAME_NATIVE, 1, 0, 2);
    put_frame(&bytes, 8, MEDIC_FRAME_NATIVE, 1, 0, 3);
    make(root);
    for (uint32_t id = 1; id <= 8; id++)
        assert_null(symbols_of(symbols, id).function);
}

static void a_capture_without_frames_needs_no_file(void **state)
{
    (void)state;
    make(root);
    assert_int_equal(faccessat(folder, SYMBOLS_FILE, F_OK, 0), -1);
    assert_null(symbols_of(symbols, 1).file);
}

/* --- native --- */

__attribute__((noinline)) static int native_marker(int number) /* the line of this marker: MARKER_LINE */
{
    __asm__ volatile("" ::: "memory");
    return number + 1;
}
enum { MARKER_LINE = __LINE__ - 5 };

static int take_first(struct dl_phdr_info *info, size_t size, void *bias)
{
    (void)size;
    *(uint64_t *)bias = info->dlpi_addr;
    return 1;
}

static void native_code_has_names_and_lines(void **state)
{
    (void)state;
    char self[512];
    uint64_t bias = 0;
    Dl_info about;
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(size > 0);
    self[size] = '\0';
    dl_iterate_phdr(take_first, &bias);
    assert_int_not_equal(dladdr((void *)(uintptr_t)gnu_get_libc_version, &about), 0);
    put_image(&bytes, 1, bias, self);
    put_image(&bytes, 2, (uint64_t)(uintptr_t)about.dli_fbase, about.dli_fname);
    medic_image_record wrong = {.id = 3, .bias = bias, .build_id_size = 20, .length = (uint32_t)strlen(self)};
    put_record(&bytes, MEDIC_RECORD_IMAGE, &wrong, sizeof wrong, self);
    put_frame(&bytes, 1, MEDIC_FRAME_NATIVE, (uint64_t)(uintptr_t)native_marker, 0, 1);
    put_frame(&bytes, 2, MEDIC_FRAME_NATIVE, (uint64_t)(uintptr_t)gnu_get_libc_version + 2, 0, 2);
    put_frame(&bytes, 3, MEDIC_FRAME_NATIVE, (uint64_t)(uintptr_t)native_marker, 0, 3);
    put_frame(&bytes, 4, MEDIC_FRAME_NATIVE, bias + 1, 0, 1); /* the ELF header */
    make("");
    assert_non_null(symbols_of(symbols, 1).function);
    assert_string_equal(symbols_of(symbols, 1).function, "native_marker");
    assert_non_null(symbols_of(symbols, 2).function);
    if (symbols_of(symbols, 1).file) { /* built with -g */
        assert_text_has(symbols_of(symbols, 1).file, "test_symbols.c");
        assert_in_range(symbols_of(symbols, 1).line, MARKER_LINE, MARKER_LINE + 4);
    }
    assert_string_equal(symbols_of(symbols, 2).function, "gnu_get_libc_version");
    assert_null(symbols_of(symbols, 3).function); /* another build */
    assert_null(symbols_of(symbols, 4).function);
    assert_int_equal(native_marker(1), 2);
}

static void symbols_are_named_for_people(void **state)
{
    (void)state;
    static const char *const NAMES[][2] = {
        {"memcpy@@GLIBC_2.14", "memcpy"},
        {"_ZN3WKS7gc_heap18mark_object_simpleEPPh", "WKS::gc_heap::mark_object_simple"},
        {"_ZNK3FooclEi", "Foo::operator()"},
        {"_ZN12_GLOBAL__N_11fEv", "(anonymous namespace)::f"},
        {"_ZNSt6vectorIiSaIiEE9push_backEOi", "std::vector<int, std::allocator<int> >::push_back"},
        {"_ZN3Foo3barEPFvivE.part.0", "Foo::bar"},
        {"_Z", "_Z"},
        {"_ZTV3Foo", "vtable for Foo"},
        {"plain_c", "plain_c"},
    };
    struct buffer text = {0};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        native_symbol_text(NAMES[i][0], &text);
        assert_string_equal(buffer_get(&text), NAMES[i][1]);
    }
    buffer_free(&text);
}

static void many_frames_take_a_moment(void **state)
{
    (void)state;
    struct timespec before, after;
    copy_fixture("Lines.dll", "app/Lines.dll");
    copy_fixture("Lines.pdb", "app/Lines.pdb");
    put_loaded(7, "/app/Lines.dll", NULL);
    put_function(&bytes, 70, 7, 0x06000001, "Lines.Program.Main(string[])");
    for (uint32_t id = 1; id <= 100000; id++)
        put_il_frame(id, 70, 7, id % 120);
    clock_gettime(CLOCK_MONOTONIC, &before);
    make(root);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_non_null(symbols_of(symbols, 100000).file);
    assert_true(after.tv_sec - before.tv_sec < 20);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_pdb_beside_the_module_gives_lines),
        TEST(an_embedded_pdb_gives_lines),
        TEST(a_pdb_in_the_capture_gives_lines_when_the_files_are_out_of_reach),
        TEST(another_file_than_the_loaded_one_gives_nothing),
        TEST(a_pdb_of_another_build_gives_nothing),
        TEST(links_stay_within_the_root_of_the_target),
        TEST(links_out_of_the_root_lead_nowhere),
        TEST(files_that_the_target_may_not_read_are_not_read_for_it),
        TEST(what_is_no_file_does_not_hold_it_up),
        TEST(a_capture_without_frames_needs_no_file),
        TEST(native_code_has_names_and_lines),
        TEST(symbols_are_named_for_people),
        TEST(many_frames_take_a_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
