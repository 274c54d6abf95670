/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening an image: map, checksum, and one pass that tests every index and offset, so that the matcher
 * needs no further checks.  And the facts of rules for others.
 */
#include "detect/detect.h"
#include "detect/image_layout.h"

#include "base/cursor.h"
#include "base/hash.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <hs.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static const uint32_t section_size[SEC_COUNT] = {
    [SEC_RULES] = sizeof(struct img_rule),
    [SEC_TESTS] = sizeof(struct img_test),
    [SEC_BLOCKS] = sizeof(struct img_block),
    [SEC_WHERES] = sizeof(struct img_where),
    [SEC_TEXTS] = sizeof(struct img_text),
    [SEC_ADDRS] = sizeof(struct img_text),
    [SEC_PORTS] = sizeof(struct img_text),
    [SEC_NAMES] = sizeof(struct img_text),
    [SEC_BIT_GROUPS] = sizeof(struct img_bit_group),
    [SEC_CLASSES] = sizeof(struct img_class),
    [SEC_GROUPS] = sizeof(struct img_group),
    [SEC_PATTERNS] = sizeof(struct img_pattern),
    [SEC_LISTS] = sizeof(struct img_list),
    [SEC_RULE_REFS] = sizeof(uint32_t),
    [SEC_PAIRS] = sizeof(uint32_t),
    [SEC_THRESHOLDS] = sizeof(struct rule_threshold),
    [SEC_PACKED] = sizeof(struct img_packed),
    [SEC_NOTES] = sizeof(struct img_note),
    [SEC_FILES] = sizeof(struct img_file),
    [SEC_SETS] = sizeof(struct img_set),
    [SEC_SET_ENTRIES] = sizeof(struct img_set_entry),
    [SEC_SET_SLOTS] = sizeof(uint32_t),
    [SEC_DEPS] = sizeof(struct img_dep),
    [SEC_DATA] = 1,
    [SEC_PACKED_DATA] = 1,
    [SEC_DBS] = 1,
};

uint32_t image_section_size(enum image_section s) { return section_size[s]; }

/*
 * The linker's mark of this very program.  An image names buffers, events, protocols and kinds of tests by
 * number, and which rules are refused is the program's doing: a cached image holds for one build alone.
 */
static int build_id(struct dl_phdr_info *info, size_t size, void *ctx)
{
    uint64_t *h = ctx;
    (void)size;
    for (unsigned k = 0; k < info->dlpi_phnum; k++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[k];
        if (p->p_type != PT_NOTE)
            continue;
        struct cursor c = cur_of((const uint8_t *)info->dlpi_addr + p->p_vaddr, p->p_memsz);
        while (cur_left(&c) >= sizeof(ElfW(Nhdr))) {
            ElfW(Nhdr) n;
            memcpy(&n, cur_take(&c, sizeof(n)), sizeof(n));
            const uint8_t *name = cur_take(&c, (n.n_namesz + 3u) & ~3u);
            const uint8_t *id = cur_take(&c, (n.n_descsz + 3u) & ~3u);
            if (name && id && n.n_type == NT_GNU_BUILD_ID && n.n_namesz == 4 && !memcmp(name, "GNU", 4)) {
                *h = hash_bytes(id, n.n_descsz, *h);
                return 1;
            }
        }
    }
    return 1; /* the first object is the program: libraries don't count */
}

uint32_t image_struct_hash(void)
{
    uint64_t h = hash_bytes(section_size, sizeof(section_size), IMAGE_VERSION);
    dl_iterate_phdr(build_id, &h);
    return (uint32_t)h;
}

/* Databases are made for one library version and one kind of CPU. */
uint64_t image_platform(void)
{
    struct {
        hs_platform_info_t cpu;
        char version[64];
    } k;
    memset(&k, 0, sizeof(k));
    (void)hs_populate_platform(&k.cpu);
    snprintf(k.version, sizeof(k.version), "%s", hs_version());
    return hash_bytes(&k, sizeof(k), 1);
}

