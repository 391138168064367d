/* A copy of the process lets go of all memory that it shares: tried on real copies, with a code memory as the runtime's. */
#include "core/services/heap_code_memory.h"

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 40, FAR = 1000, GONE = 30 };

/* As sealed mappings (mseal) have it. */
static int sealed;

int mprotect(void *begin, size_t size, int protection)
{
    if (sealed)
        errno = EPERM;
    return sealed ? -1 : (int)syscall(SYS_mprotect, begin, size, protection);
}

int munmap(void *begin, size_t size)
{
    if (sealed)
        errno = EPERM;
    return sealed ? -1 : (int)syscall(SYS_munmap, begin, size);
}

static void only_shared_lines_that_matter_are_taken(void **state)
{
    struct shared_mapping mapping;
    (void)state;
    assert_true(code_memory_line("7f00-7f10 r-xs 00001000 00:01 1234    /memfd:doublemapper (deleted)", &mapping));
    assert_int_equal(mapping.begin, 0x7f00);
    assert_int_equal(mapping.end, 0x7f10);
    assert_int_equal(mapping.offset, 0x1000);
    assert_int_equal(mapping.inode, 1234);
    assert_int_equal(mapping.protection, PROT_READ | PROT_EXEC);
    assert_true(mapping.is_code);
    assert_true(code_memory_line("7f00-7f10 ---s 00001000 00:01 9 /memfd:doublemapper (deleted)", &mapping));
    assert_int_equal(mapping.protection, PROT_NONE);
    assert_true(code_memory_line("7f00-7f10 rw-s 00000000 00:01 9 /dev/shm/of the program", &mapping));
    assert_false(mapping.is_code);
    assert_true(code_memory_line("7f00-7f10 -w-s 00000000 00:01 9", &mapping));
    assert_false(code_memory_line("7f00-7f10 r--s 00000000 00:01 9 /app/Library.dll", &mapping));
    assert_false(code_memory_line("7f00-7f10 rw-p 00000000 00:00 0 [heap]", &mapping));
    assert_false(code_memory_line("7f00-7f10 rw-p 00000000 00:01 9 /memfd:doublemapper (deleted)", &mapping));
    assert_false(code_memory_line("", &mapping));
    assert_false(code_memory_line("7f00", &mapping));
    assert_false(code_memory_line("7f00-7f10 rw", &mapping));
    assert_false(code_memory_line("7f00-7f10 rw-s zz", &mapping));
}

static uint8_t *map(int fd, int protection, off_t page)
{
    uint8_t *memory = mmap(NULL, PAGES * PAGE, protection, MAP_SHARED, fd, page * PAGE);
    assert_true(memory != MAP_FAILED);
    return memory;
}

/* What a copy finds; the number that it ends with. */
struct world {
    int fd;
    uint8_t *code, *writable, *reserved, *program, *keep;
    struct code_memory memory;
};

static int look(struct world *world)
{
    medic_reason why;
    uint8_t *late;

    if (code_memory_unshare(&world->memory, world->keep, PAGES * PAGE, &why) != MEDIC_OK) {
        snprintf((char *)world->keep, PAGE, "%s", why.text);
        return 1;
    }
    if (world->code[5] != 7 || world->writable[5] != 7 || world->code[2 * PAGE] != 1 || world->code[GONE * PAGE] != 0)
        return 2; /* another content */
    world->writable[5] = 8;
    world->keep[0] = 1;
    if (world->code[5] != 8)
        return 3; /* no alias any more */
    late = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, world->memory.fd, FAR * PAGE);
    if (late == MAP_FAILED || late[9] != 3)
        return 4; /* what was not mapped is missing, or the descriptor is another */
    late[9] = 4;
    if (world->program[0] != 6)
        return 5; /* cannot be read */
    world->keep[1] = 2;
    world->program[0] = 9; /* the end of the copy */
    return 0;
}

/* After it was copied: a byte of a page, a new page, and a page that is gone. */
static void change_code(struct world *world)
{
    world->writable[5] = 7;
    assert_int_equal(pwrite(world->fd, "\3", 1, FAR * PAGE + 9), 1);
    assert_int_equal(fallocate(world->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, GONE * PAGE, PAGE), 0);
}

static void make_world(struct world *world)
{
    world->fd = (int)syscall(SYS_memfd_create, "doublemapper", 1);
    assert_true(world->fd >= 0);
    assert_int_equal(ftruncate(world->fd, (off_t)1 << 40), 0);
    world->code = map(world->fd, PROT_READ | PROT_EXEC, 0);
    world->writable = map(world->fd, PROT_READ | PROT_WRITE, 0);
    world->reserved = map(world->fd, PROT_NONE, PAGES);
    world->writable[5] = 5;
    world->writable[2 * PAGE] = 1;
    world->writable[GONE * PAGE] = 2;
    world->program = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    world->keep = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    world->program[0] = 6;
    assert_int_equal(code_memory_open(&world->memory, NULL), MEDIC_OK);
    assert_int_equal(code_memory_copy(&world->memory, NULL), MEDIC_OK);
    change_code(world);
}

static void end_world(struct world *world)
{
    code_memory_close(&world->memory);
    munmap(world->code, PAGES * PAGE);
    munmap(world->writable, PAGES * PAGE);
    munmap(world->reserved, PAGES * PAGE);
    munmap(world->program, PAGE);
    munmap(world->keep, PAGES * PAGE);
    close(world->fd);
}

