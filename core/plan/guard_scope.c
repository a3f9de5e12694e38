/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asking systemd for a scope, over the system bus.
 *
 * libsystemd is loaded when it is needed, and not before: it and its own
 * libraries would make every start of the program slower. Owns its connection
 * for the time of one call. Must not print or exit.
 */
#include "plan/guard_scope.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#include "ruleset/failure.h"

#define PATIENCE UINT64_C(1000000) /* microseconds, for all of it */

/*
 * The guard ignores SIGTERM, and a shutdown would wait for it: for a minute and a
 * half, unless it is told that SIGKILL may come soon.
 */
#define STOP_AFTER UINT64_C(1000000)

/* The functions of libsystemd that are used. */
struct bus_calls {
	void *library;
	__typeof__(sd_bus_open_system) *open_system;
	__typeof__(sd_bus_is_ready) *is_ready;
	__typeof__(sd_bus_process) *process;
	__typeof__(sd_bus_wait) *wait;
	__typeof__(sd_bus_message_new_method_call) *new_call;
	__typeof__(sd_bus_message_append) *append;
	__typeof__(sd_bus_message_open_container) *open_container;
	__typeof__(sd_bus_message_close_container) *close_container;
	__typeof__(sd_bus_message_append_array) *append_array;
	__typeof__(sd_bus_call) *call;
	__typeof__(sd_bus_error_free) *error_free;
	__typeof__(sd_bus_message_unref) *message_unref;
	__typeof__(sd_bus_close_unref) *close_unref;
};

static int find_calls(struct bus_calls *calls)
{
	const struct {
		const char *name;
		void **place;
	} wanted[] = {
		{ "sd_bus_open_system", (void **)&calls->open_system },
		{ "sd_bus_is_ready", (void **)&calls->is_ready },
		{ "sd_bus_process", (void **)&calls->process },
		{ "sd_bus_wait", (void **)&calls->wait },
		{ "sd_bus_message_new_method_call", (void **)&calls->new_call },
		{ "sd_bus_message_append", (void **)&calls->append },
		{ "sd_bus_message_open_container", (void **)&calls->open_container },
		{ "sd_bus_message_close_container", (void **)&calls->close_container },
		{ "sd_bus_message_append_array", (void **)&calls->append_array },
		{ "sd_bus_call", (void **)&calls->call },
		{ "sd_bus_error_free", (void **)&calls->error_free },
		{ "sd_bus_message_unref", (void **)&calls->message_unref },
		{ "sd_bus_close_unref", (void **)&calls->close_unref },
	};
	size_t i;

	calls->library = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
	if (!calls->library)
		return -ENOENT;
	for (i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		*wanted[i].place = dlsym(calls->library, wanted[i].name);
		if (!*wanted[i].place)
			return -ENOSYS;
	}
	return 0;
}

static uint64_t microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* sd_bus_call() would wait much longer for a bus that takes the connection and says nothing. */
static int await_ready(const struct bus_calls *calls, sd_bus *bus, uint64_t until)
{
	uint64_t time;
	int ret;

	for (;;) {
		ret = calls->process(bus, NULL);
		if (ret < 0)
			return ret;
		if (ret > 0)
			continue;
		ret = calls->is_ready(bus);
		if (ret)
			return ret < 0 ? ret : 0;
		time = microseconds();
		if (time >= until)
			return -ETIMEDOUT;
		ret = calls->wait(bus, until - time);
		if (ret < 0 && ret != -EINTR)
			return ret;
	}
}

/* The properties that are simple; "(sv)" each. */
static int append_properties(const struct bus_calls *calls, sd_bus_message *message,
			     const char *description)
{
	int ret = calls->append(message, "(sv)", "Description", "s", description);

	if (ret >= 0)
		ret = calls->append(message, "(sv)", "Slice", "s", "system.slice");
	if (ret >= 0)
		ret = calls->append(message, "(sv)", "CollectMode", "s", "inactive-or-failed");
	if (ret >= 0)
		ret = calls->append(message, "(sv)", "TimeoutStopUSec", "t", STOP_AFTER);
	return ret;
}

static int append_pids(const struct bus_calls *calls, sd_bus_message *message, const pid_t *pids,
		       size_t count)
{
	int ret = calls->open_container(message, 'r', "sv");

	if (ret >= 0)
		ret = calls->append(message, "s", "PIDs");
	if (ret >= 0)
		ret = calls->open_container(message, 'v', "au");
	if (ret >= 0) /* a pid_t is as large, and never negative here */
		ret = calls->append_array(message, 'u', pids, count * sizeof(*pids));
	if (ret >= 0)
		ret = calls->close_container(message);
	if (ret >= 0)
		ret = calls->close_container(message);
	return ret;
}

/* StartTransientUnit(name, mode, properties, auxiliary units) */
static int make_call(const struct bus_calls *calls, sd_bus *bus, const pid_t *pids, size_t count,
		     const char *description, sd_bus_message **out)
{
	char name[64];
	int ret = calls->new_call(bus, out, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
				  "org.freedesktop.systemd1.Manager", "StartTransientUnit");

	snprintf(name, sizeof(name), "moongate-guard-%ld.scope", (long)pids[0]);
	if (ret >= 0)
		ret = calls->append(*out, "ss", name, "fail");
	if (ret >= 0)
		ret = calls->open_container(*out, 'a', "(sv)");
	if (ret >= 0)
		ret = append_properties(calls, *out, description);
	if (ret >= 0)
		ret = append_pids(calls, *out, pids, count);
	if (ret >= 0)
		ret = calls->close_container(*out);
	if (ret >= 0)
		ret = calls->append(*out, "a(sa(sv))", 0);
	return ret;
}

static int ask(const struct bus_calls *calls, sd_bus *bus, const pid_t *pids, size_t count,
	       const char *description, struct mg_error *error)
{
	const uint64_t until = microseconds() + PATIENCE;
	sd_bus_error refusal = SD_BUS_ERROR_NULL;
	sd_bus_message *message = NULL;
	uint64_t time;
	int ret = await_ready(calls, bus, until);

	if (ret >= 0)
		ret = make_call(calls, bus, pids, count, description, &message);
	time = microseconds();
	if (ret >= 0)
		ret = time < until ? calls->call(bus, message, until - time, &refusal, NULL)
				   : -ETIMEDOUT;
	calls->message_unref(message);
	if (ret < 0)
		ret = mg_fail(error, ret, MG_ENVIRONMENT, "%s",
			      refusal.message ? refusal.message : strerror(-ret));
	else
		ret = 0;
	calls->error_free(&refusal);
	return ret;
}

bool mg_scope_is_there(void)
{
	return access("/run/systemd/system", F_OK) == 0; /* as sd_booted(3) has it */
}

int mg_scope_enter(const pid_t *pids, size_t count, const char *description, struct mg_error *error)
{
	struct bus_calls calls = { .library = NULL };
	sd_bus *bus = NULL;
	int ret = find_calls(&calls);

	if (ret)
		ret = mg_fail(error, ret, MG_ENVIRONMENT,
			      "libsystemd.so.0 is not there, or too old");
	if (!ret) {
		ret = calls.open_system(&bus);
		if (ret < 0)
			mg_set_error(error, MG_ENVIRONMENT, "no system bus: %s", strerror(-ret));
	}
	if (ret >= 0)
		ret = ask(&calls, bus, pids, count, description, error);
	if (bus)
		calls.close_unref(bus);
	/* the library stays: it may have threads' data, and the process does not live long */
	return ret;
}
