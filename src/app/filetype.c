/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of file types by libmagic (app/filetype.h). */
#include "app/filetype.h"

#include <errno.h>
#include <fcntl.h>
#include <magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const places[] = {"/usr/share/misc/magic.mgc", "/usr/lib/file/magic.mgc", "/usr/share/file/magic.mgc"};

struct filetype {
    void *map;
    size_t n;
    magic_t cookie;
};

/* Private and writable, for libmagic turns numbers round in place where the file is of another byte order. */
static void map_at(struct filetype *m, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size < 1 << 28) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
        m->map = p == MAP_FAILED ? NULL : p;
        m->n = m->map ? (size_t)st.st_size : 0;
    }
    close(fd);
}

struct filetype *filetype_new(void)
{
    struct filetype *m = calloc(1, sizeof(*m));
    for (unsigned k = 0; m && !m->map && k < ARRAY_LEN(places); k++)
        map_at(m, places[k]);
    return m;
}

void filetype_free(struct filetype *m)
{
    if (!m)
        return;
    if (m->cookie)
        magic_close(m->cookie);
    if (m->map)
        munmap(m->map, m->n);
    free(m);
}

/* Hostile files: what libmagic may spend on one. */
static void bound(magic_t c)
{
    static const struct {
        int what;
        size_t most;
    } limits[] = {
        {MAGIC_PARAM_INDIR_MAX, 8},      {MAGIC_PARAM_NAME_MAX, 30},       {MAGIC_PARAM_ELF_PHNUM_MAX, 64},
        {MAGIC_PARAM_ELF_SHNUM_MAX, 64}, {MAGIC_PARAM_ELF_NOTES_MAX, 32}, {MAGIC_PARAM_REGEX_MAX, 1024},
        {MAGIC_PARAM_BYTES_MAX, TYPE_BYTES},
    };
    for (unsigned k = 0; k < ARRAY_LEN(limits); k++)
        (void)magic_setparam(c, limits[k].what, &limits[k].most);
}

int filetype_begin(struct filetype *m)
{
    if (m->cookie)
        return 0;
    if (!m->map)
        return -ENOENT;
    magic_t c = magic_open(MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_TAR | MAGIC_NO_CHECK_ELF);
    if (!c)
        return -ENOMEM;
    if (magic_load_buffers(c, &m->map, &m->n, 1)) {
        magic_close(c);
        return -EINVAL;
    }
    bound(c);
    m->cookie = c;
    return 0;
}

struct str filetype_tell(struct filetype *m, const uint8_t *p, uint32_t n)
{
    const char *text = m->cookie && n ? magic_buffer(m->cookie, p, u32_min(n, TYPE_BYTES)) : NULL;
    return text ? str_of(text, (uint32_t)strnlen(text, TYPE_TEXT)) : (struct str){0};
}
