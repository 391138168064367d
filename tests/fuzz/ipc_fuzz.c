/* Everything that reads bytes of a target: replies of its runtime, and the text that /proc shows of it.
 * The first byte chooses the parser. */
#include "../../tool/ipc.h"
#include "../../tool/proc.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_info(unsigned command, const uint8_t *data, size_t size)
{
    struct ipc_process_info info;
    medic_reason why;
    ipc_parse_process_info(command, data, size, &info, &why);
    ipc_process_info_free(&info);
}

static void fuzz_reply(const uint8_t *data, size_t size)
{
    struct ipc_header header;
    struct ipc_environment env;
    medic_reason why;
    int32_t hresult;
    ipc_parse_header(data, size, &header, &why);
    if (ipc_parse_hresult(data, size, &hresult, &why) == MEDIC_OK)
        ipc_explain(hresult, "path", &why);
    ipc_parse_environment(data, size, &env, &why);
    ipc_environment_free(&env);
}

static void fuzz_attach(char *text, size_t size)
{
    static const uint8_t guid[16] = {0};
    struct ipc_attach attach = {1000, guid, text, (const uint8_t *)text, size};
    uint8_t *message;
    size_t length;
    medic_reason why;
    ipc_build_attach(&attach, &message, &length, &why);
    free(message);
}

static void fuzz_proc(char *text, size_t size)
{
    struct proc_stat stat;
    struct proc_status status;
    struct proc_maps maps = {.profiler = "libx.so"};
    uint64_t pid, key;
    char out[32];
    proc_parse_stat(text, &stat);
    proc_parse_status(text, &status);
    proc_parse_map_line(text, &maps);
    proc_parse_socket_name(text, &pid, &key);
    proc_diagnostics_off(text, size + 1, out, sizeof out);
    proc_program_name(text, size + 1, out, sizeof out);
    proc_printable(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned commands[] = {IPC_PROCESS_INFO, IPC_PROCESS_INFO_2, IPC_PROCESS_INFO_3};
    if (size == 0)
        return 0;
    unsigned which = data[0] % 6;
    char *text = malloc(size);
    if (!text)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    if (which < 3)
        fuzz_info(commands[which], data + 1, size - 1);
    else if (which == 3)
        fuzz_reply(data + 1, size - 1);
    else if (which == 4)
        fuzz_attach(text, size - 1);
    else
        fuzz_proc(text, size - 1);
    free(text);
    return 0;
}
