/* SPDX-License-Identifier: Apache-2.0
 *
 * The services of the host as one table of functions.  Modules do not use it
 * directly: the other headers wrap every entry in an inline function of the
 * same name and document it there.  A unit test hands over its own table.
 *
 * Size first; entries are appended, never moved, removed or changed.  What came
 * after the first version is in tables of its own, one for each header
 * (struct portico_host_NAME, by the same rules), to which this one leads.
 */
#ifndef PORTICO_HOST_H
#define PORTICO_HOST_H

#include <portico/module.h>
#include <portico/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct portico_address; /* request.h */
struct portico_cookie; /* cookie.h */
struct portico_file; /* file.h */
struct portico_host_abort; /* abort.h */
struct portico_host_background; /* background.h */
struct portico_host_client; /* client_call.h */
struct portico_host_process; /* process.h */
struct portico_host_resolve; /* resolve.h */
struct portico_form; /* form.h */
struct portico_host_child; /* child.h */
struct portico_host_regex; /* regex.h */
struct portico_host_change; /* change.h */
struct portico_host_global; /* global.h */
struct portico_host_trailer; /* trailer.h */
struct portico_host_shared; /* shared.h */
struct portico_host_tunnel; /* tunnel.h */
struct portico_host_cache; /* cache.h */
struct portico_host_metric; /* metric.h */
struct portico_multipart; /* form.h */
struct portico_multipart_limits; /* form.h */
struct portico_timer; /* async.h */
struct portico_watch; /* async.h */
struct uv_loop_s; /* libuv's uv_loop_t */

/* The right to complete a suspended request (async.h).  A value, not a pointer:
 * using it twice is harmless. */
struct portico_token {
	uint64_t value;
};

/* Texts of a request: portico_request_text says what each is. */
enum portico_text {
	PORTICO_TEXT_METHOD,
	PORTICO_TEXT_TARGET,
	PORTICO_TEXT_PATH,
	PORTICO_TEXT_QUERY,
	PORTICO_TEXT_HOST,
	PORTICO_TEXT_SCHEME,
	PORTICO_TEXT_APPLICATION_PATH,
	PORTICO_TEXT_PATH_IN_APPLICATION,
	PORTICO_TEXT_ROOT,
	PORTICO_TEXT_SITE,
	PORTICO_TEXT_POOL,
	PORTICO_TEXT_USER,
	PORTICO_TEXT_AUTHENTICATION,
};

/* Texts of a part of a form: portico_multipart_text. */
enum portico_part_text {
	PORTICO_PART_NAME, /* of the field; may be empty, never absent */
	PORTICO_PART_FILENAME, /* as the browser wrote it: no path to trust */
	PORTICO_PART_TYPE, /* the part's Content-Type */
};

/* How much a line of portico_log matters. */
enum portico_log_level {
	PORTICO_LOG_ERROR,
	PORTICO_LOG_WARN,
	PORTICO_LOG_INFO,
	PORTICO_LOG_DEBUG,
};

/* What modules have called, `arg` being as they gave it: for each field, name
 * and value borrowed for the call, until false; for a timer; for a watch; for
 * work on a thread of the pool; for cleanup when a request's memory is freed. */
typedef bool portico_field_fn(void *arg, struct portico_slice name,
			      struct portico_slice value);
typedef void portico_timer_fn(struct portico_request *request, void *arg);
typedef void portico_watch_fn(struct portico_request *request, int events,
			      void *arg);
typedef void portico_work_fn(void *arg);
typedef void portico_cleanup_fn(void *arg);

struct portico_host {
	uint32_t size;
	uint16_t abi_major, abi_minor;

