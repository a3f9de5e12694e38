# SPDX-License-Identifier: GPL-2.0-or-later
#
# make          build build/moongate and the library
# make run      the main job, shown in a private network namespace (root)
# make test     all specs (root: on the real kernel), several files at once: JOBS
# make torture  every kill point and fault of spec/torture, of which make test takes a part
# make coverage lines and branches of apply, guard and state that the specs run through
# make asan     the specs on a build with ASan and UBSan
# make fuzz     the readers of files and of the kernel's tables under libFuzzer
# make lint     clang-format, clang-tidy, cppcheck, luacheck
# make docs     pages about the Lua module moongate.netfilter, in build/docs
# make bench    against the peers, side by side
# make install  PREFIX, DESTDIR, LIBDIR, MANDIR, SYSCONFDIR, UNITDIR; make uninstall takes it away again
#
# Debian's packages that all this needs stand in packaging/packages.

PREFIX ?= /usr
DESTDIR ?=
BUILD ?= build
CC ?= gcc
LUA ?= lua5.4

MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)

SBINDIR ?= $(PREFIX)/sbin
# Debian's own libraries lie in a folder for their architecture.
LIBDIR ?= $(PREFIX)/lib$(if $(filter /usr,$(PREFIX)),$(MULTIARCH:%=/%))
INCLUDEDIR ?= $(PREFIX)/include
DATADIR = $(PREFIX)/share/moongate
MANDIR ?= $(PREFIX)/share/man
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
LUA_CMOD ?= $(PREFIX)/lib/lua/5.4
VERSION := $(shell sed -n 's/^.define MG_VERSION "\(.*\)"$$/\1/p' include/moongate.h)

PKGS = libmnl jansson xtables libipset libnetfilter_conntrack libmd libseccomp libcap-ng
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) lua5.4 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
LUA_LIBS := $(shell pkg-config --libs lua5.4 2>/dev/null)
# The program takes Lua in: a plan of many rules spends most of its time there,
# and calls within the program are quicker.
LUA_STATIC := -l:liblua5.4.a -lm -ldl

OPTIMIZE ?= -O2 -g
WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
	-Wpointer-arith -Wundef -Wvla -Werror
HARDENING ?= -fstack-protector-strong -D_FORTIFY_SOURCE=2
CPPFLAGS += -D_GNU_SOURCE -Iinclude -Icore
# What moongate.h does not declare is nobody else's.
CFLAGS += -std=gnu17 -fPIC -fvisibility=hidden $(OPTIMIZE) $(WARNINGS) $(HARDENING) $(PKG_CFLAGS)
LDFLAGS += -Wl,-z,relro,-z,now $(SANITIZE)

LIB_SOURCES := $(sort $(wildcard core/ruleset/*.c core/netfilter/*.c core/plan/*.c \
	core/analysis/*.c core/confine/*.c core/policy/*.c core/probe/*.c core/engine/*.c))
CLI_SOURCES := $(sort $(wildcard core/cli/*.c))
BINDING_SOURCES := $(sort $(wildcard core/binding/*.c))
SOURCES = $(LIB_SOURCES) $(CLI_SOURCES) $(BINDING_SOURCES)
HEADERS := $(sort $(wildcard include/*.h core/*/*.h))

LIB_OBJECTS = $(LIB_SOURCES:core/%.c=$(BUILD)/obj/%.o)
CLI_OBJECTS = $(CLI_SOURCES:core/%.c=$(BUILD)/obj/%.o)
BINDING_OBJECTS = $(BINDING_SOURCES:core/%.c=$(BUILD)/obj/%.o)

PROGRAM = $(BUILD)/moongate
STATIC = $(BUILD)/libmoongate.a
# A program that was linked asks for the soname; the linker for the name without a number.
SONAME = libmoongate.so.0
SHARED = $(BUILD)/libmoongate.so.$(VERSION)
MODULE = $(BUILD)/lua/moongate/netfilter.so

# How many spec files run at once: most of them wait more than they work.
JOBS ?= $(shell expr 2 '*' $$(nproc))
TESTS ?= spec
PURPOSES ?= build run

.PHONY: all packages run demo test specs torture coverage asan valgrind lint docs bench install uninstall clean format

all: $(PROGRAM) $(STATIC) $(SHARED) $(MODULE)

