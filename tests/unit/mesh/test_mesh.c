/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "system/system.h"
#include "crypto/crypto.h"
#include "directory/directory.h"
#include "node/node.h"
#include "mesh/mesh.h"
#include "suite.h"

static struct sbx_mesh m;
static struct sbx_buf notes = SBX_BUF(65536);
static struct sbx_conf conf;

static void
take_note(void *ctx, const char *text)
{
	sbx_buf_fmt(ctx, "%s\n", text);
}

static void
fresh(void)
{
	static char net[] = "10.10.0.0/24", name[] = "wg-mesh";

	conf.mesh_net = net;
	conf.mesh_if = name;
	conf.mesh_mtu = 1420;
	conf.mesh_port = 51822;
	conf.mesh_keepalive = 25;
	memset(&m, 0, sizeof(m));
	m.note = take_note;
	m.ctx = &notes;
	ck_assert_int_eq(sbx_mesh_conf(&m, &conf, NULL), SBX_OK);
}

static void
done(void)
{
	sbx_mesh_free(&m);
	sbx_buf_clear(&notes);
}

static const char *
did(int n)
{
	static char text[4][SBX_DID_SIZE];
	static int at;

	at = (at + 1) % 4;
	snprintf(text[at], SBX_DID_SIZE, "did:plc:%032x", (unsigned)n);
	return text[at];
}

static const unsigned char *
key(int n)
{
	static unsigned char raw[4][SBX_WG_KEY_BYTES];
	static int at;

	at = (at + 1) % 4;
	memset(raw[at], n, SBX_WG_KEY_BYTES);
	return raw[at];
}

static int SBX_PRINTF(1, 2) line(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return sbx_mesh_line(&m, text, strlen(text), NULL);
}

static void
self(int n)
{
	ck_assert_int_eq(line("self %s", did(n)), SBX_OK);
}

static void
member(int n, int depth, int day)
{
	ck_assert_int_eq(line("member {\"did\":\"%s\",\"state\":\"member\","
			      "\"depth\":%d,\"name\":\"box%d\",\"since\":"
			      "\"2026-07-%02dT10:00:00Z\"}",
				 did(n), depth, n, day),
		SBX_OK);
}

/* Node n at 10.10.0.last, published on a day of July, with key k. */
static int
node(int n, const char *ip, int day, int k, const char *endpoint)
{
	char text[SBX_WGKEY_SIZE];

	sbx_wgkey_write(text, key(k));
	return line("node {\"did\":\"%s\",\"boxname\":\"box%d\","
		    "\"mesh_ip\":\"%s\",\"pubkey_wg\":\"%s\",\"endpoint\":%s,"
		    "\"created_at\":\"2026-07-%02dT10:00:00Z\","
		    "\"member\":true}",
		did(n), n, ip, text, endpoint, day);
}

static void
three(void)
{
	member(1, 0, 1);
	member(2, 1, 2);
	member(3, 1, 3);
	ck_assert_int_eq(node(1, "10.10.0.1", 1, 1, "\"192.0.2.1:51822\""), 0);
	ck_assert_int_eq(node(2, "10.10.0.2", 2, 2, "null"), 0);
	ck_assert_int_eq(node(3, "10.10.0.3", 3, 3, "null"), 0);
}

static uint32_t choice(int n);

START_TEST(the_hub_has_every_node_with_its_one_address)
{
	self(1);
	three();
	sbx_mesh_plan(&m, key(1));
	ck_assert(m.is_hub && m.me == m.hub);
	ck_assert_uint_eq(m.npeers, 2);
	ck_assert_str_eq(m.peers[0].allowed, "10.10.0.2/32");
	ck_assert_str_eq(m.peers[1].allowed, "10.10.0.3/32");
	ck_assert_int_eq(m.peers[0].keepalive, 0);
	ck_assert_str_eq(sbx_buf_text(&notes), "");
}
END_TEST

START_TEST(the_others_have_the_hub_and_the_network_behind_it)
{
	self(3);
	three();
	sbx_mesh_plan(&m, key(3));
	ck_assert(!m.is_hub && m.me != NULL && m.hub != NULL);
	ck_assert_uint_eq(m.npeers, 1);
	ck_assert_mem_eq(m.peers[0].key, key(1), SBX_WG_KEY_BYTES);
	ck_assert_str_eq(m.peers[0].allowed, "10.10.0.0/24");
	ck_assert_str_eq(m.peers[0].endpoint, "192.0.2.1:51822");
	ck_assert_int_eq(m.peers[0].keepalive, 25);
}
END_TEST

