/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Both families' targets in one process.
 *
 * libxtables drops a target of the other family when its plugin is loaded,
 * and the plugin's constructor never runs again: after an IPv4 rule with
 * SNAT, IPv6 has none. So the two registration functions are interposed: a
 * plugin finds these first, and each target is registered under the family
 * that it says it is for.
 *
 * This works because the symbols here precede libxtables' in the plugins'
 * look-up order: as the program's own (it exports them), or as a library's
 * that mg_session_open() has made global.
 */
#include "register.h"

#include <dlfcn.h>
#include <stddef.h>

#include "ruleset/failure.h"
#include "session.h"

/* The declarations in xtables.h are what the plugins were built against. */
static void (*register_target)(struct xtables_target *target);

/*
 * Our own, whoever precedes us: by its exported name even this file would get
 * the one that the linker finds first.
 */
extern __typeof(xtables_register_target) own_register_target
	__attribute__((alias("xtables_register_target"), visibility("hidden")));

int mg_register_open(struct mg_error *error)
{
	/* Loaded already, as a dependency; this only asks for its handle. */
	void *library = dlopen("libxtables.so.12", RTLD_LAZY | RTLD_NOLOAD);
	Dl_info self;

	if (library) {
		register_target = (void (*)(struct xtables_target *))(
			uintptr_t)dlsym(library, "xtables_register_target");
		dlclose(library);
	}
	if (!register_target)
		return mg_fail(error, -ENOENT, MG_ENVIRONMENT,
			       "libxtables.so.12 is not what this was built with");
	/*
	 * Where this code came in by a dlopen(RTLD_LOCAL), as a Lua module
	 * does, plugins would not see it: make it global now.
	 */
	if (dladdr((void *)(uintptr_t)mg_register_open, &self) && self.dli_fname)
		dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_GLOBAL);
	/* a program that links libxtables before us would lose targets in silence */
	if (dlsym(RTLD_DEFAULT, "xtables_register_target") !=
	    (void *)(uintptr_t)own_register_target)
		return mg_fail(error, -ELIBBAD, MG_ENVIRONMENT,
			       "libxtables comes before libmoongate in this program: link "
			       "-lmoongate first");
	return 0;
}

__attribute__((visibility("default"))) void xtables_register_target(struct xtables_target *target)
{
	const struct mg_family_ops *current = mg_session_ops();
	bool other = target->family != NFPROTO_UNSPEC && target->family != current->nfproto;

	if (other)
		xtables_set_nfproto((uint8_t)target->family);
	register_target(target);
	if (other)
		xtables_set_nfproto(current->nfproto);
}

__attribute__((visibility("default"))) void xtables_register_targets(struct xtables_target *targets,
								     unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		xtables_register_target(&targets[i]);
}
