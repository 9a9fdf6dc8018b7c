# SPDX-License-Identifier: Apache-2.0
# What `make install` puts where; works unprivileged under DESTDIR.

ROOT_TOOLS = sbx-mesh-up sbx-macroctl sbx-apply sbx-join
USER_TOOLS = $(filter-out $(ROOT_TOOLS),$(TOOLS))

install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MACRODIR) $(DESTDIR)$(SYSCONFDIR)/sbx
	$(foreach t,$(USER_TOOLS),install -m 755 build/bin/$(t) $(DESTDIR)$(BINDIR)/;)
	$(foreach t,$(filter $(ROOT_TOOLS),$(TOOLS)),install -m 755 build/bin/$(t) $(DESTDIR)$(SBINDIR)/;)
	$(foreach m,$(wildcard lib/macros.d/*),install -m 755 $(m) $(DESTDIR)$(MACRODIR)/;)
	$(foreach p,$(wildcard man/*.[1578]),install -D -m 644 $(p) $(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $(p)))/$(notdir $(p));)
	$(foreach c,$(wildcard etc/lighttpd/*.conf),install -D -m 644 $(c) $(DESTDIR)$(SYSCONFDIR)/sbx/lighttpd/$(notdir $(c));)
	$(if $(wildcard etc/sudoers.d/sbx),install -D -m 440 etc/sudoers.d/sbx $(DESTDIR)$(SYSCONFDIR)/sudoers.d/sbx)
	install -D -m 644 etc/bash-completion/sbx $(DESTDIR)$(PREFIX)/share/bash-completion/completions/sbx
	$(foreach t,$(filter-out sbx sbx-grant sbx-door,$(TOOLS)),ln -sfn sbx $(DESTDIR)$(PREFIX)/share/bash-completion/completions/$(t);)
	$(foreach u,$(wildcard etc/systemd/*),install -D -m 644 $(u) $(DESTDIR)$(UNITDIR)/$(notdir $(u));)
	install -D -m 644 etc/tmpfiles.d/sbx.conf $(DESTDIR)$(TMPFILESDIR)/sbx.conf
	install -D -m 755 scripts/provision $(DESTDIR)$(PREFIX)/lib/sbx/provision

uninstall:
	rm -f $(USER_TOOLS:%=$(DESTDIR)$(BINDIR)/%) $(ROOT_TOOLS:%=$(DESTDIR)$(SBINDIR)/%)
	rm -f $(patsubst lib/macros.d/%,$(DESTDIR)$(MACRODIR)/%,$(wildcard lib/macros.d/*))
	rm -f $(patsubst etc/%,$(DESTDIR)$(SYSCONFDIR)/sbx/%,$(wildcard etc/lighttpd/*.conf))
	rm -f $(DESTDIR)$(SYSCONFDIR)/sudoers.d/sbx
	rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/sbx $(TOOLS:%=$(DESTDIR)$(PREFIX)/share/bash-completion/completions/%)
	rm -f $(patsubst etc/systemd/%,$(DESTDIR)$(UNITDIR)/%,$(wildcard etc/systemd/*)) \
		$(DESTDIR)$(TMPFILESDIR)/sbx.conf $(DESTDIR)$(PREFIX)/lib/sbx/provision
	rm -f $(patsubst man/%,$(DESTDIR)$(MANDIR)/*/%,$(wildcard man/*.[1578]))
	rmdir -p --ignore-fail-on-non-empty $(wildcard $(DESTDIR)$(MACRODIR) $(DESTDIR)$(SYSCONFDIR)/sbx/lighttpd)
