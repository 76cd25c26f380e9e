/* The table of routes as a tree of path segments. Literal children are tried before the variable.
 */
#include <stdio.h>
#include <stdlib.h>

#include "server/http/internal.h"

struct node {
    struct str literal; /* in the route's path; empty for the root and for variables */
    struct node *sibling;
    struct node *literals; /* children */
    struct node *variable; /* child */
    const struct route *routes[HTTP_METHOD_COUNT];
    bool has_routes;
    char allow[48];
};

struct router {
    struct node root;
};

static const char *const method_names[HTTP_METHOD_COUNT] = {"GET", "PUT", "POST", "DELETE"};

static struct node *child(struct node **list, struct str literal)
{
    for (struct node *n = *list; n; n = n->sibling)
        if (str_eq(n->literal, literal))
            return n;
    struct node *n = calloc(1, sizeof(*n));
    if (n) {
        n->literal = literal;
        n->sibling = *list;
        *list = n;
    }
    return n;
}

static int set_route(struct node *n, const struct route *r, struct err *e)
{
    if (n->routes[r->method])
        return err_set(e, ERR_INTERNAL, "two routes for %s %s", method_names[r->method], r->path);
    n->routes[r->method] = r;
    n->has_routes = true;
    size_t len = 0;
    for (int m = 0; m < HTTP_METHOD_COUNT; m++)
        if (n->routes[m]) {
            const char *name = m == HTTP_GET ? "GET, HEAD" : method_names[m];
            len += (size_t)snprintf(n->allow + len, sizeof(n->allow) - len, "%s, ", name);
        }
    (void)snprintf(n->allow + len, sizeof(n->allow) - len, "OPTIONS");
    return 0;
}

static int check_table(const struct route *r, int n_segments, int n_variables, struct err *e)
{
    int n_query = 0;
    while (r->query && r->query[n_query].name)
        n_query++;
    if (n_segments > SEGMENTS_MAX || n_variables > HTTP_PARAMS_MAX || n_query > HTTP_QUERY_MAX)
        return err_set(e, ERR_INTERNAL, "route %s has too many parts", r->path);
    return 0;
}

static int add_route(struct router *t, const struct route *r, struct err *e)
{
    if (r->path[0] != '/')
        return err_set(e, ERR_INTERNAL, "route %s does not start with a slash", r->path);
    struct node *n = &t->root;
    int n_segments = 0, n_variables = 0;
    for (const char *p = r->path; *p == '/';) {
        size_t len = strcspn(++p, "/");
        bool variable = *p == '{';
        n = child(variable ? &n->variable : &n->literals,
                  variable ? (struct str){"", 0} : (struct str){p, len});
        if (!n)
            return err_set(e, ERR_NO_MEMORY, "no memory for the routes");
        n_segments++;
        n_variables += variable;
        p += len;
    }
    if (check_table(r, n_segments, n_variables, e) < 0)
        return -1;
    return set_route(n, r, e);
}

struct router *router_new(const struct http_settings *s, struct err *e)
{
    struct router *t = calloc(1, sizeof(*t));
    if (!t) {
        (void)err_set(e, ERR_NO_MEMORY, "no memory for the routes");
        return NULL;
    }
    for (size_t i = 0; i < s->n_routes; i++) {
        if (s->serves && !s->serves(&s->routes[i]))
            continue;
        if (add_route(t, &s->routes[i], e) < 0) {
            router_free(t);
            return NULL;
        }
    }
    return t;
}

/* As deep as the longest route. */
static void free_list(struct node *n)
{
    while (n) {
        struct node *next = n->sibling;
        free_list(n->literals);
        free_list(n->variable);
        free(n);
        n = next;
    }
}

void router_free(struct router *t)
{
    if (!t)
        return;
    free_list(t->root.literals);
    free_list(t->root.variable);
    free(t);
}

/* Depth is at most that of the tree; each level branches in two. */
static const struct node *walk(const struct node *n, const struct str *segments, int left,
                               struct match *m, int n_params)
{
    if (left == 0) {
        m->n_params = n_params;
        return n->has_routes ? n : NULL;
    }
    for (const struct node *l = n->literals; l; l = l->sibling)
        if (str_eq(l->literal, segments[0])) {
            const struct node *found = walk(l, segments + 1, left - 1, m, n_params);
            if (found)
                return found;
        }
    if (!n->variable || segments[0].n == 0 || n_params == HTTP_PARAMS_MAX)
        return NULL;
    m->params[n_params] = segments[0];
    return walk(n->variable, segments + 1, left - 1, m, n_params + 1);
}

bool router_match(const struct router *t, const struct str *segments, int n, struct match *m)
{
    const struct node *found = n <= SEGMENTS_MAX ? walk(&t->root, segments, n, m, 0) : NULL;
    if (!found)
        return false;
    memcpy(m->routes, found->routes, sizeof(m->routes));
    m->allow = found->allow;
    return true;
}
