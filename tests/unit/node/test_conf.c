/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file: sbx.conf(5). */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "node/node.h"
#include "suite.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static char dir[32], path[64];
static struct sbx_conf conf;
static struct sbx_err err;

static void
in_a_directory(void)
{
	snprintf(dir, sizeof(dir), "/tmp/sbx-conf.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sbx.conf", dir);
	memset(&err, 0, sizeof(err));
}

static void
gone_again(void)
{
	sbx_conf_free(&conf);
	unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);
}

static int
load(const char *text, size_t len)
{
	ck_assert_int_eq(sbx_io_save(path, text, len, 0644, 0, &err), 0);
	return sbx_conf_load(&conf, dir, NULL, 0, &err);
}

START_TEST(one_directory_holds_a_whole_node)
{
	char want[80];

	ck_assert_int_eq(sbx_conf_load(&conf, dir, NULL, 0, &err), 0);
	ck_assert_str_eq(err.text, "");
	ck_assert_ptr_null(conf.file);
	ck_assert_str_eq(conf.dir, dir);
	snprintf(want, sizeof(want), "%s/ledger.db", dir);
	ck_assert_str_eq(conf.db, want);
	snprintf(want, sizeof(want), "%s/node.key", dir);
	ck_assert_str_eq(conf.key, want);
	snprintf(want, sizeof(want), "%s/wg.key", dir);
	ck_assert_str_eq(conf.wg_key, want);
	snprintf(want, sizeof(want), "%s/www", dir);
	ck_assert_str_eq(conf.www, want);
	snprintf(want, sizeof(want), "%s/run", dir);
	ck_assert_str_eq(conf.run, want);
	snprintf(want, sizeof(want), "%s/audit.log", dir);
	ck_assert_str_eq(conf.audit, want);
	ck_assert_ptr_nonnull(conf.name);
	ck_assert_ptr_null(conf.mesh_endpoint);
}
END_TEST

START_TEST(a_mesh_has_its_usual_figures)
{
	ck_assert_int_eq(sbx_conf_load(&conf, dir, NULL, 0, &err), 0);
	ck_assert_str_eq(conf.mesh_if, "wg-mesh");
	ck_assert_str_eq(conf.mesh_net, "10.10.0.0/24");
	ck_assert_int_eq(conf.mesh_port, 51822);
	ck_assert_int_eq(conf.mesh_mtu, 1420);
	ck_assert_int_eq(conf.mesh_keepalive, 25);
	ck_assert_int_eq(conf.dir_port, 8799);
	ck_assert_int_eq(conf.grant_port, 8798);
	ck_assert_int_eq(conf.grant_ttl, 3600);
	ck_assert_int_eq(conf.pull_slot, 60);
	ck_assert_int_eq(conf.pull_stale, 14400);
	ck_assert_uint_eq(conf.npeers, 0);
}
END_TEST

START_TEST(every_key_is_read)
{
	static const char text[] =
		"; a comment\n# another\n\n"
		"[node]\nname=gk2\nstate=/s\nkey=/k\n"
		"[mesh]\ninterface = wg0\nnetwork : 10.20.0.0/16\nport=1\n"
		"endpoint=192.0.2.1:51822 ; ours\nmtu=1280\nkeepalive=0\n"
		"wg_key=/w\n"
		"[publish]\nwww=/p\nport=65535\n"
		"[pull]\nslot=3600\nstale=600\n"
		"[grant]\nport=2\nttl=60\nmacros=/m\naudit=/a\n"
		"[peer c3box]\nurl=http://10.10.0.2:8799\n"
		"[peer amd64]\r\nurl=https://[fd00::1]:8799/log/\r\n";

	ck_assert_msg(load(text, sizeof(text) - 1) == 0, "%s", err.text);
	ck_assert_str_eq(conf.file, path);
	ck_assert_str_eq(conf.name, "gk2");
	ck_assert_str_eq(conf.key, "/k");
	ck_assert_str_eq(conf.mesh_if, "wg0");
	ck_assert_str_eq(conf.mesh_net, "10.20.0.0/16");
	ck_assert_int_eq(conf.mesh_port, 1);
	ck_assert_str_eq(conf.mesh_endpoint, "192.0.2.1:51822");
	ck_assert_int_eq(conf.mesh_mtu, 1280);
	ck_assert_int_eq(conf.mesh_keepalive, 0);
	ck_assert_str_eq(conf.wg_key, "/w");
	ck_assert_str_eq(conf.www, "/p");
	ck_assert_int_eq(conf.dir_port, 65535);
	ck_assert_int_eq(conf.pull_slot, 3600);
	ck_assert_int_eq(conf.pull_stale, SBX_MIN_STALE);
	ck_assert_int_eq(conf.grant_port, 2);
	ck_assert_int_eq(conf.grant_ttl, 60);
	ck_assert_str_eq(conf.macros, "/m");
	ck_assert_str_eq(conf.audit, "/a");
	ck_assert_uint_eq(conf.npeers, 2);
	ck_assert_str_eq(conf.peers[0].name, "c3box");
	ck_assert_str_eq(conf.peers[0].url, "http://10.10.0.2:8799/");
	ck_assert_str_eq(conf.peers[1].url, "https://[fd00::1]:8799/log/");
	/* The caller's directory wins over the file's. */
	ck_assert_str_eq(conf.dir, dir);
}
END_TEST

