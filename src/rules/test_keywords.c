/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keywords: option text and dialect to the intermediate form in words, or to a refusal. */
#include "rules/rules_test.h"

#define SU   DIALECT_SURICATA
#define S2   DIALECT_SNORT2
#define S3   DIALECT_SNORT3
#define HTTP "alert http any any -> any any"
#define UDP  "alert udp any any -> any any"
#define ICMP "alert icmp any any -> any any"
#define DNS  "alert dns any any -> any any"
#define TLS  "alert tls any any -> any any"

static const struct rule_case contents[] = {
    {SU, NULL, "content:\"abc\";", "payload: holds \"abc\" [prefilter]"},
    {SU, NULL, "content:!\"abc\";", "holds no \"abc\""},
    {SU, NULL, "content:! \"abc\";", "holds no \"abc\""},
    {SU, NULL, "content:\"a|41 42|b\";", "\"aABb\""},
    {SU, NULL, "content:\"|4142|\";", "\"AB\""},
    {SU, NULL, "content:\"| 41  42 |\";", "\"AB\""},
    {SU, NULL, "content:\"|4 1|\";", "\"A\""},
    {SU, NULL, "content:\"|41| |42|\";", "\"A B\""},
    {SU, NULL, "content:\"|00 ff|\";", "\"|00 ff|\""},
    {SU, NULL, "content:\"a\\;b\\\"c\\:d\\\\e\";", "|3b|~|22|~c:d"},
    {S2, NULL, "content:\"a\\\\|00|\";", "\"a|5c 00|\""},
    {SU, NULL, "content:\" a \";", "\" a \""},
    {SU, NULL, "content:\"a\"; nocase;", "case ignored"},
    {SU, NULL, "content:\"abc\"; offset:3; depth:5;",
     "from byte 3, within the next 5~packet and stream"},
    {SU, NULL, "content:\"a\"; content:\"b\"; distance:-2; within:9;",
     "behind the last match by -2, ending within 9"},
    {SU, NULL, "content:\"a\"; within:8;", "ending within 8"},
    {SU, NULL, "content:\"a\"; startswith;", "at its start"},
    {SU, NULL, "content:\"a\"; endswith;", "at its end"},
    {SU, NULL, "content:\"ab\"; content:\"cde\";", "2. payload: holds \"cde\" [prefilter]"},
    {SU, NULL, "content:\"ab\"; fast_pattern; content:\"cde\";",
     "1. payload: holds \"ab\" [prefilter]"},
    {SU, NULL, "content:\"abcdef\"; fast_pattern:2,3;", "[prefilter: 3 bytes from 2]"},
    {SU, NULL, "content:\"abcdef\"; fast_pattern:only;", "[prefilter]"},
    {SU, NULL, "content:\"abc\"; content:\"d\"; prefilter;", "2. payload: holds \"d\" [prefilter]"},
    {SU, HTTP, "content:\"longer one\"; http.uri; content:\"x\";",
     "2. http.uri: holds \"x\" [prefilter]"},
    {SU, HTTP, "http.method; content:\"POST\"; http.uri; content:\"x\";",
     "http.uri: holds \"x\" [prefilter]"},
    {SU, HTTP, "http.uri; content:!\"abcd\"; content:\"x\";", "holds \"x\" [prefilter]"},
    {SU, NULL, "content:\"abca\"; content:\"abcd\";", "2. payload: holds \"abcd\" [prefilter]"},
    {S2, NULL, "content:\"longest\"; content:\"x\"; http_uri;",
     "http.uri: holds \"x\" [prefilter]"},
    {S2, NULL, "content:\"|00 00 00 00|a\"; content:\"bcd\";", "holds \"bcd\" [prefilter]"},
    {S3, NULL, "content:\"a\"; content:!\"longest\",nocase;", "holds \"a\" [prefilter]"},
    {S3, NULL, "content:\"abc\",nocase,offset 3, depth 10;",
     "case ignored, from byte 3, within the next 10"},
    {S3, NULL, "content:\"abcdef\", fast_pattern, fast_pattern_offset 1, fast_pattern_length 2;",
     "[prefilter: 2 bytes from 1]"},
    {S3, NULL, "content:\"a\"; content:\"b\",distance 1,within 5;",
     "behind the last match by 1, ending within 5"},
    {S3, NULL, "content:\"a;b\";", "\"a|3b|b\""},
    {S2, NULL, "content:\"a\", nocase;", "case ignored"},
    {S2, NULL, "content:\"a\"; rawbytes;", "raw payload: holds \"a\"~packets alone"},
    {SU, NULL, "content:\"a\"; rawbytes;", "payload: holds \"a\""},
    {S2, NULL, "content:\"ab\"; replace:\"cd\";", "to be replaced by \"cd\""},
    {S3, NULL, "content:\"ab\"; replace:\"cde\";", "to be replaced by \"cde\""},
    {S2, NULL, "uricontent:\"/a\";", "http.uri: holds \"/a\"~tcp http"},
    {SU, NULL, "content:\"a\"; content:\"b\"; http_uri; nocase;",
     "http.uri: holds \"b\", case ignored"},
    {SU, NULL, "content:\"a\"; pcre:\"/b/\"; distance:1;",
     "1. payload: holds \"a\", behind the last match by 1"},
    {SU, NULL, "content:\"a\"; isdataat:2,relative; nocase;", "holds \"a\", case ignored"},
    {SU, NULL, "content:\"\";", "!empty"},
    {SU, NULL, "content:a;", "!no quotes"},
    {SU, NULL, "content:\"a;", "!closing quote"},
    {SU, NULL, "content:\"a\"b\";", "!quote"},
    {SU, NULL, "content:\"|4|\";", "!hex digit"},
    {SU, NULL, "content:\"|22 2 22|\";", "!hex digit"},
    {SU, NULL, "content:\"|0j|\";", "!hex digit"},
    {SU, NULL, "content:\"|41\";", "!bar"},
    {SU, NULL, "content:\"a\\xb\";", "!escape"},
    {SU, NULL, "content:\"a\"; nocase; nocase;", "!twice"},
    {S2, NULL, "content:\"a\"; nocase; nocase;", "case ignored"},
    {SU, NULL, "nocase;", "!content before"},
    {SU, NULL, "content:\"a\"; nocase:1;", "!no value"},
    {SU, NULL, "content:\"abc\"; depth:2;", "!less than the 3 bytes"},
    {SU, NULL, "content:\"a\"; content:\"abc\"; within:2;", "!less than the 3 bytes"},
    {SU, NULL, "content:\"a\"; depth:-5;", "!depth"},
    {SU, NULL, "content:\"a\"; depth:x;", "!neither a number nor a variable"},
    {SU, NULL, "content:\"a\"; depth:5; depth:6;", "!twice"},
    {SU, NULL, "content:\"a\"; offset:5; offset:6;", "!twice"},
    {SU, NULL, "content:\"a\"; content:\"b\"; depth:5; distance:5;", "!absolute and relative"},
    {SU, NULL, "content:\"a\"; content:\"b\"; within:5; offset:5;", "!absolute and relative"},
    {SU, NULL, "content:\"a\"; startswith; offset:1;", "!twice"},
    {SU, NULL, "content:\"a\"; depth:5; startswith;", "!startswith"},
    {SU, NULL, "content:\"abc\"; fast_pattern:2,3;", "!not inside"},
    {SU, NULL, "content:\"abc\"; fast_pattern; fast_pattern;", "!twice"},
    {SU, NULL, "content:\"a\"; content:!\"b\"; fast_pattern; offset:6;", "!negated"},
    {SU, NULL, "content:!\"b\"; fast_pattern:only;", "!negated"},
    {SU, NULL, "content:\"a\"; content:\"b\"; fast_pattern:only; offset:6;", "!fast_pattern:only"},
    {SU, NULL, "content:\"a\"; fast_pattern:only; content:\"b\"; distance:0;",
     "!fast_pattern:only"},
    {S2, NULL, "content:\"a\"; fast_pattern:only; content:\"b\"; distance:0;", "[prefilter]"},
    {S2, NULL, "content:\"ab\"; replace:\"c\";", "!replacement"},
    {S3, NULL, "content:\"a\",width 8;", "!unknown modifier"},
};

