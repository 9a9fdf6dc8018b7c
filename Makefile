# SPDX-License-Identifier: Apache-2.0
# make          build/bin/sbx-* and build/libsbx.a
# make check    every test; installs what is missing first (scripts/setup)
# make check-parts  tests with large programs of others: a browser, ...
# make demo     the whole way, three boxes on this machine
# make demos    a demonstration of each further capability, one after another
# make bench    the figures, each beside its limit; build/bench.json
# make lint     what the compiler does not see; make asan: the tests, sanitized
# make fuzz     every parser for FUZZ_SECONDS (10)

CC ?= cc
CFLAGS ?= -O2 -g
PREFIX ?= /usr
SYSCONFDIR ?= /etc
LOCALSTATEDIR ?= /var
RUNDIR ?= /run
MANDIR ?= $(PREFIX)/share/man
BINDIR ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
MACRODIR ?= $(PREFIX)/lib/sbx/macros.d
UNITDIR ?= $(PREFIX)/lib/systemd/system
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
Q = $(if $(V),,@)
VERSION := $(shell cat VERSION)

# A tool is bin/TOOL.c, or the files of bin/TOOL/.
TOOLSRC := $(wildcard bin/*.c bin/*/*.c)
TOOLS := $(sort $(foreach f,$(TOOLSRC:bin/%.c=%),$(firstword $(subst /, ,$f))))
LIBSRC := $(wildcard lib/*/*.c)
LIBOBJ := $(LIBSRC:lib/%.c=build/lib/%.o)
UNITS := $(patsubst tests/%.c,build/%,$(wildcard tests/unit/*/test_*.c))

PKGS = libsodium nettle sqlite3 libcurl inih libnl-3.0 libnl-route-3.0 libqrencode libpcre2-8
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm

# Ours, kept apart from CFLAGS so that a distribution's flags survive.
SBX_CFLAGS = -std=c17 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wformat=2 -Wswitch-enum -Wvla -Wpointer-arith \
	-Wwrite-strings -fstack-protector-strong -fstack-clash-protection -fPIE
SBX_CPPFLAGS = -Ilib -U_FORTIFY_SOURCE $(FORTIFY) -DSBX_VERSION='"$(VERSION)"' \
	-DSBX_SYSCONFDIR='"$(SYSCONFDIR)"' -DSBX_STATEDIR='"$(LOCALSTATEDIR)/lib/sbx"' \
	-DSBX_DOORDIR='"$(LOCALSTATEDIR)/lib/sbx-door"' \
	-DSBX_APPLYDIR='"$(LOCALSTATEDIR)/lib/sbx-apply"' \
	-DSBX_LOGDIR='"$(LOCALSTATEDIR)/log/sbx"' -DSBX_RUNDIR='"$(RUNDIR)/sbx"' \
	-DSBX_MACRODIR='"$(MACRODIR)"' -DSBX_SBINDIR='"$(SBINDIR)"' -DSBX_BINDIR='"$(BINDIR)"'
FORTIFY = -D_FORTIFY_SOURCE=3
SBX_LDFLAGS = -pie -Wl,-z,relro,-z,now -Wl,--as-needed
ifdef CI
SBX_CFLAGS += -Werror
endif

.DELETE_ON_ERROR:
.SHELLFLAGS := -ec
.PHONY: all deps check check-all check-unit check-cli check-root check-parts demo demos bench lint asan fuzz \
	install uninstall clean
all: $(TOOLS:%=build/bin/%)

# A plain word when the libraries are not there, before the compiler's many.
build/libraries: Makefile
	@mkdir -p $(@D)
	$(Q)pkg-config --exists $(PKGS) 2>/dev/null || { \
		echo "make: libraries are missing, of: $(PKGS)" >&2; \
		echo "make: hint: scripts/setup, as root, installs what is needed" >&2; exit 1; }
	@touch $@

