/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who proves a new connection, over a made-up /proc. The commit was at 1000.00 s:
 *
 *   1 systemd - 100 sshd, which listens
 *                 - 200 sshd of before (501) - 201 bash - 202
 *                 - 210 sshd of before (502) - 211 sshd, its child of after (502) - 212
 *                 - 300 sshd of after (511) - 301 sudo - 302
 *                 - 310 sshd (512) - 311 sshd (512; forwards) - 312, as a plain user has it
 *                 - 320 sshd in the tick of the commit (513) - 321
 *                 - 330 sshd whose connection was coming in at the commit (514) - 331
 *                 - 400 sshd, "ssh localhost" (520) - 401
 *                 - 410 sshd, from another address of this host (521) - 411
 *                 - 420 sshd, from one that only its other end tells (522) - 421
 *                 - 430 sshd with a socket that is none of TCP (999) - 431
 *                 - 440 sshd of after (523) - 441 SCREEN - 442
 *             - 500 tmux - 501; 510 login - 511; 520 setsid - 521
 *   300 - 600 in another network namespace
 *             - 700 dropbear, which systemd starts for a connection (524) - 701, over IPv6
 */
#include "plan/newcomer.h"

#include "spec/support/tap.h"
#include "spec/unit/plan/made_up_proc.h"

#define BEFORE 90000
#define COMMITTED (1000 * INT64_C(1000000000) + 5000000)
#define TICK_OF_IT 100000
#define AFTER 100001
#define OLD "203.0.113.7 50022 192.0.2.1 22"

static struct mg_pending pending = {
	.committed = COMMITTED,
	.connections = OLD "\n203.0.113.9 4000 192.0.2.1 22\n",
};
static struct mg_host *host;

static void make_processes(void)
{
	make_process(1, "systemd", 0, 1, "", 0);
	make_process(100, "sshd", 1, 100, "", 500);
	make_process(200, "sshd", 100, BEFORE, "", 501);
	make_process(201, "bash", 200, AFTER, "SSH_CONNECTION=" OLD, 0);
	make_process(202, "moongate", 201, AFTER, "", 0);
	make_process(210, "sshd", 100, BEFORE, "", 502);
	make_process(211, "sshd", 210, AFTER, "", 502);
	make_process(212, "moongate", 211, AFTER, "", 0);
	make_process(300, "sshd-session", 100, AFTER, "", 511);
	make_process(301, "sudo", 300, AFTER, "", 0);
	make_process(302, "moongate", 301, AFTER, "", 0);
	make_process(310, "sshd", 100, AFTER, "", 512);
	make_process(311, "sshd", 310, AFTER, "", 512);
	/* -L to another host, and -R: who listens, and whom it has let in */
	make_link("311/fd/10", "socket:[530]");
	make_link("311/fd/11", "socket:[531]");
	make_link("311/fd/12", "socket:[532]");
	make_process(312, "moon) gate (", 311, AFTER, "", 0);
	make_process(320, "sshd", 100, TICK_OF_IT, "", 513);
	make_process(321, "moongate", 320, AFTER, "", 0);
	make_process(330, "sshd", 100, AFTER, "", 514);
	make_process(331, "moongate", 330, AFTER, "", 0);
	make_process(400, "sshd", 100, AFTER, "", 520);
	make_process(401, "moongate", 400, AFTER, "", 0);
	make_process(410, "sshd", 100, AFTER, "", 521);
	make_process(411, "moongate", 410, AFTER, "", 0);
	make_process(420, "sshd", 100, AFTER, "", 522);
	make_process(421, "moongate", 420, AFTER, "", 0);
	make_process(430, "sshd", 100, AFTER, "", 999);
	make_process(431, "moongate", 430, AFTER, "", 0);
	make_process(440, "sshd", 100, AFTER, "", 523);
	make_process(441, "SCREEN", 440, AFTER, "", 0);
	make_process(442, "moongate", 441, AFTER, "", 0);
	make_process(500, "tmux: server", 1, AFTER, "", 0);
	make_process(501, "moongate", 500, AFTER, "SSH_CONNECTION=" OLD, 0);
	make_process(510, "login", 1, AFTER, "", 0);
	make_process(511, "moongate", 510, AFTER, "", 0);
	make_process(520, "setsid", 1, AFTER, "SSH_CONNECTION=" OLD, 0);
	make_process(521, "moongate", 520, AFTER, "", 0);
	make_process(600, "moongate", 300, AFTER, "", 0);
	move_process(600, 2);
	make_process(610, "moongate", 300, AFTER, "SSH_CONNECTION=203.0.113.7 50023 192.0.2.99 22",
		     0);
	move_process(610, 2);
	make_process(620, "moongate", 300, AFTER,
		     "SSH_CONNECTION=203.0.113.7 50023 198.51.100.1 22", 0);
	move_process(620, 2);
	make_process(700, "dropbear", 1, AFTER, "", 524);
	make_process(701, "moongate", 700, AFTER, "", 0);
}