static const struct rule_case buffers[] = {
    {SU, NULL, "http.uri; content:\"a\";", "tcp http~to server~http.uri: holds \"a\""},
    {SU, HTTP, "http.stat_code; content:\"200\";", "to client~http.stat_code"},
    {SU, HTTP, "http.header; content:\"a\";", "http.header"},
    {SU, DNS, "dns.query; content:\"a\"; dns.query; content:\"b\";",
     "1. dns.query: ~2. dns.query (2. of them): "},
    {SU, DNS, "dns_query; content:\"a\";", "dns.query"},
    {SU, TLS, "tls.sni; content:\"a\"; tls_sni; content:\"b\";", "2. tls.sni: holds \"b\""},
    {SU, DNS, "dns.query; dotprefix; content:\".a\";", "dns.query, dotprefix: "},
    {SU, HTTP, "http.uri; url_decode; to_lowercase; content:\"a\";",
     "http.uri, url_decode, to_lowercase: "},
    {SU, HTTP, "http.uri; content:\"a\"; url_decode; content:\"b\";",
     "1. http.uri: holds~2. http.uri, url_decode: "},
    {SU, HTTP, "http.uri; xor:\"0d0a\"; content:\"b\";", "http.uri, xor: "},
    {SU, HTTP, "http.uri; content:\"a\"; pkt_data; content:\"b\";", "2. payload: "},
    {SU, HTTP, "content:\"a\"; http_header; file_data; content:\"b\";",
     "1. http.header: ~2. file.data: "},
    {SU, HTTP, "http.uri; bsize:5;", "http.uri: length = 5"},
    {SU, HTTP, "http.uri; bsize:5<>9;", "length from 6 to 8"},
    {SU, HTTP, "http.uri; bsize:=21;", "length = 21"},
    {SU, HTTP, "http.uri; bsize:>=3;", "length >= 3"},
    {SU, HTTP, "urilen:5<>9;", "http.uri: length from 6 to 8"},
    {SU, HTTP, "urilen:> 80;", "http.uri: length > 80"},
    {SU, HTTP, "urilen:5, raw;", "http.uri.raw: length = 5"},
    {S2, NULL, "urilen:5<>9;", "http.uri.raw: length from 5 to 9"},
    {S2, NULL, "urilen:5,norm;", "http.uri: length = 5"},
    {S3, NULL, "http_uri; content:\"a\"; bufferlen:5<>9;", "http.uri: length from 6 to 8"},
    {S3, NULL, "http_uri; bufferlen:5<=>9;", "http.uri: length from 5 to 9"},
    {S3, NULL, "content:\"a\"; bufferlen:>=20,relative;",
     "has at least 20 bytes behind the last match"},
    {S3, NULL, "content:\"a\"; bufferlen:5,relative;",
     "has at least 5 bytes behind the last match~has not at least 6 bytes behind"},
    {S3, NULL, "http_header:field user-agent; content:\"a\";", "http.user_agent: holds"},
    {S3, NULL, "raw_data; content:\"a\";", "raw payload: holds"},
    {S3, NULL, "http_cookie; pkt_data; content:\"a\";", "is there~payload: holds"},
    {SU, HTTP, "http.referer; absent;", "http.referer: is not there"},
    {SU, HTTP, "http.referer; absent:or_else; content:!\"a\";", "is not there, or"},
    {SU, NULL, "ipv4.hdr; content:\"a\";", "ipv4.hdr: holds~packets alone"},
    {SU, NULL, "tcp.hdr; content:\"a\"; offset:3;", "tcp.hdr"},
    {SU, "alert http any any => any any", "http.uri; content:\"a\"; http.stat_code; content:\"b\";",
     "request and response"},
    {SU, TLS, "tls.version:1.2;", "tls.version: = 771"},
    {SU, TLS, "ssl_version:tls1.0;", "from 769 to 769"},
    {SU, TLS, "ssl_version:tls1.0,tls1.2;", "from 769 to 771~!= 770"},
    {SU, TLS, "ssl_version:!tls1.0;", "ssl_version~!= 769"},
    {SU, TLS, "ssl_state:client_hello|server_hello;", "& 0x3 != 0x0"},
    {SU, TLS, "tls_cert_notbefore:<2000-03-01;", "< 951868800"},
    {SU, TLS, "tls_cert_notafter:1970-01-02T00:00:10<>1970-01-03;", "from 86410 to 172800"},
    {SU, TLS, "tls.issuerdn:\"C=FR\";", "tls.cert_issuer: holds \"C=FR\""},
    {SU, TLS, "ja3.hash; content:\"AbCd\";", "holds \"abcd\""},
    {SU, HTTP, "fileext:\"PDF\";", "file.name: holds \".PDF\", case ignored, at its end"},
    {SU, HTTP, "http.host; content:\"a.com\"; nocase;", "!small letters"},
    {SU, HTTP, "http.host; content:\"A.com\";", "!small letters"},
    {SU, HTTP, "content:\"A.com\"; http_host;", "!small letters"},
    {S2, NULL, "file_data; content:\"a\"; content:\"b\"; http_uri;",
     "1. file.data: ~2. http.uri: "},
    {SU, HTTP, "http.uri;", "!nothing is tested"},
    {SU, HTTP, "http.uri; http.header; content:\"a\";", "!nothing is tested"},
    {SU, HTTP, "file_data; content:\"a\"; http_uri;", "!behind a sticky buffer"},
    {SU, HTTP, "http_uri;", "!content before"},
    {SU, HTTP, "http.uri:x; content:\"a\";", "!no value"},
    {SU, HTTP, "flow:to_client; http.uri; content:\"a\";", "!direction"},
    {SU, HTTP, "http.uri; content:\"a\"; http.stat_code; content:\"b\";", "!different directions"},
    {S2, NULL, "content:\"a\"; http_uri; content:\"b\"; http_stat_code;", "to server, to client"},
    {SU, HTTP, "tls.sni; content:\"a\";", "!belongs to tls, the rule to http"},
    {SU, UDP, "http.uri; content:\"a\";", "!never carries"},
    {SU, ICMP, "dns.query; content:\"a\";", "!never carries"},
    {SU, NULL, "dotprefix; content:\"a\";", "!no sticky buffer"},
    {SU, HTTP, "http.uri; strip_whitespace; content:\"a b\";", "!white space"},
    {SU, HTTP, "http.uri; compress_whitespace; content:\"a  b\";", "!two blanks"},
    {SU, HTTP, "http.uri; to_lowercase; content:\"A\";", "!capital"},
    {SU, HTTP, "http.uri; to_uppercase; content:\"a\";", "!small"},
    {SU, HTTP, "http.uri; pcrexform:a(.*)b; content:\"a\";", "!in quotes"},
    {SU, NULL, "bsize:5;", "!no sticky buffer"},
    {SU, HTTP, "http.uri; content:\"abc\"; bsize:2;", "!need 3 bytes, the length allows 2"},
    {SU, HTTP, "http.uri; content:\"abc\"; offset:3; bsize:<6;",
     "!need 6 bytes, the length allows 5"},
    {SU, HTTP, "http.uri; content:\"abc\"; bsize:>1024;", "length > 1024"},
    {SU, NULL, "smb.named_pipe; content:\"a\";", "!needs smb"},
    {SU, NULL, "mqtt.type:PUBLISH;", "!needs mqtt"},
    {SU, NULL, "htpp.uri; content:\"a\";", "!unknown keyword"},
    {S2, NULL, "http.uri; content:\"a\";", "http.uri"}, /* unmistakably Suricata's */
    {SU, HTTP, "http.uri; absent:x;", "!unknown word"},
    {SU, HTTP, "absent;", "!sticky buffer"},
};

