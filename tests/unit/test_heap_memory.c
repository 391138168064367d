/* How much memory a copy of the process may use: read from the texts of the kernel, and decided from numbers. */
#include "core/services/heap_memory.h"

#include "test.h"

#define GB (UINT64_C(1) << 30)
#define MB (UINT64_C(1) << 20)

static void fields_are_found_with_and_without_a_unit(void **state)
{
    static const char text[] = "MemTotal:       24689380 kB\nMemFree:  1 kB\nMemAvailable:    2048 kB\n",
                      stat[] = "anon 5\ninactive_file 4096\nactive_file 7\n";
    (void)state;
    assert_int_equal(heap_memory_field(text, "MemAvailable"), 2 * MB);
    assert_int_equal(heap_memory_field(stat, "inactive_file"), 4096);
    assert_true(heap_memory_field(text, "Mem") == UINT64_MAX);
    assert_true(heap_memory_field(stat, "total_inactive_file") == UINT64_MAX);
    assert_true(heap_memory_field("", "x") == UINT64_MAX);
}

static void the_group_is_found_in_both_versions(void **state)
{
    static const char text[] = "9:name=systemd:/\n5:cpu,cpuacct:/c\n4:memory:/docker/12:3\n0::/kubepods/pod1\n";
    char path[64];
    (void)state;
    assert_true(heap_memory_group(text, "memory", path, sizeof path));
    assert_string_equal(path, "/docker/12:3");
    assert_true(heap_memory_group(text, "cpuacct", path, sizeof path));
    assert_string_equal(path, "/c");
    assert_true(heap_memory_group(text, "", path, sizeof path));
    assert_string_equal(path, "/kubepods/pod1");
    assert_false(heap_memory_group(text, "memor", path, sizeof path));
    assert_false(heap_memory_group(text, "memory", path, 5));
    assert_false(heap_memory_group("garbage\n::", "memory", path, sizeof path));
}

static void the_mount_is_found_in_both_versions(void **state)
{
    static const char text[] =
        "22 1 0:21 / /sys rw - sysfs sysfs rw\n"
        "30 22 0:26 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
        "31 22 0:27 /docker/12 /sys/fs/cgroup/memory ro master:3 - cgroup cgroup rw,memory\n";
    char point[64], root[64];
    (void)state;
    assert_true(heap_memory_mount(text, "", point, root, sizeof point));
    assert_string_equal(point, "/sys/fs/cgroup/unified");
    assert_string_equal(root, "/");
    assert_true(heap_memory_mount(text, "memory", point, root, sizeof point));
    assert_string_equal(point, "/sys/fs/cgroup/memory");
    assert_string_equal(root, "/docker/12");
    assert_false(heap_memory_mount(text, "cpu", point, root, sizeof point));
    assert_false(heap_memory_mount("1 2 3 - \n", "", point, root, sizeof point));
    assert_false(heap_memory_mount("", "", point, root, sizeof point));
}

static void fifteen_percent_of_a_group_stay_free(void **state)
{
    struct heap_memory memory = {{20 * GB, 24 * GB}, {GB, 2 * GB}};
    struct heap_floor floor = heap_memory_floor(&memory);
    (void)state;
    assert_true(floor.group > 300 * MB && floor.group < 310 * MB);
    assert_true(heap_memory_spare(&memory, &floor) < 730 * MB);
    memory.group.left = 300 * MB;
    assert_int_equal(heap_memory_spare(&memory, &floor), 0);
}

static void where_less_is_left_nothing_may_be_used(void **state)
{
    struct heap_memory memory = {{20 * GB, 24 * GB}, {100 * MB, 2 * GB}};
    struct heap_floor floor = heap_memory_floor(&memory);
    (void)state;
    assert_int_equal(heap_memory_spare(&memory, &floor), 0);
}

static void without_limits_the_machine_decides(void **state)
{
    struct heap_memory memory = {{20 * GB, 24 * GB}, {UINT64_MAX, UINT64_MAX}};
    struct heap_floor floor = heap_memory_floor(&memory);
    (void)state;
    assert_int_equal(floor.machine, GB);
    assert_int_equal(heap_memory_spare(&memory, &floor), 19 * GB);
}

static void this_process_has_a_size(void **state)
{
    struct heap_memory memory;
    struct heap_size size;
    (void)state;
    heap_memory_read(&memory);
    heap_size_read(&size);
    assert_true(memory.machine.left > MB && memory.machine.left < memory.machine.limit);
    assert_true(size.anonymous > 0 && size.resident >= 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_found_with_and_without_a_unit),
        cmocka_unit_test(the_group_is_found_in_both_versions),
        cmocka_unit_test(the_mount_is_found_in_both_versions),
        cmocka_unit_test(fifteen_percent_of_a_group_stay_free),
        cmocka_unit_test(where_less_is_left_nothing_may_be_used),
        cmocka_unit_test(without_limits_the_machine_decides),
        cmocka_unit_test(this_process_has_a_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
