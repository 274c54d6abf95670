/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Handshakes, closings and resets as tables: each row a segment, the state after it, its events. */
#include "flow/flow_test.h"

struct step {
    char who; /* 'c', 's'; 0 ends */
    const char *flags;
    uint32_t seq, ack;
    const char *data;
    const char *state;
    const char *events;
};
enum {
    OPT_MIDSTREAM = 1,
    OPT_ASYNC = 2,
    OPT_ACKED = 4,
    OPT_INLINE = 8,
    OPT_FASTOPEN = 16,
    OPT_TS = 32
};
struct script {
    const char *name;
    unsigned opt;
    const char *to_server, *to_client; /* what the sink has before the flow's end */
    struct step step[16];
};

#define OPEN                                                                                       \
    {'c', "S", 1000, 0, "", "syn_sent", ""}, {'s', "SA", 5000, 1001, "", "syn_recv", ""},          \
    {                                                                                              \
        'c', "A", 1001, 5001, "", "established", ""                                                \
    }
/* a long gap in what the sink got */
#define LOST "????????????????????????????????????????????????????????????????"
#define END                                                                                        \
    {                                                                                              \
        0, NULL, 0, 0, NULL, NULL, NULL                                                            \
    }

static const struct script scripts[] = {
    {"plain",
     0,
     "hi",
     "ho",
     {OPEN,
      {'c', "PA", 1001, 5001, "hi", "established", ""},
      {'s', "PA", 5001, 1003, "ho", "established", ""},
      END}},
    {"SYN twice with the same number",
     0,
     "",
     "",
     {{'c', "S", 1000, 0, "", "syn_sent", ""}, OPEN, END}},
    {"two SYNs, the second counts",
     0,
     "hi",
     "",
     {{'c', "S", 777000, 0, "", "syn_sent", ""},
      {'c', "S", 1000, 0, "", "syn_sent", ""},
      {'s', "SA", 5000, 1001, "", "syn_recv", ""},
      {'c', "A", 1001, 5001, "", "established", ""},
      {'c', "PA", 1001, 5001, "hi", "established", ""},
      END}},
    {"two SYNs, the first counts",
     0,
     "hi",
     "",
     {{'c', "S", 1000, 0, "", "syn_sent", ""},
      {'c', "S", 777000, 0, "", "syn_sent", ""},
      {'s', "SA", 5000, 1001, "", "syn_recv", ""},
      {'c', "A", 1001, 5001, "", "established", ""},
      {'c', "PA", 1001, 5001, "hi", "established", ""},
      END}},
    {"forged SYN/ACK and its reset",
     0,
     "hi",
     "",
     {{'c', "S", 1000, 0, "", "syn_sent", ""},
      {'s', "SA", 99, 424242, "", "syn_sent", "3whs_synack_with_wrong_ack"},
      {'c', "R", 424242, 0, "", "syn_sent", ""},
      {'s', "SA", 5000, 1001, "", "syn_recv", ""},
      {'c', "A", 1001, 5001, "", "established", ""},
      {'c', "PA", 1001, 5001, "hi", "established", ""},
      END}},
    {"SYN/ACK again",
     0,
     "",
     "",
     {{'c', "S", 1000, 0, "", "syn_sent", ""},
      {'s', "SA", 5000, 1001, "", "syn_recv", ""},
      {'s', "SA", 5000, 1001, "", "syn_recv", ""},
      {'c', "A", 1001, 5001, "", "established", ""},
      END}},
    {"SYN/ACK with another number: the client's ACK decides",
     0,
     "hi",
     "ho",
     {{'c', "S", 1000, 0, "", "syn_sent", ""},
      {'s', "SA", 9000, 1001, "", "syn_recv", ""},
      {'s', "SA", 5000, 1001, "", "syn_recv", "3whs_synack_resend_with_diff_seq"},
      {'c', "A", 1001, 5001, "", "established", ""},
      {'s', "PA", 5001, 1001, "ho", "established", ""},
      {'c', "PA", 1001, 5003, "hi", "established", ""},
      END}},
    {"SYN/ACK with another acknowledgement",
     0,
     "hi",
     "",
     {{'c', "S", 1000, 0, "", "syn_sent", ""},
      {'s', "SA", 5000, 1001, "", "syn_recv", ""},
      {'s', "SA", 5000, 2001, "", "syn_recv", "3whs_synack_resend_with_diff_ack"},
      {'c', "PA", 1001, 5001, "hi", "established", ""},
      END}},
    {"SYN/ACK to the server",
     0,
     "",
     "",
     {{'c', "S", 1000, 0, "", "syn_sent", ""},
      {'c', "SA", 1000, 77, "", "syn_sent", "3whs_synack_in_wrong_direction"},
      {'s', "SA", 5000, 1001, "", "syn_recv", ""},
      {'c', "SA", 1000, 5001, "", "syn_recv", "3whs_synack_toserver_on_syn_recv"},
      END}},
    {"SYNs after SYN/ACK",
     0,
     "",
     "",
     {{'c', "S", 1000, 0, "", "syn_sent", ""},
      {'s', "SA", 5000, 1001, "", "syn_recv", ""},
      {'s', "S", 6000, 0, "", "syn_recv", "3whs_syn_toclient_on_syn_recv"},
      {'c', "S", 2000, 0, "", "syn_recv", "3whs_syn_resend_diff_seq_on_syn_recv"},
      {'c', "A", 1001, 5001, "", "established", ""},
      END}},
    {"a SYN after SYN/ACK that is answered",
     0,
     "hi",
     "",
     {{'c', "S", 777000, 0, "", "syn_sent", ""},
      {'s', "SA", 9000, 777001, "", "syn_recv", ""},
      {'c', "S", 1000, 0, "", "syn_recv", "3whs_syn_resend_diff_seq_on_syn_recv"},
      {'s', "SA", 5000, 1001, "", "syn_recv",
       "3whs_synack_resend_with_diff_ack 3whs_synack_resend_with_diff_seq"},
      {'c', "A", 1001, 5001, "", "established", ""},
      {'c', "PA", 1001, 5001, "hi", "established", ""},
      END}},
    {"wrong acknowledgements",
     0,
     "",
     "",
     {{'c', "S", 1000, 0, "", "syn_sent", ""},
      {'s', "SA", 5000, 1001, "", "syn_recv", ""},
      {'c', "PA", 1001, 777, "evil", "syn_recv", "3whs_right_seq_wrong_ack_evasion"},
      {'c', "PA", 900001, 777, "evil", "syn_recv", "3whs_wrong_seq_wrong_ack"},
      {'s', "A", 5001, 777, "", "syn_recv", "3whs_ack_in_wrong_dir"},
      {'c', "A", 1001, 5001, "", "established", ""},
      END}},
    {"the last ACK is lost, data comes",
     0,
     "hi",
     "",
     {{'c', "S", 1000, 0, "", "syn_sent", ""},
      {'s', "SA", 5000, 1001, "", "syn_recv", ""},
      {'c', "PA", 1001, 5001, "hi", "established", ""},
      END}},
    {"the last ACK and the first segment are lost",
     0,
     "",
     "",
     {{'c', "S", 1000, 0, "", "syn_sent", ""},
      {'s', "SA", 5000, 1001, "", "syn_recv", ""},
      {'c', "PA", 1005, 5001, "hi", "established", ""},
      END}},
    {"the last ACK is lost, the server speaks first",
     0,
     "",
     "220",
     {{'c', "S", 1000, 0, "", "syn_sent", ""},
      {'s', "SA", 5000, 1001, "", "syn_recv", ""},
      {'s', "PA", 5001, 1001, "220", "established", "3whs_ack_in_wrong_dir 3whs_ack_data_inject"},
      {'c', "A", 1001, 5004, "", "established", ""},
      END}},
    {"FIN in place of the last ACK",
     0,
     "hi",
     "",
     {{'c', "S", 1000, 0, "", "syn_sent", ""},
      {'s', "SA", 5000, 1001, "", "syn_recv", ""},
      {'c', "FA", 1001, 5001, "hi", "close_wait", ""},
      END}},
    {"simultaneous open",
     0,
     "hi",
     "",
     {{'c', "S", 1000, 0, "", "syn_sent", ""},
      {'s', "S", 5000, 0, "", "syn_sent", ""},
      {'c', "SA", 1000, 5001, "", "syn_recv", ""},
      {'s', "SA", 5000, 1001, "", "established", ""},
      {'c', "PA", 1001, 5001, "hi", "established", ""},
      END}},
    {"split handshake: four ways",
     0,
     "hi",
     "",
     {{'c', "S", 1000, 0, "", "syn_sent", ""},
      {'s', "S", 5000, 0, "", "syn_sent", ""},
      {'c', "SA", 1000, 77, "", "syn_sent", "4whs_synack_with_wrong_ack"},
      {'c', "SA", 77, 5001, "", "syn_sent", "4whs_synack_with_wrong_syn"},
      {'c', "SA", 1000, 5001, "", "syn_recv", ""},
      {'s', "A", 77, 1001, "", "syn_recv", "4whs_wrong_seq"},
      {'s', "A", 5001, 77, "", "syn_recv", "4whs_invalid_ack"},
      {'s', "A", 5001, 1001, "", "established", ""},
      {'c', "PA", 1001, 5001, "hi", "established", ""},
      END}},
    {"refused, tried again with the same number",
     0,
     "hi",
     "",
     {{'c', "S", 1000, 0, "", "syn_sent", ""},
      {'s', "RA", 0, 1001, "", "closed", ""},
      OPEN,
      {'c', "PA", 1001, 5001, "hi", "established", ""},
      END}},
    {"a reset of somebody else",
     0,
     "",
     "",
     {{'c', "S", 1000, 0, "", "syn_sent", ""},
      {'s', "RA", 0, 999, "", "syn_sent", "rst_invalid_ack"},
      END}},
    /* Fast Open */
    {"fast open, data taken",
     OPT_FASTOPEN,
     "GET /",
     "",
     {{'c', "S", 1000, 0, "GET ", "syn_sent", ""},
      {'s', "SA", 5000, 1005, "", "syn_recv", ""},
      {'c', "A", 1005, 5001, "", "established", ""},
      {'c', "PA", 1005, 5001, "/", "established", ""},
      END}},
    {"fast open, data ignored and sent again",
     OPT_FASTOPEN,
     "GET /",
     "",
     {{'c', "S", 1000, 0, "DECOY", "syn_sent", ""},
      {'s', "SA", 5000, 1001, "", "syn_recv", "3whs_synack_tfo_data_ignored"},
      {'c', "A", 1001, 5001, "", "established", ""},
      {'c', "PA", 1001, 5001, "GET /", "established", ""},
      END}},
    {"fast open in the wire: inspected at once",
     OPT_FASTOPEN | OPT_INLINE,
     "GET ",
     "",
     {{'c', "S", 1000, 0, "GET ", "syn_sent", ""}, END}},
    {"fast open, the server answers before the ACK",
     OPT_FASTOPEN,
     "GET ",
     "200",
     {{'c', "S", 1000, 0, "GET ", "syn_sent", ""},
      {'s', "SA", 5000, 1005, "", "syn_recv", ""},
      {'s', "PA", 5001, 1005, "200", "established", ""},
      {'c', "A", 1005, 5004, "", "established", ""},
      END}},
    {"data on a plain SYN, not taken",
     0,
     "REAL",
     "",
     {{'c', "S", 1000, 0, "DECOY", "syn_sent", ""},
      {'s', "SA", 5000, 1001, "", "syn_recv", ""},
      {'c', "A", 1001, 5001, "", "established", ""},
      {'c', "PA", 1001, 5001, "REAL", "established", ""},
      END}},
    {"data on a plain SYN, taken",
     0,
     "EARLYmore",
     "",
     {{'c', "S", 1000, 0, "EARLY", "syn_sent", ""},
      {'s', "SA", 5000, 1006, "", "syn_recv", ""},
      {'c', "A", 1006, 5001, "", "established", ""},
      {'c', "PA", 1006, 5001, "more", "established", ""},
      END}},
    /* on living sessions */
    {"SYN and SYN/ACK while established",
     0,
     "hi",
     "",
     {OPEN,
      {'c', "PA", 1001, 5001, "hi", "established", ""},
      {'c', "S", 1000, 0, "", "established", "est_syn_resend"},
      {'s', "S", 7000, 0, "", "established", "est_syn_toclient"},
      {'s', "SA", 5000, 1001, "", "established", "est_synack_resend"},
      {'s', "SA", 5001, 1001, "", "established", "est_synack_resend_with_diff_seq"},
      {'s', "SA", 5000, 1009, "", "established", "est_synack_resend_with_diff_ack"},
      {'c', "SA", 1000, 5001, "", "established", "est_synack_toserver"},
      {'c', "S", 31000, 0, "", "established", "est_syn_resend_diff_seq"},
      END}},
    {"bad acknowledgement, bad window",
     0,
     "",
     "",
     {OPEN,
      {'c', "PA", 1001, 95001, "evil", "established", "pkt_invalid_ack est_invalid_ack"},
      {'c', "PA", 91001, 5001, "evil", "established", "est_packet_out_of_window"},
      {'c', "FA", 91001, 5001, "", "established", "fin_out_of_window"},
      {'c', "FA", 1001, 95001, "", "established", "pkt_invalid_ack fin_invalid_ack"},
      {'c', "P", 1001, 0, "evil", "established", ""},
      END}},
    {"keep-alive with a garbage byte",
     0,
     "hi!",
     "",
     {OPEN,
      {'c', "PA", 1001, 5001, "hi", "established", ""},
      {'s', "A", 5001, 1003, "", "established", ""},
      {'c', "A", 1002, 5001, "Z", "established", ""},
      {'s', "A", 5001, 1003, "", "established", ""},
      {'c', "PA", 1003, 5001, "!", "established", ""},
      END}},
    {"sent again after it was acknowledged",
     0,
     "hi",
     "",
     {OPEN,
      {'c', "PA", 1001, 5001, "hi", "established", ""},
      {'s', "A", 5001, 1003, "", "established", ""},
      {'c', "PA", 1001, 5001, "hi", "established", "pkt_spurious_retransmission"},
      {'c', "A", 1001, 5001, "", "established", "est_pkt_before_last_ack"},
      END}},
    {"much was lost: both ends agree on the new place",
     0,
     "ab" LOST,
     "",
     {OPEN,
      {'c', "PA", 1001, 5001, "ab", "established", ""},
      {'s', "A", 5001, 900001, "", "established", "pkt_invalid_ack est_invalid_ack"},
      {'c', "A", 900001, 5001, "", "established", "reassembly_seq_gap"},
      END}},
    {"much was lost, data first",
     0,
     LOST,
     "",
     {OPEN,
      {'c', "PA", 900001, 5001, "ab", "established", "est_packet_out_of_window"},
      {'s', "A", 5001, 900003, "", "established", "reassembly_seq_gap"},
      END}},
    {"forged far numbers are believed by nobody",
     0,
     "hi",
     "",
     {OPEN,
      {'c', "PA", 900001, 5001, "evil", "established", "est_packet_out_of_window"},
      {'s', "A", 5001, 1001, "", "established", ""},
      {'s', "A", 5001, 1001, "", "established", ""},
      {'c', "PA", 1001, 5001, "hi", "established", ""},
      END}},
    {"the last ACK and a segment of the client are lost",
     0,
     LOST,
     "220",
     {{'c', "S", 1000, 0, "", "syn_sent", ""},
      {'s', "SA", 5000, 1001, "", "syn_recv", ""},
      {'s', "A", 5001, 1001, "", "syn_recv", "3whs_ack_in_wrong_dir"},
      {'s', "A", 5001, 1101, "", "established", "3whs_ack_in_wrong_dir"},
      {'s', "PA", 5001, 1101, "220", "established", ""},
      {'c', "A", 1101, 5004, "", "established", "reassembly_seq_gap"},
      END}},
    {"SYN with FIN", 0, "", "", {OPEN, {'c', "SF", 1001, 0, "", "established", "fin_syn"}, END}},
    /* closing */
    {"the client closes first",
     0,
     "",
     "",
     {OPEN,
      {'c', "FA", 1001, 5001, "", "close_wait", ""},
      {'s', "A", 5001, 1002, "", "close_wait", ""},
      {'c', "FA", 1001, 5001, "", "close_wait", ""},
      {'s', "FA", 5001, 1002, "", "last_ack", ""},
      {'c', "A", 1002, 5002, "", "closed", ""},
      END}},
    {"the server closes first",
     0,
     "",
     "bye",
     {OPEN,
      {'s', "FA", 5001, 1001, "bye", "fin_wait1", ""},
      {'c', "A", 1001, 5005, "", "fin_wait2", ""},
      {'c', "FA", 1001, 5005, "", "time_wait", ""},
      {'s', "A", 5005, 1002, "", "closed", ""},
      END}},
    {"both close at once",
     0,
     "",
     "",
     {OPEN,
      {'s', "FA", 5001, 1001, "", "fin_wait1", ""},
      {'c', "FA", 1001, 5001, "", "closing", ""},
      {'s', "A", 5002, 1002, "", "closing", ""},
      {'c', "A", 1002, 5002, "", "closed", ""},
      END}},
    {"half closed: the other side goes on",
     0,
     "",
     "more",
     {OPEN,
      {'c', "FA", 1001, 5001, "", "close_wait", ""},
      {'s', "PA", 5001, 1002, "mo", "close_wait", ""},
      {'s', "PA", 5003, 1002, "re", "close_wait", ""},
      {'c', "A", 1002, 5005, "", "close_wait", ""},
      {'s', "FA", 5005, 1002, "", "last_ack", ""},
      {'c', "A", 1002, 5006, "", "closed", ""},
      END}},
    {"FIN before the data it follows",
     0,
     "abcd",
     "",
     {OPEN,
      {'c', "FA", 1005, 5001, "", "established", ""},
      {'c', "PA", 1003, 5001, "cd", "established", ""},
      {'c', "PA", 1001, 5001, "ab", "close_wait", ""},
      END}},
    {"FIN far ahead is none",
     0,
     "hi!",
     "",
     {OPEN,
      {'c', "FA", 51001, 5001, "", "established", ""},
      {'c', "PA", 1001, 5001, "hi", "established", ""},
      {'s', "A", 5001, 1003, "", "established", ""},
      {'c', "FA", 1003, 5001, "!", "close_wait", ""},
      {'s', "FA", 5001, 1005, "", "last_ack", ""},
      {'c', "A", 1005, 5002, "", "closed", ""},
      END}},
    {"data behind the FIN",
     0,
     "",
     "",
     {OPEN,
      {'c', "FA", 1001, 5001, "", "close_wait", ""},
      {'c', "PA", 1002, 5001, "evil", "close_wait", ""},
      END}},
    {"events of closing",
     0,
     "",
     "",
     {OPEN,
      {'c', "FA", 1001, 5001, "", "close_wait", ""},
      {'s', "A", 95001, 1002, "x", "close_wait", "closewait_ack_out_of_window"},
      {'s', "FA", 95001, 1002, "", "close_wait", "closewait_fin_out_of_window"},
      {'s', "A", 5001, 85001, "", "close_wait", "pkt_invalid_ack closewait_invalid_ack"},
      {'s', "FA", 5001, 1002, "", "last_ack", ""},
      {'c', "A", 95001, 5002, "x", "last_ack", "lastack_ack_wrong_seq"},
      {'c', "A", 1002, 85001, "", "last_ack", "pkt_invalid_ack lastack_invalid_ack"},
      END}},
    {"events of closing by the server",
     0,
     "",
     "",
     {OPEN,
      {'s', "FA", 5001, 1001, "", "fin_wait1", ""},
      {'c', "A", 95001, 5001, "x", "fin_wait1", "fin1_ack_wrong_seq"},
      {'c', "FA", 95001, 5001, "", "fin_wait1", "fin1_fin_wrong_seq"},
      {'c', "A", 1001, 85001, "", "fin_wait1", "pkt_invalid_ack fin1_invalid_ack"},
      {'c', "A", 1001, 5002, "", "fin_wait2", ""},
      {'c', "A", 95001, 5002, "x", "fin_wait2", "fin2_ack_wrong_seq"},
      {'c', "FA", 95001, 5002, "", "fin_wait2", "fin2_fin_wrong_seq"},
      {'c', "S", 95001, 0, "", "fin_wait2", "shutdown_syn_resend"},
      {'c', "FA", 1001, 5002, "", "time_wait", ""},
      {'s', "A", 95001, 1002, "x", "time_wait", "timewait_ack_wrong_seq"},
      END}},
    {"retransmission while closing",
     0,
     "hi",
     "",
     {OPEN,
      {'c', "PA", 1001, 5001, "hi", "established", ""},
      {'s', "FA", 5001, 1003, "", "fin_wait1", ""},
      {'c', "PA", 1001, 5001, "hi", "fin_wait1", "pkt_retransmission pkt_spurious_retransmission"},
      END}},
    /* resets */
    {"reset, exact",
     0,
     "hi",
     "",
     {OPEN,
      {'c', "PA", 1001, 5001, "hi", "established", ""},
      {'c', "R", 1003, 0, "", "closed", ""},
      END}},
    {"reset, not exact",
     0,
     "hi",
     "",
     {OPEN,
      {'c', "R", 2001, 0, "", "established", ""},
      {'c', "R", 1, 0, "", "established", ""},
      {'c', "PA", 1001, 5001, "hi", "established", ""},
      END}},
    {"reset with a wrong acknowledgement",
     0,
     "",
     "",
     {OPEN, {'c', "RA", 1001, 95001, "", "established", "rst_invalid_ack"}, END}},
    {"text in a reset",
     0,
     "",
     "",
     {OPEN, {'c', "RA", 1001, 5001, "evil", "closed", "rst_with_data"}, END}},
    {"a reset that its sender does not know of",
     0,
     "evil",
     "",
     {OPEN,
      {'c', "RA", 1001, 5001, "", "closed", ""},
      {'c', "PA", 1001, 5001, "evil", "established", "suspected_rst_inject"},
      END}},
    {"the reset delivers what was not yet acknowledged",
     OPT_ACKED,
     "hi",
     "",
     {OPEN,
      {'c', "PA", 1001, 5001, "hi", "established", ""},
      {'c', "R", 1003, 0, "", "closed", ""},
      END}},
    /* no session */
    {"reset, FIN without a session",
     0,
     "",
     "",
     {{'c', "R", 1, 0, "", "none", "rst_but_no_session"},
      {'c', "FA", 1, 1, "", "none", "fin_but_no_session"},
      {'c', "PA", 1, 1, "evil", "none", ""},
      {'c', "", 1, 0, "", "none", ""},
      {'c', "FPU", 1, 0, "", "none", "fin_but_no_session"},
      END}},
    {"in the middle: off",
     0,
     "",
     "",
     {{'c', "PA", 1001, 5001, "hi", "none", ""}, {'s', "SA", 5000, 1001, "", "none", ""}, END}},
    {"in the middle: on",
     OPT_MIDSTREAM,
     "hi",
     "ho",
     {{'c', "PA", 1001, 5001, "hi", "established", ""},
      {'s', "PA", 5001, 1003, "ho", "established", ""},
      END}},
    {"in the middle: the server first",
     OPT_MIDSTREAM,
     "hi",
     "220",
     {{'s', "PA", 5001, 1001, "220", "established", ""},
      {'c', "PA", 1001, 5004, "hi", "established", ""},
      END}},
    {"in the middle: at SYN/ACK",
     OPT_MIDSTREAM,
     "hi",
     "ho",
     {{'s', "SA", 5000, 1001, "", "syn_recv", ""},
      {'c', "A", 1001, 5001, "", "established", ""},
      {'c', "PA", 1001, 5001, "hi", "established", ""},
      {'s', "PA", 5001, 1003, "ho", "established", ""},
      END}},
    {"one side only",
     OPT_ASYNC | OPT_ACKED,
     "abcd",
     "",
     {{'c', "S", 1000, 0, "", "syn_sent", ""},
      {'c', "A", 1001, 5001, "", "established", ""},
      {'c', "PA", 1001, 5001, "ab", "established", ""},
      {'c', "PA", 1003, 5002, "cd", "established", ""},
      {'c', "FA", 1005, 5002, "", "close_wait", ""},
      END}},
    {"one side only, wrong number",
     OPT_ASYNC,
     "",
     "",
     {{'c', "S", 1000, 0, "", "syn_sent", ""},
      {'c', "A", 7001, 5001, "", "syn_sent", "3whs_async_wrong_seq"},
      END}},
};