static const struct rule_case regexes[] = {
    {SU, NULL, "pcre:\"/a.b/i\";", "matches /a.b/"},
    {SU, NULL, "pcre:!\"/a/\";", "does not match /a/"},
    {SU, NULL, "pcre:/one/;", "matches /one/"},
    {SU, NULL, "content:\"a\"; pcre:\"/b/R\";", "matches /b/ behind the last match"},
    {SU, NULL, "pcre:\"/a/U\";", "http.uri: matches"},
    {SU, HTTP, "pcre:\"/a/H\";", "http.header: matches"},
    {SU, HTTP, "pcre:\"/a/V\";", "http.user_agent: matches"},
    {SU, HTTP, "http.uri; pcre:\"/a/R\";", "http.uri: matches /a/ behind"},
    {SU, HTTP, "content:\"a\"; http_uri; pcre:\"/b/UR\";", "2. http.uri: matches /b/ behind"},
    {SU, HTTP, "file_data; content:\"a\"; pcre:\"/b/QR\";", "2. file.data: matches"},
    {SU, NULL, "pcre:\"/a[\"']b/\";", "/a[\"']b/"},
    {SU, NULL, "pcre:\"/a\\;b\\/c/\";", "/a\\;b\\/c/"},
    {SU, NULL, "pcre:\"/(\\d+)-(\\d+)/, pkt:uid, flow:gid\";", "matches"},
    {S2, NULL, "pcre:\"m?^ab?i\";", "matches /^ab/"},
    {S2, NULL, "pcre:\"m#a/b#\";", "matches /a/b/"},
    {S2, NULL, "content:\"a\"; http_uri; pcre:\"/b/R\";", "2. http.uri: matches /b/ behind"},
    {S3, NULL, "http_uri; pcre:\"/a/i\";", "http.uri: matches"},
    {S3, NULL, "regex:\"/a/i\", fast_pattern;", "matches /a/"},
    {SU, NULL, "pcre:\"/a(/\";", "!regular expression is wrong at byte 2"},
    {SU, NULL, "pcre:\"a\";", "!slashes"},
    {SU, NULL, "pcre:\"/a\";", "!no end"},
    {SU, NULL, "pcre:\"/a/u\";", "!unknown letter"},
    {SU, NULL, "pcre:\"/b/R\";", "!no match before it"},
    {SU, HTTP, "content:\"a\"; http_uri; pcre:\"/b/R\";", "!no match before it"},
    {SU, HTTP, "http.uri; content:\"a\"; pcre:\"/b/P\";", "!another buffer"},
    {SU, NULL, "pcre:\"/a/UH\";", "!two buffers"},
    {SU, NULL, "pcre:\"/a/, pkt:x\";", "!1 names for 0 groups"},
    {SU, NULL, "pcre:\"m?^ab?i\";", "!slashes"},
    {S3, NULL, "pcre:\"/a/U\";", "!unknown letter"},
};

