#include "handlers/precondition.h"

enum { TAGS_BYTES_MAX = 65536 };

static int bind_tags(struct req *q, struct db_call *c, struct str header, bool weakly,
                     struct err *e)
{
    struct str tag;
    if (!header.p) {
        call_null(c);
        return 0;
    }
    struct array *tags = op_array(q, ARRAY_TEXT, TAGS_BYTES_MAX);
    while (http_tag_next(&header, weakly, &tag))
        array_add(tags, tag);
    return op_call_array(c, tags, e);
}

int precondition_bind(struct req *q, struct db_call *c, struct err *e)
{
    if (bind_tags(q, c, q->if_match, false, e) < 0)
        return -1;
    return bind_tags(q, c, q->if_none_match, true, e);
}

bool precondition_wants_one(const struct req *q)
{
    return q->if_match.p != NULL;
}

int precondition_failed(struct err *e)
{
    return err_set(e, ERR_PRECONDITION, "%s",
                   "what is there is not what If-Match or If-None-Match asks for");
}

static bool names(struct str header, bool weakly, const char *tag)
{
    struct str one;
    while (http_tag_next(&header, weakly, &one))
        if (str_is(one, "*") || str_is(one, tag))
            return true;
    return false;
}

int precondition_check(const struct req *q, struct str json, struct err *e)
{
    char tag[HTTP_TAG_TEXT] = "";
    if (json.p)
        http_tag(json, tag);
    if (q->if_match.p && !(json.p && names(q->if_match, false, tag)))
        return precondition_failed(e);
    if (q->if_none_match.p && json.p && names(q->if_none_match, true, tag))
        return precondition_failed(e);
    return 0;
}