START_TEST(a_quorum_is_of_the_witnesses_that_are_named)
{
	static const char more[] = "[witness]\nquorum=2\n"
		"a=did:plc:11111111111111111111111111111111\n";
	static const char none[] = "[witness]\n"
		"a=did:plc:11111111111111111111111111111111\n";
	static const char good[] = "[witness]\nquorum=1\n"
		"a=did:plc:11111111111111111111111111111111\n";

	ck_assert_int_eq(load(more, sizeof(more) - 1), SBX_E_USAGE);
	ck_assert_int_eq(load(none, sizeof(none) - 1), SBX_E_USAGE);
	ck_assert_int_eq(load(good, sizeof(good) - 1), 0);
	ck_assert_int_eq(conf.quorum, 1);
	ck_assert_uint_eq(conf.nwitnesses, 1);
	ck_assert_str_eq(conf.witnesses[0].name, "a");
	sbx_conf_free(&conf);
}
END_TEST

/* I2 */
static const struct {
	const char *section, *key;
	int min, max;
} ranges[] = {
	{ "mesh", "port", 1, 65535 }, { "mesh", "mtu", 1280, 65535 },
	{ "mesh", "keepalive", 0, 65535 }, { "publish", "port", 1, 65535 },
	{ "pull", "slot", 1, 3600 }, { "grant", "port", 1, 65535 },
	{ "grant", "ttl", 60, 86400 },
};

START_TEST(a_number_is_in_its_range)
{
	const int n[] = { ranges[_i].min, ranges[_i].max, ranges[_i].min - 1,
		ranges[_i].max + 1 };
	char text[80], why[80];

	for (int i = 0; i < 4; i++) {
		snprintf(text, sizeof(text), "[%s]\n%s=%d\n", ranges[_i].section,
			ranges[_i].key, n[i]);
		ck_assert_int_eq(load(text, strlen(text)),
			i < 2 ? 0 : SBX_E_USAGE);
		snprintf(why, sizeof(why), "not a number in range (%d to %d)",
			n[0], n[1]);
		ck_assert(i < 2 || strstr(err.text, why) != NULL);
		sbx_conf_free(&conf);
	}
}
END_TEST

/* At the limit and past it. */
START_TEST(peers_and_witnesses_are_at_most_so_many)
{
	struct sbx_buf b = SBX_BUF(SBX_MAX_CONF);

	for (int past = 0; past < 2; past++) {
		sbx_buf_clear(&b);
		for (int i = 0; i < SBX_MAX_PEERS + past; i++)
			sbx_buf_fmt(&b, "[peer p%d]\nurl=http://192.0.2.1/\n",
				i);
		ck_assert_int_eq(load(b.data, b.len), past ? SBX_E_USAGE : 0);
		if (!past)
			sbx_conf_free(&conf);
		sbx_buf_clear(&b);
		sbx_buf_fmt(&b, "[witness]\nquorum=%d\n", SBX_MAX_WITNESSES);
		for (int i = 0; i < SBX_MAX_WITNESSES + past; i++)
			sbx_buf_fmt(&b, "w%d=did:plc:%032x\n", i, i);
		ck_assert_int_eq(load(b.data, b.len), past ? SBX_E_USAGE : 0);
		if (!past)
			sbx_conf_free(&conf);
	}
	sbx_buf_free(&b);
}
END_TEST

