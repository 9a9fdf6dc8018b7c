# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # work, count, probe are scripts/bench's
# The memory that each verb takes at the ledger's full size, against what is
# promised: a part of scripts/bench, whose row, node and on it uses.
#
#	big	the node "import" that scripts/bench has left: all entries
#	small	another, who offers something to big and asks for something
#	pulled	one that has pulled all of big's log: its witness, and in a box
#		of its own the borrower

PROMISED=32 # MB

# rss NAME COMMAND...: megabytes; a sound no is an answer too
rss() {
	local name=$1 kb said=0
	shift
	kb=$("$probe" rss "$@" 2>"$work/said" </dev/null) || said=$?
	rss_row "$name" "$kb" $said
}

rss_row() { # NAME KB STATUS
	if [ "$3" -gt 1 ]; then
		echo "bench: $1 ended with $3" >&2
		cat "$work/said" >&2
		exit 4
	fi
	row "resident, $1" "$(calc "$2 / 1024")" MB "promised, MB" $PROMISED '<1'
}

# From a file or through a pipe, as standard input.
# shellcheck disable=SC2016 # the other shell's
from='exec "$@" <"$0"' piped='cat "$0" | exec "$@"'

# What small and big have to say to each other.
acquaint() {
	local before
	mkdir "$work/small"
	on small
	small=$(sbx-ledger init 2>"$work/recovery")
	sed -n 's/^sbx-ledger: recovery key.*: //p' "$work/recovery" >"$work/recovery.key"
	sbx-offer -q publish theirs -k web -e 10.10.0.2:80 >/dev/null
	sbx-member -q trust "$big"
	token=$(sbx-member -q invite)
	sbx-ledger export >"$work/small.jsonl"
	on import
	before=$(sbx-ledger -j status | jq .entries)
	sbx-offer -q publish waiting -k web -e 10.10.0.1:8080 -m pending >/dev/null
	sbx-member -q trust "$small"
	sbx-ledger -q import "$work/small.jsonl"
	proposal=$(sbx-member -q propose quorum_revision)
	sbx-ledger -q publish "$work/www"
	body >"$work/body"
	sbx-ledger prove 7 >"$work/proof"
	sbx-ledger export --from "$before" >"$work/big.jsonl"
	on small
	sbx-ledger -q import "$work/big.jsonl"
	asked=$(sbx-offer -q subscribe waiting)
	sbx-ledger export >"$work/small.jsonl"
	on import
	sbx-ledger -q import "$work/small.jsonl"
}

verbs() {
	local name verb
	while read -r name verb; do
		# shellcheck disable=SC2086 # words
		rss "${name//_/ }" $verb
	done <<-END
		sbx-ledger_init sbx-ledger init --no-recovery
		sbx-ledger_whoami sbx-ledger whoami
		sbx-ledger_verify sbx-ledger verify
		sbx-ledger_verify_--quick sbx-ledger verify --quick
		sbx-ledger_export sbx-ledger export
		sbx-ledger_show sbx-ledger show
		sbx-ledger_status sbx-ledger status -v
		sbx-ledger_import sbx-ledger -q import $work/one
		sbx-ledger_import,_known sbx-ledger -q import $work/known
		sbx-ledger_append sbx-ledger append config_revoke $work/some1
		sbx-ledger_seal sbx-ledger seal
		sbx-ledger_publish sbx-ledger publish $work/www
		sbx-ledger_publish,_again sbx-ledger publish $work/www
		sbx-ledger_prove sbx-ledger prove 7
		sbx-ledger_prove_--from sbx-ledger prove --from 7
		sbx-ledger_check-proof sbx-ledger check-proof $work/proof
		sbx-ledger_canon sbx-ledger canon
		sbx-ledger_now sbx-ledger now
		sbx-ledger_say sbx-ledger say Snapshot $work/body
		sbx-ledger_backup sbx-ledger backup $work/backup
		sbx-ledger_fsck_-n sbx-ledger -q fsck -n
		sbx-ledger_fsck sbx-ledger -q fsck
		sbx-member_list sbx-member list
		sbx-member_show sbx-member show $big
		sbx-member_can sbx-member can $big vote
		sbx-member_names sbx-member names
		sbx-member_invites sbx-member invites
		sbx-member_attestations sbx-member attestations
		sbx-member_tally sbx-member tally
		sbx-member_rules sbx-member rules
		sbx-member_expire sbx-member expire
		sbx-member_invite sbx-member invite
		sbx-member_attest sbx-member attest $other trust
		sbx-member_name sbx-member name other $other
		sbx-member_propose sbx-member propose quorum_revision
		sbx-member_vote sbx-member vote $proposal for
		sbx-member_emancipate sbx-member emancipate 1
		sbx-member_revoke sbx-member revoke $other
		sbx-member_trust sbx-member trust $other
		sbx-member_accept sbx-member accept $token
		sbx-offer_list sbx-offer list
		sbx-offer_show sbx-offer show bench
		sbx-offer_publish sbx-offer publish more -k web -e 10.10.0.1:80
		sbx-offer_withdraw sbx-offer withdraw more
		sbx-offer_subscribe sbx-offer subscribe theirs
		sbx-offer_subs sbx-offer subs
		sbx-offer_approve sbx-offer approve $asked
		sbx-offer_reject sbx-offer reject $asked
		sbx-offer_cancel sbx-offer cancel theirs
		sbx-why sbx-why $other bench
	END
	rss "sbx-ledger append -l" sh -c "$from" "$work/payloads" sbx-ledger append -l config_revoke
	rss "sbx-ledger import, a pipe" sh -c "$piped" "$work/known" sbx-ledger -q import
	rss "sbx-member rotate" sh -c "$from" "$work/recovery.key" sbx-member rotate "$small"
}