static const struct rule_case numbers[] = {
    {SU, NULL, "byte_test:2,>,5,0;", "2 bytes at 0 > 5"},
    {SU, NULL, "byte_test:1,!&,0x80,3,relative;", "1 bytes at 3 behind the last match not & 128"},
    {SU, NULL, "byte_test:2,!=,5,0;", "not = 5"},
    {SU, NULL, "byte_test:4,<=,7,-3,relative,little;", "4 bytes (little endian) at -3 behind"},
    {SU, NULL, "byte_test:0,>,10,0,string,dec;", "0 digits at 0 > 10"},
    {S2, NULL, "byte_test:5,<,9,0,relative,string;", "5 digits at 0 behind the last match < 9"},
    {SU, NULL, "byte_test:4,>,8,0,dce;", "4 bytes (DCE order)"},
    {SU, NULL, "byte_test:2,=,1,5,bitmask 0x8000;", "& 0x8000 = 1"},
    {SU, NULL, "content:\"a\"; http_uri; byte_test:1,=,2,0,relative;", "2. http.uri: 1 bytes"},
    {SU, NULL, "byte_extract:1,0,n; byte_test:1,>,n,2; content:\"a\"; offset:n;",
     "is variable 0~> variable 0~from byte variable 0"},
    {SU, NULL, "byte_extract:2,-4,n,relative,multiplier 4,little;", "is variable 0"},
    {SU, NULL, "byte_jump:4,0,relative,little,post_offset -4;",
     "move on by it, times 1, and by -4"},
    {SU, NULL, "byte_jump:2,0,multiplier 4,align,from_beginning;",
     "times 4, and by 0, from the start"},
    {SU, NULL, "byte_jump:0,0,relative,post_offset -4;", "0 bytes at 0"},
    {SU, NULL, "byte_jump:4,0,relative,string,hex;", "4 digits"},
    {SU, NULL, "byte_math:bytes 1, offset 1, oper <<, rvalue 2, result r; byte_test:1,=,r,1;",
     "1 bytes at 1 << 2 is variable 0~= variable 0"},
    {SU, NULL, "byte_math:result r,rvalue 2,oper *,bytes 2,offset 0,endian little;",
     "(little endian) at 0 * 2"},
    {SU, NULL, "isdataat:10;", "has more than 10 bytes"},
    {SU, NULL, "content:\"a\"; isdataat:!1,relative;", "has not at least 1 bytes behind"},
    {SU, NULL, "content:\"a\"; isdataat:10,relative;", "has at least 10 bytes behind"},
    {S2, NULL, "content:\"a\"; isdataat:!0,relative;", "has not at least 1 bytes behind"},
    {S2, NULL, "content:\"a\"; isdataat:10,relative;", "has at least 11 bytes behind"},
    {S3, NULL, "content:\"a\"; isdataat:10,relative;", "has at least 11 bytes behind"},
    {S2, NULL, "isdataat:10;", "has more than 10 bytes"},
    {SU, HTTP, "content:\"a\"; http_header; isdataat:!1,relative;", "2. http.header: has not"},
    {SU, NULL, "base64_decode:bytes 10, offset 2, relative; base64_data; content:\"a\";",
     "base64 decoded~base64_data: holds \"a\""},
    {SU, NULL, "asn1:double_overflow, bitstring_overflow, relative_offset 0;", "odd ASN.1"},
    {S2, NULL, "asn1:oversize_length 1024,relative_offset 0;", "odd ASN.1"},
    {S2, UDP, "rpc:100000,*,4;", "Sun RPC"},
    {SU, NULL, "byte_test:9,>,5,0;", "!9 bytes"},
    {SU, NULL, "byte_test:1,?,5,0;", "!unknown operator"},
    {SU, NULL, "byte_test:1,>,5;", "!missing"},
    {SU, NULL, "byte_test:no,=,1,5;", "!neither a number nor a variable"},
    {SU, NULL, "byte_test:1,=,1,5,foo;", "!unknown word"},
    {SU, NULL, "byte_test:1,=,1,5,dce,big;", "!dce"},
    {SU, NULL, "byte_jump:no,0,relative;", "!neither a number nor a variable"},
    {SU, NULL, "byte_jump:1,0,from_beginning,from_end;", "!together"},
    {SU, NULL, "byte_extract:1,0,1n;", "!no name"},
    {SU, NULL, "byte_extract:1,0,n; byte_extract:1,1,n;", "!twice"},
    {SU, NULL, "content:\"a\"; depth:n; byte_extract:1,0,n;", "!neither"},
    {SU, "alert ip any any -> any any", "byte_extract:1,4,n; http.uri; byte_jump:n,0;",
     "!in the packet"},
    {SU, NULL, "byte_math:bytes 1, offset 1, oper %, rvalue 2, result r;", "!unknown operator"},
    {SU, NULL, "byte_math:bytes 1, oper +, rvalue 2, result r;", "!missing"},
    {SU, NULL, "ipv4.hdr; byte_math:bytes 1, offset 1, oper +, rvalue 2, result r, relative;",
     "!no match before"},
    {S3, NULL, "byte_math:bytes 1, offset 1, oper /, rvalue 0, result r;", "!rvalue"},
    {SU, NULL, "isdataat:x;", "!neither"},
    {SU, NULL, "isdataat:1,foo;", "!unknown word"},
    {SU, NULL, "base64_data; content:\"a\";", "!no base64_decode"},
    {SU, NULL, "base64_decode; base64_data; content:\"a\"; fast_pattern;", "!base64_data"},
};