START_TEST(without_a_hub_or_a_record_there_are_no_peers)
{
	self(3);
	member(3, 1, 3);
	ck_assert_int_eq(node(3, "10.10.0.3", 3, 3, "null"), 0);
	sbx_mesh_plan(&m, key(3));
	ck_assert(m.me != NULL && m.hub == NULL);
	ck_assert_uint_eq(m.npeers, 0);
	sbx_mesh_free(&m);
	fresh();
	self(9);
	three();
	sbx_mesh_plan(&m, key(9));
	ck_assert(m.me == NULL && m.hub != NULL);
	ck_assert_uint_eq(m.npeers, 0);
}
END_TEST

/* A guest of member n's, with key k, bound on a day of July. */
static int
guest(int n, const char *name, const char *ip, int day, int k)
{
	char text[SBX_WGKEY_SIZE];

	sbx_wgkey_write(text, key(k));
	return line("guest {\"guest\":\"%s\",\"sponsor\":\"%s\","
		    "\"pubkey_wg\":\"%s\",\"mesh_ip\":\"%s\",\"bound_at\":"
		    "\"2026-07-%02dT10:00:00Z\",\"member\":true}",
		name, did(n), text, ip, day);
}

START_TEST(a_guest_is_its_hub_s_peer_and_behind_that_one_for_the_others)
{
	for (int n = 1; n <= 3; n++) {
		self(n);
		three();
		member(4, 1, 4);
		ck_assert_int_eq(node(4, "10.10.0.4", 4, 4,
			"\"198.51.100.4:51822\""), 0);
		ck_assert_int_eq(guest(4, "phone", "10.10.0.9", 5, 9), 0);
		ck_assert_int_eq(guest(2, "tablet", "10.10.0.8", 5, 8), 0);
		sbx_mesh_plan(&m, key(n));
		ck_assert_uint_eq(m.nguests, 2);
		ck_assert(sbx_mesh_claims(&m, NULL, key(9)));
		ck_assert_str_eq(sbx_mesh_called(&m, key(8)), "tablet");
		if (n == 1) {
			/* box4 is a hub and so its own guest's; box2 is none. */
			ck_assert_uint_eq(m.npeers, 4);
			ck_assert_str_eq(m.peers[2].allowed,
				"10.10.0.4/32,10.10.0.9/32");
			ck_assert_mem_eq(m.peers[3].key, key(8), 32);
			ck_assert_str_eq(m.peers[3].allowed, "10.10.0.8/32");
		} else {
			ck_assert_uint_eq(m.npeers, 2);
			ck_assert_str_eq(m.peers[0].allowed, "10.10.0.0/24");
		}
		done();
		fresh();
	}
}
END_TEST

static const struct {
	int by, day, key;
	const char *ip;
} guests[] = {
	{ 2, 4, 9, "10.10.0.3" },   /* a node's address */
	{ 2, 4, 3, "10.10.0.9" },   /* a node's key */
	{ 3, 1, 9, "10.10.0.8" },   /* an older member's guest's address */
	{ 2, 9, 9, "10.10.0.8" },   /* an older guest's of the same member */
	{ 3, 1, 8, "10.10.0.9" },   /* its key */
	{ 2, 4, 9, "10.11.0.9" },   /* of no network of ours */
	{ 2, 4, 9, "10.10.0.255" },
	{ 2, 4, 9, "fd00::9" },
	{ 7, 4, 9, "10.10.0.9" },   /* I19: its sponsor is no member */
};

START_TEST(a_guest_takes_nothing_of_a_node_or_of_an_older_guest)
{
	self(1);
	three();
	ck_assert_int_eq(guest(guests[_i].by, "other", guests[_i].ip,
		guests[_i].day, guests[_i].key), 0);
	ck_assert_int_eq(guest(2, "phone", "10.10.0.8", 5, 8), 0);
	sbx_mesh_plan(&m, key(1));
	ck_assert_uint_eq(m.nguests, 1);
	ck_assert_str_eq(m.guests[0].name, "phone");
	ck_assert_uint_eq(m.npeers, 3);
}
END_TEST