const char *image_header_wrong(const struct img_header *h, size_t size)
{
    if (size < sizeof(*h) || memcmp(h->magic, IMAGE_MAGIC, 8))
        return "is no image of rules";
    if (h->version != IMAGE_VERSION || h->struct_hash != image_struct_hash())
        return "was made by another version";
    if (h->platform != image_platform())
        return "was made for another CPU or pattern library";
    if (h->size != size)
        return "is cut or grown";
    for (unsigned s = 0; s < SEC_COUNT; s++)
        if (h->sec[s].at % IMAGE_ALIGN || h->sec[s].at > size ||
            h->sec[s].n > (size - h->sec[s].at) / section_size[s])
            return "has a section beyond its end";
    return NULL;
}

static void image_sections(struct image *i)
{
    const uint8_t *b = (const uint8_t *)i->h;
#define AT(s) (const void *)(b + i->h->sec[s].at)
    i->rules = AT(SEC_RULES);
    i->tests = AT(SEC_TESTS);
    i->blocks = AT(SEC_BLOCKS);
    i->wheres = AT(SEC_WHERES);
    i->texts = AT(SEC_TEXTS);
    i->addrs = AT(SEC_ADDRS);
    i->ports = AT(SEC_PORTS);
    i->names = AT(SEC_NAMES);
    i->bit_groups = AT(SEC_BIT_GROUPS);
    i->classes = AT(SEC_CLASSES);
    i->groups = AT(SEC_GROUPS);
    i->patterns = AT(SEC_PATTERNS);
    i->lists = AT(SEC_LISTS);
    i->refs = AT(SEC_RULE_REFS);
    i->pairs = AT(SEC_PAIRS);
    i->thresholds = AT(SEC_THRESHOLDS);
    i->packed = AT(SEC_PACKED);
    i->notes = AT(SEC_NOTES);
    i->files = AT(SEC_FILES);
    i->sets = AT(SEC_SETS);
    i->set_entries = AT(SEC_SET_ENTRIES);
    i->set_slots = AT(SEC_SET_SLOTS);
    i->deps = AT(SEC_DEPS);
    i->packed_data = AT(SEC_PACKED_DATA);
    i->data = AT(SEC_DATA);
    i->dbs = AT(SEC_DBS);
#undef AT
}

uint64_t image_checksum(const void *file, size_t size)
{
    const uint8_t *b = file;
    uint64_t sum = 0;
    for (size_t at = sizeof(struct img_header); at < size; at += IMAGE_SUM_BLOCK)
        sum = image_sum(b + at, size - at < IMAGE_SUM_BLOCK ? size - at : IMAGE_SUM_BLOCK, sum);
    return image_sum_header(file, sum);
}

struct image *image_from_fd(int fd, struct diags *d)
{
    struct stat st;
    if (fstat(fd, &st) || st.st_size <= 0) {
        diag_add(d, DIAG_ERROR, NULL, 0, 0, NULL, "the image of rules can't be read: %s",
                 strerror(errno));
        return NULL;
    }
    size_t size = (size_t)st.st_size;
    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    struct image *i = calloc(1, sizeof(*i));
    if (map == MAP_FAILED || !i) {
        diag_add(d, DIAG_ERROR, NULL, 0, 0, NULL, "the image of rules can't be mapped: %s",
                 strerror(errno));
        free(i);
        if (map != MAP_FAILED)
            munmap(map, size);
        return NULL;
    }
    i->h = map;
    i->bytes = size;
    i->users = 1;
    const char *wrong = image_header_wrong(i->h, size);
    if (!wrong && image_checksum(map, size) != i->h->checksum)
        wrong = "has a wrong checksum";
    if (!wrong) {
        image_sections(i);
        if (!image_consistent(i))
            wrong = "contradicts itself";
    }
    if (wrong) {
        diag_add(d, DIAG_ERROR, NULL, 0, 0, "delete it: it is made anew from the rules",
                 "the image of rules %s", wrong);
        image_close(i);
        return NULL;
    }
    return i;
}

struct image *image_open(const char *path, struct diags *d)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        diag_add(d, DIAG_ERROR, path, 0, 0, NULL, "can't be opened: %s", strerror(errno));
        return NULL;
    }
    struct image *i = image_from_fd(fd, d);
    close(fd);
    return i;
}

