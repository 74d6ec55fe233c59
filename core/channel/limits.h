/* SPDX-License-Identifier: Apache-2.0
 *
 * The limits of the channel, with units.
 */
#ifndef PORTICO_CHANNEL_LIMITS_H
#define PORTICO_CHANNEL_LIMITS_H

#define CHANNEL_SLOTS_MAX 65536u
#define CHANNEL_GENERATION_MAX 0xffffffu /* of a request, 24 bits */

#define CHANNEL_WINDOW_DEFAULT_BYTES (128u * 1024)
#define CHANNEL_WINDOW_MAX_BYTES 0x7fffffffu /* in one WINDOW */
#define CHANNEL_MEMORY_DEFAULT_BYTES (64u * 1024 * 1024)
#define CHANNEL_SEGMENT_BYTES (1024u * 1024) /* all but the first */

#define CHANNEL_RING_MIN 64u /* descriptors */
#define CHANNEL_RING_DEFAULT_MIN 256u
#define CHANNEL_RING_DEFAULT_MAX 8192u
#define CHANNEL_RING_MAX 65536u

/*
 * The private overflow holds so many rings.  RELEASE and SEGMENT_DROP may go
 * beyond, by as many as there are blocks and segments to be given back.
 */
#define CHANNEL_OVERFLOW_RINGS 4u

/*
 * Blocks in the first segment, of which only what is used is there.  The
 * worker gives back the pages of those that idle; the listener cannot, and so
 * has few that stay.
 */
#define CHANNEL_FIRST_UP_4K 512u
#define CHANNEL_FIRST_UP_16K 64u
#define CHANNEL_FIRST_UP_64K 16u
#define CHANNEL_FIRST_DOWN_4K 128u
#define CHANNEL_FIRST_DOWN_16K 8u
#define CHANNEL_FIRST_DOWN_64K 2u

/* Spans of files that wait for slow clients, of all requests together. */
#define CHANNEL_FILE_USES_MAX 65536u

/*
 * Files go over in spans, so that a span need not be in the page cache long
 * before it is sent.  The listener says that it has sent so many bytes of
 * them; the worker hands over no further span of a response while more than
 * CHANNEL_FILE_AHEAD_BYTES of it wait.
 */
#define CHANNEL_FILE_REPORT_BYTES (2u * 1024 * 1024)
#define CHANNEL_FILE_AHEAD_BYTES (8u * 1024 * 1024)

/* Messages read from the socket in one call. */
#define CHANNEL_MESSAGES_PER_CALL 32u

/* Descriptors handed to the owner of one channel per loop turn. */
#define CHANNEL_LOOP_BUDGET 512u

#endif
