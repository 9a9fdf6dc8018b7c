/* SPDX-License-Identifier: Apache-2.0 */
/* Each view is made in the connection's own TEMP schema, so nothing that
 * stands in the file decides what the directory says.
 *
 * Within an author the claim that was said last wins, then the lowest hash; a
 * removal said as late as the claim beats it.  A claim was said at its date,
 * unless its author's heads prove that it was said before one of an earlier
 * date: see temp.said. */
#include "directory/directory.h"
#include "directory/member.h"
#include "directory/views.h"

#define P(field) "json_extract(e.payload, '$." field "')"

/* The claims of one type, each group in order, the one that wins at place 1.
 * By id they come as the index has them: nothing but a group is sorted.  That
 * they may be many is for the planner, which knows the tables by their names
 * alone and would look through all of them for each row of another table. */
#define BY_ID "f.idhash, f.id, f.author"
#define CLAIMS_THAT(also, type, by, order) \
	"(SELECT f.seq, f.author, f.id, f.idhash, f.ref, f.time, f.said, " \
	"row_number() OVER " \
	"(PARTITION BY " by " ORDER BY " order ") AS place FROM temp.claim f " \
	"CROSS JOIN main.entry e USING(seq) WHERE " also \
	"likelihood(f.type='" type "', 0.05)) l CROSS JOIN main.entry e " \
	"USING(seq) CROSS JOIN main.author a ON a.id=l.author "
#define CLAIMS(type, by, order) CLAIMS_THAT("", type, by, order)
#define FROM_LATEST(type, by, order) \
	" FROM " CLAIMS(type, by, order "f.said DESC, e.id")
#define FROM_LATEST_THAT(also, type) \
	" FROM " CLAIMS_THAT(also, type, BY_ID, "f.said DESC, e.id")

/* The index has the hash, and in what it finds the identifier decides. */
#define SAME_ID "r.idhash=l.idhash AND r.id=l.id"

#define REMOVED(type) \
	"EXISTS(SELECT 1 FROM temp.claim r WHERE r.type='" type "' AND " \
	SAME_ID " AND r.author=l.author AND r.said>=l.said)"

/* What was said before a removal ended with it, readmitted or not. */
#define IS_MEMBER(did) \
	"EXISTS(SELECT 1 FROM temp.member m WHERE m.did=" did \
	" AND m.state IN ('anchor', 'member') AND l.time>=m.from_us)"

/* What is approved, granted or revoked names an identifier alone.  One that
 * follows from what its author said is that author's; another's claim to it is
 * none.  named: the identifier that a claim x by y would have to have. */
#define TAKEN(type, named) \
	"EXISTS(SELECT 1 FROM temp.claim r JOIN main.entry x USING(seq) JOIN " \
	"main.author y ON y.id=r.author WHERE r.type='" type "' AND " \
	SAME_ID " AND r.author<>l.author AND r.id=" named ")"
#define SHARED(type) \
	"EXISTS(SELECT 1 FROM temp.claim r WHERE r.type='" type "' AND " \
	SAME_ID " AND r.author<>l.author)"
#define OFFER_ID(did, payload) \
	"sbx_offer_id(" did ", json_extract(" payload ", '$.name'))"
#define SUB_ID(did, payload) \
	"sbx_sub_id(" did ", json_extract(" payload ", '$.service_id'), " \
	"json_extract(" payload ", '$.requested_at'))"

#define ENTRY "lower(hex(e.id)) AS entry"

/* Of the claims that also fulfil that; on: where a box's name is from. */
#define OFFERS(also, boxname, on) \
	"SELECT l.id AS service_id, l.idhash, a.did AS provider, " boxname \
	" AS boxname, " P("name") " AS name, " P("kind") " AS kind, " \
	P("endpoint") " AS endpoint, " P("approval_mode") " AS approval_mode, " \
	P("macro") " AS macro, " P("description") " AS description, " \
	P("created_at") " AS created_at, CASE WHEN " \
	REMOVED("ServiceRevokeOffer") " THEN 'withdrawn' ELSE 'live' END " \
	"AS status, " IS_MEMBER("a.did") " AS member, l.author AS author, " \
	ENTRY FROM_LATEST_THAT(also, "ServiceOffer") on "WHERE l.place=1 AND " \
	"NOT (" SHARED("ServiceOffer") " AND l.id<>" \
	OFFER_ID("a.did", "e.payload") " AND " \
	TAKEN("ServiceOffer", OFFER_ID("y.did", "x.payload")) ")"

