/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which frames of its ports a virtual IPS asks for: capture.vlans, capture.networks (place.h). */
#include "sensor/place.h"

#include "base/str.h"
#include "capture/share/share.h"

#include <errno.h>
#include <string.h>

static int wrong(const struct conf_node *n, const char *hint, const char *what, struct diags *d)
{
    diag_add(d, DIAG_ERROR, n->file, n->line, n->column, hint, "%s: %s",
             n->value ? n->value : n->name, what);
    return -EINVAL;
}

static bool number(struct str s, uint64_t *out)
{
    return str_u64(str_trim(s), out) && *out >= 1 && *out <= 4094;
}

static int vlan(const struct conf_node *n, struct port_claims *c, struct diags *d)
{
    struct str text = str_cstr(n->value ? n->value : ""), behind,
               first = str_split(text, '-', &behind);
    uint64_t from, to;
    if (str_eq(str_trim(text), STR("untagged"))) {
        from = to = SHARE_UNTAGGED;
    } else if (!number(first, &from)) {
        return wrong(n, "[10, 20-29, untagged]; 1 to 4094", "no VLAN", d);
    } else if (str_chr(text, '-') < 0) {
        to = from;
    } else if (!number(behind, &to) || to < from) {
        return wrong(n, "20-29", "no range of VLANs", d);
    }
    for (uint64_t k = from; k <= to; k++)
        c->vlan[k / 64] |= 1ull << k % 64;
    c->vlans = true;
    return 0;
}

static int network(const struct conf_node *n, struct port_plan *p, struct diags *d)
{
    struct port_claims *c = &p->claims;
    struct ip_prefix x;
    if (!n->value || !ip_prefix_parse(str_trim(str_cstr(n->value)), &x))
        return wrong(n, "[10.1.0.0/16, \"2001:db8::/32\"]", "no network", d);
    struct ip_prefix *more = arena_alloc(&p->arena, (c->n_nets + 1) * sizeof(*more));
    if (!more)
        return -ENOMEM;
    if (c->n_nets)
        memcpy(more, c->net, c->n_nets * sizeof(*more));
    more[c->n_nets++] = x;
    c->net = more;
    return 0;
}

int port_claims(const struct conf *c, struct port_plan *p, struct diags *d)
{
    enum { NETS = 1024 };
    const struct conf_node *vlans = conf_node(c, "capture.vlans"),
                           *nets = conf_node(c, "capture.networks");
    const char *filter = conf_str(c, "capture.bpf-filter"), *file = conf_str(c, "capture.bpf-file");
    int rc = 0;
    for (const struct conf_node *n = vlans ? vlans->child : NULL; n && !rc; n = n->next)
        rc = vlan(n, &p->claims, d);
    for (const struct conf_node *n = nets ? nets->child : NULL; n && !rc; n = n->next)
        rc = p->claims.n_nets < NETS ? network(n, p, d)
                                     : wrong(n, NULL, "more than 1,024 networks", d);
    const struct conf_node *at = p->claims.vlans ? vlans : nets;
    if (rc || (!p->claims.vlans && !p->claims.n_nets))
        return rc;
    bool filtered = (filter && *filter) || (file && *file);
    for (unsigned i = 0; i < p->n; i++)
        filtered |= p->filter[i] != NULL;
    if (filtered)
        return wrong(at, "one of the two", "a BPF filter beside capture.vlans or capture.networks",
                     d);
    if (p->queue || p->xdp || p->pcap)
        return wrong(
            at,
            "pair-mode af-packet, or mirror ports; queues are fed by rules of the packet filter",
            "queues, AF_XDP and libpcap are not divided by VLAN or network", d);
    return 0;
}