/* Whoever may write the file may do with the engine what he wants: pattern databases are trusted code. */
const char *image_foreign(int fd)
{
    struct stat st;
    if (fstat(fd, &st))
        return strerror(errno);
    if (!S_ISREG(st.st_mode))
        return "it is no file";
    if (st.st_uid != geteuid() && st.st_uid != 0)
        return "it belongs to another user";
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return "others may write it";
    return NULL;
}

/* Are the files that lists came from what they were? */
static bool deps_same(const struct image *i)
{
    for (uint64_t k = 0; k < img_count(i, SEC_DEPS); k++)
        if (rules_dep_hash((const char *)img_str(i, i->deps[k].path).p) != i->deps[k].hash)
            return false;
    return true;
}

struct image *image_open_cached(const char *path, struct diags *d)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return NULL;
    struct arena a;
    struct diags quiet;
    arena_init(&a, 0, 0);
    diags_init(&quiet, &a);
    const char *why = fd >= 0 ? image_foreign(fd) : errno == ELOOP ? "it is a symbolic link" : strerror(errno);
    struct image *i = why ? NULL : image_from_fd(fd, &quiet);
    if (!i)
        diag_add(d, DIAG_WARNING, path, 0, 0, NULL, "the cached image is not used, and made anew: %s",
                 why ? why : quiet.first ? quiet.first->reason : "no memory");
    arena_done(&a);
    if (fd >= 0)
        close(fd);
    if (i && !deps_same(i)) { /* no fault: lists change more often than rules */
        image_close(i);
        return NULL;
    }
    return i;
}

struct image *image_ref(struct image *i)
{
    atomic_fetch_add_explicit(&i->users, 1, memory_order_relaxed);
    return i;
}

void image_close(struct image *i)
{
    if (!i || atomic_fetch_sub_explicit(&i->users, 1, memory_order_acq_rel) != 1)
        return;
    union {
        const void *c;
        void *p;
    } map = {.c = i->h};
    munmap(map.p, i->bytes);
    free(i);
}

void image_info(const struct image *i, struct image_info *out)
{
    *out = (struct image_info){
        .content_hash = i->h->content_hash,
        .bytes = i->bytes,
        .n_rules = (uint32_t)img_count(i, SEC_RULES),
        .n_groups = (uint32_t)img_count(i, SEC_GROUPS),
        .n_patterns = (uint32_t)img_count(i, SEC_PATTERNS),
        .n_pcre = i->h->n_pcre,
        .n_slow = i->h->n_slow,
        .pattern_db_bytes = img_count(i, SEC_DBS),
    };
}

int image_cache_path(const char *cache_dir, uint64_t content_hash, char *out, size_t room)
{
    char dir[4096];
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache_dir && *cache_dir)
        snprintf(dir, sizeof(dir), "%s", cache_dir);
    else if (xdg && *xdg == '/')
        snprintf(dir, sizeof(dir), "%s/riposte", xdg);
    else if (geteuid() == 0 || !home || *home != '/')
        snprintf(dir, sizeof(dir), "/var/cache/riposte");
    else
        snprintf(dir, sizeof(dir), "%s/.cache/riposte", home);
    /* Parents first; what exists is fine. */
    for (char *s = strchr(dir + 1, '/'); s; s = strchr(s + 1, '/')) {
        *s = 0;
        if (mkdir(dir, 0755) && errno != EEXIST && errno != EROFS)
            return -errno;
        *s = '/';
    }
    struct stat st;
    if ((mkdir(dir, 0755) && errno != EEXIST) || stat(dir, &st))
        return -errno;
    if (!S_ISDIR(st.st_mode))
        return -ENOTDIR;
    uint64_t key = content_hash ^ image_platform() ^ ((uint64_t)image_struct_hash() << 32);
    int n = snprintf(out, room, "%s/rules-%016llx.image", dir, (unsigned long long)key);
    return n > 0 && (size_t)n < room ? 0 : -ENAMETOOLONG;
}