static struct stream_config config_of(unsigned opt)
{
    return (struct stream_config){
        .inspect = opt & OPT_ACKED ? INSPECT_ON_ACK : INSPECT_ON_ARRIVAL,
        .midstream = opt & OPT_MIDSTREAM,
        .async_oneside = opt & OPT_ASYNC,
        .inline_mode = opt & OPT_INLINE,
        .max_syn_queued = 10,
        .max_synack_queued = 5,
    };
}

static void run_script(const struct script *s)
{
    struct world *w = calloc(1, sizeof(*w));
    struct stream_config sc = config_of(s->opt);
    w_init(w, &sc, NULL);
    for (const struct step *st = s->step; st->who; st++) {
        struct packet *p =
            w_tcp(w, st->who, st->flags, st->seq, st->ack, st->data, (uint32_t)strlen(st->data));
        p->tcp.has_fastopen = (s->opt & OPT_FASTOPEN) && (p->tcp.flags & TCP_SYN);
        w_send(w);
        const char *state = tcp_state_name(tcp_flow_state(w->f));
        if (strcmp(state, st->state) || strcmp(w->events, st->events))
            fail_msg("%s: step %d: state %s, events '%s'; wanted %s, '%s'", s->name,
                     (int)(st - s->step), state, w->events, st->state, st->events);
    }
    if (strcmp(w_text(w, 0), s->to_server) || strcmp(w_text(w, 1), s->to_client))
        fail_msg("%s: got '%s', '%s'", s->name, w_text(w, 0), w_text(w, 1));
    w_done(w);
    free(w);
}

