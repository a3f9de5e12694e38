# SPDX-License-Identifier: GPL-2.0-or-later
#
# make          build build/moongate and the library
# make run      the main job, shown in a private network namespace (root)
# make test     all specs (root: on the real kernel)
# make asan     the specs on a build with ASan and UBSan
# make lint     clang-format, clang-tidy, cppcheck, luacheck
# make bench    against the peers, side by side
# make install  PREFIX, DESTDIR
#
# Debian's packages that all this needs stand in packaging/packages.

PREFIX ?= /usr
DESTDIR ?=
BUILD ?= build
CC ?= gcc
LUA ?= lua5.4

SBINDIR = $(PREFIX)/sbin
DATADIR = $(PREFIX)/share/moongate
MANDIR = $(PREFIX)/share/man
LUA_CMOD = $(PREFIX)/lib/lua/5.4

PKGS = libmnl jansson xtables libip4tc libip6tc
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
	core/analysis/*.c core/policy/*.c core/engine/*.c))
CLI_SOURCES := $(sort $(wildcard core/cli/*.c))
BINDING_SOURCES := $(sort $(wildcard core/binding/*.c))
SOURCES = $(LIB_SOURCES) $(CLI_SOURCES) $(BINDING_SOURCES)
HEADERS := $(sort $(wildcard include/*.h core/*/*.h))

LIB_OBJECTS = $(LIB_SOURCES:core/%.c=$(BUILD)/obj/%.o)
CLI_OBJECTS = $(CLI_SOURCES:core/%.c=$(BUILD)/obj/%.o)
BINDING_OBJECTS = $(BINDING_SOURCES:core/%.c=$(BUILD)/obj/%.o)

PROGRAM = $(BUILD)/moongate
STATIC = $(BUILD)/libmoongate.a
SHARED = $(BUILD)/libmoongate.so.0
MODULE = $(BUILD)/lua/moongate/netfilter.so

# Ask for a newer or an instrumented program in the specs by its folder.
BUSTED = $(LUA) /usr/bin/busted
TESTS ?= spec
PURPOSES ?= build run

.PHONY: all packages run demo test specs asan valgrind lint bench install clean format

all: $(PROGRAM) $(SHARED) $(MODULE)

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
	@stage=$$(mktemp -d) && trap 'rm -rf "$$stage"' EXIT && \
	built=$$stage/$(notdir $(BUILD)) && mkdir "$$built" && cp -R lua "$$stage" && \
	cp -R $(PROGRAM) $(BUILD)/libmoongate.* $(BUILD)/lua "$$built" && chmod -R a+rX "$$stage" && \
	MOONGATE=$$built/moongate MOONGATE_BUILD=$$built \
		LUA_CPATH="$$built/lua/?.so;;" $(BUSTED) $(TESTS)

asan:
	@$(MAKE) --no-print-directory packages PURPOSES="build run test"
	@$(MAKE) --no-print-directory specs BUILD=build-asan OPTIMIZE="-O1 -g" HARDENING= \
		SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"

valgrind: $(PROGRAM)
	@packaging/install-packages check
	@spec/support/valgrind $(PROGRAM)

C_FILES = $(SOURCES) $(HEADERS) $(wildcard spec/unit/*/*.[ch] spec/support/*.h bench/*.c)

lint:
	@packaging/install-packages build lint
	@clang-format --dry-run -Werror $(C_FILES)
	@$(MAKE) --no-print-directory tidy
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

bench:
	@packaging/install-packages build run bench
	@$(MAKE) --no-print-directory all
	@bench/run $(PROGRAM)

install: all
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(DATADIR)/lua/moongate \
		$(DESTDIR)$(DATADIR)/policies/hosts $(DESTDIR)$(MANDIR)/man8 \
		$(DESTDIR)$(LUA_CMOD)/moongate $(DESTDIR)/etc/moongate
	install -m 755 $(PROGRAM) $(DESTDIR)$(SBINDIR)/moongate
	install -m 644 lua/moongate/*.lua $(DESTDIR)$(DATADIR)/lua/moongate/
	install -m 644 policies/hosts/*.lua $(DESTDIR)$(DATADIR)/policies/hosts/
	install -m 644 packaging/moongate.8 $(DESTDIR)$(MANDIR)/man8/moongate.8
	install -m 644 $(MODULE) $(DESTDIR)$(LUA_CMOD)/moongate/netfilter.so

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
	@$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,libmoongate.so.0 -o $@ $^ \
		$(PKG_LIBS) $(LUA_LIBS)
	@ln -sf libmoongate.so.0 $(BUILD)/libmoongate.so

# A Lua module takes liblua's symbols from the program that loads it.
$(MODULE): $(BINDING_OBJECTS) $(LIB_OBJECTS)
	@mkdir -p $(@D)
	@echo "  LINK    $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -shared -o $@ $^ $(PKG_LIBS)

-include $(wildcard $(BUILD)/obj/*/*.d)


clean:
	rm -rf build build-asan