/* I19 */
START_TEST(who_is_no_member_is_no_node)
{
	self(1);
	three();
	ck_assert_int_eq(node(7, "10.10.0.7", 1, 7, "null"), 0);
	ck_assert_int_eq(
		line("node {\"did\":\"%s\",\"member\":false}", did(2)), SBX_OK);
	sbx_mesh_plan(&m, key(1));
	ck_assert_uint_eq(m.nnodes, 3);
}
END_TEST

static const struct {
	const char *ip, *key, *when, *why;
} unfit[] = {
	{ "10.11.0.4", NULL, NULL, "not in the mesh network" },
	{ "10.10.0.0", NULL, NULL, "not in the mesh network" },
	{ "10.10.0.255", NULL, NULL, "not in the mesh network" },
	{ "0.0.0.0", NULL, NULL, "not in the mesh network" },
	{ "10.10.0.04", NULL, NULL, "not an IPv4 address" },
	{ "10.10.0.4/0", NULL, NULL, "not an IPv4 address" },
	{ "fd00::4", NULL, NULL, "not an IPv4 address" },
	{ "localhost", NULL, NULL, "not an IPv4 address" },
	{ "", NULL, NULL, "not an IPv4 address" },
	{ NULL, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", NULL,
		"not a WireGuard key" },
	{ NULL, "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw=", NULL,
		"not a WireGuard key" },
	{ NULL, "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH=", NULL,
		"not a WireGuard key" },
	{ NULL, NULL, "yesterday", "not a date" },
};

START_TEST(an_unfit_node_is_left_out_and_the_rest_stays)
{
	self(1);
	three();
	member(4, 1, 4);
	ck_assert_int_eq(
		line("node {\"did\":\"%s\",\"boxname\":\"bad\\u001b[2J\","
		     "\"mesh_ip\":\"%s\",\"pubkey_wg\":\"%s\",\"endpoint\":"
		     "null,\"created_at\":\"%s\",\"member\":true}",
			did(4),
			unfit[_i].ip != NULL ? unfit[_i].ip : "10.10.0.4",
			unfit[_i].key != NULL ? unfit[_i].key
					      : "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBw"
						"cHBwcHBwcHBwc=",
			unfit[_i].when != NULL ? unfit[_i].when
					       : "2026-07-04T10:00:00Z"),
		SBX_OK);
	sbx_mesh_plan(&m, key(1));
	ck_assert_uint_eq(m.npeers, 2);
	ck_assert_ptr_nonnull(strstr(sbx_buf_text(&notes), unfit[_i].why));
	ck_assert_ptr_nonnull(strstr(sbx_buf_text(&notes), "box4 ("));
	ck_assert_ptr_null(strstr(sbx_buf_text(&notes), "[2J"));
}
END_TEST

/* I5: what the directory calls a node is printed if it has a name's form. */
static const struct {
	const char *name;
	bool ok;
} called[] = { { "\"mule\"", true }, { "\"mule?\"", true },
	{ "\"did:plc:00000000000000000000000000000000\"", false },
	{ "\"mule (gk2)\"", false }, { "\"mu\\u001b[2J\"", false },
	{ "\"mu\\u202ele\"", false }, { "\"?\"", false }, { "\"\"", false },
	{ "\"-v\"", false }, { "null", false },
	{ "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
		false } };

START_TEST(a_node_is_called_by_a_name_or_its_did)
{
	char want[80] = "";

	self(1);
	ck_assert_int_eq(line("member {\"did\":\"%s\",\"state\":\"anchor\","
			      "\"depth\":0,\"name\":%s,\"since\":null}",
				 did(1), called[_i].name), SBX_OK);
	ck_assert_int_eq(node(1, "10.10.0.1", 1, 1, "null"), 0);
	sbx_mesh_plan(&m, key(1));
	if (called[_i].ok)
		memcpy(want, called[_i].name + 1, strlen(called[_i].name) - 2);
	ck_assert_str_eq(m.nodes[0].name, called[_i].ok ? want : did(1));
}
END_TEST

START_TEST(an_endpoint_that_is_a_name_is_not_used)
{
	self(3);
	member(1, 0, 1);
	member(3, 1, 3);
	ck_assert_int_eq(
		node(1, "10.10.0.1", 1, 1, "\"gk2.example:51822\""), 0);
	ck_assert_int_eq(node(3, "10.10.0.3", 3, 3, "null"), 0);
	sbx_mesh_plan(&m, key(3));
	ck_assert_uint_eq(m.npeers, 1);
	ck_assert_str_eq(m.peers[0].endpoint, "");
	ck_assert_ptr_nonnull(strstr(sbx_buf_text(&notes), "numeric"));
}
END_TEST