static const struct rule_case packets[] = {
    {SU, NULL, "ttl:5;", "ttl = 5~packets alone~type packet"},
    {SU, NULL, "ttl:3-6;", "ttl from 4 to 5"},
    {S2, NULL, "ttl:3-6;", "ttl from 3 to 6"},
    {S2, NULL, "ttl:-6;", "ttl <= 6"},
    {SU, NULL, "dsize:5<>9;", "dsize from 6 to 8"},
    {S2, NULL, "dsize:5<>9;", "dsize from 5 to 9"},
    {S3, NULL, "dsize:5<>9;", "dsize from 6 to 8"},
    {S3, NULL, "dsize:5<=>9;", "dsize from 5 to 9"},
    {SU, NULL, "dsize: < 25;", "dsize < 25"},
    {SU, HTTP, "dsize:!0-159;", "dsize not from 1 to 158~dsize >= 1"},
    {S3, NULL, "dsize:>=4;", "dsize >= 4"},
    {SU, NULL, "dsize:!=20;", "dsize != 20~dsize >= 1"},
    {SU, NULL, "flow.age:&0xc0=0x80;", "flow.age & 0xc0 = 0x80"},
    {SU, NULL, "flow.age:&0xc0!=0;", "flow.age & 0xc0 != 0x0"},
    {SU, NULL, "flow.bytes:toserver,>1KiB;", "flow.bytes_toserver > 1024"},
    {SU, NULL, "flow.pkts:either,=10;", "flow.pkts = 10"},
    {SU, ICMP, "itype:8; icode:<5; icmp_id:7; icmp_seq:9;",
     "itype = 8~icode < 5~icmp_id = 7~icmp_seq = 9"},
    {S2, ICMP, "itype:3<>8;", "itype from 4 to 7"},
    {SU, NULL, "window:!0; seq:5; ack:0; id:31337; tos:!8;",
     "window != 0~seq = 5~ack = 0~id = 31337~tos != 8"},
    {SU, NULL, "flags:S,12;", "flags & 0x3f = 0x02"},
    {SU, NULL, "flags:SF12;", "& 0xff = 0xc3"},
    {SU, NULL, "flags:A+;", "+ 0x10"},
    {SU, NULL, "flags:*AP,CE;", "flags & 0x3f * 0x18"},
    {SU, NULL, "flags:!SA;", "flags & 0xff ! 0x12"},
    {S2, NULL, "flags:!SA;", "flags & 0xff ! 0x02~! 0x10"},
    {SU, NULL, "flags:0;", "= 0x00"},
    {SU, NULL, "tcp.flags:R,A;", "& 0xef = 0x04"},
    {SU, NULL, "fragbits:D; fragoffset:>0;", "fragment bits & 0xe0 = 0x40~> 0"},
    {SU, NULL, "fragbits:M+;", "+ 0x20"},
    {SU, NULL, "ipopts:ssrr ;", "IP option"},
    {S2, NULL, "ipopts:lsrre;", "IP option"},
    {SU, NULL, "sameip;", "source is destination"},
    {SU, "alert ip any any -> any any", "ip_proto:>134; ip_proto:!1; ip_proto:igmp; ip_proto:TCP;",
     "ip_proto > 134~ip_proto != 1~ip_proto = 2~ip_proto = 6"},
    {SU, NULL, "tcpv4-csum:invalid;", "checksum"},
    {SU, NULL, "stream_size:client, <,50;", "bytes of the stream < 50"},
    {S3, NULL, "stream_size:>5,to_server;", "bytes of the stream > 5"},
    {SU, NULL, "vlan.id:>=0xC8,all; vlan.layers:2; tcp.mss:<536;",
     "vlan.id >= 200~vlan.layers = 2~tcp.mss < 536"},
    {SU, NULL, "ftpbounce;", "PORT"},
    {SU, NULL, "ttl:256;", "!no number"},
    {SU, NULL, "ttl:x;", "!no number"},
    {SU, NULL, "dsize:7<>8;", "!no number lies"},
    {SU, NULL, "dsize:9<>5;", "!no number lies"},
    {SU, NULL, "dsize:5; dsize:6;", "!twice"},
    {SU, UDP, "dsize:10; content:\"more than ten bytes\";", "!need 19 bytes, the length allows 10"},
    {SU, UDP, "dsize:10; content:\"boom\"; content:\"loom\"; distance:10;", "!need 18"},
    {SU, UDP, "dsize:10; content:\"boom\"; content:\"loom\"; distance:-10;", "dsize = 10"},
    {SU, UDP, "dsize:5<>10; content:\"AAAA\"; offset:8;", "!need 12 bytes, the length allows 9"},
    {SU, UDP, "dsize:16; content:\"abcdef\"; startswith; content:!\"a\"; distance:1; within:10;",
     "!need 17"},
    {SU, HTTP, "dsize:5; http.uri; content:\"a\";", "!tests of one packet"},
    {S2, NULL, "dsize:5; content:\"a\"; http_uri;", "dsize = 5"},
    {SU, "alert tcp-stream any any -> any any", "flags:S;", "!tests of one packet"},
    {SU, NULL, "flags:X;", "!unknown flag"},
    {SU, NULL, "ipopts:lsrre;", "!unknown IP option"},
    {SU, NULL, "ip_proto:TcP;", "!no number"},
    {SU, NULL, "ip_proto:295;", "!no number"},
    {SU, NULL, "stream_size:server,~,5;", "!not understood"},
    {SU, NULL, "vlan.id:5,7;", "!unknown layer"},
};