/* To those offers.  What a provider approved before it was put out is over. */
#define SUBS(also, offers) \
	"SELECT s.*, CASE WHEN s.cancelled THEN 'cancelled' " \
	"WHEN s.offer_status='withdrawn' OR NOT s.offered THEN 'ended' " \
	"WHEN s.contested AND s.approval_mode<>'auto' THEN 'contested' " \
	"WHEN s.rejected>=coalesce(s.approved, s.rejected) THEN 'rejected' " \
	"WHEN s.approved IS NOT NULL OR s.approval_mode='auto' THEN 'live' " \
	"ELSE 'waiting' END AS status, coalesce(s.rejected>=" \
	"coalesce(s.approved, s.rejected), 0) AS denied FROM (SELECT l.id AS " \
	"subscription_id, l.idhash, l.ref AS service_id, a.did AS subscriber, " \
	"o.provider AS provider, " P("requested_at") " AS requested_at, " \
	"o.status AS offer_status, o.member AS offered, " \
	"o.approval_mode AS approval_mode, " ENTRY ", " \
	IS_MEMBER("a.did") " AS member, " \
	REMOVED("SubscriptionRevoke") " AS cancelled, " \
	"(SELECT max(r.said) FROM temp.claim r WHERE r.type=" \
	"'ServiceApprove' AND " SAME_ID " AND r.ref=l.ref AND " \
	"r.author=o.author AND r.time>=(SELECT from_us FROM temp.member " \
	"WHERE did=o.provider)) AS approved, (SELECT max(r.said) FROM " \
	"temp.claim r WHERE r.type='ServiceReject' AND " SAME_ID " AND " \
	"r.ref=l.ref AND r.author=o.author) AS rejected, " SHARED("Subscription") " AND l.id<>" \
	SUB_ID("a.did", "e.payload") " AS contested, " \
	TAKEN("Subscription", SUB_ID("y.did", "x.payload")) " AS taken" \
	FROM_LATEST_THAT(also, "Subscription") "LEFT JOIN " offers " o ON " \
	"o.service_id=l.ref WHERE l.place=1) s WHERE NOT " \
	"(s.contested AND s.taken)"

/* g, the due fact of the entry by author whose id is written in those digits;
 * the index has but the beginning of an id. */
#define ITEM(digits, author_is) \
	"main.fact g CROSS JOIN main.entry x ON x.seq=g.seq WHERE " \
	"(g.eid=sbx_item(" digits ") OR g.eid IS NULL) AND g.author=" \
	author_is " AND lower(hex(x.id))=" digits " AND " \
	"g.time<=(SELECT due FROM temp.clock)"

#define T(n) { n, SBX_COLUMN_TEXT, false }
#define ID(n) { n, SBX_COLUMN_ID, false }
#define I(n) { n, SBX_COLUMN_INT, false }
#define B(n) { n, SBX_COLUMN_BOOL, false }
#define J(n) { n, SBX_COLUMN_JSON, false }
#define NOW(n) { n, SBX_COLUMN_TEXT, true }
#define ASIDE(n) { n, SBX_COLUMN_BOOL, true }

