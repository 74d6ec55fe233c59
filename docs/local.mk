# SPDX-License-Identifier: Apache-2.0

dist_doc_DATA += \
	README.md \
	ARCHITECTURE.md \
	CONTRIBUTING.md \
	HACKING.md \
	docs/error-log.md \
	docs/guarantees.md \
	docs/messages.md \
	docs/principles.md \
	docs/threat-model.md

include docs/man/man.mk