static const struct rule_case flows[] = {
    {SU, NULL, "flow:established,to_server;", "to server, established"},
    {SU, NULL, "flow: from_client , established;", "to server, established"},
    {SU, NULL, "flow:from_server;", "to client"},
    {SU, NULL, "flow:no_stream; content:\"a\";", "packets alone~type packet"},
    {SU, NULL, "flow:only_stream; content:\"a\";", "stream alone~type stream"},
    {SU, NULL, "flow:stateless; content:\"a\";", "stateless"},
    {SU, NULL, "flowbits:set,a.b;", "bit of the flow: set a.b"},
    {SU, NULL, "flowbits:isset, a|b;", "is set a or b"},
    {S2, NULL, "flowbits:set,a&b;", "set a and b"},
    {S2, NULL, "flowbits:isset,a|b;", "is set a or b"},
    {S2, NULL, "flowbits:set,a,grp;", "set a in group grp"},
    {S2, NULL, "flowbits:isset,any,grp;", "is set in group grp"},
    {S2, NULL, "flowbits:reset;", "reset"},
    {SU, NULL, "flowbits:noalert; content:\"a\";", "no alert"},
    {SU, NULL, "noalert;", "no alert"},
    {SU, NULL, "xbits:set,a,track ip_src, expire 360;", "bit of the source: set a, for 360 s"},
    {SU, NULL, "xbits:isset,a, track ip_pair;", "bit of the pair: is set a, for 30 s"},
    {SU, NULL, "hostbits:isset,a,dst;", "bit of the destination: is set a"},
    {SU, NULL, "flowint:n,+,1; flowint:n,>=,m; flowint:x,notset;", "n grows by 1~n >= m~x is not set"},
    {SU, NULL, "threshold: type limit, track by_src, count 1 , seconds 60;",
     "limit: 1 in 60 s for each source"},
    {SU, NULL, "threshold:type both,count 3,seconds 9,track by_dst;",
     "both: 3 in 9 s for each destination"},
    {SU, NULL, "threshold:type backoff, track by_flow, count 1, multiplier 10;", "backoff: at 1"},
    {S2, NULL, "detection_filter:track by_src, count 5, seconds 60;",
     "detection filter: 5 in 60 s"},
    {SU, NULL, "tag:session;", "log 256 more"},
    {SU, NULL, "tag:host,9,packets,src;", "log 9 more"},
    {S3, NULL, "tag:session,packets 5;", "log 5 more"},
    {SU, NULL, "decode-event:ipv4.pkt_too_small;", "event ipv4.pkt_too_small~type decoder events"},
    {SU, NULL, "stream-event:3whs_ack_in_wrong_dir;", "event 3whs_ack_in_wrong_dir"},
    {SU, DNS, "app-layer-event:dns.malformed_data;", "event malformed_data~type transaction"},
    {SU, NULL, "app-layer-event:http.request_field_missing_colon;", "tcp http"},
    {SU, NULL, "app-layer-event:applayer_wrong_direction_first_data;", "event applayer_wrong"},
    {SU, NULL, "app-layer-protocol:!tls,final;", "protocol is not tls~type protocol"},
    {SU, NULL, "flow:established; app-layer-protocol:!tls;", "type packet"},
    {S2, NULL, "resp:reset_both,icmp_all;", "answers: reset_both (rst_all)~icmp_all"},
    {S2, NULL, "resp:rst_snd;", "answers: reset_source (rst_snd)"},
    {S2, NULL, "react:block,msg;", "answers: react"},
    {SU, NULL, "flow:to_server,to_client;", "!does not go"},
    {SU, NULL, "flow:established,not_established;", "!does not go"},
    {SU, NULL, "flow:established; flow:to_server;", "!twice"},
    {SU, NULL, "flow:foo;", "!unknown word"},
    {SU, NULL, "flowbits:isset;", "!name is missing"},
    {SU, NULL, "flowbits:foo,a;", "!unknown command"},
    {SU, NULL, "flowbits:set,a&b;", "!&"},
    {SU, NULL, "flowbits:set,a|b;", "!isset and isnotset"},
    {SU, NULL, "flowbits:set,a b;", "!no name"},
    {SU, NULL, "xbits:set,a;", "!side"},
    {SU, NULL, "xbits:set,a,track ip_any;", "!unknown side"},
    {SU, NULL, "flowint:n,*,1;", "!not understood"},
    {SU, NULL, "flowint:n,isset,1;", "!no value"},
    {SU, NULL, "threshold:type limit, track by_src, count 1;", "!needed"},
    {SU, NULL, "threshold:type limit, track by_src, count 0, seconds 5;", "!above 0"},
    {SU, NULL,
     "threshold:type limit, track by_src, count 1, seconds 60; threshold:type both, track by_src, "
     "count 1, seconds 60;",
     "!one threshold"},
    {SU, NULL,
     "detection_filter:track by_src, count 1, seconds 6; threshold:type limit, track by_src, count "
     "1, "
     "seconds 60;",
     "!one threshold"},
    {SU, NULL, "tag:foo;", "!unknown kind"},
    {SU, NULL, "tag:host,5,packets;", "!src or dst"},
    {SU, NULL, "decode-event:foo.bar;", "!unknown decoder event"},
    {SU, NULL, "app-layer-event:http.no_such_event;", "!unknown event"},
    {SU, NULL, "app-layer-event:smb.internal_error;", "!parser"},
    {SU, HTTP, "app-layer-protocol:tls;", "!bound to http"},
    {S2, NULL, "resp:foo;", "!unknown response"},
};

