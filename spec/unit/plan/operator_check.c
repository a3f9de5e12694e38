/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who is at the keyboard, over a made-up /proc:
 *
 *   1 systemd - 100 sshd - 200 sshd (its socket is 501) - 201 bash - 202 sudo - 203
 *                        - 300 sshd-session (502) - 301 bash - 302
 *                        - 310 a renamed sshd (502) - 311
 *             - 400 tmux - 401 bash - 402
 *             - 500 login - 501 bash - 502
 *             - 800 sshd - 801, where "ssh localhost" was used from 203.0.113.7
 *   201 - 600 and 610 in another network namespace; 700 and 701 each other's parents
 */
#include "plan/operator.h"

#include <arpa/inet.h>

#include "spec/support/tap.h"
#include "spec/unit/plan/made_up_proc.h"

#define OWN_CONNECTION "203.0.113.7 50022 192.0.2.1 22"
#define PEER "203.0.113.7:50022>192.0.2.1:22 "
#define SESSION_PEER "198.51.100.4:1234>192.0.2.1:22 "
#define LINK_LOCAL_PEER "fe80::2:4321>fe80::1:22 "

static struct mg_host *host; /* NULL: not known */

static void make_processes(void)
{
	make_process(1, "systemd", 0, 0, "", 0);
	make_process(100, "sshd", 1, 0, "", 500);
	make_process(200, "sshd", 100, 0, "", 501);
	/* a connection that sshd forwards */
	make_link("200/fd/5", "socket:[777]");
	make_process(201, "bash", 200, 0, "A=B|SSH_CONNECTION=" OWN_CONNECTION "|C=D", 0);
	make_process(202, "sudo", 201, 0, "A=B|XSSH_CONNECTION=9.9.9.9 1 9.9.9.8 22", 0);
	make_process(203, "moongate", 202, 0, "A=B", 0);
	make_process(300, "sshd-session", 100, 0, "", 502);
	make_process(301, "bash", 300, 0, "SSH_CONNECTION=UNKNOWN 65535 UNKNOWN 65535", 0);
	make_process(302, "moongate", 301, 0, "", 0);
	make_process(310, "foo", 100, 0, "", 502);
	make_link("310/exe", "/usr/sbin/sshd (deleted)");
	make_process(311, "moongate", 310, 0, "", 0);
	make_process(400, "tmux: server", 1, 0, "SSH_CONNECTION=198.51.100.99 1 192.0.2.1 22", 0);
	make_process(401, "bash", 400, 0, "SSH_CONNECTION=198.51.100.99 1 192.0.2.1 22", 0);
	make_process(402, "moongate", 401, 0, "", 0);
	make_process(500, "login", 1, 0, "", 0);
	make_process(501, "bash", 500, 0, "", 0);
	make_process(502, "moongate", 501, 0, "", 0);
	make_process(600, "moongate", 201, 0, "", 0);
	move_process(600, 2);
	make_process(610, "moongate", 201, 0, "SSH_CONNECTION=" OWN_CONNECTION, 0);
	move_process(610, 2);
	make_process(700, "a", 701, 0, "", 0);
	make_process(701, "b", 700, 0, "", 0);
	make_process(800, "sshd", 100, 0, "", 505);
	make_process(801, "moongate", 800, 0, "SSH_CONNECTION=127.0.0.1 40000 127.0.0.1 22", 0);
}

static void make_sockets(void)
{
	char tcp[4096], tcp6[4096];

	strcpy(tcp, SOCKETS_HEAD);
	add_socket(tcp, "0.0.0.0", 22, "0.0.0.0", 0, LISTEN, 500);
	add_socket(tcp, "192.0.2.1", 22, "203.0.113.7", 50022, ESTABLISHED, 501);
	add_socket(tcp, "192.0.2.1", 43210, "10.9.9.9", 5432, ESTABLISHED, 777);
	add_socket(tcp, "192.0.2.1", 22, "9.9.9.9", 1, TIME_WAIT, 0);
	add_socket(tcp, "192.0.2.1", 443, "9.9.9.9", 1, ESTABLISHED, 888);
	strcpy(tcp6, SOCKETS_HEAD);
	add_socket(tcp6, "::", 22, "::", 0, LISTEN, 503);
	add_socket(tcp6, "::ffff:192.0.2.1", 22, "::ffff:198.51.100.4", 1234, ESTABLISHED, 502);
	add_socket(tcp6, "fe80::1", 22, "fe80::2", 4321, ESTABLISHED, 504);
	strcat(tcp6, "half a li");
	make_folder("net");
	write_file("net/tcp", tcp, strlen(tcp));
	write_file("net/tcp6", tcp6, strlen(tcp6));
}

/* Find, and compare with "client:port>server:port " of each connection. */
static void found_is(pid_t pid, const char *ssh_connection, const char *wanted)
{
	const struct mg_operator_view view = {
		.proc = proc, .pid = pid, .ssh_connection = ssh_connection, .host = host
	};
	struct mg_operator found = { 0 };
	char text[1024] = "", client[INET6_ADDRSTRLEN], server[INET6_ADDRSTRLEN];

	EXPECT_DONE(mg_operator_find(&view, &found, &tap_error));
	for (size_t i = 0; i < found.count; i++) {
		const struct mg_connection *connection = &found.connections[i];
		int family = connection->family == MG_IPV6 ? AF_INET6 : AF_INET;
		size_t used = strlen(text);

		inet_ntop(family, connection->client, client, sizeof(client));
		inet_ntop(family, connection->server, server, sizeof(server));
		snprintf(text + used, sizeof(text) - used, "%s:%u>%s:%u ", client,
			 connection->client_port, server, connection->server_port);
	}
	mg_operator_clear(&found);
	EXPECT_TEXT(text, wanted);
}