packages:
	@packaging/install-packages $(PURPOSES)

# Flags come from pkg-config, which may only just have been installed: hence
# the second make.
run:
	@$(MAKE) --no-print-directory packages PURPOSES="build run"
	@$(MAKE) --no-print-directory demo

demo: $(PROGRAM)
	@packaging/demo $(PROGRAM)

test:
	@$(MAKE) --no-print-directory packages PURPOSES="build run test"
	@$(MAKE) --no-print-directory specs

# What is built is tested from a copy that everybody can read: some specs run as
# a plain user, to whom the checkout may be closed.
specs: all
	@stage=$$(mktemp -d) && trap 'rm -rf "$$stage"' EXIT && trap 'exit 130' HUP INT TERM && \
	built=$$stage/$(notdir $(BUILD)) && mkdir "$$built" "$$stage/said" && cp -R lua policies "$$stage" && \
	cp -R $(PROGRAM) $(BUILD)/libmoongate.* $(BUILD)/lua "$$built" && chmod -R a+rX "$$stage" && \
	MOONGATE=$$built/moongate MOONGATE_BUILD=$$built LUA=$(LUA) JOBS=$(JOBS) \
		LUA_CPATH="$$built/lua/?.so;;" $(LUA) spec/support/side_by_side.lua "$$stage/said" $(TESTS)

# All of what make test takes a part of: about half an hour. The last line
# says at how many system calls a process was hit.
torture:
	@$(MAKE) --no-print-directory packages PURPOSES="build run test"
	@points=$$(mktemp) && trap 'rm -f "$$points"' EXIT && failed=0 && \
	{ MOONGATE_WHOLE=1 MOONGATE_POINTS=$$points $(MAKE) --no-print-directory specs \
		TESTS=spec/torture || failed=$$?; } && \
	awk '{ sum[$$1] += $$2 } END { printf "%d kill points, %d faults\n", sum["kill"], sum["fault"] }' "$$points" && \
	exit $$failed

asan:
	@$(MAKE) --no-print-directory packages PURPOSES="build run test"
	@$(MAKE) --no-print-directory specs BUILD=build-asan OPTIMIZE="-O1 -g" HARDENING= \
		SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"

# How much of the code that an apply, its roll-back and the state stand on is run
# by the specs that are about it.
COVERED = apply commit restore durable barrier guard state generation snapshot newcomer
COVERED_FILES := $(sort $(wildcard $(COVERED:%=core/plan/%*.c)) \
	$(wildcard $(foreach name,applying settling restoring loading recovering,core/engine/$(name).c)))
COVERAGE_TESTS ?= spec/unit/plan spec/unit/engine spec/torture $(sort $(wildcard $(foreach name, \
	apply barrier boot command confirm durable fault foreign full_disk fleet guard history newcomer recover restore \
	saved set_transactions snapshot state status token trust watcher,spec/integration/$(name)*_spec.lua)))
coverage:
	@$(MAKE) --no-print-directory packages PURPOSES="build run test coverage"
	@mkdir -p build-coverage && find build-coverage -name '*.gcda' -delete
	@$(MAKE) --no-print-directory specs BUILD=build-coverage HARDENING= SANITIZE=--coverage \
		OPTIMIZE="-O0 -g -fprofile-update=atomic -include $(abspath spec/support/coverage.h)" \
		TESTS="$(COVERAGE_TESTS)"
	@gcovr --root . --object-directory build-coverage $(COVERED_FILES:%=--filter '%$$') >build-coverage/lines
	@gcovr --root . --object-directory build-coverage $(COVERED_FILES:%=--filter '%$$') --branches --print-summary \
		--fail-under-line 95 --fail-under-branch 90

valgrind: $(PROGRAM)
	@packaging/install-packages check
	@spec/support/valgrind $(PROGRAM)