static void make_sockets(void)
{
	char tcp[8192] = SOCKETS_HEAD, tcp6[4096] = SOCKETS_HEAD;

	add_socket(tcp, "0.0.0.0", 22, "0.0.0.0", 0, LISTEN, 500);
	add_socket(tcp, "192.0.2.1", 22, "203.0.113.7", 50022, ESTABLISHED, 501);
	add_socket(tcp, "192.0.2.1", 22, "203.0.113.7", 50023, ESTABLISHED, 502);
	add_socket(tcp, "192.0.2.1", 22, "203.0.113.7", 50024, ESTABLISHED, 511);
	add_socket(tcp, "192.0.2.1", 22, "203.0.113.7", 50025, ESTABLISHED, 512);
	add_socket(tcp, "192.0.2.1", 22, "203.0.113.7", 50026, ESTABLISHED, 513);
	add_socket(tcp, "192.0.2.1", 22, "203.0.113.9", 4000, ESTABLISHED, 514);
	add_socket(tcp, "127.0.0.1", 22, "127.0.0.1", 40000, ESTABLISHED, 520);
	add_socket(tcp, "192.0.2.1", 22, "198.51.100.1", 40001, ESTABLISHED, 521);
	add_socket(tcp, "192.0.2.1", 22, "198.51.100.2", 40002, ESTABLISHED, 522);
	add_socket(tcp, "198.51.100.2", 40002, "192.0.2.1", 22, ESTABLISHED, 777);
	add_socket(tcp, "192.0.2.1", 22, "203.0.113.7", 50027, ESTABLISHED, 523);
	add_socket(tcp, "192.0.2.1", 34567, "198.51.100.77", 443, ESTABLISHED, 530);
	add_socket(tcp, "127.0.0.1", 9000, "0.0.0.0", 0, LISTEN, 531);
	add_socket(tcp, "127.0.0.1", 9000, "127.0.0.1", 40003, ESTABLISHED, 532);
	add_socket(tcp, "192.0.2.1", 22, "203.0.113.8", 4001, SYN_RECEIVED, 0);
	add_socket(tcp, "192.0.2.1", 22, "203.0.113.8", 4002, ESTABLISHED, 0);
	add_socket(tcp, "192.0.2.1", 22, "203.0.113.8", 4003, TIME_WAIT, 0);
	add_socket(tcp6, "2001:db8::1", 22, "2001:db8::7", 50022, ESTABLISHED, 524);
	add_socket(tcp6, "::ffff:192.0.2.1", 22, "::ffff:203.0.113.8", 4004, SYN_RECEIVED, 0);
	make_folder("net");
	write_file("net/tcp", tcp, strlen(tcp));
	write_file("net/tcp6", tcp6, strlen(tcp6));
}

static struct mg_newcomer_view view_of(pid_t pid)
{
	return (struct mg_newcomer_view){
		.proc = proc,
		.pid = pid,
		.ssh_connection = "",
		.host = host,
	};
}

static int check(pid_t pid)
{
	const struct mg_newcomer_view view = view_of(pid);

	tap_error = (struct mg_error){ 0 };
	return mg_newcomer_check(&view, &pending, &tap_error);
}

static int check_console(pid_t pid)
{
	const struct mg_newcomer_view view = view_of(pid);

	tap_error = (struct mg_error){ 0 };
	return mg_newcomer_check_console(&view, &tap_error);
}

#define EXPECT_REFUSED(call, why)                                                                  \
	do {                                                                                       \
		EXPECT_IS(call, -EPERM);                                                           \
		EXPECT_IS(tap_error.status, MG_UNSAFE);                                            \
		EXPECT(strstr(tap_error.text, why));                                               \
	} while (0)

