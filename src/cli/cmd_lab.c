/* SPDX-License-Identifier: GPL-2.0-or-later */
/* riposte lab: runs lab/lab.sh of this installation. */
#include "cli/cli.h"

#include "base/log.h"
#include "sensor/sensor.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cmd_lab(int argc, char **argv)
{
    char path[PATH_MAX];
    if (!sensor_find("lab/lab.sh", path, sizeof(path))) {
        log_at(LOG_AT_ERROR, "lab",
               "lab/lab.sh is not there: it belongs beside the program's folder, or RIPOSTE_HOME "
               "names where it is");
        return 1;
    }
    char bash[] = "/bin/bash", **args = calloc((size_t)argc + 2, sizeof(*args));
    if (!args)
        return 1;
    args[0] = bash;
    args[1] = path;
    for (int i = 1; i < argc; i++)
        args[i + 1] = argv[i];
    execv(bash, args);
    log_at(LOG_AT_ERROR, "lab", "%s can't be run: %s", bash, strerror(errno));
    free(args);
    return 1;
}