# Each target for FUZZ_SECONDS, in a network namespace of its own: the plugins
# may ask the kernel. A file that broke one stays in build-fuzz/found.
FUZZ_SECONDS ?= 600
FUZZ_TARGETS := $(sort $(patsubst spec/fuzz/%.c,%,$(wildcard spec/fuzz/*.c)))
FUZZ_BUILD = CC=clang BUILD=build-fuzz OPTIMIZE="-O1 -g" HARDENING= WARNINGS= \
	SANITIZE="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
.PHONY: fuzz fuzz-targets
fuzz: all
	@$(MAKE) --no-print-directory packages PURPOSES="build run fuzz"
	@$(MAKE) --no-print-directory $(FUZZ_BUILD) fuzz-targets
	@FUZZ_SECONDS=$(FUZZ_SECONDS) spec/fuzz/run $(PROGRAM) build-fuzz $(FUZZ_TARGETS)

fuzz-targets: $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%)
$(BUILD)/fuzz/%: spec/fuzz/%.c spec/fuzz/input.h $(STATIC)
	@mkdir -p $(@D)
	@echo "  LINK    $@"
	@$(CC) $(CPPFLAGS) $(CFLAGS) $(SANITIZE) -fsanitize=fuzzer $(LDFLAGS) -Wl,--export-dynamic -o $@ $< \
		-Wl,--whole-archive $(STATIC) -Wl,--no-whole-archive $(PKG_LIBS) $(LUA_LIBS)

C_FILES = $(SOURCES) $(HEADERS) $(wildcard spec/unit/*/*.[ch] spec/integration/*.c spec/property/*.c spec/support/*.h bench/*.c \
	spec/fuzz/*.[ch] spec/torture/*.[ch] examples/*.c)

lint:
	@packaging/install-packages build lint
	@clang-format --dry-run -Werror $(C_FILES)
	@$(MAKE) --no-print-directory -j$$(nproc) tidy
	@cppcheck --quiet --std=c11 --inline-suppr --error-exitcode=1 --enable=warning,performance,portability \
		--suppress=missingIncludeSystem -Iinclude -Icore $(SOURCES)
	@luacheck --quiet lua policies spec bench .luacheckrc .busted
	@echo "lint: quiet"

# One file a run: clang-tidy 14 carries state from one to the next.
TIDY = $(SOURCES:%=tidy/%)
.PHONY: tidy $(TIDY)
tidy: $(TIDY)
$(TIDY): tidy/%: %
	@clang-tidy --quiet $< -- $(CPPFLAGS) -std=gnu17 $(PKG_CFLAGS) 2>/dev/null

format:
	clang-format -i $(C_FILES)

docs:
	@packaging/install-packages docs
	@cd packaging && ldoc --config config.ld --dir "$(abspath $(BUILD))/docs" .

bench:
	@packaging/install-packages build run bench
	@$(MAKE) --no-print-directory all
	@bench/run $(PROGRAM)

POLICIES = $(sort $(wildcard policies/*/*.lua policies/*/*/*.json))

# What is installed: the mode, the file, and where it goes; a link has "link" for a mode.
INSTALLED = \
	755:$(PROGRAM):$(SBINDIR)/moongate \
	644:$(STATIC):$(LIBDIR)/libmoongate.a \
	644:$(SHARED):$(LIBDIR)/$(notdir $(SHARED)) \
	link:$(notdir $(SHARED)):$(LIBDIR)/$(SONAME) \
	link:$(SONAME):$(LIBDIR)/libmoongate.so \
	644:$(MODULE):$(LUA_CMOD)/moongate/netfilter.so \
	644:include/moongate.h:$(INCLUDEDIR)/moongate.h \
	644:$(BUILD)/moongate.pc:$(LIBDIR)/pkgconfig/moongate.pc \
	644:$(BUILD)/moongate.service:$(UNITDIR)/moongate.service \
	644:packaging/moongate.8:$(MANDIR)/man8/moongate.8 \
	644:packaging/libmoongate.3:$(MANDIR)/man3/libmoongate.3 \
	644:packaging/moongate-policy.5:$(MANDIR)/man5/moongate-policy.5 \
	644:packaging/moongate-json.5:$(MANDIR)/man5/moongate-json.5 \
	644:packaging/moongate.schema.json:$(DATADIR)/moongate.schema.json \
	644:packaging/completion/moongate:$(PREFIX)/share/bash-completion/completions/moongate \
	$(foreach file,$(sort $(wildcard lua/moongate/*.lua)) $(POLICIES), \
		644:$(file):$(DATADIR)/$(file))
# Folders that are Moongate's alone, the inner ones first.
OWN_FOLDERS = $(sort $(dir $(patsubst %,$(DATADIR)/%,$(filter %.json,$(POLICIES))))) \
	$(sort $(dir $(patsubst %,$(DATADIR)/%,$(filter %.lua,$(POLICIES))))) \
	$(DATADIR)/policies $(DATADIR)/lua/moongate $(DATADIR)/lua $(DATADIR) \
	$(LUA_CMOD)/moongate $(SYSCONFDIR)/moongate

install: all $(BUILD)/moongate.pc $(BUILD)/moongate.service
	@install -d "$(DESTDIR)$(SYSCONFDIR)/moongate"
	@set -e; for file in $(INSTALLED); do \
		mode=$${file%%:*}; to="$(DESTDIR)$${file##*:}"; from=$${file#*:}; from=$${from%:*}; \
		echo "  INSTALL $$to"; \
		if [ $$mode = link ]; then ln -sf "$$from" "$$to"; \
		else install -D -m $$mode "$$from" "$$to"; fi; \
	done
	@[ -n "$(DESTDIR)" ] || [ "$$(id -u)" != 0 ] || ldconfig

# The policy's folder goes only if nobody has put a policy there.
uninstall:
	@set -e; for file in $(INSTALLED); do \
		echo "  REMOVE  $(DESTDIR)$${file##*:}"; rm -f "$(DESTDIR)$${file##*:}"; \
	done
	@for folder in $(OWN_FOLDERS); do \
		[ ! -d "$(DESTDIR)$$folder" ] || rmdir --ignore-fail-on-non-empty "$(DESTDIR)$$folder"; \
	done
	@[ -n "$(DESTDIR)" ] || [ "$$(id -u)" != 0 ] || ldconfig

# What is compiled in or written down depends on PREFIX: made anew where that is another.
.PHONY: force
$(BUILD)/places: force
	@mkdir -p $(@D)
	@echo "$(PREFIX) $(SBINDIR) $(LIBDIR) $(INCLUDEDIR) $(DATADIR)" | cmp -s - $@ || \
		echo "$(PREFIX) $(SBINDIR) $(LIBDIR) $(INCLUDEDIR) $(DATADIR)" >$@

$(BUILD)/obj/engine/places.o: $(BUILD)/places
$(BUILD)/obj/engine/places.o: CPPFLAGS += -DMG_DATADIR='"$(DATADIR)"'

$(BUILD)/moongate.pc: packaging/moongate.pc.in $(BUILD)/places include/moongate.h Makefile
	@sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
		-e 's|@DATADIR@|$(DATADIR)|' -e 's|@VERSION@|$(VERSION)|' \
		-e 's|@LIBS@|$(strip $(PKG_LIBS) $(LUA_LIBS))|' $< >$@

$(BUILD)/moongate.service: packaging/moongate.service.in $(BUILD)/places
	@sed -e 's|@SBINDIR@|$(SBINDIR)|' $< >$@

# The flags stand in this file.
$(BUILD)/obj/%.o: core/%.c Makefile
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) $(SANITIZE) -MMD -MP -c $< -o $@

$(STATIC): $(LIB_OBJECTS)
	@rm -f $@
	@ar rcs $@ $^

# --export-dynamic: the plugins must find our xtables_register_target() first,
# see core/netfilter/register.c
$(PROGRAM): $(CLI_OBJECTS) $(STATIC)
	@echo "  LINK    $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -Wl,--export-dynamic -o $@ $(CLI_OBJECTS) \
		-Wl,--whole-archive $(STATIC) -Wl,--no-whole-archive $(PKG_LIBS) $(LUA_STATIC)

$(SHARED): $(LIB_OBJECTS)
	@echo "  LINK    $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,$(SONAME) -o $@ $^ \
		$(PKG_LIBS) $(LUA_LIBS)
	@ln -sf $(notdir $@) $(BUILD)/$(SONAME)
	@ln -sf $(SONAME) $(BUILD)/libmoongate.so

# A Lua module takes liblua's symbols from the program that loads it.
$(MODULE): $(BINDING_OBJECTS) $(LIB_OBJECTS)
	@mkdir -p $(@D)
	@echo "  LINK    $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -shared -o $@ $^ $(PKG_LIBS)

-include $(wildcard $(BUILD)/obj/*/*.d)


clean:
	rm -rf build build-asan build-coverage build-fuzz
