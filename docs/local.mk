# SPDX-License-Identifier: Apache-2.0

dist_doc_DATA += \
	README.md \
	ARCHITECTURE.md \
	CONTRIBUTING.md \
	HACKING.md \
	docs/coming-from.md \
	docs/error-log.md \
	docs/guarantees.md \
	docs/messages.md \
	docs/principles.md \
	docs/threat-model.md

# Not installed: it would take the place of README.md, and its links are those
# of the tree.
EXTRA_DIST += docs/README.md

include docs/man/man.mk
