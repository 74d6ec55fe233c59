# SPDX-License-Identifier: Apache-2.0

CHECKS += \
	script/checks/banned.t \
	script/checks/distributed.t \
	script/checks/exports.sh \
	script/checks/format.sh \
	script/checks/headers.sh \
	script/checks/includes.t \
	script/checks/magics.t \
	script/checks/messages.t \
	script/checks/reference.t \
	script/checks/sdk.t \
	script/checks/size.t \
	script/checks/spdx.t

EXTRA_DIST += \
	.ci/run \
	script/abi \
	script/bench \
	script/checks/lib \
	script/format \
	script/fuzz \
	script/golden \
	script/reference \
	script/lib \
	script/run \
	script/test \
	script/torture \
	script/vm
