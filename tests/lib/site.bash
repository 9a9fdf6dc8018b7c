# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # URL is the tests'
# Web servers for sites: a test loads it beside helpers, calls stop_servers in
# its teardown, and has $D for a directory.
#
#	serve DIR [ADDR [PORT]]	by lighttpd; URL is where, and $D/log has
#				"PATH STATUS BYTES" for each request
#	asked			the paths asked for since the last time, of the
#				first server
#	slow DIR PATH SECONDS [PORT]	one that knows no ETag, thinks long
#				about PATH and a little about any bundle
#	fickle DIR [SECONDS]	one that changes its mind as $D/plan says: in
#				each line PATH N WHAT, and from the N-th request
#				for PATH on, since plan was written, it answers
#				404, a "flip"ped bit, what is at PATH in the
#				directory WHAT, or nothing ("hang"), and $D/hangs
#				is there.  While there is a plan it thinks
#				SECONDS (0) about any bundle.
#	aside DIR PATH COMMAND...	one that runs COMMAND, once, before it answers
#				PATH; what that said is in $D/aside

SERVERS=()

stop_servers() {
	[ "${#SERVERS[@]}" -eq 0 ] || kill "${SERVERS[@]}" 2>/dev/null || :
	wait
}

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

listening() { # ADDR PORT
	for _ in $(seq 300); do
		ss -Hltn "src $1:$2" | grep -q . && return
		sleep .01
	done
	fail "nobody listens on $1:$2"
}

serve() {
	require lighttpd python3
	local addr=${2:-127.0.0.1}
	PORT=${3:-$(free_port)}
	cat >"$D/$PORT.conf" <<-END
		server.modules = ("mod_accesslog")
		server.document-root = "$1"
		server.bind = "$addr"
		server.port = $PORT
		server.stat-cache-engine = "disable"
		mimetype.assign = ("" => "application/json")
		accesslog.filename = "$D/log"
		accesslog.format = "%U %s %b"
	END
	/usr/sbin/lighttpd -D -f "$D/$PORT.conf" >"$D/$PORT.log" 2>&1 3>&- &
	SERVERS+=($!)
	listening "$addr" "$PORT"
	URL=http://$addr:$PORT/
}

slow() {
	PORT=${4:-$(free_port)}
	python3 - "$1" "$2" "$3" "$PORT" 2>"$D/log" 3>&- <<-'END' &
		import sys, time, http.server as h
		class H(h.SimpleHTTPRequestHandler):
		    def __init__(s, *a): super().__init__(*a, directory=sys.argv[1])
		    def do_GET(s):
		        if s.path == sys.argv[2]: time.sleep(float(sys.argv[3]))
		        elif "entries" in s.path: time.sleep(.3)
		        super().do_GET()
		h.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[4])), H).serve_forever()
	END
	SERVERS+=($!)
	listening 127.0.0.1 "$PORT"
	URL=http://127.0.0.1:$PORT/
}

aside() {
	PORT=$(free_port)
	python3 - "$PORT" "$@" 2>"$D/aside" 3>&- <<-'END' &
		import sys, subprocess, http.server as h
		port, root, path, *todo = sys.argv[1:]
		class H(h.SimpleHTTPRequestHandler):
		    def __init__(s, *a): super().__init__(*a, directory=root)
		    def do_GET(s):
		        if s.path == path and todo:
		            subprocess.run(todo[:], stdout=sys.stderr)
		            todo.clear()
		        super().do_GET()
		    def log_message(s, *a): pass
		h.HTTPServer(("127.0.0.1", int(port)), H).serve_forever()
	END
	SERVERS+=($!)
	listening 127.0.0.1 "$PORT"
	URL=http://127.0.0.1:$PORT/
}

fickle() {
	PORT=$(free_port)
	: >"$D/plan"
	python3 - "$1" "${2:-0}" "$D" "$PORT" 2>"$D/log" 3>&- <<-'END' &
		import os, sys, time, http.server as h
		site, think, d = sys.argv[1], float(sys.argv[2]), sys.argv[3]
		asked, since = {}, 0
		def answer(path):
		    global since
		    when = os.stat(d + "/plan").st_mtime_ns
		    if when != since: asked.clear()
		    since = when
		    asked[path] = asked.get(path, 0) + 1
		    what = ""
		    for line in open(d + "/plan"):
		        p, n, w = line.split()
		        if p == path and asked[path] >= int(n): what = w
		    if what == "hang":
		        open(d + "/hangs", "w").close()
		        time.sleep(60)
		    if what == "404": return None
		    try: data = open((what if "/" in what else site) + path, "rb").read()
		    except OSError: return None
		    if what == "flip": return data[:700] + bytes([data[700] ^ 1]) + data[701:]
		    return data
		class H(h.BaseHTTPRequestHandler):
		    def do_GET(s):
		        if "entries" in s.path and os.path.getsize(d + "/plan"): time.sleep(think)
		        data = answer(s.path)
		        s.send_response(404 if data is None else 200)
		        s.send_header("Content-Length", str(len(data or b"")))
		        s.end_headers()
		        s.wfile.write(data or b"")
		h.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[4])), H).serve_forever()
	END
	SERVERS+=($!)
	listening 127.0.0.1 "$PORT"
	URL=http://127.0.0.1:$PORT/
}

# The server writes its log late.
asked() {
	kill -HUP "${SERVERS[0]}"
	for _ in $(seq 100); do
		grep -q . "$D/log" && break
		sleep .02
	done
	cut -d' ' -f1 "$D/log" | paste -sd' '
	: >"$D/log"
}
