/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates by name, and which of them a binding shows.  The files
 * themselves are read by porticod (activation/certificates.c).
 */
#include <string.h>
#include <strings.h>

#include "core/base/arena.h"
#include "core/base/hash.h"
#include "core/base/slice.h"
#include "core/config/config.h"
#include "core/config/settings.h"
#include "core/config/settings_priv.h"

static struct settings_certificate_files
resolve_files(struct settings_resolver *resolver, const char *certificate,
	      const char *key, const struct config_value *source)
{
	return (struct settings_certificate_files){
		.certificate = settings_absolute(resolver, resolver->directory,
						 certificate),
		.key = settings_absolute(resolver, resolver->directory, key),
		.place = settings_place_of(source),
	};
}

static void
resolve_one(struct settings_resolver *resolver,
	    const struct config_entry *entry,
	    struct settings_certificate *certificate)
{
	const struct raw_certificate *raw = entry->object;
	size_t count = 1 + raw->alternatives.count;
	struct settings_certificate_files *files =
		settings_array(resolver, count, sizeof *files);

	settings_check_name(resolver, "certificate", entry);
	if (files == NULL || raw->certificate == NULL || raw->key == NULL)
		return; /* said already */
	certificate->name = entry->name;
	certificate->place = settings_place_of(entry->value);
	certificate->files = files;
	certificate->file_count = count;
	certificate->ocsp_stapling = raw->ocsp_stapling;
	certificate->ocsp_responder = raw->ocsp_responder;
	if (raw->ocsp_responder != NULL &&
	    strncasecmp(raw->ocsp_responder, "http://", 7) != 0)
		config_problem(resolver->problems,
			       config_value_find(raw->source, "ocspResponder"),
			       "\"%s\" is no URL of http, which responders "
			       "speak",
			       raw->ocsp_responder);
	files[0] = resolve_files(resolver, raw->certificate, raw->key,
				 raw->source);
	for (size_t i = 1; i < count; i++) {
		const struct raw_certificate_files *other =
			raw->alternatives.items[i - 1];

		if (other->certificate != NULL && other->key != NULL)
			files[i] = resolve_files(resolver, other->certificate,
						 other->key, other->source);
	}
	if (hash_add(resolver->certificates, slice_from(entry->name),
		     certificate) == PORTICO_NO_MEMORY)
		config_problem_at(resolver->problems, resolver->settings->file,
				  0, 0, "out of memory");
}

void
settings_resolve_certificates(struct settings_resolver *resolver)
{
	const struct config_map *certificates = &resolver->raw.certificates;
	struct settings *settings = resolver->settings;

	settings->certificates = settings_array(resolver, certificates->count,
						sizeof *settings->certificates);
	if (settings->certificates == NULL)
		return;
	settings->certificate_count = certificates->count;
	for (size_t i = 0; i < certificates->count; i++)
		resolve_one(resolver, &certificates->items[i],
			    &settings->certificates[i]);
}

static void
check_certificate(struct settings_resolver *resolver,
		  const struct raw_binding *raw,
		  const struct settings_binding *binding)
{
	if (raw->certificate == NULL)
		config_problem(resolver->problems, raw->source,
			       "\"%s\" needs a certificate: the name of one of "
			       "\"certificates\"",
			       binding->url);
	else if (hash_find(resolver->certificates,
			   slice_from(raw->certificate)) == NULL)
		config_problem(resolver->problems,
			       config_value_find(raw->source, "certificate"),
			       "certificate \"%s\" is not in \"certificates\"",
			       raw->certificate);
	if (raw->client_certificate != SETTINGS_CLIENT_CERTIFICATE_NONE &&
	    raw->client_authorities == NULL)
		config_problem(resolver->problems, raw->source,
			       "\"%s\" asks for client certificates, and needs "
			       "clientCertificateAuthorities to check them",
			       binding->url);
}

static bool
is_same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Bindings of one host and port differ in their paths alone, which is not
 * known when TLS is agreed on: they have one certificate and one demand. */
static void
check_same_name(struct settings_resolver *resolver,
		const struct raw_binding *raw,
		const struct settings_binding *binding)
{
	const char *key = arena_printf(resolver->arena, "%d %u %s",
				       (int)binding->host_kind, binding->port,
				       binding->host);
	const struct settings_binding *other =
		hash_find_text(resolver->tls_names, key);

	if (other == NULL) {
		(void)hash_add(resolver->tls_names, slice_from(key),
			       (void *)(uintptr_t)binding);
		return;
	}
	if (other->client_certificate != binding->client_certificate ||
	    !is_same_text(other->client_authorities,
			  binding->client_authorities))
		config_problem(resolver->problems, raw->source,
			       "\"%s\" needs the same clientCertificate and "
			       "clientCertificateAuthorities as line %u: TLS "
			       "is agreed on before the path is known",
			       binding->url, other->place.line);
	if (!is_same_text(other->certificate, binding->certificate))
		config_problem(resolver->problems, raw->source,
			       "\"%s\" needs the same certificate as line %u: "
			       "TLS is agreed on before the path is known",
			       binding->url, other->place.line);
}

void
settings_resolve_binding_tls(struct settings_resolver *resolver,
			     const struct raw_binding *raw,
			     struct settings_binding *binding)
{
	binding->certificate = raw->certificate;
	binding->client_certificate = raw->client_certificate;
	binding->client_authorities = settings_absolute(
		resolver, resolver->directory, raw->client_authorities);
	/* A copy has what is needed, and no files. */
	if (resolver->handed_on)
		return;
	if (binding->tls) {
		check_certificate(resolver, raw, binding);
		check_same_name(resolver, raw, binding);
		return;
	}
	if (raw->certificate != NULL || raw->client_authorities != NULL ||
	    raw->client_certificate != SETTINGS_CLIENT_CERTIFICATE_NONE)
		config_problem(resolver->problems, raw->source,
			       "\"%s\" is no https, certificates mean nothing "
			       "there",
			       binding->url);
}