const char *const sbx_view_tables =
	/* The anchors of then: today's without what was changed since, by the
	 * first change since. */
	"CREATE TABLE temp.trusted(did TEXT PRIMARY KEY);"
	"INSERT INTO temp.trusted WITH later AS (SELECT did, yes, row_number() "
	"OVER (PARTITION BY did ORDER BY n) AS place FROM (SELECT j.key AS n, "
	"j.value->>'$.did' AS did, j.value->>'$.trusted' AS yes, j.value->>'$.us' "
	"AS us FROM main.local l, json_each(l.value) j WHERE l.key='trusted') "
	"WHERE us>(SELECT upto FROM temp.clock)) SELECT did FROM main.anchor "
	"WHERE did NOT IN (SELECT did FROM later) UNION SELECT did FROM later "
	"WHERE place=1 AND NOT yes;"
	/* What a forked author's last good head does not cover; not how it
	 * joined, or a stolen key could put its owner beyond recovery. */
	/* Every author's heads; first: the date of the first entry it covers. */
	"CREATE TABLE temp.head(seq INTEGER PRIMARY KEY, author INTEGER, "
	"n INTEGER, time INTEGER, first INTEGER);"
	"INSERT INTO temp.head SELECT f.seq, f.author, "
	"json_extract(e.payload, '$.seq'), f.time, (SELECT g.time FROM " ITEM(
		"json_extract(e.payload, '$.items[0]')", "f.author")
	") FROM main.fact f JOIN main.entry e USING(seq) WHERE "
	"f.type='SbxHead' AND f.time<=(SELECT due FROM temp.clock);"
	"CREATE TABLE temp.fork(author INTEGER PRIMARY KEY, n INTEGER, "
	"heads INTEGER);"
	"INSERT INTO temp.fork SELECT author, min(n), c FROM (SELECT author, n, "
	"count(*) AS c FROM temp.head GROUP BY author, n HAVING c>1) "
	"GROUP BY author;"
	"CREATE TABLE temp.frozen(seq INTEGER PRIMARY KEY);"
	"INSERT INTO temp.frozen SELECT f.seq FROM temp.fork k CROSS JOIN "
	"main.fact f ON f.author=k.author JOIN main.entry e USING(seq) WHERE "
	"f.type NOT IN ('SbxHead', 'SbxRotate', 'InviteAccept') AND "
	"lower(hex(e.id)) NOT IN (SELECT j.value FROM "
	"temp.head g JOIN main.entry h USING(seq), json_each(h.payload, '$.items') "
	"j WHERE g.author=k.author AND g.n<k.n);"
	/* When an author whose clock was wrong said what it said.  Its heads are
	 * in its own order.  One that begins with an entry dated after the head
	 * itself, or that is dated before an earlier one, tells that the clock
	 * was put back: then each entry that such heads cover was said before
	 * the one behind it, at its own date at the latest. */
	"CREATE TABLE temp.said(seq INTEGER PRIMARY KEY, time INTEGER);"
	"INSERT INTO temp.said WITH "
	"h AS (SELECT h.*, max(h.time) OVER up AS before, min(h.time) OVER "
	"(PARTITION BY h.author ORDER BY h.n ROWS BETWEEN 1 FOLLOWING AND "
	"UNBOUNDED FOLLOWING) AS after, max(iif(h.first>h.time, h.first, NULL)) "
	"OVER (PARTITION BY h.author ORDER BY h.n) AS ahead FROM temp.head h "
	"LEFT JOIN temp.fork k USING(author) WHERE k.n IS NULL OR h.n<k.n WINDOW "
	"up AS (PARTITION BY h.author ORDER BY h.n ROWS BETWEEN UNBOUNDED "
	"PRECEDING AND 1 PRECEDING)), "
	"i AS (SELECT h.author, h.n*256+j.key AS place, j.value AS id FROM h "
	"CROSS JOIN main.entry e USING(seq), json_each(e.payload, '$.items') j "
	"WHERE h.time<h.before OR h.time>h.after OR h.time<=h.ahead), "
	"c AS (SELECT g.seq, i.author, g.time, min(i.place) AS place FROM i CROSS "
	"JOIN " ITEM("i.id", "i.author") " GROUP BY g.seq), "
	"p AS (SELECT seq, author, time, row_number() OVER (PARTITION BY author "
	"ORDER BY place) AS place FROM c) "
	"SELECT seq, min(time-place) OVER (PARTITION BY author ORDER BY place "
	"ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)+place FROM p;";

const char *const sbx_view_folded =
	"CREATE TABLE temp.member" SBX_MEMBER_COLUMNS ";"
	"CREATE TABLE temp.invite" SBX_INVITE_COLUMNS ";"
	"CREATE TABLE temp.proposal" SBX_PROPOSAL_COLUMNS ";"
	"CREATE TABLE temp.rules" SBX_RULES_COLUMNS ";";