static const struct rule_case facts[] = {
    {SU, NULL, "msg:\"a (b): \\\"c\\\"\\; d\\\\e\"; sid:1;", "\"a (b): \"c\"; d\\e\""},
    {SU, NULL, "msg:\" blanks \"; sid:1;", "\" blanks \""},
    {SU, NULL, "classtype:attempted-admin;", "class attempted-admin, priority 1"},
    {SU, NULL, "classtype:attempted-admin; priority:3;", "priority 3"},
    {SU, NULL, "classtype:no-such-class;", "class no-such-class, priority 3"},
    {SU, NULL, "content:\"a\";", "class none, priority 3"},
    {SU, NULL, "gid:5; rev:7; sid:9;", "alert 5:9:7"},
    {SU, NULL, "sid:\"12\";", "alert 1:12:0"},
    {SU, NULL, "reference:url,x.org/a,b; reference:cve,2020-1; metadata:a b, c d; metadata:e f;",
     "alert 1:1:0"},
    {SU, NULL, "target:src_ip;", "alert"},
    {SU, NULL, "requires:version >= 7.0.3 < 8 | >= 8.0.1;", "alert"},
    {SU, NULL, "requires:version >= 8, keyword sid, feature ja4;", "alert"},
    {S2, "activate tcp any any -> any any", "content:\"a\"; activates:1;", "activate 1:1:0"},
    {S2, "dynamic tcp any any -> any any", "activated_by:1; count:50;", "dynamic"},
    {S3, NULL, "rem:\"text; more\"; service:http, smtp;", "alert"},
    {S2, NULL, "msg:\"x\"; content:\"a\"; metadata:service http, policy x drop;", "snort2"},
    {SU, NULL, "content:\"a\"; metadata:riposte_dialect snort2; isdataat:1,relative;",
     "at least 2 bytes"},
    {SU, NULL, "msg:x;", "!no quotes"},
    {SU, NULL, "msg:\"a\"; msg:\"b\";", "!twice"},
    {SU, NULL, "sid:0;", "!no number"},
    {SU, NULL, "sid:x;", "!no number"},
    {SU, NULL, "sid:1; sid:2;", "!twice"},
    {SU, NULL, "sid:4294967296;", "!no number"},
    {SU, NULL, "priority:0;", "!no priority"},
    {SU, NULL, "reference:url;", "!no value"},
    {SU, NULL, "target:me;", "!src_ip"},
    {SU, NULL, "requires:foo bar;", "!unknown requirement"},
    {SU, NULL, "requires:version 8;", "!not understood"},
    {SU, NULL, "lua:x.lua;", "!scripts"},
    {SU, NULL, "content;", "!needs a value"},
    {SU, NULL, "msg:\"a\"; contnet:\"a\";", "!unknown keyword 'contnet'"},
    {S2, NULL, "metadata:engine shared, soid 3|1;", "!shared object"},
    {SU, DNS, "dns.query; dataset:isset,x,type string,load x.lst;", "!can't be read"},
    {SU, DNS, "dns.query; dataset:isset,x,type string;", "is in a set"},
    {SU, HTTP, "filemd5:none.list;", "!can't be read"},
    {SU, HTTP, "filesha1:;", "!"},
    {SU, HTTP, "filesize:>100;", "filesize: > 100"},
    {SU, DNS, "filemd5:none.list;", "!"},
    {SU, NULL, "entropy:value > 4;", "entropy of the buffer"},
    {SU, NULL, "entropy:offset 2,bytes 3;", "!the value is missing"},
    {SU, NULL, "entropy:value > 9;", "!no entropy from 0 to 8"},
    {SU, NULL, "ipopts:nop;", "IP option"},
    {SU, NULL, "ipopts:eol;", "IP option"},
    {SU, NULL, "content:\"a\"; bypass;", "holds \"a\""},
    {S2, "dynamic tcp any any -> any any", "activated_by:1;", "!logs no packet"},
    {SU, DNS, "dns.query; dataset:isset,x;", "!has no type"},
    {SU, DNS, "dns.query; dataset:isset,x,type number;", "!unknown type"},
    {SU, DNS, "dns.query; dataset:has,x,type string;", "!unknown command"},
    {SU, DNS, "dns.query; dataset:isset,x,type string,color red;", "!unknown word"},
    {SU, DNS, "dns.query; dataset:isset,x,type string,state ../x;", "!leaves its folder"},
    {SU, DNS, "dns.query; dataset:set,x,type string,save /x;", "!absolute path"},
    {SU, DNS, "dns.query; dataset:set,x,type string,memcap 1kb;", "!its memcap is"},
    {SU, DNS, "dns.query; dataset:isset,x,type string,context_key c;", "!keys belong to a set in JSON"},
    {SU, DNS, "dns.query; dataset:isset,x,type string,format json;", "!needs load and value_key"},
    {SU, DNS, "dns.query; dataset:set,x,type string,load x,format json,value_key v;", "!only read"},
    {SU, DNS, "dns.query; dataset:set,x,type string; dataset:isset,x,type md5;", "!is another one"},
    {SU, DNS, "dns.query; datarep:x,>,5,type string;", "!reputation needs a list"},
    {SU, DNS, "dns.query; datarep:x,>,70000,type string,load x;", "!from 0 to 65535"},
    {SU, DNS, "dns.query; datarep:x,~,7,type string,load x;", "!unknown command"},
    {SU, NULL, "content:\"a\"; dataset:isset,x,type string;", "!sticky buffer"},
    {SU, "alert ip any any -> any any", "ip.src; dataset:set,x,type ip;", "is in a set"},
    {SU, "alert ip any any -> any any", "iprep:dst,cat,>,5;", "!no category cat"},
    {SU, "alert ip any any -> any any", "iprep:any,cat;", "!"},
};

