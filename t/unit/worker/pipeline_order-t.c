/* SPDX-License-Identifier: Apache-2.0
 *
 * Order of subscribers and filters: wishes, configuration order, circles.
 */
#include "t/unit/worker/modules.h"

#include "core/config/settings.h"
#include "core/worker/pipeline_order.h"

#define AUTHORIZE PIPELINE_STAGE(PORTICO_EVENT_AUTHORIZE, PORTICO_PHASE_EVENT)

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* A module of one subscription, to AUTHORIZE. */
struct wish {
	const char *name;
	const char *const *before, *const *after;
};

/* Modules made of wishes, and what lives as long as they do. */
struct scene {
	struct arena *arena;
	struct module_set *set;
	struct module_record *modules[16];
	size_t count;
	struct settings_order orders[4];
	size_t order_count;
	const struct pipeline *pipeline;
};

static void
scene_init(struct scene *scene)
{
	memset(scene, 0, sizeof(*scene));
	scene->arena = arena_new("t-scene", 0);
	scene->set = module_set_new(&test_host);
}

static void
scene_fini(struct scene *scene)
{
	module_set_free(scene->set);
	arena_free(scene->arena);
}

static void
scene_add(struct scene *scene, const struct portico_module *module)
{
	scene->modules[scene->count] = test_module(scene->set, module);
	scene->count++;
}

static void
scene_wish(struct scene *scene, const struct wish *wish)
{
	struct portico_subscription *rows =
		arena_zalloc(scene->arena, 2 * sizeof(*rows));
	const struct portico_module module =
		TEST_MODULE(.name = wish->name, .subscriptions = rows);

	rows[0].event = PORTICO_EVENT_AUTHORIZE;
	rows[0].function = test_event;
	rows[0].before = wish->before;
	rows[0].after = wish->after;
	scene_add(scene, &module);
}

static enum portico_status
scene_build(struct scene *scene, uint32_t stops, struct portico_error *err)
{
	const struct pipeline_options options = { .modules = scene->modules,
						  .module_count = scene->count,
						  .orders = scene->orders,
						  .order_count =
							  scene->order_count,
						  .stops = stops };

	return pipeline_build(scene->arena, &options, &scene->pipeline, err);
}

static const char *
names_of(const struct pipeline *pipeline, unsigned stage)
{
	const struct pipeline_subscriber *subscriber =
		pipeline_stage_subscribers(pipeline, stage);
	static char text[256];
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < pipeline_stage_count(pipeline, stage); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s ", subscriber[i].module->name);
	return text;
}

static void
assert_order(const struct wish *wishes, size_t count, const char *expected)
{
	struct scene scene;
	struct portico_error err;

	scene_init(&scene);
	for (size_t i = 0; i < count; i++)
		scene_wish(&scene, &wishes[i]);
	if (scene_build(&scene, 0, &err) != PORTICO_OK)
		fail_msg("%s", err.message);
	assert_string_equal(names_of(scene.pipeline, AUTHORIZE), expected);
	scene_fini(&scene);
}

static void
without_wishes_it_is_the_order_of_the_configuration(void **state)
{
	const struct wish wishes[] = { { "c", NULL, NULL },
				       { "a", NULL, NULL },
				       { "b", NULL, NULL } };

	(void)state;
	assert_order(wishes, 3, "c a b ");
}

static void
wishes_move_only_what_they_must(void **state)
{
	const struct wish before[] = { { "a", NULL, NULL },
				       { "b", NULL, NULL },
				       { "c", NAMES("a"), NULL },
				       { "d", NULL, NULL } };
	const struct wish after[] = { { "a", NULL, NAMES("d", "c") },
				      { "b", NULL, NULL },
				      { "c", NULL, NULL },
				      { "d", NULL, NULL } };
	const struct wish chain[] = { { "a", NULL, NAMES("b") },
				      { "b", NULL, NAMES("c") },
				      { "c", NULL, NAMES("d") },
				      { "d", NULL, NULL } };

	(void)state;
	assert_order(before, 4, "b c a d ");
	assert_order(after, 4, "b c d a ");
	assert_order(chain, 4, "d c b a ");
}

static void
modules_that_are_not_there_are_no_concern(void **state)
{
	const struct wish wishes[] = { { "a", NULL, NAMES("ghost") },
				       { "b", NAMES("ghost"), NULL } };

	(void)state;
	assert_order(wishes, 2, "a b ");
}

