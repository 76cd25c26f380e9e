#include "server/json/decode.h"
#include "server/json/write.h"

static const char *const type_names[] = {
    [FIELD_STRING] = "string",   [FIELD_ENUM] = "enum",       [FIELD_INT] = "int",
    [FIELD_NUMBER] = "number",   [FIELD_BOOL] = "bool",       [FIELD_OBJECT] = "object",
    [FIELD_STRINGS] = "strings", [FIELD_NUMBERS] = "numbers", [FIELD_OBJECTS] = "objects",
    [FIELD_MAP] = "map",         [FIELD_LABELS] = "labels",
};

static void describe_field(const struct field *f, struct buf *out)
{
    json_open(out, '{');
    json_key(out, "name");
    json_z(out, f->name);
    json_key(out, "type");
    json_z(out, type_names[f->type]);
    json_key(out, "required");
    json_bool(out, f->required);
    json_key(out, "min");
    json_double(out, f->min);
    json_key(out, "max");
    json_double(out, f->max);
    json_key(out, "len_max");
    json_int(out, (int64_t)f->len_max);
    if (f->values) {
        json_key(out, "values");
        json_open(out, '[');
        for (const char *const *v = f->values; *v; v++)
            json_z(out, *v);
        json_close(out, ']');
    }
    if (f->fields) {
        json_key(out, "fields");
        json_describe(f->fields, out);
    }
    json_close(out, '}');
}

void json_describe(const struct field *fields, struct buf *out)
{
    json_open(out, '[');
    for (const struct field *f = fields; f->type != FIELD_END; f++)
        describe_field(f, out);
    json_close(out, ']');
}