static void own_environment(void)
{
	found_is(502, OWN_CONNECTION, PEER);
	found_is(203, "10.0.0.9 1000 10.0.0.1 2222", "10.0.0.9:1000>10.0.0.1:2222 ");
	found_is(502, "::ffff:10.0.0.9 1000 ::ffff:10.0.0.1 22", "10.0.0.9:1000>10.0.0.1:22 ");
	setenv("SSH_CONNECTION", "2001:db8::9 1000 2001:db8::1 22", 1);
	found_is(502, NULL, "2001:db8::9:1000>2001:db8::1:22 ");
	found_is(502, "", "");
	unsetenv("SSH_CONNECTION");
	found_is(502, NULL, "");
}

static void scope(void)
{
	const struct mg_operator_view view = { .proc = proc,
					       .pid = 502,
					       .ssh_connection = "fe80::2%eth7 1 fe80::1%eth7 22" };
	struct mg_operator found = { 0 };
	char interface[16] = "";

	EXPECT_DONE(mg_operator_find(&view, &found, &tap_error));
	if (found.count == 1)
		strcpy(interface, found.connections[0].interface);
	mg_operator_clear(&found);
	EXPECT_TEXT(interface, "eth7");
}

static void nonsense(void)
{
	const char *const texts[] = { "UNKNOWN 65535 UNKNOWN 65535",
				      "10.0.0.9 1000 10.0.0.1",
				      "10.0.0.9 1000 10.0.0.1 22 more",
				      "10.0.0.9 70000 10.0.0.1 22",
				      "10.0.0.999 1 10.0.0.1 22",
				      "10.0.0.9 1 ::1 22",
				      " ",
				      "x" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		found_is(502, texts[i], "");
}

static void stripped_by_sudo(void)
{
	found_is(203, "", PEER);
	found_is(201, "", PEER);
}

static void socket_of_sshd(void)
{
	found_is(302, "", SESSION_PEER);
	found_is(300, "", SESSION_PEER);
	found_is(200, "", PEER);
}

static void renamed_sshd(void)
{
	found_is(311, "", SESSION_PEER);
}

static void multiplexer(void)
{
	/* what its shells remember is an old connection */
	found_is(402, "198.51.100.99 1 192.0.2.1 22", PEER SESSION_PEER LINK_LOCAL_PEER);
	found_is(402, "", PEER SESSION_PEER LINK_LOCAL_PEER);
}

static void from_here(void)
{
	found_is(801, "", "127.0.0.1:40000>127.0.0.1:22 " PEER SESSION_PEER LINK_LOCAL_PEER);
}

static void console(void)
{
	found_is(502, "", "");
	found_is(1, "", "");
}

static void other_namespace(void)
{
	static const unsigned char there[] = { 198, 51, 100, 1 }, here[] = { 192, 0, 2, 1 };
	struct mg_host_interface *interface;

	found_is(600, "", "");
	/* what its environment says is of the namespace that it has left, as far as is known */
	host = mg_host_new();
	interface = host ? mg_host_add_interface(host, "eth1") : NULL;
	if (!interface || mg_host_add_address(&interface->addresses, MG_IPV4, there, 24))
		abort();
	found_is(610, OWN_CONNECTION, "");
	found_is(610, "", "");
	found_is(610, "203.0.113.7 5 198.51.100.1 22", "203.0.113.7:5>198.51.100.1:22 ");
	found_is(502, OWN_CONNECTION, PEER);
	if (mg_host_add_address(&interface->addresses, MG_IPV4, here, 24))
		abort();
	found_is(610, "", PEER);
	mg_host_free(host);
	host = NULL;
}

static void no_end(void)
{
	found_is(700, "", "");
}

static void nothing_to_read(void)
{
	found_is(999, "", "");
	found_is(999, OWN_CONNECTION, PEER);
	strcat(proc, "/nowhere");
	found_is(203, "", "");
}

int main(int argc, char **argv)
{
	snprintf(proc, sizeof(proc), "%s", argc > 1 ? argv[1] : "/nowhere");
	make_processes();
	make_sockets();
	tap_run("takes the connection in its own environment first", own_environment);
	tap_run("takes the interface of a link-local address", scope);
	tap_run("makes nothing of nonsense in the environment", nonsense);
	tap_run("asks the ancestors whose environment sudo has stripped", stripped_by_sudo);
	tap_run("asks the sockets of an ancestor that is sshd", socket_of_sshd);
	tap_run("knows an sshd by its program, too", renamed_sshd);
	tap_run("counts every ssh peer under tmux", multiplexer);
	tap_run("counts every ssh peer for who came from the host itself", from_here);
	tap_run("finds nobody at the console", console);
	tap_run("does not look into another network namespace", other_namespace);
	tap_run("comes to an end in a tree without one", no_end);
	tap_run("finds nobody where nothing can be read", nothing_to_read);
	return tap_end();
}
