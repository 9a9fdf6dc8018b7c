# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# sbx-redact against grep -E with patterns of the same kinds; sourced by bench.

grep_same() {
	LC_ALL=C grep -oaE "([0-9]{1,3}\.){3}[0-9]{1,3}|([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}|([0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}|[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,24}|([A-Za-z0-9_-]+\.)+(lan|local|mesh|home|internal|sbx|onion)|(sk-|gh[pousr]_|glpat-|AKIA)[A-Za-z0-9_-]{10,}|BEGIN [A-Z ]*PRIVATE KEY|[A-Za-z0-9+/]{43}=|eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+|(password|secret|token|api_?key)[\"']?[=:]|did:[a-z0-9]+:[A-Za-z0-9._-]+|[0-9A-Fa-f]{32,}" "$@" | tail -n 1
}

redaction() {
	local text=$work/text one same f
	sed -E '/^#/d; s/⟦[a-z0-9]+:([^⟧]*)⟧/\1/g' tests/data/redact.corpus >"$work/once"
	for _ in $(seq 60); do cat "$work/once"; done >"$text"
	one=$(for _ in 1 2 3; do seconds sh -c 'sbx-redact <"$1"' sh "$text"; done | sort -g | head -n 1)
	same=$(for _ in 1 2 3; do seconds grep_same "$text"; done | sort -g | head -n 1)
	row "redact, MB/s" "$(calc "$(stat -c %s "$text") / 1e6 / $one")" MB/s \
		"grep -E, same kinds, MB/s" "$(calc "$(stat -c %s "$text") / 1e6 / $same")" '>=0.5'
	for f in "$work/once" "$text"; do
		"$probe" rss -o "$work/rss" sbx-redact <"$f" >/dev/null
	done
	row "redact, 60 times the text" "$(tail -n 1 "$work/rss")" KB "once, KB" "$(head -n 1 "$work/rss")" '<=1.5'
	rm -f "$work/rss"
	rm -f "$text"
}