static void all_scripts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
        run_script(&scripts[i]);
}

static void flow_follows_session(void **state)
{
    (void)state;
    struct world w;
    struct stream_config sc = config_of(0);
    w_init(&w, &sc, NULL);
    w_seg(&w, 'c', "S", 1000, 0, "");
    assert_int_equal(w.f->state, FLOW_NEW);
    assert_int_equal(w.f->timeout_s, 60);
    w_seg(&w, 's', "SA", 5000, 1001, "");
    w_seg(&w, 'c', "A", 1001, 5001, "");
    assert_int_equal(w.f->state, FLOW_ESTABLISHED);
    assert_int_equal(w.f->timeout_s, 600);
    w_seg(&w, 'c', "R", 1001, 0, "");
    assert_int_equal(w.f->state, FLOW_CLOSED);
    assert_int_equal(w.f->timeout_s, 60);
    flow_tick(w.t, w.now_ns + 59 * SEC, w_end, &w);
    assert_int_equal(w.ended, 0);
    flow_tick(w.t, w.now_ns + 62 * SEC, w_end, &w);
    assert_int_equal(w.ended, 1);
    w_done(&w);
}

static enum os_policy os_is(void *ctx, uint8_t ver, const struct ip_addr *dst)
{
    const enum os_policy *now = ctx;
    (void)ver;
    (void)dst;
    return *now;
}

