/* The walk over native stacks of this process, beside libgcc's. */
#include "core/unwind/memory.h"
#include "core/unwind/unwind.h"

#include "fake_runtime.h"
#include "test.h"

#include <errno.h>
#include <execinfo.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { STACK_MAX = 1 << 16, DEPTH = 64 };

static struct unwind_registers registers;
static struct unwind_stack stack;
static uint8_t copy[STACK_MAX];
static void *expected[DEPTH];
static int expected_count;

static void take(const ucontext_t *context, uint64_t low)
{
    static const uint8_t order[17] = {8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7, 16};
    pthread_attr_t attributes;
    void *address;
    size_t size;

    for (int i = 0; i < 17; i++)
        registers.r[order[i]] = (uint64_t)context->uc_mcontext.gregs[i];
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &address, &size);
    pthread_attr_destroy(&attributes);
    uint64_t end = (uint64_t)(uintptr_t)address + size;
    stack =
        (struct unwind_stack){copy, low, end - low < sizeof copy ? end - low : sizeof copy, end - low < sizeof copy};
    memcpy(copy, (const void *)(uintptr_t)low, stack.size); /* NOLINT */
    expected_count = backtrace(expected, DEPTH);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info;
    take(context, (uint64_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RSP] - 128);
}

static void interrupt_me(void)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO}, old;
    sigaction(SIGUSR1, &action, &old);
    raise(SIGUSR1);
    sigaction(SIGUSR1, &old, NULL);
}

static int by_qsort(const void *a, const void *b)
{
    static bool done;
    if (!done)
        interrupt_me();
    done = true;
    return *(const int *)a - *(const int *)b;
}

static uint32_t walk(struct unwind_step *steps, uint32_t capacity, uint32_t *flags)
{
    struct unwinder *u = unwinder_new(&fake_runtime);
    assert_non_null(u);
    uint32_t count = unwind(u, &registers, &stack, 0, steps, capacity, flags);
    assert_true(unwinder_memory(u) > 0 && unwinder_memory(u) < 6 << 20);
    unwinder_free(u);
    return count;
}

/* libgcc saw the handler too: its walk begins some frames earlier. */
static void assert_as_expected(const struct unwind_step *steps, uint32_t count)
{
    int skipped = 0;
    while (skipped < expected_count && (uint64_t)(uintptr_t)expected[skipped] != steps[0].ip)
        skipped++;
    assert_int_equal(count, expected_count - skipped);
    for (uint32_t i = 1; i < count; i++) {
        assert_int_equal(steps[i].ip, (uint64_t)(uintptr_t)expected[(uint32_t)skipped + i] - 1);
        assert_true(i == 0 || steps[i].cfa >= steps[i - 1].cfa);
    }
}

static void the_main_thread_is_walked_to_its_root(void **state)
{
    int numbers[] = {3, 2, 1};
    struct unwind_step steps[DEPTH];
    uint32_t flags;
    (void)state;
    qsort(numbers, 3, sizeof numbers[0], by_qsort);
    stack.whole = 1; /* libc's qsort, cmocka, main, _start lie within what was copied */
    uint32_t count = walk(steps, DEPTH, &flags);
    assert_int_equal(flags, 0);
    assert_as_expected(steps, count);
}

static void *in_thread(void *argument)
{
    interrupt_me();
    return argument;
}

static void a_thread_is_walked_to_its_root(void **state)
{
    struct unwind_step steps[DEPTH];
    uint32_t flags;
    pthread_t thread;
    (void)state;
    pthread_create(&thread, NULL, in_thread, NULL);
    pthread_join(thread, NULL);
    uint32_t count = walk(steps, DEPTH, &flags);
    assert_int_equal(flags, 0);
    assert_as_expected(steps, count);
}

static void on_inner_signal(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info, (void)context;
    interrupt_me();
}

static void a_signal_frame_is_passed(void **state)
{
    struct sigaction action = {.sa_sigaction = on_inner_signal, .sa_flags = SA_SIGINFO}, old;
    struct unwind_step steps[DEPTH];
    uint32_t flags;
    (void)state;
    sigaction(SIGUSR2, &action, &old);
    raise(SIGUSR2);
    sigaction(SIGUSR2, &old, NULL);
    stack.whole = 1;
    uint32_t count = walk(steps, DEPTH, &flags);
    assert_int_equal(flags, 0);
    assert_true(count > 6);
}

static void what_was_not_copied_truncates(void **state)
{
    struct unwind_step steps[DEPTH];
    uint32_t flags, whole = walk(steps, DEPTH, &flags);
    (void)state;
    stack.whole = 0;
    stack.size = steps[2].cfa - stack.low;
    uint32_t count = walk(steps, DEPTH, &flags);
    assert_true(count >= 3 && count < whole);
    assert_int_equal(flags, MEDIC_STACK_TRUNCATED);
    assert_int_equal(walk(steps, 2, &flags), 2);
    assert_int_equal(flags, MEDIC_STACK_TRUNCATED);
}

