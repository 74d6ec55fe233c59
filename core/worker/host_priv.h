/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries of the host table, by the file that has them; host.c joins them.
 */
#ifndef CORE_WORKER_HOST_PRIV_H
#define CORE_WORKER_HOST_PRIV_H

#include <portico/portico.h>

/* async.c */
enum portico_status host_suspend(struct portico_request *request,
				 portico_resume_fn *resume, void *arg,
				 struct portico_token *token_r);
enum portico_status host_offload(struct portico_request *request,
				 portico_work_fn *function, void *work_arg,
				 portico_resume_fn *resume, void *resume_arg);
struct portico_timer *host_timer_start(struct portico_request *request,
				       uint64_t delay_ns,
				       portico_timer_fn *function, void *arg);
void host_timer_stop(struct portico_timer *timer);
struct portico_watch *host_watch_start(struct portico_request *request, int fd,
				       int events, portico_watch_fn *function,
				       void *arg);
void host_watch_stop(struct portico_watch *watch);

/* host_request.c */
struct portico_slice host_request_text(struct portico_request *request,
				       enum portico_text which);
uint64_t host_request_id(struct portico_request *request);
bool host_request_field(struct portico_request *request,
			struct portico_slice name,
			struct portico_slice *value_r);
void host_request_fields(struct portico_request *request, portico_field_fn *fn,
			 void *arg);
int64_t host_request_content_length(struct portico_request *request);
bool host_request_has_body(struct portico_request *request);
void host_request_address(struct portico_request *request, bool client,
			  struct portico_address *address_r);
void *host_request_alloc(struct portico_request *request, size_t size);
enum portico_status host_request_on_free(struct portico_request *request,
					 portico_cleanup_fn *fn, void *arg);
void *host_request_state(struct portico_request *request,
			 struct portico_self *self);
const void *host_request_configuration(struct portico_request *request,
				       struct portico_self *self);
void *host_application_state(struct portico_request *request,
			     struct portico_self *self);
bool host_request_aborted(struct portico_request *request);
enum portico_status host_request_set_field(struct portico_request *request,
					   struct portico_slice name,
					   struct portico_slice value);
enum portico_status host_request_add_field(struct portico_request *request,
					   struct portico_slice name,
					   struct portico_slice value);
enum portico_status host_request_set_handler(struct portico_request *request,
					     const char *handler);
enum portico_status host_body_read(struct portico_request *request,
				   struct portico_slice *chunk_r);
enum portico_status host_body_wait(struct portico_request *request,
				   portico_resume_fn *resume, void *arg);
struct uv_loop_s *host_request_loop(struct portico_request *request);
uint32_t host_request_loop_number(struct portico_request *request);

/* host_response.c */
enum portico_status host_response_set_status(struct portico_request *request,
					     unsigned status,
					     unsigned substatus);
unsigned host_response_status(struct portico_request *request);
enum portico_status host_response_set_field(struct portico_request *request,
					    struct portico_slice name,
					    struct portico_slice value);
enum portico_status host_response_add_field(struct portico_request *request,
					    struct portico_slice name,
					    struct portico_slice value);
bool host_response_field(struct portico_request *request,
			 struct portico_slice name,
			 struct portico_slice *value_r);
enum portico_status host_response_set_length(struct portico_request *request,
					     int64_t length);
enum portico_status host_response_wait(struct portico_request *request,
				       portico_resume_fn *resume, void *arg);
bool host_response_head_sent(struct portico_request *request);
void host_response_fields(struct portico_request *request, portico_field_fn *fn,
			  void *arg);
unsigned host_response_substatus(struct portico_request *request);
enum portico_status host_response_set_reason(struct portico_request *request,
					     struct portico_slice reason);
struct portico_slice host_response_reason(struct portico_request *request);

/* host_parameters.c */
enum portico_status host_query_get(struct portico_request *request,
				   struct portico_slice name,
				   struct portico_slice *value_r);
enum portico_status host_query_each(struct portico_request *request,
				    portico_field_fn *fn, void *arg);
bool host_cookie_get(struct portico_request *request, struct portico_slice name,
		     struct portico_slice *value_r);