START_TEST(an_address_is_whose_who_was_here_first)
{
	self(1);
	three();
	/* Invited later, but dates its record before all others. */
	member(4, 1, 9);
	ck_assert_int_eq(node(4, "10.10.0.2", 1, 4, "null"), 0);
	/* A guest of a guest, a member for long, at the hub's address. */
	member(5, 2, 1);
	ck_assert_int_eq(node(5, "10.10.0.1", 1, 5, "null"), 0);
	sbx_mesh_plan(&m, key(1));
	ck_assert(m.is_hub);
	ck_assert_uint_eq(m.nnodes, 3);
	ck_assert_ptr_nonnull(strstr(
		sbx_buf_text(&notes), "address 10.10.0.2 belongs to box2"));
	ck_assert_ptr_nonnull(strstr(
		sbx_buf_text(&notes), "address 10.10.0.1 belongs to box1"));
}
END_TEST

/* I19 */
START_TEST(a_key_is_one_node_s)
{
	self(1);
	three();
	member(4, 1, 9);
	ck_assert_int_eq(node(4, "10.10.0.4", 1, 2, "null"), 0);
	sbx_mesh_plan(&m, key(1));
	ck_assert_uint_eq(m.npeers, 2);
	ck_assert(m.is_hub);
	ck_assert_ptr_nonnull(strstr(sbx_buf_text(&notes), "key of"));
	for (size_t i = 0; i < m.npeers; i++)
		ck_assert_mem_ne(m.peers[i].key, key(1), SBX_WG_KEY_BYTES);
}
END_TEST

/* I19: whoever asks, who was first has one answer. */
START_TEST(our_own_claim_is_judged_as_the_others_judge_it)
{
	for (int who = 1; who <= 4; who++) {
		done();
		fresh();
		self(who);
		three();
		member(4, 1, 9);
		/* The address of 2, or its key, claimed by 4 later. */
		ck_assert_int_eq(node(4, _i == 0 ? "10.10.0.2" : "10.10.0.4",
					 1, _i == 0 ? 4 : 2, "null"), 0);
		sbx_mesh_plan(&m, key(who == 4 && _i == 1 ? 2 : who));
		ck_assert_uint_eq(m.nnodes, 3);
		for (size_t i = 0; i < m.nnodes; i++)
			ck_assert_str_ne(m.nodes[i].did, did(4));
		ck_assert_int_eq(m.me != NULL, who != 4);
		ck_assert_int_eq(m.lost, who != 4 ? SBX_MESH_NONE :
			_i == 0 ? SBX_MESH_ADDRESS : SBX_MESH_KEY);
	}
	ck_assert_str_eq(m.lost_to, "box2");
}
END_TEST

START_TEST(a_key_that_is_another_s_is_so_before_it_is_published)
{
	self(4);
	three();
	member(4, 1, 9);
	sbx_mesh_plan(&m, key(2));
	ck_assert_int_eq(m.lost, SBX_MESH_KEY);
	ck_assert_ptr_null(m.me);
}
END_TEST

/* Who is left out for a mistake, its or ours, was not put out. */
START_TEST(only_a_key_that_no_member_claims_is_unknown)
{
	self(1);
	three();
	member(4, 1, 9);
	ck_assert_int_eq(node(4, "192.168.0.4", 1, 4, "null"), 0);
	ck_assert_int_eq(node(7, "10.10.0.7", 1, 7, "null"), 0);
	ck_assert_int_eq(line("node {\"did\":\"%s\",\"member\":false}", did(6)),
		SBX_OK);
	sbx_mesh_plan(&m, key(1));
	ck_assert_uint_eq(m.nnodes, 3);
	for (int n = 1; n <= 4; n++)
		ck_assert(sbx_mesh_claims(&m, NULL, key(n)));
	ck_assert(!sbx_mesh_claims(&m, NULL, key(7)));
	ck_assert(!sbx_mesh_claims(&m, NULL, key(6)));
	ck_assert(sbx_mesh_claims(&m, did(4), key(4)));
	ck_assert(!sbx_mesh_claims(&m, did(1), key(4)));
}
END_TEST

