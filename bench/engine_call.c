/* What one small call costs in the engine, without a database: threads with an engine each against
 * a server (a process of its own) that answers 600 bytes after a fixed time.
 *
 *   engine_call [threads [in_flight [calls [delay_ms]]]]
 *
 * prints calls a second and the processor time of the client and of the server for each call. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "providers/llm.h"
#include "server/base/clock.h"

enum { FDS_MAX = 8192, REQUEST_MAX = 16384, EVENTS = 256, PROMPT_BYTES = 1200 };

/* The server. Its delay is one for all, so that what is due is a queue. */

struct connection {
    char in[REQUEST_MAX];
    size_t n;
};

struct due {
    int fd;
    int64_t at_us;
};

static struct connection *connections[FDS_MAX];
static struct due due[1 << 16];
static unsigned due_head, due_tail;
static char reply[1024];
static size_t reply_n;

static void make_reply(void)
{
    static const char body[] =
        "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\","
        "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"A brown dog "
        "stands on a wet wooden pier in soft morning light, its coat dark with rain. Behind it the "
        "lake lies flat and grey, and a row of low hills fades into the mist. To the left a coil "
        "of rope rests against a weathered post; to the right, a small red boat is tied up, its "
        "paint peeling along the edge.\\nNothing moves but the water.\"},\"logprobs\":null,"
        "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":310,\"completion_tokens\":83,"
        "\"total_tokens\":393}}";
    reply_n = (size_t)snprintf(reply, sizeof(reply),
                               "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                               "content-length: %zu\r\n\r\n%s",
                               sizeof(body) - 1, body);
}

/* Bytes of the first request in the buffer, 0 while it is not whole. */
static size_t request_length(const struct connection *c)
{
    const char *end = memmem(c->in, c->n, "\r\n\r\n", 4);
    const char *length = end ? memmem(c->in, (size_t)(end - c->in), "Content-Length: ", 16) : NULL;
    size_t whole = length ? (size_t)(end - c->in) + 4 + strtoul(length + 16, NULL, 10) : 0;
    return whole <= c->n ? whole : 0;
}

static void hang_up(int fd)
{
    free(connections[fd]);
    connections[fd] = NULL;
    close(fd);
}

static void on_readable(int fd, int64_t delay_us)
{
    struct connection *c = connections[fd];
    ssize_t n = read(fd, c->in + c->n, sizeof(c->in) - c->n);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            hang_up(fd);
        return;
    }
    c->n += (size_t)n;
    size_t whole = request_length(c);
    if (whole == 0)
        return;
    memmove(c->in, c->in + whole, c->n - whole);
    c->n -= whole;
    due[due_tail++ & 0xffff] = (struct due){fd, clock_us() + delay_us};
}

static void accept_all(int listener, int epoll)
{
    int one = 1, fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        connections[fd] = calloc(1, sizeof(struct connection));
        (void)epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev);
    }
}

static void answer_due(void)
{
    int64_t now_us = clock_us();
    for (; due_head != due_tail && due[due_head & 0xffff].at_us <= now_us; due_head++) {
        int fd = due[due_head & 0xffff].fd;
        if (connections[fd] && write(fd, reply, reply_n) < 0)
            hang_up(fd);
    }
}

static void serve(int listener, int delay_ms)
{
    struct epoll_event events[EVENTS], ev = {.events = EPOLLIN, .data.fd = listener};
    int epoll = epoll_create1(0);
    make_reply();
    (void)epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &ev);
    for (;;) {
        bool busy = due_head != due_tail;
        int64_t wait_us = busy ? due[due_head & 0xffff].at_us - clock_us() : 1000000;
        int n = epoll_wait(epoll, events, EVENTS, wait_us > 0 ? (int)(wait_us / 1000) + 1 : 0);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == listener)
                accept_all(listener, epoll);
            else if (connections[events[i].data.fd])
                on_readable(events[i].data.fd, (int64_t)delay_ms * 1000);
        }
        answer_due();
    }
}

static pid_t start_server(int delay_ms, char url[64])
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr at;
    socklen_t size = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    memcpy(&at, &in, sizeof(at));
    if (bind(listener, &at, size) || listen(listener, 4096) || getsockname(listener, &at, &size))
        exit(1);
    memcpy(&in, &at, sizeof(in));
    (void)snprintf(url, 64, "http://127.0.0.1:%d/v1", ntohs(in.sin_port));
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(listener, delay_ms);
    }
    close(listener);
    return pid;
}

/* The client. */

struct load {
    struct llm_provider *provider;
    int calls, answered, failed;
};

static void on_reply(void *arg, const struct llm_reply *r)
{
    struct load *l = arg;
    l->answered++;
    l->failed += r->outcome != LLM_OK;
}

static void *drive(void *arg)
{
    static const char system[] = "Describe the scene in one paragraph of objective detail.";
    struct load *l = arg;
    struct err e = {0};
    struct engine *g = engine_new(&e);
    char user[PROMPT_BYTES];
    int sent = 0;
    memset(user, 'x', sizeof(user));
    while (g && l->answered < l->calls) {
        while (sent < l->calls && llm_room(g, l->provider) > 0) {
            struct llm_request r = {.system = STR(system),
                                    .user = {user, sizeof(user)},
                                    .temperature = 0.7,
                                    .top_p = -1,
                                    .max_tokens = 300,
                                    .seed = sent};
            if (llm_submit(g, l->provider, &r, l, on_reply, l, &e) != 0)
                break;
            sent++;
        }
        (void)engine_poll(g, 50);
    }
    engine_free(g);
    return NULL;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double cpu(int who)
{
    struct rusage u;
    (void)getrusage(who, &u);
    return seconds(u.ru_utime) + seconds(u.ru_stime);
}

static int number(int argc, char **argv, int i, int otherwise)
{
    return argc > i ? (int)strtol(argv[i], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    int threads = number(argc, argv, 1, 2), window = number(argc, argv, 2, 256);
    int calls = number(argc, argv, 3, 40000), delay_ms = number(argc, argv, 4, 50);
    struct load load[16] = {0};
    pthread_t id[16];
    struct err e = {0};
    char url[64];
    if (threads < 1 || threads > 16)
        return 2;
    pid_t pid = start_server(delay_ms, url);
    struct llm_settings s = {.name = "bench",
                             .kind = "openai",
                             .url = url,
                             .model = "m",
                             .max_in_flight = window,
                             .timeout_s = 60,
                             .connect_timeout_s = 10,
                             .attempts = 4,
                             .stop_after = 64};
    if (engine_global_init(&e) != 0)
        return 1;
    struct llm_provider *p = llm_provider_new(&s, &e);
    if (!p)
        return 1;
    int64_t start_us = clock_us();
    for (int i = 0; i < threads; i++) {
        load[i] = (struct load){.provider = p, .calls = calls / threads};
        if (pthread_create(&id[i], NULL, drive, &load[i]) != 0)
            return 1;
    }
    int answered = 0, failed = 0;
    for (int i = 0; i < threads; i++) {
        (void)pthread_join(id[i], NULL);
        answered += load[i].answered;
        failed += load[i].failed;
    }
    double took = (double)(clock_us() - start_us) / 1e6, mine = cpu(RUSAGE_SELF);
    llm_provider_free(p);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    printf(
        "%d threads, %d in flight, %d ms: %d calls (%d failed) in %.2f s: %.0f/s, client %.1f us, "
        "server %.1f us of CPU a call\n",
        threads, window, delay_ms, answered, failed, took, answered / took, mine / answered * 1e6,
        cpu(RUSAGE_CHILDREN) / answered * 1e6);
    return failed > 0;
}
