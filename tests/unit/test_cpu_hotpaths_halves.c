/* The capture half of cpu_hotpaths between a made-up host that refuses, and nothing else. */
#include "test.h"

#include "plugins/cpu_hotpaths/cpu_hotpaths.h"

static int know_no_duration(const medic_host *host, const char *key, uint64_t *nanoseconds)
{
    (void)host, (void)key, (void)nanoseconds;
    return MEDIC_E_NOT_FOUND;
}

static const void *find_service(const medic_host *host, const char *name)
{
    static const medic_params_service params = {.size = sizeof params, .get_duration = know_no_duration};
    (void)host;
    return strcmp(name, MEDIC_SERVICE_PARAMS) == 0 ? &params : NULL;
}

static void a_host_without_its_parameters_is_refused(void **state)
{
    const medic_host host = {sizeof host, 0, find_service};
    medic_reason why = {""};
    void *instance = NULL;

    (void)state;
    assert_int_equal(cpu_hotpaths_capture.create(&host, &instance, &why), MEDIC_E_NOT_FOUND);
    assert_text_has(why.text, "the host does not know the parameters of cpu_hotpaths");
    assert_null(instance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_host_without_its_parameters_is_refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
