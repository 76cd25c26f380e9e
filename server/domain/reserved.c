#include "server/domain/reserved.h"

static const char *const reserved[] = {
    "<image>", "</s>", "<s>", "<|", "|>", "ASSISTANT:", "USER:", "[INST]", "[/INST]", "<<SYS>>",
};

/* What every reserved string begins with, or ends with, and what stands in front of that. */
static bool is_suspect(struct str text, size_t i)
{
    char c = text.p[i];
    if (c == ':')
        return i > 0 && (text.p[i - 1] == 'R' || text.p[i - 1] == 'T');
    return c == '<' || c == '|' || c == '[';
}

/* Almost no text has any of these, and one look at each byte tells. */
static bool is_suspicious(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (is_suspect(text, i))
            return true;
    return false;
}

const char *reserved_string(struct str text)
{
    if (!is_suspicious(text))
        return NULL;
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        if (str_find(text, str_of(reserved[i])) >= 0)
            return reserved[i];
    return NULL;
}