START_TEST(a_named_file_moves_the_state_and_must_exist)
{
	static const char text[] = "[node]\nstate=/srv/sbx\n";

	ck_assert_int_eq(load(text, sizeof(text) - 1), 0);
	sbx_conf_free(&conf);
	ck_assert_int_eq(sbx_conf_load(&conf, NULL, path, 0, &err), 0);
	ck_assert_str_eq(conf.dir, "/srv/sbx");
	ck_assert_str_eq(conf.db, "/srv/sbx/ledger.db");
	ck_assert_str_eq(conf.www, "/srv/sbx/www");
	ck_assert_str_eq(conf.key, SBX_SYSCONFDIR "/sbx/secrets/node.key");
	ck_assert_str_eq(conf.audit, SBX_LOGDIR "/audit.log");
	sbx_conf_free(&conf);
	unlink(path);
	ck_assert_int_eq(
		sbx_conf_load(&conf, NULL, path, 0, &err), SBX_E_USAGE);
	ck_assert_int_eq(err.code, SBX_E_USAGE);
	ck_assert_ptr_null(conf.dir);
}
END_TEST

START_TEST(a_relative_directory_becomes_absolute)
{
	ck_assert_int_eq(chdir("/tmp"), 0);
	ck_assert_int_eq(
		sbx_conf_load(&conf, dir + strlen("/tmp/"), NULL, 0, &err), 0);
	ck_assert_str_eq(conf.dir, dir);
	ck_assert_int_eq(chdir("/"), 0);
}
END_TEST

START_TEST(a_root_process_takes_no_file_of_others)
{
	ck_assert_int_eq(load("", 0), 0);
	sbx_conf_free(&conf);
	ck_assert_int_eq(chmod(path, 0664), 0);
	ck_assert_int_eq(sbx_conf_load(&conf, dir, NULL, SBX_IO_ROOT, &err),
		SBX_E_USAGE);
	ck_assert_ptr_nonnull(strstr(err.text, "root's"));
}
END_TEST