static int status_of_copy(struct world *world, void (*prepare)(void))
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL); /* cmocka has its own */
        if (prepare)
            prepare();
        _exit(look(world));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void a_copy_writes_into_its_own_code_memory_only(void **state)
{
    struct world world;
    uint8_t byte;
    int status;
    (void)state;
    make_world(&world);
    assert_int_equal(world.memory.fd, world.fd);
    assert_int_equal(world.memory.bytes, 3 * PAGE);
    status = status_of_copy(&world, NULL);
    assert_true(WIFSIGNALED(status)); /* of writing to the program's memory: look went through to there */
    assert_int_equal(WTERMSIG(status), SIGSEGV);
    assert_int_equal(world.keep[1], 2);
    assert_int_equal(world.code[5], 7);
    assert_int_equal(pread(world.fd, &byte, 1, FAR * PAGE + 9), 1);
    assert_int_equal(byte, 3);
    assert_int_equal(world.program[0], 6);
    end_world(&world);
}

static void check_refused(struct world *world, void (*prepare)(void), const char *sentence)
{
    int status = status_of_copy(world, prepare);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_text_has((const char *)world->keep, sentence);
}

static void code_memory_without_its_descriptor_is_refused(void **state)
{
    struct world world;
    (void)state;
    make_world(&world);
    world.memory.fd = -1;
    check_refused(&world, NULL, "the runtime's code memory has no descriptor");
    world.memory.fd = 0; /* it became another */
    check_refused(&world, NULL, "the runtime's code memory has no descriptor");
    end_world(&world);
}

static void a_second_code_memory_is_refused(void **state)
{
    int fd = (int)syscall(SYS_memfd_create, "doublemapper", 1);
    struct world world;
    uint8_t *second;
    (void)state;
    make_world(&world);
    assert_int_equal(ftruncate(fd, PAGES * PAGE), 0);
    second = map(fd, PROT_READ | PROT_EXEC, 0);
    check_refused(&world, NULL, "the runtime's code memory has no descriptor");
    munmap(second, PAGES * PAGE);
    close(fd);
    end_world(&world);
}

static void forbid_files(void)
{
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, 0});
}

static void forbid_large_files(void)
{
    signal(SIGXFSZ, SIG_IGN); /* the copy blocks all signals */
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){PAGE, PAGE});
}

static void seal_all(void)
{
    sealed = 1;
}

static void what_the_system_refuses_the_copy_is_a_sentence(void **state)
{
    struct world world;
    (void)state;
    make_world(&world);
    check_refused(&world, forbid_files, "the copy cannot read its own /proc/self/maps");
    check_refused(&world, forbid_large_files, "the copy cannot have its own code memory: errno 27");
    check_refused(&world, seal_all, "the copy cannot let go of memory that the program shares");
    end_world(&world);
}

static void a_copy_that_the_system_refuses_beforehand_is_a_sentence(void **state)
{
    struct world world;
    struct rlimit before;
    medic_reason why;
    int code;
    (void)state;
    make_world(&world);
    close(world.memory.copy);
    getrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){PAGE, before.rlim_max});
    code = code_memory_copy(&world.memory, &why);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(code, MEDIC_E_DENIED);
    assert_text_has(why.text, "the copy cannot have its own code memory: errno 27");
    end_world(&world);
}

static void without_address_space_there_is_a_sentence(void **state)
{
    struct rlimit before, limit;
    struct code_memory memory;
    medic_reason why;
    int code;
    (void)state;
    getrlimit(RLIMIT_AS, &before);
    limit = before;
    limit.rlim_cur = PAGE;
    setrlimit(RLIMIT_AS, &limit);
    code = code_memory_open(&memory, &why);
    setrlimit(RLIMIT_AS, &before);
    assert_int_equal(code, MEDIC_E_MEMORY);
    assert_text_has(why.text, "no address space for the copy's list of mappings: ");
}

static void a_program_without_code_memory_needs_none(void **state)
{
    struct code_memory memory;
    uint8_t *keep = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    medic_reason why;
    int status = -1;
    pid_t pid;
    (void)state;
    assert_int_equal(code_memory_open(&memory, NULL), MEDIC_OK);
    assert_int_equal(memory.fd, -1);
    pid = fork();
    if (pid == 0)
        _exit(code_memory_unshare(&memory, keep, PAGE, &why) != MEDIC_OK);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    code_memory_close(&memory);
    munmap(keep, PAGE);
}

static void descriptors_that_cannot_be_looked_through_are_told(void **state)
{
    struct code_memory memory;
    struct rlimit before, none;
    medic_reason why;
    int code;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    code = code_memory_open(&memory, &why);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(code, MEDIC_E_IO);
    assert_text_has(why.text, "cannot look through the descriptors");
    assert_null(memory.room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_shared_lines_that_matter_are_taken),
        cmocka_unit_test(a_copy_writes_into_its_own_code_memory_only),
        cmocka_unit_test(code_memory_without_its_descriptor_is_refused),
        cmocka_unit_test(a_second_code_memory_is_refused),
        cmocka_unit_test(what_the_system_refuses_the_copy_is_a_sentence),
        cmocka_unit_test(a_copy_that_the_system_refuses_beforehand_is_a_sentence),
        cmocka_unit_test(without_address_space_there_is_a_sentence),
        cmocka_unit_test(a_program_without_code_memory_needs_none),
        cmocka_unit_test(descriptors_that_cannot_be_looked_through_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
