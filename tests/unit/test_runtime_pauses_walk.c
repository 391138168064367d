/* runtime_pauses: the walk by frame pointers, through plain calls and through a signal. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-omit-frame-pointer")
#define FRAME_POINTERS 1
#else
#define FRAME_POINTERS 0
#endif

#include "test.h"

#include <signal.h>
#include <ucontext.h>

#include "plugins/runtime_pauses/frame_walk_suspended.h"

enum { ROOM = 48 };

static uint64_t scratch[FRAME_WALK_WORDS];
static uint64_t addresses[ROOM];
static uint32_t count;
static uint32_t room = ROOM;

/* Where the functions below were when they called on. */
static uint64_t called_from[8];
static uint32_t depth;

__attribute__((noinline)) static void walk(void)
{
    count = frame_walk(frame_walk_restorer(), scratch, addresses, room);
}

__attribute__((noinline)) static void nested(int levels, void (*bottom)(void))
{
    called_from[depth++] = (uint64_t)(uintptr_t)__builtin_return_address(0);
    if (levels)
        nested(levels - 1, bottom);
    else
        bottom();
    __asm__ volatile(""); /* no tail call */
}

static int was_seen(uint64_t return_address)
{
    for (uint32_t i = 0; i < count; i++)
        if (addresses[i] == return_address - 1)
            return 1;
    return 0;
}

static void set_up(void)
{
    count = depth = 0;
    room = ROOM;
    if (!FRAME_POINTERS || !frame_walk_restorer())
        skip();
}

static void callers_are_seen(void **state)
{
    (void)state;
    set_up();
    nested(5, walk);
    for (uint32_t i = 0; i < 6; i++)
        assert_true(was_seen(called_from[i]));
}

static uint64_t interrupted_at;

static void on_trap(int number, siginfo_t *info, void *context)
{
    ucontext_t *registers = context;

    (void)number, (void)info;
    interrupted_at = (uint64_t)registers->uc_mcontext.gregs[REG_RIP];
    nested(4, walk);
    registers->uc_mcontext.gregs[REG_RIP] += 2; /* over ud2 */
}

__attribute__((noinline)) static void trap(void)
{
    __asm__ volatile("ud2");
}

static void the_interrupted_instruction_and_its_callers_are_seen_through_a_signal(void **state)
{
    (void)state;
    set_up();
    struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
    struct sigaction old;
    assert_int_equal(sigaction(SIGILL, &action, &old), 0);
    nested(2, trap);
    sigaction(SIGILL, &old, NULL);
    assert_int_not_equal(interrupted_at, 0);
    assert_true(was_seen(interrupted_at + 1));
    for (uint32_t i = 0; i < 3; i++)
        assert_true(was_seen(called_from[i]));
}

static void no_more_than_there_is_room_for(void **state)
{
    (void)state;
    set_up();
    room = 2;
    nested(5, walk);
    assert_int_equal(count, 2);
    room = 0;
    walk();
    assert_int_equal(count, 0);
}

/* What a stack holds is not to be trusted: a chain that leads anywhere must end, not fault. */
static void a_broken_chain_ends_the_walk(void **state)
{
    (void)state;
    set_up();
    volatile uint64_t decoys[64];
    for (uint32_t i = 0; i < 64; i++)
        decoys[i] =
            i % 2 ? UINT64_C(0xdeadbeefdeadbeef) : (uint64_t)(uintptr_t)&decoys[i] + (i % 4 ? 8 : UINT64_C(1) << 40);
    nested(5, walk);
    assert_true(count <= ROOM);
    assert_int_not_equal(decoys[1], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callers_are_seen),
        cmocka_unit_test(the_interrupted_instruction_and_its_callers_are_seen_through_a_signal),
        cmocka_unit_test(no_more_than_there_is_room_for),
        cmocka_unit_test(a_broken_chain_ends_the_walk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
