/* For unit tests: a model server in a process of its own (model_server.py), ended with the test. */
#ifndef MONOCEROS_TESTS_SUPPORT_MODEL_SERVER_H
#define MONOCEROS_TESTS_SUPPORT_MODEL_SERVER_H

#include <curl/curl.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct model_server {
    pid_t pid;
    char url[80];  /* ends in /v1 */
    char root[80]; /* without it */
};

/* The script lies beside this header. */
static inline void model_server_path(char out[PATH_MAX])
{
    char here[PATH_MAX];

    snprintf(here, sizeof(here), "%s", __FILE__);
    snprintf(out, PATH_MAX, "%s/model_server.py", dirname(here));
}

static inline bool model_server_start(struct model_server *s, const char *script)
{
    char path[PATH_MAX];
    int out[2];

    model_server_path(path);
    if (pipe(out) != 0)
        return false;
    s->pid = fork();
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(out[1], STDOUT_FILENO);
        execl("/usr/bin/python3", "python3", path, "--port", "0", "--script", script, (char *)0);
        _exit(127);
    }
    close(out[1]);
    FILE *f = fdopen(out[0], "r");
    bool ok = f && fgets(s->url, sizeof(s->url), f);
    if (f)
        fclose(f);
    s->url[strcspn(s->url, "\n")] = 0;
    snprintf(s->root, sizeof(s->root), "%.*s", (int)(strlen(s->url) - strlen("/v1")), s->url);
    return ok;
}

static inline void model_server_stop(struct model_server *s)
{
    if (s->pid > 0) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
    }
    s->pid = 0;
}

static inline size_t model_server_collect(char *p, size_t size, size_t n, void *arg)
{
    char *out = arg;
    size_t have = strlen(out), room = 65535 - have;

    memcpy(out + have, p, n * size < room ? n * size : room);
    return n * size;
}

/* GET, or POST when body is given; the JSON answered, which the caller releases. */
static inline json_t *model_server_ask(const struct model_server *s, const char *path,
                                       const char *body)
{
    static char reply[65536];
    char url[160];
    CURL *c = curl_easy_init();

    memset(reply, 0, sizeof(reply));
    snprintf(url, sizeof(url), "%s%s", s->root, path);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    if (body)
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, model_server_collect);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, (void *)reply);
    curl_easy_perform(c);
    curl_easy_cleanup(c);
    return json_loads(reply, 0, NULL);
}

static inline bool model_server_control(const struct model_server *s, const char *change)
{
    json_t *answer = model_server_ask(s, "/control", change);
    bool ok = answer && !json_object_get(answer, "error");

    json_decref(answer);
    return ok;
}

/* One number of /stats; -1 when there is none. */
static inline long model_server_stat(const struct model_server *s, const char *name)
{
    json_t *stats = model_server_ask(s, "/stats", NULL);
    const json_t *value = json_object_get(stats, name);
    long n = json_is_integer(value) ? (long)json_integer_value(value) : -1;

    json_decref(stats);
    return n;
}

#endif
