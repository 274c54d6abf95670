/* SPDX-License-Identifier: GPL-2.0-or-later */
/* riposte dev tables --json: the declarations from which help, reference pages and completion are made. */
#include "cli/cli.h"

#include "base/sbuf.h"
#include "config/config.h"
#include "rules/rules.h"

#include <stdio.h>
#include <string.h>

static void buffers(struct json *j)
{
    json_array(j, "buffers");
    for (unsigned k = 0; k < app_buffer_count(); k++) {
        enum app_proto_id id;
        const struct app_buffer *b = app_buffer_any(k, &id);
        if (!b)
            continue;
        json_open(j, NULL);
        json_cstr(j, "name", b->name);
        json_cstr(j, "protocol", app_name(id));
        if (b->su_old)
            json_cstr(j, "suricata_old", b->su_old);
        if (b->su_mod)
            json_cstr(j, "suricata_modifier", b->su_mod);
        if (b->s2_mod)
            json_cstr(j, "snort2", b->s2_mod);
        if (b->s3)
            json_cstr(j, "snort3", b->s3);
        if (b->help)
            json_cstr(j, "help", b->help);
        json_close(j);
    }
    json_array_end(j);
}

int cmd_dev(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "tables")) {
        fputs("usage: riposte dev tables [--json]\n", stderr);
        return 2;
    }
    struct sbuf b;
    struct json j;
    size_t n;
    sbuf_init(&b);
    json_init(&j, &b);
    json_open(&j, NULL);
    json_array(&j, "keywords");
    struct keyword_info k;
    for (size_t i = 0; rules_keyword_at(i, &k); i++) {
        json_open(&j, NULL);
        json_cstr(&j, "name", k.name);
        json_cstr(&j, "argument", k.arg ? k.arg : "");
        json_cstr(&j, "help", k.help ? k.help : "");
        json_u64(&j, "dialects", k.dialects);
        json_close(&j);
    }
    json_array_end(&j);
    json_array(&j, "settings");
    const struct setting *s = settings_all(&n);
    for (size_t i = 0; i < n; i++) {
        json_open(&j, NULL);
        json_cstr(&j, "path", s[i].path);
        json_cstr(&j, "default", s[i].dflt ? s[i].dflt : "");
        json_cstr(&j, "help", s[i].help ? s[i].help : "");
        json_close(&j);
    }
    json_array_end(&j);
    buffers(&j);
    json_close(&j);
    sbuf_byte(&b, '\n');
    bool ok = fwrite(b.p, 1, b.n, stdout) == b.n;
    sbuf_done(&b);
    return ok ? 0 : 1;
}