	/* 1.0: request */
	struct portico_slice (*request_text)(struct portico_request *,
					     enum portico_text);
	uint64_t (*request_id)(struct portico_request *);
	bool (*request_field)(struct portico_request *,
			      struct portico_slice name,
			      struct portico_slice *value_r);
	void (*request_fields)(struct portico_request *, portico_field_fn *,
			       void *arg);
	int64_t (*request_content_length)(struct portico_request *);
	bool (*request_has_body)(struct portico_request *);
	void (*request_address)(struct portico_request *, bool client,
				struct portico_address *);
	void *(*request_alloc)(struct portico_request *, size_t size);
	enum portico_status (*request_on_free)(struct portico_request *,
					       portico_cleanup_fn *, void *);
	void *(*request_state)(struct portico_request *, struct portico_self *);
	const void *(*request_configuration)(struct portico_request *,
					     struct portico_self *);
	void *(*application_state)(struct portico_request *,
				   struct portico_self *);
	enum portico_status (*request_set_user)(struct portico_request *,
						struct portico_slice user);
	bool (*request_aborted)(struct portico_request *);
	enum portico_status (*body_read)(struct portico_request *,
					 struct portico_slice *chunk_r);
	enum portico_status (*body_wait)(struct portico_request *,
					 portico_resume_fn *, void *arg);

	/* 1.0: response */
	enum portico_status (*response_set_status)(struct portico_request *,
						   unsigned status,
						   unsigned substatus);
	unsigned (*response_status)(struct portico_request *);
	enum portico_status (*response_set_field)(struct portico_request *,
						  struct portico_slice name,
						  struct portico_slice value);
	enum portico_status (*response_add_field)(struct portico_request *,
						  struct portico_slice name,
						  struct portico_slice value);
	bool (*response_field)(struct portico_request *,
			       struct portico_slice name,
			       struct portico_slice *value_r);
	enum portico_status (*response_set_length)(struct portico_request *,
						   int64_t length);
	enum portico_status (*response_write)(struct portico_request *,
					      const void *data, size_t length,
					      size_t *written_r);
	enum portico_status (*response_reserve)(struct portico_request *,
						size_t wanted, void **data_r,
						size_t *size_r);
	enum portico_status (*response_commit)(struct portico_request *,
					       size_t length);
	enum portico_status (*response_flush)(struct portico_request *);
	enum portico_status (*response_wait)(struct portico_request *,
					     portico_resume_fn *, void *arg);
	enum portico_status (*response_send_file)(struct portico_request *,
						  struct portico_file *,
						  uint64_t offset,
						  uint64_t length);
	bool (*response_head_sent)(struct portico_request *);
	enum portico_status (*response_error)(struct portico_request *,
					      unsigned status,
					      unsigned substatus,
					      const char *explanation);
	enum portico_status (*filter_pass)(struct portico_filter_stream *,
					   struct portico_slice chunk,
					   uint32_t flags);

	/* 1.0: asynchrony */
	enum portico_status (*suspend)(struct portico_request *,
				       portico_resume_fn *, void *arg,
				       struct portico_token *token_r);
	enum portico_status (*complete)(struct portico_token);
	enum portico_status (*offload)(struct portico_request *,
				       portico_work_fn *, void *work_arg,
				       portico_resume_fn *, void *resume_arg);
	struct portico_timer *(*timer_start)(struct portico_request *,
					     uint64_t delay_ns,
					     portico_timer_fn *, void *arg);
	void (*timer_stop)(struct portico_timer *);
	struct portico_watch *(*watch_start)(struct portico_request *, int fd,
					     int events, portico_watch_fn *,
					     void *arg);
	void (*watch_stop)(struct portico_watch *);
	struct uv_loop_s *(*request_loop)(struct portico_request *);

	/* 1.0: worker */
	const char *(*worker_pool)(struct portico_worker *);
	uint32_t (*worker_loops)(struct portico_worker *);
	void *(*worker_alloc)(struct portico_worker *, size_t size);
	uint64_t (*clock)(void);
	uint32_t (*request_loop_number)(struct portico_request *);

	/* 1.0: log */
	void (*log)(struct portico_self *, struct portico_request *,
		    enum portico_log_level, uint32_t number, const char *text);

	/* 1.0: files and applications */
	enum portico_status (*file_open)(struct portico_request *,
					 struct portico_slice path, int *fd_r,
					 struct portico_error *);
	struct portico_file *(*file_adopt)(int fd);
	void (*file_ref)(struct portico_file *);
	void (*file_unref)(struct portico_file *);
	int (*file_fd)(const struct portico_file *);
	struct portico_application *(*request_application)(
		struct portico_request *);
	struct portico_slice (*application_text)(struct portico_application *,
						 enum portico_text);
	enum portico_status (*request_set_handler)(struct portico_request *,
						   const char *handler);