/* Boxes that recorded before they exchanged all have one address: each is
 * given another than the next, without a word between them. */
START_TEST(those_who_lost_one_address_are_given_one_each)
{
	for (int who = 4; who <= 7; who++) {
		done();
		fresh();
		self(who);
		three();
		for (int n = 4; n <= 7; n++)
			member(n, 1, n);
		for (int n = 4; n <= 6; n++)
			ck_assert_int_eq(
				node(n, "10.10.0.2", 9, n, "null"), 0);
		ck_assert_uint_eq(choice(who), (unsigned)who);
	}
}
END_TEST

/* I19 */
START_TEST(the_plan_is_the_same_in_any_order)
{
	static const int order[][4] = { { 1, 2, 3, 4 }, { 4, 3, 2, 1 },
		{ 2, 4, 1, 3 }, { 3, 1, 4, 2 } };
	static const char *const ip[] = { "", "10.10.0.1", "10.10.0.2",
		"10.10.0.3", "10.10.0.2" };

	self(1);
	for (int i = 0; i < 4; i++)
		member(order[_i][i], order[_i][i] > 1, order[_i][i]);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(node(order[_i][i], ip[order[_i][i]], 7,
					 order[_i][i], "null"),
			0);
	sbx_mesh_plan(&m, key(1));
	ck_assert_uint_eq(m.npeers, 2);
	ck_assert_mem_eq(m.peers[0].key, key(2), SBX_WG_KEY_BYTES);
	ck_assert_mem_eq(m.peers[1].key, key(3), SBX_WG_KEY_BYTES);
}
END_TEST

static uint32_t
choice(int n)
{
	uint32_t addr = 0;

	sbx_mesh_plan(&m, key(n));
	ck_assert_int_eq(sbx_mesh_choose(&m, &addr, NULL), SBX_OK);
	return addr & 0xff;
}

START_TEST(the_address_to_publish_is_mine_the_first_or_the_lowest_free)
{
	self(3);
	three();
	ck_assert_uint_eq(choice(3), 3);
	done();
	fresh();
	self(4);
	three();
	member(4, 1, 4);
	ck_assert_uint_eq(choice(4), 4);
	done();
	fresh();
	self(1);
	member(1, 0, 1);
	ck_assert_uint_eq(choice(1), 1);
	done();
	fresh(); /* an invited node never takes the hub's */
	self(2);
	member(2, 1, 1);
	ck_assert_uint_eq(choice(2), 2);
	done();
	fresh(); /* a second anchor, when the first has it */
	self(2);
	member(2, 0, 2);
	member(1, 0, 1);
	ck_assert_int_eq(node(1, "10.10.0.1", 1, 1, "null"), 0);
	ck_assert_uint_eq(choice(2), 2);
}
END_TEST

START_TEST(who_lost_its_address_is_given_another)
{
	self(4);
	three();
	member(4, 1, 9);
	ck_assert_int_eq(node(4, "10.10.0.2", 9, 4, "null"), 0);
	ck_assert_uint_eq(choice(4), 4);
	ck_assert_ptr_null(m.me);
}
END_TEST

START_TEST(a_full_network_is_said_to_be_full)
{
	static char small[] = "10.10.0.0/30";
	uint32_t addr;

	conf.mesh_net = small;
	ck_assert_int_eq(sbx_mesh_conf(&m, &conf, NULL), SBX_OK);
	self(3);
	three();
	ck_assert_ptr_nonnull(strstr(sbx_buf_text(&notes), "box3"));
	sbx_mesh_plan(&m, key(3));
	ck_assert_int_eq(sbx_mesh_choose(&m, &addr, NULL), SBX_E_SYS);
}
END_TEST

/* ---- several hubs ---- */

static struct sbx_wg_peer heard_of[8];
static struct sbx_wg live;

/* Node n was heard so many seconds ago (-1: is a peer and never was). */
static void
was_heard(int n, int ago)
{
	static char none[] = "";
	struct sbx_wg_peer *p = &heard_of[live.npeers++];

	memset(p, 0, sizeof(*p));
	memcpy(p->key, key(n), SBX_WG_KEY_BYTES);
	p->allowed = none;
	p->handshake = ago < 0 ? 0 : 1000000 - ago;
	live.peers = heard_of;
	m.live = &live;
	m.now = 1000000;
}

