# SPDX-License-Identifier: Apache-2.0
#
# Modules: loading, configuration, order, handlers.  A library of its own, so
# that its tests need no loop and no channel.

noinst_LTLIBRARIES += core/worker/libmodule.la
core_worker_libmodule_la_SOURCES = \
	core/worker/config_check.c \
	core/worker/exported_symbols.c \
	core/worker/exported_symbols.h \
	core/worker/handler_map.c \
	core/worker/handler_map.h \
	core/worker/module_check.c \
	core/worker/module_check.h \
	core/worker/location.c \
	core/worker/module_config.c \
	core/worker/module_config.h \
	core/worker/module_doc.c \
	core/worker/module_load.c \
	core/worker/module_load.h \
	core/worker/module_validate.c \
	core/worker/module_validate.h \
	core/worker/pipeline_explain.c \
	core/worker/pipeline_explain.h \
	core/worker/pipeline_order.c \
	core/worker/pipeline_order.h
core_worker_libmodule_la_LIBADD = $(PCRE2_LIBS)

MODULE_LIBS = core/worker/libmodule.la core/http/libhttp.la $(CONFIG_LIBS)

if HAVE_CMOCKA
UNIT_TESTS += \
	t/unit/worker/exported_symbols-t \
	t/unit/worker/handler_map-t \
	t/unit/worker/location-t \
	t/unit/worker/module_config-t \
	t/unit/worker/module_load-t \
	t/unit/worker/pipeline_order-t
t_unit_worker_exported_symbols_t_SOURCES = \
	t/unit/worker/exported_symbols-t.c
t_unit_worker_exported_symbols_t_LDADD = $(MODULE_LIBS) $(UNIT_LIBS)
t_unit_worker_handler_map_t_SOURCES = t/unit/worker/handler_map-t.c
t_unit_worker_handler_map_t_LDADD = $(MODULE_LIBS) $(UNIT_LIBS)
t_unit_worker_location_t_SOURCES = t/unit/worker/location-t.c
t_unit_worker_location_t_LDADD = $(MODULE_LIBS) $(UNIT_LIBS)
t_unit_worker_module_config_t_SOURCES = t/unit/worker/module_config-t.c
t_unit_worker_module_config_t_LDADD = $(MODULE_LIBS) $(UNIT_LIBS)
t_unit_worker_module_load_t_SOURCES = t/unit/worker/module_load-t.c
t_unit_worker_module_load_t_LDADD = $(MODULE_LIBS) $(UNIT_LIBS)
t_unit_worker_pipeline_order_t_SOURCES = t/unit/worker/pipeline_order-t.c
t_unit_worker_pipeline_order_t_LDADD = $(MODULE_LIBS) $(UNIT_LIBS)
endif

noinst_HEADERS += t/unit/worker/modules.h
