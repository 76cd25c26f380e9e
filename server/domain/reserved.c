#include "server/domain/reserved.h"

static const char *const reserved[] = {
    "<image>", "</s>", "<s>", "<|", "|>", "ASSISTANT:", "USER:", "[INST]", "[/INST]", "<<SYS>>",
};

const char *reserved_string(struct str text)
{
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        if (str_find(text, str_of(reserved[i])) >= 0)
            return reserved[i];
    return NULL;
}
