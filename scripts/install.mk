# SPDX-License-Identifier: Apache-2.0
# What `make install` puts where; works unprivileged under DESTDIR.

ROOT_TOOLS = sbx-mesh-up sbx-macroctl
USER_TOOLS = $(filter-out $(ROOT_TOOLS),$(TOOLS))

install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MACRODIR)
	install -m 755 $(USER_TOOLS:%=build/bin/%) $(DESTDIR)$(BINDIR)/
	$(foreach t,$(filter $(ROOT_TOOLS),$(TOOLS)),install -m 755 build/bin/$(t) $(DESTDIR)$(SBINDIR)/;)
	$(foreach m,$(wildcard lib/macros.d/*),install -m 755 $(m) $(DESTDIR)$(MACRODIR)/;)
	$(foreach p,$(wildcard man/*.[1578]),install -D -m 644 $(p) $(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $(p)))/$(notdir $(p));)

uninstall:
	rm -f $(USER_TOOLS:%=$(DESTDIR)$(BINDIR)/%) $(ROOT_TOOLS:%=$(DESTDIR)$(SBINDIR)/%)
	rm -rf $(DESTDIR)$(MACRODIR)
	rm -f $(patsubst man/%,$(DESTDIR)$(MANDIR)/*/%,$(wildcard man/*.[1578]))
