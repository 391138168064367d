/* medic.params: the session's parameters, already validated against the descriptor's table. Both halves. */
#ifndef MEDIC_SERVICE_PARAMS_H
#define MEDIC_SERVICE_PARAMS_H

#include <medic/plugin.h>

#define MEDIC_SERVICE_PARAMS "medic.params/draft"

/* [worker] [tool] Each returns MEDIC_E_NOT_FOUND for a key that is not in the descriptor's table and MEDIC_E_ARGUMENT
 * for one of another type. Texts are owned by the host and live as long as it. */
typedef struct medic_params_service {
    uint32_t size;
    uint32_t reserved;
    int (*get_bool)(const medic_host *host, const char *key, int *value);
    int (*get_int)(const medic_host *host, const char *key, int64_t *value);
    int (*get_float)(const medic_host *host, const char *key, double *value);
    int (*get_text)(const medic_host *host, const char *key, const char **value); /* ENUM and STRING */
    int (*get_duration)(const medic_host *host, const char *key, uint64_t *nanoseconds);
    int (*get_size)(const medic_host *host, const char *key, uint64_t *bytes);
} medic_params_service;

#endif
