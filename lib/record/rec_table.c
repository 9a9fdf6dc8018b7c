/* SPDX-License-Identifier: Apache-2.0 */
/* The record types: the one place that knows them.  The signature covers the
 * payload alone, so the payload decides what an entry is: no two types may
 * share a set of fields (tests/unit/test_rec.c proves it). */
#include "record/record.h"
#include "record/rec_fields.h"

static const char *const states[] = { "observed", "member", "revoked", NULL };
static const char *const modes[] = { "auto", "pending", NULL };
static const char *const scopes[] = { "self", "cascade", "name_only", NULL };
static const char *const ptypes[] = { "change_protocol", "quorum_revision",
	"add_anchor", "remove_anchor", "emancipation", "add_witness",
	"remove_witness", NULL };
static const char *const quorums[] = { "one_node_one_voice",
	"attestation_depth", NULL };

/* The op of an Identity is not signed and three are allowed, so it means
 * nothing to us: membership comes from anchors and invitations alone. */
static const struct sbx_field identity[] = { DID("did"), HEX("pubkey", 64),
	HEX("self_cert_digest", 32), ENUM("state", states),
	{ "jurisdiction", SBX_KIND_ARRAY, 0, 0, 64, NULL },
	ANY("hardware_attest"), DID_OR_NULL("invited_by"), TIME("created_at"),
	END };
static const struct sbx_field invitation[] = { DID("inviter"), ID("invite_id"),
	TEXT("domain"), TEXTS("rights"), INT("max_uses", 1, BIG),
	INT("uses", 0, BIG), TIME("expires_at"), BOOL("co_stake"),
	TIME("created_at"), END };
static const struct sbx_field invite_accept[] = { DID("invitee"),
	ID("invite_id"), DID("inviter"), TEXT("domain"), TEXTS("rights"),
	DID_OR_NULL("grafted_by"), TIME("accepted_at"),
	{ "proof", SBX_KIND_HEX, MAYBE, 0, 128, NULL }, END };
static const struct sbx_field attestation[] = { DID("attester"), DID("subject"),
	WORD("context"), FRACTION("weight", BIG), TEXT("domain"),
	TIME("valid_from"), TIME_OR_NULL("valid_until"), BOOL("revoked"),
	TIME("created_at"), END };
static const struct sbx_field revocation[] = { DID("revoker"),
	ID("revocation_id"),
	{ "target", SBX_KIND_TARGET, 0, 0, 0, NULL },
	ENUM("scope", scopes), INT("cascade_depth", 0, 8), TEXT("reason"),
	TIME("created_at"), END };
static const struct sbx_field proposal[] = { DID("proposer"), ID("proposal_id"),
	ENUM("ptype", ptypes), TEXT("domain"),
	{ "body", SBX_KIND_OBJECT, 0, 0, 0, NULL }, ENUM("quorum_rule", quorums),
	FRACTION("quorum_threshold", BIG), TIME("opens_at"), TIME("closes_at"),
	INT("tally_for", 0, BIG), INT("tally_against", 0, BIG), ANY("resolved"),
	TIME("created_at"), END };
static const struct sbx_field vote[] = { DID("voter"), ID("proposal_id"),
	WORD("choice"), TIME("voted_at"), END };
static const struct sbx_field emancipation[] = { DID("proposer"),
	INT("emancipation_level", 0, 64), INT("previous_level", 0, 64),
	ANY("remove_anchor"), ANY("milestone_evidence"), TIME("emancipated_at"),
	END };
static const struct sbx_field witness[] = { DID("witness"), TEXT("domain"),
	INT("log_height", 0, BIG), HEX("merkle_root", 64), TIME("observed_at"),
	END };