	/* 1.0: query, cookies, fields */
	enum portico_status (*query_get)(struct portico_request *,
					 struct portico_slice name,
					 struct portico_slice *value_r);
	enum portico_status (*query_each)(struct portico_request *,
					  portico_field_fn *, void *arg);
	bool (*cookie_get)(struct portico_request *, struct portico_slice name,
			   struct portico_slice *value_r);
	void (*cookie_each)(struct portico_request *, portico_field_fn *,
			    void *arg);
	enum portico_status (*cookie_set)(struct portico_request *,
					  const struct portico_cookie *,
					  size_t size);
	enum portico_status (*request_set_field)(struct portico_request *,
						 struct portico_slice name,
						 struct portico_slice value);
	enum portico_status (*request_add_field)(struct portico_request *,
						 struct portico_slice name,
						 struct portico_slice value);
	void (*response_fields)(struct portico_request *, portico_field_fn *,
				void *arg);
	unsigned (*response_substatus)(struct portico_request *);
	enum portico_status (*response_set_reason)(struct portico_request *,
						   struct portico_slice reason);
	struct portico_slice (*response_reason)(struct portico_request *);

	/* 1.0: variables, identity, traces */
	struct portico_slice (*variable)(struct portico_request *,
					 const char *name);
	enum portico_status (*variable_set)(struct portico_request *,
					    const char *name,
					    struct portico_slice value);
	enum portico_status (*request_authenticate)(struct portico_request *,
						    struct portico_slice user,
						    struct portico_slice type);
	bool (*request_is_authenticated)(struct portico_request *);
	void (*trace)(struct portico_self *, struct portico_request *,
		      const char *name, const char *text);

	/* 1.0: forms */
	enum portico_status (*form_open)(struct portico_request *,
					 size_t bytes_max, uint32_t fields_max,
					 struct portico_form **form_r);
	enum portico_status (*form_read)(struct portico_form *);
	bool (*form_get)(struct portico_form *, struct portico_slice name,
			 struct portico_slice *value_r);
	void (*form_each)(struct portico_form *, portico_field_fn *, void *arg);
	enum portico_status (*multipart_open)(
		struct portico_request *,
		const struct portico_multipart_limits *, size_t size,
		struct portico_multipart **multipart_r);
	enum portico_status (*multipart_next)(struct portico_multipart *);
	enum portico_status (*multipart_read)(struct portico_multipart *,
					      struct portico_slice *chunk_r);
	struct portico_slice (*multipart_text)(struct portico_multipart *,
					       enum portico_part_text);
	bool (*multipart_field)(struct portico_multipart *,
				struct portico_slice name,
				struct portico_slice *value_r);

	/* 1.0: events between modules, rewriting */
	enum portico_verdict (*event_raise)(struct portico_request *,
					    const char *name, void *argument);
	void *(*event_argument)(struct portico_request *);
	enum portico_status (*request_rewrite)(struct portico_request *,
					       struct portico_slice target);
	uint32_t (*request_rewrites)(struct portico_request *);

	/* 1.0: tables by area */
	const struct portico_host_child *child; /* child.h */
	const struct portico_host_trailer *trailer; /* trailer.h */
	const struct portico_host_client *client; /* client.h */
	const struct portico_host_shared *shared; /* shared.h */
	const struct portico_host_resolve *resolve; /* resolve.h */
	const struct portico_host_process *process; /* process.h */
	const struct portico_host_background *background; /* background.h */
	const struct portico_host_global *global; /* global.h */
	const struct portico_host_change *change; /* change.h */
	const struct portico_host_regex *regex; /* regex.h */
	const struct portico_host_tunnel *tunnel; /* tunnel.h */
	const struct portico_host_metric *metric; /* metric.h */
	const struct portico_host_cache *cache; /* cache.h */
	const struct portico_host_abort *abort; /* abort.h */
};

#ifdef __cplusplus
}
#endif

#endif