# A log goes from node to node: site, export, backup, and with a witness.
copies() {
	sbx-ledger -q publish "$work/www"
	mkdir "$work/restored"
	cp "$SBX_STATE/node.key" "$work/restored"
	on restored
	rss "sbx-ledger restore" sbx-ledger restore "$work/backup"
	rm -r "$work/restored" "$work/backup"
	node pulled
	on pulled
	rss "sbx-pull, an export" sbx-pull -q "$work/lines.aa"
	node pulled
	sbx-member -q trust "$big"
	rss "sbx-pull, a site" sbx-pull -q "$work/www/"
	rss "sbx-pull, the same again" sbx-pull -q "$work/www/"
	rss "sbx-ledger publish, a witness" sbx-ledger publish
	on import
	sbx-ledger -q append config_revoke "$work/some1" >/dev/null
	sbx-ledger -q publish "$work/www"
	on pulled
	rss "sbx-pull -p, a witness" sbx-pull -qp "$work/www/"
	printf '[witness]\nquorum = 1\npulled = %s\n' "$(sbx-ledger whoami)" >"$work/import/sbx.conf"
	on import
	rss "sbx-pull, its witness" sbx-pull -q "$work/pulled/www/"
	rss "sbx-ledger status, witnessed" sbx-ledger status
	[ "$(sbx-ledger -j status | jq .witnessed)" -ge "$count" ]
	rss "sbx-offer list --witnessed" sbx-offer --witnessed list
	rm "$work/import/sbx.conf"
}

# ---- what root runs, and what lends, in boxes -------------------------------

# box_rss NAME BOX USER COMMAND...
box_rss() {
	local name=$1 b=$2 user=$3 kb said=0
	shift 3
	kb=$(box_as "$b" "$user" /src/build/bench/probe rss "$@" 2>"$work/said" </dev/null) || said=$?
	rss_row "$name" "$kb" $said
}

# move NODE BOX ADDRESS: into a box of its own
move() {
	box_new "$2"
	box_link "$2" "$3/24"
	mv "$work/$1" "$BOX_SHARE/$2"
	box "$2" sh -c "printf '[node]\nname = $2\n[mesh]\nendpoint = $3:51822\n' >/etc/sbx/sbx.conf
		mount --bind /share/$2 /var/lib/sbx
		install -o sbx -m 600 /var/lib/sbx/node.key /etc/sbx/secrets/node.key
		rm /var/lib/sbx/node.key; mkdir -p /var/lib/sbx/www; chown -R sbx:sbx /var/lib/sbx"
}

said_since() { # BOX N OTHER-BOX: what is new goes to the other
	box_as "$1" sbx sbx-ledger export --from "$2" | box_as "$3" sbx sbx-ledger -q import
}