static const struct sbx_field offer[] = { DID("provider"), ID("service_id"),
	{ "name", SBX_KIND_TEXT, 0, 1, 256, NULL }, WORD("kind"),
	{ "endpoint", SBX_KIND_TEXT, NULLABLE, 0, 256, NULL },
	{ "scope", SBX_KIND_OBJECT, 0, 0, 0, NULL }, ENUM("approval_mode", modes),
	TEXT("description"), { "macro", SBX_KIND_MACRO, MAYBE, 0, 0, NULL },
	TIME("created_at"), END };
static const struct sbx_field revoke_offer[] = { DID("provider"),
	ID("service_id"), TIME("revoked_at"), END };
static const struct sbx_field subscription[] = { DID("subscriber"),
	ID("subscription_id"), ID("service_id"), TIME("requested_at"), END };
static const struct sbx_field approve[] = { DID("approver"),
	ID("subscription_id"), ID("service_id"), TIME("approved_at"), END };
static const struct sbx_field reject[] = { DID("rejecter"),
	ID("subscription_id"), ID("service_id"), TIME("rejected_at"), END };
static const struct sbx_field revoke_sub[] = { DID("subscriber"),
	ID("subscription_id"), TIME("revoked_at"), END };
static const struct sbx_field node[] = { DID("did"), WORD("node_id"),
	WORD("boxname"), { "pubkey_wg", SBX_KIND_WGKEY, 0, 0, 0, NULL },
	{ "mesh_ip", SBX_KIND_IP, NULLABLE, 0, 0, NULL }, TEXT_OR_NULL("ddns"),
	{ "endpoint", SBX_KIND_TEXT, NULLABLE, 0, 256, NULL },
	TIME("created_at"), END };
static const struct sbx_field config[] = { DID("publisher"), WORD("config_id"),
	WORD("scope"), INT("version", 0, BIG), HEX("content_hash", 64),
	ANY("payload"), TEXT_OR_NULL("payload_uri"), TIME("valid_from"),
	TIME_OR_NULL("valid_until"), END };
static const struct sbx_field revoke_config[] = { DID("publisher"),
	WORD("config_id"), TIME("revoked_at"), END };
static const struct sbx_field ban[] = { DID("publisher"), ID("ban_id"),
	{ "ip", SBX_KIND_IP, 0, 0, 0, NULL }, TEXT("reason"), ANY("severity"),
	TIME("created_at"), TIME_OR_NULL("expires_at"), END };
static const struct sbx_field revoke_ban[] = { DID("publisher"),
	{ "ip", SBX_KIND_IP, 0, 0, 0, NULL }, TIME("revoked_at"), END };

/* Ours, carried by an op that older nodes relay untouched: what an author has
 * said, in order, and who speaks for it after its key is lost. */
static const struct sbx_field head[] = { DID("did"), INT("v", 1, 1),
	INT("seq", 1, BIG), { "prev", SBX_KIND_HEX, NULLABLE, 0, 64, NULL },
	{ "items", SBX_KIND_TEXTS, 0, 0, SBX_MAX_SEALED, NULL },
	{ "rec", SBX_KIND_HEX, NULLABLE, 0, 64, NULL }, TIME("created_at"), END };
static const struct sbx_field rotation[] = { DID("did"), DID("old"),
	HEX("rec_pub", 64), HEX("rec_sig", 128), TIME("created_at"), END };
static const struct sbx_field name_bind[] = { DID("binder"), DID("did"),
	NAME("name"), TIME("bound_at"), END };
static const struct sbx_field name_revoke[] = { DID("binder"), NAME("name"),
	TIME("revoked_at"), END };

/* A device without a log of its own, on the mesh while its sponsor is. */
static const struct sbx_field guest_bind[] = { DID("sponsor"), NAME("guest"),
	{ "pubkey_wg", SBX_KIND_WGKEY, 0, 0, 0, NULL },
	{ "mesh_ip", SBX_KIND_IP, 0, 0, 0, NULL }, TIME("bound_at"), END };
static const struct sbx_field guest_revoke[] = { DID("sponsor"), NAME("guest"),
	TIME("revoked_at"), END };
