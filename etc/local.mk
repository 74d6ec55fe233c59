# SPDX-License-Identifier: Apache-2.0

demodir = $(pkgdatadir)/demo
dist_demo_DATA = \
	etc/demo/index.html \
	etc/demo/portico.svg \
	etc/demo/style.css
demopagesdir = $(demodir)/pages
dist_demopages_DATA = etc/demo/pages/index.html

# Paths of the installation go into the configuration and the service unit.
WITH_PATHS = $(AM_V_GEN)$(MKDIR_P) $(@D) && $(SED) \
	-e 's|@pkgdatadir[@]|$(pkgdatadir)|g' \
	-e 's|@localstatedir[@]|$(localstatedir)|g' \
	-e 's|@sysconfportdir[@]|$(sysconfportdir)|g' \
	-e 's|@sbindir[@]|$(sbindir)|g'

noinst_DATA += etc/portico.json
pkgdata_DATA += packaging/portico.service
EXTRA_DIST += etc/portico.json.in packaging/portico.service.in
CLEANFILES += etc/portico.json packaging/portico.service

etc/portico.json: etc/portico.json.in Makefile
	$(WITH_PATHS) $(srcdir)/etc/portico.json.in >$@

packaging/portico.service: packaging/portico.service.in Makefile
	$(WITH_PATHS) $(srcdir)/packaging/portico.service.in >$@

# A configuration that an administrator has changed is left as it is.
install-data-local: etc/portico.json
	$(MKDIR_P) "$(DESTDIR)$(sysconfportdir)"
	test -e "$(DESTDIR)$(sysconfportdir)/portico.json" || \
		$(INSTALL_DATA) etc/portico.json \
			"$(DESTDIR)$(sysconfportdir)/portico.json"
uninstall-local:
	if cmp -s etc/portico.json "$(DESTDIR)$(sysconfportdir)/portico.json"; \
	then rm -f "$(DESTDIR)$(sysconfportdir)/portico.json"; fi