/* 1, 2 and 4 are hubs, 3 and 5 are not. */
static void
five(int me)
{
	done();
	fresh();
	live.npeers = 0;
	self(me);
	three();
	member(4, 1, 4);
	member(5, 1, 5);
	ck_assert_int_eq(node(4, "10.10.0.4", 4, 4, "\"[2001:db8::4]:51822\""),
		0);
	ck_assert_int_eq(node(5, "10.10.0.5", 5, 5, "null"), 0);
	/* 2 says so now. */
	m.nodes[1].endpoint[0] = '\0';
	snprintf(m.nodes[1].endpoint, SBX_ENDPOINT_SIZE, "192.0.2.2:51822");
}

static const struct sbx_wg_peer *
to(int n)
{
	for (size_t i = 0; i < m.npeers; i++)
		if (memcmp(m.peers[i].key, key(n), SBX_WG_KEY_BYTES) == 0)
			return &m.peers[i];
	return NULL;
}

static const char *
way(int n)
{
	return to(n) != NULL ? to(n)->allowed : "-";
}

START_TEST(a_spoke_has_a_session_with_each_hub_and_the_network_behind_one)
{
	five(3);
	sbx_mesh_plan(&m, key(3));
	ck_assert_uint_eq(m.npeers, 3);
	ck_assert_str_eq(way(1), "10.10.0.0/24");
	ck_assert_str_eq(way(2), "10.10.0.2/32");
	ck_assert_str_eq(way(4), "10.10.0.4/32");
	for (size_t i = 0; i < m.npeers; i++)
		ck_assert_int_eq(m.peers[i].keepalive, 25);
}
END_TEST

START_TEST(a_hub_has_everybody_and_keeps_the_way_to_other_hubs_open)
{
	five(2);
	sbx_mesh_plan(&m, key(2));
	ck_assert(m.is_hub);
	ck_assert_uint_eq(m.npeers, 4);
	for (int n = 1; n <= 5; n++) {
		if (n == 2)
			continue;
		ck_assert_ptr_nonnull(to(n));
		ck_assert_ptr_nonnull(strstr(way(n), "/32"));
		ck_assert_int_eq(to(n)->keepalive, n == 1 || n == 4 ? 25 : 0);
	}
}
END_TEST

static const struct {
	int ago[5]; /* by node; 0: no peer yet */
	int gate;
	const char *order;
	int hub;
} choices[] = {
	{ { 0 }, 0, NULL, 1 },
	{ { 0 }, 0, "box4 box2", 4 },
	{ { 0 }, 0, "box9 did:plc:00000000000000000000000000000002", 2 },
	{ { 0 }, 2, "box4", 2 },
	{ { 0 }, 3, "box4", 4 }, /* a gate that is no hub is none */
	/* Who is not heard is passed over while another is. */
	{ { 0, 180, 179, 0, 10 }, 0, NULL, 2 },
	{ { 0, 179, 10, 0, 10 }, 0, NULL, 1 },
	{ { 0, -1, 10, 0, 10 }, 0, NULL, 2 },
	{ { 0, 200, 200, 0, 200 }, 0, NULL, 1 },
	{ { 0, 10, 10, 0, 10 }, 4, NULL, 4 },
	{ { 0, 10, 10, 0, 200 }, 4, "box2 box1", 2 },
	/* sbx.conf leaves out whom it does not name, heard or not. */
	{ { 0, 10, 200, 0, 10 }, 0, "box2", 2 },
};

START_TEST(the_hub_is_the_gate_then_the_configured_then_the_lowest)
{
	five(3);
	m.order = choices[_i].order;
	if (choices[_i].gate != 0)
		snprintf(m.gate, sizeof(m.gate), "%s", did(choices[_i].gate));
	for (int n = 1; n <= 4; n++)
		if (choices[_i].ago[n] != 0)
			was_heard(n, choices[_i].ago[n]);
	sbx_mesh_plan(&m, key(3));
	ck_assert_str_eq(m.hub->did, did(choices[_i].hub));
	for (int n = 1; n <= 4; n++)
		if (n != 3)
			ck_assert_int_eq(strcmp(way(n), "10.10.0.0/24") == 0,
				n == choices[_i].hub);
}
END_TEST

/* ---- one LAN ---- */

