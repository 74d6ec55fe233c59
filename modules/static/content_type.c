/* SPDX-License-Identifier: Apache-2.0
 *
 * From a file's name to its media type: the settings' `types` first, then a
 * table of what is in use today, sorted for a binary search.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "modules/static/static_priv.h"

struct media_type {
	const char *extension;
	const char *type;
};

/* Sorted by extension (checked by the unit test). */
static const struct media_type media_types[] = {
	{ "3gp", "video/3gpp" },
	{ "7z", "application/x-7z-compressed" },
	{ "aac", "audio/aac" },
	{ "apng", "image/apng" },
	{ "appcache", "text/cache-manifest" },
	{ "asc", "text/plain" },
	{ "atom", "application/atom+xml" },
	{ "avi", "video/x-msvideo" },
	{ "avif", "image/avif" },
	{ "bin", "application/octet-stream" },
	{ "bmp", "image/bmp" },
	{ "bz2", "application/x-bzip2" },
	{ "c", "text/plain" },
	{ "cjs", "text/javascript" },
	{ "conf", "text/plain" },
	{ "css", "text/css" },
	{ "csv", "text/csv" },
	{ "deb", "application/vnd.debian.binary-package" },
	{ "doc", "application/msword" },
	{ "docx", "application/vnd.openxmlformats-officedocument."
		  "wordprocessingml.document" },
	{ "eot", "application/vnd.ms-fontobject" },
	{ "epub", "application/epub+zip" },
	{ "exe", "application/octet-stream" },
	{ "flac", "audio/flac" },
	{ "gif", "image/gif" },
	{ "gz", "application/gzip" },
	{ "h", "text/plain" },
	{ "htm", "text/html" },
	{ "html", "text/html" },
	{ "ico", "image/x-icon" },
	{ "ics", "text/calendar" },
	{ "img", "application/octet-stream" },
	{ "iso", "application/octet-stream" },
	{ "jar", "application/java-archive" },
	{ "jpeg", "image/jpeg" },
	{ "jpg", "image/jpeg" },
	{ "js", "text/javascript" },
	{ "json", "application/json" },
	{ "jsonld", "application/ld+json" },
	{ "jxl", "image/jxl" },
	{ "log", "text/plain" },
	{ "m3u8", "application/vnd.apple.mpegurl" },
	{ "m4a", "audio/mp4" },
	{ "m4v", "video/mp4" },
	{ "map", "application/json" },
	{ "markdown", "text/markdown" },
	{ "md", "text/markdown" },
	{ "mid", "audio/midi" },
	{ "mjs", "text/javascript" },
	{ "mkv", "video/x-matroska" },
	{ "mov", "video/quicktime" },
	{ "mp3", "audio/mpeg" },
	{ "mp4", "video/mp4" },
	{ "mpd", "application/dash+xml" },
	{ "mpeg", "video/mpeg" },
	{ "mpg", "video/mpeg" },
	{ "odp", "application/vnd.oasis.opendocument.presentation" },
	{ "ods", "application/vnd.oasis.opendocument.spreadsheet" },
	{ "odt", "application/vnd.oasis.opendocument.text" },
	{ "oga", "audio/ogg" },
	{ "ogg", "audio/ogg" },
	{ "ogv", "video/ogg" },
	{ "opus", "audio/opus" },
	{ "otf", "font/otf" },
	{ "pdf", "application/pdf" },
	{ "pem", "application/x-pem-file" },
	{ "png", "image/png" },
	{ "ppt", "application/vnd.ms-powerpoint" },
	{ "pptx", "application/vnd.openxmlformats-officedocument."
		  "presentationml.presentation" },
	{ "ps", "application/postscript" },
	{ "py", "text/plain" },
	{ "rar", "application/vnd.rar" },
	{ "rpm", "application/x-rpm" },
	{ "rss", "application/rss+xml" },
	{ "rst", "text/plain" },
	{ "rtf", "application/rtf" },
	{ "sh", "text/plain" },
	{ "svg", "image/svg+xml" },
	{ "svgz", "image/svg+xml" },
	{ "tar", "application/x-tar" },
	{ "tgz", "application/gzip" },
	{ "tif", "image/tiff" },
	{ "tiff", "image/tiff" },
	{ "toml", "application/toml" },
	{ "ts", "video/mp2t" },
	{ "ttf", "font/ttf" },
	{ "txt", "text/plain" },
	{ "vcf", "text/vcard" },
	{ "vtt", "text/vtt" },
	{ "wasm", "application/wasm" },
	{ "wav", "audio/wav" },
	{ "weba", "audio/webm" },
	{ "webm", "video/webm" },
	{ "webmanifest", "application/manifest+json" },
	{ "webp", "image/webp" },
	{ "woff", "font/woff" },
	{ "woff2", "font/woff2" },
	{ "xhtml", "application/xhtml+xml" },
	{ "xls", "application/vnd.ms-excel" },
	{ "xlsx", "application/vnd.openxmlformats-officedocument."
		  "spreadsheetml.sheet" },
	{ "xml", "text/xml" },
	{ "xsl", "text/xml" },
	{ "xz", "application/x-xz" },
	{ "yaml", "application/yaml" },
	{ "yml", "application/yaml" },
	{ "zip", "application/zip" },
	{ "zst", "application/zstd" },
};

#define MEDIA_TYPE_COUNT (sizeof(media_types) / sizeof(media_types[0]))
#define EXTENSION_MAX 15

static int
compare_extension(const void *key, const void *row)
{
	return strcasecmp(key, ((const struct media_type *)row)->extension);
}

/* Settings may write the extension with its dot, as IIS does, or without. */
static const char *
find_configured(const struct portico_pair *types, const char *extension)
{
	for (; types != NULL && types->name != NULL; types++) {
		const char *name = types->name;

		if (*name == '.')
			name++;
		if (strcasecmp(name, extension) == 0)
			return types->value;
	}
	return NULL;
}

const char *
static_content_type(const struct static_configuration *configuration,
		    const char *name, size_t length)
{
	const char *slash = memrchr(name, '/', length);
	const char *base = slash == NULL ? name : slash + 1;
	const char *dot = memrchr(base, '.', (size_t)(name + length - base));
	const char *unknown = configuration->unknown_type;
	char extension[EXTENSION_MAX + 1];
	const struct media_type *row;
	const char *found;
	size_t size;

	if (unknown != NULL && *unknown == '\0')
		unknown = NULL;
	if (dot == NULL)
		return unknown;
	size = (size_t)(name + length - dot - 1);
	if (size == 0 || size > EXTENSION_MAX)
		return unknown;
	memcpy(extension, dot + 1, size);
	extension[size] = '\0';
	found = find_configured(configuration->types, extension);
	if (found != NULL)
		return found;
	row = bsearch(extension, media_types, MEDIA_TYPE_COUNT,
		      sizeof(media_types[0]), compare_extension);
	return row == NULL ? unknown : row->type;
}
