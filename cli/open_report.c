/* The way to a session's report: the session is opened, rescued if its medic was killed, and its report made anew. */
#include "cli/cli.h"
#include "tool/attach.h"
#include "tool/capture.h"
#include "tool/report.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The profiler that made the capture. */
static int find_plugin(const struct store_session *session, struct plugin_list *plugins,
                       const struct plugin_info **plugin, medic_reason *why)
{
    struct capture *capture = NULL;
    int fd = openat(session->folder, MEDIC_CAPTURE_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return medic_fail(why, MEDIC_E_NOT_FOUND, "%s has no capture", session->path);
    int code = capture_open(fd, &capture, why);
    if (code == MEDIC_OK) {
        code = plugin_find_guid(plugins, &capture_header(capture)->plugin_guid, plugin, why);
        if (code == MEDIC_E_NOT_FOUND && session->info.profiler.file && !access(session->info.profiler.file, R_OK) &&
            plugin_find(plugins, session->info.profiler.file, plugin, NULL) == MEDIC_OK)
            code = MEDIC_OK; /* named by its path for the attach */
        capture_close(capture);
    }
    close(fd);
    return code;
}

static int make_again(const struct store_session *session, medic_reason *why)
{
    const struct plugin_info *plugin = NULL;
    struct plugin_list plugins;
    int code = plugins_load(&plugins, why);
    if (code != MEDIC_OK)
        return code;
    code = find_plugin(session, &plugins, &plugin, why);
    if (code == MEDIC_OK && plugin)
        code = report_make(session->folder, plugin->path, why);
    plugins_free(&plugins);
    return code;
}

/* A report that is there does even when it cannot be made again (its profiler is gone, the folder is read-only). */
static int make_or_keep(const struct store_session *session)
{
    medic_reason why = {""};
    int code = make_again(session, &why);
    if (code != MEDIC_OK) {
        if (faccessat(session->folder, STORE_REPORT_FILE, F_OK, AT_SYMLINK_NOFOLLOW))
            return cli_fail(cli_exit_code(code, EXIT_SESSION), "%s", why.text);
        cli_fail(0, "shown is the report as it was made before: %s", why.text);
    } else if (why.text[0]) {
        cli_fail(0, "%s", why.text);
    }
    return EXIT_OK;
}

int cli_open_report(const char *which, bool again, struct store_session *session)
{
    static struct store store; /* an opened session points to it */
    medic_reason why = {""};
    int code = store_use_files(&store, NULL, &why);
    if (code == MEDIC_OK)
        code = store.operations->open(&store, which, session, &why);
    if (code != MEDIC_OK)
        return cli_fail(code == MEDIC_E_NOT_FOUND ? EXIT_ARGUMENTS : cli_exit_code(code, EXIT_SESSION), "%s", why.text);
    code = attach_recover(session, &why);
    int exit_code = EXIT_OK;
    if (code != MEDIC_OK)
        exit_code = cli_fail(cli_exit_code(code, EXIT_SESSION), "%s", why.text);
    else if (again)
        exit_code = make_or_keep(session);
    if (exit_code != EXIT_OK)
        store.operations->close(session);
    return exit_code;
}
