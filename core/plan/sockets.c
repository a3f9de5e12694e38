/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP sockets out of proc(5). See sockets.h.
 *
 * Owns nothing that outlives a call but what it gives away. Must not change
 * anything, print or exit.
 */
#include "plan/sockets.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ruleset/growable.h"

/* include/net/tcp_states.h */
#define STATE_ESTABLISHED 0x01
#define STATE_SYN_RECEIVED 0x03
#define STATE_LISTEN 0x0a

void mg_connection_unmap(struct mg_connection *connection)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (connection->family != MG_IPV6 || memcmp(connection->client, mapped, 12) != 0 ||
	    memcmp(connection->server, mapped, 12) != 0)
		return;
	connection->family = MG_IPV4;
	memmove(connection->client, connection->client + 12, 4);
	memset(connection->client + 4, 0, 12);
	memmove(connection->server, connection->server + 12, 4);
	memset(connection->server + 4, 0, 12);
}

/*
 * "0100007F:0016": the address as 32-bit words, each printed as a number of
 * this machine though it is in network order, so storing the number gives
 * the bytes back; the port as a plain number.
 */
static bool read_end(const char *text, enum mg_family family, unsigned char address[16],
		     uint16_t *port)
{
	const size_t words = family == MG_IPV4 ? 1 : 4;
	char digits[9] = "";
	unsigned long number;
	char *end;

	memset(address, 0, 16);
	if (strlen(text) != words * 8 + 5 || text[words * 8] != ':')
		return false;
	for (size_t i = 0; i < words; i++) {
		uint32_t word;

		memcpy(digits, text + i * 8, 8);
		word = (uint32_t)strtoul(digits, &end, 16);
		if (*end != '\0')
			return false;
		memcpy(address + i * 4, &word, 4);
	}
	number = strtoul(text + words * 8 + 1, &end, 16);
	*port = (uint16_t)number;
	return *end == '\0' && number <= UINT16_MAX;
}

/* @coming: those that nobody has accepted yet, instead of all that are there */
static bool read_line(const char *line, enum mg_family family, bool coming, struct mg_socket *out)
{
	char local[48], remote[48];
	unsigned int state;

	/* sl local remote st tx:rx tr:when retrnsmt uid timeout inode */
	if (sscanf(line, "%*u: %47s %47s %x %*s %*s %*s %*u %*d %lu", local, remote, &state,
		   &out->inode) != 4)
		return false;
	/* a connection is nobody's, and has no number, until it is accepted */
	if (coming ? out->inode || (state != STATE_SYN_RECEIVED && state != STATE_ESTABLISHED)
		   : state != STATE_ESTABLISHED && state != STATE_LISTEN)
		return false;
	out->listens = state == STATE_LISTEN;
	out->connection = (struct mg_connection){ .family = family };
	if (!read_end(local, family, out->connection.server, &out->connection.server_port) ||
	    !read_end(remote, family, out->connection.client, &out->connection.client_port))
		return false;
	if (!out->listens)
		mg_connection_unmap(&out->connection);
	return true;
}

static int read_table(const char *proc, const char *name, enum mg_family family, bool coming,
		      struct mg_sockets *out)
{
	char path[PATH_MAX], *line = NULL;
	size_t capacity = 0;
	int err = 0;
	FILE *file;

	if (snprintf(path, sizeof(path), "%s/net/%s", proc, name) >= (int)sizeof(path))
		return 0;
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (err == 0 && getline(&line, &capacity, file) >= 0) {
		struct mg_socket socket;

		if (!read_line(line, family, coming, &socket))
			continue;
		err = mg_make_room((void **)&out->items, &out->capacity, out->count + 1,
				   sizeof(*out->items));
		if (err == 0)
			out->items[out->count++] = socket;
	}
	free(line);
	fclose(file);
	return err;
}

static int read_tables(const char *proc, bool coming, struct mg_sockets *out)
{
	int err;

	*out = (struct mg_sockets){ 0 };
	err = read_table(proc, "tcp", MG_IPV4, coming, out);
	if (err == 0)
		err = read_table(proc, "tcp6", MG_IPV6, coming, out);
	if (err)
		mg_sockets_clear(out);
	return err;
}

int mg_sockets_read(const char *proc, struct mg_sockets *out)
{
	return read_tables(proc, false, out);
}

int mg_sockets_read_coming(const char *proc, struct mg_sockets *out)
{
	return read_tables(proc, true, out);
}

void mg_sockets_clear(struct mg_sockets *sockets)
{
	free(sockets->items);
	*sockets = (struct mg_sockets){ 0 };
}

bool mg_sockets_listen(const struct mg_sockets *sockets, uint16_t port)
{
	for (size_t i = 0; i < sockets->count; i++)
		if (sockets->items[i].listens && sockets->items[i].connection.server_port == port)
			return true;
	return false;
}

int mg_inodes_of(const char *proc, pid_t pid, struct mg_inodes *inodes)
{
	char path[PATH_MAX], target[64];
	struct dirent *entry;
	int err = 0;
	DIR *folder;

	if (snprintf(path, sizeof(path), "%s/%d/fd", proc, (int)pid) >= (int)sizeof(path))
		return 0;
	folder = opendir(path);
	if (!folder)
		return 0;
	while (err == 0 && (entry = readdir(folder))) {
		ssize_t length = readlinkat(dirfd(folder), entry->d_name, target,
					    sizeof(target) - 1);
		unsigned long inode;

		if (length < 0)
			continue;
		target[length] = '\0';
		if (sscanf(target, "socket:[%lu]", &inode) != 1)
			continue;
		err = mg_make_room((void **)&inodes->items, &inodes->capacity, inodes->count + 1,
				   sizeof(*inodes->items));
		if (err == 0)
			inodes->items[inodes->count++] = inode;
	}
	closedir(folder);
	return err;
}

bool mg_inodes_have(const struct mg_inodes *inodes, unsigned long inode)
{
	for (size_t i = 0; i < inodes->count; i++)
		if (inodes->items[i] == inode)
			return true;
	return false;
}

void mg_inodes_clear(struct mg_inodes *inodes)
{
	free(inodes->items);
	*inodes = (struct mg_inodes){ 0 };
}
