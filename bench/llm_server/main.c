#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/llm_server/server.h"
#include "server/base/clock.h"

enum { EVENTS_AT_ONCE = 512, BACKLOG = 4096 };

static const char usage[] =
    "usage: llm_server [--port N] [--mode MODE] [--control JSON] [--window SECONDS]\n"
    "\n"
    "Serves chat completions on 127.0.0.1 and prints its base URL, ending in /v1, as its first "
    "line.\n"
    "It ends with its parent.\n"
    "\n"
    "modes\n"
    "  fixed           each answer after 50 ms, any number at a time\n"
    "  realistic       64 slots, 2 to 40 s an answer by its length, a silent queue without end\n"
    "  capacity        429 with Retry-After above 50 in flight\n"
    "  slowing         64 slots; service takes longer and longer, step by step\n"
    "  overflow-hang   64 slots and a queue of 64; what arrives beyond is never answered\n"
    "\n"
    "--control, and POST /control later on, change: mode, scale (real seconds for each second\n"
    "named), least_ms, most_ms, slots (0: any number), queue (-1: any), overflow (refuse or "
    "hang),\n"
    "refuse_status, retry_after, slow_every_s, slow_by, slow_most, window_s, and with\n"
    "\"reset\":true the counts start again. GET /stats tells them, windows of time included;\n"
    "GET /sample gives the last request, byte for byte.\n";

struct options {
    int64_t port;
    const char *mode, *control;
    double window_s;
};

static void parse(int argc, char **argv, struct options *o)
{
    static const struct option known[] = {
        {"port", required_argument, NULL, 'p'},    {"mode", required_argument, NULL, 'm'},
        {"control", required_argument, NULL, 'c'}, {"window", required_argument, NULL, 'w'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        bool ok = true;
        if (c == 'p')
            ok = str_to_i64(str_of(optarg), 0, 65535, &o->port);
        else if (c == 'w')
            ok = str_to_double(str_of(optarg), &o->window_s) && o->window_s > 0;
        else if (c == 'm')
            o->mode = optarg;
        else if (c == 'c')
            o->control = optarg;
        else
            ok = false;
        if (!ok) {
            (void)fputs(usage, c == 'h' ? stdout : stderr);
            exit(c == 'h' ? 0 : 2);
        }
    }
}

static void fail(const char *what)
{
    (void)fprintf(stderr, "llm_server: %s\n", what);
    exit(1);
}

static void raise_descriptors(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
        r.rlim_cur = r.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &r);
    }
}

static int listen_on(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr *address = (void *)&a;
    socklen_t n = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (fd < 0 || bind(fd, address, n) != 0 || listen(fd, BACKLOG) != 0)
        fail("cannot listen");
    (void)getsockname(fd, address, &n);
    (void)printf("http://127.0.0.1:%d/v1\n", ntohs(a.sin_port));
    (void)fflush(stdout);
    return fd;
}

static void set_up(struct server *s, const struct options *o)
{
    char problem[160];
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
    s->stats.window_us = (int64_t)(o->window_s * 1e6);
    buf_init(&s->sample, 1 << 20);
    stats_reset(s);
    s->policy_since_us = clock_us();
    if (!policy_preset(&s->policy, o->mode))
        fail("there is no such mode");
    if (o->control && !stats_control(s, str_of(o->control), problem))
        fail(problem);
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    s->listen_fd = listen_on((int)o->port);
    if (s->epoll_fd < 0 || epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->listen_fd, &ev) != 0)
        fail("cannot set up epoll");
}

/* Waits to the microsecond: a wait rounded up to the next millisecond would be the service's loss.
 */
static void turn(struct server *s)
{
    static struct epoll_event events[EVENTS_AT_ONCE];
    int64_t due_us = policy_due(s);
    struct timespec wait = {.tv_sec = due_us / 1000000, .tv_nsec = due_us % 1000000 * 1000};
    int n = epoll_pwait2(s->epoll_fd, events, EVENTS_AT_ONCE, due_us < 0 ? NULL : &wait, NULL);
    if (n < 0 && errno != EINTR)
        fail("cannot wait for events");
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr)
            conn_event(s, events[i].data.ptr, events[i].events);
        else
            conn_accept_all(s);
    }
    conn_free_closed(s);
}

int main(int argc, char **argv)
{
    static struct server s;
    struct options o = {.mode = "fixed", .window_s = 5};
    parse(argc, argv, &o);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    raise_descriptors();
    set_up(&s, &o);
    for (;;)
        turn(&s);
}