/* One reset per policy: which numbers end the session?  next is 1005, acknowledged 1003, window
 * 65535. */
static void reset_matrix(void **state)
{
    (void)state;
    enum { EXACT = 1, UNACKED = 2, AHEAD = 4, FAR = 8, OLD = 16 };
    static const struct {
        uint32_t seq;
        unsigned bit;
    } tries[] = {{1005, EXACT}, {1003, UNACKED}, {1105, AHEAD}, {1005 + 70000, FAR}, {1001, OLD}};
    static const uint8_t ends[OS_POLICIES] = {
        [OS_FIRST] = EXACT,
        [OS_LAST] = EXACT,
        [OS_BSD] = EXACT,
        [OS_BSD_RIGHT] = EXACT,
        [OS_LINUX] = EXACT,
        [OS_MACOS] = EXACT,
        [OS_WINDOWS] = EXACT,
        [OS_VISTA] = EXACT,
        [OS_WINDOWS2K3] = EXACT,
        [OS_IRIX] = EXACT,
        [OS_HPUX10] = EXACT,
        [OS_HPUX11] = EXACT | AHEAD | FAR,
        [OS_OLD_LINUX] = EXACT | UNACKED | AHEAD,
        [OS_SOLARIS] = EXACT | UNACKED | AHEAD,
        [OS_OLD_SOLARIS] = EXACT | UNACKED | AHEAD,
    };
    for (unsigned p = 0; p < OS_POLICIES; p++)
        for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
            enum os_policy now = (enum os_policy)p;
            struct world *w = calloc(1, sizeof(*w));
            struct stream_config sc = config_of(0);
            sc.os = os_is;
            sc.ctx = &now;
            w_init(w, &sc, NULL);
            w_open(w);
            w_seg(w, 'c', "PA", 1001, 5001, "ab");
            w_seg(w, 's', "A", 5001, 1003, "");
            w_seg(w, 'c', "PA", 1003, 5001, "cd");
            w_seg(w, 'c', "R", tries[i].seq, 0, "");
            bool ended = tcp_flow_state(w->f) == TCP_CLOSED;
            if (ended != !!(ends[p] & tries[i].bit))
                fail_msg("policy %u, sequence %u: ended %d", p, tries[i].seq, ended);
            w_done(w);
            free(w);
        }
}