/* What is refused, in which line, and a part of the reason. */
static const struct {
	const char *text;
	int line;
	const char *why;
} bad[] = {
	{ "[nodes]\nname=a\n", 1, "[nodes]: no such section" },
	{ "[Node]\nname=a\n", 1, "no such section" },
	{ "[node]\n[nodes]\n", 2, "[nodes]: no such section" },
	{ "[]\n", 1, "no such section" },
	{ "[peer]\n", 1, "[peer]: no such section" },
	{ "name=a\n", 1, "name: a key before any [section]" },
	{ "[mesh]\n  mtu = 1400\n  mtu = 1400\n", 3, "mtu is given twice" },
	{ "[mesh]\n\tmtu=1400\n \tprot=5\n", 3, "prot: no such key" },
	{ "  [mesh]\n  [mash]\n", 2, "[mash]: no such section" },
	{ "[node]\n\nnames=a\n", 3, "names: no such key in [node]" },
	{ "[node]\nport=1\n", 2, "no such key" },
	{ "[node]\nname=a\nname=b\n", 3, "name is given twice" },
	{ "[node]\nname=a\n b\n", 3, "neither" },
	{ "[node]\nname=\n", 2, "not a name" },
	{ "[node]\nname=-a\n", 2, "not a name" },
	{ "[node]\nname=a/b\n", 2, "not a name" },
	{ "[node]\nname=a\x1b[1m\n", 2, "control character" },
	{ "[node]\nname=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", 2, "not a name" },
	{ "[node]\nkey=node.key\n", 2, "not an absolute path" },
	{ "[node\nname=a\n", 1, "neither" },
	{ "[node]\nname\n", 2, "neither" },
	{ "[pull]\nslot=0\n", 2, "not a number" },
	{ "[pull]\nslot=3601\n", 2, "not a number" },
	{ "[pull]\nstale=599\n", 2, "not a number in range (600 to 31536000)" },
	{ "[pull]\nstale=31536001\n", 2, "not a number" },
	{ "[witness]\nquorum=0\n", 2, "not a number" },
	{ "[witness]\nquorum=33\n", 2, "not a number" },
	{ "[witness]\nquorum=1\nquorum=1\n", 3, "quorum is given twice" },
	{ "[witness]\n-a=did:plc:11111111111111111111111111111111\n", 2,
		"not a name" },
	{ "[witness]\na=did:plc:1\n", 2, "neither a did nor a key" },
	/* A log's key is no witness's. */
	{ "[witness]\na=PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/"
	  "LDE4izWy10TW\n", 2, "neither a did nor a key" },
	{ "[witness]\na=did:plc:11111111111111111111111111111111\n"
	  "a=did:plc:21111111111111111111111111111111\n", 3,
		"a is given twice" },
	{ "[witness]\na=did:plc:11111111111111111111111111111111\n"
	  "b=did:plc:11111111111111111111111111111111\n", 3,
		"b is given twice" },
	{ "[mesh]\nport=0\n", 2,
		"port: 0: not a number in range (1 to 65535)" },
	{ "[mesh]\nport=65536\n", 2, "not a number" },
	{ "[mesh]\nport=51822x\n", 2, "not a number" },
	{ "[mesh]\nport=0x10\n", 2, "not a number" },
	{ "[mesh]\nport=+1\n", 2, "not a number" },
	{ "[mesh]\nport=01\n", 2, "not a number" },
	{ "[mesh]\nport=-1\n", 2, "not a number" },
	{ "[mesh]\nport=18446744073709551617\n", 2, "not a number" },
	{ "[mesh]\nport=\n", 2, "not a number" },
	{ "[mesh]\nmtu=1279\n", 2, "not a number" },
	{ "[mesh]\nmtu=65536\n", 2, "not a number" },
	{ "[mesh]\nkeepalive=65536\n", 2, "not a number" },
	{ "[mesh]\ninterface=\n", 2, "not an interface name" },
	{ "[mesh]\ninterface=.\n", 2, "not an interface name" },
	{ "[mesh]\ninterface=..\n", 2, "not an interface name" },
	{ "[mesh]\ninterface=a/b\n", 2, "not an interface name" },
	{ "[mesh]\ninterface=wg%d\n", 2, "not an interface name" },
	{ "[mesh]\ninterface=wg mesh\n", 2, "not an interface name" },
	{ "[mesh]\ninterface=wg-mesh-too-long\n", 2, "not an interface name" },
	{ "[mesh]\nnetwork=10.10.0.0\n", 2, "not an IPv4 network" },
	{ "[mesh]\nnetwork=10.10.0.1/24\n", 2, "not an IPv4 network" },
	{ "[mesh]\nnetwork=10.10.0/24\n", 2, "not an IPv4 network" },
	{ "[mesh]\nnetwork=10.10.0.0/7\n", 2, "not an IPv4 network" },
	{ "[mesh]\nnetwork=10.10.0.0/31\n", 2, "not an IPv4 network" },
	{ "[mesh]\nnetwork=10.10.0.0/024\n", 2, "not an IPv4 network" },
	{ "[mesh]\nnetwork=010.10.0.0/24\n", 2, "not an IPv4 network" },
	{ "[mesh]\nnetwork=10.10.0.0/255.255.255.0\n", 2, "not an IPv4" },
	{ "[mesh]\nnetwork=0.0.0.0/8\n", 2, "not an IPv4 network" },
	{ "[mesh]\nnetwork=127.0.0.0/8\n", 2, "not an IPv4 network" },
	{ "[mesh]\nnetwork=224.0.0.0/8\n", 2, "not an IPv4 network" },
	{ "[mesh]\nnetwork=fd00::/8\n", 2, "not an IPv4 network" },
	{ "[mesh]\nendpoint=gk2.example:51822\n", 2, "not ADDRESS:PORT" },
	{ "[mesh]\nendpoint=192.0.2.1\n", 2, "not ADDRESS:PORT" },
	{ "[mesh]\nendpoint=192.0.2.1:0\n", 2, "not ADDRESS:PORT" },
	{ "[mesh]\nendpoint=2001:db8::1:51822\n", 2, "not ADDRESS:PORT" },
	{ "[mesh]\nendpoint=[2001:db8::1]\n", 2, "not ADDRESS:PORT" },
	{ "[mesh]\nendpoint=[192.0.2.1]:1\n", 2, "not ADDRESS:PORT" },
	{ "[mesh]\nnetwork=169.254.0.0/16\n", 2, "not an IPv4 network" },
	{ "[mesh]\nnetwork=169.254.9.0/24\n", 2, "not an IPv4 network" },
	{ "[mesh]\nendpoint=0.0.0.0:51822\n", 2, "no host" },
	{ "[mesh]\nendpoint=127.0.0.1:51822\n", 2, "loopback" },
	{ "[mesh]\nendpoint=224.0.0.1:51822\n", 2, "multicast" },
	{ "[mesh]\nendpoint=255.255.255.255:51822\n", 2, "broadcast" },
	{ "[mesh]\nendpoint=[::]:51822\n", 2, "no host" },
	{ "[mesh]\nendpoint=[::1]:51822\n", 2, "loopback" },
	{ "[mesh]\nendpoint=[ff02::1]:51822\n", 2, "multicast" },
	{ "[mesh]\nendpoint=[fe80::1]:51822\n", 2, "one link" },
	{ "[mesh]\nendpoint=[::ffff:127.0.0.1]:51822\n", 2, "IPv6's form" },
	{ "[mesh]\nendpoint=10.10.0.9:51822\n", 2, "inside the mesh" },
	{ "[mesh]\nendpoint=10.20.1.1:51822\nnetwork=10.20.0.0/16\n", 2,
		"inside the mesh" },
	{ "[mesh]\nddns=192.0.2.1\n", 2, "not a host's name" },
	{ "[mesh]\nddns=-a.example\n", 2, "not a host's name" },
	{ "[mesh]\nddns=a..example\n", 2, "not a host's name" },
	{ "[mesh]\nddns=a.example:0\n", 2, "not a host's name" },
	{ "[mesh]\nddns=a b\n", 2, "not a host's name" },
	{ "[mesh]\nhubs=\n", 2, "not names" },
	{ "[mesh]\nhubs=gk2, mule\n", 2, "not names" },
	{ "[mesh]\nipv6=maybe\n", 2, "not yes or no" },
	{ "[publish]\nport=9000\n[grant]\nport=9000\n", 4,
		"9000 is the other server's" },
	{ "[grant]\nport=9000\n[publish]\nport=9000\n", 4,
		"9000 is the other server's" },
	{ "[publish]\nport=8798\n", 2, "8798 is the other server's" },
	{ "[grant]\nttl=59\n", 2, "not a number" },
	{ "[grant]\nttl=86401\n", 2, "not a number" },
	{ "[peer a]\nurl=ftp://a/\n", 2, "not http(s)" },
	{ "[peer a]\nurl=file:///etc/passwd\n", 2, "not http(s)" },
	{ "[peer a]\nurl=http://\n", 2, "not http(s)" },
	{ "[peer a]\nurl=http:///x\n", 2, "not http(s)" },
	{ "[peer a]\nurl=http://user@a/\n", 2, "not http(s)" },
	{ "[peer a]\nurl=http://a/?q\n", 2, "not http(s)" },
	{ "[peer a]\nurl=http://a b/\n", 2, "not http(s)" },
	{ "[peer a]\nurl=http://a:0/\n", 2, "not http(s)" },
	{ "[peer a]\nurl=http://a:65536/\n", 2, "not http(s)" },
	{ "[peer a]\nurl=http://a:/\n", 2, "not http(s)" },
	{ "[peer a]\nurl=http://a:1x/\n", 2, "not http(s)" },
	{ "[peer a]\nurl=https://[::1]:99999\n", 2, "not http(s)" },
	{ "[peer a]\nurl=https://[::1/\n", 2, "not http(s)" },
	{ "[peer a]\n", 1, "peer a has no url" },
	{ "[node]\n[peer a]\n\n[peer b]\nurl=http://b/\n", 2,
		"peer a has no url" },
	{ "[peer ]\n", 1, "no url" },
	{ "[peer a]\nuri=http://a/\n", 2, "uri: no such key" },
	{ "[peer a]\nurl=http://a/\n[peer a]\nurl=http://b/\n", 4,
		"peer a is given twice" },
	{ "[peer a]\nurl=http://a/\nurl=http://b/\n", 3, "given twice" },
	{ "[peer ]\nurl=http://a/\n", 2, "not a name" },
	{ "[peer a b]\nurl=http://a/\n", 2, "not a name" },
	{ "[peer aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\n"
	  "url=http://a/\n",
		2, "not a name" },
	{ "[node]\nname=\xc3\xa9\n", 2, "not a name" },
};