static void nonsense_breaks_and_ends(void **state)
{
    struct unwind_step steps[DEPTH];
    uint32_t flags;
    (void)state;
    registers.r[UNWIND_IP] = 0x1234;
    registers.r[UNWIND_RBP] = UINT64_MAX - 4;
    memset(copy, 0x5a, sizeof copy);
    assert_int_equal(walk(steps, DEPTH, &flags), 1);
    assert_int_equal(flags, MEDIC_STACK_BROKEN);
    registers.r[UNWIND_RSP] = UINT64_MAX;
    assert_int_equal(walk(steps, DEPTH, &flags), 1);
    stack.size = 0;
    assert_int_equal(walk(steps, DEPTH, &flags), 1);
    registers.r[UNWIND_IP] = 0;
    assert_int_equal(walk(steps, DEPTH, &flags), 0);
}

static void code_is_told_by_its_library(void **state)
{
    struct unwinder *u = unwinder_new(&fake_runtime);
    struct unwind_code code;
    (void)state;
    unwind_code_at(u, (uint64_t)(uintptr_t)&getpid, &code);
    assert_int_equal(code.kind, UNWIND_NATIVE);
    assert_text_has(code.image.path, "libc.so.6");
    assert_int_equal(code.image.build_id_size, 20);
    assert_true(code.image.begin <= (uint64_t)(uintptr_t)&getpid && (uint64_t)(uintptr_t)&getpid < code.image.end);
    uint64_t id = code.image.id;
    unwind_code_at(u, (uint64_t)(uintptr_t)&code_is_told_by_its_library, &code);
    assert_text_has(code.image.path, "test_unwind");
    assert_true(code.image.id != id);
    unwind_code_at(u, (uint64_t)(uintptr_t)&registers, &code);
    assert_int_equal(code.kind, UNWIND_UNKNOWN);
    unwinder_refresh(u);
    unwind_code_at(u, (uint64_t)(uintptr_t)&getpid, &code);
    assert_int_equal(code.image.id, id);
    unwinder_free(u);
}

static void bad_addresses_are_refused_and_not_touched(void **state)
{
    struct memory *memory = memory_new();
    uint8_t *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint8_t bytes[64];
    (void)state;
    pages[4090] = 7;
    munmap(pages + 4096, 4096);
    uint64_t last = (uint64_t)(uintptr_t)pages + 4090;
    assert_false(memory_read(memory, 0, bytes, 8));
    assert_false(memory_read(memory, UINT64_MAX - 3, bytes, 8));
    assert_false(memory_read(memory, last, bytes, 8));
    assert_int_equal(memory_read_some(memory, last, bytes, sizeof bytes), 6);
    assert_int_equal(bytes[0], 7);
    assert_true(memory_read_constant(memory, last, bytes, 6));
    assert_false(memory_read_constant(memory, last, bytes, 7));
    munmap(pages, 4096);
    assert_false(memory_read(memory, last, bytes, 6));
    assert_true(memory_read_constant(memory, last, bytes, 6)); /* kept until memory_forget */
    memory_forget(memory);
    assert_false(memory_read_constant(memory, last, bytes, 6));
    memory_free(memory);
}

static int refuse_process_vm_readv(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static int reads_through_a_pipe(void)
{
    struct memory *memory = memory_new();
    uint8_t source[10000], bytes[10000] = {0};
    for (size_t i = 0; i < sizeof source; i++)
        source[i] = (uint8_t)(i * 7);
    int good = memory_read(memory, (uint64_t)(uintptr_t)source, bytes, sizeof bytes) &&
               memcmp(source, bytes, sizeof bytes) == 0 && !memory_read(memory, 16, bytes, 8) &&
               !memory_read(memory, UINT64_MAX - 100, bytes, 8) &&
               memory_read(memory, (uint64_t)(uintptr_t)source + 5, bytes, 8) && bytes[0] == source[5];
    memory_free(memory);
    return good;
}

static void where_the_kernel_refuses_a_pipe_checks_addresses(void **state)
{
    int status = 0;
    pid_t child = fork();
    (void)state;
    if (child == 0)
        _exit(!refuse_process_vm_readv() ? 2 : reads_through_a_pipe() ? 0 : 1);
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 2)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_main_thread_is_walked_to_its_root),
        cmocka_unit_test(a_thread_is_walked_to_its_root),
        cmocka_unit_test(a_signal_frame_is_passed),
        cmocka_unit_test(what_was_not_copied_truncates),
        cmocka_unit_test(nonsense_breaks_and_ends),
        cmocka_unit_test(code_is_told_by_its_library),
        cmocka_unit_test(bad_addresses_are_refused_and_not_touched),
        cmocka_unit_test(where_the_kernel_refuses_a_pipe_checks_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
