/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files in transfer: what a protocol carries as a file (a body, an attachment), seen in pieces.
 *
 * The bytes that rules still have to see are kept in a bounded window; size and digests go on
 * behind it.
 */
#ifndef APP_FILE_H
#define APP_FILE_H

#include "base/attr.h"
#include "base/hash.h"
#include "base/str.h"

struct app_flow;
struct app_tx;

enum app_file_state { FILE_OPEN, FILE_CLOSED, FILE_TRUNCATED, FILE_ERROR };
const char *app_file_state_name(unsigned state); /* "CLOSED", "TRUNCATED", ... */

/* A growing buffer of which the front may be forgotten. */
struct app_body {
    uint8_t *data; /* window */
    uint32_t n, room;
    uint64_t offset;    /* of data[0] */
    uint64_t total;     /* bytes in all, also beyond the limit and in holes */
    uint64_t missing;   /* bytes of holes inside the window: what stands behind them moved up */
    uint64_t inspected; /* up to here rules have seen it */
    uint32_t limit;     /* bytes that are kept for inspection; 0: none kept, UINT32_MAX: no limit */
    bool done;          /* nothing follows */
    bool limited;       /* limit met: rules see what is there */
};
/* Appends (up to the limit); false: no memory (counted; what fits stays). */
bool app_body_add(struct app_flow *af, struct app_body *b, const uint8_t *p, uint32_t n);
/* n bytes are missing.  What rules have not seen yet stays in the window, and what comes stands
 * behind it. */
void app_body_hole(struct app_body *b, uint64_t n);
/* Forgets what lies before `inspected` less `keep` bytes. */
void app_body_slide(struct app_flow *af, struct app_body *b, uint32_t keep);
void app_body_free(struct app_flow *af, struct app_body *b);

struct app_file {
    struct app_file *next;
    struct str name; /* owned by the file */
    uint32_t id;     /* in the flow, from 1 */
    uint64_t tx_id;
    uint8_t state; /* enum app_file_state */
    bool gaps, stored, logged;
    bool want_store, no_md5;
    uint64_t size, start, end;
    bool has_range;
    struct app_body body; /* limit 0: the protocol shows the bytes itself (a response body) */
    struct digest *md5, *sha1, *sha256;
    uint8_t md5_value[16], sha1_value[20], sha256_value[32];
    bool has_md5, has_sha1, has_sha256;
    struct str magic; /* its type in words, owned by the file; empty: not looked up, or none is known */
    uint8_t *head;    /* first bytes, until the type is told */
    uint16_t n_head;
    bool typed;       /* the type was looked up */
    uint32_t sids[8]; /* rules that asked for it */
    uint8_t n_sids;
    uint8_t dir;
    /* To be kept (want_store), or not decided yet: bytes that the engine has not sent on. */
    struct app_body keep;
    uint64_t sent;
    bool lost; /* some were not kept */
};
struct app_files {
    struct app_file *first, *last;
};
struct app_file_config {
    bool md5, sha1, sha256;
    bool magic; /* types of files are asked for */
    bool store, store_all;   /* rules may want files kept; all are */
    uint32_t store_undecided; /* bytes of a file that wait for a rule */
    uint64_t store_total, stored; /* of all files: most, and now */
    uint32_t inspect_limit;  /* bytes of a file that are kept for rules */
    uint32_t min_inspect;    /* on ack: not looked at before so many bytes (or the end) are there */
    uint32_t inspect_window; /* bytes kept in front of what is new */
};

/* Rule `sid` wants the transaction's files of a direction kept: those that are there, and those that come. */
void app_files_want(struct app_flow *af, struct app_tx *tx, unsigned dir, bool flow, uint32_t sid);
/* What waits to be sent on; then how much of it was. */
struct str app_file_unsent(const struct app_file *f);
void app_file_sent(struct app_flow *af, struct app_file *f, uint32_t n);

/* For parsers; NULL: cap met. */
struct app_file *app_file_open(struct app_flow *af, struct app_tx *tx, unsigned dir,
                               struct str name);
void app_file_data(struct app_flow *af, struct app_file *f, const uint8_t *p, uint32_t n);
void app_file_gap(struct app_flow *af, struct app_file *f, uint32_t n);
void app_file_close(struct app_flow *af, struct app_file *f, enum app_file_state state);
/* All files of a transaction. */
void app_files_free(struct app_flow *af, struct app_files *files);
/* The getter of file.data that every protocol with files puts into its buffer table. */
struct app_get;
struct app_view;
bool app_file_get_data(const struct app_get *q, unsigned index, struct app_view *out);
bool app_file_get_name(const struct app_get *q, unsigned index, struct app_view *out);
/* Type of the file in words, once enough of it was seen. */
bool app_file_get_magic(const struct app_get *q, unsigned index, struct app_view *out);
/* Digests in binary and sizes of the files that are over: each asks for no more than it gets. */
bool app_file_get_md5(const struct app_get *q, unsigned index, struct app_view *out);
bool app_file_get_sha1(const struct app_get *q, unsigned index, struct app_view *out);
bool app_file_get_sha256(const struct app_get *q, unsigned index, struct app_view *out);
bool app_file_get_size(const struct app_get *q, unsigned index, uint64_t *out);
struct fields;
/* EVE's "fileinfo": {...}; and its members alone, for an element of an alert's "files". */
void app_file_fields(const struct app_file *f, struct fields *out);
void app_file_members(const struct app_file *f, struct fields *out);

#endif
