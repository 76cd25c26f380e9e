/* The small tokenizers of tests/fixtures and copies of them that tests spoil. */
#ifndef MONOCEROS_TESTS_CLIP_FIXTURE_H
#define MONOCEROS_TESTS_CLIP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "providers/clip/tokenizer.h"

enum { CLIP_PATH = 4096 };

/* tests/fixtures/<name>[/file] */
static void fixture_path(const char *name, const char *file, char out[CLIP_PATH])
{
    const char *here = __FILE__, *root = strstr(here, "tests/unit/");

    assert_non_null(root);
    assert_in_range(
        snprintf(out, CLIP_PATH, "%.*stests/fixtures/%s/%s", (int)(root - here), here, name, file),
        1, CLIP_PATH - 1);
}

#endif