/* I4 */
START_TEST(a_wrong_line_is_refused_with_its_number)
{
	char at[80];

	ck_assert_int_eq(load(bad[_i].text, strlen(bad[_i].text)), SBX_E_USAGE);
	snprintf(at, sizeof(at), "%s:%d: ", path, bad[_i].line);
	ck_assert_msg(strncmp(err.text, at, strlen(at)) == 0, "%s: not %s",
		err.text, at);
	ck_assert_msg(strstr(err.text, bad[_i].why) != NULL, "%s: not %s",
		err.text, bad[_i].why);
	ck_assert_ptr_null(conf.dir);
	ck_assert_uint_eq(conf.npeers, 0);
}
END_TEST

START_TEST(a_nul_byte_hides_nothing)
{
	ck_assert_int_eq(load("[node]\0\nname=a\n", 15), SBX_E_USAGE);
	ck_assert_ptr_nonnull(strstr(err.text, "NUL"));
}
END_TEST

/* libinih would cut it in two, and read the second half as a line. */
START_TEST(a_line_too_long_is_refused_not_cut)
{
	char text[600];
	int n = snprintf(text, sizeof(text), "[node]\nkey=/%0194d\n", 0);

	ck_assert_int_eq(load(text, (size_t)n), SBX_E_USAGE);
	ck_assert_ptr_nonnull(strstr(err.text, ":2: longer than"));
	n = snprintf(text, sizeof(text), "[node]\nkey=/%0193d\n", 0);
	ck_assert_int_eq(load(text, (size_t)n), 0);
	ck_assert_uint_eq(strlen(conf.key), 194);
}
END_TEST

