# SPDX-License-Identifier: Apache-2.0

EXTRA_DIST += \
	script/format \
	script/fuzz \
	script/test \
	script/lib