static void floods_are_bounded(void **state)
{
    (void)state;
    struct world w;
    struct stream_config sc = config_of(0);
    w_init(&w, &sc, NULL);
    unsigned floods = 0;
    for (uint32_t i = 0; i < 40; i++) {
        w_seg(&w, 'c', "S", 1000 + i * 100000, 0, "");
        floods += !strcmp(w.events, "3whs_syn_flood");
    }
    assert_int_equal(floods, 40 - 11);
    w_seg(&w, 's', "SA", 5000, 1001 + 35 * 100000, ""); /* a late one: still known */
    assert_int_equal(tcp_flow_state(w.f), TCP_SYN_RECV);
    uint32_t isn = 1000 + 35 * 100000;
    floods = 0;
    for (uint32_t i = 1; i < 40; i++) {
        w_seg(&w, 's', "SA", 5000 + i * 100000, isn + 1, "");
        floods += strstr(w.events, "3whs_synack_flood") != NULL;
    }
    assert_int_equal(floods, 39 - 5);
    w_seg(&w, 'c', "A", isn + 1, 305001, ""); /* the third one is still known */
    assert_int_equal(tcp_flow_state(w.f), TCP_ESTABLISHED);
    w_done(&w);
}

static void paws(void **state)
{
    (void)state;
    struct world w;
    struct stream_config sc = config_of(0);
    w_init(&w, &sc, NULL);
    static const struct {
        char who;
        const char *flags;
        uint32_t seq, ack, ts, len;
        bool bad;
    } row[] = {
        {'c', "S", 1000, 0, 1000, 0, false},     {'s', "SA", 5000, 1001, 2000, 0, false},
        {'c', "A", 1001, 5001, 1000, 0, false},  {'c', "PA", 1001, 5001, 1001, 2, false},
        {'c', "PA", 1003, 5001, 1, 4, true},     {'c', "PA", 1003, 5001, 1001, 2, false},
        {'c', "PA", 1007, 5001, 1010, 2, false}, /* out of order: does not move the clock */
        {'c', "PA", 1005, 5001, 1005, 2, false}, {'c', "R", 1009, 0, 1, 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        struct packet *p =
            w_tcp(&w, row[i].who, row[i].flags, row[i].seq, row[i].ack, "abcd", row[i].len);
        p->tcp.has_ts = true;
        p->tcp.ts_val = row[i].ts;
        w_send(&w);
        assert_string_equal(w.events, row[i].bad ? "pkt_invalid_timestamp" : "");
        assert_int_equal(!!(w.p.flags & PKT_STREAM_IGNORE), row[i].bad || row[i].flags[0] == 'R');
    }
    assert_string_equal(w_text(&w, 0), "abababab");
    assert_int_equal(tcp_flow_state(w.f), TCP_CLOSED);
    w_done(&w);
}

/* Forged answers to a SYN: the echoed timestamp gives them away (a known evasion). */
static void echo_in_syn_sent(void **state)
{
    (void)state;
    struct world w;
    struct stream_config sc = config_of(0);
    w_init(&w, &sc, NULL);
    static const struct {
        char who;
        const char *flags;
        uint32_t seq, ack, ts, echo;
        const char *state, *events;
    } row[] = {
        {'c', "S", 1000, 0, 7000, 0, "syn_sent", ""},
        {'c', "S", 1000, 0, 7500, 0, "syn_sent", ""},
        {'s', "RA", 0, 1001, 100, 100, "syn_sent", "pkt_invalid_timestamp"},
        {'s', "FA", 0, 1001, 100, 100, "syn_sent", "pkt_invalid_timestamp"},
        {'c', "R", 1001, 0, 0, 0, "syn_sent", ""},
        {'s', "SA", 5000, 1001, 100, 7400, "syn_recv", ""},
        {'c', "A", 1001, 5001, 7600, 100, "established", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        struct packet *p = w_tcp(&w, row[i].who, row[i].flags, row[i].seq, row[i].ack, "", 0);
        p->tcp.has_ts = row[i].ts;
        p->tcp.ts_val = row[i].ts;
        p->tcp.ts_ecr = row[i].echo;
        w_send(&w);
        assert_string_equal(tcp_state_name(tcp_flow_state(w.f)), row[i].state);
        assert_string_equal(w.events, row[i].events);
    }
    w_done(&w);
}

/* Data of a Fast Open that the server ignored was inspected: the plain SYN begins anew. */
static void fast_open_given_up(void **state)
{
    (void)state;
    struct world w;
    struct stream_config sc = config_of(OPT_INLINE);
    w_init(&w, &sc, NULL);
    w_tcp(&w, 'c', "S", 1000, 0, "DECOY", 5);
    w.p.tcp.has_fastopen = true;
    w_send(&w);
    assert_string_equal(w_text(&w, 0), "DECOY");
    w_seg(&w, 's', "SA", 5000, 1001, "");
    assert_string_equal(w.events, "3whs_synack_tfo_data_ignored");
    w_seg(&w, 'c', "S", 1000, 0, "");
    assert_int_equal(w.ended, 1);
    assert_int_equal(tcp_flow_state(w.f), TCP_SYN_SENT);
    memset(w.got, 0, sizeof(w.got));
    w_seg(&w, 's', "SA", 5000, 1001, "");
    w_seg(&w, 'c', "PA", 1001, 5001, "REAL");
    assert_string_equal(w_text(&w, 0), "REAL");
    w_done(&w);
}

/* The host forgot its session and opens a new one from the same port. */
static void syn_on_living_session(void **state)
{
    (void)state;
    struct world w;
    struct stream_config sc = config_of(0);
    w_init(&w, &sc, NULL);
    w_open(&w);
    w_seg(&w, 'c', "PA", 1001, 5001, "first");
    uint64_t old = w.f->id;
    w_seg(&w, 'c', "S", 900000, 0, "");
    assert_string_equal(w.events, "est_syn_resend_diff_seq");
    assert_int_equal(w.f->id, old);
    w_seg(&w, 's', "SA", 800000, 900001, "");
    assert_int_equal(w.ended, 1);
    assert_int_equal(w.last_end, FLOW_END_TCP_REUSE);
    assert_int_equal(w.got[0].eofs, 1);
    memset(w.got, 0, sizeof(w.got));
    assert_true(w.f->id != old);
    assert_int_equal(w.p.dir, 1);
    assert_int_equal(w.f->port[1], 80);
    assert_int_equal(tcp_flow_state(w.f), TCP_SYN_RECV);
    w_seg(&w, 'c', "A", 900001, 800001, "");
    w_seg(&w, 'c', "PA", 900001, 800001, "second");
    assert_int_equal(w.p.dir, 0);
    assert_string_equal(w_text(&w, 0), "second");
    assert_int_equal(flow_counters(w.t)->tcp_reuse, 1);
    w_done(&w);
}

static void reuse_after_close(void **state)
{
    (void)state;
    struct world w;
    struct stream_config sc = config_of(0);
    w_init(&w, &sc, NULL);
    w_open(&w);
    w_seg(&w, 'c', "FA", 1001, 5001, "");
    w_seg(&w, 's', "FA", 5001, 1002, "");
    w_seg(&w, 'c', "A", 1002, 5002, "");
    w_seg(&w, 'c', "S", 1000, 0, ""); /* the old SYN again is no new connection */
    assert_int_equal(w.ended, 0);
    w_seg(&w, 's', "SA", 5000, 1001, ""); /* unless the server answers it */
    assert_int_equal(w.ended, 1);
    assert_int_equal(w.last_end, FLOW_END_TCP_REUSE);
    memset(w.got, 0, sizeof(w.got));
    assert_int_equal(tcp_flow_state(w.f), TCP_SYN_RECV);
    w_seg(&w, 'c', "A", 1001, 5001, "");
    w_seg(&w, 'c', "RA", 1001, 5001, "");
    w_seg(&w, 'c', "S", 900000, 0, "");
    assert_int_equal(w.ended, 2);
    assert_int_equal(w.last_end, FLOW_END_TCP_REUSE);
    assert_int_equal(tcp_flow_state(w.f), TCP_SYN_SENT);
    assert_true(w.p.flags & PKT_FLOW_NEW);
    memset(w.got, 0, sizeof(w.got));
    w_done(&w);
}

static void names(void **state)
{
    (void)state;
    assert_int_equal(stream_event_find(STR("est_syn_resend")), STREAM_EV_EST_SYN_RESEND);
    assert_int_equal(stream_event_find(STR("3whs_synack_resend_with_different_ack")),
                     STREAM_EV_3WHS_SYNACK_RESEND_WITH_DIFF_ACK);
    assert_int_equal(stream_event_find(STR("nothing")), -1);
    for (unsigned i = 0; i < STREAM_EVENT_COUNT; i++)
        assert_int_equal(stream_event_find(str_cstr(stream_event_name(i))), i);
    assert_int_equal(os_policy_find(STR("windows2k3")), OS_WINDOWS2K3);
    assert_int_equal(os_policy_find(STR("bsd-right")), OS_BSD_RIGHT);
    assert_int_equal(os_policy_find(STR("beos")), -1);
    assert_int_equal(os_frag_policy(OS_HPUX11), FRAG_FIRST);
    assert_int_equal(os_frag_policy(OS_WINDOWS), FRAG_WINDOWS);
    assert_int_equal(os_frag_policy(OS_OLD_LINUX), FRAG_LINUX);
    assert_int_equal(os_frag_policy(OS_IRIX), FRAG_BSD);
    assert_int_equal(os_frag_policy(OS_LAST), FRAG_LAST);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_scripts),
        cmocka_unit_test(flow_follows_session),
        cmocka_unit_test(reset_matrix),
        cmocka_unit_test(floods_are_bounded),
        cmocka_unit_test(paws),
        cmocka_unit_test(syn_on_living_session),
        cmocka_unit_test(reuse_after_close),
        cmocka_unit_test(echo_in_syn_sent),
        cmocka_unit_test(fast_open_given_up),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