START_TEST(two_on_one_lan_talk_directly_as_long_as_they_hear_each_other)
{
	static const struct sbx_nl_addr lan[] = { { 2, "192.168.7.3/24" } };
	static const struct { int ago; const char *way; } times[] = {
		{ 0, "" }, { -1, "" }, { 179, "10.10.0.5/32" }, { 180, "" } };

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		five(3);
		m.links = lan;
		m.nlinks = 1;
		snprintf(m.nodes[2].endpoint, SBX_ENDPOINT_SIZE,
			"192.168.7.3:51822");
		snprintf(m.nodes[4].endpoint, SBX_ENDPOINT_SIZE,
			"192.168.7.5:51822");
		if (times[i].ago != 0)
			was_heard(5, times[i].ago);
		sbx_mesh_plan(&m, key(3));
		ck_assert(!m.is_hub); /* a private address makes no hub */
		ck_assert_str_eq(way(5), times[i].way);
		ck_assert_str_eq(to(5)->endpoint, "192.168.7.5:51822");
	}
	/* Of another LAN: not at all. */
	five(3);
	m.links = lan;
	m.nlinks = 1;
	snprintf(m.nodes[2].endpoint, SBX_ENDPOINT_SIZE, "192.168.7.3:51822");
	snprintf(m.nodes[4].endpoint, SBX_ENDPOINT_SIZE, "192.168.8.5:51822");
	sbx_mesh_plan(&m, key(3));
	ck_assert_ptr_null(to(5));
}
END_TEST

/* ---- where it is looked for ---- */

START_TEST(who_is_not_heard_is_looked_for_in_each_place_in_turn)
{
	static const char *const places[] = { "198.51.100.1:51822",
		"[2001:db8::1]:51822", "192.0.2.1:51822" };

	for (int i = -1; i < 3; i++) {
		five(3);
		memcpy(m.nodes[0].found[0], places[0], strlen(places[0]));
		memcpy(m.nodes[0].found[1], places[1], strlen(places[1]));
		was_heard(1, 135);
		if (i >= 0)
			strcpy(heard_of[0].endpoint, places[i]);
		sbx_mesh_plan(&m, key(3));
		ck_assert_str_eq(to(1)->endpoint, places[(i + 1) % 3]);
	}
}
END_TEST

START_TEST(a_node_with_a_name_of_its_own_is_a_hub_wherever_it_is)
{
	five(3);
	snprintf(m.nodes[4].ddns, sizeof(m.nodes[4].ddns), "box5.example");
	sbx_mesh_plan(&m, key(3));
	ck_assert_str_eq(way(5), "10.10.0.5/32");
}
END_TEST

/* ---- IPv6 ---- */

START_TEST(everybody_works_out_the_same_ipv6_addresses)
{
	char a[SBX_ULA_SIZE], b[SBX_ULA_SIZE], want[128];

	sbx_ula(a, did(1), NULL);
	ck_assert_int_eq(strncmp(a, "fd", 2), 0);
	ck_assert_ptr_nonnull(strstr(a, "::"));
	sbx_ula(a, did(1), did(2));
	sbx_ula(b, did(1), did(3));
	ck_assert_str_ne(a, b);
	five(1);
	m.six = true;
	sbx_mesh_plan(&m, key(1));
	snprintf(want, sizeof(want), "10.10.0.2/32,%s/128", a);
	ck_assert_str_eq(way(2), want);
	five(3);
	m.six = true;
	sbx_mesh_plan(&m, key(3));
	snprintf(want, sizeof(want), "10.10.0.2/32,%s/128", a);
	ck_assert_str_eq(way(2), want);
	sbx_ula(a, did(1), NULL);
	snprintf(want, sizeof(want), "10.10.0.0/24,%s/64", a);
	ck_assert_str_eq(way(1), want);
}
END_TEST

/* A fixed vector: other programs may want to know too. */
START_TEST(the_ipv6_addresses_of_a_name_never_change)
{
	char a[SBX_ULA_SIZE];

	sbx_ula(a, "did:plc:00000000000000000000000000000001", NULL);
	ck_assert_str_eq(a, "fdb8:f5da:a82e::");
	sbx_ula(a, "did:plc:00000000000000000000000000000001",
		"did:plc:00000000000000000000000000000002");
	ck_assert_str_eq(a, "fdb8:f5da:a82e:0:fa32:815c:5423:3b4c");
}
END_TEST