build/lib/%.o: lib/%.c Makefile VERSION | build/libraries
	@mkdir -p $(@D)
	$(if $(V),,@echo "  cc $<")
	$(Q)$(CC) $(SBX_CPPFLAGS) $(CPPFLAGS) $(PKG_CFLAGS) $(SBX_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

build/obj/%.o: bin/%.c Makefile VERSION | build/libraries
	@mkdir -p $(@D)
	$(if $(V),,@echo "  cc $<")
	$(Q)$(CC) $(SBX_CPPFLAGS) $(CPPFLAGS) $(PKG_CFLAGS) $(SBX_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

build/libsbx.a: $(LIBOBJ)
	$(Q)rm -f $@ && ar rcs $@ $^

.SECONDEXPANSION:
objects = $(patsubst bin/%.c,build/obj/%.o,$(wildcard bin/$1.c bin/$1/*.c))
build/bin/%: $$(call objects,$$*) build/libsbx.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(SBX_CFLAGS) $(CFLAGS) $(SBX_LDFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

build/unit/%: tests/unit/%.c build/libsbx.a
	@mkdir -p $(@D)
	$(if $(V),,@echo "  cc $<")
	$(Q)$(CC) -Itests/unit -Itests/fuzz $(SBX_CPPFLAGS) $(CPPFLAGS) $(PKG_CFLAGS) $(SBX_CFLAGS) $(CFLAGS) -MMD -MP -MF $@.d \
		$(SBX_LDFLAGS) $(LDFLAGS) -o $@ $< build/libsbx.a $$(pkg-config --cflags --libs check) $(PKG_LIBS)

-include $(wildcard build/lib/*/*.d build/obj/*.d build/obj/*/*.d build/unit/*/*.d)

# ---- tests ---------------------------------------------------------------

deps:
	$(Q)scripts/setup

# The longest first.
BATS = $(wildcard tests/cli/*.bats tests/root/*.bats)
LONG = tests/root/395% build/unit/ledger/test_tamper build/unit/%/test_sim tests/cli/8% tests/cli/310% tests/root/%
LONG_FIRST = $(foreach l,$(LONG),$(filter $l,$1)) $(filter-out $(LONG),$1)
RUN_TESTS = PATH="$(CURDIR)/build/bin:$$PATH" scripts/run-tests

check: deps
	$(Q)$(MAKE) --no-print-directory check-all

check-all: all build/bench/probe $(UNITS)
	$(Q)$(RUN_TESTS) $(call LONG_FIRST,$(UNITS) $(BATS))

check-unit: $(UNITS)
	$(Q)$(RUN_TESTS) $(call LONG_FIRST,$^)

check-cli: all
	$(Q)$(RUN_TESTS) $(call LONG_FIRST,$(filter tests/cli/%,$(BATS)))

check-root: all build/bench/probe
	$(Q)$(RUN_TESTS) $(call LONG_FIRST,$(filter tests/root/%,$(BATS)))

check-parts:
	$(Q)scripts/setup --parts
	$(Q)$(MAKE) --no-print-directory all
	$(Q)$(RUN_TESTS) $(wildcard tests/parts/*.bats)

demo: deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)scripts/demo

demos:
	$(Q)scripts/setup --parts
	$(Q)$(MAKE) --no-print-directory all
	$(Q)bad=; for d in $(wildcard scripts/demos/[0-9]*); do $$d || bad="$$bad $$d"; done; \
		[ -z "$$bad" ] || { echo "demos: failed:$$bad" >&2; exit 1; }

build/bench/%: tests/bench/%.c build/libsbx.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(SBX_CPPFLAGS) $(CPPFLAGS) $(PKG_CFLAGS) $(SBX_CFLAGS) $(CFLAGS) \
		$(SBX_LDFLAGS) $(LDFLAGS) -o $@ $< build/libsbx.a $(PKG_LIBS)

bench: deps
	$(Q)$(MAKE) --no-print-directory all build/bench/probe
	$(Q)scripts/bench

lint: deps
	$(Q)scripts/lint

# Every parser against libFuzzer, FUZZ_SECONDS each; needs clang 14.
FUZZCC ?= clang-14
build/fuzz/fuzz: tests/fuzz/fuzz.c tests/fuzz/targets.h $(LIBSRC) $(wildcard lib/*/*.h)
	@mkdir -p $(@D)
	$(Q)$(FUZZCC) $(filter-out -D_FORTIFY%,$(SBX_CPPFLAGS)) $(PKG_CFLAGS) $(SBX_CFLAGS) -O1 -g \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $@ $< $(LIBSRC) $(PKG_LIBS)

fuzz: build/fuzz/fuzz
	$(Q)scripts/fuzz

# The tests on a sanitized build of its own, beside the real one.
asan:
	$(Q)rm -rf build/asan && mkdir -p build/asan && cp -r Makefile VERSION lib bin tests scripts etc man build/asan/
	$(Q)$(MAKE) -C build/asan FORTIFY= CFLAGS="-O1 -g -fsanitize=address,undefined -fno-omit-frame-pointer" \
		CK_FORK=no all check-unit check-cli

# ---- installation ----------------------------------------------------------

include scripts/install.mk

clean:
	rm -rf build
