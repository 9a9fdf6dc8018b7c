#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# One member cannot shut the others out of what answers on the mesh: gk serves,
# c3 asks, and amd64 holds as many connections as it can.

load ../lib/helpers
load ../lib/box
load ../lib/lending

setup() {
	require_root
	require lighttpd curl python3 nft
	lend_file
	for b in c3 amd64; do box_new $b; done
	lend_mesh c3 10.10.0.2/24
	lend_mesh amd64 10.10.0.3/24
	box_as gk sbx sbx-ledger -q init --no-recovery >/dev/null
	box_as gk sbx sbx-ledger -q publish
	gk sbx-macroctl sync
	for c in directory grant; do
		box_bg gk env SBX_MESH_IP=10.10.0.1 lighttpd -D -f /etc/sbx/lighttpd/$c.conf 2>/dev/null
	done
	for p in 8798 8799; do
		gk timeout 10 bash -c 'until : </dev/tcp/10.10.0.1/$1; do sleep .02; done 2>/dev/null' bash $p
	done
}

teardown() {
	box_end
}

# hold BOX PORT COUNT HOW: HOW bytes drip over COUNT connections; the number
# that stand is in /tmp/hold.PORT once all were tried.
hold() {
	cat >"$BOX_SHARE/hold.py" <<-'EOF'
		import socket, sys, time
		port, count, how = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
		head = {
		    "idle": b"", "header": b"GET / HTTP/1.1\r\nX: ",
		    "body": b"POST /grant/" + b"a" * 64 + b" HTTP/1.1\r\nHost: g\r\nContent-Length: 60000\r\n\r\n",
		    "chunks": b"POST /grant/" + b"a" * 64 +
		        b" HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n",
		}[how]
		drip = {"idle": b"", "header": b"x", "body": b"x", "chunks": b"1\r\nx\r\n"}[how]
		held = []
		for i in range(count):
		    s = socket.socket()
		    s.settimeout(2)
		    try:
		        s.connect(("10.10.0.1", port))
		        s.sendall(head)
		        held.append(s)
		    except OSError:
		        s.close()
		first = True
		while True:
		    for s in held[:]:
		        try:
		            s.sendall(drip)
		            s.setblocking(False)
		            if s.recv(4096) == b"":
		                held.remove(s)
		        except BlockingIOError:
		            pass
		        except OSError:
		            held.remove(s)
		    open("/tmp/hold.%d" % port, "w").write("%d\n" % len(held))
		    time.sleep(.5)
	EOF
	box "$1" rm -f "/tmp/hold.$2"
	box_bg "$1" python3 /share/hold.py "$2" "$3" "$4"
	HOLD=$BOX_PID
	for _ in $(seq 300); do
		[ ! -s "$BOX_DIR/x" ] && box "$1" test -s "/tmp/hold.$2" && return
		sleep .1
	done
	fail "nothing was held"
}

held() { # BOX PORT
	sleep 1.2
	box "$1" cat "/tmp/hold.$2"
}

# answers BOX PORT HTTP: within the second, three times.
answers() {
	local path=/ want=$3
	[ "$2" = 8799 ] && path=/checkpoint || path=/grant/$(printf 'a%.0s' {1..64})
	for _ in 1 2 3; do
		run box "$1" curl -s -m 2 -o /dev/null -w '%{http_code}' "http://10.10.0.1:$2$path"
		assert_eq "$status:$output" "0:$want" "port $2, asked by $1"
	done
}

@test "who holds and drips as many connections as it can shuts nobody else out" {
	answers c3 8798 200
	answers c3 8799 200
	for how in header body chunks; do
		hold amd64 8798 80 $how
		answers c3 8798 200
		n=$(held amd64 8798)
		[ "$n" -ge 1 ] && [ "$n" -le 8 ] || fail "it has $n connections" how $how
		kill "$HOLD" && wait "$HOLD" || :
	done
	hold amd64 8799 1000 idle
	answers c3 8799 200
	n=$(held amd64 8799)
	[ "$n" -le 8 ] || fail "it has $n connections of a thousand"
}

@test "a connection ends in its time, however it drips" {
	assert_like "$(gk nft list table inet sbx)" 'dport 8798 .*timeout 1m' "a minute for a request"
	hold amd64 8798 3 header
	assert_eq "$(held amd64 8798)" 3 "it stands"
	hold c3 8799 1 header
	# As when the time is over.
	gk nft flush set inet sbx young
	assert_eq "$(held amd64 8798)" 0 "it is ended"
	assert_eq "$(held c3 8799)" 0 "and that one"
	answers c3 8798 200
}

@test "the next run of sync lets go of no count, and the table is as it should be" {
	hold amd64 8798 40 header
	gk sbx-macroctl sync
	hold amd64 8798 40 header
	n=$(gk ss -Htn state established 'sport = 8798' | wc -l)
	[ "$n" -le 8 ] || fail "after a sync it has $n"
	in=$(gk sbx-macroctl -j check | jq -c 'select(.part == "firewall") | .ok')
	assert_eq "$in" true "check"
}

@test "the servers speak HTTP/1.1 and nothing else" {
	for p in 8798 8799; do
		run box c3 curl -s -m 5 --http2 -o /dev/null -w '%{http_version}' "http://10.10.0.1:$p/"
		assert_eq "$output" 1.1 "port $p was talked into HTTP/2"
		run box c3 curl -s -m 5 --http2-prior-knowledge -o /dev/null "http://10.10.0.1:$p/"
		assert_ne "$status" 0 "port $p takes HTTP/2"
	done
}