static void takes_new(void)
{
	EXPECT_DONE(check(302));
	EXPECT_DONE(check(300));
	EXPECT_DONE(check(312));
	EXPECT_DONE(check(701));
}

static void refuses_old(void)
{
	EXPECT_REFUSED(check(202), "over which it was applied");
	EXPECT(strstr(tap_error.text, "ControlPath=none"));
	EXPECT_REFUSED(check(212), "from before the apply");
}

static void refuses_in_between(void)
{
	EXPECT_REFUSED(check(321), "open another one");
	EXPECT_REFUSED(check(331), "open another one");
}

static void refuses_what_is_said(void)
{
	struct mg_newcomer_view view = view_of(302);

	view.ssh_connection = OLD;
	EXPECT_REFUSED(mg_newcomer_check(&view, &pending, &tap_error), "over which it was applied");
	view.ssh_connection = "203.0.113.7 50024 192.0.2.1 22";
	EXPECT_DONE(mg_newcomer_check(&view, &pending, &tap_error));
	/* who says that he has come anew proves nothing by it */
	view.pid = 511;
	EXPECT_REFUSED(mg_newcomer_check(&view, &pending, &tap_error), "log in anew by ssh");
}

static void refuses_this_host(void)
{
	EXPECT_REFUSED(check(401), "127.0.0.1");
	EXPECT(strstr(tap_error.text, "this very host"));
	EXPECT_REFUSED(check(411), "198.51.100.1");
	EXPECT_REFUSED(check(421), "198.51.100.2");
}

static void refuses_without_ssh(void)
{
	EXPECT_REFUSED(check(501), "tmux");
	EXPECT_REFUSED(check(442), "tmux");
	EXPECT_REFUSED(check(511), "--console");
	EXPECT_REFUSED(check(521), "no sshd is above this process");
	EXPECT_REFUSED(check(600), "--console");
	EXPECT_REFUSED(check(431), "no TCP connection");
	EXPECT_REFUSED(check(99999), "--console");
}

static void console(void)
{
	EXPECT_DONE(check_console(511));
	EXPECT_DONE(check_console(600));
	EXPECT_DONE(check_console(431));
	EXPECT_DONE(check_console(610));
	EXPECT_REFUSED(check_console(620), "SSH_CONNECTION");
	EXPECT_REFUSED(check_console(302), "comes by ssh");
	EXPECT_REFUSED(check_console(202), "comes by ssh");
	EXPECT_REFUSED(check_console(501), "SSH_CONNECTION");
	EXPECT_REFUSED(check_console(521), "SSH_CONNECTION");
}

static void coming(void)
{
	char list[1024] = OLD "\n";
	char small[sizeof(OLD) + 40] = OLD "\n";

	mg_newcomer_list_coming(proc, list, sizeof(list));
	EXPECT_TEXT(list, OLD "\n203.0.113.8 4001 192.0.2.1 22\n203.0.113.8 4002 192.0.2.1 22\n"
			      "203.0.113.8 4004 192.0.2.1 22\n");
	mg_newcomer_list_coming(proc, small, sizeof(small));
	EXPECT_TEXT(small, OLD "\n203.0.113.8 4001 192.0.2.1 22\n");
}

int main(int argc, char **argv)
{
	static const unsigned char own[] = { 198, 51, 100, 1 };
	struct mg_host_interface *interface;

	snprintf(proc, sizeof(proc), "%s", argc > 1 ? argv[1] : "/nowhere");
	make_processes();
	make_sockets();
	host = mg_host_new();
	interface = host ? mg_host_add_interface(host, "eth1") : NULL;
	if (!interface || mg_host_add_address(&interface->addresses, MG_IPV4, own, 24))
		abort();
	tap_run("takes who comes by an sshd that is younger than the commit", takes_new);
	tap_run("refuses one that is older, over which it was applied or not", refuses_old);
	tap_run("refuses one of the moment of the commit", refuses_in_between);
	tap_run("lets SSH_CONNECTION speak against, never for", refuses_what_is_said);
	tap_run("refuses a peer that is this very host", refuses_this_host);
	tap_run("refuses who does not come by ssh, and tells the way out", refuses_without_ssh);
	tap_run("takes --console where there is no ssh alone", console);
	tap_run("lists the connections that nobody has accepted yet", coming);
	mg_host_free(host);
	return tap_end();
}
