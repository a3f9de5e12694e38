/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a JSON string.
 */
#ifndef MG_CLI_JSON_TEXT_H
#define MG_CLI_JSON_TEXT_H

#include <jansson.h>
#include <stddef.h>

/**
 * Each byte of @text that is no part of valid UTF-8 becomes U+FFFD.
 * NULL without memory.
 */
json_t *json_text_of(const char *text, size_t length);

#endif