void host_cookie_each(struct portico_request *request, portico_field_fn *fn,
		      void *arg);
enum portico_status host_cookie_set(struct portico_request *request,
				    const struct portico_cookie *cookie,
				    size_t size);

/* host_event.c */
enum portico_verdict host_event_raise(struct portico_request *request,
				      const char *name, void *argument);
void *host_event_argument(struct portico_request *request);

/* host_form.c */
enum portico_status host_form_open(struct portico_request *request,
				   size_t bytes_max, uint32_t fields_max,
				   struct portico_form **form_r);
enum portico_status host_form_read(struct portico_form *form);
bool host_form_get(struct portico_form *form, struct portico_slice name,
		   struct portico_slice *value_r);
void host_form_each(struct portico_form *form, portico_field_fn *fn, void *arg);
enum portico_status
host_multipart_open(struct portico_request *request,
		    const struct portico_multipart_limits *limits, size_t size,
		    struct portico_multipart **multipart_r);
enum portico_status host_multipart_next(struct portico_multipart *multipart);
enum portico_status host_multipart_read(struct portico_multipart *multipart,
					struct portico_slice *chunk_r);
struct portico_slice host_multipart_text(struct portico_multipart *multipart,
					 enum portico_part_text which);
bool host_multipart_field(struct portico_multipart *multipart,
			  struct portico_slice name,
			  struct portico_slice *value_r);

/* host_identity.c */
enum portico_status host_request_set_user(struct portico_request *request,
					  struct portico_slice user);
enum portico_status host_request_authenticate(struct portico_request *request,
					      struct portico_slice user,
					      struct portico_slice type);
bool host_request_is_authenticated(struct portico_request *request);

/* host_child.c */
extern const struct portico_host_child worker_host_child;

/* host_regex.c */
extern const struct portico_host_regex worker_host_regex;

/* host_change.c */
extern const struct portico_host_change worker_host_change;

/* host_global.c */
extern const struct portico_host_global worker_host_global;

/* host_metric.c */
extern const struct portico_host_metric worker_host_metric;

/* cache_policy.c */
enum portico_status host_cache_allow(struct portico_request *request,
				     uint64_t ttl_ns, uint32_t flags);
enum portico_status host_cache_deny(struct portico_request *request);
enum portico_status host_cache_vary_field(struct portico_request *request,
					  struct portico_slice name);
enum portico_status host_cache_vary_query(struct portico_request *request,
					  struct portico_slice more);
enum portico_status host_cache_add_key(struct portico_request *request,
				       struct portico_slice name,
				       struct portico_slice value);
enum portico_status host_cache_key(struct portico_request *request,
				   struct portico_slice *key_r);

/* host_cache.c */
extern const struct portico_host_cache worker_host_cache;

/* host_abort.c */
extern const struct portico_host_abort worker_host_abort;

/* host_trailer.c */
extern const struct portico_host_trailer worker_host_trailer;

/* rewrite.c */
enum portico_status host_request_rewrite(struct portico_request *request,
					 struct portico_slice target);
uint32_t host_request_rewrites(struct portico_request *request);

/* host_shared.c */
extern const struct portico_host_shared worker_host_shared;

/* host_variable.c */
struct portico_slice host_variable(struct portico_request *request,
				   const char *name);
enum portico_status host_variable_set(struct portico_request *request,
				      const char *name,
				      struct portico_slice value);

/* host_worker.c */
const char *host_worker_pool(struct portico_worker *worker);
uint32_t host_worker_loops(struct portico_worker *worker);
void *host_worker_alloc(struct portico_worker *worker, size_t size);
uint64_t host_clock(void);
void host_log(struct portico_self *self, struct portico_request *request,
	      enum portico_log_level level, uint32_t number, const char *text);
void host_trace(struct portico_self *self, struct portico_request *request,
		const char *name, const char *text);
enum portico_status host_file_open(struct portico_request *request,
				   struct portico_slice path, int *fd_r,
				   struct portico_error *err);
struct portico_application *
host_request_application(struct portico_request *request);
struct portico_slice
host_application_text(struct portico_application *application,
		      enum portico_text which);

#endif
