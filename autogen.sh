#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Creates configure and Makefile.in in a git checkout.
set -e
cd "$(dirname "$0")"
exec autoreconf -fi