const char *const sbx_view_cached =
	"CREATE TEMP VIEW member AS SELECT * FROM main.cache_member;"
	"CREATE TEMP VIEW invite AS SELECT * FROM main.cache_invite;"
	"CREATE TEMP VIEW proposal AS SELECT * FROM main.cache_proposal;"
	"CREATE TEMP VIEW rules AS SELECT * FROM main.cache_rules;";

/* The name that members gave, else what its box calls itself if that has a
 * name's form.  Not sure: another is called so too. */
const char *const sbx_view_called =
	"CREATE TEMP VIEW v_called AS WITH "
	"b AS (SELECT did, name, status='live' AS sure, row_number() OVER "
	"(PARTITION BY did ORDER BY status DESC, name) AS place FROM temp.v_name "
	"WHERE member), "
	"g AS (SELECT name, min(did) AS low, max(did) AS high FROM b GROUP BY "
	"name), "
	"n AS (SELECT v.did, v.boxname AS name, m.state<>'revoked' AS stands "
	"FROM temp.v_node v JOIN temp.member m USING(did) WHERE m.state IN "
	"('anchor', 'member', 'revoked') AND sbx_is_name(v.boxname)), "
	"x AS (SELECT name, sum(stands) AS many FROM n GROUP BY name) "
	"SELECT did, name, sure FROM b WHERE place=1 UNION ALL "
	"SELECT n.did, n.name, x.many=n.stands AND (g.low IS NULL OR "
	"(g.low=n.did AND g.high=n.did)) FROM n JOIN x USING(name) LEFT JOIN g "
	"USING(name) WHERE n.did NOT IN (SELECT did FROM b);";

/* For a few of very many, which what the view finds out last tells: they, and
 * so what they are subscriptions to, are looked for before. */
#define WANTED "idhash IN (SELECT idhash FROM temp.wanted)"
const char *const sbx_view_wanted =
	"CREATE TABLE temp.wanted(idhash INTEGER PRIMARY KEY);"
	"CREATE TEMP VIEW v_offer_wanted AS " OFFERS("f.idhash IN (SELECT "
	"sbx_idhash(r.ref) FROM temp.claim r WHERE r.type='Subscription' AND "
	"r." WANTED ") AND ", "NULL", "") ";"
	"CREATE TEMP VIEW v_sub_wanted AS "
	SUBS("f." WANTED " AND ", "temp.v_offer_wanted") ";";

