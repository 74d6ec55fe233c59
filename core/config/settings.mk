# SPDX-License-Identifier: Apache-2.0

core_config_libconfig_la_SOURCES += \
	core/config/settings.c \
	core/config/settings.h \
	core/config/settings_events.c \
	core/config/settings_events.h \
	core/config/settings_raw_events.h \
	core/config/settings_failure.c \
	core/config/settings_failure.h \
	core/config/settings_health.c \
	core/config/settings_health.h \
	core/config/settings_raw_health.h \
	core/config/settings_initialization.c \
	core/config/settings_initialization.h \
	core/config/settings_log.c \
	core/config/settings_http2.h \
	core/config/settings_log.h \
	core/config/settings_log_rows.h \
	core/config/settings_isolation.c \
	core/config/settings_isolation.h \
	core/config/settings_raw_isolation.h \
	core/config/settings_pool.h \
	core/config/settings_raw_failure.h \
	core/config/settings_raw_initialization.h \
	core/config/settings_raw_log.h \
	core/config/settings_raw_recycling.h \
	core/config/settings_raw_tls.h \
	core/config/settings_tls.h \
	core/config/settings_binding.c \
	core/config/settings_binding.h \
	core/config/settings_certificate.c \
	core/config/settings_check.c \
	core/config/settings_priv.h \
	core/config/settings_recycling.c \
	core/config/settings_resolve.c \
	core/config/settings_limit_rows.h \
	core/config/settings_limits.c \
	core/config/settings_limits.h \
	core/config/settings_location.c \
	core/config/settings_network.c \
	core/config/settings_network.h \
	core/config/settings_site.c \
	core/config/settings_site_log.c \
	core/config/settings_tables.c \
	core/config/settings_write.c

if HAVE_CMOCKA
UNIT_TESTS += t/unit/config/settings-t
t_unit_config_settings_t_SOURCES = t/unit/config/settings-t.c
t_unit_config_settings_t_LDADD = core/config/libconfig.la $(UNIT_LIBS) \
	$(JANSSON_LIBS)
endif