bool image_rule_tags(const struct image *i, uint32_t rule)
{
    const struct img_rule *r = &i->rules[rule];
    for (unsigned k = 0; k < r->n_post; k++)
        if (i->tests[r->post_first + k].kind == TEST_TAG)
            return true;
    return false;
}

const struct test_blacklist *image_rule_blacklist(const struct image *i, uint32_t rule)
{
    const struct img_rule *r = &i->rules[rule];
    for (unsigned k = 0; k < r->n_post; k++)
        if (i->tests[r->post_first + k].kind == TEST_BLACKLIST)
            return &i->tests[r->post_first + k].u.blacklist;
    return NULL;
}

bool image_blacklists(const struct image *i)
{
    for (uint32_t k = 0; k < image_n_rules(i); k++)
        if (image_rule_blacklist(i, k))
            return true;
    return false;
}

void image_rule(const struct image *i, uint32_t rule, struct image_rule_info *out)
{
    const struct img_rule *r = &i->rules[rule];
    const struct img_class *c = &i->classes[r->class_id];
    *out = (struct image_rule_info){
        .gid = r->gid,
        .sid = r->sid,
        .rev = r->rev,
        .priority = r->priority,
        .class_id = r->class_id,
        .action = r->action,
        .dialect = r->dialect,
        .type = r->type,
        .scope = r->scope,
        .response = r->response,
        .target = r->target,
        .ruletype = r->ruletype,
        .longest = r->longest,
        .flags = r->flags,
        .msg = img_str(i, r->msg),
        .text_hash = r->text_hash,
        .class_name = img_str(i, c->name),
        .class_text = img_str(i, c->text),
        .n_references = r->n_references,
        .n_metadata = r->n_metadata,
    };
}

bool image_rule_text(const struct image *i, uint32_t rule, struct sbuf *out)
{
    const struct img_rule *r = &i->rules[rule];
    if (!r->text.n)
        return true;
    const struct img_packed *p = &i->packed[r->text_block];
    uint8_t *b = malloc(p->n);
    uLongf n = p->n;
    bool ok = b && uncompress(b, &n, i->packed_data + p->at, p->packed) == Z_OK && n == p->n;
    if (ok)
        sbuf_put(out, b + r->text.at, r->text.n);
    free(b);
    return ok && !out->failed;
}

uint32_t image_n_rules(const struct image *i) { return (uint32_t)img_count(i, SEC_RULES); }

int64_t image_find_sid(const struct image *i, uint32_t gid, uint32_t sid)
{
    uint32_t n = image_n_rules(i);
    for (uint32_t k = 0; k < n; k++)
        if (i->rules[k].sid == sid && i->rules[k].gid == gid)
            return k;
    return -1;
}

bool image_rule_reference(const struct image *i, uint32_t rule, unsigned n, struct str *out)
{
    const struct img_rule *r = &i->rules[rule];
    if (n >= r->n_references)
        return false;
    *out = img_str(i, i->texts[r->references + n]);
    return true;
}

bool image_rule_meta(const struct image *i, uint32_t rule, unsigned n, struct str *key, struct str *value)
{
    const struct img_rule *r = &i->rules[rule];
    if (n >= r->n_metadata)
        return false;
    *key = img_str(i, i->texts[r->metadata + 2 * n]);
    *value = img_str(i, i->texts[r->metadata + 2 * n + 1]);
    return true;
}

struct str image_class_name(const struct image *i, uint32_t class_id)
{
    return class_id < img_count(i, SEC_CLASSES) ? img_str(i, i->classes[class_id].name) : str_of("", 0);
}

void image_needs(const struct image *i, struct image_needs *out)
{
    uint32_t n = i->h->needs;
    *out = (struct image_needs){.stream_raw = n & NEED_STREAM_RAW,
                                .files = n & NEED_FILES,
                                .file_md5 = n & NEED_MD5,
                                .file_sha1 = n & NEED_SHA1,
                                .file_sha256 = n & NEED_SHA256,
                                .file_magic = n & NEED_MAGIC,
                                .filestore = n & NEED_STORE};
}