static void contents_test(void **state)
{
    (void)state;
    CASES_RUN(contents);
}
static void buffers_test(void **state)
{
    (void)state;
    CASES_RUN(buffers);
}
static void regexes_test(void **state)
{
    (void)state;
    CASES_RUN(regexes);
}
static void numbers_test(void **state)
{
    (void)state;
    CASES_RUN(numbers);
}
static void packets_test(void **state)
{
    (void)state;
    CASES_RUN(packets);
}
static void flows_test(void **state)
{
    (void)state;
    CASES_RUN(flows);
}
static void facts_test(void **state)
{
    (void)state;
    CASES_RUN(facts);
}

/* Rules whose requirements are not met are neither loaded nor refused, whatever else they say. */
static void requires_skips(void **state)
{
    (void)state;
    struct rule_set *s =
        rules_of("alert vxlan any any -> any any (requires: version >= 10; sid:1;)\n"
                 "alert tcp any any -> any any (foo:bar; requires: feature no_such; sid:2;)\n"
                 "alert tcp any any -> any any (requires: keyword no_such; sid:3;)\n"
                 "alert tcp any any -> any any (requires: version >= 8; sid:4;)\n",
                 DIALECT_AUTO, NULL, 1);
    assert_true(s->n_rules == 1 && s->n_refusals == 0 && s->skipped == 3);
    rules_free(s);
    struct rules_options o = {.var = test_var, .ignore_unknown_requirements = true};
    s = rules_of("alert tcp any any -> any any (requires: foo bar; sid:1;)\n", DIALECT_SURICATA, &o,
                 1);
    assert_true(s->n_rules == 0 && s->n_refusals == 0 && s->skipped == 1);
    rules_free(s);
}

/* Each row of the table: a name, a help; no name twice in a dialect. */
static void table_is_sound(void **state)
{
    (void)state;
    size_t n;
    const struct keyword_info *k = rules_keywords(&n);
    assert_true(n > 120);
    for (size_t i = 0; i < n; i++) {
        assert_true(k[i].name && *k[i].name && k[i].help && *k[i].help && k[i].arg &&
                    k[i].dialects);
        for (size_t j = 0; j < i; j++)
            assert_false(strcmp(k[i].name, k[j].name) == 0 && (k[i].dialects & k[j].dialects));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contents_test),  cmocka_unit_test(buffers_test),
        cmocka_unit_test(regexes_test),   cmocka_unit_test(numbers_test),
        cmocka_unit_test(packets_test),   cmocka_unit_test(flows_test),
        cmocka_unit_test(facts_test),     cmocka_unit_test(requires_skips),
        cmocka_unit_test(table_is_sound),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