/* Against a slow check: every wish of every random set is granted, or there is
 * a circle. */
static void
random_wishes_are_granted(void **state)
{
	static const char *const names[] = { "m0", "m1", "m2", "m3",
					     "m4", "m5", "m6", "m7" };
	unsigned seed = 12345, built = 0, refused = 0;

	(void)state;
	for (int round = 0; round < 400; round++) {
		const char *lists[8][4] = { { NULL } };
		struct scene scene;
		struct portico_error err;

		scene_init(&scene);
		for (int i = 0; i < 8; i++) {
			struct wish wish = { .name = names[i] };
			int wanted = rand_r(&seed) % 3;

			for (int j = 0; j < wanted; j++)
				lists[i][j] = names[rand_r(&seed) % 8];
			wish.after = lists[i];
			scene_wish(&scene, &wish);
		}
		if (scene_build(&scene, 0, &err) != PORTICO_OK) {
			assert_says(&err, "cannot be put in order");
			refused++;
			scene_fini(&scene);
			continue;
		}
		built++;
		for (int i = 0; i < 8; i++) {
			const char *all = names_of(scene.pipeline, AUTHORIZE);

			assert_int_equal(strlen(all), 24);
			for (int j = 0; lists[i][j] != NULL; j++)
				assert_true(strstr(all, lists[i][j]) <
					    strstr(all, names[i]));
		}
		scene_fini(&scene);
	}
	assert_true(built > 50);
	assert_true(refused > 50);
}

static void
a_circle_names_its_modules_and_the_event(void **state)
{
	const struct wish wishes[] = { { "outside", NULL, NULL },
				       { "a", NAMES("b"), NULL },
				       { "b", NAMES("c"), NULL },
				       { "c", NAMES("a"), NULL },
				       { "follower", NULL, NAMES("a") } };
	struct scene scene;
	struct portico_error err;

	(void)state;
	scene_init(&scene);
	for (size_t i = 0; i < 5; i++)
		scene_wish(&scene, &wishes[i]);
	assert_int_equal(scene_build(&scene, 0, &err), PORTICO_CONFIG);
	assert_says(&err, "for AUTHORIZE: ");
	assert_says(&err, "a after c after b");
	assert_null(strstr(err.message, "outside"));
	assert_null(strstr(err.message, "follower"));
	scene_fini(&scene);
}

/* With the configured order; `expected` NULL: it is refused with `says`. */
static void
assert_ordered(const struct wish *wishes, size_t count,
	       const char *const *order, const char *expected, const char *says)
{
	struct scene scene;
	struct portico_error err;

	scene_init(&scene);
	for (size_t i = 0; i < count; i++)
		scene_wish(&scene, &wishes[i]);
	scene.orders[0] = (struct settings_order){
		.event = AUTHORIZE,
		.modules = order,
		.place = { "portico.json", 7, 9 },
	};
	while (order[scene.orders[0].count] != NULL)
		scene.orders[0].count++;
	scene.order_count = 1;
	if (expected == NULL) {
		assert_int_equal(scene_build(&scene, 0, &err), PORTICO_CONFIG);
		assert_says(&err, says);
	} else {
		if (scene_build(&scene, 0, &err) != PORTICO_OK)
			fail_msg("%s", err.message);
		assert_string_equal(names_of(scene.pipeline, AUTHORIZE),
				    expected);
	}
	scene_fini(&scene);
}

static void
the_configuration_overrules_what_modules_say(void **state)
{
	const struct wish wishes[] = { { "a", NAMES("b"), NULL },
				       { "b", NULL, NULL },
				       { "c", NULL, NAMES("b") },
				       { "d", NULL, NULL } };
	const struct wish circle[] = { { "a", NAMES("b"), NULL },
				       { "b", NAMES("a"), NULL } };

	(void)state;
	/* a says it comes before b; what c says is still kept */
	assert_ordered(wishes, 4, NAMES("b", "a"), "b a c d ", NULL);
	assert_ordered(wishes, 4, NAMES("c", "b"), "a c b d ", NULL);
	assert_ordered(wishes, 4, NAMES("d", "a"), "d a b c ", NULL);
	/* and it is the way out of a circle */
	assert_ordered(circle, 2, NAMES("b", "a"), "b a ", NULL);
}

