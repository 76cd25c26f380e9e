/* The table of answers that models give for a dialogue, each with its verdict. */
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/base/buf.h"
#include "stages/stage.h"

enum { CASES_MIN = 120, LINE_MAX_BYTES = 1 << 20 };

static struct run_settings settings;
static struct arena *arena;

static const char caption[] =
    "A brown dog runs along a wet beach at low tide with a red ball in its mouth. Two children in "
    "yellow raincoats chase it past a wooden boat that lies on the sand. Grey clouds cover the "
    "sky, and small waves break behind them. A white lighthouse stands on the rocks to the left.";

static int setup(void **state)
{
    (void)state;
    arena = arena_new(64 << 20);
    settings.dialogues.turns = dialogue_default_turns[0];
    settings.dialogues.reasoning_turns = dialogue_default_turns[2];
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static int task_of(const char *name)
{
    for (int i = 0; i < DIALOGUE_TASKS; i++)
        if (strcmp(name, dialogue_tasks[i]) == 0)
            return i;
    fail_msg("no task %s", name);
    return -1;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static enum verdict judge(struct item *it, const char *text)
{
    struct llm_reply r = {
        .outcome = LLM_OK, .text = str_of(text), .model = STR("m"), .finish_reason = STR("stop")};
    return dialogue_accept(&settings, it, &r, arena);
}

/* What a trainer relies on, whatever the answer was. */
static void check_sample(const struct item *it, const char *name)
{
    json_error_t error;
    struct str c = it->result.text;
    json_t *turns = json_loadb(c.p, c.n, JSON_REJECT_DUPLICATES, &error);
    size_t images = 0;
    if (json_array_size(turns) != 2 * (size_t)it->result.turns)
        fail_msg("%s: %.*s", name, STR_ARG(c));
    for (struct str rest = c; str_find(rest, STR("<image>")) >= 0; images++)
        rest = str_from(rest, (size_t)str_find(rest, STR("<image>")) + 1);
    assert_int_equal(images, 1);
    for (size_t i = 0; i < json_array_size(turns); i++)
        assert_string_equal(text_of(json_array_get(turns, i), "from"), i % 2 ? "gpt" : "human");
    json_decref(turns);
}

static void check_case(const json_t *one)
{
    const char *name = text_of(one, "name"), *expected = text_of(one, "verdict");
    struct item it = {.task = task_of(text_of(one, "task")), .text = STR(caption)};
    bool taken = judge(&it, text_of(one, "answer")) == VERDICT_TAKEN;
    const char *verdict = !taken ? "refused" : it.repaired ? "repaired" : "as_is";
    if (strcmp(verdict, expected) != 0)
        fail_msg("%s is %s, not %s: %s", name, verdict, expected, taken ? "" : it.refusal);
    const json_t *held = json_object_get(one, "schema_held");
    if (json_is_boolean(held) && json_is_true(held) != it.schema_held)
        fail_msg("%s %s the schema", name, it.schema_held ? "kept" : "did not keep");
    if (taken) {
        json_int_t turns = json_integer_value(json_object_get(one, "turns"));
        if (it.result.turns != turns)
            fail_msg("%s has %d turns, not %d", name, it.result.turns, (int)turns);
        check_sample(&it, name);
        return;
    }
    if (strcmp(it.refusal_code, text_of(one, "reason")) != 0)
        fail_msg("%s is refused for %s: %s", name, it.refusal_code, it.refusal);
    assert_in_range(strlen(it.refusal), 10, 400);
}

/* The table as JSON, one case a line: what its program prints. */
static FILE *open_table(pid_t *pid)
{
    char here[PATH_MAX], path[PATH_MAX + 32];
    int out[2];
    (void)snprintf(here, sizeof(here), "%s", __FILE__);
    (void)snprintf(path, sizeof(path), "%s/../../support/answers.py", dirname(here));
    assert_int_equal(pipe(out), 0);
    *pid = fork();
    if (*pid == 0) {
        (void)dup2(out[1], STDOUT_FILENO);
        (void)execl("/usr/bin/python3", "python3", path, (char *)0);
        _exit(127);
    }
    (void)close(out[1]);
    return fdopen(out[0], "r");
}

static void each_answer_has_its_verdict(void **state)
{
    (void)state;
    static char line[LINE_MAX_BYTES];
    int cases = 0, status = -1;
    pid_t pid = -1;
    FILE *table = open_table(&pid);
    assert_non_null(table);
    for (; fgets(line, sizeof(line), table); cases++) {
        json_error_t error;
        json_t *one = json_loads(line, 0, &error);
        assert_non_null(one);
        arena_reset(arena);
        check_case(one);
        json_decref(one);
    }
    (void)fclose(table);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(cases >= CASES_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_answer_has_its_verdict),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