const struct sbx_view_def sbx_view_defs[SBX_VIEWS] = {
	[SBX_VIEW_MEMBER] = { "v_member",
		"SELECT a.did, coalesce(m.state, 'observed') AS state, m.depth, "
		"m.inviter, m.since, c.name || iif(c.sure, '', '?') AS name, "
		"m.domain, m.rights FROM (SELECT did FROM "
		"main.author UNION SELECT did FROM temp.member) a LEFT JOIN "
		"temp.member m USING(did) LEFT JOIN temp.v_called c USING(did)",
		{ T("did"), T("state"), I("depth"), T("inviter"), T("since"),
			T("name"), T("domain"), J("rights") } },
	[SBX_VIEW_INVITE] = { "v_invite",
		"SELECT i.invite_id, i.inviter, i.domain, i.rights, i.max_uses, "
		"i.used, i.expires_at, CASE WHEN i.status='open' AND "
		"sbx_time(i.expires_at)<(SELECT us FROM temp.clock) "
		"THEN 'expired' ELSE i.status END AS status FROM temp.invite i",
		{ T("invite_id"), T("inviter"), T("domain"), J("rights"),
			I("max_uses"), I("used"), T("expires_at"),
			NOW("status") } },
	[SBX_VIEW_NODE] = { "v_node",
		"SELECT a.did, " P("node_id") " AS node_id, " P("boxname")
		" AS boxname, " P("mesh_ip") " AS mesh_ip, " P("pubkey_wg")
		" AS pubkey_wg, " P("endpoint") " AS endpoint, " P("ddns")
		" AS ddns, " P("created_at") " AS created_at, " IS_MEMBER("a.did")
		" AS member" FROM_LATEST("NodeRecord", "f.author", "")
		"WHERE l.place=1",
		{ T("did"), T("node_id"), T("boxname"), T("mesh_ip"),
			T("pubkey_wg"), T("endpoint"), T("ddns"), T("created_at"),
			B("member") } },
	[SBX_VIEW_OFFER] = { "v_offer",
		OFFERS("", "n.boxname", "LEFT JOIN temp.v_node n ON n.did=a.did "),
		{ ID("service_id"), T("provider"), T("boxname"), T("name"),
			T("kind"), T("endpoint"), T("approval_mode"), J("macro"),
			T("description"), T("created_at"), T("status"),
			B("member"), T("entry") } },
	[SBX_VIEW_SUB] = { "v_sub",
		SUBS("", "temp.v_offer"),
		{ ID("subscription_id"), T("service_id"), T("subscriber"),
			T("provider"), T("requested_at"), T("status"),
			T("offer_status"), B("member"), T("entry"),
			ASIDE("denied") } },
	[SBX_VIEW_CONFIG] = { "v_config",
		"SELECT a.did AS publisher, l.id AS config_id, " P("scope")
		" AS scope, " P("version") " AS version, " P("content_hash")
		" AS content_hash, " P("valid_from") " AS valid_from, "
		P("valid_until") " AS valid_until, CASE WHEN "
		REMOVED("ConfigRevoke") " THEN 'revoked' WHEN sbx_time("
		P("valid_until") ")<(SELECT us FROM temp.clock) THEN 'expired' "
		"ELSE 'live' END AS status, " IS_MEMBER("a.did") " AS member"
		FROM_LATEST("ConfigBlob", BY_ID, P("version") " DESC, ")
		"WHERE l.place=1",
		{ T("publisher"), T("config_id"), T("scope"), I("version"),
			T("content_hash"), T("valid_from"), T("valid_until"),
			NOW("status"), B("member") } },
	[SBX_VIEW_FORK] = { "v_fork",
		"SELECT a.did AS did, k.n AS seq, k.heads AS heads "
		"FROM temp.fork k JOIN main.author a ON a.id=k.author",
		{ T("did"), I("seq"), I("heads") } },
	[SBX_VIEW_BAN] = { "v_ban",
		"SELECT a.did AS publisher, l.id AS ban_id, l.ref AS ip, "
		P("reason") " AS reason, " P("severity") " AS severity, "
		P("expires_at") " AS expires_at, CASE WHEN EXISTS(SELECT 1 FROM "
		"temp.claim r WHERE r.type='BanRevoke' AND "
		SBX_CLAIMING("r", "l.ref") " AND "
		"r.author=l.author AND r.said>=l.said) THEN 'lifted' WHEN "
		"sbx_time(" P("expires_at") ")<(SELECT us FROM temp.clock) THEN "
		"'expired' ELSE 'live' END AS status, " IS_MEMBER("a.did")
		" AS member" FROM_LATEST("BanRecord", BY_ID, "")
		"WHERE l.place=1",
		{ T("publisher"), T("ban_id"), T("ip"), T("reason"), T("severity"),
			T("expires_at"), NOW("status"), B("member") } },
	[SBX_VIEW_ATTEST] = { "v_attest",
		"SELECT l.id AS subject, l.idhash, l.ref AS context, " P("domain")
		" AS domain, a.did AS attester, e.payload->'$.weight' AS weight, "
		P("valid_from") " AS valid_from, " P("valid_until")
		" AS valid_until, " P("created_at") " AS created_at, CASE WHEN "
		P("revoked") " THEN 'revoked' WHEN sbx_time(" P("valid_from")
		")>(SELECT us FROM temp.clock) THEN 'future' WHEN sbx_time("
		P("valid_until") ")<(SELECT us FROM temp.clock) THEN 'expired' "
		"ELSE 'live' END AS status, " IS_MEMBER("a.did") " AS member, "
		ENTRY FROM_LATEST("Attestation", BY_ID ", f.ref, "
		P("domain"), "") "WHERE l.place=1",
		{ ID("subject"), T("context"), T("domain"), T("attester"),
			J("weight"), T("valid_from"), T("valid_until"),
			T("created_at"), NOW("status"), B("member"),
			T("entry") } },
	[SBX_VIEW_NAME] = { "v_name",
		"WITH b AS (SELECT l.ref AS did, l.id AS name, a.did AS binder, "
		P("bound_at") " AS bound_at, " IS_MEMBER("a.did") " AS member, "
		ENTRY FROM_LATEST("NameBind", BY_ID, "")
		"WHERE l.place=1 AND NOT " REMOVED("NameRevoke") "), "
		"n AS (SELECT name, min(did)<>max(did) AS twice FROM b "
		"WHERE member GROUP BY name) SELECT b.*, CASE WHEN n.twice THEN "
		"'contested' ELSE 'live' END AS status FROM b LEFT JOIN n "
		"USING(name)",
		{ T("did"), T("name"), T("binder"), T("bound_at"), T("status"),
			B("member"), T("entry") } },
	[SBX_VIEW_GUEST] = { "v_guest",
		"SELECT l.id AS guest, a.did AS sponsor, " P("pubkey_wg")
		" AS pubkey_wg, " P("mesh_ip") " AS mesh_ip, " P("bound_at")
		" AS bound_at, " IS_MEMBER("a.did") " AS member, "
		ENTRY FROM_LATEST("GuestBind", BY_ID, "")
		"WHERE l.place=1 AND NOT " REMOVED("GuestRevoke"),
		{ T("guest"), T("sponsor"), T("pubkey_wg"), T("mesh_ip"),
			T("bound_at"), B("member"), T("entry") } },
	[SBX_VIEW_PROPOSAL] = { "v_proposal",
		"SELECT f.id AS proposal_id, f.idhash, p.proposer, " P("ptype") " AS ptype, "
		P("domain") " AS domain, " P("body") " AS body, "
		P("quorum_rule") " AS quorum_rule, "
		"e.payload->'$.quorum_threshold' AS quorum_threshold, "
		P("opens_at") " AS opens_at, " P("closes_at") " AS closes_at, "
		"p.yes AS votes_for, p.no AS votes_against, p.whole AS votes_of, "
		"p.counts, CASE WHEN p.counts IN ('void', 'contested') THEN "
		"p.counts WHEN "
		"p.opens_us>c.us THEN 'future' WHEN p.closes_us>c.us THEN 'open' "
		"WHEN p.passed THEN 'passed' ELSE 'failed' END AS status, " ENTRY
		" FROM temp.claim f JOIN main.entry e USING(seq) JOIN "
		"temp.proposal p ON p.entry=e.id, temp.clock c WHERE "
		"f.type='Proposal'",
		{ ID("proposal_id"), T("proposer"), T("ptype"), T("domain"),
			J("body"), T("quorum_rule"), J("quorum_threshold"),
			T("opens_at"), T("closes_at"), I("votes_for"),
			I("votes_against"), I("votes_of"), T("counts"),
			NOW("status"), T("entry") } },
	[SBX_VIEW_VOTE] = { "v_vote",
		"SELECT l.id AS proposal_id, l.idhash, a.did AS voter, " P("choice")
		" AS choice, " P("voted_at") " AS voted_at, " IS_MEMBER("a.did")
		" AS member, " ENTRY " FROM "
		CLAIMS("ProposalVote", BY_ID, "f.time, e.id") "WHERE l.place=1",
		{ ID("proposal_id"), T("voter"), T("choice"), T("voted_at"),
			B("member"), T("entry") } },
	[SBX_VIEW_GATE] = { "v_gate",
		"SELECT " ENTRY ", a.did AS proposer, " P("gate") " AS gate, "
		P("term") " AS term, " P("snapshots") " AS snapshots, "
		P("previous") " AS previous, " P("since") " AS since, "
		IS_MEMBER("a.did") " AS member FROM temp.claim l CROSS JOIN "
		"main.entry e USING(seq) CROSS JOIN main.author a ON "
		"a.id=l.author WHERE l.type='GateTerm'",
		{ T("entry"), T("proposer"), T("gate"), I("term"),
			T("snapshots"), T("previous"), T("since"),
			B("member") } },
	[SBX_VIEW_RULES] = { "v_rules",
		"SELECT quorum_rule, quorum_millionths, emancipation_level, "
		"missing FROM temp.rules",
		{ NOW("quorum_rule"),
			{ "quorum_millionths", SBX_COLUMN_INT, true },
			I("emancipation_level"), NOW("missing") } },
};