static void
a_configured_order_may_make_a_circle(void **state)
{
	/* a before m before b stands, since nothing is said of m */
	const struct wish wishes[] = { { "a", NAMES("m"), NULL },
				       { "m", NAMES("b"), NULL },
				       { "b", NULL, NULL } };

	(void)state;
	assert_ordered(wishes, 3, NAMES("b", "a"), NULL, "after");
	assert_ordered(wishes, 3, NAMES("b", "m", "a"), "b m a ", NULL);
}

static void
a_configured_order_names_who_takes_part(void **state)
{
	const struct wish wishes[] = { { "a", NULL, NULL },
				       { "b", NULL, NULL } };

	(void)state;
	assert_ordered(wishes, 2, NAMES("a", "ghost"), NULL,
		       "order: module ghost takes no part in AUTHORIZE");
}

static void
every_stage_is_known_to_the_configuration(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PIPELINE_STAGES; i++)
		assert_string_equal(settings_order_events[i],
				    pipeline_stage_name(i));
	assert_string_equal(settings_order_events[SETTINGS_ORDER_FILTERS],
			    "FILTERS");
	assert_null(settings_order_events[SETTINGS_ORDER_FILTERS + 1]);
}

static void
a_module_cannot_precede_itself(void **state)
{
	const struct wish wish = { "a", NAMES("a"), NULL };
	struct scene scene;
	struct portico_error err;

	(void)state;
	scene_init(&scene);
	scene_wish(&scene, &wish);
	assert_int_equal(scene_build(&scene, 0, &err), PORTICO_CONFIG);
	assert_says(&err, "a after a");
	scene_fini(&scene);
}

static void
stages_are_cut_and_skipped_rightly(void **state)
{
	static const struct portico_subscription rows[] = {
		{ .event = PORTICO_EVENT_END, .function = test_event },
		{ .event = PORTICO_EVENT_MAP_PATH, .function = test_event },
		{ .event = PORTICO_EVENT_BEGIN,
		  .phase = PORTICO_PHASE_POST,
		  .function = test_event },
		{ .event = PORTICO_EVENT_BEGIN, .function = test_event },
		{ .event = PORTICO_EVENT_BEGIN, .function = test_event },
		{ 0 }
	};
	const struct portico_module module =
		TEST_MODULE(.name = "m", .subscriptions = rows);
	const unsigned execute =
		PIPELINE_STAGE(PORTICO_EVENT_EXECUTE, PORTICO_PHASE_EVENT);
	const unsigned end =
		PIPELINE_STAGE(PORTICO_EVENT_END, PORTICO_PHASE_EVENT);
	struct scene scene;
	struct portico_error err;

	(void)state;
	scene_init(&scene);
	scene_add(&scene, &module);
	assert_int_equal(scene_build(&scene, PIPELINE_STAGE_BIT(execute), &err),
			 PORTICO_OK);
	assert_int_equal(scene.pipeline->subscriber_count, 5);
	assert_int_equal(pipeline_stage_count(scene.pipeline, 0), 2);
	assert_int_equal(pipeline_stage_count(scene.pipeline, 1), 1);
	assert_int_equal(pipeline_stage_count(scene.pipeline, 2), 0);
	assert_int_equal(pipeline_stage_count(scene.pipeline,
					      PIPELINE_STAGE_MAP_PATH),
			 1);
	assert_int_equal(pipeline_stage_count(scene.pipeline,
					      PIPELINE_STAGE_SEND_RESPONSE),
			 0);
	assert_int_equal(scene.pipeline->next[0], 0);
	assert_int_equal(scene.pipeline->next[1], 1);
	assert_int_equal(scene.pipeline->next[2], execute);
	assert_int_equal(scene.pipeline->next[execute], execute);
	assert_int_equal(scene.pipeline->next[execute + 1], end);
	assert_int_equal(scene.pipeline->next[end + 1],
			 PIPELINE_REQUEST_STAGES);
	assert_int_equal(scene.pipeline->module_count, 1);
	scene_fini(&scene);
}

