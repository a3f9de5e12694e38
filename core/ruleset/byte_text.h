/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as UTF-8 and back, for formats that know nothing else (JSON).
 *
 * A comment or a log prefix of a rule may hold any bytes, and what is read
 * back must be what was written. Text that is UTF-8 stays as it is; each byte
 * that is not becomes a character of Unicode's private use area, U+EF80 to
 * U+EFFF, whose low byte it is. So that the way back is without doubt, these
 * characters themselves are taken for bytes too.
 */
#ifndef MG_BYTE_TEXT_H
#define MG_BYTE_TEXT_H

/** @bytes as UTF-8, to be freed; NULL without memory. */
char *mg_byte_text(const char *bytes);

/** The bytes that mg_byte_text() made @text of, in its place. */
void mg_byte_text_undo(char *text);

#endif