# The tunnel, then the whole of a grant, at both ends' full size.
lending() {
	local size b port
	BOX_SRC=$PWD TMPDIR=$work
	. tests/lib/box.bash
	box_lan
	trap 'box_end; rm -rf "$work"' EXIT
	move import gk 192.0.2.1
	move pulled c3 192.0.2.2
	size=$(box_as gk sbx sbx-ledger -j status | jq .entries)
	box_as gk sbx sbx-member -q trust "$(box_as c3 sbx sbx-ledger whoami)"
	box_as gk sbx sbx-offer -q publish mirror -k web -e 10.10.0.1:8080 \
		-M http-mirror -p '{"port":8080}' >/dev/null
	box_rss "sbx-mesh-up record" gk root sbx-mesh-up record
	for b in gk c3; do
		box $b sbx-mesh-up record | box_as $b sbx sbx-ledger -q append node_publish >/dev/null
		said_since gk "$size" c3
		said_since c3 "$size" gk
	done
	box_rss "sbx-mesh-up plan" gk root sbx-mesh-up plan
	box_rss "sbx-mesh-up, the hub" gk root sbx-mesh-up
	box_rss "sbx-mesh-up, a spoke" c3 root sbx-mesh-up
	box_rss "sbx-mesh-up show" gk root sbx-mesh-up show
	box_rss "sbx-mesh-up render" gk root sbx-mesh-up render
	box_rss "sbx-mesh-up adopt" gk root sbx-mesh-up adopt
	box gk sh -c 'printf "mtu = 1380\n" >>/etc/sbx/sbx.conf'
	box_rss "sbx-mesh-up --confirm" gk root sbx-mesh-up up --confirm 600
	box_rss "sbx-mesh-up confirm" gk root sbx-mesh-up confirm
	box_rss "sbx-mesh-up revert" gk root sbx-mesh-up revert
	box_rss "sbx-mesh-up export" gk root sbx-mesh-up export phone
	box_rss "sbx-mesh-up guests" gk root sbx-mesh-up guests
	box_rss "sbx-mesh-up withdraw" gk root sbx-mesh-up withdraw phone
	box_rss "sbx-mesh-up recover" gk root sbx-mesh-up recover
	# The grant's program tells its own size.
	box gk sh -c 'mv /usr/bin/sbx-grant /usr/lib/sbx/sbx-grant
		printf "#!/bin/sh\nexec /src/build/bench/probe rss -o /share/grant /usr/lib/sbx/sbx-grant\n" \
			>/usr/bin/sbx-grant; chmod 755 /usr/bin/sbx-grant'
	box_bg gk env SBX_MESH_IP=10.10.0.1 lighttpd -D -f /etc/sbx/lighttpd/grant.conf 2>"$work/web"
	box_bg gk python3 -m http.server --bind 10.10.0.1 8080 >/dev/null 2>&1
	for port in 8798 8080; do
		box gk timeout 10 bash -c 'until : </dev/tcp/10.10.0.1/$1; do sleep .02; done 2>/dev/null' bash $port
	done
	box_rss "sbx-offer use" c3 sbx sbx-offer use mirror
	rss_row "sbx-grant" "$(sort -n "$BOX_SHARE/grant" | tail -1)" 0
	[ "$(box gk sbx-macroctl -j list | wc -l)" -eq 1 ]
	box_rss "sbx-offer stop" c3 sbx sbx-offer stop mirror
	box_rss "sbx-macroctl list" gk root sbx-macroctl list
	box_rss "sbx-macroctl check" gk root sbx-macroctl check
	box_rss "sbx-macroctl sync" gk root sbx-macroctl sync
	box_rss "sbx-macroctl kinds" gk root sbx-macroctl kinds
	box_rss "sbx-mesh-up down" gk root sbx-mesh-up down
	mv "$BOX_SHARE/gk" "$work/import"
	box_end
}

resident() {
	local big other small token proposal asked
	on import
	big=$(sbx-ledger whoami)
	other=$(head -n 1 "$work/lines.aa" | jq -r .author)
	echo '{"config_id":"bench"}' >"$work/some1"
	acquaint
	verbs
	copies
	if [ "$(id -u)" -eq 0 ]; then
		lending
	else
		echo "bench: not root: nothing of sbx-mesh-up, sbx-macroctl, sbx-grant" >&2
	fi
	rm -rf "$work/pulled"
	node import
	on import
	rss "sbx-ledger import, all" sbx-ledger -q import "$work"/lines.*
}