static void
an_application_without_modules_has_an_empty_pipeline(void **state)
{
	struct scene scene;
	struct portico_error err;

	(void)state;
	scene_init(&scene);
	assert_int_equal(scene_build(&scene, 0, &err), PORTICO_OK);
	assert_int_equal(scene.pipeline->next[0], PIPELINE_REQUEST_STAGES);
	assert_int_equal(scene.pipeline->filter_count, 0);
	scene_fini(&scene);
}

static enum portico_verdict
filter_head(struct portico_request *request)
{
	(void)request;
	return PORTICO_NEXT;
}

static void
filters_are_ordered_by_their_names_or_their_modules(void **state)
{
	static const char *const compress[] = { "compress", NULL };
	static const char *const stamp[] = { "stamping", NULL };
	static const struct portico_filter first = { .name = "compress",
						     .head = filter_head };
	static const struct portico_filter second = { .name = "rewrite",
						      .before = compress,
						      .head = filter_head };
	static const struct portico_filter third = { .name = "stamp",
						     .head = filter_head };
	static const struct portico_filter fourth = { .name = "last",
						      .before = stamp,
						      .head = filter_head };
	const struct portico_module modules[] = {
		TEST_MODULE(.name = "compressing", .filter = &first),
		TEST_MODULE(.name = "rewriting", .filter = &second),
		TEST_MODULE(.name = "stamping", .filter = &third),
		TEST_MODULE(.name = "lasting", .filter = &fourth),
	};
	struct scene scene;
	struct portico_error err;

	(void)state;
	scene_init(&scene);
	for (size_t i = 0; i < 4; i++)
		scene_add(&scene, &modules[i]);
	assert_int_equal(scene_build(&scene, 0, &err), PORTICO_OK);
	assert_int_equal(scene.pipeline->filter_count, 4);
	assert_ptr_equal(scene.pipeline->filters[0].filter, &second);
	assert_ptr_equal(scene.pipeline->filters[1].filter, &first);
	assert_ptr_equal(scene.pipeline->filters[2].filter, &fourth);
	assert_ptr_equal(scene.pipeline->filters[3].filter, &third);
	scene_fini(&scene);
}

static void
printing_shows_stages_with_subscribers_only(void **state)
{
	const struct wish wishes[] = { { "a", NULL, NAMES("b") },
				       { "b", NULL, NULL } };
	struct scene scene;
	struct portico_error err;
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	(void)state;
	scene_init(&scene);
	scene_wish(&scene, &wishes[0]);
	scene_wish(&scene, &wishes[1]);
	assert_int_equal(scene_build(&scene, 0, &err), PORTICO_OK);
	pipeline_print(stream, scene.pipeline);
	fclose(stream);
	assert_string_equal(text, "AUTHORIZE            b a\n");
	free(text);
	scene_fini(&scene);
}

static void
every_stage_has_its_own_name(void **state)
{
	(void)state;
	assert_string_equal(pipeline_stage_name(0), "BEGIN");
	assert_string_equal(pipeline_stage_name(1), "POST_BEGIN");
	assert_string_equal(pipeline_stage_name(23), "POST_END");
	assert_string_equal(pipeline_stage_name(PIPELINE_STAGE_READ_ENTITY),
			    "READ_ENTITY");
	for (unsigned i = 0; i < PIPELINE_STAGES; i++)
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(pipeline_stage_name(i),
						pipeline_stage_name(j));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(without_wishes_it_is_the_order_of_the_configuration),
	cmocka_unit_test(wishes_move_only_what_they_must),
	cmocka_unit_test(modules_that_are_not_there_are_no_concern),
	cmocka_unit_test(random_wishes_are_granted),
	cmocka_unit_test(a_circle_names_its_modules_and_the_event),
	cmocka_unit_test(the_configuration_overrules_what_modules_say),
	cmocka_unit_test(a_configured_order_may_make_a_circle),
	cmocka_unit_test(a_configured_order_names_who_takes_part),
	cmocka_unit_test(every_stage_is_known_to_the_configuration),
	cmocka_unit_test(a_module_cannot_precede_itself),
	cmocka_unit_test(stages_are_cut_and_skipped_rightly),
	cmocka_unit_test(an_application_without_modules_has_an_empty_pipeline),
	cmocka_unit_test(filters_are_ordered_by_their_names_or_their_modules),
	cmocka_unit_test(printing_shows_stages_with_subscribers_only),
	cmocka_unit_test(every_stage_has_its_own_name),
};

UNIT_MAIN(tests)
