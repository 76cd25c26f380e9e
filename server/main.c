/* The command line: serve, migrate, healthcheck, keys, config, version, tables. */
#include <stdio.h>
#include <string.h>

#include "db/migrate.h"
#include "db/roles.h"
#include "handlers/routes.h"
#include "server/config.h"
#include "server/domain/filters.h"
#include "server/keys.h"
#include "server/serve.h"

#ifndef MONOCEROS_VERSION
#error "the build names the version"
#endif

struct command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
    bool takes_settings;
};

static int complain(const struct err *e)
{
    (void)fprintf(stderr, "monoceros: %s\n", e->msg);
    return 1;
}

static int load(struct config *c, int argc, char **argv, struct err *e)
{
    int rc = config_load(c, argc, argv, e);
    if (rc < 0)
        config_free(c);
    return rc;
}

static int cmd_serve(int argc, char **argv)
{
    struct config c;
    struct err e = {0};
    if (load(&c, argc, argv, &e) < 0)
        return complain(&e);
    int rc = serve(&c, MONOCEROS_VERSION, &e);
    config_free(&c);
    return rc < 0 ? complain(&e) : 0;
}

static int cmd_migrate(int argc, char **argv)
{
    struct config c;
    struct err e = {0};
    int applied = 0;
    if (load(&c, argc, argv, &e) < 0)
        return complain(&e);
    struct db *db =
        db_new(c.migrate_database_url ? c.migrate_database_url : c.database_url, "migrate", &e);
    int rc = db ? migrate_up(db, &applied, &e) : -1;
    if (rc == 0 && c.service_role)
        rc = roles_grant(db, c.service_role, &e);
    db_free(db);
    if (rc == 0)
        (void)printf("schema at version %d, %d migration%s applied%s%s\n", migrate_latest(),
                     applied, applied == 1 ? "" : "s", c.service_role ? ", rights given to " : "",
                     c.service_role ? c.service_role : "");
    config_free(&c);
    return rc < 0 ? complain(&e) : 0;
}

static int cmd_healthcheck(int argc, char **argv)
{
    struct config c;
    struct err e = {0};
    if (load(&c, argc, argv, &e) < 0)
        return complain(&e);
    int rc = healthcheck(&c, &e);
    config_free(&c);
    return rc < 0 ? complain(&e) : 0;
}

static int cmd_config(int argc, char **argv)
{
    struct config c;
    struct err e = {0};
    if (load(&c, argc, argv, &e) < 0)
        return complain(&e);
    config_print(&c, stdout);
    config_free(&c);
    return 0;
}

static int cmd_keys(int argc, char **argv)
{
    struct err e = {0};
    return keys_command(argc, argv, &e) < 0 ? complain(&e) : 0;
}

static int cmd_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    (void)printf("monoceros %s, schema %d\n", MONOCEROS_VERSION, migrate_latest());
    return 0;
}

static int cmd_tables(int argc, char **argv)
{
    struct buf b;
    (void)argc;
    (void)argv;
    buf_init(&b, 4 << 20);
    routes_describe(&b);
    if (b.failed || b.n < 2)
        return 1;
    b.n--; /* the routes' object is left open for what comes behind it */
    buf_addz(&b, ",\"filters\":");
    filters_describe(&b);
    buf_addz(&b, ",\"settings\":");
    const char *described = buf_z(&b);
    if (!described)
        return 1;
    (void)printf("%s", described);
    config_describe(stdout);
    (void)printf("}\n");
    buf_free(&b);
    return 0;
}

static const struct command commands[] = {
    {"serve", "serve the API and work on runs, in the foreground, until SIGTERM", cmd_serve, true},
    {"migrate", "bring the database's schema to this program's version", cmd_migrate, true},
    {"healthcheck", "exit 0 when the server at --listen is ready, for container checks",
     cmd_healthcheck, true},
    {"keys", "create, list and revoke keys of the API", cmd_keys, true},
    {"config", "print the effective settings and where each comes from", cmd_config, true},
    {"version", "print the version", cmd_version, false},
    {"tables", "print the tables of routes, fields and settings as JSON", cmd_tables, false},
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void usage(FILE *out)
{
    (void)fprintf(out, "monoceros " MONOCEROS_VERSION
                       ": training data for vision-language models from text alone\n\n"
                       "usage: monoceros COMMAND [FLAGS]\n\n");
    for (int i = 0; i < COMMANDS; i++)
        (void)fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].summary);
    (void)fprintf(out, "\nmonoceros COMMAND --help lists the command's flags.\n");
}

static int help(const struct command *c)
{
    (void)printf("usage: monoceros %s%s\n\n%s\n", c->name, c->takes_settings ? " [FLAGS]" : "",
                 c->summary);
    if (c->takes_settings) {
        if (c->run == cmd_keys)
            keys_help(stdout);
        (void)printf(
            "\nEach setting is a flag, an environment variable, or a line of the file named "
            "by --config.\n\n");
        config_help(stdout);
    }
    return 0;
}

static bool asks_help(const char *arg)
{
    return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

int main(int argc, char **argv)
{
    if (argc < 2 || asks_help(argv[1]) || strcmp(argv[1], "help") == 0) {
        usage(argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        for (int k = 2; k < argc; k++)
            if (asks_help(argv[k]))
                return help(&commands[i]);
        return commands[i].run(argc - 2, argv + 2);
    }
    (void)fprintf(stderr, "monoceros: no command named %s\n\n", argv[1]);
    usage(stderr);
    return 2;
}