START_TEST(members_and_nodes_are_at_most_so_many)
{
	member(1, 0, 1);
	for (int n = 1; n <= SBX_MAX_NODES; n++)
		ck_assert_int_eq(line("member {\"did\":\"did:plc:%032x\","
				      "\"depth\":%d}", n, SBX_MAX_INVITE_DEPTH),
			n < SBX_MAX_NODES ? SBX_OK : SBX_E_INPUT);
	for (int n = 0; n <= SBX_MAX_NODES; n++)
		ck_assert_int_eq(node(1, "10.10.0.1", 1, 1, "null"),
			n < SBX_MAX_NODES ? SBX_OK : SBX_E_INPUT);
}
END_TEST

static const char *const broken[] = { "", "self", "self ", "self x",
	"self did:plc:0", "member", "member {", "member {}", "node []",
	"node {}", "node {\"did\":1,\"member\":true}", "other {}",
	"nodes {\"did\":\"did:plc:00000000000000000000000000000001\"}",
	"member {\"did\":\"did:plc:00000000000000000000000000000001\","
	"\"depth\":17}" };

START_TEST(a_line_that_is_none_ends_it)
{
	ck_assert_int_eq(
		sbx_mesh_line(&m, broken[_i], strlen(broken[_i]), NULL),
		SBX_E_INPUT);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("mesh");
	TCase *t = tcase_create("mesh");
	int r;

	tcase_add_checked_fixture(t, fresh, done);
	tcase_add_test(t, the_hub_has_every_node_with_its_one_address);
	tcase_add_test(t, the_others_have_the_hub_and_the_network_behind_it);
	tcase_add_test(t, without_a_hub_or_a_record_there_are_no_peers);
	tcase_add_test(t,
		a_guest_is_its_hub_s_peer_and_behind_that_one_for_the_others);
	tcase_add_loop_test(t,
		a_guest_takes_nothing_of_a_node_or_of_an_older_guest, 0,
		sizeof(guests) / sizeof(guests[0]));
	tcase_add_test(t, who_is_no_member_is_no_node);
	tcase_add_loop_test(t, a_node_is_called_by_a_name_or_its_did, 0,
		sizeof(called) / sizeof(called[0]));
	tcase_add_loop_test(t, an_unfit_node_is_left_out_and_the_rest_stays, 0,
		sizeof(unfit) / sizeof(unfit[0]));
	tcase_add_test(t, an_endpoint_that_is_a_name_is_not_used);
	tcase_add_test(t, an_address_is_whose_who_was_here_first);
	tcase_add_test(t, a_key_is_one_node_s);
	tcase_add_loop_test(
		t, our_own_claim_is_judged_as_the_others_judge_it, 0, 2);
	tcase_add_test(t, a_key_that_is_another_s_is_so_before_it_is_published);
	tcase_add_test(t, only_a_key_that_no_member_claims_is_unknown);
	tcase_add_test(t, those_who_lost_one_address_are_given_one_each);
	tcase_add_loop_test(t, the_plan_is_the_same_in_any_order, 0, 4);
	tcase_add_test(
		t, the_address_to_publish_is_mine_the_first_or_the_lowest_free);
	tcase_add_test(t, who_lost_its_address_is_given_another);
	tcase_add_test(t, a_full_network_is_said_to_be_full);
	tcase_add_test(t,
		a_spoke_has_a_session_with_each_hub_and_the_network_behind_one);
	tcase_add_test(t,
		a_hub_has_everybody_and_keeps_the_way_to_other_hubs_open);
	tcase_add_loop_test(t,
		the_hub_is_the_gate_then_the_configured_then_the_lowest, 0,
		sizeof(choices) / sizeof(choices[0]));
	tcase_add_test(t,
		two_on_one_lan_talk_directly_as_long_as_they_hear_each_other);
	tcase_add_test(
		t, who_is_not_heard_is_looked_for_in_each_place_in_turn);
	tcase_add_test(t, a_node_with_a_name_of_its_own_is_a_hub_wherever_it_is);
	tcase_add_test(t, everybody_works_out_the_same_ipv6_addresses);
	tcase_add_test(t, the_ipv6_addresses_of_a_name_never_change);
	tcase_add_test(t, members_and_nodes_are_at_most_so_many);
	tcase_add_loop_test(t, a_line_that_is_none_ends_it, 0,
		sizeof(broken) / sizeof(broken[0]));
	suite_add_tcase(s, t);
	r = finish_suite(s);
	sbx_buf_free(&notes);
	return r;
}