/* Which hub is the gate from then on; previous: the term's entry before. */
static const struct sbx_field gate_term[] = { DID("proposer"), DID("gate"),
	INT("term", 1, BIG), HEX("snapshots", 64),
	{ "previous", SBX_KIND_HEX, NULLABLE, 0, 64, NULL }, TIME("since"),
	END };

/*      type, ops, actor, id, ref, time, fields */
const struct sbx_rec sbx_rec_table[] = {
	{ "Identity", { "genesis", "auto_add", "invite_accept", NULL }, "did",
		"did", "invited_by", "created_at", identity },
	{ "Invitation", { "invite_issue" }, "inviter", "invite_id", NULL,
		"created_at", invitation },
	{ "InviteAccept", { "invite_accept" }, "invitee", "invite_id", "inviter",
		"accepted_at", invite_accept },
	{ "Attestation", { "attest" }, "attester", "subject", "context",
		"created_at", attestation },
	{ "RevocationNotice", { "revoke" }, "revoker", "revocation_id", "target",
		"created_at", revocation },
	{ "Proposal", { "proposal_open" }, "proposer", "proposal_id", NULL,
		"created_at", proposal },
	{ "ProposalVote", { "proposal_vote" }, "voter", "proposal_id", NULL,
		"voted_at", vote },
	{ "EmancipationRecord", { "emancipate" }, "proposer", NULL, NULL,
		"emancipated_at", emancipation },
	{ "WitnessAttest", { "witness" }, "witness", "merkle_root", NULL,
		"observed_at", witness },
	{ "ServiceOffer", { "service_offer" }, "provider", "service_id", NULL,
		"created_at", offer },
	{ "ServiceRevokeOffer", { "service_revoke_offer" }, "provider",
		"service_id", NULL, "revoked_at", revoke_offer },
	{ "Subscription", { "service_subscribe" }, "subscriber",
		"subscription_id", "service_id", "requested_at", subscription },
	{ "ServiceApprove", { "service_approve" }, "approver",
		"subscription_id", "service_id", "approved_at", approve },
	{ "ServiceReject", { "service_reject" }, "rejecter", "subscription_id",
		"service_id", "rejected_at", reject },
	{ "SubscriptionRevoke", { "service_revoke_sub" }, "subscriber",
		"subscription_id", NULL, "revoked_at", revoke_sub },
	{ "NodeRecord", { "node_publish" }, "did", "node_id", NULL,
		"created_at", node },
	{ "ConfigBlob", { "config_publish" }, "publisher", "config_id", "scope",
		"valid_from", config },
	{ "ConfigRevoke", { "config_revoke" }, "publisher", "config_id", NULL,
		"revoked_at", revoke_config },
	{ "BanRecord", { "ban_publish" }, "publisher", "ban_id", "ip",
		"created_at", ban },
	{ "BanRevoke", { "ban_revoke" }, "publisher", "ip", NULL, "revoked_at",
		revoke_ban },
	{ "SbxHead", { "witness" }, "did", NULL, "prev", "created_at", head },
	{ "SbxRotate", { "witness" }, "did", "old", NULL, "created_at",
		rotation },
	{ "NameBind", { "name_bind" }, "binder", "name", "did", "bound_at",
		name_bind },
	{ "NameRevoke", { "name_revoke" }, "binder", "name", NULL, "revoked_at",
		name_revoke },
	{ "GuestBind", { "guest_bind" }, "sponsor", "guest", NULL, "bound_at",
		guest_bind },
	{ "GuestRevoke", { "guest_revoke" }, "sponsor", "guest", NULL,
		"revoked_at", guest_revoke },
	{ "GateTerm", { "witness" }, "proposer", NULL, "gate", "since",
		gate_term },
	{ NULL, { NULL }, NULL, NULL, NULL, NULL, NULL },
};

const char *const sbx_rec_fractions[] = { "weight", "quorum_threshold", NULL };