START_TEST(a_file_too_long_is_refused)
{
	struct sbx_buf text = SBX_BUF(1 << 20);

	while (text.len < SBX_MAX_CONF)
		sbx_buf_str(&text, text.len % 64 == 63 ? "\n" : "#");
	ck_assert_int_eq(load(text.data, text.len), 0);
	sbx_conf_free(&conf);
	sbx_buf_str(&text, "\n");
	ck_assert_int_eq(load(text.data, text.len), SBX_E_USAGE);
	sbx_buf_free(&text);
}
END_TEST

START_TEST(hubs_and_names_of_the_mesh_are_read)
{
	static const char text[] = "[mesh]\nhubs = gk2 did:plc:0000000000000000"
		"0000000000000001\nddns=gk2.example.org:4000\nipv6=no\n";

	ck_assert_int_eq(load(text, strlen(text)), 0);
	ck_assert_int_eq(strncmp(conf.mesh_hubs, "gk2 did:plc:", 12), 0);
	ck_assert_str_eq(conf.mesh_ddns, "gk2.example.org:4000");
	ck_assert(!conf.mesh_ipv6);
	sbx_conf_free(&conf);
	ck_assert_int_eq(load("[mesh]\nhubs=x\n", 14), 0);
	ck_assert(conf.mesh_ipv6);
}
END_TEST

START_TEST(an_indented_key_is_a_key_of_its_own)
{
	static const char text[] = "[mesh]\n  mtu = 1400\n\tport = 5000\n"
				   "  ; a comment\n  [peer a]\n"
				   "    url = http://[::1]:8799\n";

	ck_assert_int_eq(load(text, strlen(text)), 0);
	ck_assert_int_eq(conf.mesh_mtu, 1400);
	ck_assert_int_eq(conf.mesh_port, 5000);
	ck_assert_str_eq(conf.peers[0].url, "http://[::1]:8799/");
}
END_TEST

START_TEST(a_key_before_any_section_says_where_it_belongs)
{
	ck_assert_int_eq(load("name=a\n", 7), SBX_E_USAGE);
	ck_assert_ptr_nonnull(strstr(err.hint, "[node]"));
}
END_TEST

START_TEST(the_last_line_needs_no_newline)
{
	ck_assert_int_eq(load("[node]\nname=gk2", 15), 0);
	ck_assert_str_eq(conf.name, "gk2");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf");
	TCase *t = tcase_create("conf");

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, in_a_directory, gone_again);
	tcase_add_test(t, one_directory_holds_a_whole_node);
	tcase_add_test(t, a_mesh_has_its_usual_figures);
	tcase_add_test(t, every_key_is_read);
	tcase_add_test(t, a_quorum_is_of_the_witnesses_that_are_named);
	tcase_add_loop_test(t, a_number_is_in_its_range, 0, COUNT(ranges));
	tcase_add_test(t, peers_and_witnesses_are_at_most_so_many);
	tcase_add_test(t, a_named_file_moves_the_state_and_must_exist);
	tcase_add_test(t, a_relative_directory_becomes_absolute);
	tcase_add_test(t, a_root_process_takes_no_file_of_others);
	tcase_add_loop_test(
		t, a_wrong_line_is_refused_with_its_number, 0, COUNT(bad));
	tcase_add_test(t, a_nul_byte_hides_nothing);
	tcase_add_test(t, a_line_too_long_is_refused_not_cut);
	tcase_add_test(t, a_file_too_long_is_refused);
	tcase_add_test(t, hubs_and_names_of_the_mesh_are_read);
	tcase_add_test(t, an_indented_key_is_a_key_of_its_own);
	tcase_add_test(t, a_key_before_any_section_says_where_it_belongs);
	tcase_add_test(t, the_last_line_needs_no_newline);
	return finish_suite(s);
}
